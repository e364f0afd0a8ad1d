//! Names of deployments: mapped in the configuration, held and charged by the model's price.

use crate::program::{Program, farebox};
use crate::world::{CHAT, LIMIT, chat};
use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

const EXAMPLE: &str = r#"{"input":2006,"cached":1920,"output":300}"#;

/// What `EXAMPLE` costs at the price of `gpt-5`: 86 × 1.25 + 1,920 × 0.125 + 300 × 10 millionths.
const COST: i64 = 3_347_500;

fn configure(dir: &Path, base_url: &str, models: &str) {
    let file = format!(
        "pricing = \"prices.toml\"\n[enforcement]\nmode = \"strict\"\n\
         [providers.house]\nbase_url = \"{base_url}\"\n[providers.house.models]\n{models}\n"
    );
    std::fs::write(dir.join("farebox.toml"), file).unwrap();
    let prices = "[[model]]\nid = 'gpt-5'\nprovider = 'openai'\ncontext = 9000\nmax_output = 1000\n\
                  [[model.price]]\ninput = '1.25'\ncached_input = '0.125'\noutput = '10'\n\
                  [[model]]\nid = 'gpt-5-mini'\nprovider = 'openai'\n\
                  [[model.price]]\ninput = '0.25'\noutput = '2'\n";
    std::fs::write(dir.join("prices.toml"), prices).unwrap();
}

async fn settled(program: &Program, dir: &Path, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let page = program.json(dir, &["usage", "--group-by", "model"]);
        let rows = page.as_array().unwrap().clone();
        let calls: u64 = rows.iter().filter_map(|row| row["requests"].as_u64()).sum();
        if calls == u64::try_from(count).unwrap() {
            return rows;
        }
        assert!(begun.elapsed() < LIMIT, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_held_and_charged_by_its_models_price() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(None).await.unwrap();
    let models =
        "\"prod-chat\" = \"gpt-5\"\n\"eu-chat\" = \"prod-chat\"\n\"gpt-5-mini\" = \"gpt-5\"";
    configure(dir.path(), &simulated.base_url(), models);
    let program = Program::serve(dir.path(), &[], &[]);
    program.json(dir.path(), &["users", "create", "kim", "--limit", "1usd/day"]);
    let key = program.json(dir.path(), &["keys", "create", "--user", "kim"]);
    let key = key["key"].as_str().unwrap();
    // The answer names the deployment, the model, or a snapshot of it.
    for (call, answer) in [
        ("prod-chat", "prod-chat"),
        ("prod-chat", "gpt-5"),
        ("prod-chat", "gpt-5-2025-08-07"),
        ("eu-chat", "eu-chat"),
        ("gpt-5-mini", "gpt-5-mini"),
    ] {
        let script = EXAMPLE.replace('}', &format!(r#","model":"{answer}"}}"#));
        let headers = format!("x-simulate: {script}\r\n");
        // Where a model has the name, too, the path says that the deployment is meant.
        let path = if call == "gpt-5-mini" { "/house/v1/chat/completions" } else { CHAT };
        let answer = program.call(key, path, &headers, &chat(call, "")).await;
        assert_eq!(answer.status(), 200, "{call}: {}", answer.text());
        assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0.0033475"), "{call}");
    }
    let rows = settled(&program, dir.path(), 5).await;
    let sum: i64 = rows.iter().filter_map(|row| row["cost_nanousd"].as_i64()).sum();
    assert_eq!(sum, 5 * COST);
    // In strict mode the hold is that of the model: 1,000 × 10 for the output alone.
    program.json(dir.path(), &["users", "create", "lee", "--limit", "0.0099usd/day"]);
    let poor = program.json(dir.path(), &["keys", "create", "--user", "lee"]);
    let answer = program.call(poor["key"].as_str().unwrap(), CHAT, "", &chat("eu-chat", "")).await;
    assert_eq!(answer.code(), "insufficient_quota");
    let wanted = answer.json()["farebox"]["wanted"].as_str().unwrap().to_owned();
    assert!(wanted.starts_with("0.010") || wanted.starts_with("0.011"), "{wanted}");
    let answer = program.call(key, CHAT, "", &chat("prod-chta", "")).await;
    assert_eq!((answer.status(), answer.code()), (400, "model_not_priced".to_owned()));
    assert!(answer.text().contains("prod-chat"), "{}", answer.text());
}

/// A mapping is refused at the start, and by the verbs, with its line.
#[track_caller]
fn refused(models: &str, parts: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), "http://127.0.0.1:9/v1", models);
    for verb in [&["serve"][..], &["pricing", "check"], &["pricing", "show", "gpt-5"]] {
        let config = dir.path().join("farebox.toml");
        let prices = dir.path().join("prices.toml");
        let from = ["--config", config.to_str().unwrap(), "--pricing", prices.to_str().unwrap()];
        let output = farebox(&[verb, &from].concat(), &[]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{verb:?}: {error}");
        for part in parts {
            assert!(error.contains(part), "{verb:?}: `{part}` is missing in {error}");
        }
    }
}

#[test]
fn a_mapping_that_leads_nowhere_stops_the_start() {
    let place = "farebox.toml:7: providers.house.models";
    refused("\"prod\" = \"gtp-5\"", &[place, "no model `gtp-5`", "did you mean `gpt-5`?"]);
    refused("a = \"b\"\nb = \"a\"", &[place, "`a` → `b` → `a` is a circle"]);
    refused("a = \"\"", &[place, "write it like"]);
    refused("a = 5", &["farebox.toml:7", "expected a string"]);
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a.b";
    refused(&format!("\"{arn}\" = \"x\""), &["farebox.toml:7", arn]);
}

#[test]
fn show_tells_where_a_deployment_was_mapped_and_print_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), "http://127.0.0.1:9/v1", "\"prod.chat\" = \"gpt-5\"");
    let config = dir.path().join("farebox.toml");
    let prices = dir.path().join("prices.toml");
    let from = ["--config", config.to_str().unwrap(), "--pricing", prices.to_str().unwrap()];
    for name in [&["prod.chat"][..], &["house/prod.chat"], &["prod.chat", "--provider", "house"]] {
        let output = farebox(&[&["pricing", "show"], name, &from].concat(), &[]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            shown.contains("`prod.chat` is a deployment of `house`, mapped to `gpt-5`"),
            "{shown}"
        );
        assert!(shown.contains("farebox.toml:7)"), "{shown}");
    }
    let output = farebox(&[&["config", "print", "--annotated"], &from[..]].concat(), &[]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = shown.lines().find(|line| line.contains("prod.chat")).unwrap();
    assert!(line.starts_with("providers.house.models.\"prod.chat\" = \"gpt-5\"  # "), "{line}");
    assert!(line.ends_with("farebox.toml:7"), "{line}");
    let output = farebox(&[&["config", "print", "--json"], &from[..]].concat(), &[]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["providers"]["house"]["models"]["prod.chat"], "gpt-5");
}
