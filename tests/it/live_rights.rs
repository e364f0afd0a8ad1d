//! Live updates by whose right: admin tokens with scopes and workspaces, logins, and their end.

use crate::control_desk::{Desk, TOKEN, raw};
use crate::live_rig::{LiveClient, connect};
use farebox::control::Pace;
use farebox::ledger::{RecordKind, Records, When};
use serde_json::{Value, json};
use std::time::Duration;

async fn desk() -> Desk {
    let millis = Duration::from_millis;
    let pace = Pace { gather: millis(20), recheck: millis(100), ping: Duration::from_secs(20) };
    let desk = Desk::at_pace("", pace).await;
    for (user, workspace) in [("alice", "eng"), ("bob", "ops")] {
        desk.ask("POST", "/api/v1/workspaces", json!({"id": workspace})).await.of(201);
        let user = json!({"id": user, "workspace": workspace});
        desk.ask("POST", "/api/v1/users", user).await.of(201);
    }
    desk
}

/// An admin token: its id and its text.
async fn token(desk: &Desk, scopes: &[&str], workspace: Option<&str>) -> (String, String) {
    let new = json!({"name": "t", "scopes": scopes, "workspace": workspace});
    let made = desk.ask("POST", "/api/v1/admin-tokens", new).await.of(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

async fn open(desk: &Desk, token: &str, more: &str) -> Result<LiveClient, (u16, Value)> {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let made = raw(desk.at, "POST", "/api/v1/ws-tickets", &headers, "{}").await.of(201);
    let query = format!("?ticket={}{more}", made["ticket"].as_str().unwrap());
    connect(desk.at, &query, &[]).await
}

#[tokio::test]
async fn r055_a_revoked_token_ends_its_connections() {
    let desk = desk().await;
    let (id, text) = token(&desk, &["usage:read"], None).await;
    let mut client = open(&desk, &text, "").await.ok().unwrap();
    assert_eq!(client.next_of("quota_snapshot").await["users"], json!([]));
    desk.ask("DELETE", &format!("/api/v1/admin-tokens/{id}"), Value::Null).await.of(204);
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn a_token_that_expires_ends_its_connections() {
    let desk = desk().await;
    let new = json!({"name": "t", "scopes": ["usage:read"], "expires_in": "1h"});
    let made = desk.ask("POST", "/api/v1/admin-tokens", new).await.of(201);
    let mut client = open(&desk, made["token"].as_str().unwrap(), "").await.ok().unwrap();
    client.next_of("quota_snapshot").await;
    desk.clock.advance(3_600_001);
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn a_ticket_has_the_scopes_of_its_maker() {
    let desk = desk().await;
    let (_, text) = token(&desk, &["users:read"], None).await;
    let (status, body) = open(&desk, &text, "").await.err().unwrap();
    assert_eq!(status, 403);
    assert!(body["error"]["message"].as_str().unwrap().contains("`usage:read`"), "{body}");
}

#[tokio::test]
async fn a_token_for_a_workspace_hears_of_no_other() {
    let desk = desk().await;
    let (_, text) = token(&desk, &["admin"], Some("eng")).await;
    for more in ["&user=bob", "&workspace=ops"] {
        assert_eq!(open(&desk, &text, more).await.err().unwrap().0, 404, "{more}");
    }
    let mut client = open(&desk, &text, "").await.ok().unwrap();
    let snapshot = client.next_of("quota_snapshot").await;
    assert!(!snapshot.to_string().contains("bob"), "{snapshot}");
    assert_eq!(snapshot["users"][0]["id"], "alice");
    for account in ["user:bob", "workspace:ops", "credential:x"] {
        client.subscribe(&[account]).await;
        assert_eq!(client.until("error", |_| true).await["code"], "not_found", "{account}");
    }
    for user in ["bob", "alice"] {
        let key = desk.ask("POST", "/api/v1/keys", json!({"user": user})).await.of(201);
        desk.call(&key, "gpt-5", 1_000_000).await;
    }
    // Where workspaces were made just before, what alice spent comes in another snapshot.
    loop {
        let message = client.next().await;
        assert!(!message.to_string().contains("bob"), "{message}");
        if message["data"]["budget"]["current"] != "0" {
            break;
        }
    }
}

#[tokio::test]
async fn r055_a_page_of_ours_that_is_logged_in_needs_no_ticket() {
    let desk = desk().await;
    let login = json!({"token": TOKEN}).to_string();
    let answer = raw(desk.at, "POST", "/api/v1/session", &[], login).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let cookie = cookie.to_owned();
    let csrf = answer.of(200)["csrf_token"].as_str().unwrap().to_owned();
    let own = format!("http://{}", desk.at);
    let by = |headers: Vec<(&'static str, String)>| {
        let at = desk.at;
        async move {
            let headers: Vec<_> =
                headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
            connect(at, "", &headers).await
        }
    };
    let with = |origin: &str| vec![("cookie", cookie.clone()), ("origin", origin.to_owned())];
    assert_eq!(by(vec![("cookie", cookie.clone())]).await.err().unwrap().0, 403, "no origin");
    for foreign in ["http://evil.test", "null"] {
        assert_eq!(by(with(foreign)).await.err().unwrap().0, 403, "{foreign}");
    }
    let other = vec![("cookie", "farebox_session=x".to_owned()), ("origin", own.clone())];
    assert_eq!(by(other).await.err().unwrap().0, 401);
    let mut client = by(with(&own)).await.ok().unwrap();
    client.next_of("quota_snapshot").await;
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", &csrf)];
    raw(desk.at, "DELETE", "/api/v1/session", &headers, "").await.of(204);
    assert_eq!(client.closed().await, 4401);
}

#[tokio::test]
async fn a_revoked_key_ends_its_connections() {
    let desk = desk().await;
    let key = desk.ask("POST", "/api/v1/keys", json!({"user": "alice"})).await.of(201);
    let id = key["id"].as_str().unwrap();
    // As the data listener makes it for the owner of the key.
    let ticket = "a-ticket-of-the-data-listener";
    let scopes = ["usage:read", "users:read", "alerts:read"];
    let kept = json!({"name": format!("key:{id}"), "scopes": scopes, "workspace": "eng",
        "user": "alice"});
    let kept = kept.to_string();
    let digest = farebox::secret::SecretDigest::of(ticket).key_id().unwrap();
    let put = Records::put(&*desk.ledger, RecordKind::Ticket, &digest, &kept, None, When::Always);
    assert!(put.await.unwrap());
    let mut client = connect(desk.at, &format!("?ticket={ticket}"), &[]).await.ok().unwrap();
    client.next_of("quota_snapshot").await;
    desk.ask("DELETE", &format!("/api/v1/keys/{id}"), Value::Null).await.of(204);
    assert_eq!(client.closed().await, 4401);
}
