//! What a refusal looks like in each dialect. Which status it has is not decided here.

use super::{Dialect, Operation};
use crate::framing::eventstream::exception;
use serde_json::{Value, json};

/// What a refusal says, before it takes the shape of a dialect.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The HTTP status.
    pub status: u16,
    /// OpenAI's type of it.
    pub kind: &'a str,
    /// OpenAI's code of it, which is the reason in metrics.
    pub code: &'a str,
    /// The offending field.
    pub param: Option<&'a str>,
    /// What happened, and the way out.
    pub message: &'a str,
    /// The call's id.
    pub request_id: &'a str,
}

impl Refused<'_> {
    /// The body; `detail` is added where the dialect leaves room.
    pub fn body(&self, dialect: Dialect, detail: Value) -> Value {
        let message = self.message;
        match dialect {
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": self.anthropic_type(), "message": message},
                "request_id": self.request_id,
            }),
            Dialect::Gemini => json!({
                "error": {"code": self.status, "message": message, "status": self.google_status()},
            }),
            Dialect::Bedrock => json!({ "message": message }),
            Dialect::Cohere => json!({ "id": self.request_id, "message": message }),
            Dialect::Ollama => json!({ "error": message }),
            Dialect::Cloudflare => json!({
                "result": null,
                "success": false,
                "errors": [{"code": self.status, "message": message}],
                "messages": [],
            }),
            Dialect::OpenAi | Dialect::Azure | Dialect::LlamaCpp | Dialect::LmStudio => json!({
                "error": {
                    "message": message,
                    "type": self.kind,
                    "param": self.param,
                    "code": self.code,
                },
                "farebox": detail,
            }),
        }
    }

    /// Anthropic's type of an error.
    fn anthropic_type(&self) -> &'static str {
        match (self.status, self.code) {
            (_, "overloaded" | "provider_quota_exhausted") => "overloaded_error",
            (401, _) => "authentication_error",
            (403, _) => "permission_error",
            (404, _) => "not_found_error",
            (413, _) => "request_too_large",
            (429, _) => "rate_limit_error",
            (504, _) => "timeout_error",
            (500.., _) => "api_error",
            _ => "invalid_request_error",
        }
    }

    /// Google's word for a status.
    fn google_status(&self) -> &'static str {
        match self.status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            504 => "DEADLINE_EXCEEDED",
            500.. => "UNAVAILABLE",
            _ => "INVALID_ARGUMENT",
        }
    }

    /// The error's name in an event stream.
    fn amazon_event(&self) -> &'static str {
        match self.status {
            429 => "throttlingException",
            504 => "modelTimeoutException",
            500.. => "serviceUnavailableException",
            _ => "validationException",
        }
    }

    /// The error's name in `x-amzn-errortype`, which AWS clients go by.
    pub fn amazon_type(&self) -> &'static str {
        match self.status {
            401 | 403 => "AccessDeniedException",
            404 => "ResourceNotFoundException",
            429 => "ThrottlingException",
            504 => "ModelTimeoutException",
            500.. => "ServiceUnavailableException",
            _ => "ValidationException",
        }
    }
}

/// How the events of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// A line of JSON each.
    Ndjson,
    /// Messages of AWS's event stream.
    Aws,
}

/// The event that ends a stream early, so that its client can tell that from an end. What came
/// before it may be the beginning of a text event, but not of a message of AWS's.
pub fn last_event(operation: Operation, framing: Framing, refused: &Refused<'_>) -> Vec<u8> {
    let dialect = operation.dialect();
    let mut body = refused.body(dialect, Value::Null);
    if let Some(body) = body.as_object_mut() {
        body.remove("farebox");
        if operation == Operation::OpenAiResponses {
            body.extend(responses_error(refused));
        }
    }
    let named = operation == Operation::OpenAiResponses || dialect == Dialect::Anthropic;
    match framing {
        Framing::Aws => exception(refused.amazon_event(), &body.to_string()),
        Framing::Ndjson => format!("\n{body}\n").into_bytes(),
        Framing::Sse if named => format!("\n\nevent: error\ndata: {body}\n\n").into_bytes(),
        Framing::Sse => format!("\n\ndata: {body}\n\n").into_bytes(),
    }
}

/// What the `error` event of a response has beside the `error` object that SDKs raise.
fn responses_error(refused: &Refused<'_>) -> [(String, Value); 5] {
    [
        ("type", "error".into()),
        ("code", refused.code.into()),
        ("message", refused.message.into()),
        ("param", refused.param.into()),
        // Those of the events before it are not counted here.
        ("sequence_number", 0.into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &'static str) -> Refused<'static> {
        Refused { status, kind: "k", code, param: None, message: "no", request_id: "r" }
    }

    #[test]
    fn each_dialect_has_its_own_shape() {
        let spent = refused(429, "insufficient_quota");
        let body = |dialect| spent.body(dialect, json!({"reason": "x"}));
        assert_eq!(
            body(Dialect::Anthropic),
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "no"},
                   "request_id": "r"})
        );
        assert_eq!(
            body(Dialect::Gemini),
            json!({"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED"}})
        );
        assert_eq!(body(Dialect::OpenAi)["farebox"]["reason"], "x");
        assert_eq!(body(Dialect::Ollama), json!({"error": "no"}));
        assert_eq!(spent.amazon_type(), "ThrottlingException");
    }

    #[test]
    fn anthropic_types_are_those_of_its_documents() {
        for (status, code, kind) in [
            (400, "invalid_body", "invalid_request_error"),
            (401, "invalid_api_key", "authentication_error"),
            (403, "account_suspended", "permission_error"),
            (404, "unknown_route", "not_found_error"),
            (413, "request_too_large", "request_too_large"),
            (503, "ledger_unavailable", "api_error"),
            (503, "overloaded", "overloaded_error"),
            (502, "upstream_unreachable", "api_error"),
            (504, "upstream_timeout", "timeout_error"),
        ] {
            assert_eq!(refused(status, code).anthropic_type(), kind, "{code}");
        }
    }

    #[test]
    fn a_stream_ends_in_its_own_form() {
        let gone = refused(502, "upstream_closed");
        let event = |operation, framing| last_event(operation, framing, &gone);
        let text = |operation, framing| String::from_utf8(event(operation, framing)).unwrap();
        let anthropic = text(Operation::AnthropicMessages, Framing::Sse);
        assert!(anthropic.starts_with("\n\nevent: error\ndata: {"));
        let chat = text(Operation::OpenAiChat, Framing::Sse);
        assert!(chat.starts_with("\n\ndata: {\"error\":"), "{chat}");
        assert!(chat.ends_with("\"type\":\"k\"}}\n\n"), "{chat}");
        assert_eq!(text(Operation::OllamaChat, Framing::Ndjson), "\n{\"error\":\"no\"}\n");
        let response = text(Operation::OpenAiResponses, Framing::Sse);
        let data = response.strip_prefix("\n\nevent: error\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data.trim_end()).unwrap();
        let error = json!({"message": "no", "type": "k", "param": null, "code": "upstream_closed"});
        assert_eq!(
            data,
            json!({"type": "error", "code": "upstream_closed", "message": "no", "param": null,
                   "sequence_number": 0, "error": error})
        );
        let frame = event(Operation::BedrockConverse, Framing::Aws);
        let frame = String::from_utf8_lossy(&frame);
        assert!(frame.contains("serviceUnavailableException"), "{frame}");
        assert!(frame.contains(r#"{"message":"no"}"#), "{frame}");
    }
}
