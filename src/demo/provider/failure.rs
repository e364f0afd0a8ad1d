//! Calls that the provider refuses. Never billed. How an error looks is each vendor's own matter,
//! and in `complaint.rs`.

use super::complaint;
use super::draft::Draft;
use super::fields::BadOrder;
use super::script::Script;
use super::transmission::Transmission;
use super::vendor::Vendor;
use http::{HeaderValue, Response, StatusCode, header};

/// An error object, not yet an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
    /// OpenAI's `type`.
    pub(super) kind: &'static str,
    pub(super) param: Option<&'static str>,
    pub(super) code: Option<String>,
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
        let wanted = status.as_u16() >= 400 || script.error.is_some();
        wanted.then(|| Self::played(status, script))
    }

    /// The error that breaks off a stream.
    pub(super) fn midway(script: &Script) -> Self {
        Self::played(StatusCode::INTERNAL_SERVER_ERROR, script)
    }

    /// The answer, as this vendor puts it.
    pub(super) fn answer(self, vendor: Vendor) -> Response<Transmission> {
        let body = complaint::body(vendor, &self);
        let mut answer = Response::new(Transmission::free(Draft::whole(body, 0).finish()));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if vendor == Vendor::Bedrock {
            let kind = HeaderValue::from_static(complaint::aws_kind(self.status));
            headers.insert("x-amzn-errortype", kind);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }

    fn played(status: StatusCode, script: &Script) -> Self {
        let code = script.error.as_deref();
        Self {
            status,
            message: message(status, code).to_owned(),
            kind: kind(status, code),
            param: None,
            code: code.map(str::to_owned),
            retry_after: script.retry_after,
        }
    }
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
