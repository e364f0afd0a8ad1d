//! Rules of the built program, from what was spent to the channel: each kind once, again when it was
//! over, and told over when it is.

use crate::alert_sinks::{Got, HttpSink, answer};
use crate::alerts::{SECRET, TOKEN, admin, file, got, spend, start, verb, webhook};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, LIMIT};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

pub fn pagerduty(sink: &HttpSink) -> String {
    format!(
        "[[alerts.channels]]\ntype = \"pagerduty\"\nname = \"pager\"\nrouting_key = \
         \"0123456789abcdef0123456789abcdef\"\nurl = \"{}\"\n",
        sink.url("/v2/enqueue")
    )
}

pub fn body(got: &Got) -> Value {
    serde_json::from_str(&got.body).unwrap()
}

pub async fn user(program: &Program, id: &str, limits: &[&str]) {
    let made = admin(program, "/api/v1/users", json!({"id": id, "limits": limits})).await;
    assert_eq!(made.status(), 201, "{}", made.text());
}

/// Makes a rule over the API.
pub async fn rule(program: &Program, rule: Value) -> Value {
    let made = admin(program, "/api/v1/alert-rules", rule).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    made.json()
}

/// Asks for a change.
pub async fn change(program: &Program, path: &str, body: Value, headers: &str) -> Answer {
    let (body, mut stream) = (body.to_string(), TcpStream::connect(program.admin).await.unwrap());
    let request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n\
         {headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::read(stream).await
}

async fn report(program: &Program, event: Value) {
    let answer = admin(program, "/api/v1/usage-events", event).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r096_absolute_usd_fires_once_for_each_account_and_is_told_over() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let pager = HttpSink::start(&[&answer("202 Accepted", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    let all = "[[alerts.rules]]\nname = \"all\"\nkind = \"absolute_usd\"\namount = \"150usd\"\n\
               level = \"critical\"\n";
    file(dir.path(), "0", &(webhook("hook", &hook) + &pagerduty(&pager) + all));
    let program = start(dir.path(), &[]);
    for id in ["team-a", "team-b", "other"] {
        user(&program, id, &[]).await;
    }
    let spendy = json!({
        "name": "spendy", "kind": "absolute_usd", "account": "user:team-*", "amount": "50usd",
        "window": "day",
    });
    rule(&program, spendy).await;
    for (id, dollars) in [("team-a", 49), ("team-b", 50), ("other", 50)] {
        spend(&program, id, id, dollars).await;
    }
    let first = body(&got(&hook, 1, LIMIT).await[0]);
    assert_eq!(
        (&first["alert_type"], &first["rule"], &first["account"], &first["level"]),
        (&json!("absolute_usd"), &json!("spendy"), &json!("user:team-b"), &json!("warning"))
    );
    assert_eq!((&first["cost_usd"], &first["threshold"]), (&json!("50"), &Value::Null));
    assert!(first["resets_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{first}");

    spend(&program, "more", "team-a", 1).await;
    let second = body(&got(&hook, 3, LIMIT).await[1]);
    let third = body(&hook.got.lock()[2]);
    let mut told = [&second, &third].map(|body| body["rule"].as_str().unwrap());
    told.sort();
    assert_eq!(told, ["all", "spendy"]);
    let opened = got(&pager, 3, LIMIT).await;
    let keys: Vec<_> =
        opened.iter().map(|got| body(got)["dedup_key"].as_str().unwrap().to_owned()).collect();
    for key in ["farebox/user:team-a/spendy", "farebox/user:team-b/spendy", "farebox/all/all"] {
        assert!(keys.iter().any(|one| one == key), "{key}: {keys:?}");
    }

    let listed = admin(&program, "/api/v1/alerts?account=user:team-a", Value::Null).await.json();
    let one = &listed["data"][0];
    assert_eq!((&one["kind"], &one["rule"]), (&json!("absolute_usd"), &json!("spendy")));
    assert_eq!(
        one["headline"],
        "COST ALERT: user:team-a spent $50 this day, the rule fires at $50"
    );
    verb(&program, &["alerts", "rules", "delete", "spendy", "--yes"]);
    let over = got(&pager, 5, LIMIT).await;
    for got in &over[3..] {
        assert_eq!(body(got)["event_action"], "resolve", "{}", got.body);
    }
    // Two more checks say nothing new.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((hook.got.lock().len(), pager.got.lock().len()), (3, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r096_burn_rate_by_dollars_an_hour_and_by_an_even_pace() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "0", &webhook("hook", &hook));
    let program = start(dir.path(), &[]);
    user(&program, "alice", &["2400 usd/day"]).await;
    user(&program, "bob", &["2400 usd/day"]).await;
    rule(
        &program,
        json!({"name": "fast", "kind": "burn_rate", "amount": "60usd", "window": "30m"}),
    )
    .await;
    rule(&program, json!({"name": "pace", "kind": "burn_rate", "percent": 20, "window": "1h"}))
        .await;
    spend(&program, "e1", "alice", 10).await;
    spend(&program, "e2", "bob", 19).await;
    spend(&program, "e3", "alice", 10).await;
    let told = got(&hook, 2, LIMIT).await;
    let fast = told.iter().map(body).find(|body| body["rule"] == "fast").unwrap();
    assert_eq!((&fast["config_id"], &fast["cost_usd"]), (&json!("fast"), &json!("39")));
    let pace = told.iter().map(body).find(|body| body["rule"] == "pace").unwrap();
    assert_eq!(
        (&pace["account"], &pace["alert_type"]),
        (&json!("user:alice"), &json!("burn_rate"))
    );
    let listed = admin(&program, "/api/v1/alerts", Value::Null).await.json();
    let text = listed["data"].to_string();
    assert!(text.contains("20% of an even pace through its limit of $2400 a day"), "{text}");
    assert!(
        text.contains("all accounts together spends $78 an hour ($39 in the last 30m)"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r096_error_rate_of_each_provider() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "0", &webhook("hook", &hook));
    let program = start(dir.path(), &[]);
    user(&program, "alice", &[]).await;
    rule(
        &program,
        json!({"name": "errors", "kind": "error_rate", "percent": 40, "minimum_requests": 5}),
    )
    .await;
    for n in 0..5 {
        for provider in ["bad", "good"] {
            let success = provider == "good" || n > 1;
            report(
                &program,
                json!({"id": format!("{provider}{n}"), "user": "alice", "provider": provider,
                    "request_count": 1, "success": success}),
            )
            .await;
        }
    }
    let told = body(&got(&hook, 1, LIMIT).await[0]);
    assert_eq!(
        (&told["alert_type"], &told["provider"], &told["rule"]),
        (&json!("error_rate"), &json!("bad"), &json!("errors"))
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    let all = hook.got.lock().clone();
    assert_eq!(all.len(), 1, "{all:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r096_of_several_proxies_one_tells_and_a_changed_rule_tells_anew() {
    let redis = RedisServer::start(&[]);
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut programs = Vec::new();
    for dir in &dirs {
        file(dir.path(), "0", &webhook("hook", &hook));
        programs.push(start(dir.path(), &["--redis", &redis.url()]));
    }
    user(&programs[0], "alice", &[]).await;
    let spendy = json!({
        "name": "spendy", "kind": "absolute_usd", "account": "user:*", "amount": 5,
        "window": "24h",
    });
    let made = rule(&programs[1], spendy).await;
    assert_eq!((&made["source"], &made["amount"]), (&json!("api"), &json!("5usd")));
    spend(&programs[2], "e1", "alice", 6).await;
    got(&hook, 1, LIMIT).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(hook.got.lock().len(), 1);
    let changed = verb(&programs[0], &["alerts", "rules", "list", "--json"]);
    assert!(changed.contains("spendy"), "{changed}");
    let answer =
        change(&programs[0], "/api/v1/alert-rules/spendy", json!({"amount": "6usd"}), "").await;
    assert_eq!((answer.status(), &answer.json()["amount"]), (200, &json!("6usd")));
    got(&hook, 2, LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r096_rules_are_made_changed_and_deleted_over_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let kept = "[[alerts.rules]]\nname = \"kept\"\nkind = \"absolute_usd\"\namount = \"1usd\"\n";
    file(dir.path(), "1h", kept);
    let program = start(dir.path(), &[]);
    let at = "/api/v1/alert-rules";
    for (refused, pointer) in [
        (json!({"name": "x", "kind": "burn_rat", "amount": 1}), "/kind: `burn_rat`"),
        (json!({"name": "x", "kind": "absolute_usd"}), "/amount: it is missing"),
        (json!({"name": "x y", "kind": "absolute_usd", "amount": 1}), "/name: "),
        (json!({"name": "x", "kind": "spike", "window": "2w"}), "/window: 14d is not whole"),
        (
            json!({"name": "x", "kind": "absolute_usd", "amount": 1, "workspace": "nobody"}),
            "workspace:nobody",
        ),
    ] {
        let answer = admin(&program, at, refused.clone()).await;
        assert!(answer.status() == 422 || answer.status() == 404, "{refused}: {}", answer.text());
        assert!(answer.text().contains(pointer), "{refused}: {}", answer.text());
    }
    let taken = json!({"name": "kept", "kind": "spike"});
    assert_eq!(admin(&program, at, taken).await.status(), 409);
    rule(&program, json!({"name": "mine", "kind": "spike", "account": "user:*"})).await;
    let shown = admin(&program, "/api/v1/alert-rules/mine", Value::Null).await;
    let tag = shown.header("etag").expect("an ETag").to_owned();
    assert_eq!(shown.json()["percent"], 300);
    let changed = change(&program, "/api/v1/alert-rules/mine", json!({"percent": 200}), "");
    assert_eq!(changed.await.json()["percent"], 200);
    let stale = change(
        &program,
        "/api/v1/alert-rules/mine",
        json!({"percent": 400}),
        &format!("if-match: {tag}\r\n"),
    )
    .await;
    assert_eq!(stale.status(), 412, "{}", stale.text());
    for path in ["/api/v1/alert-rules/kept", "/api/v1/alert-rules/mine"] {
        let named = change(&program, path, json!({"kind": "burn_rate"}), "").await;
        let status = if path.ends_with("kept") { 409 } else { 422 };
        assert_eq!(named.status(), status, "{}", named.text());
    }
    let made = verb(
        &program,
        &["alerts", "rules", "create", "cli", "absolute_usd", "account=user:*", "amount=100usd"],
    );
    assert!(made.contains("created absolute_usd rule cli"), "{made}");
    let listed = verb(&program, &["alerts", "rules", "list"]);
    assert!(listed.contains("amount=100usd window=day") && listed.contains("file"), "{listed}");
    println!("{listed}");
    verb(&program, &["alerts", "rules", "delete", "cli", "--yes"]);
    let audit = admin(&program, "/api/v1/audit?account=alert_rule:mine", Value::Null).await;
    let audit = audit.text();
    assert!(audit.contains("alert_rule.create") && audit.contains("alert_rule.change"), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r097_what_will_pass_its_limit_is_told_before() {
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "0", "");
    let program = start(dir.path(), &[]);
    user(&program, "alice", &["25 usd/month !observe"]).await;
    user(&program, "bob", &["900000 usd/month"]).await;
    spend(&program, "e1", "alice", 30).await;
    spend(&program, "e2", "bob", 1).await;
    let channel = json!({
        "type": "webhook", "name": "hook", "url": hook.url("/hook"), "secret": SECRET,
    });
    assert_eq!(admin(&program, "/api/v1/alert-channels", channel).await.status(), 201);
    rule(&program, json!({"name": "ahead", "kind": "projected_exceed", "level": "critical"})).await;
    let until = Instant::now() + LIMIT;
    let told = loop {
        let all = hook.got.lock().clone();
        if let Some(told) = all.iter().map(body).find(|body| body["rule"] == "ahead") {
            break told;
        }
        assert!(Instant::now() < until, "{all:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (&told["alert_type"], &told["account"], &told["level"], &told["cost_usd"]),
        (&json!("projected_exceed"), &json!("user:alice"), &json!("critical"), &json!("30"))
    );
    assert!(told["resets_at"].as_str().is_some(), "{told}");
    let listed = admin(&program, "/api/v1/alerts?account=user:bob", Value::Null).await.json();
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r096_a_model_without_a_price_and_a_ledger_that_does_not_add_up() {
    let redis = RedisServer::start(&[]);
    let hook = HttpSink::start(&[&answer("200 OK", "")]).await;
    let dir = tempfile::tempdir().unwrap();
    let rules = "[[alerts.rules]]\nname = \"prices\"\nkind = \"unpriced_model\"\n\
                 [[alerts.rules]]\nname = \"sums\"\nkind = \"ledger_imbalance\"\nwindow = \"1m\"\n";
    file(dir.path(), "0", &(webhook("hook", &hook) + rules));
    let program = start(dir.path(), &["--redis", &redis.url()]);
    user(&program, "alice", &["100 usd/month"]).await;
    let key = admin(&program, "/api/v1/keys", json!({"user": "alice"})).await.json();
    let headers = format!("authorization: Bearer {}\r\n", key["key"].as_str().unwrap());
    let call = crate::world::chat("gpt-of-nobody", "");
    let sent = crate::world::send(program.data, crate::world::CHAT, &headers, &call).await;
    let refused = Answer::read(sent).await;
    assert!(refused.text().contains("gpt-of-nobody"), "{}", refused.text());
    let told = body(&got(&hook, 1, LIMIT).await[0]);
    assert_eq!(
        (&told["alert_type"], &told["rule"], &told["account"]),
        (&json!("unpriced_model"), &json!("prices"), &Value::Null)
    );
    // The check of the ledger was made and found nothing; a proxy that starts checks again.
    drop(program);
    redis.cli(&["HINCRBY", "farebox:{0}:user:alice", "usd.held", "7"]);
    let _program = start(dir.path(), &["--redis", &redis.url()]);
    let told = body(&got(&hook, 2, LIMIT).await[1]);
    assert_eq!((&told["alert_type"], &told["rule"]), (&json!("ledger_imbalance"), &json!("sums")));
}
