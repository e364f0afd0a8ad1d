//! What a method and a path name, in whichever dialect.
//!
//! Paths are compared as they are sent: an escape, an empty segment or a dot segment makes a path
//! unknown, so that it cannot mean one thing here and another at the provider. The one exception is
//! a model's name at Bedrock, which may be an ARN.

use super::{
    Dialect, Operation, anthropic, bedrock, cloudflare, cohere, gemini, llamacpp, lmstudio,
    mistral, ollama, openai,
};
use http::{HeaderMap, Method};

/// What is done with a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// An operation that is charged.
    Metered(Operation),
    /// It repeats what an operation used, which is charged once.
    Polled(Operation),
    /// A WebSocket, in which every answer is charged.
    Socket(Operation),
    /// A known route that costs nothing.
    Free,
    /// A known route that costs money which is not metered here yet; refused by default.
    Unmetered,
    /// A known route that lists what all keys of a credential have stored; refused, because
    /// nothing crosses workspaces.
    Shared,
}

/// What a method and a path name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is done with it.
    pub route: Route,
    /// The model that the path names.
    pub model: Option<String>,
    /// Whether the answer will be a stream, where the body does not say.
    pub stream: bool,
}

impl Found {
    pub(super) const fn of(route: Route) -> Self {
        Self { route, model: None, stream: false }
    }
}

/// What a method and a path name, in whichever dialect; with the dialect.
pub fn route(method: &Method, path: &str, headers: &HeaderMap) -> Option<(Dialect, Found)> {
    let segments = segments(path)?;
    let segments = segments.as_slice();
    if path.contains('%') {
        return Some((Dialect::Bedrock, bedrock::route(method, segments)?));
    }
    let google = headers.contains_key("x-goog-api-key");
    None.or_else(|| Some((Dialect::Anthropic, anthropic::route(method, segments)?)))
        .or_else(|| Some((Dialect::Gemini, gemini::route(method, segments, google)?)))
        .or_else(|| Some((Dialect::Bedrock, bedrock::route(method, segments)?)))
        .or_else(|| Some((Dialect::Cohere, cohere::route(method, segments)?)))
        .or_else(|| Some((Dialect::Ollama, ollama::route(method, segments)?)))
        .or_else(|| Some((Dialect::LlamaCpp, llamacpp::route(method, segments)?)))
        .or_else(|| Some((Dialect::LmStudio, lmstudio::route(method, segments)?)))
        .or_else(|| Some((Dialect::Cloudflare, cloudflare::route(method, segments)?)))
        .or_else(|| Some((Dialect::OpenAi, mistral::route(method, segments)?)))
        .or_else(|| Some((speaks(path, headers), openai::route(method, segments)?)))
}

/// Paths of Cohere's alone.
const COHERE: [&str; 6] =
    ["/v1/chat", "/v1/embed", "/v1/rerank", "/v2/chat", "/v2/embed", "/v2/rerank"];

/// Which dialect a caller speaks, by path and headers, also where the path names nothing.
pub fn speaks(path: &str, headers: &HeaderMap) -> Dialect {
    let below = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let verb = path.rsplit('/').next().is_some_and(|last| last.contains(':'));
    // The same path at several providers; a header tells whose client asks.
    let shared = below("/v1/models") || below("/v1/files");
    match () {
        () if below("/v1/messages") || path.contains("/publishers/anthropic/") => {
            Dialect::Anthropic
        }
        () if shared && headers.contains_key("anthropic-version") => Dialect::Anthropic,
        () if below("/openai") => Dialect::Azure,
        () if path.starts_with("/v1beta/openai/") => Dialect::OpenAi,
        () if path.ends_with(".BidiGenerateContent") => Dialect::Gemini,
        () if path.starts_with("/v1beta") || path.starts_with("/v1alpha") => Dialect::Gemini,
        () if path.starts_with("/v1/projects/") || verb && below("/v1/models") => Dialect::Gemini,
        () if shared && headers.contains_key("x-goog-api-key") => Dialect::Gemini,
        () if path.starts_with("/upload/v1") || path.starts_with("/ws/google.") => Dialect::Gemini,
        () if below("/model") => Dialect::Bedrock,
        () if COHERE.contains(&path) => Dialect::Cohere,
        () if below("/api/v0") || below("/api/v1") => Dialect::LmStudio,
        () if below("/api") => Dialect::Ollama,
        () if below("/client/v4") => Dialect::Cloudflare,
        () => Dialect::OpenAi,
    }
}

fn segments(path: &str) -> Option<Vec<&str>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@+,=%".contains(&b);
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let good = |s: &&str| !s.is_empty() && *s != "." && *s != ".." && s.bytes().all(plain);
    segments.iter().all(good).then_some(segments)
}

/// A segment of a path, or a value of a query, with its escapes undone; `None` if that is no name of a model.
pub fn unescaped(segment: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = segment;
    while let Some((plain, escape)) = rest.split_once('%') {
        out.push_str(plain);
        let code = escape.get(..2).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(code, 16).ok()?;
        out.push(char::from(byte));
        rest = escape.get(2..)?;
    }
    out.push_str(rest);
    let named = |c: char| c.is_ascii_alphanumeric() || "-._:/@".contains(c);
    (out.chars().all(named) && !out.split('/').any(|part| matches!(part, "" | "." | "..")))
        .then_some(out)
}

#[cfg(test)]
mod tests;
