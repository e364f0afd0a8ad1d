//! Error answers in the shape of the real API. Never billed.

use super::draft::{Draft, quoted};
use super::order::BadOrder;
use super::script::Script;
use super::transmission::Transmission;
use http::{HeaderValue, Response, StatusCode, header};

/// An error object, not yet an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<String>,
    retry_after: Option<u64>,
}

impl Failure {
    /// A request that makes no sense.
    pub(super) fn invalid(status: StatusCode, message: String, code: Option<&str>) -> Self {
        Self {
            status,
            message,
            kind: "invalid_request_error",
            param: None,
            code: code.map(str::to_owned),
            retry_after: None,
        }
    }

    /// A body that the API cannot use.
    pub(super) fn bad_order(bad: BadOrder) -> Self {
        let failure = Self::invalid(StatusCode::BAD_REQUEST, bad.message, None);
        Self { param: bad.param, ..failure }
    }

    /// What the script asks for, if it asks for an error.
    pub(super) fn scripted(script: &Script) -> Option<Self> {
        let status = match script.status {
            Some(status) => StatusCode::from_u16(status).ok()?,
            None => return None,
        };
        if status.as_u16() < 400 && script.error.is_none() {
            return None;
        }
        let code = script.error.as_deref();
        Some(Self {
            status,
            message: message(status, code).to_owned(),
            kind: kind(status, code),
            param: None,
            code: code.map(str::to_owned),
            retry_after: script.retry_after,
        })
    }

    /// The error in the middle of a stream.
    pub(super) fn event(script: &Script, responses: bool) -> String {
        let code = script.error.as_deref();
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let (message, code) = (quoted(message(status, code)), optional(code));
        match responses {
            true => format!(
                "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":0,\"code\":{code},\
                 \"message\":{message},\"param\":null}}\n\n"
            ),
            false => format!(
                "data: {{\"error\":{{\"message\":{message},\"type\":\"server_error\",\
                 \"param\":null,\"code\":{code}}}}}\n\n"
            ),
        }
    }

    /// The answer.
    pub(super) fn answer(self) -> Response<Transmission> {
        let body = format!(
            "{{\"error\":{{\"message\":{},\"type\":\"{}\",\"param\":{},\"code\":{}}}}}",
            quoted(&self.message),
            self.kind,
            optional(self.param),
            optional(self.code.as_deref())
        );
        let mut answer = Response::new(Transmission::free(Draft::whole(body, 0).finish()));
        *answer.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), quoted)
}

fn kind(status: StatusCode, code: Option<&str>) -> &'static str {
    match (status, code) {
        (_, Some("insufficient_quota")) => "insufficient_quota",
        (StatusCode::TOO_MANY_REQUESTS, _) => "requests",
        _ if status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    }
}

fn message(status: StatusCode, code: Option<&str>) -> &'static str {
    match (status, code) {
        (_, Some("insufficient_quota")) => {
            "You exceeded your current quota, please check your plan and billing details."
        }
        (StatusCode::TOO_MANY_REQUESTS, _) => "Rate limit reached for requests.",
        (StatusCode::UNAUTHORIZED, _) => "Incorrect API key provided.",
        _ if status.is_client_error() => "The request was refused by the script.",
        _ => "The server had an error while processing your request.",
    }
}
