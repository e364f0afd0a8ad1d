//! `farebox ledger replay` on the built program and a real Redis: what the journal put aside is
//! charged once, and what was charged is not charged again.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{CHAT, PROVIDER_KEY, chat};
use farebox::demo::provider::Simulated;
use farebox::ids::CallId;
use farebox::ledger::Payers;
use serde_json::{Value, json};
use std::path::Path;

/// A settlement as the journal writes it.
fn post(id: CallId, payers: &Payers, nanousd: i64) -> String {
    let event = json!({
        "id": id, "payers": payers, "settled": 0, "service_tier": null, "status": 200,
        "ending": "finished", "estimated": false, "usage": {"input_tokens_total": 10},
        "cost": nanousd, "provider_cost": null, "held": 0, "ttft_ms": 1, "duration_ms": 2,
        "facts": {"started": 1_794_000_000_000_i64, "provider": "openai",
            "credential": "openai-main", "dialect": "openai.chat", "model": "gpt-5",
            "price_version": "1"},
    });
    let charge = json!({"usd": nanousd, "tokens": 10, "characters": 0});
    json!({"Post": {"charge": charge, "event": event}}).to_string()
}

fn spent(redis: &RedisServer) -> String {
    redis.cli(&["HGET", "farebox:{0}:user:alice", "usd.total"])
}

fn replay(program: &Program, dir: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let all = [&["ledger", "replay", "--json"], arguments].concat();
    let output = program.verb(dir, &all);
    let found = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), found)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_aside_is_charged_once() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (url, upstream) = (redis.url(), format!("openai={}", simulated.base_url()));
    let arguments = ["--redis", &url, "--upstream", &upstream];
    let program = Program::serve(dir.path(), &arguments, &[("OPENAI_API_KEY", PROVIDER_KEY)]);
    program.json(dir.path(), &["users", "create", "alice", "--limit", "25usd/month"]);
    let key = program.json(dir.path(), &["keys", "create", "--user", "alice"]);
    assert_eq!(
        program.call(key["key"].as_str().unwrap(), CHAT, "", &chat("gpt-5", "")).await.status(),
        200
    );
    let calls = loop {
        let calls = program.json(dir.path(), &["ledger", "orphans"]);
        assert_eq!(calls, json!([]));
        let export = program.verb(dir.path(), &["ledger", "export"]).stdout;
        if let Ok(call) = serde_json::from_slice::<Value>(&export) {
            break call;
        }
    };
    let before: i64 = spent(&redis).parse().unwrap();

    let payers: Payers =
        serde_json::from_value(json!({"key": key["id"], "user": "alice", "workspace": "default"}))
            .unwrap();
    let known: CallId = calls["id"].as_str().unwrap().parse().unwrap();
    let lost = CallId::new();
    let void = json!({"Void": {"id": CallId::new(), "payers": payers}}).to_string();
    let file = dir.path().join("farebox-data/journal/unapplied.jsonl");
    let lines = [post(lost, &payers, 5_000), post(known, &payers, 7_000), void];
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    // Redis has forgotten how the call ended.
    let marks = redis.cli(&["KEYS", &format!("*{known}*")]);
    for mark in marks.lines() {
        redis.cli(&["DEL", mark]);
    }

    let verdicts = |found: &Value| -> Vec<String> {
        let all = found.as_array().unwrap().iter();
        all.map(|one| one["verdict"].as_str().unwrap().to_owned()).collect()
    };
    let (status, found) = replay(&program, dir.path(), &["--dry-run"]);
    assert_eq!(
        (status, verdicts(&found)),
        (Some(0), ["due", "charged_before", "nothing"].map(str::to_owned).to_vec())
    );
    assert_eq!(found[0]["cost_nanousd"], 5_000);
    let (status, _) = replay(&program, dir.path(), &[]);
    assert_eq!(status, Some(2), "it asks first");
    assert_eq!(spent(&redis).parse::<i64>().unwrap(), before);

    let (status, found) = replay(&program, dir.path(), &["--yes"]);
    assert_eq!(
        (status, verdicts(&found)),
        (Some(0), ["charged", "charged_before", "nothing"].map(str::to_owned).to_vec())
    );
    assert_eq!(spent(&redis).parse::<i64>().unwrap(), before + 5_000);
    assert!(!file.exists(), "nothing is left");
    // A replay that was broken off before it took its lines out.
    std::fs::write(&file, post(lost, &payers, 5_000) + "\nnonsense\n").unwrap();
    let (_, found) = replay(&program, dir.path(), &["--yes"]);
    assert_eq!(verdicts(&found), ["charged_before"]);
    assert_eq!(spent(&redis).parse::<i64>().unwrap(), before + 5_000);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "nonsense\n");
    let (status, found) = replay(&program, dir.path(), &[]);
    assert_eq!((status, found), (Some(0), json!([])));
    assert_eq!(program.json(dir.path(), &["ledger", "verify"])["ok"], true);
}
