//! The dashboard: pages for people, from files in the binary. What they show they ask of the API
//! with the cookie of a login, so nothing here looks at an account.
//!
//! One page of HTML is served for all addresses; its script shows the page that is asked for. The
//! sources are in `assets/`: ES modules that need no building, one file for each page and component.
//!
//! Invariants: no script or style but its own runs, and no other site is asked for anything. A file
//! below `/assets/VERSION/` never changes, because the version names what is in all of them.

mod assets;

use super::operation::Operations;
use super::problem::Problem;
use super::scope::Scope;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};

/// What the pages may load and do.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Of an address with the version in force.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(super) fn operations() -> Operations {
    let pages = [
        "/",
        "/login",
        "/users",
        "/users/{id}",
        "/keys",
        "/providers",
        "/alerts",
        "/activity",
        "/requests",
        "/snapshots",
        "/reports",
        "/settings",
    ];
    let all = pages.into_iter().fold(Operations::default(), |all, path| {
        all.get(path, Scope::Public, page).says("A page of the dashboard", 200, "page")
    });
    all.get("/dashboard", Scope::Public, async || Redirect::temporary("/"))
        .says("Leads to the dashboard", 307, "")
        .get("/assets/{version}/{file}", Scope::Public, file)
        .says("A file of the dashboard", 200, "asset")
        .get("/assets/{version}/{folder}/{file}", Scope::Public, file_in)
        .says("A file of the dashboard", 200, "asset")
}

async fn page(headers: HeaderMap) -> Response {
    let version = assets::version();
    let Some(text) = assets::index(&version) else { return missing("index.html") };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = known(&headers, &version).unwrap_or_else(|| text.into_response());
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    dressed(response, "no-cache", &version)
}

async fn file(path: Path<(String, String)>, headers: HeaderMap) -> Response {
    let Path((version, file)) = path;
    answer(&version, &file, &headers)
}

async fn file_in(path: Path<(String, String, String)>, headers: HeaderMap) -> Response {
    let Path((version, folder, file)) = path;
    answer(&version, &format!("{folder}/{file}"), &headers)
}

fn answer(version: &str, name: &str, headers: &HeaderMap) -> Response {
    let Some(found) = assets::find(name) else { return missing(name) };
    let kept = if version == assets::version() { FOR_EVER } else { "no-cache" };
    let (kind, tag) = (found.kind(), found.tag());
    let mut response = known(headers, &tag).unwrap_or_else(|| match takes_gzip(headers) {
        true => ([(header::CONTENT_ENCODING, "gzip")], found.gzipped()).into_response(),
        false => found.bytes().into_response(),
    });
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    dressed(response, kept, &tag)
}

fn missing(name: &str) -> Response {
    Problem::missing(format_args!("file {name}")).into_response()
}

/// 304 for who has it already.
fn known(headers: &HeaderMap, tag: &str) -> Option<Response> {
    let asked = headers.get(header::IF_NONE_MATCH)?.to_str().ok()?;
    let same = |one: &str| one.trim().trim_start_matches("W/").trim_matches('"') == tag;
    asked.split(',').any(same).then(|| StatusCode::NOT_MODIFIED.into_response())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    asked.is_some_and(|asked| asked.split(',').any(|one| one.trim() == "gzip"))
}

fn dressed(mut response: Response, kept: &'static str, tag: &str) -> Response {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, kept),
        (header::VARY, "accept-encoding"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // One tag for both encodings of the same content, so it is a weak one.
    if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    response
}
