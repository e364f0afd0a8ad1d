//! Which method and path name which operation.
//!
//! Paths are compared as they are sent: an escape, an empty segment or a dot segment makes a path
//! unknown, so that it cannot mean one thing here and another at the provider.

use crate::dialect::{Operation, Route};
use http::Method;

/// What a method and a path name; `None` if the path is not OpenAI's.
pub(in crate::dialect) fn route(method: &Method, path: &str) -> Option<Route> {
    let segments = segments(path)?;
    let path = match segments.as_slice() {
        ["v1", path @ ..] | path => path,
    };
    match path {
        ["openai", "deployments", _, rest @ ..] => deployment(method, rest),
        ["openai", "v1", rest @ ..] | rest => operation(method, rest),
    }
}

fn segments(path: &str) -> Option<Vec<&str>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@+,=".contains(&b);
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let good = |s: &&str| !s.is_empty() && *s != "." && *s != ".." && s.bytes().all(plain);
    segments.iter().all(good).then_some(segments)
}

/// Azure's older form names the model in the path.
fn deployment(method: &Method, rest: &[&str]) -> Option<Route> {
    match rest {
        ["chat", "completions"] | ["completions"] | ["embeddings"] if method == Method::POST => {
            operation(method, rest)
        }
        ["audio" | "images", ..] => Some(Route::Unmetered),
        _ => None,
    }
}

fn operation(method: &Method, path: &[&str]) -> Option<Route> {
    let post = method == Method::POST;
    let metered = |operation| post.then_some(Route::Metered(operation));
    match path {
        ["chat", "completions"] | ["files"] | ["batches"] if method == Method::GET => {
            Some(Route::Shared)
        }
        ["chat", "completions"] => metered(Operation::OpenAiChat),
        ["completions"] => metered(Operation::OpenAiCompletions),
        ["responses"] | ["responses", "compact"] => metered(Operation::OpenAiResponses),
        ["embeddings"] => metered(Operation::OpenAiEmbeddings),
        _ if is_free(method, path) => Some(Route::Free),
        _ => is_unmetered(path).then_some(Route::Unmetered),
    }
}

fn is_free(method: &Method, path: &[&str]) -> bool {
    matches!(
        (method.as_str(), path),
        ("GET", ["models", ..])
            | ("POST", ["files"])
            | ("GET" | "DELETE", ["files", _])
            | ("GET", ["files", _, "content"])
            | ("POST", ["moderations"] | ["responses", "input_tokens"])
            | ("GET" | "DELETE", ["responses", _])
            | ("GET", ["responses", _, "input_items"])
            | ("POST", ["responses", _, "cancel"])
            | ("GET" | "POST" | "DELETE", ["chat", "completions", _])
            | ("GET", ["chat", "completions", _, "messages"])
            | ("GET", ["batches", _])
            | ("POST", ["batches", _, "cancel"])
    )
}

/// What costs money, now or later, and is not metered yet.
fn is_unmetered(path: &[&str]) -> bool {
    const FAMILIES: &[&str] = &[
        "assistants",
        "audio",
        "batches",
        "chatkit",
        "containers",
        "evals",
        "fine_tuning",
        "images",
        "live",
        "realtime",
        "threads",
        "vector_stores",
        "videos",
    ];
    path.first().is_some_and(|family| FAMILIES.contains(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: &str) {
        let method: Method = method.parse().unwrap();
        let found = match route(&method, path) {
            Some(Route::Metered(operation)) => operation.name(),
            Some(Route::Free) => "free",
            Some(Route::Unmetered) => "unmetered",
            Some(Route::Shared) => "shared",
            None => "none",
        };
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn knows_what_is_metered() {
        for prefix in ["/v1", "/openai/v1", ""] {
            for (path, operation) in [
                ("/chat/completions", "openai.chat"),
                ("/completions", "openai.completions"),
                ("/responses", "openai.responses"),
                ("/responses/compact", "openai.responses"),
                ("/embeddings", "openai.embeddings"),
            ] {
                check("POST", &format!("{prefix}{path}"), operation);
                check("PUT", &format!("{prefix}{path}"), "none");
            }
        }
        check("POST", "/openai/deployments/chat-prod/chat/completions", "openai.chat");
        check("POST", "/openai/deployments/gpt-4.1/completions", "openai.completions");
        check("POST", "/openai/deployments/emb/embeddings", "openai.embeddings");
        check("POST", "/v1/openai/deployments/emb/embeddings", "openai.embeddings");
    }

    #[test]
    fn knows_what_is_free() {
        for (method, path) in [
            ("GET", "/v1/models"),
            ("GET", "/v1/models/ft:gpt-4o:org::id"),
            ("GET", "/v1/models/meta-llama/Llama-3"),
            ("POST", "/v1/files"),
            ("GET", "/v1/files/file-1/content"),
            ("DELETE", "/v1/files/file-1"),
            ("POST", "/v1/moderations"),
            ("POST", "/v1/responses/input_tokens"),
            ("GET", "/v1/responses/resp_1"),
            ("DELETE", "/v1/responses/resp_1"),
            ("GET", "/v1/responses/resp_1/input_items"),
            ("POST", "/v1/responses/resp_1/cancel"),
            ("GET", "/v1/chat/completions/chatcmpl-1"),
            ("POST", "/v1/chat/completions/chatcmpl-1"),
            ("GET", "/v1/batches/batch_1"),
        ] {
            check(method, path, "free");
        }
    }

    #[test]
    fn knows_what_all_keys_share() {
        for path in ["/v1/chat/completions", "/v1/files", "/v1/batches"] {
            check("GET", path, "shared");
        }
    }

    #[test]
    fn knows_what_is_not_metered_yet() {
        for path in [
            "/v1/batches",
            "/v1/audio/speech",
            "/v1/images/generations",
            "/v1/realtime",
            "/v1/fine_tuning/jobs",
            "/v1/videos",
            "/v1/threads/runs",
            "/openai/deployments/x/images/generations",
        ] {
            check("POST", path, "unmetered");
        }
    }

    #[test]
    fn is_not_tricked() {
        for path in [
            "",
            "/",
            "*",
            "chat/completions",
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/v1/chat/completions/",
            "/v1/./chat/completions",
            "/v1/files/../chat/completions",
            "/v1/files/..",
            "/v1/chat%2Fcompletions",
            "/v1/files/%2e%2e/chat/completions",
            "/v1/chat\\completions",
            "/v1/chat/completions;x=1",
            "/v1/chat/completions?a",
            "/V1/chat/completions",
            "/v1/responses/resp_1/anything",
            "/v1/responses/compact/x",
            "/openai/deployments/x/responses",
            "/v1/organization/usage/completions",
            "/v2/chat/completions",
        ] {
            check("POST", path, "none");
        }
    }
}
