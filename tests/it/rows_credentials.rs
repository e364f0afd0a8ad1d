//! Credentials of the built program: reloads, metrics, and what one proxy hears of another.

use crate::program::{Program, farebox};
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, PROVIDER_KEY, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A configuration whose credential `groq_1` has these limits.
fn file(limits: &str, more: &str) -> String {
    format!(
        "[providers.groq]\nbase_url = 'http://127.0.0.1:9/v1'\n\
         [[providers.groq.credentials]]\nname = 'groq_1'\napi_key = 'k'\nlimits = {limits}\n{more}"
    )
}

fn write(dir: &Path, text: &str) {
    let next = dir.join("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, dir.join("farebox.toml")).unwrap();
}

fn json(program: &Program, dir: &Path, line: &str) -> Value {
    program.json(dir, &line.split(' ').collect::<Vec<_>>())
}

async fn scrape(program: &Program) -> String {
    Answer::read(send(program.admin, "/metrics", "", "").await).await.text().to_owned()
}

/// Scrapes until a line is there.
async fn until_scraped(program: &Program, line: &str) {
    let begun = Instant::now();
    loop {
        let text = scrape(program).await;
        if text.lines().any(|shown| shown == line) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "`{line}` is missing in {text}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn state(word: &str, value: u8) -> String {
    let labels = format!(r#"provider="groq",credential="groq_1",state="{word}""#);
    format!("farebox_credential_state{{{labels}}} {value}")
}

fn usage(value: &str) -> String {
    format!(r#"llm_quota_usage_percent{{config_id="groq_1",provider="groq"}} {value}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_set_stays_until_the_file_says_something_new() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &file("['100 requests/day']", ""));
    let mut program = Program::serve(dir.path(), &[], &[]);
    let limit = |program: &Program| {
        json(program, dir.path(), "limits show credential:groq_1")[0]["text"].clone()
    };
    assert_eq!(limit(&program), "100 requests/day");
    json(&program, dir.path(), "limits set credential:groq_1 150requests/day");
    let more = "[[providers.groq.credentials]]\nname = 'groq_2'\napi_key = 'k'\n";
    write(dir.path(), &file("['100 requests/day']", more));
    let done = json(&program, dir.path(), "reload");
    assert_eq!(done["changed"], serde_json::json!(["providers.groq.credentials"]));
    assert_eq!(limit(&program), "150 requests/day");
    assert_eq!(json(&program, dir.path(), "providers show groq_2")["status"], "available");
    program.terminate();

    let mut program = Program::serve(dir.path(), &[], &[]);
    assert_eq!(limit(&program), "150 requests/day");
    write(dir.path(), &file("['200 requests/day']", ""));
    json(&program, dir.path(), "reload");
    assert_eq!(limit(&program), "200 requests/day");
    let gone = program.verb(dir.path(), &["providers", "show", "groq_2"]);
    assert_eq!(gone.status.code(), Some(5), "{gone:?}");
    write(dir.path(), &file("['200 requests/day', '3 requests/day']", ""));
    let refused = program.verb(dir.path(), &["reload"]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("two limits for requests/day"), "{error}");
    assert_eq!(limit(&program), "200 requests/day");
    program.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn r136_quota_and_state_are_computed_when_they_are_scraped() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &file("['0 requests/day']", ""));
    let program = Program::serve(dir.path(), &[], &[]);
    let text = scrape(&program).await;
    for line in [usage("100"), state("disabled", 1), state("available", 0)] {
        assert!(text.lines().any(|shown| shown == line), "`{line}` is missing in {text}");
    }
    assert_eq!(text.matches("farebox_credential_state{").count(), 6);
    json(&program, dir.path(), "limits set credential:groq_1 10requests/day");
    until_scraped(&program, &state("available", 1)).await;
    until_scraped(&program, &usage("0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r072_what_is_done_at_one_proxy_is_heard_by_the_others() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let url = redis.url();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = |dir: &tempfile::TempDir| {
        write(dir.path(), &file("['100 characters/day']", ""));
        let token = [("FAREBOX_ADMIN_TOKEN", "a-token-of-the-tests")];
        Program::serve(dir.path(), &["--redis", &url], &token)
    };
    let programs = [start(&dirs[0]), start(&dirs[1])];
    let ask = |verb: &str| {
        let admin = format!("http://{}", programs[0].admin);
        let done = Command::new(env!("CARGO_BIN_EXE_farebox"))
            .args(["providers", verb, "groq_1"])
            .env("FAREBOX_ADMIN_URL", admin)
            .env("FAREBOX_ADMIN_TOKEN", "a-token-of-the-tests")
            .output();
        let done = done.unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    assert_eq!(ask("disable"), "groq_1  available → disabled\n");
    until_scraped(&programs[1], &state("disabled", 1)).await;
    assert_eq!(ask("enable"), "groq_1  disabled → available\n");
    until_scraped(&programs[1], &state("available", 1)).await;
    let hash = "farebox:{credential:groq_1}";
    redis.cli(&["HSET", hash, "status", "suspended"]);
    until_scraped(&programs[1], &state("disabled", 1)).await;
    assert_eq!(redis.cli(&["HGET", hash, "characters/day.limit"]), "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn r037_a_key_that_the_provider_rejects_is_quarantined_until_it_is_enabled_anywhere() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let url = redis.url();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let token = [("FAREBOX_ADMIN_TOKEN", "a-token-of-the-tests")];
    let upstream = format!("groq={}", simulated.base_url());
    let start = |dir: &tempfile::TempDir| {
        write(dir.path(), &file("['100000 characters/day']", ""));
        Program::serve(dir.path(), &["--redis", &url, "--upstream", &upstream], &token)
    };
    let [one, other] = [start(&dirs[0]), start(&dirs[1])];
    let ask = |line: &str| {
        let admin = format!("http://{}", other.admin);
        let access = [token[0], ("FAREBOX_ADMIN_URL", admin.as_str())];
        let done = farebox(&line.split(' ').collect::<Vec<_>>(), &access);
        assert_eq!(done.status.code(), Some(0), "{line}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    ask("users create alice --limit 5usd/day");
    let key = ask("keys create --user alice");
    let body = chat("openai/gpt-oss-20b", r#","max_completion_tokens":50"#);
    let call = || one.call(key.trim(), CHAT, "", &body);
    let rejected = call().await;
    assert_ne!(rejected.status(), 200, "{}", rejected.text());
    until_scraped(&one, &state("quarantined", 1)).await;
    let refused = call().await;
    assert_eq!(refused.code(), "provider_quota_exhausted", "{}", refused.text());
    // The other proxy sent nothing yet and knows of nothing; it hears of the enabling.
    assert_eq!(ask("providers enable groq_1"), "groq_1  available → available\n");
    until_scraped(&one, &state("available", 1)).await;
    assert_ne!(call().await.code(), "provider_quota_exhausted");
}
