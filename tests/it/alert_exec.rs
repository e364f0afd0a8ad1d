//! Channels that run a command, and channels that are changed while they are used.

use crate::alert_rules::{change, user};
use crate::alert_sinks::{HttpSink, answer};
use crate::alerts::{SECRET, admin, file, got, spend, start};
use crate::world::LIMIT;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A script that can be run.
fn script(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn exec(name: &str, command: &[&str]) -> String {
    format!("[[alerts.channels]]\ntype = \"exec\"\nname = \"{name}\"\ncommand = {command:?}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r086_a_command_reads_the_alert_and_its_status_counts() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let good = script(
        dir.path(),
        "good",
        "{ echo \"$1|$(env | sort | tr '\\n' ' ')\"; cat; echo; } >> \"$2\"",
    );
    let bad = script(dir.path(), "bad", "exit 3");
    let later = script(dir.path(), "later", "exit 75");
    let slow = script(dir.path(), "slow", "exec sleep 60");
    let channels = [
        exec("good", &[&good, "a b;$(id)", out.to_str().unwrap()]),
        exec("bad", &[&bad]),
        exec("later", &[&later]),
        exec("slow", &[&slow]),
        exec("gone", &["/nowhere/page"]),
    ];
    file(dir.path(), "0", &format!("allow_exec = true\n{}", channels.concat()));
    let program = start(dir.path(), &[]);
    user(&program, "alice", &["100 usd/month"]).await;
    spend(&program, "e1", "alice", 100).await;
    let until = Instant::now() + LIMIT;
    let deliveries = loop {
        let listed = admin(&program, "/api/v1/alerts?level=warning", Value::Null).await.json();
        let all = listed["data"][0]["deliveries"].clone();
        let done = all
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["attempts"].as_u64() > Some(0)));
        if done {
            break all;
        }
        assert!(Instant::now() < until, "{listed}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let of = |name: &str| {
        let all = deliveries.as_array().unwrap();
        let one = all.iter().find(|one| one["channel"] == name).unwrap();
        (one["status"].as_str().unwrap().to_owned(), one["last_error"].to_string())
    };
    assert_eq!(of("good").0, "delivered");
    assert_eq!(of("bad"), ("failed".to_owned(), format!("\"{bad}: it ended with status 3\"")));
    let (status, why) = of("later");
    assert!(status == "pending" && why.contains("(75)"), "{status} {why}");
    let (status, why) = of("slow");
    assert!(status == "pending" && why.contains("no answer within 10 s"), "{status} {why}");
    let (status, why) = of("gone");
    assert!(status == "failed" && why.contains("cannot be started"), "{status} {why}");

    let written = std::fs::read_to_string(&out).unwrap();
    let (first, rest) = written.split_once('\n').unwrap();
    let (argument, environment) = first.split_once('|').unwrap();
    assert_eq!(argument, "a b;$(id)", "no shell reads it");
    assert!(!environment.contains("FAREBOX") && !environment.contains("sk-of-nobody"), "{first}");
    let told: Value = serde_json::from_str(rest.lines().next().unwrap()).unwrap();
    assert_eq!((&told["alert_type"], &told["threshold"]), (&json!("quota_threshold"), &json!(80)));

    let over_api = json!({"type": "exec", "name": "mine", "command": [good]});
    let refused = admin(&program, "/api/v1/alert-channels", over_api).await;
    assert_eq!(refused.status(), 422, "{}", refused.text());
    assert!(refused.text().contains("stand in the file only"), "{}", refused.text());
    let listed = admin(&program, "/api/v1/alert-channels", Value::Null).await;
    assert!(!listed.text().contains("a b;"), "{}", listed.text());
}

#[test]
fn a_command_must_be_allowed() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "0", &exec("page", &["/bin/true"]));
    let output = crate::program::binary()
        .args(["config", "print", "--config", "farebox.toml"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{error}");
    assert!(
        error.contains("alerts.channels.page") && error.contains("allow_exec = true"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r087_a_channel_is_changed_and_keeps_the_secrets_that_are_not_named() {
    let (first, second) = (
        HttpSink::start(&[&answer("200 OK", "")]).await,
        HttpSink::start(&[&answer("200 OK", "")]).await,
    );
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "0", "");
    let program = start(dir.path(), &[]);
    let path = "/api/v1/alert-channels/ops";
    let channel =
        json!({"type": "webhook", "name": "ops", "url": first.url("/one"), "secret": SECRET});
    let made = admin(&program, "/api/v1/alert-channels", channel).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let tag = made.header("etag").unwrap();
    let moved = json!({"url": second.url("/two"), "levels": ["warning"]});
    let moved = change(&program, path, moved, &format!("if-match: {tag}\r\n")).await;
    assert_eq!((moved.status(), &moved.json()["levels"]), (200, &json!(["warning"])));
    let condition = format!("if-match: {tag}\r\n");
    let stale = change(&program, path, json!({"levels": null}), &condition).await;
    assert_eq!(stale.status(), 412);
    let tested = admin(&program, &format!("{path}/test"), json!({})).await.json();
    assert_eq!(tested["delivered"], true, "{tested}");
    let got = got(&second, 1, LIMIT).await;
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, got[0].headers[name].parse().unwrap());
    }
    let library = standardwebhooks::Webhook::new(SECRET).unwrap();
    library.verify(got[0].body.as_bytes(), &headers).unwrap();
    assert!(first.got.lock().is_empty());

    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let changed = change(&program, path, json!({"secret": other}), "").await;
    assert!(changed.status() == 200 && !changed.text().contains("whsec_"), "{}", changed.text());
    assert_ne!(changed.header("etag"), moved.header("etag"), "another secret is another revision");
    for (body, why) in [
        (json!({"type": "slack"}), "/type"),
        (json!({"url": "http://169.254.169.254/"}), "/url"),
        (json!({"secret": null}), "/secret: it is missing"),
        (json!({"ulr": "x"}), "did you mean `url`?"),
    ] {
        let refused = change(&program, path, body, "").await;
        assert!(refused.status() == 422 && refused.text().contains(why), "{}", refused.text());
    }
}
