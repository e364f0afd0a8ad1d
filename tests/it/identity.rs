//! Admin tokens: made, used within their scopes and their workspace, rotated, expired, revoked.

use crate::control_desk::{Desk, raw};
use crate::identity_rig::{texts, token, with};
use serde_json::{Value, json};

const TOKENS: &str = "/api/v1/admin-tokens";

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_is_shown_once() {
    let desk = Desk::start().await;
    let body = json!({"name": "ci", "scopes": ["users:read", "keys:write"], "expires_in": "90d"});
    let answer = desk.ask("POST", TOKENS, body).await;
    let place = answer.headers["location"].to_str().unwrap().to_owned();
    let made = answer.of(201);
    let (id, text) = texts(&made);
    assert_eq!(place, format!("{TOKENS}/{id}"));
    assert_eq!(made["scopes"], json!(["users:read", "keys:write"]));
    assert_eq!((&made["workspace"], &made["created_by"]), (&Value::Null, &json!("admin")));
    assert_eq!(made["expires_at"], "2027-02-22T21:13:36Z");
    assert!(text.starts_with("fb-adm-") && text.len() == 67, "{text}");

    let shown = desk.get(&place).await;
    assert!(!shown.text.contains(&text[24..]), "{}", shown.text);
    let mut known = made.clone();
    known.as_object_mut().unwrap().remove("token");
    assert_eq!(shown.of(200), known);
    let list = desk.get(TOKENS).await.of(200);
    assert_eq!(list["data"], json!([known]));

    let ask = |method, path, body: Value| {
        let text = text.clone();
        async move { with(desk.at, &text, method, path, &body).await }
    };
    ask("GET", "/api/v1/users", Value::Null).await.of(200);
    let refused = ask("GET", "/api/v1/keys", Value::Null).await.of(403);
    assert!(refused["detail"].as_str().unwrap().contains("`keys:read`"), "{refused}");
    // Decided before the body and the name are looked at.
    for (method, path) in [
        ("POST", "/api/v1/users"),
        ("PATCH", "/api/v1/users/nobody"),
        ("DELETE", "/api/v1/users/..%2f"),
        ("POST", TOKENS),
    ] {
        let bearer = format!("Bearer {text}");
        let headers = [("authorization", bearer.as_str())];
        raw(desk.at, method, path, &headers, "not JSON").await.of(403);
    }
    let reset = ask("POST", "/api/quota/reset", json!({})).await.of(403);
    assert_eq!(reset["error"]["code"], "forbidden");
    ask("POST", "/api/v1/keys", json!({"user": "nobody"})).await.of(404);
    ask("GET", "/v1/organization/costs?start_time=1", Value::Null).await.of(403);
}

#[tokio::test]
async fn a_revoked_an_expired_and_a_rotated_token_are_unknown() {
    let desk = Desk::start().await;
    let users = |text: String| {
        let at = desk.at;
        async move { with(at, &text, "GET", "/api/v1/users", &Value::Null).await.status.as_u16() }
    };
    let (id, text) = token(&desk, &["users:read"], None).await;
    assert_eq!(users(text.clone()).await, 200);
    let place = format!("{TOKENS}/{id}");
    let answer = desk.ask("POST", &format!("{place}/rotate"), json!({"grace": "10m"})).await;
    let (same, second) = texts(&answer.of(200));
    assert!(same == id && second != text);
    assert_eq!((users(text.clone()).await, users(second.clone()).await), (200, 200));
    desk.clock.advance(10 * 60_000);
    assert_eq!((users(text.clone()).await, users(second.clone()).await), (401, 200));
    let third = desk.ask("POST", &format!("{place}/rotate"), Value::Null).await.of(200);
    let third = texts(&third).1;
    assert_eq!((users(second).await, users(third.clone()).await), (401, 200));
    desk.ask("DELETE", &place, Value::Null).await.of(204);
    assert_eq!(users(third).await, 401);
    desk.ask("DELETE", &place, Value::Null).await.of(404);
    desk.ask("POST", &format!("{place}/rotate"), Value::Null).await.of(404);

    let body = json!({"name": "short", "scopes": ["users:read"], "expires_in": "1m"});
    let (id, text) = texts(&desk.ask("POST", TOKENS, body).await.of(201));
    assert_eq!(users(text.clone()).await, 200);
    desk.clock.advance(60_000);
    assert_eq!(users(text).await, 401);
    let place = format!("{TOKENS}/{id}");
    assert_eq!(desk.get(&place).await.of(200)["status"], "expired");
    desk.ask("POST", &format!("{place}/rotate"), Value::Null).await.of(409);
}

#[tokio::test]
async fn nobody_grants_more_than_he_has() {
    let desk = Desk::start().await;
    for id in ["eng", "ops"] {
        desk.ask("POST", "/api/v1/workspaces", json!({"id": id})).await.of(201);
    }
    let new = |scopes: Value, workspace: Value| json!({"name": "x", "scopes": scopes, "workspace": workspace});
    let scopes = ["tokens:write", "tokens:read", "users:read"];
    let (own_id, maker) = token(&desk, &scopes, Some("eng")).await;
    let make = |body: Value| {
        let maker = maker.clone();
        async move { with(desk.at, &maker, "POST", TOKENS, &body).await }
    };
    let refused = make(new(json!(["users:read", "users:write", "admin"]), json!("eng"))).await;
    let refused = refused.of(403)["detail"].as_str().unwrap().to_owned();
    assert!(refused.contains("`users:write`") && refused.contains("`admin`"), "{refused}");
    make(new(json!(["users:read"]), Value::Null)).await.of(403);
    make(new(json!(["users:read"]), json!("ops"))).await.of(404);
    make(new(json!(["users:read"]), json!("nowhere"))).await.of(404);
    let made = make(json!({"name": "x", "scopes": ["users:read"]})).await.of(201);
    assert_eq!(
        (&made["workspace"], &made["created_by"]),
        (&json!("eng"), &json!(format!("token:{own_id}")))
    );

    // Rotating gives a text, so it takes the rights that come with it.
    let (stronger, _) = token(&desk, &["admin"], Some("eng")).await;
    let (elsewhere, _) = token(&desk, &["users:read"], Some("ops")).await;
    let (everywhere, _) = token(&desk, &["users:read"], None).await;
    for (id, status) in [(&stronger, 403), (&elsewhere, 404), (&everywhere, 404)] {
        let path = format!("{TOKENS}/{id}/rotate");
        with(desk.at, &maker, "POST", &path, &Value::Null).await.of(status);
    }
    for id in [&elsewhere, &everywhere] {
        let path = format!("{TOKENS}/{id}");
        with(desk.at, &maker, "GET", &path, &Value::Null).await.of(404);
        with(desk.at, &maker, "DELETE", &path, &Value::Null).await.of(404);
    }
    let seen = with(desk.at, &maker, "GET", TOKENS, &Value::Null).await.of(200);
    let seen = seen["data"].as_array().unwrap();
    assert!(seen.len() == 3 && seen.iter().all(|token| token["workspace"] == "eng"), "{seen:?}");
    with(desk.at, &maker, "GET", &format!("{TOKENS}?workspace=ops"), &Value::Null).await.of(404);

    // Nor for longer.
    let body = json!({"name": "x", "scopes": ["tokens:write"], "expires_in": "1h"});
    let (_, brief) = texts(&desk.ask("POST", TOKENS, body).await.of(201));
    let child = json!({"name": "x", "scopes": ["tokens:write"], "expires_in": "2h"});
    with(desk.at, &brief, "POST", TOKENS, &child).await.of(403);
    let child = json!({"name": "x", "scopes": ["tokens:write"]});
    let made = with(desk.at, &brief, "POST", TOKENS, &child).await.of(201);
    assert_eq!(made["expires_at"], "2026-11-24T22:13:36Z");
}

#[tokio::test]
async fn bad_input_is_named_and_makes_nothing() {
    let desk = Desk::start().await;
    for (body, status, pointer, text) in [
        (json!({"scopes": ["admin"]}), 422, "/name", "missing"),
        (json!({"name": "x"}), 422, "/scopes", "missing"),
        (json!({"name": "x", "scopes": []}), 422, "/scopes", "at least one"),
        (json!({"name": "x", "scopes": "admin"}), 422, "/scopes", "admin"),
        (json!({"name": "x", "scopes": ["admin", "moon:read"]}), 422, "/scopes/1", "moon:read"),
        (json!({"name": "x", "scopes": ["audit:write"]}), 422, "/scopes/0", "audit:write"),
        (json!({"name": "x", "scopes": ["any"]}), 422, "/scopes/0", "any"),
        (json!({"name": "x", "scopes": [5]}), 422, "/scopes/0", "5"),
        (json!({"name": "x", "scopes": ["admin"], "workspace": "../x"}), 422, "/workspace", "../x"),
        (
            json!({"name": "x", "scopes": ["admin"], "expires_at": "2020-01-01"}),
            422,
            "/expires_at",
            "2020",
        ),
        (json!({"name": "x", "scopes": ["admin"], "token": "mine"}), 422, "/token", "token"),
        (json!({"name": "x", "scopes": ["admin"], "workspace": "nowhere"}), 404, "", "nowhere"),
    ] {
        let said = desk.ask("POST", TOKENS, body.clone()).await.of(status);
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.contains(text), "{body}: {detail}");
        if !pointer.is_empty() {
            assert_eq!(said["errors"][0]["pointer"], pointer, "{body}");
        }
    }
    for path in ["/api/v1/admin-tokens/nobody", "/api/v1/admin-tokens/..%2f..%2fetc"] {
        desk.get(path).await.of(404);
    }
    assert_eq!(desk.get(TOKENS).await.of(200)["data"], json!([]));
    desk.get(&format!("{TOKENS}?limit=0")).await.of(422);
    desk.get(&format!("{TOKENS}?after=a%20b")).await.of(422);
}

#[tokio::test]
async fn lists_of_tokens_have_pages() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    for i in 0..25 {
        token(&desk, &["users:read"], Some("eng").filter(|_| i % 2 == 0)).await;
    }
    for (filter, count) in [("", 25), ("&workspace=eng", 13)] {
        let (mut after, mut seen) = (String::new(), Vec::new());
        loop {
            let page = desk.get(&format!("{TOKENS}?limit=4{filter}{after}")).await.of(200);
            let ids = page["data"].as_array().unwrap().iter().map(|token| token["id"].to_string());
            seen.extend(ids);
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            assert_eq!(page["has_more"], true);
            after = format!("&after={cursor}");
        }
        assert_eq!(seen.len(), count);
        assert!(seen.is_sorted());
    }
}

#[tokio::test]
async fn a_workspace_takes_its_tokens_along() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let (id, text) = token(&desk, &["users:read"], Some("eng")).await;
    let (other, _) = token(&desk, &["users:read"], None).await;
    desk.ask("DELETE", "/api/v1/workspaces/eng", Value::Null).await.of(204);
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    with(desk.at, &text, "GET", "/api/v1/users", &Value::Null).await.of(401);
    desk.get(&format!("{TOKENS}/{id}")).await.of(404);
    desk.get(&format!("{TOKENS}/{other}")).await.of(200);
}
