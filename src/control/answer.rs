//! Who may come in, and how every answer leaves: the token, the time limit, the form of errors,
//! the security headers.
//!
//! Invariants: nothing under `/api/` or `/v1/organization/` is looked at before the token. An error
//! leaves as a problem, as an envelope under `/api/quota/`, and as OpenAI's API has it under
//! `/v1/organization/`, whoever made it.

use super::live;
use super::mirror;
use super::principal::Principal;
use super::problem::Problem;
use super::{Parts, Shared};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::secret::SecretDigest;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(20);
/// For what reads the whole history.
const LONG_TIME_LIMIT: Duration = Duration::from_secs(120);

const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Lets through what carries the admin token, and what needs none.
pub(super) async fn admit(
    State(parts): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let guarded =
        (path.starts_with("/api/") && path != live::PATH) || path.starts_with(mirror::PREFIX);
    if guarded && is_admin(request.headers(), &parts.token) {
        request.extensions_mut().insert(Arc::new(Principal::configured()));
    } else if guarded {
        let detail = "the admin token is missing or wrong: send `Authorization: Bearer TOKEN`";
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    next.run(request).await
}

fn is_admin(headers: &HeaderMap, token: &SecretDigest) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Some((scheme, sent)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return false;
    };
    scheme.eq_ignore_ascii_case("bearer") && SecretDigest::of(sent.trim()).matches(token)
}

/// The outermost layer: a time limit, errors in the form of their path, security headers.
pub(super) async fn dress(State(parts): State<Shared>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let limit = time_limit(uri.path());
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!(
                "it took longer than {} seconds; ask for less, or try again",
                limit.as_secs()
            );
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
    };
    let mut response = in_form(&parts, &uri, response);
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn time_limit(path: &str) -> Duration {
    match path {
        "/api/v1/ledger/verify" | "/api/v1/analytics/usage" | "/api/quota/usage" => LONG_TIME_LIMIT,
        path if path.starts_with(mirror::PREFIX) => LONG_TIME_LIMIT,
        _ => TIME_LIMIT,
    }
}

fn in_form(parts: &Parts, uri: &Uri, mut response: Response) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if status.is_client_error() => Problem::new(status, described(status, uri)),
        None => return response,
    };
    let (kind, body) = match uri.path() {
        path if path.starts_with("/api/quota/") => {
            let error = fault(&problem.code(), &problem.detail);
            ("application/json", envelope(parts.clock.now(), Value::Null, error))
        }
        path if path.starts_with(mirror::PREFIX) => ("application/json", problem.to_openai()),
        _ => ("application/problem+json", problem.to_json()),
    };
    let mut written = (problem.status, body.to_string()).into_response();
    for name in [header::ALLOW, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers_mut().remove(&name) {
            written.headers_mut().insert(name, value);
        }
    }
    written.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(wait) = problem.retry {
        written.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    written
}

fn described(status: StatusCode, uri: &Uri) -> String {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("{} does not know this method; see the Allow header", uri.path())
        }
        _ => format!("{} is not readable here", uri.path()),
    }
}

/// The error of an envelope.
pub(super) fn fault(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message})
}

/// The envelope of `/api/quota/*`.
pub(super) fn envelope(now: UnixMs, data: Value, error: Value) -> Value {
    json!({
        "success": error.is_null(),
        "data": data,
        "error": error,
        "timestamp": rfc3339_seconds(now),
    })
}
