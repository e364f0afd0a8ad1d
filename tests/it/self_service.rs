//! What the owner of a key sees of itself at the data listener, on the built program.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

const ENVIRONMENT: &[(&str, &str)] = &[("OPENAI_API_KEY", "sk-x")];
const EXAMPLE: &str = "x-simulate: {\"input\":2006,\"cached\":1920,\"output\":300}\r\n";

fn user(program: &Program, dir: &Path, name: &str, limits: &[&str]) -> String {
    let limits = limits.iter().flat_map(|limit| ["--limit", limit]);
    let arguments: Vec<&str> = ["users", "create", name].into_iter().chain(limits).collect();
    program.json(dir, &arguments);
    let key = program.json(dir, &["keys", "create", "--user", name]);
    key["key"].as_str().unwrap().to_owned()
}

async fn own(program: &Program, key: &str) -> Value {
    let answer = program.call(key, "/v1/key", "", "").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    answer.json()["data"].clone()
}

/// A JSON number of dollars in nano-dollars.
fn nanos(dollars: &Value) -> i64 {
    format!("{:.0}", dollars.as_f64().unwrap() * 1e9).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r115_llm_quota_the_key_itself_and_redis_agree() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let simulated = Simulated::start(None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (url, upstream) = (redis.url(), format!("openai={}", simulated.base_url()));
    let arguments = ["--redis", &url, "--upstream", &upstream];
    let program = Program::serve(dir.path(), &arguments, ENVIRONMENT);
    let key = user(&program, dir.path(), "alice", &["25usd/month", "9requests/day"]);
    for calls in 1..=3_i64 {
        assert_eq!(program.call(&key, CHAT, EXAMPLE, &chat("gpt-5", "")).await.status(), 200);
        let spent = (3_347_500 * calls).to_string();
        let begun = Instant::now();
        while redis.cli(&["HGET", "farebox:{0}:user:alice", "usd/month.used"]) != spent {
            assert!(begun.elapsed() < LIMIT, "the charge does not arrive");
        }
    }
    // One more call holds money and is not over.
    let headers = format!(
        "authorization: Bearer {key}\r\nx-simulate: {{\"chunks\":9,\"stall_after\":3}}\r\n"
    );
    let body = chat("gpt-5", r#","stream":true,"max_completion_tokens":60"#);
    let stream = send(program.data, CHAT, &headers, &body).await;
    tokio::time::timeout(LIMIT, stream.readable()).await.unwrap().unwrap();
    let view = own(&program, &key).await;
    let quota = program.json(dir.path(), &["users", "show", "alice"])["llm_quota"].clone();
    let field = |name: &str| redis.cli(&["HGET", "farebox:{0}:user:alice", name]);
    let held: i64 = field("usd.held").parse().unwrap();
    assert!(held > 0);
    assert_eq!(field("usd/month.used"), "10042500");
    assert_eq!(
        (&quota["dollars_used"], &quota["dollars_per_period"]),
        (&"0.0100425".into(), &"25".into())
    );
    assert_eq!(view["limits"][0]["used"], quota["dollars_used"]);
    assert_eq!(view["limits"][0]["held"], quota["dollars_held"]);
    assert_eq!(view["limits"][0]["usage_percent"], quota["utilization_percent"]);
    assert_eq!(view["limit_reset"], quota["resets_at"]);
    assert_eq!(view["limit"], 25);
    assert_eq!(nanos(&view["limit_remaining"]), 25_000_000_000 - 10_042_500 - held);
    for usage in ["usage", "usage_daily", "usage_weekly", "usage_monthly"] {
        assert_eq!(view[usage], json!(0.0100425), "{usage}");
    }
    // Four calls were counted; looking is none.
    assert_eq!(field("requests/day.used"), "4");
    assert_eq!(view["limits"][1]["used"], 4);
    assert!(!view.to_string().contains(&key));
}

#[tokio::test(flavor = "multi_thread")]
async fn r115_a_key_sees_itself_when_it_may_not_call_and_only_while_it_is_one() {
    let simulated = Simulated::start(None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let program = Program::serve(dir.path(), &["--upstream", &upstream], ENVIRONMENT);
    let key = user(&program, dir.path(), "bob", &["0.003usd/day", "1requests/day"]);
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    assert_eq!(program.call(&key, CHAT, EXAMPLE, &body).await.status(), 200);
    assert_eq!(program.call(&key, CHAT, EXAMPLE, &body).await.status(), 429);
    let view = own(&program, &key).await;
    assert_eq!((&view["limit_remaining"], &view["usage"]), (&json!(0), &json!(0.0033475)));
    assert_eq!(view["limits"][1]["used"], 1);
    program.json(dir.path(), &["users", "suspend", "bob"]);
    let begun = Instant::now();
    while program.call(&key, CHAT, EXAMPLE, &body).await.code() != "account_suspended" {
        assert!(begun.elapsed() < LIMIT, "still not suspended");
    }
    assert_eq!(own(&program, &key).await, view);
    // Nobody else learns anything, and there is nothing to do but look.
    let unknown = Answer::read(send(program.data, "/v1/key", "", "").await).await;
    assert_eq!((unknown.status(), unknown.code()), (401, "invalid_api_key".to_owned()));
    program.json(dir.path(), &["users", "resume", "bob"]);
    let begun = Instant::now();
    loop {
        let answer = program.call(&key, "/v1/key", "", "{}").await;
        match answer.code().as_str() {
            "unknown_route" => break,
            _ => assert!(begun.elapsed() < LIMIT, "{}", answer.text()),
        }
    }
    let id = program.json(dir.path(), &["keys", "list", "--user", "bob"])[0]["id"].clone();
    program.json(dir.path(), &["keys", "revoke", id.as_str().unwrap(), "--yes"]);
    let begun = Instant::now();
    while program.call(&key, "/v1/key", "", "").await.status() != 401 {
        assert!(begun.elapsed() < LIMIT, "still not revoked");
    }
}
