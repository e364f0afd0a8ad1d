//! `/livez`, `/healthz`, `/readyz`, `/metrics`: for machines, without a token.
//!
//! `/livez` depends on nothing: an outage of the ledger must not restart the proxies.

use super::fields::Params;
use super::operation::Operations;
use super::scope::Scope;
use super::{Check, Shared};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::fmt::Write;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/livez", Scope::Public, alive)
        .says("Says that the process lives", 200, "text")
        .get("/healthz", Scope::Public, alive)
        .says("Says that the process lives", 200, "text")
        .get("/readyz", Scope::Public, ready)
        .says("Says whether calls are taken", 200, "text")
        .asks(&["verbose", "exclude"])
        .get("/metrics", Scope::Public, metrics)
        .says("The metrics, for Prometheus", 200, "text")
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(parts): State<Shared>, Params(mut fields): Params) -> Response {
    let verbose = fields.read("verbose", |_| Ok(())).is_some();
    let spared = |value: &Value| Ok(value.as_str().unwrap_or_default().to_owned());
    let excluded = fields.read("exclude", spared).unwrap_or_default();
    let mut checks = (parts.ready)();
    checks.retain(|check| !excluded.split(',').any(|name| name == check.name));
    let (ready, text) = readiness(&checks, verbose);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text).into_response()
}

/// Whether all checks hold, and what `/readyz` says: a line for each check if asked for or if one
/// fails.
pub fn readiness(checks: &[Check], verbose: bool) -> (bool, String) {
    let ready = checks.iter().all(|check| check.fault.is_none());
    if ready && !verbose {
        return (true, "ok\n".to_owned());
    }
    let mut text = String::new();
    for Check { name, fault } in checks {
        let _ = match fault {
            None => writeln!(text, "[+]{name} ok"),
            Some(why) => writeln!(text, "[-]{name} failed: {why}"),
        };
    }
    text.push_str(if ready { "ready\n" } else { "not ready\n" });
    (ready, text)
}

async fn metrics(State(parts): State<Shared>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], (parts.metrics)()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_is_named() {
        let fine = Check { name: "ledger", fault: None };
        assert_eq!(readiness(std::slice::from_ref(&fine), false), (true, "ok\n".to_owned()));
        assert_eq!(readiness(std::slice::from_ref(&fine), true).1, "[+]ledger ok\nready\n");
        let full = Check { name: "journal", fault: Some("disk full".to_owned()) };
        let (ready, text) = readiness(&[fine, full], false);
        assert!(!ready);
        assert!(text.contains("[-]journal failed: disk full"), "{text}");
    }
}
