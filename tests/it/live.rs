//! Live updates over a real WebSocket: tickets, what is shown to whom, what is refused.

use crate::control_desk::{Desk, NOW, TOKEN, raw};
use crate::live_rig::{LiveClient, connect};
use farebox::control::Pace;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Fast enough for a test to wait for.
fn fast() -> Pace {
    Pace {
        gather: Duration::from_millis(20),
        ping: Duration::from_millis(200),
        recheck: Duration::from_millis(100),
    }
}

async fn ticket(desk: &Desk) -> String {
    let made = desk.ask("POST", "/api/v1/ws-tickets", json!({})).await.of(201);
    made["ticket"].as_str().unwrap().to_owned()
}

/// A connected client that has not read its snapshot.
async fn client(desk: &Desk, more: &str) -> LiveClient {
    let query = format!("?ticket={}{more}", ticket(desk).await);
    connect(desk.at, &query, &[]).await.unwrap_or_else(|refused| panic!("{refused:?}"))
}

async fn refused(desk: &Desk, query: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    connect(desk.at, query, headers).await.err().expect("it is refused")
}

#[tokio::test]
async fn r055_a_ticket_opens_one_connection_within_half_a_minute() {
    let desk = Desk::start().await;
    for query in ["", "?ticket=", "?ticket=unknown", "?user=alice"] {
        let (status, body) = refused(&desk, query, &[]).await;
        assert_eq!((status, &body["error"]["code"]), (401, &json!("unauthorized")), "{query}");
    }
    // Neither does a token instead of a ticket.
    let token = format!("Bearer {TOKEN}");
    assert_eq!(refused(&desk, "", &[("authorization", &token)]).await.0, 401);
    assert_eq!(refused(&desk, &format!("?ticket={TOKEN}"), &[]).await.0, 401);

    let answer = desk.ask("POST", "/api/v1/ws-tickets", json!({})).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.of(201);
    assert_eq!(made["expires_at"], "2026-11-24T21:14:06Z");
    let query = format!("?ticket={}", made["ticket"].as_str().unwrap());
    let mut first = connect(desk.at, &query, &[]).await.ok().unwrap();
    first.next_of("quota_snapshot").await;
    assert_eq!(refused(&desk, &query, &[]).await.0, 401, "it is used up");

    let late = ticket(&desk).await;
    desk.clock.advance(30_001);
    assert_eq!(refused(&desk, &format!("?ticket={late}"), &[]).await.0, 401, "it is expired");
    assert!(desk.clock.now() > NOW);
    assert_eq!(raw(desk.at, "POST", "/api/v1/ws-tickets", &[], "{}").await.status, 401);
    desk.ask("POST", "/api/v1/ws-tickets", json!({"life": 5})).await.of(422);
}

#[tokio::test]
async fn r056_a_foreign_origin_is_refused_and_the_ticket_stays_good() {
    let desk = Desk::start().await;
    let query = format!("?ticket={}", ticket(&desk).await);
    let near = format!("http://{}.evil.test", desk.at);
    for origin in ["http://evil.test", "null", "", near.as_str(), "http://localhost"] {
        let (status, _) = refused(&desk, &query, &[("origin", origin)]).await;
        assert_eq!(status, 403, "{origin}");
    }
    let own = format!("http://{}", desk.at);
    let mut client = connect(desk.at, &query, &[("origin", &own)]).await.ok().unwrap();
    client.next_of("quota_snapshot").await;
}

#[tokio::test]
async fn what_is_no_handshake_leaves_the_ticket_good() {
    let desk = Desk::start().await;
    let ticket = ticket(&desk).await;
    let path = format!("/api/quota/ws?ticket={ticket}");
    let body = raw(desk.at, "GET", &path, &[], "").await.of(400);
    assert!(body["error"]["message"].as_str().unwrap().contains("WebSocket"), "{body}");
    for (more, status) in [
        ("&user=nobody", 404),
        ("&workspace=none", 404),
        ("&user=a&workspace=b", 422),
        ("&x=1", 422),
    ] {
        assert_eq!(refused(&desk, &format!("?ticket={ticket}{more}"), &[]).await.0, status);
    }
    connect(desk.at, &format!("?ticket={ticket}"), &[]).await.ok().unwrap();
}

#[tokio::test]
async fn r046_r050_a_snapshot_comes_first_and_updates_follow() {
    let desk = Desk::start().await;
    let alice = desk.user_with_key("alice").await;
    let mut client = client(&desk, "").await;
    let snapshot = client.next_of("quota_snapshot").await;
    assert_eq!(snapshot["users"][0]["id"], "alice");
    assert_eq!(snapshot["status"], "normal");
    assert_eq!(snapshot["budget"]["current"], "0");
    assert_eq!(snapshot["providers"], json!([]));
    let begun = Instant::now();
    desk.call(&alice, "gpt-5", 12_500_000_000).await;
    let update = client.next_of("quota_update").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(update["account"], "user:alice");
    assert_eq!(update["status"], "normal");
    assert_eq!(update["budget"]["current"], "12.5");
    assert_eq!(update["llm_quota"]["dollars_used"], "12.5");
    assert_eq!(update["llm_quota"]["utilization_percent"], 50);
    // A reset is an update, too.
    desk.ask("POST", "/api/quota/reset", json!({"account": "user:alice"})).await.of(200);
    let used = |data: &Value| data["llm_quota"]["dollars_used"].clone();
    client.until("quota_update", |data| used(data) == "0").await;
}

#[tokio::test]
async fn r047_r048_a_client_asks_and_is_answered() {
    let desk = Desk::start().await;
    desk.user_with_key("alice").await;
    let mut client = client(&desk, "").await;
    client.next_of("quota_snapshot").await;
    client.say(json!({"type": "ping"})).await;
    client.next_of("pong").await;
    client.say(json!({"type": "status_request"})).await;
    assert_eq!(client.next_of("status_response").await["users"][0]["id"], "alice");
    client.say(json!({"type": "shout"})).await;
    let error = client.next_of("error").await;
    assert_eq!(error["code"], "invalid_message");
    assert!(error["message"].as_str().unwrap().contains("`shout`"), "{error}");
    for (part, code, last) in
        [(r#"{"type":"pi"#, Data::Text, false), (r#"ng"}"#, Data::Continue, true)]
    {
        let frame = Frame::message(part, OpCode::Data(code), last);
        client.socket.send(Message::Frame(frame)).await.unwrap();
    }
    client.next_of("pong").await;
    client.socket.send(Message::Ping("x".into())).await.unwrap();
    let pong = client.socket.next().await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("x".into()));
}

#[tokio::test]
async fn r045_a_connection_hears_of_its_scope_and_of_what_it_subscribes_to() {
    let desk = Desk::at_pace("", fast()).await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "ops"})).await.of(201);
    let [alice, bob] = [desk.user_with_key("alice").await, desk.user_with_key("bob").await];
    let carol = json!({"id": "carol", "workspace": "ops"});
    desk.ask("POST", "/api/v1/users", carol).await.of(201);
    let carol = desk.ask("POST", "/api/v1/keys", json!({"user": "carol"})).await.of(201);
    let mut of_bob = client(&desk, "&user=bob").await;
    assert_eq!(of_bob.next_of("quota_snapshot").await["users"][0]["id"], "bob");
    let mut of_ops = client(&desk, "&workspace=ops").await;
    let users = of_ops.next_of("quota_snapshot").await["users"].clone();
    assert_eq!(users.as_array().unwrap().len(), 1);
    for key in [&alice, &bob, &carol] {
        desk.call(key, "gpt-5", 1_000_000).await;
    }
    assert_eq!(of_bob.next_of("quota_update").await["account"], "user:bob");
    assert_eq!(of_ops.next_of("quota_update").await["account"], "user:carol");

    let mut all = client(&desk, "").await;
    all.next_of("quota_snapshot").await;
    all.subscribe(&["user:bob", "workspace:ops"]).await;
    let users = all.next_of("quota_snapshot").await["users"].clone();
    let ids: Vec<&Value> = users.as_array().unwrap().iter().map(|user| &user["id"]).collect();
    assert_eq!(ids, ["bob", "carol"]);
    for key in [&alice, &carol] {
        desk.call(key, "gpt-5", 1_000_000).await;
    }
    assert_eq!(all.next_of("quota_update").await["account"], "user:carol");
    for (accounts, code) in [
        (["user:nobody"], "not_found"),
        (["nonsense"], "invalid_message"),
        (["key:k"], "invalid_message"),
    ] {
        all.subscribe(&accounts).await;
        assert_eq!(all.until("error", |_| true).await["code"], code, "{accounts:?}");
    }
    // Nothing outside the scope, and the filter of before stays.
    of_bob.subscribe(&["user:alice"]).await;
    assert_eq!(of_bob.until("error", |_| true).await["code"], "not_found");
    all.subscribe(&[]).await;
    let everything = all.until("quota_snapshot", |_| true).await;
    assert_eq!(everything["users"].as_array().unwrap().len(), 3);
    desk.call(&alice, "gpt-5", 1_000_000).await;
    all.until("quota_update", |data| data["account"] == "user:alice").await;
    desk.call(&bob, "gpt-5", 1_000_000).await;
    assert_eq!(of_bob.next_of("quota_update").await["account"], "user:bob");
}

#[tokio::test]
async fn a_credential_and_its_figures_are_shown() {
    let file = "[providers.groq]\ndialect = \"openai\"\nbase_url = \"https://x.test/v1\"\n\
                [[providers.groq.credentials]]\nname = \"groq_1\"\napi_key = \"k\"\n\
                limits = [\"1000 characters/day\"]\n";
    let desk = Desk::at_pace(file, fast()).await;
    let mut client = client(&desk, "").await;
    let snapshot = client.next_of("quota_snapshot").await;
    assert_eq!(snapshot["providers"][0]["config_id"], "groq_1");
    desk.attempt("groq_1", 850, farebox::ledger::AttemptOutcome::Served).await;
    let update = client.until("provider_update", |data| data["usage_percent"] == 85).await;
    assert_eq!(update["status"], "warning");
    assert!(!update.to_string().contains("\"k\""));
}

#[tokio::test]
async fn what_the_protocol_forbids_is_closed_by_its_code() {
    let desk = Desk::at_pace("", Pace { ping: Duration::from_secs(20), ..fast() }).await;
    let mut large = client(&desk, "").await;
    large.next_of("quota_snapshot").await;
    // The server may hang up before all of it is sent.
    let _sent = large.socket.send(Message::text("x".repeat(1 << 20))).await;
    assert_eq!(large.closed().await, 1009);
    let mut binary = client(&desk, "").await;
    binary.socket.send(Message::binary(vec![0_u8; 8])).await.unwrap();
    assert_eq!(binary.closed().await, 1003);
    let mut unmasked = client(&desk, "").await;
    unmasked.next_of("quota_snapshot").await;
    unmasked.socket.get_mut().write_all(b"\x81\x02{}").await.unwrap();
    assert_eq!(unmasked.closed().await, 1002);
    let mut flood = client(&desk, "").await;
    for _ in 0..101 {
        flood.say(json!({"type": "ping"})).await;
    }
    assert_eq!(flood.closed().await, 1008);
}

#[tokio::test]
async fn r047_r049_who_gives_no_sign_of_life_is_let_go() {
    let desk = Desk::at_pace("", fast()).await;
    let mut alive = client(&desk, "").await;
    // It reads its snapshot and nothing after, so it answers no ping.
    let mut dead = client(&desk, "").await;
    dead.next_of("quota_snapshot").await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_200) {
        let _read = tokio::time::timeout(Duration::from_millis(50), alive.socket.next()).await;
    }
    alive.say(json!({"type": "ping"})).await;
    assert_eq!(dead.closed().await, 0);
}

#[tokio::test]
async fn a_proxy_that_stops_says_so() {
    let desk = Desk::start().await;
    let mut client = client(&desk, "").await;
    client.next_of("quota_snapshot").await;
    desk.live.stop();
    assert_eq!(client.closed().await, 1001);
}
