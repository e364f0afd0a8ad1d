//! The configuration as an operator writes it: file, environment and flags, and what is refused.

use farebox::config::{Config, Environment, Overrides};
use std::path::PathBuf;

fn load(file: &str, environment: impl Into<Environment>) -> Result<Config, String> {
    load_with(file, environment, &Overrides::default())
}

fn load_with(
    file: &str,
    environment: impl Into<Environment>,
    overrides: &Overrides,
) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    Config::load(Some(&path), &environment.into(), overrides).map_err(|e| e.to_string())
}

/// A bad file gives an error that contains all of `parts`.
fn refused(file: &str, parts: &[&str]) {
    let error = load(file, []).unwrap_err();
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
}

#[test]
fn without_anything_it_is_usable_and_on_loopback_only() {
    let config = load("", []).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.data_dir, PathBuf::from("farebox-data"));
    assert_eq!(config.providers.iter().count(), 0);
    let limits: Vec<String> = config.user_limits.iter().map(ToString::to_string).collect();
    assert_eq!(
        limits,
        ["25 usd/month", "500 requests/minute", "10000 requests/day", "150000 tokens/minute"]
    );
}

#[test]
fn providers_come_from_the_usual_variables() {
    let config = load("", [("OPENAI_API_KEY", "sk-a"), ("GROQ_API_KEY", "gsk-b")]).unwrap();
    let names: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["groq", "openai"]);
    let printed = config.printed().to_string();
    assert!(!printed.contains("sk-a") && !printed.contains("gsk-b"), "{printed}");
}

#[test]
fn flag_beats_environment_beats_file() {
    let file =
        "listen = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:1\"\n[ledger]\nlease_seconds = 5";
    let environment = [
        ("FAREBOX_LISTEN", "127.0.0.1:2"),
        ("FAREBOX_ADMIN_LISTEN", "127.0.0.1:2"),
        ("FAREBOX_LEDGER__LEASE_SECONDS", "7"),
        ("FAREBOX_DEFAULTS__USER__LIMITS", "[\"1usd/day\"]"),
    ];
    let flags = Overrides { listen: Some("127.0.0.1:3".parse().unwrap()), ..Overrides::default() };
    let config = load_with(file, environment, &flags).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.admin_listen.port(), 2);
    assert_eq!(config.lease.as_secs(), 7);
    assert_eq!(config.user_limits.len(), 1);
}

#[test]
fn a_known_provider_can_be_pointed_elsewhere() {
    let flags = Overrides {
        upstreams: vec![("openai".to_owned(), "http://127.0.0.1:9/v1/".to_owned())],
        ..Overrides::default()
    };
    let config = load_with("", [], &flags).unwrap();
    let openai = config.providers.get("openai").unwrap();
    assert_eq!(openai.base_url(), "http://127.0.0.1:9/v1");
    assert!(openai.credentials.is_empty());
}

#[test]
fn an_error_names_file_line_value_and_the_way_out() {
    refused("\nlisten = \"x\"", &["listen", "x", "127.0.0.1:8080"]);
    refused("a = 1\n", &["farebox.toml:1", "unknown field `a`"]);
    refused("[ledger]\ndata_dri = \"x\"", &["farebox.toml:2", "did you mean `data_dir`?"]);
    refused("[ledger]\nlease_seconds = 1", &["lease_seconds = 1", "from 5"]);
    refused("[ledger]\nlease_seconds = -1", &["whole number"]);
    refused("[ledger]\ntimezone = \"Mars/Base\"", &["Mars/Base"]);
    refused("[enforcement]\nmode = \"lax\"", &["lax", "strict"]);
    refused("[defaults.user]\nlimits = [\"-1usd/month\"]", &["-1usd/month", "negative", ":2"]);
    refused("[defaults.user]\nlimits = [\"1usd/day\", \"2usd/day\"]", &["two limits", "usd/day"]);
    refused("[defaults.user]\nthresholds = [90, 80]", &["[90, 80]"]);
    refused("[providers.x]\n", &["providers.x", "base_url"]);
    refused("[providers.x]\nbase_url = \"ftp://x\"", &["providers.x.base_url", "http"]);
    refused("[providers.openai]\ndialect = \"telnet\"", &["telnet", "openai"]);
    refused("[[routes]]\nmodels = [\"a\"]\nprovider = \"nobody\"", &["nobody"]);
    refused("listen = \"0.0.0.0:80\"", &["0.0.0.0:80", "FAREBOX_ADMIN_TOKEN"]);
    refused("[server]\nheader_seconds = 0", &["header_seconds = 0"]);
    refused(
        "[[providers.openai.credentials]]\nname = \"a\"\napi_key = \"${NOT_SET}\"",
        &["NOT_SET", "not set"],
    );
    let missing = Config::load(
        Some(&PathBuf::from("/nonexistent/farebox.toml")),
        &Environment::default(),
        &Overrides::default(),
    );
    assert!(missing.unwrap_err().to_string().contains("/nonexistent/farebox.toml"));
}

#[test]
fn an_error_never_shows_a_secret() {
    let error = load("[admin]\ntokn = \"very-secret-token-value\"", []).unwrap_err();
    assert!(!error.contains("very-secret"), "{error}");
    assert!(error.contains("did you mean `token`?"), "{error}");
}

#[test]
fn r129_r130_known_and_short_admin_tokens_stop_the_start() {
    let token = |variable, value| load("", [(variable, value)]).map(|c| c.admin_token.is_some());
    assert_eq!(token("FAREBOX_ADMIN_TOKEN", "0123456789abcdefg"), Ok(true));
    assert_eq!(token("FAREBOX_ADMIN_TOKEN", ""), Ok(false));
    for (variable, value) in
        [("FAREBOX_ADMIN_TOKEN", "dev_reset_2025"), ("QUOTA_ADMIN_KEY", "short-token-15c")]
    {
        let error = token(variable, value).unwrap_err();
        assert!(error.contains(variable) && !error.contains(value), "{error}");
    }
}

#[test]
fn r131_two_different_admin_tokens_stop_the_start() {
    let one = "a-long-enough-token-1";
    let both = |other| load("", [("QUOTA_ADMIN_KEY", one), ("QUOTA_ADMIN_RESET_KEY", other)]);
    assert!(both(one).is_ok());
    let error = both("a-long-enough-token-2").unwrap_err();
    assert!(error.contains("QUOTA_ADMIN_KEY") && error.contains("QUOTA_ADMIN_RESET_KEY"));
}

#[test]
fn r024_the_older_variables_set_the_default_limits() {
    let config = load(
        "",
        [("OPENAI_RATE_LIMIT_PER_MINUTE", "60"), ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "9000")],
    );
    let limits: Vec<String> = config.unwrap().user_limits.iter().map(ToString::to_string).collect();
    assert!(limits.contains(&"60 requests/minute".to_owned()), "{limits:?}");
    assert!(limits.contains(&"9000 tokens/minute".to_owned()), "{limits:?}");
    // Limits of some models stay beside it.
    let file = "[defaults.user]\nlimits = ['9 requests/minute', '3 requests/minute@gpt-5*']\n";
    let config = load(file, [("OPENAI_RATE_LIMIT_PER_MINUTE", "60")]).unwrap();
    let limits: Vec<String> = config.user_limits.iter().map(ToString::to_string).collect();
    assert_eq!(limits, ["3 requests/minute @gpt-5*", "60 requests/minute"]);
    let error = load("", [("OPENAI_RATE_LIMIT_PER_DAY", "many")]).unwrap_err();
    assert!(error.contains("OPENAI_RATE_LIMIT_PER_DAY") && error.contains("many"), "{error}");
}

#[test]
fn a_mistake_in_meaning_has_a_line_too() {
    refused("\n\nlisten = \"x\"", &["farebox.toml:3: listen"]);
    refused("[ledger]\n\nlease_seconds = 1", &["farebox.toml:3: ledger.lease_seconds = 1"]);
    refused("[server]\nheader_seconds = 0", &["farebox.toml:2: server.header_seconds"]);
    let file = "[[providers.openai.credentials]]\nname = \"a\"\napi_key = \"${NOT_SET}\"";
    refused(file, &["farebox.toml:3: providers.openai.credentials.a.api_key"]);
    // What a variable or a flag says is not at a line of the file.
    let error = load("listen = \"127.0.0.1:1\"", [("FAREBOX_LISTEN", "x")]).unwrap_err();
    assert!(error.starts_with("FAREBOX_LISTEN: listen = \"x\""), "{error}");
    let flags = Overrides { listen: Some("0.0.0.0:80".parse().unwrap()), ..Overrides::default() };
    let error = load_with("listen = \"127.0.0.1:1\"", [], &flags).unwrap_err();
    assert!(error.starts_with("--listen: listen = \"0.0.0.0:80\""), "{error}");
}

#[test]
fn a_value_of_a_wrong_type_is_not_shown_as_it_may_be_a_secret() {
    let error = load("[providers.openai]\ncredentials = \"sk-secret\"", []).unwrap_err();
    assert!(error.contains("farebox.toml:2") && !error.contains("sk-secret"), "{error}");
    let variable = ("FAREBOX_PROVIDERS__OPENAI__CREDENTIALS", "[{api_key = 'sk-secret'");
    let error = load("", [variable]).unwrap_err();
    assert!(error.contains(variable.0) && !error.contains("sk-secret"), "{error}");
}

#[test]
fn the_variables_that_kubernetes_makes_of_a_service_are_not_settings() {
    let service = [
        ("FAREBOX_SERVICE_HOST", "10.0.0.1"),
        ("FAREBOX_SERVICE_PORT_HTTP", "8080"),
        ("FAREBOX_PORT", "tcp://10.0.0.1:8080"),
        ("FAREBOX_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load("", service).is_ok());
    let error = load("", [("FAREBOX_LISTNE", "127.0.0.1:1")]).unwrap_err();
    assert!(error.contains("FAREBOX_LISTNE") && error.contains("`listen`"), "{error}");
}

#[test]
fn pointing_one_provider_elsewhere_leaves_the_others() {
    let upstream = |name: &str| Overrides {
        upstreams: vec![(name.to_owned(), "http://127.0.0.1:9/v1".to_owned())],
        ..Overrides::default()
    };
    let keys = [("OPENAI_API_KEY", "sk-a"), ("GROQ_API_KEY", "gsk-b")];
    let config = load_with("", keys, &upstream("openai")).unwrap();
    let names: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["groq", "openai"]);
    let error = load_with("", [], &upstream("opanai")).unwrap_err();
    assert!(error.contains("opanai") && error.contains("did you mean `openai`?"), "{error}");
    let file = "[providers.mine]\nbase_url = \"http://a.test/v1\"";
    let config = load_with(file, [], &upstream("mine")).unwrap();
    assert_eq!(config.providers.get("mine").unwrap().base_url(), "http://127.0.0.1:9/v1");
}

#[test]
fn refuses_what_would_only_fail_later() {
    refused(
        "[ledger]\nredis_url = \"http://u:a-secret-word@h\"",
        &["ledger.redis_url", "redis://", ":2"],
    );
    refused("[server]\nmax_connections = 0", &["max_connections = 0"]);
    refused("[enforcement]\ndrain_seconds = 999999", &["drain_seconds = 999999", "3600"]);
    refused("[providers.openai]\n[[routes]]\nmodels = []\nprovider = \"openai\"", &["routes"]);
    let twice = "[[providers.openai.credentials]]\nname = \"a\"\napi_key = \"k\"\n\
                 [[providers.groq.credentials]]\nname = \"a\"\napi_key = \"k\"";
    refused(twice, &["two credentials are named `a`"]);
    let error = load("[ledger]\nredis_url = \"http://u:a-secret-word@h\"", []).unwrap_err();
    assert!(!error.contains("a-secret-word"), "{error}");
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let file = "[ledger]\nredis_url = \"redis://u:pw@h\"\n[providers.openai]\n\
                [[providers.openai.credentials]]\nname = \"main\"\napi_key = \"sk-a\"\n\
                [[routes]]\nmodels = [\"gpt-*\"]\nprovider = \"openai\"\n\
                [admin]\ntoken = \"a-token-of-my-own-choice\"";
    let printed = load(file, []).unwrap().printed().to_string();
    for secret in ["pw", "sk-a", "of-my-own"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let again = printed.replace("\"***\"", "\"redis://a-token-to-fill-in\"");
    let again = load(&again, []).unwrap().printed().to_string();
    assert_eq!(again, printed);
    assert!(printed.contains("gpt-*"), "{printed}");
}

#[test]
fn r025_the_documented_file_is_the_default_one() {
    let documented = include_str!("../../docs/configuration.md");
    let file = documented.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let environment =
        [("OPENAI_API_KEY", "sk-a"), ("FAREBOX_ADMIN_TOKEN", "a-token-of-my-own-choice")];
    let mut written = load(file, environment).unwrap().printed();
    let routes = written.insert("routes".to_owned(), toml::Value::Array(Vec::new()));
    assert_eq!(routes.unwrap().as_array().unwrap().len(), 1);
    assert_eq!(written.to_string(), load("", environment).unwrap().printed().to_string());
}

#[test]
fn r025_every_value_says_where_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    let file = "listen = \"127.0.0.1:1\"\n\n[ledger]\nlease_seconds = 7\n\n[providers.openai]\n\
                [providers.groq]\n[[providers.groq.credentials]]\nname = \"g\"\napi_key = \"k\"\n";
    std::fs::write(&path, file).unwrap();
    let environment = [
        ("FAREBOX_ADMIN_LISTEN", "127.0.0.1:2"),
        ("FAREBOX_ENFORCEMENT__MODE", "strict"),
        ("FAREBOX_ADMIN_TOKEN", "a-token-of-my-own-choice"),
        ("OPENAI_API_KEY", "sk-a"),
        ("OPENAI_RATE_LIMIT_PER_DAY", "9"),
    ];
    let flags = Overrides { data_dir: Some("/tmp/x".into()), ..Overrides::default() };
    let environment = Environment::from(environment);
    let annotated = Config::annotated(Some(&path), &environment, &flags).unwrap();
    let table = annotated.table();
    let at = |place: &str| {
        let leaf = place.split('.').fold(&toml::Value::Table(table.clone()), |t, n| &t[n]).clone();
        (leaf["value"].to_string(), leaf["origin"].as_str().unwrap().to_owned())
    };
    let named = path.display().to_string();
    for (place, value, origin) in [
        ("listen", "\"127.0.0.1:1\"", format!("{named}:1")),
        ("admin_listen", "\"127.0.0.1:2\"", "FAREBOX_ADMIN_LISTEN".to_owned()),
        ("ledger.lease_seconds", "7", format!("{named}:4")),
        ("ledger.data_dir", "\"/tmp/x\"", "--data-dir".to_owned()),
        ("ledger.timezone", "\"UTC\"", "default".to_owned()),
        ("enforcement.mode", "\"strict\"", "FAREBOX_ENFORCEMENT__MODE".to_owned()),
        ("enforcement.drain_seconds", "30", "default".to_owned()),
        ("admin.token", "\"***\"", "FAREBOX_ADMIN_TOKEN".to_owned()),
        (
            "providers.openai.credentials",
            "[{ api_key = \"***\", name = \"openai-main\", weight = 1 }]",
            "OPENAI_API_KEY".to_owned(),
        ),
        (
            "providers.groq.credentials",
            "[{ api_key = \"***\", name = \"g\", weight = 1 }]",
            format!("{named}:8"),
        ),
        ("server.max_connections", "20000", "default".to_owned()),
    ] {
        let (found, from) = at(place);
        assert_eq!((found.as_str(), from), (value, origin), "{place}");
    }
    assert_eq!(at("defaults.user.limits").1, "default, OPENAI_RATE_LIMIT_PER_DAY");
    // It is a file, and says what is in force.
    let printed = Config::load(Some(&path), &environment, &flags).unwrap().printed();
    let again: toml::Table = toml::from_str(&annotated.text()).unwrap();
    assert_eq!(again, printed);
    assert!(!annotated.text().contains("sk-a") && !annotated.text().contains("my-own"));
}
