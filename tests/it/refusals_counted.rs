//! R125: what proxies refused, asked for over all of them and after restarts.

use crate::control_desk::{Desk, raw};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::chat;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const TOKEN: (&str, &str) = ("FAREBOX_ADMIN_TOKEN", "a-token-for-tests-only");
/// It is never sent anywhere: all calls are refused.
const PROVIDER: (&str, &str) = ("OPENAI_API_KEY", "sk-of-the-provider");
const PATH: &str = "/api/v1/analytics/refusals";

/// A proxy, in a folder of its own, whose verbs know the token.
fn serve(arguments: &[&str]) -> (Program, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::serve(dir.path(), arguments, &[TOKEN, PROVIDER]);
    std::fs::create_dir_all(dir.path().join("farebox-data")).unwrap();
    std::fs::write(dir.path().join("farebox-data/admin-token"), TOKEN.1).unwrap();
    (program, dir)
}

/// A call of a model that has no price.
async fn unpriced(program: &Program, key: &str) {
    let answer = program.call(key, "/v1/chat/completions", "", &chat("nonsense-1", "")).await;
    assert_eq!((answer.status(), answer.code().as_str()), (400, "model_not_priced"));
}

/// A call with a key that is not valid.
async fn barred(program: &Program, key: &str) {
    let answer = program.call(key, "/v1/chat/completions", "", &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code().as_str()), (401, "invalid_api_key"));
}

fn created(program: &Program, dir: &Path, what: &[&str]) -> Value {
    program.json(dir, what)
}

fn counted(program: &Program, dir: &Path, more: &[&str]) -> Value {
    program.json(dir, &[&["usage", "--refusals"], more].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r125_refusals_of_two_proxies_on_one_redis_add_up() {
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let ((mut one, at_one), (other, dir)) = (serve(&["--redis", &url]), serve(&["--redis", &url]));
    let dir = dir.path();
    created(&other, dir, &["workspaces", "create", "eng"]);
    created(&other, dir, &["users", "create", "alice"]);
    created(&other, dir, &["users", "create", "bob", "--workspace", "eng"]);
    let key = |user| created(&other, dir, &["keys", "create", "--user", user]);
    let (alice, revoked, bob) = (key("alice"), key("alice"), key("bob"));
    let secret = |key: &Value| key["key"].as_str().unwrap().to_owned();
    let ended = other.verb(dir, &["keys", "revoke", revoked["id"].as_str().unwrap(), "--yes"]);
    assert!(ended.status.success());
    unpriced(&one, &secret(&alice)).await;
    unpriced(&one, &secret(&alice)).await;
    barred(&one, "sk-fb-nobody-has-this-one").await;
    unpriced(&other, &secret(&bob)).await;
    barred(&other, &secret(&revoked)).await;
    // Its counts are written when it stops, if not before.
    assert_eq!(one.terminate().0, Some(0), "{}", one.log_text());
    drop(at_one);

    let by_reason = counted(&other, dir, &[]);
    assert_eq!(
        by_reason,
        json!([{"reason": "model_not_priced", "refusals": 3}, {"reason": "invalid_api_key", "refusals": 2}])
    );
    let rows = counted(&other, dir, &["--group-by", "user,reason"]);
    let mut shown: Vec<String> = rows.as_array().unwrap().iter().map(Value::to_string).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            r#"{"reason":"invalid_api_key","refusals":1,"user":"alice"}"#,
            r#"{"reason":"invalid_api_key","refusals":1,"user":null}"#,
            r#"{"reason":"model_not_priced","refusals":1,"user":"bob"}"#,
            r#"{"reason":"model_not_priced","refusals":2,"user":"alice"}"#,
        ]
    );
    assert_eq!(counted(&other, dir, &["--user", "bob"])[0]["refusals"], 1);
    let csv = other.verb(dir, &["usage", "--refusals", "--csv"]);
    assert_eq!(
        String::from_utf8(csv.stdout).unwrap(),
        "reason,refusals\nmodel_not_priced,3\ninvalid_api_key,2\n"
    );

    // A token of a workspace sees its own.
    let scopes = ["tokens", "create", "ci", "--scope", "usage:read", "--workspace", "eng"];
    let token = created(&other, dir, &scopes);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let path = format!("{PATH}?by=workspace,user");
    let own = raw(other.admin, "GET", &path, &[("authorization", &bearer)], "").await.of(200);
    assert_eq!(own["data"], json!([{"workspace": "eng", "user": "bob", "refusals": 1}]));
    for filter in ["user=alice", "workspace=default"] {
        let path = format!("{PATH}?{filter}");
        raw(other.admin, "GET", &path, &[("authorization", &bearer)], "").await.of(404);
    }
    // One record for each proxy and hour, which ends by itself.
    let records = redis.cli(&["KEYS", "farebox:{0}:record:refusals:*"]);
    assert!((2..=4).contains(&records.lines().count()), "{records}");
    for record in records.lines() {
        let left: i64 = redis.cli(&["PTTL", record]).parse().unwrap();
        assert!((89 * 86_400_000..=91 * 86_400_000).contains(&left), "{record}: {left} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r125_refusals_are_there_after_a_restart() {
    let (mut program, dir) = serve(&[]);
    let dir = dir.path();
    created(&program, dir, &["users", "create", "alice"]);
    let key = created(&program, dir, &["keys", "create", "--user", "alice"]);
    let key = key["key"].as_str().unwrap();
    unpriced(&program, key).await;
    assert_eq!(program.terminate().0, Some(0));
    let mut program = Program::serve(dir, &[], &[TOKEN, PROVIDER]);
    assert_eq!(counted(&program, dir, &[])[0]["refusals"], 1);
    unpriced(&program, key).await;
    // What was shown is written, whatever happens then.
    assert_eq!(counted(&program, dir, &[])[0]["refusals"], 2);
    program.kill();
    let program = Program::serve(dir, &[], &[TOKEN, PROVIDER]);
    let rows = counted(&program, dir, &["--group-by", "hour,workspace"]);
    let sum: u64 =
        rows.as_array().unwrap().iter().map(|row| row["refusals"].as_u64().unwrap()).sum();
    assert_eq!((sum, &rows[0]["workspace"]), (2, &json!("default")));
    assert!(rows[0]["hour"].as_str().unwrap().ends_with(":00:00Z"), "{rows}");
    let table = program.verb(dir, &["usage", "--refusals"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("REASON") && table.contains("model_not_priced"), "{table}");
}

#[tokio::test]
async fn r125_what_is_asked_of_refusals_is_checked() {
    let desk = Desk::start().await;
    assert_eq!(desk.get(PATH).await.of(200)["data"], json!([]));
    for (query, named) in [
        ("by=colour", "`colour` is not one of reason, user, workspace, hour"),
        ("by=reason,user,hour", "these are 3; name one or two"),
        ("since=soon", "`soon`"),
        ("model=gpt-5", "?model"),
    ] {
        let refused = desk.get(&format!("{PATH}?{query}")).await.of(422);
        assert!(refused["detail"].as_str().unwrap().contains(named), "{query}: {refused}");
    }
}
