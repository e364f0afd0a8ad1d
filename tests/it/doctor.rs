//! `farebox doctor` on the built program, with a real Redis, a real proxy and simulated providers.

use crate::program::{Program, farebox};
use crate::redis_server::RedisServer;
use crate::world::{LIMIT, PROVIDER_KEY};
use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

/// What it found, with its exit status.
struct Visit {
    status: Option<i32>,
    report: Value,
    error: String,
}

impl Visit {
    /// The status word and the hint of a check.
    fn of(&self, group: &str, name: &str) -> (&str, &str) {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["group"] == group && check["name"] == name);
        let found = found.unwrap_or_else(|| panic!("{group}/{name} is not in {}", self.report));
        (found["status"].as_str().unwrap(), found["hint"].as_str().unwrap_or_default())
    }
}

fn visit(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Visit {
    let data = dir.join("farebox-data");
    let mut all = vec!["doctor", "--json", "--data-dir", data.to_str().unwrap()];
    all.extend(arguments);
    let output = farebox(&all, environment);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let out = text(output.stdout);
    let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"));
    Visit { status: output.status.code(), report, error: text(output.stderr) }
}

/// A port on which nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("127.0.0.1:{}", listener.local_addr().unwrap().port())
}

#[test]
fn a_good_redis_passes_and_each_fault_of_a_bad_one_has_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let admin = nowhere();
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let url = redis.url();
    let arguments = ["--redis", url.as_str(), "--admin-listen", &admin];
    let found = visit(dir.path(), &arguments, &[("OPENAI_API_KEY", "k")]);
    assert_eq!(found.status, Some(0), "{}", found.report);
    for name in ["reachable", "version", "persistence", "eviction", "clock", "schema", "scripts"] {
        assert_eq!(found.of("ledger", name), ("ok", ""), "{name}");
    }
    assert_eq!(found.of("proxy", "running").0, "warning");
    assert_eq!(redis.cli(&["KEYS", "*"]), "", "it only reads");
    assert!(!dir.path().join("farebox-data").exists(), "it only reads");

    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    redis.cli(&["CONFIG", "SET", "appendonly", "no"]);
    redis.cli(&["HSET", "farebox:meta", "schema", "99"]);
    let found = visit(dir.path(), &arguments, &[]);
    assert_eq!(found.status, Some(3));
    assert!(found.error.contains("2 checks failed"), "{}", found.error);
    assert_eq!(found.report["failed"], 2);
    let (status, hint) = found.of("ledger", "eviction");
    assert!(status == "failed" && hint.contains("noeviction"), "{hint}");
    let (status, hint) = found.of("ledger", "persistence");
    assert!(status == "warning" && hint.contains("appendonly yes"), "{hint}");
    assert_eq!(found.of("ledger", "schema").0, "failed");

    let away = format!("redis://{}", nowhere());
    let found = visit(dir.path(), &["--redis", &away, "--admin-listen", &admin], &[]);
    assert_eq!((found.status, found.of("ledger", "reachable").0), (Some(3), "failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_proxy_is_asked_and_so_are_its_providers() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let key = [("OPENAI_API_KEY", PROVIDER_KEY)];
    let program = Program::serve(dir.path(), &["--upstream", &upstream], &key);
    let admin = format!("http://{}", program.admin);
    let arguments = ["--admin-url", &admin, "--upstream", &upstream, "--ask"];
    let found = visit(dir.path(), &arguments, &key);
    assert_eq!(found.status, Some(0), "{}", found.report);
    for name in ["running", "ready", "token", "metrics"] {
        assert_eq!(found.of("proxy", name), ("ok", ""), "{name}");
    }
    assert_eq!(found.of("providers", "asked"), ("ok", ""));
    assert_eq!(found.of("admin", "token_file"), ("ok", ""));
    assert!(!found.report.to_string().contains(PROVIDER_KEY));

    let found = visit(dir.path(), &arguments, &[("OPENAI_API_KEY", "sk-wrong-canary")]);
    assert_eq!((found.status, found.of("providers", "asked").0), (Some(3), "failed"));
    assert!(!found.report.to_string().contains("sk-wrong-canary"));

    let token = dir.path().join("farebox-data/admin-token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&token, "another-token-of-some-length").unwrap();
    let found = visit(dir.path(), &["--admin-url", &admin], &key);
    assert_eq!((found.status, found.of("admin", "token_file").0), (Some(3), "failed"));
    assert_eq!(found.of("proxy", "token").0, "failed");
}

#[test]
fn files_certificates_and_prices_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("cert.pem"), pair.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    let text = format!(
        "admin_listen = '{}'\n[tls]\ncert = '{}'\nkey = '{}'\n[admin]\n\
         token = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n[providers.groq]\n[[routes]]\n\
         models = ['model-of-nobody-1', 'gpt-*']\nprovider = 'groq'\n",
        nowhere(),
        path("cert.pem"),
        path("key.pem")
    );
    std::fs::write(path("farebox.toml"), text).unwrap();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path("farebox.toml"), mode).unwrap();
    let found = visit(dir.path(), &["--config", &path("farebox.toml")], &[]);
    assert_eq!(found.of("configuration", "tls").0, "ok");
    assert!(found.of("configuration", "file").1.contains("chmod 600"));
    assert_eq!(found.of("configuration", "coverage").0, "warning");
    assert_eq!(found.of("providers", "credentials").0, "warning");
    assert!(found.of("admin", "token").1.contains("openssl rand"));

    std::fs::write(path("bad.toml"), "lisen = 'x'\n").unwrap();
    let found = visit(dir.path(), &["--config", &path("bad.toml")], &[]);
    assert_eq!((found.status, found.of("configuration", "file").0), (Some(78), "failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn r100_it_says_whether_alerts_are_watched_limits_are_set_and_who_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let key = [("OPENAI_API_KEY", PROVIDER_KEY)];
    let file = dir.path().join("farebox.toml").display().to_string();
    std::fs::write(&file, "[defaults.user]\nlimits = []\n").unwrap();
    let program = Program::serve(dir.path(), &["--config", &file], &key);
    // The first start makes a user with a limit.
    let deleted = program.verb(dir.path(), &["users", "delete", "default", "--yes"]);
    assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    let admin = format!("http://{}", program.admin);
    let arguments = ["--admin-url", &admin, "--config", &file];
    let begun = Instant::now();
    let found = loop {
        let found = visit(dir.path(), &arguments, &key);
        if found.of("alerts", "monitoring").0 == "ok" {
            break found;
        }
        assert!(begun.elapsed() < LIMIT, "{}", found.report);
    };
    let (status, hint) = found.of("alerts", "limits");
    assert!(status == "warning" && hint.contains("farebox limits set"), "{hint}");
    let (status, hint) = found.of("alerts", "channels");
    assert!(status == "warning" && hint.contains("[[alerts.channels]]"), "{hint}");

    program.json(dir.path(), &["users", "create", "alice", "--limit", "5usd/day"]);
    let url = "url=https://hooks.slack.com/services/T0/B0/x";
    program.json(dir.path(), &["alerts", "channels", "create", "slack", "ops", url]);
    let found = visit(dir.path(), &arguments, &key);
    assert_eq!(found.of("alerts", "limits"), ("ok", ""));
    assert_eq!(found.of("alerts", "channels"), ("ok", ""));
    assert!(found.report.to_string().contains("1 channel is told"), "{}", found.report);
}
