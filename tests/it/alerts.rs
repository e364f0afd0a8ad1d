//! Alerts of the built program, from a charge to a channel: each once, in order, again after a
//! reset, listed; and channels that are made and deleted while it runs.

use crate::alert_sinks::{Got, HttpSink, answer};
use crate::control_desk::Desk;
use crate::program::{Program, binary};
use crate::world::{Answer, LIMIT, send};
use farebox::ledger::{RecordKind, Records, When};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

pub const TOKEN: &str = "a-token-for-tests-only";
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

/// A file with channels that may go to loopback.
pub fn file(dir: &Path, renotify: &str, channels: &str) {
    let text = format!(
        "[alerts]\ncheck_every = \"1s\"\nrenotify_after = \"{renotify}\"\n\
         allow_private = [\"127.0.0.0/8\"]\n\
         dashboard_url = \"https://farebox.example.com/\"\n{channels}"
    );
    std::fs::write(dir.join("farebox.toml"), text).unwrap();
}

pub fn webhook(name: &str, sink: &HttpSink) -> String {
    let url = sink.url("/hook");
    format!(
        "[[alerts.channels]]\ntype = \"webhook\"\nname = \"{name}\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n"
    )
}

pub fn start(dir: &Path, arguments: &[&str]) -> Program {
    let environment = [("FAREBOX_ADMIN_TOKEN", TOKEN), ("OPENAI_API_KEY", "sk-of-nobody")];
    let arguments: Vec<&str> =
        ["--config", "farebox.toml"].iter().chain(arguments).copied().collect();
    Program::serve(dir, &arguments, &environment)
}

pub async fn admin(program: &Program, path: &str, body: Value) -> Answer {
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Answer::read(send(program.admin, path, &headers, &body).await).await
}

pub async fn spend(program: &Program, id: &str, user: &str, dollars: u32) {
    let event = json!({"id": id, "user": user, "cost_usd": dollars.to_string()});
    let answer = admin(program, "/api/v1/usage-events", event).await;
    assert!(answer.status() == 201 || answer.status() == 200, "{}", answer.text());
}

/// Waits until a sink has so many, and gives them.
pub async fn got(sink: &HttpSink, many: usize, within: Duration) -> Vec<Got> {
    let until = Instant::now() + within;
    loop {
        let got = sink.got.lock().clone();
        if got.len() >= many {
            return got;
        }
        assert!(Instant::now() < until, "{} of {many}: {got:#?}", got.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn said(got: &Got) -> (String, u64) {
    let body: Value = serde_json::from_str(&got.body).unwrap();
    (body["account"].as_str().unwrap().to_owned(), body["threshold"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r084_each_threshold_once_ascending_and_again_after_a_reset() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let pager = HttpSink::start(&[&answer("202 Accepted", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    let pagerduty = format!(
        "[[alerts.channels]]\ntype = \"pagerduty\"\nname = \"pager\"\nrouting_key = \
         \"0123456789abcdef0123456789abcdef\"\nurl = \"{}\"\n",
        pager.url("/v2/enqueue")
    );
    file(dir.path(), "0", &(webhook("hook", &hook) + &pagerduty));
    let program = start(dir.path(), &[]);
    let user = json!({"id": "alice", "limits": ["100 usd/month"]});
    assert_eq!(admin(&program, "/api/v1/users", user).await.status(), 201);

    spend(&program, "e1", "alice", 79).await;
    spend(&program, "e2", "alice", 21).await;
    let told: Vec<_> = got(&hook, 3, LIMIT).await.iter().map(said).collect();
    let of = |threshold| ("user:alice".to_owned(), threshold);
    assert_eq!(told, [of(80), of(90), of(100)]);
    spend(&program, "e3", "alice", 1).await;
    let reset = admin(&program, "/api/quota/reset", json!({"account": "user:alice"})).await;
    assert_eq!(reset.status(), 200);
    let events = got(&pager, 4, LIMIT).await;
    let last: Value = serde_json::from_str(&events[3].body).unwrap();
    assert_eq!(last["event_action"], "resolve");
    let first: Value = serde_json::from_str(&events[0].body).unwrap();
    assert_eq!(first["client_url"], "https://farebox.example.com/users/alice");
    assert!(last["dedup_key"].as_str().unwrap().starts_with("farebox/user:alice/"));

    spend(&program, "e4", "alice", 85).await;
    let told = got(&hook, 4, LIMIT).await;
    assert_eq!(said(&told[3]), of(80));
    assert_ne!(told[0].headers["webhook-id"], told[3].headers["webhook-id"]);
    let listed = admin(&program, "/api/v1/alerts?account=user:alice", Value::Null).await.json();
    let thresholds: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|a| a["threshold"].clone()).collect();
    assert_eq!(thresholds, [80, 100, 90, 80]);
    assert_eq!(listed["data"][1]["deliveries"][0]["status"], "delivered");
    let scraped = admin(&program, "/metrics", Value::Null).await;
    let metrics = scraped.text();
    let counted = "farebox_alerts_total{channel=\"hook\",level=\"exceeded\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r087_channels_come_and_go_while_it_runs() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "1h", &webhook("kept", &hook));
    let program = start(dir.path(), &[]);
    let other = HttpSink::start(&[&answer("200 OK", "")]).await;
    let channel = json!({
        "type": "webhook", "name": "live", "url": other.url("/live"), "secret": SECRET,
    });
    let made = admin(&program, "/api/v1/alert-channels", channel.clone()).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert!(!made.text().contains(SECRET), "{}", made.text());
    assert_eq!(admin(&program, "/api/v1/alert-channels", channel.clone()).await.status(), 409);
    let mut private = channel;
    private["name"] = json!("inward");
    private["url"] = json!("http://169.254.169.254/latest");
    let refused = admin(&program, "/api/v1/alert-channels", private).await;
    assert_eq!(refused.status(), 422, "{}", refused.text());
    let tested = admin(&program, "/api/v1/alert-channels/live/test", json!({})).await.json();
    assert_eq!(tested, json!({"delivered": true, "status": "delivered", "error": null}));
    assert_eq!(got(&other, 1, LIMIT).await[0].path, "/live");

    let user = json!({"id": "bob", "limits": ["100 usd/month"]});
    assert_eq!(admin(&program, "/api/v1/users", user).await.status(), 201);
    spend(&program, "e1", "bob", 80).await;
    got(&other, 2, LIMIT).await;
    let until = Instant::now() + LIMIT;
    let told = loop {
        // The sink has it a moment before that is written down.
        let told = verb(&program, &["alerts", "history"]);
        if told.contains("user:bob") && told.contains("live delivered") {
            break told;
        }
        assert!(Instant::now() < until, "{told}");
    };
    let listed = verb(&program, &["alerts", "channels", "list"]);
    assert!(listed.contains("kept") && listed.contains("live"), "{listed}");
    assert!(!(told + &listed).contains("whsec_"));
    verb(&program, &["alerts", "channels", "delete", "live", "--yes"]);
    spend(&program, "e2", "bob", 10).await;
    got(&hook, 2, LIMIT).await;
    let listed = admin(&program, "/api/v1/alerts?level=critical", Value::Null).await.json();
    let deliveries = listed["data"][0]["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert_eq!(other.got.lock().len(), 2);
}

/// What a verb prints.
pub fn verb(program: &Program, arguments: &[&str]) -> String {
    let url = format!("http://{}", program.admin);
    let mut command = binary();
    let command = command.args(arguments).env("FAREBOX_ADMIN_URL", url);
    let output = command.env("FAREBOX_ADMIN_TOKEN", TOKEN).output().unwrap();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {failed}");
    String::from_utf8(output.stdout).unwrap()
}

/// Who may change channels must not learn their secrets: one that was written for a place does not
/// go to another.
#[tokio::test]
async fn r087_a_secret_does_not_follow_a_channel_elsewhere() {
    let desk = Desk::start().await;
    let mail = json!({
        "type": "email", "name": "mail", "host": "smtp.example.com", "from": "a@example.com",
        "to": ["b@example.com"], "username": "farebox", "password": "a-password",
    });
    let page = json!({"type": "pagerduty", "name": "page", "routing_key": "R0UTE"});
    let sms = json!({
        "type": "twilio", "name": "sms", "account_sid": "AC1", "auth_token": "a-token",
        "from": "+15005550006", "to": "+15005550001",
    });
    let elsewhere = json!("https://elsewhere.example.com");
    for (channel, change, secret) in [
        (&mail, json!({"host": "smtp.elsewhere.example.com"}), "password"),
        (&mail, json!({"port": 2525}), "password"),
        (&mail, json!({"tls": "none"}), "password"),
        (&page, json!({"url": elsewhere}), "routing_key"),
        (&sms, json!({"url": elsewhere}), "auth_token"),
    ] {
        let name = channel["name"].as_str().unwrap();
        let path = format!("/api/v1/alert-channels/{name}");
        desk.ask("POST", "/api/v1/alert-channels", channel.clone()).await.of(201);
        let refused = desk.ask("PATCH", &path, change.clone()).await.of(422).to_string();
        assert!(refused.contains(secret), "{change}: {refused}");
        let mut with = change;
        with[secret] = json!("another-one");
        desk.ask("PATCH", &path, with.clone()).await.of(200);
        // What it is already is no other place.
        with.as_object_mut().unwrap().remove(secret);
        with["levels"] = json!(["exceeded"]);
        desk.ask("PATCH", &path, with).await.of(200);
        desk.ask("DELETE", &path, Value::Null).await;
    }
}

/// What another version made can be deleted, and that is audited.
#[tokio::test]
async fn what_cannot_be_read_is_deleted_and_audited() {
    let desk = Desk::start().await;
    let name = "odd".parse().unwrap();
    for (kind, path, word) in [
        (RecordKind::AlertRule, "/api/v1/alert-rules/odd", "alert_rule"),
        (RecordKind::AlertChannel, "/api/v1/alert-channels/odd", "alert_channel"),
    ] {
        desk.ledger.put(kind, &name, "of a newer version", None, When::Absent).await.unwrap();
        desk.ask("DELETE", path, Value::Null).await.of(204);
        assert_eq!(desk.ledger.get(kind, &name).await.unwrap(), None);
        let audit = desk.get(&format!("/api/v1/audit?account={word}:odd")).await.of(200);
        assert_eq!(audit["data"][0]["action"], format!("{word}.delete"), "{audit}");
        desk.ask("DELETE", path, Value::Null).await.of(404);
    }
}
