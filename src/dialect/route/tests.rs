//! Which paths mean what, and which mean nothing.
//! Compiled under `#[cfg(test)]` only.

use super::*;

fn check(method: &str, path: &str, expected: &str) {
    let method: Method = method.parse().unwrap();
    let found = route(&method, path, &HeaderMap::new());
    let found = match found.map(|(_, found)| found.route) {
        Some(Route::Metered(operation)) => operation.name().to_owned(),
        Some(Route::Polled(operation)) => format!("polled {}", operation.name()),
        Some(Route::Socket(operation)) => format!("socket {}", operation.name()),
        Some(Route::Free) => "free".to_owned(),
        Some(Route::Unmetered) => "unmetered".to_owned(),
        Some(Route::Shared) => "shared".to_owned(),
        None => "none".to_owned(),
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
    check("POST", "/v1/openai/deployments/emb/embeddings", "none");
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
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/input_items"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/chat/completions/chatcmpl-1"),
        ("POST", "/v1/chat/completions/chatcmpl-1"),
        ("POST", "/v1/batches"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1beta/models/gemini-2.5-flash:countTokens"),
        ("GET", "/v1beta/models"),
        ("GET", "/api/tags"),
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
        "/v1/fine_tuning/jobs",
        "/v1/videos",
        "/v1/threads/runs",
        "/v1/messages/batches",
        "/v1beta/cachedContents",
        "/v1beta/models/veo-3:predictLongRunning",
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

#[test]
fn knows_the_other_dialects() {
    let vertex = "/v1/projects/p/locations/l/publishers";
    for (path, operation, model, stream) in [
        ("/v1/messages", "anthropic.messages", None, false),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            "gemini.generate",
            Some("gemini-2.5-flash"),
            false,
        ),
        (
            "/v1/models/gemini-2.5-flash:streamGenerateContent",
            "gemini.generate",
            Some("gemini-2.5-flash"),
            true,
        ),
        ("/v1beta/models/e:batchEmbedContents", "gemini.embed", Some("e"), false),
        ("/v1beta/interactions", "gemini.interactions", None, false),
        (
            "/model/us.anthropic.claude-v1:0/converse",
            "bedrock.converse",
            Some("us.anthropic.claude-v1:0"),
            false,
        ),
        (
            "/model/us.anthropic.claude-v1%3A0/converse-stream",
            "bedrock.converse",
            Some("us.anthropic.claude-v1:0"),
            true,
        ),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus%3A1%3Ax%2Fy/invoke",
            "bedrock.invoke",
            Some("arn:aws:bedrock:us:1:x/y"),
            false,
        ),
        ("/v2/chat", "cohere.chat", None, false),
        ("/v2/rerank", "cohere.rerank", None, false),
        ("/api/chat", "ollama.chat", None, true),
        ("/api/embed", "ollama.embed", None, false),
        ("/completion", "llamacpp.completion", None, false),
        ("/api/v1/chat", "lmstudio.chat", None, false),
        ("/v1/ocr", "mistral.ocr", None, false),
        (
            "/client/v4/accounts/a/ai/run/@cf/meta/llama",
            "cloudflare.run",
            Some("@cf/meta/llama"),
            false,
        ),
        ("/openai/deployments/prod/chat/completions", "openai.chat", Some("prod"), false),
        ("/v1beta/openai/chat/completions", "openai.chat", None, false),
        (
            &format!("{vertex}/anthropic/models/claude@1:streamRawPredict"),
            "anthropic.messages",
            Some("claude@1"),
            true,
        ),
        (
            &format!("{vertex}/google/models/text-embedding-005:predict"),
            "gemini.embed",
            Some("text-embedding-005"),
            false,
        ),
    ] {
        let (_, found) = route(&Method::POST, path, &HeaderMap::new()).expect(path);
        let Route::Metered(found_operation) = found.route else { panic!("{path}: {found:?}") };
        assert_eq!(
            (found_operation.name(), found.model.as_deref(), found.stream),
            (operation, model, stream),
            "{path}"
        );
    }
    check("GET", "/v1/responses/resp_1", "polled openai.responses");
    check("GET", "/v1/batches/batch_1", "polled openai.batches");
    check("GET", "/v1/realtime", "socket openai.realtime");
    for path in [
        "/model/x%2F..%2Fy/converse",
        "/model/%zz/converse",
        "/v1/%63hat/completions",
        "/model/a%00/converse",
    ] {
        check("POST", path, "none");
    }
}

#[test]
fn a_header_tells_google_from_openai() {
    let mut headers = HeaderMap::new();
    headers.insert("x-goog-api-key", http::HeaderValue::from_static("k"));
    let at = |headers: &HeaderMap| route(&Method::GET, "/v1/models", headers).unwrap().0;
    assert_eq!((at(&HeaderMap::new()), at(&headers)), (Dialect::OpenAi, Dialect::Gemini));
}
