//! What tests of identity share: principals with tokens of their own, and browsers.

use crate::control_desk::{Answer, Desk, raw};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Asks with a token.
pub async fn with(at: SocketAddr, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    raw(at, method, path, &[("authorization", &bearer)], body).await
}

/// A new token, made by the operator: its id and its text.
pub async fn token(desk: &Desk, scopes: &[&str], workspace: Option<&str>) -> (String, String) {
    let body = json!({"name": "of a test", "scopes": scopes, "workspace": workspace});
    texts(&desk.ask("POST", "/api/v1/admin-tokens", body).await.of(201))
}

/// Id and text of an object that shows them.
pub fn texts(object: &Value) -> (String, String) {
    let text = |name: &str| object[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

/// A browser that logged in.
#[derive(Debug, Clone)]
pub struct Browser {
    pub cookie: String,
    pub csrf: String,
}

impl Browser {
    pub async fn log_in(at: SocketAddr, token: &str) -> Self {
        let answer = log_in(at, token, &[]).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        let csrf = answer.of(200)["csrf_token"].as_str().unwrap().to_owned();
        Self { cookie: cookie.split(';').next().unwrap().to_owned(), csrf }
    }

    /// Asks as a page of ours does.
    pub async fn ask(&self, at: SocketAddr, method: &str, path: &str, body: Value) -> Answer {
        let origin = format!("http://{at}");
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("x-csrf-token", self.csrf.as_str()),
            ("origin", origin.as_str()),
        ];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        raw(at, method, path, &headers, body).await
    }
}

pub async fn log_in(at: SocketAddr, token: &str, headers: &[(&str, &str)]) -> Answer {
    raw(at, "POST", "/api/v1/session", headers, json!({"token": token}).to_string()).await
}
