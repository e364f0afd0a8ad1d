//! What the configuration says of credentials: quotas, thresholds, notes; and what is refused.

use farebox::config::{Config, Environment, Overrides};
use farebox::ledger::Kept;
use std::path::{Path, PathBuf};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn load(file: &Path) -> Result<Config, String> {
    let config = Config::load(Some(file), &Environment::default(), &Overrides::default());
    config.map_err(|e| e.to_string())
}

fn written(file: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    load(&path)
}

/// One credential of Groq with more lines, which begin at the fourth.
fn groq(lines: &str) -> String {
    format!("[[providers.groq.credentials]]\nname = \"groq_1\"\napi_key = \"k\"\n{lines}\n")
}

/// A bad file gives an error that contains all of `parts`.
fn refused(file: &str, parts: &[&str]) {
    let error = written(file).unwrap_err();
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
    assert!(!error.contains("api_key = \"k\""), "{error}");
}

/// Name, provider, limits and thresholds of each credential.
fn terms(config: &Config) -> Vec<String> {
    let shown = |terms: &farebox::config::CredentialTerms| {
        let limits: Vec<String> = terms.setup.limits.iter().map(ToString::to_string).collect();
        let thresholds = terms.setup.thresholds.as_ref().map(|t| t.as_slice().to_vec());
        let (name, provider) = (&terms.setup.id, &terms.provider);
        format!("{name} {provider} {} {thresholds:?}", limits.join(", "))
    };
    config.credentials.iter().map(shown).collect()
}

#[test]
fn r063_five_keys_with_a_quota_of_characters_each() {
    let config = load(&example("groq-hf.toml")).unwrap();
    let thresholds = "Some([80, 90, 100])";
    assert_eq!(
        terms(&config),
        [
            format!("groq_1 groq 14400 characters/day {thresholds}"),
            format!("groq_2 groq 14400 characters/day {thresholds}"),
            format!("groq_3 groq 14400 characters/day {thresholds}"),
            format!("huggingface_1 huggingface 30000 characters/day {thresholds}"),
            format!("huggingface_2 huggingface 30000 characters/day {thresholds}"),
        ]
    );
    let together: i64 = config.credentials.iter().map(|terms| terms.setup.limits[0].amount).sum();
    assert_eq!(together, 103_200);
    assert_eq!(config.credentials[0].setup.metadata["account"], "team-a");
}

#[test]
fn r080_four_keys_with_thresholds_of_their_own() {
    let config = load(&example("three-providers.toml")).unwrap();
    assert_eq!(
        terms(&config),
        [
            "anthropic-prod anthropic 50000 tokens/day Some([80, 90, 100])",
            "ollama-local ollama 1000000 tokens/day Some([95, 100])",
            "openai-prod openai 100000 tokens/day Some([75, 90, 100])",
            "openai-dev openai 10000 tokens/day Some([90, 100])",
        ]
    );
}

#[test]
fn what_is_printed_of_credentials_can_be_read_again() {
    for name in ["groq-hf.toml", "three-providers.toml"] {
        let config = load(&example(name)).unwrap();
        let printed = config.printed().to_string();
        assert!(!printed.contains("simulated-"), "{printed}");
        assert_eq!(written(&printed).unwrap().credentials, config.credentials, "{printed}");
    }
}

#[test]
fn credentials_of_variables_have_terms_too() {
    let file = "[history]\nretention_days = 7";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    let load =
        |environment: Environment| Config::load(Some(&path), &environment, &Overrides::default());
    let config = load([("GROQ_API_KEY", "a"), ("OPENAI_API_KEY", "b")].into()).unwrap();
    assert_eq!(terms(&config), ["groq-main groq  None", "openai-main openai  None"]);
    assert_eq!(config.retention_days, 7);
    assert_eq!(config.sums, Kept::default());
    let credentials = r#"[{name = "a", api_key = "k", limits = ["1k tokens/day"]}]"#;
    let set = [
        ("FAREBOX_PROVIDERS__GROQ__CREDENTIALS", credentials),
        ("QUOTA_HISTORY_RETENTION_DAYS", "90"),
    ];
    let config = load(set.into()).unwrap();
    assert_eq!(terms(&config), ["a groq 1000 tokens/day None"]);
    assert_eq!(config.retention_days, 90);
    let error = load([("QUOTA_HISTORY_RETENTION_DAYS", "0")].into()).unwrap_err().to_string();
    assert!(error.contains("QUOTA_HISTORY_RETENTION_DAYS = 0: from 1 to 3650"), "{error}");
}

#[test]
fn a_limit_of_zero_is_one_that_always_refuses() {
    let config = written(&groq("limits = [\"0 characters/day\"]")).unwrap();
    assert_eq!(config.credentials[0].setup.limits[0].amount, 0);
}

#[test]
fn bad_terms_are_named_with_their_line_and_the_way_out() {
    let twice = groq("thresholds = [80]\nlimits = [\"1k chars/day\", \"2k characters/day\"]");
    let both = "`1000 characters/day` and `2000 characters/day`";
    refused(&twice, &["farebox.toml:5:", "credentials.groq_1.limits", both, "keep one"]);
    refused(&groq("limits = [\"-1 usd/day\"]"), &["farebox.toml:4:", "-1 usd/day", "negative"]);
    refused(&groq("limits = [\"5 apples/day\"]"), &["farebox.toml:4:", "5 apples/day"]);
    refused(&groq("thresholds = [0]"), &["farebox.toml:4:", "[0]", "above 0 and at most 100"]);
    refused(&groq("thresholds = [90, 80]"), &["farebox.toml:4:", "[90, 80]", "ascending"]);
    refused(&groq("threshold = [80]"), &["farebox.toml:4:", "did you mean `thresholds`?"]);
    refused(&groq("metadata = { team = 5 }"), &["farebox.toml:4:", "expected a string"]);
    refused(&groq("metadata = { a = \"x\\ny\" }"), &["farebox.toml:4:", "metadata.a", "200"]);
    let long = "x".repeat(201);
    refused(&groq(&format!("metadata = {{ a = \"{long}\" }}")), &["metadata.a", "200 characters"]);
    refused(&groq("").replace("groq_1", "groq 1"), &["groq 1", "A-Z a-z 0-9 . _ -"]);
    let other = groq("").replace("providers.groq", "providers.openai");
    let same = groq("") + &other;
    refused(&same, &["farebox.toml:5:", "providers.openai.credentials.groq_1", "`groq`", "rename"]);
    refused(&(groq("") + &groq("")), &["providers.groq.credentials.groq_1", "rename"]);
    refused("[history]\nretention_days = 0", &["farebox.toml:2:", "= 0: from 1 to 3650 days"]);
}

#[test]
fn r123_sums_are_kept_for_as_long_as_is_written() {
    const DAY: i64 = 86_400_000;
    let file = "[history]\nminute_sums_hours = 24\nhour_sums_days = 30\nday_sums_days = 31";
    let config = written(file).unwrap();
    assert!(config.printed().to_string().contains("hour_sums_days = 30"));
    assert_eq!(config.sums, Kept { minutes: DAY, hours: 30 * DAY, days: 31 * DAY });
    for (text, named) in [
        ("minute_sums_hours = 0", "= 0: from 1 to 240 hours"),
        ("hour_sums_days = 801", "= 801: from 1 to 800 days"),
        (
            "minute_sums_hours = 24\nhour_sums_days = 7\nday_sums_days = 30",
            "day_sums_days = 30: snapshots show what a month came to",
        ),
        ("day_sums_days = 0", "= 0: from 1 to 3650 days"),
        ("day_sums_days = 89", "history.hour_sums_days is longer than history.day_sums_days"),
        ("hour_sums_days = 1", "history.minute_sums_hours is longer than history.hour_sums_days"),
    ] {
        refused(&format!("[history]\n{text}"), &[named]);
    }
}
