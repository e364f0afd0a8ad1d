//! Identity on the built program: the verb, two proxies on one Redis, a restart, and starts that are
//! refused.

use crate::control_desk::raw;
use crate::identity_rig::{Browser, log_in, texts, with};
use crate::program::{Program, farebox};
use crate::redis_server::RedisServer;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const OPERATOR: &str = "the-operator-of-these-tests";
const SESSION: &str = "/api/v1/session";

fn serve(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Program {
    let environment = [&[("FAREBOX_ADMIN_TOKEN", OPERATOR)], environment].concat();
    Program::serve(dir, arguments, &environment)
}

/// Runs a verb as the operator; what it printed.
fn verb(program: &Program, token: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let url = format!("http://{}", program.admin);
    let output = farebox(arguments, &[("FAREBOX_ADMIN_URL", &url), ("FAREBOX_ADMIN_TOKEN", token)]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Asks until the status is this one; how long that took.
async fn until(status: u16, ask: impl AsyncFn() -> u16) -> Duration {
    let begun = Instant::now();
    while ask().await != status {
        assert!(begun.elapsed() < Duration::from_secs(5), "it is never {status}");
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verb_makes_lists_rotates_and_revokes_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let program = serve(dir.path(), &[], &[]);
    let (status, out, err) = verb(
        &program,
        OPERATOR,
        &["tokens", "create", "ci", "--scope", "users:read,usage:read", "--expires", "90d"],
    );
    assert_eq!(status, Some(0), "{err}");
    let text = out.trim().to_owned();
    assert!(text.starts_with("fb-adm-") && out.lines().count() == 1, "{out}");
    let (status, out, _) = verb(&program, &text, &["users", "list"]);
    assert!(status == Some(0) && out.contains("default"), "{out}");
    let (status, _, err) = verb(&program, &text, &["users", "create", "mallory"]);
    assert_eq!(status, Some(4), "{err}");
    assert!(err.contains("`users:write`"), "{err}");

    let (_, out, _) = verb(&program, OPERATOR, &["tokens", "list"]);
    assert!(out.contains("users:read usage:read") && !out.contains(&text), "{out}");
    let (_, out, _) = verb(&program, OPERATOR, &["tokens", "list", "--json"]);
    let list: Value = serde_json::from_str(&out).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    let (_, out, _) = verb(&program, OPERATOR, &["tokens", "show", id, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), list[0]);
    let (_, out, _) = verb(&program, OPERATOR, &["tokens", "rotate", id]);
    let second = out.trim().to_owned();
    assert_eq!(verb(&program, &text, &["users", "list"]).0, Some(4));
    assert_eq!(verb(&program, &second, &["users", "list"]).0, Some(0));
    assert_eq!(verb(&program, OPERATOR, &["tokens", "revoke", id]).0, Some(2), "nobody agreed");
    assert_eq!(verb(&program, OPERATOR, &["tokens", "revoke", id, "--yes"]).0, Some(0));
    assert_eq!(verb(&program, &second, &["users", "list"]).0, Some(4));
    assert_eq!(verb(&program, OPERATOR, &["tokens", "show", id]).0, Some(5));
    let (status, _, err) =
        verb(&program, OPERATOR, &["tokens", "create", "x", "--scope", "moon:read"]);
    assert!(status == Some(2) && err.contains("moon:read"), "{err}");
    let log = program.log_text();
    assert!(log.contains("token.create") && log.contains("token.revoke"), "{log}");
    for secret in [&text, &second, OPERATOR] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_proxy_revokes_is_unknown_to_all_within_a_second() {
    let server = RedisServer::start(&[]);
    let url = server.url();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = |dir: &Path| serve(dir, &["--redis", &url], &[]);
    let (one, mut two) = (start(dirs[0].path()), start(dirs[1].path()));
    let body = json!({"name": "ci", "scopes": ["users:read"]});
    let made = with(one.admin, OPERATOR, "POST", "/api/v1/admin-tokens", &body).await.of(201);
    let (id, text) = texts(&made);
    let at = two.admin;
    let ask = async || with(at, &text, "GET", "/api/v1/users", &Value::Null).await.status.as_u16();
    assert_eq!(ask().await, 200, "it works at once");
    let browser = Browser::log_in(one.admin, &text).await;
    let page = async |at| browser.ask(at, "GET", SESSION, Value::Null).await.status.as_u16();
    assert_eq!(page(at).await, 200);
    let other = Browser::log_in(at, OPERATOR).await;
    other.ask(one.admin, "GET", SESSION, Value::Null).await.of(200);

    // A login survives a restart of the proxy.
    two.kill();
    let two = start(dirs[1].path());
    let at = two.admin;
    assert_eq!(page(at).await, 200);
    other.ask(at, "DELETE", SESSION, Value::Null).await.of(204);
    let gone = async || other.ask(one.admin, "GET", SESSION, Value::Null).await.status.as_u16();
    let took = until(401, gone).await;
    assert!(took < Duration::from_secs(1), "{took:?}");

    let ask = async || with(at, &text, "GET", "/api/v1/users", &Value::Null).await.status.as_u16();
    assert_eq!(ask().await, 200);
    let path = format!("/api/v1/admin-tokens/{id}");
    with(one.admin, OPERATOR, "DELETE", &path, &Value::Null).await.of(204);
    let took = until(401, ask).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(page(at).await, 401);
    let kept = server.cli(&["--scan", "--pattern", "*"]);
    for name in kept.lines().filter(|name| name.contains(":record:")) {
        let fields = server.cli(&["HGETALL", name]);
        for secret in [&text, &browser.csrf, &other.csrf, OPERATOR, &browser.cookie[16..]] {
            assert!(!fields.contains(secret) && !name.contains(secret), "{name} has a secret");
        }
    }
    let sound = with(one.admin, OPERATOR, "GET", "/api/v1/ledger/verify", &Value::Null).await;
    assert_eq!(sound.of(200)["ok"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_tokens_and_logins_survive_kill_9_and_another_operator_ends_logins() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = serve(dir.path(), &[], &[]);
    let body = json!({"name": "ci", "scopes": ["users:read"]});
    let made = with(program.admin, OPERATOR, "POST", "/api/v1/admin-tokens", &body).await;
    let (_, text) = texts(&made.of(201));
    let operator = Browser::log_in(program.admin, OPERATOR).await;
    let reader = Browser::log_in(program.admin, &text).await;
    program.kill();
    let mut program = serve(dir.path(), &[], &[]);
    for browser in [&operator, &reader] {
        browser.ask(program.admin, "GET", SESSION, Value::Null).await.of(200);
    }
    program.kill();
    let program = serve(dir.path(), &[], &[("FAREBOX_ADMIN_TOKEN", "another-operator-came")]);
    operator.ask(program.admin, "GET", SESSION, Value::Null).await.of(401);
    reader.ask(program.admin, "GET", SESSION, Value::Null).await.of(200);
    with(program.admin, &text, "GET", "/api/v1/users", &Value::Null).await.of(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r057_the_file_says_how_often_and_who() {
    let dir = tempfile::tempdir().unwrap();
    let file = "[admin]\nrequests_per_minute = 60\nauth_failures_per_minute = 2\n\
                allowed_origins = [\"https://ops.example.com\"]\n";
    std::fs::write(dir.path().join("farebox.toml"), file).unwrap();
    let program = serve(dir.path(), &[], &[("FAREBOX_ADMIN__REQUESTS_PER_MINUTE", "")]);
    let users =
        |token: &'static str| with(program.admin, token, "GET", "/api/v1/users", &Value::Null);
    for status in [401, 401, 429] {
        users("wrong").await.of(status);
        log_in(program.admin, "wrong", &[]).await.of(status);
    }
    let mut last = users(OPERATOR).await;
    for _ in 0..500 {
        if last.status != 200 {
            break;
        }
        last = users(OPERATOR).await;
    }
    assert_eq!(last.headers["retry-after"], "1");
    last.of(429);
    // The verbs wait for so little.
    let (status, _, err) = verb(&program, OPERATOR, &["users", "list"]);
    assert_eq!(status, Some(0), "{err}");
    let origin = [("origin", "https://ops.example.com"), ("access-control-request-method", "GET")];
    let answer = raw(program.admin, "OPTIONS", "/api/v1/users", &origin, "").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://ops.example.com");
    // A user's key opens nothing here, and an admin token nothing there.
    let key = program.first_key();
    raw(program.admin, "GET", "/livez", &[], "").await;
    let path = "/v1/models";
    let bearer = format!("Bearer {OPERATOR}");
    raw(program.data, "GET", path, &[("authorization", &bearer)], "").await.of(401);
    let bearer = format!("Bearer {key}");
    let answer =
        raw(program.admin, "GET", "/api/v1/users", &[("authorization", &bearer)], "").await;
    assert!(matches!(answer.status.as_u16(), 401 | 429), "{}", answer.text);
}

#[test]
fn r129_r131_known_short_and_different_tokens_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display().to_string();
    let start = |environment: &[(&str, &str)]| {
        let output = farebox(
            &[
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--data-dir",
                &data,
            ],
            environment,
        );
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (environment, said) in [
        (vec![("FAREBOX_ADMIN_TOKEN", "dev_reset_2025")], "FAREBOX_ADMIN_TOKEN"),
        (vec![("QUOTA_ADMIN_KEY", "dev_reset_2025")], "QUOTA_ADMIN_KEY"),
        (vec![("FAREBOX_ADMIN_TOKEN", "fifteen-letters")], "16 characters"),
        (
            vec![
                ("QUOTA_ADMIN_KEY", "one-canary-0123456789"),
                ("QUOTA_ADMIN_RESET_KEY", "two-canary-0123456789"),
            ],
            "QUOTA_ADMIN_RESET_KEY",
        ),
        (vec![("FAREBOX_ADMIN__ALLOWED_ORIGINS", "[\"*\"]")], "there is no wildcard"),
        (vec![("FAREBOX_ADMIN__REQUESTS_PER_MINUTE", "0")], "requests_per_minute = 0"),
    ] {
        let (status, err) = start(&environment);
        assert_eq!(status, Some(78), "{environment:?}: {err}");
        assert!(err.contains(said), "{environment:?}: {err}");
        assert!(!err.contains("canary") && !err.contains("dev_reset_2025"), "{err}");
    }
}
