//! How each vendor words an error: as a body, and as the event that breaks off a stream.

use super::aws_frames;
use super::draft::quoted;
use super::failure::Failure;
use super::order::Order;
use super::route::Endpoint;
use super::vendor::Vendor;
use http::StatusCode;

/// The body of an error answer.
pub(super) fn body(vendor: Vendor, failure: &Failure) -> String {
    let message = quoted(&failure.message);
    let status = failure.status;
    match vendor {
        Vendor::OpenAi => format!(
            "{{\"error\":{{\"message\":{message},\"type\":\"{}\",\"param\":{},\"code\":{}}}}}",
            failure.kind,
            optional(failure.param),
            optional(failure.code.as_deref())
        ),
        Vendor::Anthropic => format!(
            "{{\"type\":\"error\",\"error\":{{\"type\":\"{}\",\"message\":{message}}},\
             \"request_id\":\"req_simulated\"}}",
            anthropic_kind(status)
        ),
        Vendor::Gemini => format!(
            "{{\"error\":{{\"code\":{},\"message\":{message},\"status\":\"{}\",\"details\":[]}}}}",
            status.as_u16(),
            google_status(status)
        ),
        Vendor::Mistral => format!(
            "{{\"object\":\"error\",\"message\":{message},\"type\":\"{}\",\"param\":{},\
             \"code\":{}}}",
            failure.kind,
            optional(failure.param),
            optional(failure.code.as_deref())
        ),
        Vendor::OpenRouter => {
            format!("{{\"error\":{{\"message\":{message},\"code\":{}}}}}", status.as_u16())
        }
        Vendor::Cohere => format!("{{\"id\":\"simulated\",\"message\":{message}}}"),
        Vendor::Ollama => format!("{{\"error\":{message}}}"),
        Vendor::Bedrock => format!("{{\"message\":{message}}}"),
    }
}

/// The event that breaks off a stream.
pub(super) fn event(order: &Order, failure: &Failure) -> Vec<u8> {
    let message = quoted(&failure.message);
    let code = optional(failure.code.as_deref());
    let text = match (order.vendor, order.endpoint) {
        (Vendor::OpenAi, Endpoint::Responses) => format!(
            "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":0,\"code\":{code},\
             \"message\":{message},\"param\":null}}\n\n"
        ),
        (Vendor::OpenAi | Vendor::Mistral, _) => format!(
            "data: {{\"error\":{{\"message\":{message},\"type\":\"server_error\",\
             \"param\":null,\"code\":{code}}}}}\n\n"
        ),
        (Vendor::OpenRouter, _) => {
            format!("data: {}\n\n", body(Vendor::OpenRouter, failure))
        }
        (Vendor::Gemini, _) => google_event(order, failure),
        (Vendor::Cohere, _) => format!(
            "event: message-end\ndata: {{\"type\":\"message-end\",\"delta\":{{\"finish_reason\":\"ERROR\",\
             \"error\":{message}}}}}\n\n"
        ),
        (Vendor::Ollama, _) => body(Vendor::Ollama, failure) + "\n",
        (Vendor::Bedrock, _) => {
            let payload = body(Vendor::Bedrock, failure);
            return aws_frames::exception("internalServerException", &payload);
        }
        (Vendor::Anthropic, _) => {
            format!("event: error\ndata: {}\n\n", body(Vendor::Anthropic, failure))
        }
    };
    text.into_bytes()
}

/// In an array, the error is its last element.
fn google_event(order: &Order, failure: &Failure) -> String {
    let body = body(Vendor::Gemini, failure);
    match order.sse {
        true => format!("data: {body}\r\n\r\n"),
        false => format!(",\r\n{body}]\n"),
    }
}

/// AWS's name of an error.
pub(super) fn aws_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "ValidationException",
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

fn anthropic_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

fn google_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), quoted)
}
