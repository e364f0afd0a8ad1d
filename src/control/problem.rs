//! What is wrong with a request, before it has a form.
//!
//! A [`Problem`] travels inside its response; `answer` writes it as `application/problem+json` or,
//! under `/api/quota/`, as an envelope; under `/v1/`, as OpenAI's API does it. No error body of the control plane is written elsewhere.

use crate::ledger::{RegistryError, Unavailable};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// One fault of a body or a query.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// A JSON pointer into the body, or `?name` for a parameter.
    pub(super) pointer: String,
    /// What is wrong, with the offending text.
    pub(super) detail: String,
}

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// What is wrong and the way out.
    pub(super) detail: String,
    /// Every fault, where there are several.
    pub(super) errors: Vec<Fault>,
    /// When it is worth trying again.
    pub(super) retry: Option<Duration>,
}

impl Problem {
    /// A problem without a list of faults.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), retry: None }
    }

    /// 404, with what was not found.
    pub(super) fn missing(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} does not exist"))
    }

    /// 409.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 422 for one field.
    pub(super) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::faults(vec![Fault { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// 422 for several fields.
    pub(super) fn faults(errors: Vec<Fault>) -> Self {
        let texts: Vec<String> =
            errors.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, texts.join("; ")) }
    }

    /// 400 for one parameter, as OpenAI's API has it; `None` for the query as a whole.
    pub(super) fn parameter(name: Option<&str>, detail: String) -> Self {
        let pointer = name.unwrap_or_default().to_owned();
        let errors = vec![Fault { pointer, detail: detail.clone() }];
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// The title of a status, such as `Not Found`.
    pub(super) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// The `code` of an envelope's error: `not_found`.
    pub(super) fn code(&self) -> String {
        self.title().to_lowercase().replace(' ', "_")
    }

    /// The error object of OpenAI's API.
    pub(super) fn to_openai(&self) -> Value {
        let param = self.errors.first().map(|fault| fault.pointer.as_str());
        let (kind, code) = match self.status {
            StatusCode::UNAUTHORIZED => ("invalid_request_error", Some("invalid_api_key")),
            StatusCode::TOO_MANY_REQUESTS => ("requests", Some("rate_limit_exceeded")),
            status if status.is_server_error() => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let param = param.filter(|param| !param.is_empty());
        json!({"error": {"message": self.detail, "type": kind, "param": param, "code": code}})
    }

    /// The body of RFC 9457.
    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "title": self.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.errors.is_empty() {
            let list =
                self.errors.iter().map(|f| json!({"pointer": f.pointer, "detail": f.detail}));
            body["errors"] = list.collect();
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Self {
        RegistryError::from(why).into()
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let status = match error {
            RegistryError::Exists(_) | RegistryError::InUse(_) => StatusCode::CONFLICT,
            RegistryError::Changed(_) => StatusCode::PRECONDITION_FAILED,
            RegistryError::Missing(_) => StatusCode::NOT_FOUND,
            RegistryError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            RegistryError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let retry = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(Duration::from_secs(2));
        Self { retry, ..Self::new(status, error.to_string()) }
    }
}
