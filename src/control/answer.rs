//! Who may come in, and how every answer leaves: the time limit, the form of errors, the security
//! headers, and what web pages of other origins may see.
//!
//! Invariants: nothing under `/api/` or `/v1/organization/` is looked at before the token. An error
//! leaves as a problem, as an envelope under `/api/quota/`, and as OpenAI's API has it under
//! `/v1/organization/`, whoever made it.

use super::identity::Found;
use super::problem::Problem;
use super::provenance::{REQUEST_ID, RequestId};
use super::{Parts, Shared};
use super::{live, login, mirror};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::config::Protection;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

const TIME_LIMIT: Duration = Duration::from_secs(20);
/// For what reads the whole history.
const LONG_TIME_LIMIT: Duration = Duration::from_secs(120);

/// For how long a browser may remember what pages may do.
const REMEMBERED: Duration = Duration::from_secs(600);

const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Finds out who asks, where that must be known.
pub(super) async fn admit(State(parts): State<Shared>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    if is_guarded(&head) {
        match parts.identity.find(&head).await {
            Ok(Found { by, login }) => {
                head.extensions.insert(by);
                if let Some(login) = login {
                    head.extensions.insert(login);
                }
            }
            Err(problem) => return problem.into_response(),
        }
    }
    next.run(Request::from_parts(head, body)).await
}

fn is_guarded(head: &request::Parts) -> bool {
    let path = head.uri.path();
    let logs_in = path == login::PATH && head.method == Method::POST;
    let own_way = logs_in || path == live::PATH;
    !own_way && (path.starts_with("/api/") || path.starts_with(mirror::PREFIX))
}

/// The outermost layer: a time limit, errors in the form of their path, security headers.
pub(super) async fn dress(
    State(parts): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::new();
    request.extensions_mut().insert(id.clone());
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
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    secure(response.headers_mut(), parts.identity.is_over_tls());
    response
}

/// Adds the security headers that are not there; over TLS, browsers shall come so for a year.
fn secure(headers: &mut HeaderMap, over_tls: bool) {
    let strict = (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    for (name, value) in HEADERS.into_iter().chain(over_tls.then_some(strict)) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

fn time_limit(path: &str) -> Duration {
    match path {
        "/api/v1/ledger/verify" | "/api/v1/analytics/usage" | "/api/quota/usage" => LONG_TIME_LIMIT,
        path if path.starts_with(mirror::PREFIX) => LONG_TIME_LIMIT,
        _ => TIME_LIMIT,
    }
}

/// Marks an answer whose form is final.
#[derive(Debug, Clone, Copy)]
pub(super) struct Formed;

/// Writes an error in the form of its path.
pub(super) fn in_form(parts: &Parts, uri: &Uri, mut response: Response) -> Response {
    if response.extensions().get::<Formed>().is_some() {
        return response;
    }
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
    if let Some(value) = response.headers_mut().remove(header::ALLOW) {
        written.headers_mut().insert(header::ALLOW, value);
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        written.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
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

/// What pages of the allowed origins may do: ask with a token of their own. Cookies are for our own
/// pages alone. `None` where no other page may do anything.
pub(super) fn cors(protection: &Protection) -> Option<CorsLayer> {
    if protection.allowed_origins.is_empty() {
        return None;
    }
    let origins = protection.allowed_origins.iter().filter_map(|origin| origin.parse().ok());
    let asked = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        HeaderName::from_static("idempotency-key"),
    ];
    let shown = [
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("idempotent-replayed"),
        REQUEST_ID,
    ];
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.collect::<Vec<HeaderValue>>()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(asked)
        .expose_headers(shown)
        .max_age(REMEMBERED);
    Some(cors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_to_stay_with_tls_only_where_there_is_tls() {
        for over_tls in [false, true] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            secure(&mut headers, over_tls);
            assert_eq!(headers.contains_key("strict-transport-security"), over_tls);
            assert_eq!(headers["x-frame-options"], "DENY");
            assert_eq!(headers["cache-control"], "no-cache", "what is there stays");
        }
    }
}
