//! `farebox pricing show` and `check` as a stranger runs them, on the table that is shipped and on
//! bad ones.

use crate::program::farebox;
use serde_json::{Value, json};
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(line: &str) -> Output {
    farebox(&line.split_whitespace().collect::<Vec<_>>(), &[])
}

#[track_caller]
fn json(line: &str) -> Value {
    let output = run(&format!("pricing {line} --json"));
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Which model of the shipped table a name means, and by which rule.
#[track_caller]
fn check(name: &str, matched: &str, provider: &str, rule: &Value) {
    let shown = json(&format!("show {name}"));
    assert_eq!(
        (&shown["matched"], &shown["provider"]),
        (&json!(matched), &json!(provider)),
        "{shown}"
    );
    assert_eq!(&shown["rule"], rule);
}

#[test]
fn the_rule_that_matched_is_told() {
    check("gpt-5", "gpt-5", "openai", &json!({"kind": "id", "name": "gpt-5"}));
    check(
        "gpt-5-2025-08-07",
        "gpt-5",
        "openai",
        &json!({"kind": "id", "name": "gpt-5", "date": "2025-08-07"}),
    );
    check(
        "openai/gpt-5",
        "gpt-5",
        "openai",
        &json!({"kind": "id", "name": "gpt-5", "prefix": "openai"}),
    );
    check(
        "groq/openai/gpt-oss-120b",
        "openai/gpt-oss-120b",
        "groq",
        &json!({"kind": "id", "name": "openai/gpt-oss-120b", "prefix": "groq"}),
    );
    check(
        "ft:gpt-4o-mini-2024-07-18:acme::1",
        "ft:gpt-4o-mini",
        "openai",
        &json!({"kind": "pattern", "name": "ft:gpt-4o-mini-2024-07-18:acme::1",
                "pattern": "ft:gpt-4o-mini-????-??-??:*"}),
    );
    let profile = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    check(
        &format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{profile}"),
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock",
        &json!({"kind": "pattern", "name": profile, "arn": true,
                "pattern": "*anthropic.claude-sonnet-4-5-20250929*"}),
    );
    check(
        "ollama/llama3",
        "*",
        "ollama",
        &json!({"kind": "free_provider", "name": "llama3", "prefix": "ollama"}),
    );
}

#[test]
fn what_lost_is_told_too() {
    let shown = json("show global.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!(shown["matched"], "global.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let lost = &shown["others"][0];
    assert_eq!(lost["model"], "anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert!(
        lost["lost"].as_str().unwrap().contains("an exact name goes before a pattern"),
        "{lost}"
    );
    let shown = json("show openai/gpt-5");
    let others = shown["others"].as_array().unwrap();
    let other = others.iter().find(|other| other["provider"] == "openrouter").unwrap();
    assert_eq!(other["lost"], "the prefix says which provider");
}

#[test]
fn all_prices_are_shown() {
    let shown = json("show gpt-5.4");
    assert_eq!((&shown["context"], &shown["max_output"]), (&json!(1_050_000), &json!(128_000)));
    let prices = shown["prices"].as_array().unwrap();
    assert_eq!(prices[0]["tier"], Value::Null);
    assert_eq!(prices[0]["prices"]["input"], "2.5");
    assert_eq!(prices[0]["long"]["above"], 272_000);
    assert_eq!(prices[0]["long"]["prices"]["output"], "22.5");
    assert!(prices.iter().any(|sheet| sheet["tier"] == "priority"), "{shown}");
    let text = text(&run("pricing show gpt-5.4").stdout);
    for part in ["`gpt-5.4` is the model's id", "tier flex", "up to 272000", "above 272000"] {
        assert!(text.contains(part), "`{part}` is missing in {text}");
    }
    let text = self::text(&run("pricing show deepseek-v4-pro").stdout);
    assert!(text.contains("01:00-04:00 06:00-10:00 mon tue wed thu fri UTC"), "{text}");
    let text = self::text(&run("pricing show claude-opus-4-6").stdout);
    assert!(text.contains("us: tokens cost 1.1 times as much"), "{text}");
}

#[test]
fn an_unknown_model_comes_with_its_neighbours() {
    let output = run("pricing show gpt-5.4-minni");
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("`gpt-5.4-mini`"), "{output:?}");
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    let output = run(&format!("pricing show {arn}"));
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("[providers.bedrock] models"), "{output:?}");
}

#[test]
fn the_shipped_table_is_clean_and_its_coverage_is_printed() {
    let output = run("pricing check");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let shown = text(&output.stdout);
    for provider in ["openai", "anthropic", "gemini", "bedrock", "openrouter"] {
        let line = shown.lines().find(|line| line.starts_with(provider));
        assert!(line.is_some_and(|line| line.split_whitespace().count() > 10), "{shown}");
    }
    let report = json("check");
    let models: u64 = report["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["models"].as_u64().unwrap())
        .sum();
    assert_eq!(report["models"], models);
    // What is odd in it is that some sizes are not known, and nothing else.
    let kinds =
        report["warnings"].as_array().unwrap().iter().map(|odd| odd["kind"].as_str().unwrap());
    for kind in kinds {
        assert!(["no_context", "no_max_output"].contains(&kind), "{report}");
    }
}

/// A bad table fails the check with its line.
#[track_caller]
fn bad(rest: &str, parts: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prices.toml");
    std::fs::write(&path, format!("[[model]]\nid = 'm'\nprovider = 'p'\n[[model.price]]\n{rest}"))
        .unwrap();
    let output = farebox(&["pricing", "check", path.to_str().unwrap()], &[]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in {error}");
    }
}

#[test]
fn r021_a_bad_table_is_refused_with_its_line() {
    bad("input = '-1'\noutput = '1'", &["prices.toml", "line 5", "`-1`"]);
    bad("input = 'NaN'\noutput = '1'", &["line 5", "`NaN`"]);
    bad("input = '1e400'\noutput = '1'", &["line 5", "`1e400`"]);
    bad("input = '1,5'\noutput = '1'", &["line 5", "`1,5`"]);
    bad("input = '1'", &["line 2", "no `output` price"]);
    bad("input = '1'\ninput = '1'\noutput = '1'", &["line 6", "duplicate"]);
    bad(
        "input = '1'\noutput = '1'\n[[model.price]]\ninput = '2'\noutput = '2'",
        &["begin at the same time"],
    );
    bad(&" ".repeat(9 << 20), &["too large"]);
    let output = run("pricing check /no/such");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

#[test]
fn what_is_odd_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prices.toml");
    let table = "[[model]]\nid = 'm'\nprovider = 'p'\ncontext = 9\nmax_output = 9\n[[model.price]]\n\
                 input = '1'\ncached_input = '2'\noutput = '1'\n[[model.price]]\ntiers = ['flex']\n\
                 output = '1000'\n[[model]]\nid = 'n'\nprovider = 'p'\n[[model.price]]\ninput = '1'\n\
                 output = '1'";
    std::fs::write(&path, table).unwrap();
    let output = farebox(&["pricing", "check", path.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    for part in [
        "warning: line 2: `m` of p: `cached_input` costs 2, `input` 1",
        "warning: line 2: `m` of p: `output` costs 1 and 1000",
        "warning: models without a known context: 1 (p 1); see --verbose",
        "warning: models without a known maximum output: 1 (p 1); see --verbose",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in {shown}");
    }
}
