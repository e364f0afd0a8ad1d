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
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response as Answer};

/// What the pages may load and do.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Of an address with the version in force.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

const INDEX: &str = "index.html";
const ME: &str = "me.html";

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

async fn page(uri: Uri, headers: HeaderMap) -> Answer {
    sent(html(INDEX, uri.path(), &headers), INDEX)
}

async fn file(path: Path<(String, String)>, headers: HeaderMap) -> Answer {
    let Path((version, name)) = path;
    sent(asset(&version, &name, &headers), &name)
}

async fn file_in(path: Path<(String, String, String)>, headers: HeaderMap) -> Answer {
    let Path((version, folder, file)) = path;
    let name = format!("{folder}/{file}");
    sent(asset(&version, &name, &headers), &name)
}

fn sent(found: Option<Response<Bytes>>, name: &str) -> Answer {
    match found {
        Some(response) => response.map(Body::from),
        None => Problem::missing(format_args!("file {name}")).into_response(),
    }
}

/// The page on which who has a key sees what is used of it, and its files. It is on the data
/// listener, where keys are known; `None` for what is not of it.
pub fn own_page(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    if *method != Method::GET {
        return None;
    }
    if path == "/me" {
        return html(ME, path, headers);
    }
    let (version, name) = path.strip_prefix("/assets/")?.split_once('/')?;
    asset(version, name, headers)
}

fn html(name: &str, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    let version = assets::version();
    let text = assets::page(name, path, &version)?;
    let response = known(headers, &version).unwrap_or_else(|| Response::new(text.into()));
    Some(dressed(response, ("text/html; charset=utf-8", "no-cache"), &version))
}

fn asset(version: &str, name: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    let found = assets::find(name)?;
    let kept = if version == assets::version() { FOR_EVER } else { "no-cache" };
    let (kind, tag) = (found.kind(), found.tag());
    let response = known(headers, &tag).unwrap_or_else(|| {
        if !takes_gzip(headers) {
            return Response::new(found.bytes());
        }
        let mut response = Response::new(found.gzipped());
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        response
    });
    Some(dressed(response, (kind, kept), &tag))
}

/// 304 for who has it already.
fn known(headers: &HeaderMap, tag: &str) -> Option<Response<Bytes>> {
    let asked = headers.get(header::IF_NONE_MATCH)?.to_str().ok()?;
    let same = |one: &str| one.trim().trim_start_matches("W/").trim_matches('"') == tag;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    asked.split(',').any(same).then_some(response)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    asked.is_some_and(|asked| asked.split(',').any(|one| one.trim() == "gzip"))
}

fn dressed(
    mut response: Response<Bytes>,
    (kind, kept): (&'static str, &'static str),
    tag: &str,
) -> Response<Bytes> {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, kept),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
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
