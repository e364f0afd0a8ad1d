//! Live updates of several proxies on one Redis, and of many clients, on the built program.

use crate::live_rig::{LiveClient, connect};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-for-the-whole-fleet";
/// What a call of the simulated provider costs with this script, in dollars.
const SCRIPT: &str = "x-simulate: {\"input\":2006,\"cached\":1920,\"output\":300}\r\n";

/// Two proxies on one Redis.
struct Fleet {
    proxies: [Program; 2],
    redis: RedisServer,
    key: String,
    _dirs: [tempfile::TempDir; 2],
    _simulated: Simulated,
}

async fn ask(at: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let token = format!("Bearer {TOKEN}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    crate::control_desk::raw(at, method, path, &[("authorization", &token)], body).await.json()
}

async fn client(at: SocketAddr, ticket_of: SocketAddr) -> LiveClient {
    let made = ask(ticket_of, "POST", "/api/v1/ws-tickets", json!({})).await;
    let query = format!("?ticket={}", made["ticket"].as_str().unwrap());
    connect(at, &query, &[]).await.unwrap_or_else(|refused| panic!("{refused:?}"))
}

impl Fleet {
    async fn start() -> Self {
        let redis = RedisServer::start(&["--appendonly", "yes"]);
        let simulated = Simulated::start(None).await.unwrap();
        let upstream = format!("openai={}", simulated.base_url());
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (url, environment) =
            (redis.url(), [("OPENAI_API_KEY", "sk-x"), ("FAREBOX_ADMIN_TOKEN", TOKEN)]);
        let serve = |dir: &tempfile::TempDir| {
            let file = dir.path().join("farebox.toml");
            std::fs::write(&file, "[admin]\nrequests_per_minute = 1000000\n").unwrap();
            let config = ["--config", file.to_str().unwrap()];
            let arguments = [&config[..], &["--upstream", &upstream, "--redis", &url]].concat();
            Program::serve(dir.path(), &arguments, &environment)
        };
        let proxies = [serve(&dirs[0]), serve(&dirs[1])];
        let at = proxies[0].admin;
        let limits = json!({"id": "alice", "limits": ["25usd/month", "0.01usd/day"]});
        ask(at, "POST", "/api/v1/users", limits).await;
        let key = ask(at, "POST", "/api/v1/keys", json!({"user": "alice"})).await;
        let key = key["key"].as_str().unwrap().to_owned();
        Self { proxies, redis, key, _dirs: dirs, _simulated: simulated }
    }

    /// A settled call through the first proxy.
    async fn call(&self) -> Answer {
        let body = chat("gpt-5", r#","max_completion_tokens":300"#);
        let answer = self.proxies[0].call(&self.key, CHAT, SCRIPT, &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer
    }
}

fn spent(data: &Value) -> String {
    data["llm_quota"]["dollars_used"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn r052_a_settlement_at_one_proxy_is_seen_at_all_within_a_second() {
    let fleet = Fleet::start().await;
    let [one, two] = [fleet.proxies[0].admin, fleet.proxies[1].admin];
    let mut here = client(one, one).await;
    // A ticket is good at every proxy of the ledger.
    let mut there = client(two, one).await;
    for client in [&mut here, &mut there] {
        assert_eq!(client.next_of("quota_snapshot").await["users"][0]["id"], "alice");
    }
    fleet.call().await;
    let answered = Instant::now();
    let of_alice = |data: &Value| data["account"] == "user:alice" && spent(data) == "0.0033475";
    for (client, where_) in [(&mut here, "here"), (&mut there, "there")] {
        client.until("quota_update", of_alice).await;
        let took = answered.elapsed();
        println!("an update {where_} {took:?} after the answer");
        assert!(took < Duration::from_secs(1), "{where_}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_seen_at_all_proxies() {
    let fleet = Fleet::start().await;
    let [one, two] = [fleet.proxies[0].admin, fleet.proxies[1].admin];
    let mut clients = [client(one, one).await, client(two, two).await];
    for _ in 0..3 {
        fleet.call().await;
    }
    let mut ids = Vec::new();
    for client in &mut clients {
        let alert = client.until("alert", |_| true).await;
        assert_eq!(alert["account"], "user:alice");
        assert_eq!((&alert["limit"], &alert["level"]), (&json!("0.01 usd/day"), &json!("warning")));
        assert_eq!(alert["threshold"], 80);
        ids.push(alert["id"].clone());
    }
    assert_eq!(ids[0], ids[1], "it is one alert");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_subscription_is_made_again_and_clients_are_shown_everything() {
    let mut fleet = Fleet::start().await;
    let two = fleet.proxies[1].admin;
    let mut there = client(two, two).await;
    there.next_of("quota_snapshot").await;
    let listening = |fleet: &Fleet| fleet.redis.cli(&["PUBSUB", "NUMSUB", "farebox:{0}:hints"]);
    assert!(listening(&fleet).ends_with('2'), "one subscription for each proxy");
    fleet.redis.kill();
    fleet.redis.restart();
    there.until("quota_snapshot", |_| true).await;
    let begun = Instant::now();
    while !listening(&fleet).ends_with('2') {
        assert!(begun.elapsed() < LIMIT, "{}", listening(&fleet));
    }
    fleet.call().await;
    there.until("quota_update", |data| !spent(data).is_empty()).await;
}

/// The memory of a process in KiB.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_cost_little() {
    let fleet = Fleet::start().await;
    let one = fleet.proxies[0].admin;
    for n in 0..200 {
        ask(one, "POST", "/api/v1/users", json!({"id": format!("user-{n}")})).await;
    }
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = client(one, one).await;
        client.next_of("quota_snapshot").await;
        clients.push(client);
    }
    let before = resident(fleet.proxies[0].id());
    for _ in 0..950 {
        let mut client = client(one, one).await;
        client.next_of("quota_snapshot").await;
        clients.push(client);
    }
    let each = resident(fleet.proxies[0].id()).saturating_sub(before) as f64 / 950.0;
    println!("{each:.1} KiB for each of 950 clients");
    assert!(each <= 32.0, "{each} KiB for each client");
    assert!(fleet.redis.cli(&["PUBSUB", "NUMSUB", "farebox:{0}:hints"]).ends_with('2'));
    let metrics = ask_text(one, "/metrics").await;
    assert!(metrics.contains("\nfarebox_ws_connections 1000\n"), "R049");
    drop(clients);
    let begun = Instant::now();
    while !ask_text(one, "/metrics").await.contains("\nfarebox_ws_connections 0\n") {
        assert!(begun.elapsed() < LIMIT, "R049: the gauge returns to 0");
    }
}

async fn ask_text(at: SocketAddr, path: &str) -> String {
    crate::control_desk::raw(at, "GET", path, &[], "").await.text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_hears_of_its_own_user_on_the_data_listener() {
    let fleet = Fleet::start().await;
    let [data, admin] = [fleet.proxies[0].data, fleet.proxies[0].admin];
    ask(admin, "POST", "/api/v1/users", json!({"id": "bob"})).await;
    let bearer = format!("Bearer {}", fleet.key);
    let ticket = async |headers: &[(&str, &str)]| {
        crate::control_desk::raw(data, "POST", "/api/v1/ws-tickets", headers, "{}").await
    };
    let key = [("authorization", bearer.as_str())];
    assert_eq!(ticket(&[]).await.status, 401);
    assert_eq!(ticket(&[("authorization", "Bearer sk-fb-wrong")]).await.status, 401);
    let made = ticket(&key).await.of(201);
    let query = format!("?ticket={}", made["ticket"].as_str().unwrap());
    for other in ["&user=bob", "&workspace=default"] {
        let refused = connect(data, &format!("{query}{other}"), &[]).await.err().unwrap();
        assert_eq!(refused.0, 404, "{other}: {}", refused.1);
    }
    let mut client = connect(data, &query, &[]).await.ok().unwrap();
    let snapshot = client.next_of("quota_snapshot").await;
    assert_eq!(snapshot["users"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&snapshot["users"][0]["id"], &snapshot["providers"]),
        (&json!("alice"), &json!([]))
    );
    assert_eq!(connect(data, &query, &[]).await.err().unwrap().0, 401, "it is used up");
    fleet.call().await;
    client.until("quota_update", |data| spent(data) == "0.0033475").await;
    client.subscribe(&["user:bob"]).await;
    assert_eq!(client.until("error", |_| true).await["code"], "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_with_live_clients_stops_at_once() {
    let mut fleet = Fleet::start().await;
    let one = fleet.proxies[0].admin;
    let mut client = client(one, one).await;
    client.next_of("quota_snapshot").await;
    let stopping = std::thread::spawn(move || fleet.proxies[0].terminate());
    assert_eq!(client.closed().await, 1001);
    let (status, took) = stopping.join().unwrap();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(4), "{took:?}");
}
