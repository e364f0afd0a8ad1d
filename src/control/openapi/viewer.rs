//! The page that shows the description of the API, from files in the binary.
//!
//! Invariant: it runs no script but its own, and asks for nothing but `/openapi.json`.

use super::Operations;
use crate::control::scope::Scope;
use axum::http::header;
use axum::response::IntoResponse;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'none'";

pub(super) fn operations() -> Operations {
    let page = async || file("text/html; charset=utf-8", include_str!("viewer.html"));
    let script = async || file("text/javascript; charset=utf-8", include_str!("viewer.js"));
    let style = async || file("text/css; charset=utf-8", include_str!("viewer.css"));
    Operations::default()
        .get("/openapi", Scope::Public, page)
        .says("A page that shows this description", 200, "page")
        .get("/openapi/viewer.js", Scope::Public, script)
        .says("The script of that page", 200, "script")
        .get("/openapi/viewer.css", Scope::Public, style)
        .says("The style of that page", 200, "style")
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
