//! How often may be asked, and from which web pages.

use crate::control_desk::{Answer, Desk, TOKEN, raw};
use crate::identity_rig::{token, with};
use farebox::config::Protection;
use serde_json::Value;

async fn guarded(requests: u32, failures: u32, origins: &[&str]) -> Desk {
    let protection = Protection {
        requests_per_minute: requests,
        auth_failures_per_minute: failures,
        allowed_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
    };
    Desk::guarded("", protection).await
}

#[tokio::test]
async fn r057_each_principal_asks_so_often_and_no_more() {
    let desk = guarded(5, 10, &[]).await;
    let (_, reader) = token(&desk, &["users:read", "budget:reset", "usage:read"], None).await;
    let ask = |method, path| {
        let reader = reader.clone();
        async move { with(desk.at, &reader, method, path, &Value::Null).await }
    };
    for _ in 0..5 {
        ask("GET", "/api/v1/users").await.of(200);
    }
    let slow = ask("GET", "/api/v1/users").await;
    assert_eq!(slow.headers["retry-after"], "12");
    assert_eq!(slow.headers["content-type"], "application/problem+json");
    assert_eq!(slow.headers["x-content-type-options"], "nosniff");
    assert_eq!(slow.of(429)["title"], "Too Many Requests");
    let slow = ask("POST", "/api/quota/reset").await;
    assert_eq!(slow.headers["retry-after"], "12");
    let slow = slow.of(429);
    assert_eq!(
        (&slow["success"], &slow["error"]["code"]),
        (&false.into(), &"too_many_requests".into())
    );
    let slow = ask("GET", "/v1/organization/costs?start_time=1").await.of(429);
    assert_eq!(slow["error"]["code"], "rate_limit_exceeded");
    // Others, and what is for machines, are not held up.
    desk.get("/api/v1/users").await.of(200);
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        for _ in 0..10 {
            let bearer = format!("Bearer {reader}");
            let answer = raw(desk.at, "GET", path, &[("authorization", &bearer)], "").await;
            assert_eq!(answer.status, 200, "{path}");
        }
    }
    desk.clock.advance(12_000);
    ask("GET", "/api/v1/users").await.of(200);
    ask("GET", "/api/v1/users").await.of(429);
}

#[tokio::test]
async fn r057_wrong_tokens_are_counted_and_right_ones_are_not() {
    let desk = guarded(600, 3, &[]).await;
    let (_, reader) = token(&desk, &["users:read"], None).await;
    let bare = |path| raw(desk.at, "GET", path, &[], "");
    for _ in 0..20 {
        bare("/api/v1/users").await.of(401);
        with(desk.at, &reader, "GET", "/api/v1/users", &Value::Null).await.of(200);
    }
    let wrong = || with(desk.at, "wrong", "GET", "/api/quota/reset", &Value::Null);
    for _ in 0..3 {
        wrong().await.of(401);
    }
    let slow = wrong().await;
    assert_eq!(slow.headers["retry-after"], "20");
    assert_eq!(slow.of(429)["error"]["code"], "too_many_requests");
    bare("/api/v1/users").await.of(401);
    with(desk.at, &reader, "GET", "/api/v1/users", &Value::Null).await.of(200);
    with(desk.at, TOKEN, "GET", "/api/v1/users", &Value::Null).await.of(200);
    desk.clock.advance(20_000);
    wrong().await.of(401);
}

async fn preflight(desk: &Desk, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    raw(desk.at, "OPTIONS", "/api/v1/users/alice", &headers, "").await
}

#[tokio::test]
async fn r056_only_pages_of_allowed_origins_may_ask() {
    let desk = guarded(600, 10, &["https://ops.example.com"]).await;
    let good = preflight(&desk, "https://ops.example.com").await;
    assert_eq!(good.status, 200);
    assert_eq!(good.headers["access-control-allow-origin"], "https://ops.example.com");
    let allowed = |name: &str| good.headers[name].to_str().unwrap().to_lowercase();
    assert!(allowed("access-control-allow-methods").contains("patch"));
    assert!(allowed("access-control-allow-headers").contains("authorization"));
    assert!(allowed("vary").contains("origin"));
    let bearer = format!("Bearer {TOKEN}");
    let ask = |origin: &'static str| {
        let headers = [("origin", origin), ("authorization", bearer.as_str())];
        let headers = headers.map(|(name, text)| (name, text.to_owned()));
        let at = desk.at;
        async move {
            let headers = headers.each_ref().map(|(name, text)| (*name, text.as_str()));
            raw(at, "GET", "/api/v1/users", &headers, "").await
        }
    };
    let answer = ask("https://ops.example.com").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://ops.example.com");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    answer.of(200);
    // An error can be read by the page too.
    let headers = [("origin", "https://ops.example.com")];
    let refused = raw(desk.at, "GET", "/api/v1/users", &headers, "").await;
    assert_eq!(refused.headers["access-control-allow-origin"], "https://ops.example.com");
    refused.of(401);
    for foreign in [
        "null",
        "https://evil.example",
        "http://ops.example.com",
        "https://ops.example.com:444",
        "https://ops.example.com.evil.example",
    ] {
        let answer = ask(foreign).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{foreign}");
        let answer = preflight(&desk, foreign).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{foreign}");
    }
    let closed = Desk::start().await;
    for origin in ["null", "*", "https://ops.example.com"] {
        let answer = preflight(&closed, origin).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
}
