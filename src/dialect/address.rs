//! How a provider is addressed: what of a path follows its base, and where the credential goes.

use super::Dialect;
use http::HeaderName;
use http::header::AUTHORIZATION;
use std::borrow::Cow;

/// What follows a provider's base URL. The base of OpenAI's dialect ends in a version; all other
/// bases are followed by the path as it is, but where a provider imitates OpenAI elsewhere.
pub fn below_base(provider: Dialect, called: Dialect, path: &str) -> Cow<'_, str> {
    let Some(below) = path.strip_prefix("/v1/") else { return Cow::Borrowed(path) };
    match (provider, called) {
        (Dialect::OpenAi, _) => Cow::Borrowed(path.get(3..).unwrap_or(path)),
        (Dialect::Gemini, Dialect::OpenAi) => Cow::Owned(format!("/v1beta/openai/{below}")),
        (Dialect::Azure, Dialect::OpenAi) => Cow::Owned(format!("/openai/v1/{below}")),
        _ => Cow::Borrowed(path),
    }
}

/// In whose manner a provider is shown its credential: its own, but for the routes on which it
/// imitates OpenAI.
pub fn shown_as(provider: Dialect, called: Dialect) -> Dialect {
    match (provider, called) {
        (Dialect::Azure, _) => Dialect::Azure,
        (_, Dialect::OpenAi) => Dialect::OpenAi,
        (provider, _) => provider,
    }
}

/// The header of a credential.
pub fn credential(dialect: Dialect, secret: &str) -> (HeaderName, String) {
    match dialect {
        Dialect::Anthropic => (HeaderName::from_static("x-api-key"), secret.to_owned()),
        Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), secret.to_owned()),
        Dialect::Azure => (HeaderName::from_static("api-key"), secret.to_owned()),
        _ => (AUTHORIZATION, format!("Bearer {secret}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_end_where_their_sdks_expect() {
        use Dialect::*;
        for (provider, called, path, below) in [
            (OpenAi, OpenAi, "/v1/chat/completions", "/chat/completions"),
            (OpenAi, OpenAi, "/chat/completions", "/chat/completions"),
            (OpenAi, Anthropic, "/v1/messages", "/messages"),
            (Anthropic, Anthropic, "/v1/messages", "/v1/messages"),
            (Anthropic, OpenAi, "/v1/chat/completions", "/v1/chat/completions"),
            (Gemini, OpenAi, "/v1/chat/completions", "/v1beta/openai/chat/completions"),
            (Gemini, Gemini, "/v1/models/m:generateContent", "/v1/models/m:generateContent"),
            (Azure, OpenAi, "/v1/responses", "/openai/v1/responses"),
        ] {
            assert_eq!(below_base(provider, called, path), below, "{provider} {path}");
        }
    }

    #[test]
    fn credentials_go_where_the_provider_looks() {
        let header = |provider, called| credential(shown_as(provider, called), "s");
        assert_eq!(header(Dialect::Anthropic, Dialect::Anthropic).0, "x-api-key");
        assert_eq!(header(Dialect::Gemini, Dialect::Gemini).0, "x-goog-api-key");
        assert_eq!(header(Dialect::Gemini, Dialect::OpenAi).1, "Bearer s");
        assert_eq!(header(Dialect::Azure, Dialect::OpenAi).0, "api-key");
        assert_eq!(header(Dialect::Ollama, Dialect::Ollama).1, "Bearer s");
    }
}
