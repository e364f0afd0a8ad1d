//! Which way a request came, as the audit tells it, and the id that names it there.

use super::identity::Login;
use axum::http::{Extensions, HeaderMap, HeaderName};
use std::sync::Arc;

/// Says that a request comes from the command line.
const SOURCE: &str = "x-farebox-source";
/// Names a request in its answer.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-farebox-request-id");

/// The id of a request, as `answer` gave it one.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) Arc<str>);

impl RequestId {
    pub(super) fn new() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }
}

/// Where a change comes from.
#[derive(Debug, Clone)]
pub(super) struct Provenance {
    /// `api`, `cli` or `dashboard`.
    pub(super) source: &'static str,
    pub(super) request: Option<Arc<str>>,
}

impl Provenance {
    pub(super) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let cli = headers.get(SOURCE).is_some_and(|value| value == "cli");
        let source = match extensions.get::<Arc<Login>>() {
            Some(_) => "dashboard",
            None if cli => "cli",
            None => "api",
        };
        Self { source, request: extensions.get::<RequestId>().map(|id| id.0.clone()) }
    }
}
