//! The daily quota of a provider's key, case by case as the first of its kind was tested, on the
//! built program: made, used, remaining, available or not, its figures, all of them, apart from each
//! other, reset, alerts, unknown, zero.

use crate::program::Program;
use crate::world::{Answer, CHAT, LIMIT};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::time::Instant;

/// Two keys of 14,400 characters a day each, in this order.
struct Desk {
    program: Program,
    key: String,
    simulated: Simulated,
    dir: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let credential = |name: &str| {
            format!(
                "[[providers.groq.credentials]]\nname = '{name}'\napi_key = 'sk-provider-{name}'\n\
                 limits = ['14400 characters/day']\n"
            )
        };
        let file = format!(
            "[enforcement]\nmode = 'strict'\n[providers.groq]\nbase_url = '{}'\n{}{}",
            simulated.base_url(),
            credential("groq_1"),
            credential("groq_2")
        );
        std::fs::write(dir.path().join("farebox.toml"), file).unwrap();
        let program = Program::serve(dir.path(), &[], &[]);
        let mut desk = Self { program, key: String::new(), simulated, dir };
        desk.json("users create alice --limit 100usd/day");
        desk.key = desk.json("keys create --user alice")["key"].as_str().unwrap().to_owned();
        desk
    }

    fn json(&self, line: &str) -> Value {
        self.program.json(self.dir.path(), &line.split(' ').collect::<Vec<_>>())
    }

    /// A call that uses so many characters, all that it holds: four of them are an answer of a token.
    async fn call(&self, characters: usize) -> Answer {
        let said = "x".repeat(characters - 4);
        let body = json!({
            "model": "openai/gpt-oss-20b",
            "max_completion_tokens": 1,
            "messages": [{"role": "user", "content": said}],
        });
        let script = "x-simulate: {\"pad\":4,\"output\":1,\"chunks\":1}\r\n";
        self.program.call(&self.key, CHAT, script, &body.to_string()).await
    }

    /// Uses so many characters, and waits until a key's figures say so.
    async fn used(&self, name: &str, characters: usize, sum: i64) -> Value {
        assert_eq!(self.call(characters).await.status(), 200);
        self.until(name, |shown| shown["character_count"] == sum).await
    }

    async fn until(&self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let shown = self.json(&format!("providers show {name}"));
            if holds(&shown) {
                return shown;
            }
            assert!(begun.elapsed() < LIMIT, "{shown}");
        }
    }

    /// The lines of the log with this text, as objects.
    fn logged(&self, text: &str) -> Vec<Value> {
        let log = self.program.log_text();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn figures(shown: &Value) -> (i64, i64, &Value, &str) {
    let count = |name: &str| shown[name].as_i64().unwrap();
    let status = shown["status"].as_str().unwrap();
    (count("request_count"), count("character_count"), &shown["remaining_percentage"], status)
}

#[tokio::test(flavor = "multi_thread")]
async fn r079_a_key_is_made_used_and_full_with_the_words_and_figures_of_each_step() {
    let desk = Desk::open().await;
    assert_eq!(figures(&desk.json("providers show groq_1")), (0, 0, &json!(1), "available"));
    let one = desk.used("groq_1", 1_000, 1_000).await;
    assert_eq!(figures(&one), (1, 1_000, &json!(0.931), "available"));
    let warned = desk.used("groq_1", 10_520, 11_520).await;
    assert_eq!(figures(&warned), (2, 11_520, &json!(0.2), "warning"));
    let grave = desk.used("groq_1", 1_440, 12_960).await;
    assert_eq!(figures(&grave), (3, 12_960, &json!(0.1), "critical"));
    let full = desk.used("groq_1", 1_440, 14_400).await;
    assert_eq!(figures(&full), (4, 14_400, &json!(0), "disabled"));
    for (field, value) in [
        ("config_id", json!("groq_1")),
        ("provider", json!("groq")),
        ("quota_limit", json!(14_400)),
        ("quota_remaining", json!(0)),
        ("usage_percent", json!(100)),
        ("alert_triggered", json!(true)),
        ("successful_requests", json!(4)),
        ("failed_requests", json!(0)),
    ] {
        assert_eq!(full[field], value, "{field}");
    }
    // Over the quota, what remains is nothing and not less.
    desk.json("limits set credential:groq_1 10000characters/day");
    let over = desk.json("providers show groq_1");
    assert_eq!((&over["remaining_percentage"], &over["usage_percent"]), (&json!(0), &json!(144)));
}

#[tokio::test(flavor = "multi_thread")]
async fn r068_whether_a_key_is_available_is_known_before_the_provider_is_called() {
    let desk = Desk::open().await;
    // Two of three calls of 5,000 fit into the first key, the third goes to the second.
    for (name, sum) in [("groq_1", 5_000), ("groq_1", 10_000), ("groq_2", 5_000)] {
        desk.used(name, 5_000, sum).await;
    }
    assert_eq!(desk.json("providers show groq_1")["character_count"], 10_000);
    desk.used("groq_2", 5_000, 10_000).await;
    let before = desk.simulated.bill().calls();
    let refused = desk.call(5_000).await;
    assert_eq!((refused.status(), refused.code().as_str()), (503, "provider_quota_exhausted"));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(desk.simulated.bill().calls(), before, "the provider was not called");
    // What is smaller still fits.
    desk.used("groq_1", 4_400, 14_400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r079_keys_are_listed_independent_and_reset_one_by_one_or_all() {
    let desk = Desk::open().await;
    desk.used("groq_1", 14_400, 14_400).await;
    desk.used("groq_2", 1_000, 1_000).await;
    let listed = desk.json("providers list");
    let all: Vec<_> = listed.as_array().unwrap().iter().map(|c| c["status"].clone()).collect();
    assert_eq!(all, ["disabled", "available"]);
    desk.json("providers reset groq_1 --yes");
    let remaining =
        |name: &str| desk.json(&format!("providers show {name}"))["quota_remaining"].clone();
    assert_eq!((remaining("groq_1"), remaining("groq_2")), (json!(14_400), json!(13_400)));
    desk.until("groq_1", |shown| shown["status"] == "available").await;
    desk.json("providers reset --all --yes");
    assert_eq!((remaining("groq_1"), remaining("groq_2")), (json!(14_400), json!(14_400)));
    let unknown = desk.program.verb(desk.dir.path(), &["providers", "show", "groq_9"]);
    assert_eq!(unknown.status.code(), Some(5));
    // No characters: nothing is used of the quota.
    let free = desk.program.call(&desk.key, "/v1/models", "", "").await;
    assert_eq!(free.status(), 200);
    assert_eq!(remaining("groq_1"), 14_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn r074_r075_each_threshold_is_logged_once_at_its_level() {
    let desk = Desk::open().await;
    for (characters, sum) in [(11_520, 11_520), (100, 11_620), (1_340, 12_960), (1_440, 14_400)] {
        desk.used("groq_1", characters, sum).await;
    }
    let lines = desk.logged("QUOTA ");
    let said: Vec<_> = lines
        .iter()
        .filter(|line| line["account"] == "credential:groq_1")
        .map(|line| (line["level"].as_str().unwrap(), line["message"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("WARN", "QUOTA WARNING: groq_1 at 80.0% (11,520/14,400 chars)"),
            ("ERROR", "QUOTA CRITICAL: groq_1 at 90.0% (12,960/14,400 chars)"),
            ("ERROR", "QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars)"),
        ]
    );
}
