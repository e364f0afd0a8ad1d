//! The configurations of `examples/`: each runs on the built program against the simulated provider.

use crate::program::{Program, farebox};
use crate::world::{Answer, CHAT, LIMIT, chat};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// A program with the configuration of an example.
struct Shop {
    program: Program,
    dir: tempfile::TempDir,
    _simulated: Simulated,
}

impl Shop {
    /// Points the providers at the simulated one: those that speak OpenAI's dialect, and others.
    async fn open(name: &str, openai: &[&str], others: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let base = simulated.base_url();
        let root = base.trim_end_matches("/v1");
        let pointed = openai.iter().map(|name| format!("{name}={base}"));
        let pointed = pointed.chain(others.iter().map(|name| format!("{name}={root}")));
        let pointed: Vec<String> = pointed.collect();
        let file = example(name).display().to_string();
        let mut arguments = vec!["--config", &file];
        arguments.extend(pointed.iter().flat_map(|pointed| ["--upstream", pointed]));
        let program = Program::serve(dir.path(), &arguments, &[]);
        Self { program, dir, _simulated: simulated }
    }

    fn json(&self, line: &str) -> Value {
        self.program.json(self.dir.path(), &line.split(' ').collect::<Vec<_>>())
    }

    async fn call(&self, path: &str, body: &str) -> Answer {
        let key = self.program.first_key();
        self.program.call(&key, path, "x-simulate: {\"output\":50}\r\n", body).await
    }

    /// A credential, once it has served a call.
    async fn served(&self, name: &str) -> Value {
        let begun = Instant::now();
        loop {
            let shown = self.json(&format!("providers show {name}"));
            if shown["request_count"] == 1 {
                return shown;
            }
            assert!(begun.elapsed() < LIMIT, "{shown:#}");
        }
    }
}

#[test]
fn r063_r080_the_examples_are_as_the_readme_says() {
    let readme = include_str!("../../README.md");
    for name in ["groq-hf.toml", "three-providers.toml"] {
        let file = example(name).display().to_string();
        let printed = farebox(&["config", "print", "--config", &file], &[]);
        assert_eq!(printed.status.code(), Some(0), "{printed:?}");
        let command = format!("farebox serve --config examples/{name}");
        assert!(readme.contains(&command), "README.md lacks {command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r063_r064_the_pool_of_five_serves() {
    let shop = Shop::open("groq-hf.toml", &["groq", "huggingface"], &[]).await;
    let rest = r#","max_completion_tokens":100"#;
    let answer = shop.call(CHAT, &chat("openai/gpt-oss-20b", rest)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = shop.call(CHAT, &chat("meta-llama/Llama-3.3-70B-Instruct", rest)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    for (name, quota) in [("groq_1", 14_400), ("huggingface_1", 30_000)] {
        let shown = shop.served(name).await;
        let count = shown["character_count"].as_i64().unwrap();
        assert!(count > 10, "{shown:#}");
        assert_eq!(shown["quota_remaining"], quota - count, "{shown:#}");
        assert_eq!((&shown["failed"], &shown["total_requests"]), (&json!(0), &json!(1)));
    }
    let capacity = shop.json("providers capacity");
    assert_eq!(capacity["characters/day"]["limit"], 103_200);
    let names: Vec<Value> = shop
        .json("providers list")
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["config_id"], one["quota_limit"], one["status"]]))
        .collect();
    assert_eq!(
        json!(names),
        json!([
            ["groq_1", 14_400, "available"],
            ["groq_2", 14_400, "available"],
            ["groq_3", 14_400, "available"],
            ["huggingface_1", 30_000, "available"],
            ["huggingface_2", 30_000, "available"],
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r080_four_keys_at_three_providers_serve() {
    let shop = Shop::open("three-providers.toml", &["openai"], &["anthropic", "ollama"]).await;
    let rest = r#","max_tokens":100"#;
    for (path, model) in
        [(CHAT, "gpt-5-nano"), ("/v1/messages", "claude-sonnet-4-5"), ("/api/chat", "llama3.2")]
    {
        let rest = if path == "/v1/messages" { rest } else { "" };
        let answer = shop.call(path, &chat(model, rest)).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    }
    for name in ["openai-prod", "anthropic-prod", "ollama-local"] {
        let shown = shop.served(name).await;
        let left = shown["quota_limit"].as_i64().unwrap() - shown["tokens"].as_i64().unwrap();
        assert!(shown["tokens"].as_i64() > Some(50), "{shown:#}");
        assert_eq!(shown["quota_remaining"], left, "{shown:#}");
    }
    let list = shop.json("providers list");
    let shown = |one: &Value| {
        json!([
            one["config_id"],
            one["provider"],
            one["quota_limit"],
            one["quota_meter"],
            one["alert_threshold_percent"]
        ])
    };
    let all: Vec<Value> = list.as_array().unwrap().iter().map(shown).collect();
    assert_eq!(
        json!(all),
        json!([
            ["anthropic-prod", "anthropic", 50_000, "tokens", 80],
            ["ollama-local", "ollama", 1_000_000, "tokens", 95],
            ["openai-dev", "openai", 10_000, "tokens", 90],
            ["openai-prod", "openai", 100_000, "tokens", 75],
        ])
    );
}
