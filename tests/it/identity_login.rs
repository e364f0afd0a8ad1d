//! Browsers log in: the cookie, the CSRF token, the origin, how long a login lasts, and lockout.

use crate::control_desk::{Desk, TOKEN, raw};
use crate::identity_rig::{Browser, log_in, token, with};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/session";
const MINUTE: i64 = 60_000;

#[tokio::test]
async fn a_browser_logs_in_works_and_logs_out() {
    let desk = Desk::start().await;
    let answer = log_in(desk.at, TOKEN, &[]).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let (pair, traits) = cookie.split_once("; ").unwrap();
    assert_eq!(traits, "HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    assert!(pair.starts_with("farebox_session=") && pair.len() == 59, "{pair}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let said = answer.of(200);
    assert_eq!((&said["scopes"], &said["workspace"]), (&json!(["admin"]), &Value::Null));
    assert_eq!(said["expires_at"], "2026-11-25T09:13:36Z");

    let browser =
        Browser { cookie: pair.to_owned(), csrf: said["csrf_token"].as_str().unwrap().to_owned() };
    assert_eq!(browser.ask(desk.at, "GET", PATH, Value::Null).await.of(200), said);
    browser.ask(desk.at, "GET", "/api/v1/users", Value::Null).await.of(200);
    browser.ask(desk.at, "POST", "/api/v1/users", json!({"id": "alice"})).await.of(201);
    let answer = browser.ask(desk.at, "DELETE", PATH, Value::Null).await;
    let gone = answer.headers["set-cookie"].to_str().unwrap();
    assert_eq!(gone, "farebox_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    answer.of(204);
    browser.ask(desk.at, "GET", "/api/v1/users", Value::Null).await.of(401);
    // With a token there is no session to end, and nothing to log in.
    let own = desk.get(PATH).await.of(200);
    assert_eq!((&own["name"], &own["csrf_token"]), (&json!("admin"), &Value::Null));
    desk.ask("DELETE", PATH, Value::Null).await.of(404);
    // Behind a proxy that speaks TLS, the cookie is for TLS.
    let origin = format!("https://{}", desk.at);
    let answer = log_in(desk.at, TOKEN, &[("origin", &origin)]).await;
    assert!(answer.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn a_foreign_page_does_nothing_with_the_cookie() {
    let desk = Desk::start().await;
    let Browser { cookie, csrf } = Browser::log_in(desk.at, TOKEN).await;
    let own = format!("http://{}", desk.at);
    let body = json!({"id": "mallory"}).to_string();
    let (cookie, csrf, own) = (("cookie", &*cookie), ("x-csrf-token", &*csrf), ("origin", &*own));
    for headers in [
        vec![cookie],
        vec![cookie, own],
        vec![cookie, ("x-csrf-token", "")],
        vec![cookie, ("x-csrf-token", "0")],
        vec![cookie, csrf, ("origin", "https://evil.example")],
        vec![cookie, csrf, ("origin", "null")],
    ] {
        let answer = raw(desk.at, "POST", "/api/v1/users", &headers, body.clone()).await;
        assert_eq!(answer.status, 403, "{headers:?} {}", answer.text);
        let reset = raw(desk.at, "POST", "/api/quota/reset", &headers, "{}").await.of(403);
        assert_eq!(reset["error"]["code"], "forbidden");
    }
    desk.get("/api/v1/users/mallory").await.of(404);
    raw(desk.at, "GET", "/api/v1/users", &[cookie], "").await.of(200);
    raw(desk.at, "POST", "/api/v1/users", &[cookie, csrf], body).await.of(201);
    // Nobody is logged in from elsewhere, nor by two cookies at once.
    log_in(desk.at, TOKEN, &[("origin", "https://evil.example")]).await.of(403);
    log_in(desk.at, TOKEN, &[("origin", "null")]).await.of(403);
    raw(desk.at, "GET", "/api/v1/users", &[cookie, cookie], "").await.of(401);
    // Who brings a token goes by it alone.
    let wrong = [cookie, csrf, ("authorization", "Bearer wrong")];
    raw(desk.at, "GET", "/api/v1/users", &wrong, "").await.of(401);
    let query = format!("/api/v1/users?token={TOKEN}&access_token={TOKEN}");
    raw(desk.at, "GET", &query, &[], "").await.of(401);
}

#[tokio::test]
async fn a_login_lasts_two_hours_unused_and_twelve_at_most() {
    let desk = Desk::start().await;
    let status = |browser: &Browser| {
        let (browser, at) = (browser.clone(), desk.at);
        async move { browser.ask(at, "GET", PATH, Value::Null).await.status.as_u16() }
    };
    let idle = Browser::log_in(desk.at, TOKEN).await;
    let used = Browser::log_in(desk.at, TOKEN).await;
    for _ in 0..11 {
        desk.clock.advance(60 * MINUTE);
        assert_eq!(status(&used).await, 200);
    }
    assert_eq!(status(&idle).await, 401);
    desk.clock.advance(59 * MINUTE);
    assert_eq!(status(&used).await, 200);
    desk.clock.advance(MINUTE);
    assert_eq!(status(&used).await, 401);
}

#[tokio::test]
async fn a_login_has_the_rights_of_its_token_and_ends_with_it() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let (id, text) = token(&desk, &["users:read"], Some("eng")).await;
    let browser = Browser::log_in(desk.at, &text).await;
    let said = browser.ask(desk.at, "GET", PATH, Value::Null).await.of(200);
    assert_eq!((&said["scopes"], &said["workspace"]), (&json!(["users:read"]), &json!("eng")));
    assert_eq!(said["name"], format!("token:{id}"));
    browser.ask(desk.at, "POST", "/api/v1/users", json!({"id": "a"})).await.of(403);
    desk.ask("POST", &format!("/api/v1/admin-tokens/{id}/rotate"), json!({})).await.of(200);
    browser.ask(desk.at, "GET", PATH, Value::Null).await.of(401);

    let (id, text) = token(&desk, &["users:read"], None).await;
    let browser = Browser::log_in(desk.at, &text).await;
    browser.ask(desk.at, "GET", PATH, Value::Null).await.of(200);
    desk.ask("DELETE", &format!("/api/v1/admin-tokens/{id}"), Value::Null).await.of(204);
    browser.ask(desk.at, "GET", PATH, Value::Null).await.of(401);
    log_in(desk.at, &text, &[]).await.of(401);
}

#[tokio::test]
async fn failed_logins_lock_an_address_out() {
    let desk = Desk::start().await;
    for i in 0..10 {
        let answer = log_in(desk.at, &format!("wrong-{i}-canary"), &[]).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        answer.of(401);
    }
    let answer = log_in(desk.at, TOKEN, &[]).await;
    assert_eq!(answer.headers["retry-after"], "6");
    assert!(answer.of(429)["detail"].as_str().unwrap().contains("locked out"));
    // Scripts with a valid token go on.
    desk.get("/api/v1/users").await.of(200);
    desk.clock.advance(6_000);
    log_in(desk.at, TOKEN, &[]).await.of(200);
    for body in [json!({}), json!({"token": 5}), json!({"token": "x".repeat(1001)}), json!([])] {
        raw(desk.at, "POST", PATH, &[], body.to_string()).await.of(422);
    }
    raw(desk.at, "POST", PATH, &[], "{").await.of(400);
    raw(desk.at, "PUT", PATH, &[], "").await.of(401);
    with(desk.at, TOKEN, "PUT", PATH, &Value::Null).await.of(405);
}
