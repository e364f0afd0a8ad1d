//! Providers and credentials in the admin API, over a socket and a real ledger.

use crate::control_desk::Desk;
use farebox::ledger::AttemptOutcome::{Failed, Served};
use farebox::provider::{Spent, State};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

/// The pool of five, as it is shipped.
async fn five() -> Desk {
    Desk::with_pools(include_str!("../../examples/groq-hf.toml")).await
}

async fn credential(desk: &Desk, name: &str) -> Value {
    desk.get(&format!("/api/v1/credentials/{name}")).await.of(200)
}

/// The fields of an object, as they are named.
fn fields(object: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| object[*name].clone()).collect()
}

fn state(desk: &Desk, name: &str) -> State {
    let (_, credential) = desk.pools.find(&name.parse().unwrap()).unwrap();
    credential.health.condition(desk.clock.now()).state
}

#[tokio::test]
async fn r064_the_capacity_of_a_pool_is_by_unit() {
    let desk = five().await;
    let groq = desk.get("/api/v1/providers/groq").await.of(200);
    assert_eq!(
        groq,
        json!({
            "id": "groq",
            "dialect": "openai",
            "base_url": "http://127.0.0.1:9000/v1",
            "choose": "priority",
            "credentials": ["groq_1", "groq_2", "groq_3"],
            "capacity": {
                "characters/day": {"limit": 43_200, "used": 0, "remaining": 43_200},
            },
        })
    );
    desk.attempt("groq_2", 1_000, Served).await;
    let limits =
        json!({"limits": ["14400characters/day", "0.5usd/month", "9 tokens/day !observe"]});
    desk.ask("PUT", "/api/v1/limits/credential:groq_2", limits).await.of(200);
    let page = desk.get("/api/v1/providers?limit=1").await.of(200);
    assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(true), &json!("groq")));
    assert_eq!(
        page["data"][0]["capacity"],
        json!({
            "characters/day": {"limit": 43_200, "used": 1_000, "remaining": 42_200},
            "usd/month": {"limit": "0.5", "used": "0.01", "remaining": "0.49"},
        })
    );
    let rest = desk.get("/api/v1/providers?after=groq").await.of(200);
    assert_eq!(rest["data"][0]["capacity"]["characters/day"]["limit"], 60_000);
    assert_eq!(rest["has_more"], false);
}

#[tokio::test]
async fn r065_r066_r069_r070_a_credential_has_its_quota_and_the_figures_of_its_day() {
    let desk = five().await;
    desk.attempt("groq_1", 600, Served).await;
    desk.attempt("groq_1", 400, Failed).await;
    let shown = credential(&desk, "groq_1").await;
    for (name, value) in [
        ("config_id", json!("groq_1")),
        ("provider_name", json!("groq_1")),
        ("provider", json!("groq")),
        ("date", json!("2026-11-24")),
        ("request_count", json!(2)),
        ("character_count", json!(1_000)),
        ("tokens", json!(250)),
        ("failed", json!(1)),
        ("cost_usd", json!("0.02")),
        ("cost_nanousd", json!(20_000_000)),
        ("total_requests", json!(2)),
        ("successful_requests", json!(1)),
        ("failed_requests", json!(1)),
        ("total_tokens", json!(250)),
        ("quota_limit", json!(14_400)),
        ("quota_remaining", json!(13_400)),
        ("quota_meter", json!("characters")),
        ("quota_window", json!("day")),
        ("usage_percent", json!(6.9444)),
        ("remaining_percentage", json!(0.931)),
        ("alert_threshold_percent", json!(80)),
        ("alert_triggered", json!(false)),
        ("reset_at", json!("2026-11-25T00:00:00Z")),
        ("last_updated", json!("2026-11-24T21:13:36.123Z")),
        ("last_alert_sent", Value::Null),
        ("status", json!("available")),
        ("available_at", Value::Null),
        ("metadata", json!({"account": "team-a", "plan": "free"})),
    ] {
        assert_eq!(shown[name], value, "{name} in {shown:#}");
    }
    assert!(!shown.to_string().contains("simulated-groq"), "{shown}");
}

#[tokio::test]
async fn r071_r072_the_word_follows_the_quota_and_what_the_provider_did() {
    let desk = five().await;
    let mut used = 0;
    for (to, word, alert) in [
        (11_519, "available", false),
        (11_520, "warning", true),
        (12_960, "critical", true),
        (14_399, "critical", true),
        (14_400, "disabled", true),
    ] {
        desk.attempt("groq_1", to - used, Served).await;
        used = to;
        let shown = credential(&desk, "groq_1").await;
        assert_eq!(shown["status"], word, "{used}");
        assert_eq!(shown["alert_triggered"], alert, "{used}");
    }
    let shown = credential(&desk, "groq_1").await;
    let names = ["quota_remaining", "usage_percent", "remaining_percentage"];
    assert_eq!(fields(&shown, &names), json!([0, 100, 0]));
    desk.clock.advance(DAY_MS);
    let next = credential(&desk, "groq_1").await;
    assert_eq!(fields(&next, &["status", "quota_remaining"]), json!(["available", 14_400]));
    assert_eq!(fields(&next, &["date", "character_count"]), json!(["2026-11-25", 0]));
    assert_eq!(fields(&next, &["total_requests", "last_updated"])[0], 5);

    let (_, other) = desk.pools.find(&"groq_2".parse().unwrap()).unwrap();
    other.health.spent(Spent::Until(desk.clock.now() + 60_000));
    let shown = credential(&desk, "groq_2").await;
    assert_eq!(shown["status"], "disabled");
    assert_eq!(shown["available_at"], "2026-11-25T21:14:36Z");
}

#[tokio::test]
async fn r071_r077_all_credentials_are_listed_and_independent() {
    let desk = five().await;
    desk.attempt("huggingface_1", 30_000, Served).await;
    let page = desk.get("/api/v1/credentials").await.of(200);
    let shown = |one: &Value| fields(one, &["config_id", "provider", "status", "quota_remaining"]);
    let all: Vec<Value> = page["data"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(
        json!(all),
        json!([
            ["groq_1", "groq", "available", 14_400],
            ["groq_2", "groq", "available", 14_400],
            ["groq_3", "groq", "available", 14_400],
            ["huggingface_1", "huggingface", "disabled", 0],
            ["huggingface_2", "huggingface", "available", 30_000],
        ])
    );
    let page = desk.get("/api/v1/credentials?provider=groq&limit=2").await.of(200);
    assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(true), &json!("groq_2")));
    let rest = desk.get("/api/v1/credentials?provider=groq&limit=2&after=groq_2").await.of(200);
    assert_eq!(rest["data"][0]["config_id"], "groq_3");
    assert_eq!(rest["next_cursor"], Value::Null);
    let none = desk.get("/api/v1/credentials?provider=nobody").await.of(200);
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn r065_days_that_are_over_can_be_read() {
    let desk = five().await;
    desk.attempt("groq_1", 14_400, Served).await;
    desk.clock.advance(2 * DAY_MS);
    desk.attempt("groq_1", 720, Served).await;
    let then = desk.get("/api/v1/credentials/groq_1?date=2026-11-24").await.of(200);
    let names = ["date", "character_count", "quota_remaining", "usage_percent", "reset_at"];
    assert_eq!(fields(&then, &names), json!(["2026-11-24", 14_400, 0, 100, null]));
    let quiet = desk.get("/api/v1/credentials?date=2026-11-25").await.of(200);
    assert_eq!(fields(&quiet["data"][0], &names), json!(["2026-11-25", 0, 14_400, 0, null]));
    let days = desk.get("/api/v1/credentials/groq_1/days").await.of(200);
    let metadata = json!({"account": "team-a", "plan": "free"});
    assert_eq!(
        days["data"],
        json!([
            {"date": "2026-11-24", "request_count": 1, "character_count": 14_400, "tokens": 3_600,
             "failed": 0, "cost_usd": "0.01", "cost_nanousd": 10_000_000, "metadata": metadata},
            {"date": "2026-11-26", "request_count": 1, "character_count": 720, "tokens": 180,
             "failed": 0, "cost_usd": "0.01", "cost_nanousd": 10_000_000, "metadata": metadata},
        ])
    );
    let path = "/api/v1/credentials/groq_1/days?from=2026-11-25&to=2026-11-26";
    let days = desk.get(path).await.of(200);
    assert_eq!(days["data"].as_array().unwrap().len(), 1);
    for (query, words) in [
        ("days?from=2026-11-26&to=2026-11-25", "`2026-11-26` is after `2026-11-25`"),
        ("days?from=1026-11-26", "days"),
        ("days?from=yesterday", "`yesterday` is not a day"),
        ("days?since=7d", "`since` is not known"),
    ] {
        let problem = desk.get(&format!("/api/v1/credentials/groq_1/{query}")).await.of(422);
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    desk.get("/api/v1/credentials?date=2026-13-01").await.of(422);
}

#[tokio::test]
async fn r072_a_credential_is_disabled_and_enabled_by_hand() {
    let desk = five().await;
    let shown = desk.ask("POST", "/api/v1/credentials/groq_1/disable", json!({})).await.of(200);
    assert_eq!(shown["status"], "disabled");
    assert_eq!(state(&desk, "groq_1"), State::Disabled);
    assert_eq!(credential(&desk, "groq_2").await["status"], "available");
    desk.clock.advance(DAY_MS);
    assert_eq!(credential(&desk, "groq_1").await["status"], "disabled");
    let shown = desk.ask("POST", "/api/v1/credentials/groq_1/enable", json!({})).await.of(200);
    assert_eq!(shown["status"], "available");
    assert_eq!(state(&desk, "groq_1"), State::Available);
    let body = json!({"status": "available"});
    desk.ask("POST", "/api/v1/credentials/groq_1/enable", body).await.of(422);
}

#[tokio::test]
async fn r076_one_credential_or_a_whole_pool_is_reset() {
    let desk = five().await;
    for name in ["groq_1", "groq_2", "huggingface_1"] {
        let all = if name.starts_with("groq") { 14_400 } else { 30_000 };
        desk.attempt(name, all, Served).await;
    }
    let shown = desk.ask("POST", "/api/v1/credentials/groq_1/reset", json!({})).await.of(200);
    let names = ["status", "quota_remaining", "character_count", "total_requests"];
    assert_eq!(fields(&shown, &names), json!(["available", 14_400, 14_400, 1]));
    assert_eq!(state(&desk, "groq_1"), State::Available);
    assert_eq!(credential(&desk, "groq_2").await["status"], "disabled");
    let pool = desk.ask("POST", "/api/v1/providers/groq/reset", json!({})).await.of(200);
    assert_eq!(pool["capacity"]["characters/day"]["used"], 0);
    assert_eq!(credential(&desk, "groq_2").await["status"], "available");
    assert_eq!(credential(&desk, "huggingface_1").await["status"], "disabled");
}

#[tokio::test]
async fn r078_what_is_not_configured_does_not_exist() {
    let desk = five().await;
    for (method, path) in [
        ("GET", "/api/v1/credentials/nobody"),
        ("GET", "/api/v1/credentials/nobody/days"),
        ("GET", "/api/v1/credentials/a%20b"),
        ("POST", "/api/v1/credentials/nobody/enable"),
        ("POST", "/api/v1/credentials/nobody/disable"),
        ("POST", "/api/v1/credentials/nobody/reset"),
        ("GET", "/api/v1/providers/nobody"),
        ("POST", "/api/v1/providers/nobody/reset"),
    ] {
        let problem = desk.ask(method, path, Value::Null).await.of(404);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("nobody") || detail.contains("a b"), "{path}: {detail}");
    }
    desk.attempt("groq_1", 0, Served).await;
    let shown = credential(&desk, "groq_1").await;
    assert_eq!(fields(&shown, &["request_count", "character_count"]), json!([1, 0]));
    assert_eq!(shown["remaining_percentage"], 1);
}

#[tokio::test]
async fn a_limit_of_zero_is_used_up_and_no_limit_is_null() {
    let desk = five().await;
    for (limits, expected) in [
        (json!(["0 characters/day"]), json!(["disabled", 0, 0, 100, 0, "characters"])),
        (json!([]), json!(["available", null, null, null, null, null])),
        (json!(["2usd/month"]), json!(["available", "2", "2", 0, 1, "usd"])),
    ] {
        let body = json!({"limits": limits});
        desk.ask("PUT", "/api/v1/limits/credential:groq_1", body).await.of(200);
        let shown = credential(&desk, "groq_1").await;
        let names = ["status", "quota_limit", "quota_remaining", "usage_percent"];
        let more = ["remaining_percentage", "quota_meter"];
        assert_eq!(fields(&shown, &[&names[..], &more[..]].concat()), expected);
    }
}
