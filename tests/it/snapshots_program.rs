//! R118 to R121: snapshots and migrations of the built program, with what older deployments set.

use crate::program::{Program, farebox};
use crate::redis_server::RedisServer;
use farebox::config::{Config, Environment, Overrides};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

const TOKEN: (&str, &str) = ("FAREBOX_ADMIN_TOKEN", "a-token-for-tests-only");
const OFTEN: (&str, &str) = ("FAREBOX_HISTORY__SNAPSHOT_EVERY", "1s");
const PATIENCE: Duration = Duration::from_secs(40);

fn load(environment: Environment, file: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    let config = Config::load(Some(&path), &environment, &Overrides::default());
    config.map_err(|why| why.to_string())
}

#[test]
fn r119_r120_r121_the_settings_and_the_variables_of_older_deployments() {
    let config = load(Environment::default(), "").unwrap();
    assert_eq!(config.snapshots.every, Duration::from_secs(300));
    assert!(config.snapshots.persistence);
    assert_eq!(config.retention_days, 30);
    let file = "[history]\nsnapshot_every = \"90s\"\npersistence = false";
    let config = load(Environment::default(), file).unwrap();
    assert_eq!(config.snapshots.every, Duration::from_secs(90));
    assert!(!config.snapshots.persistence);
    let older = [
        ("QUOTA_SNAPSHOT_INTERVAL_MINUTES", "15"),
        ("QUOTA_HISTORY_RETENTION_DAYS", "7"),
        ("ENABLE_QUOTA_PERSISTENCE", "True"),
    ];
    let config = load(older.into(), file).unwrap();
    assert_eq!(config.snapshots.every, Duration::from_secs(900));
    assert!(config.snapshots.persistence);
    assert_eq!(config.retention_days, 7);
    for (name, value, named) in [
        ("QUOTA_SNAPSHOT_INTERVAL_MINUTES", "0", "= 0: from 1 to 1440 minutes"),
        ("QUOTA_SNAPSHOT_INTERVAL_MINUTES", "5m", "= 5m: from 1 to 1440 minutes"),
        ("ENABLE_QUOTA_PERSISTENCE", "maybe", "= maybe: write true or false"),
        ("FAREBOX_HISTORY__SNAPSHOT_EVERY", "0s", "\"0s\": from 1s to 1d"),
        ("FAREBOX_HISTORY__SNAPSHOT_EVERY", "soon", "\"soon\": from 1s to 1d"),
        ("FAREBOX_HISTORY__PERSISTENCE", "maybe", "FAREBOX_HISTORY__PERSISTENCE"),
    ] {
        let why = load([(name, value)].into(), "").unwrap_err();
        assert!(why.contains(named), "{name}={value}: {why}");
    }
    // Nothing would ever be kept.
    let why =
        load(Environment::default(), "[history]\nsnapshot_every = \"1d\"\nretention_days = 1");
    let why = why.unwrap_err();
    assert!(why.contains("history.snapshot_every = \"1d\"") && why.contains("more often"), "{why}");
}

fn snapshots(program: &Program, dir: &Path) -> Vec<Value> {
    program.json(dir, &["history", "snapshots"]).as_array().unwrap().clone()
}

/// The snapshots, once `enough` of them is true.
fn until(program: &Program, dir: &Path, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = snapshots(program, dir);
        if enough(&found) {
            return found;
        }
        assert!(Instant::now() < end, "{found:?}{}", program.log_text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn newest(found: &[Value]) -> &str {
    found.first().map_or("", |one| one["snapshot_time"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r119_a_proxy_that_is_killed_is_followed_without_a_snapshot_twice() {
    let redis = RedisServer::start(&[]);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let url = redis.url();
    let serve = |dir: &Path| Program::serve(dir, &["--redis", &url], &[TOKEN, OFTEN]);
    let (mut one, other) = (serve(dirs[0].path()), serve(dirs[1].path()));
    for dir in &dirs {
        std::fs::create_dir_all(dir.path().join("farebox-data")).unwrap();
        std::fs::write(dir.path().join("farebox-data/admin-token"), TOKEN.1).unwrap();
    }
    let dir = dirs[1].path();
    let before = until(&other, dir, |found| found.len() >= 2);
    one.kill();
    let last = newest(&before).to_owned();
    let found = until(&other, dir, |found| {
        found.iter().filter(|s| s["snapshot_time"].as_str().unwrap() > last.as_str()).count() >= 2
    });
    let ids: BTreeSet<&str> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
    let places: BTreeSet<(&str, &str)> = found
        .iter()
        .map(|s| (s["workspace_id"].as_str().unwrap(), s["snapshot_time"].as_str().unwrap()))
        .collect();
    assert_eq!((ids.len(), places.len()), (found.len(), found.len()));
    let times: Vec<&str> = found.iter().map(|s| s["snapshot_time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r121_without_persistence_there_are_none_and_the_ledger_works() {
    let (with, without) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let off = ("ENABLE_QUOTA_PERSISTENCE", "false");
    let mut none = Program::serve(without.path(), &[], &[OFTEN, off]);
    let some = Program::serve(with.path(), &[], &[OFTEN]);
    // Another one that began later has taken some.
    until(&some, with.path(), |found| found.len() >= 3);
    assert_eq!(snapshots(&none, without.path()), Vec::<Value>::new());
    let event = ["users", "create", "alice"];
    assert_eq!(none.json(without.path(), &event)["id"], "alice");
    none.kill();
    let again = Program::serve(without.path(), &[], &[OFTEN, off]);
    assert_eq!(again.json(without.path(), &["users", "show", "alice"])["id"], "alice");
}

/// What `farebox migrate` says of a ledger, and its status.
fn migrate(arguments: &[&str], more: &[&str]) -> (Option<i32>, Value, String) {
    let output = farebox(&[&["migrate"], more, arguments, &["--json"]].concat(), &[]);
    let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), said, String::from_utf8(output.stderr).unwrap())
}

fn stands(schema: Value, applied: bool) -> Value {
    let step = json!({
        "name": "quota_history",
        "adds": "snapshots of every workspace",
        "applied": applied,
    });
    json!({"schema": schema, "migrations": [step]})
}

/// Up, down and up again; `serve` starts a proxy of the ledger.
fn up_and_down(on: &[&str], serve: impl Fn() -> (Program, tempfile::TempDir)) {
    assert_eq!(migrate(on, &[]).1, stands(Value::Null, false));
    let (mut program, dir) = serve();
    until(&program, dir.path(), |found| !found.is_empty());
    assert_eq!(program.json(dir.path(), &["users", "create", "alice"])["id"], "alice");
    program.kill();
    assert_eq!(migrate(on, &[]).1, stands(json!("1"), true));
    // It destroys, so it asks.
    let (status, _, why) = migrate(on, &["down"]);
    assert!(status == Some(2) && why.contains("deletes the snapshots"), "{why}");
    assert_eq!(migrate(on, &["down", "--yes"]).1, stands(json!("1"), false));
    assert_eq!(migrate(on, &["down", "--yes"]).0, Some(6));
    assert_eq!(migrate(on, &["up"]).1, stands(json!("1"), true));
    assert_eq!(migrate(on, &["up"]).1, stands(json!("1"), true));
    assert_eq!(migrate(on, &["down", "--yes"]).1, stands(json!("1"), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r118_migrations_go_up_and_down_in_redis() {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let serve = || {
        let dir = tempfile::tempdir().unwrap();
        (Program::serve(dir.path(), &["--redis", &url], &[OFTEN]), dir)
    };
    up_and_down(&["--redis", &url], serve);
    assert_eq!(redis.cli(&["KEYS", "farebox:{0}:snapshots*"]), "");
    assert_eq!(redis.cli(&["HMGET", "farebox:meta", "schema", "migration"]), "1\n0");
    // The accounts are there, and the next start migrates by itself.
    assert_eq!(redis.cli(&["EXISTS", "farebox:{0}:user:alice"]), "1");
    let (_program, _dir) = serve();
    assert_eq!(migrate(&["--redis", &url], &[]).1, stands(json!("1"), true));
    // A newer version's schema is left alone.
    redis.cli(&["HSET", "farebox:meta", "schema", "2"]);
    let (status, _, why) = migrate(&["--redis", &url], &["down", "--yes"]);
    assert!(status == Some(7) && why.contains("schema 2, this version knows 1"), "{why}");
    redis.cli(&["HSET", "farebox:meta", "schema", "1", "migration", "5"]);
    let (status, _, why) = migrate(&["--redis", &url], &["down", "--yes"]);
    assert!(status == Some(6) && why.contains("newer version"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r118_migrations_go_up_and_down_in_the_embedded_ledger() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("d").display().to_string();
    let serve = || {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&path, dir.path().join("farebox-data")).unwrap();
        std::fs::create_dir_all(&path).unwrap();
        (Program::serve(dir.path(), &["--data-dir", &path], &[OFTEN]), dir)
    };
    let on = ["--data-dir", path.as_str()];
    up_and_down(&on, serve);
    let (program, dir) = serve();
    let (status, _, why) = migrate(&on, &["down", "--yes"]);
    assert!(status == Some(7) && why.contains("in use by another process"), "{why}");
    until(&program, dir.path(), |found| !found.is_empty());
    assert_eq!(program.json(dir.path(), &["users", "show", "alice"])["id"], "alice");
}
