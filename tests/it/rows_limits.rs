//! Rows about limits, each shown on the built program: whose limit binds, how soon other proxies
//! know, what is carried over, and what other limits would have done.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::rows_program::{EXAMPLE, Shop};
use crate::world::{CHAT, chat};
use farebox::clock::Clock;
use farebox::limit::{Calendar, Window};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SMALL: &str = r#"{"input":10,"output":10}"#;

#[tokio::test(flavor = "multi_thread")]
async fn r019_thresholds_are_set_with_limits_and_are_the_usual_ones_where_none_are_given() {
    let shop = Shop::open(&[], &[]).await;
    shop.json("workspaces create eng");
    shop.json("users create alice --workspace eng --limit 5usd/day");
    let key = shop.key("alice");
    let key = format!("key:{}", key["id"].as_str().unwrap());
    assert_eq!(shop.json("users show alice")["thresholds"], json!([80, 90, 100]));
    // One and the same verb for every kind of account.
    for (account, limit) in
        [("user:alice", "4usd/day"), (&key, "3usd/day"), ("workspace:eng", "9usd/day")]
    {
        let after = shop.json(&format!("limits set {account} {limit}"));
        let texts: Vec<_> = after.as_array().unwrap().iter().map(|l| l["text"].clone()).collect();
        assert_eq!(texts, [limit.replace("usd", " usd")], "{account}");
        assert_eq!(shop.json(&format!("limits show {account}")), after);
    }
    assert_eq!(shop.json("users set alice --thresholds 75")["thresholds"], json!([75]));
    assert_eq!(shop.json("limits show user:alice")[0]["text"], "4 usd/day");
}

#[tokio::test(flavor = "multi_thread")]
async fn r022_r024_whoever_of_key_user_and_workspace_has_least_left_refuses_and_is_named() {
    let shop = Shop::open(&[], &[]).await;
    for (name, team, user, key, account, limit) in [
        ("ann", "1requests/day", "9usd/day", "9usd/day", "workspace:", "1 requests/day"),
        ("ben", "9requests/day", "1requests/day", "9usd/day", "user:ben", "1 requests/day"),
        ("cat", "9usd/day", "9usd/day", "1requests/day", "key:", "1 requests/day"),
        ("dan", "9usd/day", "450characters/day", "9usd/day", "user:dan", "450 characters/day"),
        ("eve", "365tokens/day", "9usd/day", "9requests/day", "workspace:", "365 tokens/day"),
    ] {
        shop.json(&format!("workspaces create team-{name} --limit {team}"));
        shop.json(&format!("users create {name} --workspace team-{name} --limit {user}"));
        let key = shop.json(&format!("keys create --user {name} --limit {key}"));
        let key = key["key"].as_str().unwrap();
        let script = r#"{"input":300,"output":60,"pad":445}"#;
        assert_eq!(shop.call(key, script).await.status(), 200, "{name}");
        shop.calls(name, 1).await;
        let refused = shop.call(key, script).await;
        assert_eq!(refused.status(), 429, "{name}: {}", refused.text());
        let said = refused.json()["farebox"].clone();
        assert_eq!(said["limit"], limit, "{name}");
        assert!(said["account"].as_str().unwrap().starts_with(account), "{name}: {said}");
        shop.calls(name, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r033_what_is_done_at_one_proxy_binds_the_others_within_a_second() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let one = Shop::open(&["--redis", &redis.url()], &[]).await;
    let dir = tempfile::tempdir().unwrap();
    let simulated = farebox::demo::provider::Simulated::start(None).await.unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let arguments = ["--redis", &redis.url(), "--upstream", &upstream];
    let two = Program::serve(dir.path(), &arguments, &[]);
    one.json("users create alice --limit 5usd/day");
    let key = one.key("alice");
    let (id, key) = (key["id"].as_str().unwrap(), key["key"].as_str().unwrap());
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    let headers = format!("x-simulate: {SMALL}\r\n");
    let there = async || {
        let answer = two.call(key, CHAT, &headers, &body).await;
        let code = if answer.status() == 200 { String::new() } else { answer.code() };
        (answer.status(), code)
    };
    assert_eq!(there().await.0, 200);
    for (line, wanted) in [
        ("limits set user:alice 0usd/day".to_owned(), (429, "insufficient_quota")),
        ("limits set user:alice 5usd/day".to_owned(), (200, "")),
        ("users suspend alice".to_owned(), (403, "account_suspended")),
        ("users resume alice".to_owned(), (200, "")),
        (format!("keys revoke {id} --yes"), (401, "invalid_api_key")),
    ] {
        let output = one.program.verb(one.dir.path(), &line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {output:?}");
        let begun = Instant::now();
        loop {
            let seen = there().await;
            if (seen.0, seen.1.as_str()) == wanted {
                break;
            }
            assert!(begun.elapsed() < Duration::from_millis(1_500), "{line}: still {seen:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_used_yesterday_is_admitted_today() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let shop = Shop::open(&["--redis", &redis.url()], &[]).await;
    let key = shop.user("alice --limit 3requests/day!carry");
    assert_eq!(shop.call(&key, SMALL).await.status(), 200);
    shop.calls("alice", 1).await;
    // The call was made yesterday.
    let today = Calendar::default().period(Window::Day, Clock::system().now());
    let yesterday = Window::Day.before(today).unwrap().to_string();
    redis.cli(&["HSET", "farebox:{0}:user:alice", "requests/day.period", &yesterday]);
    for n in 1..=5 {
        let answer = shop.call(&key, SMALL).await;
        assert_eq!(answer.status(), 200, "{n}");
        let left = (5 - n).to_string();
        assert_eq!(answer.header("x-ratelimit-limit-requests").as_deref(), Some("5"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left));
        shop.calls("alice", n + 1).await;
    }
    let refused = shop.call(&key, SMALL).await;
    assert_eq!(refused.status(), 429);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("3 requests/day !carry +2 requests carried"), "{message}");
    let shown = shop.json("limits show user:alice");
    let figures = ["text", "limit", "carried", "used"].map(|name| &shown[0][name]);
    assert_eq!(figures, [&json!("3 requests/day !carry"), &json!(5), &json!(2), &json!(5)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_built_program_are_tried_under_other_limits_on_both_back_ends() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    for arguments in [vec![], vec!["--redis".to_owned(), redis.url()]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shop = Shop::open(&arguments, &[("FAREBOX_LEDGER__TIMEZONE", "Europe/Berlin")]).await;
        let alice = shop.user("alice --limit 5usd/day --limit 0.004usd/day@gpt-5*!observe");
        let bob = shop.user("bob --limit 5usd/day");
        for n in 1..=3 {
            assert_eq!(shop.call(&alice, EXAMPLE).await.status(), 200);
            shop.calls("alice", n).await;
        }
        assert_eq!(shop.call(&bob, EXAMPLE).await.status(), 200);
        shop.calls("bob", 1).await;
        let row = |line: &str, account: &str| -> Value {
            let rows = shop.json(&format!("limits simulate {line} --since 1h"));
            let rows = rows.as_array().unwrap();
            rows.iter().find(|row| row["account"] == account).unwrap().clone()
        };
        // Each call costs $0.0033475, for which a third of that was held. The second one does not
        // fit any more.
        let found = row("--limit 0.004usd/day", "user:alice");
        assert_eq!((&found["calls"], &found["refused"]), (&json!(3), &json!(2)), "{found}");
        assert_eq!(found["refused_cost_usd"], "0.006695");
        assert_eq!(row("--limit 0.004usd/day", "user:bob")["refused"], 0);
        let found = row("--enforce-observed", "user:alice");
        assert_eq!(
            (&found["refused"], &found["tightest"]),
            (&json!(2), &json!("0.004 usd/day @gpt-5*"))
        );
        let found = row("workspace:default --limit 3requests/day", "workspace:default");
        assert_eq!(
            (&found["calls"], &found["refused"], &found["peak_percent"]),
            (&json!(4), &json!(1), &json!(100))
        );
    }
}
