//! From which page a browser asks, by its `Origin` header.
//!
//! Invariant: `Origin: null` is nobody's.

use super::super::problem::Problem;
use super::Head;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};

/// Refuses what comes from a page that is not ours. Who sends no `Origin` is no browser, or no
/// other site.
pub(super) fn own(head: &Head) -> Result<(), Problem> {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return Ok(()) };
    let text = origin.to_str().unwrap_or_default();
    // HTTP/2 has no Host header; its authority stands in the URI.
    let named = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = named.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
    if place(text).is_some_and(|place| host.is_some_and(|host| host.eq_ignore_ascii_case(place))) {
        return Ok(());
    }
    let shown: String = text.chars().take(80).collect();
    let detail = format!("pages of `{shown}` may not do this");
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// Whether the browser speaks TLS, with us or with a proxy before us.
pub(super) fn is_https(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

/// Host and port. The scheme is left out: before a proxy that ends TLS it is another one.
fn place(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    Some(rest).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn r056_only_our_own_pages_are_ours() {
        let allows = |origin: Option<&str>, host: &str| {
            let mut request = Request::builder().header(header::HOST, host);
            let mut second = Request::builder().uri(format!("https://{host}/"));
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
                second = second.header(header::ORIGIN, origin);
            }
            let said =
                [request, second].map(|it| own(&it.body(()).unwrap().into_parts().0).is_ok());
            assert_eq!(said[0], said[1], "{origin:?}");
            said[0]
        };
        assert!(allows(None, "farebox.example"));
        assert!(allows(Some("https://farebox.example"), "farebox.example"));
        assert!(allows(Some("http://127.0.0.1:8081"), "127.0.0.1:8081"));
        for foreign in [
            "null",
            "",
            "https://evil.example",
            "https://farebox.example.evil.example",
            "https://farebox.example:444",
            "file://",
            "farebox.example",
            "https://",
        ] {
            assert!(!allows(Some(foreign), "farebox.example"), "{foreign}");
        }
    }
}
