//! `[alerts]` as an operator writes it.

use farebox::config::{Config, Environment, Overrides};

fn load(file: &str, environment: impl Into<Environment>) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    let loaded = Config::load(Some(&path), &environment.into(), &Overrides::default());
    loaded.map_err(|e| e.to_string())
}

const ALL: &str = r#"
[alerts]
check_every = "30s"
renotify_after = "0"
[[alerts.channels]]
type = "slack"
url = "${SLACK_WEBHOOK_URL}"
[[alerts.channels]]
type = "webhook"
name = "ops"
url = "http://10.1.2.3/T0KEN"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
levels = ["exceeded"]
[[alerts.channels]]
type = "email"
host = "mail.example.com"
from = "farebox@example.com"
to = ["ops@example.com"]
username = "farebox"
password = "${SMTP_PASSWORD}"
[[alerts.channels]]
type = "pagerduty"
routing_key = "R0UTE"
[[alerts.channels]]
type = "twilio"
account_sid = "AC1"
auth_token = "T0KEN"
from = "+15005550006"
to = "+15005550001"

allow_private = ["10.0.0.0/8"]         # below the channels, as it is easily written
"#;

const SECRETS: [(&str, &str); 2] =
    [("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0KEN"), ("SMTP_PASSWORD", "T0KEN")];

#[test]
fn channels_are_read_and_shown_without_their_secrets() {
    let config = load(ALL, SECRETS).unwrap();
    let names: Vec<&str> = config.alerts.channels.iter().map(|c| c.name().as_str()).collect();
    assert_eq!(names, ["slack", "ops", "email", "pagerduty", "twilio"]);
    assert_eq!(
        (config.alerts.check_every.as_secs(), config.alerts.renotify_after.as_secs()),
        (30, 0)
    );
    let printed = config.printed().to_string();
    for secret in ["T0KEN", "R0UTE", "MfKQ9r8"] {
        assert!(!printed.contains(secret) && !format!("{config:?}").contains(secret), "{secret}");
    }
    for shown in ["https://hooks.slack.com/***", "http://10.1.2.3/***", "10.0.0.0/8"] {
        assert!(printed.contains(shown), "{shown} is missing in {printed}");
    }
    let defaults = load("", []).unwrap().alerts;
    assert_eq!((defaults.check_every.as_secs(), defaults.renotify_after.as_secs()), (60, 3600));
    assert!(defaults.channels.is_empty() && defaults.allowed.networks().is_empty());
}

#[test]
fn a_changed_secret_is_a_change() {
    let config = load(ALL, SECRETS).unwrap();
    let other = [SECRETS[0], ("SMTP_PASSWORD", "0THER")];
    let changed = config.differences(&load(ALL, other).unwrap());
    assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["alerts.channels"]);
    assert!(config.differences(&load(ALL, SECRETS).unwrap()).is_empty());
}

#[test]
fn mistakes_are_named_with_file_line_and_the_way_out() {
    let slack = "[[alerts.channels]]\ntype = 'slack'\n";
    for (file, parts) in [
        ("[alerts]\ncheck_evry = '1s'".to_owned(), &["farebox.toml:2", "`check_every`"][..]),
        (
            "[alerts]\ncheck_every = '0s'".to_owned(),
            &["farebox.toml:2", "\"0s\"", "from 1s to 30d"],
        ),
        ("[alerts]\nrenotify_after = 'soon'".to_owned(), &["soon", "from 0 to 30d", "1h"]),
        ("[alerts]\nallow_private = ['10.0.0.1/8']".to_owned(), &["10.0.0.1/8", "10.0.0.0/8"]),
        (slack.to_owned(), &["alerts.channels.1.url", "missing", "farebox.toml:1"]),
        (format!("{slack}ulr = 'https://x.com/T0KEN'"), &["did you mean `url`?"]),
        (format!("{slack}url = '${{NOT_SET}}'"), &["NOT_SET", "not set"]),
        (format!("{slack}url = 'http://127.0.0.1/T0KEN'"), &["127.0.0.1", "allow_private", ":3"]),
        (
            format!("{slack}url = 'https://x.com/'\n{slack}url = 'https://x.com/T0KEN'"),
            &["two channels are named `slack`"],
        ),
        (format!("{slack}name = 'ops'\nurl = 'ftp://T0KEN'"), &["alerts.channels.ops.url", ":4"]),
        ("[alerts]\nchannels = 'T0KEN'".to_owned(), &["a text"]),
    ] {
        let error = load(&file, []).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{file}: `{part}` is missing in: {error}");
        }
        assert!(!error.contains("T0KEN"), "{error}");
    }
}

#[test]
fn whoever_reads_no_secrets_reads_the_rest() {
    let environment = Environment::default().without_secrets();
    let config = load(ALL, environment).unwrap();
    assert_eq!(config.alerts.channels.len(), 3);
}
