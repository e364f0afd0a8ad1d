//! Whose API a request speaks: where its credential stands and what headers its answers carry.
//! Not the wire formats; those have a file each.

use super::route::parameter;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A company whose API is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    OpenAi,
    Anthropic,
    Gemini,
    Cohere,
    Mistral,
    OpenRouter,
    Ollama,
    Bedrock,
}

/// What OpenAI's edge adds to every answer.
const OPENAI: &[(&str, &str)] = &[
    ("openai-organization", "org-simulated"),
    ("openai-project", "proj_simulated"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-reset-requests", "6ms"),
    COOKIE,
];

const ANTHROPIC: &[(&str, &str)] = &[
    ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", "2026-11-22T10:00:00Z"),
    COOKIE,
];

const GEMINI: &[(&str, &str)] =
    &[("server-timing", "gfet4t7; dur=12"), ("x-content-type-options", "nosniff")];

const COHERE: &[(&str, &str)] =
    &[("x-endpoint-monthly-call-limit", "1000"), ("x-trial-endpoint-call-limit", "40")];

const MISTRAL: &[(&str, &str)] =
    &[("x-ratelimit-limit-req-minute", "360"), ("x-ratelimit-remaining-req-minute", "359"), COOKIE];

const COOKIE: (&str, &str) =
    ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly; Secure; SameSite=None");

impl Vendor {
    /// The credential of a request, where this vendor looks for it.
    pub(super) fn credential(self, head: &Parts) -> Option<&str> {
        let named = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        match self {
            // Its clients of late 2026 send their key as a bearer token; the API takes both.
            Self::Anthropic => named("x-api-key").or_else(|| bearer(head)),
            Self::Gemini => named("x-goog-api-key").or_else(|| parameter(head.uri.query(), "key")),
            _ => bearer(head),
        }
    }

    /// Adds what this vendor's edge adds, with the id of the request.
    pub(super) fn sign(self, headers: &mut HeaderMap, serial: &str) {
        let (own, id_header) = match self {
            Self::OpenAi => (OPENAI, "x-request-id"),
            Self::Anthropic => (ANTHROPIC, "request-id"),
            Self::Gemini => (GEMINI, "x-request-id"),
            Self::Cohere => (COHERE, "x-debug-trace-id"),
            Self::Mistral => (MISTRAL, "mistral-correlation-id"),
            Self::OpenRouter => (&[][..], "x-generation-id"),
            Self::Ollama => return,
            Self::Bedrock => (&[][..], "x-amzn-requestid"),
        };
        for (name, value) in own {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Ok(id) = HeaderValue::from_str(&format!("req_{serial}")) {
            headers.insert(HeaderName::from_static(id_header), id);
        }
    }
}

fn bearer(head: &Parts) -> Option<&str> {
    let given = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(given.strip_prefix("Bearer ").unwrap_or(given))
}
