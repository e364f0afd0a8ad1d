//! Verbs that need no server: `check`, `init`, `completions`, `man`, on the built program.

use crate::program::farebox;
use clap::CommandFactory;
use serde_json::{Value, json};
use std::process::Command;

fn check(file: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    let verb = ["check", "--config", path.to_str().unwrap()];
    let output = farebox(&[&verb[..], arguments].concat(), &[]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const GOOD: &str = "[providers.groq]\n[[providers.groq.credentials]]\nname = 'groq_1'\napi_key = 'k'\n\
                    limits = ['14400 characters/day']\n[[routes]]\nmodels = ['gpt-*']\nprovider = 'groq'\n";

#[test]
fn check_says_what_a_proxy_would_start_with() {
    let (status, out, err) = check(GOOD, &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("the configuration is fine\n  provider groq: 1 credential\n"), "{out}");
    let (status, out, _) = check(GOOD, &["--json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &found["ok"], &found["routes"]), (Some(0), &json!(true), &json!(1)));
    assert_eq!(found["providers"], json!([{"name": "groq", "credentials": ["groq_1"]}]));
    assert!(found["models"].as_u64().unwrap() > 1_000);
    let (status, _, err) = check("[providers.groq]\n", &[]);
    assert_eq!(status, Some(0));
    assert!(err.contains("`groq` has no credential"), "{err}");
}

#[test]
fn check_names_what_is_bad_and_ends_with_78() {
    for (file, part) in [
        ("lisen = '127.0.0.1:1'\n", "lisen"),
        ("[providers.groq]\nchoose = 'any'\n", "choose"),
        ("[[routes]]\nmodels = ['*']\nprovider = 'nobody'\n", "nobody"),
        ("[tls]\ncert = 'no-such-file.pem'\nkey = 'no-such-file.pem'\n", "no-such-file.pem"),
        ("pricing = 'no-such-file.toml'\n", "no-such-file.toml"),
    ] {
        let (status, out, err) = check(file, &[]);
        assert_eq!((status, out.as_str()), (Some(78), ""), "{file}: {err}");
        assert!(err.contains(part), "{file}: {err}");
    }
}

#[test]
fn shells_read_the_completions() {
    let output = farebox(&["completions", "bash"], &[]);
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(script.contains("farebox__subcmd__limits") || script.contains("farebox__limits"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.bash");
    std::fs::write(&path, script).unwrap();
    assert!(Command::new("bash").arg("-n").arg(&path).status().unwrap().success());
    for shell in ["zsh", "fish"] {
        assert!(farebox(&["completions", shell], &[]).stdout.len() > 1_000, "{shell}");
    }
    assert_eq!(farebox(&["completions", "abacus"], &[]).status.code(), Some(2));
}

#[test]
fn each_verb_has_a_page_of_the_manual() {
    let page = |verbs: &[&str]| {
        let output = farebox(&[&["man"], verbs].concat(), &[]);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(page(&[]).contains(".TH farebox"), "{}", page(&[]));
    assert!(
        page(&["limits", "bump"]).contains("farebox\\-limits\\-bump"),
        "{}",
        page(&["limits", "bump"])
    );
    let unknown = farebox(&["man", "limits", "jump"], &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8(unknown.stderr).unwrap().contains("farebox-limits has no verb `jump`")
    );
}

#[test]
fn init_writes_a_file_that_can_be_used_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("new");
    let made = farebox(&["init", place.to_str().unwrap(), "--json"], &[]);
    assert_eq!(made.status.code(), Some(0));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["written"].as_array().unwrap().len(), 2);
    let file = place.join("farebox.toml");
    let checked = farebox(&["check", "--config", file.to_str().unwrap()], &[]);
    assert_eq!(checked.status.code(), Some(0));
    let printed =
        |arguments: &[&str]| farebox(&[&["config", "print"], arguments].concat(), &[]).stdout;
    assert_eq!(printed(&["--config", file.to_str().unwrap()]), printed(&["--defaults"]));

    std::fs::write(&file, "listen = '127.0.0.1:1'\n").unwrap();
    std::fs::remove_file(place.join(".env.example")).unwrap();
    let again = farebox(&["init", place.to_str().unwrap()], &[]);
    assert_eq!((again.status.code(), again.stdout.len()), (Some(6), 0));
    assert!(String::from_utf8(again.stderr).unwrap().contains("farebox.toml is there already"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "listen = '127.0.0.1:1'\n");
    assert!(!place.join(".env.example").exists());
}

#[test]
fn every_verb_is_documented() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap();
    let command = farebox::cli::Cli::command();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let missing: Vec<&str> = verbs
        .map(|verb| verb.get_name())
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/cli.md lacks {missing:?}");
}
