//! What scripts need of the admin API: the audit, changes on a condition, requests that are sent
//! again, and lists in the order that they want.

use crate::control_desk::{Answer, Desk, TOKEN, raw};
use serde_json::{Value, json};

impl Desk {
    async fn with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        raw(self.at, method, path, &all, body.to_string()).await
    }
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_step_of_a_users_life_is_in_the_audit() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let user = json!({"id": "alice", "workspace": "eng", "limits": ["25usd/month"]});
    let made = desk.with("POST", "/api/v1/users", &[("x-farebox-source", "cli")], user).await;
    let request = made.headers["x-farebox-request-id"].to_str().unwrap().to_owned();
    let key = desk.ask("POST", "/api/v1/keys", json!({"user": "alice"})).await.of(201);
    let text = key["key"].as_str().unwrap();
    let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    desk.ask("PATCH", "/api/v1/users/alice", json!({"limits": ["50usd/month"]})).await.of(200);
    let bump = json!({"amount": "+5usd"});
    desk.ask("POST", "/api/v1/limits/user:alice/bump", bump).await.of(200);
    desk.ask("POST", "/api/quota/reset", json!({"account": "user:alice"})).await.of(200);
    desk.ask("POST", "/api/v1/users/alice/suspend", json!({})).await.of(200);
    desk.ask("POST", "/api/v1/users/alice/resume", json!({})).await.of(200);
    desk.ask("POST", &format!("{path}/rotate"), json!({"grace": "10m"})).await.of(201);
    desk.ask("DELETE", &path, Value::Null).await.of(204);
    desk.ask("DELETE", "/api/v1/users/alice", Value::Null).await.of(204);
    desk.ask("PATCH", "/api/v1/users/alice", json!({"name": "x"})).await.of(404);

    let all = desk.get("/api/v1/audit?limit=200").await;
    assert!(!all.text.contains(text), "a key is in the audit");
    let all = all.of(200);
    let acts: Vec<&str> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        acts,
        [
            "workspace.create",
            "user.create",
            "key.create",
            "user.update",
            "user.bump",
            "user.reset",
            "user.suspend",
            "user.resume",
            "key.create",
            "key.rotate",
            "key.revoke",
            "user.delete",
        ]
    );
    let made = desk.get("/api/v1/audit?action=user.create").await.of(200);
    let entry = &made["data"][0];
    assert_eq!(entry["actor"], "admin");
    assert_eq!(entry["account"], "user:alice");
    assert_eq!((&entry["source"], &entry["request_id"]), (&json!("cli"), &json!(request)));
    assert_eq!(entry["before"], Value::Null);
    assert_eq!(entry["after"]["limits"], json!(["25 usd/month"]));
    assert_eq!(entry["time"], "2026-11-24T21:13:36.123Z");
    let changed = desk.get("/api/v1/audit?account=user:alice&action=user.update").await.of(200);
    let entry = &changed["data"][0];
    assert_eq!(entry["source"], "api");
    assert_eq!(entry["before"], json!({"limits": ["25 usd/month"]}));
    assert_eq!(entry["after"], json!({"limits": ["50 usd/month"]}));
    let page = desk.get("/api/v1/audit?action=user.&limit=3").await.of(200);
    let next = page["next_cursor"].as_str().unwrap();
    let page = desk.get(&format!("/api/v1/audit?action=user.&limit=3&after={next}")).await.of(200);
    assert_eq!(page["data"][0]["action"], "user.reset");
    for bad in ["after=x", "since=never", "limit=0", "workspace=a/b", "what=1"] {
        desk.get(&format!("/api/v1/audit?{bad}")).await.of(422);
    }
    assert_eq!(
        desk.get("/api/v1/audit?since=1h").await.of(200)["data"].as_array().unwrap().len(),
        12
    );
    assert_eq!(desk.get("/api/v1/audit?until=1h").await.of(200)["data"], json!([]));
}

#[tokio::test]
async fn a_token_for_a_workspace_sees_its_own_audit() {
    let desk = Desk::start().await;
    for workspace in ["eng", "ops"] {
        desk.ask("POST", "/api/v1/workspaces", json!({"id": workspace})).await.of(201);
        let user = json!({"id": format!("{workspace}-user"), "workspace": workspace});
        desk.ask("POST", "/api/v1/users", user).await.of(201);
    }
    let token = json!({"name": "eng", "scopes": ["audit:read"], "workspace": "eng"});
    let token = desk.ask("POST", "/api/v1/admin-tokens", token).await.of(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let get = async |path: &str| raw(desk.at, "GET", path, &[("authorization", &bearer)], "").await;
    let seen = get("/api/v1/audit").await;
    assert!(!seen.text.contains("ops"), "{}", seen.text);
    let seen = seen.of(200);
    let accounts: Vec<&str> =
        seen["data"].as_array().unwrap().iter().map(|e| e["account"].as_str().unwrap()).collect();
    let id = format!("token:{}", token["id"].as_str().unwrap());
    assert_eq!(accounts, [id.as_str(), "user:eng-user", "workspace:eng"]);
    get("/api/v1/audit?workspace=ops").await.of(404);
    assert_eq!(get("/api/v1/audit?account=user:ops-user").await.of(200)["data"], json!([]));
}

#[tokio::test]
async fn an_object_is_changed_only_as_it_was_read() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let user = "/api/v1/users/alice";
    let read = desk.get(user).await;
    let first = tag(&read);
    assert!(first.len() > 10 && first.starts_with('"') && first.ends_with('"'), "{first}");
    // What is counted does not move it.
    desk.call(&key, "gpt-5", 1_000_000).await;
    assert_eq!(tag(&desk.get(user).await), first);
    assert_ne!(desk.get(user).await.text, read.text);
    let patched = desk.with("PATCH", user, &[("if-match", &first)], json!({"name": "A"})).await;
    let second = tag(&patched);
    patched.of(200);
    assert_ne!(first, second);
    assert_eq!(tag(&desk.get(user).await), second);
    let stale = desk.with("PATCH", user, &[("if-match", &first)], json!({"name": "B"})).await;
    assert_eq!(stale.headers["content-type"], "application/problem+json");
    assert!(stale.of(412)["detail"].as_str().unwrap().contains(second.trim_matches('"')));
    desk.with("DELETE", user, &[("if-match", &first)], Value::Null).await.of(412);
    desk.with("PATCH", user, &[("if-match", "nonsense")], json!({"name": "B"})).await.of(400);
    desk.with("PATCH", user, &[("if-match", "W/\"x\"")], json!({"name": "B"})).await.of(412);
    assert_eq!(desk.get(user).await.of(200)["name"], "A");

    let limits = "/api/v1/limits/user:alice";
    let read = tag(&desk.get(limits).await);
    assert_eq!(read, second);
    let set = json!({"limits": ["3usd/day"]});
    let either = format!("\"other\", {read}");
    desk.with("PUT", limits, &[("if-match", &either)], set.clone()).await.of(200);
    desk.with("PUT", limits, &[("if-match", &read)], set.clone()).await.of(412);
    desk.with("PUT", limits, &[("if-match", "*")], set.clone()).await.of(200);
    desk.with("PUT", limits, &[], set).await.of(200);
    let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    let read = tag(&desk.get(&path).await);
    let models = json!({"models": ["gpt-*"]});
    desk.with("PATCH", &path, &[("if-match", &read)], models).await.of(200);
    desk.with("PATCH", &path, &[("if-match", &read)], json!({"name": "x"})).await.of(412);
    let made = desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await;
    assert_eq!(tag(&made), tag(&desk.get("/api/v1/workspaces/eng").await));
}

#[tokio::test]
async fn a_post_that_is_sent_again_is_answered_as_it_was() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/users", json!({"id": "alice"})).await.of(201);
    let post = async |path: &str, key: &str, body: Value| {
        desk.with("POST", path, &[("idempotency-key", key)], body).await
    };
    let body = json!({"user": "alice", "name": "ci"});
    let first = post("/api/v1/keys", "one", body.clone()).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = post("/api/v1/keys", "one", body.clone()).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["content-type", "location", "etag", "cache-control"] {
        assert_eq!(again.headers.get(name), first.headers.get(name), "{name}");
    }
    let key = first.of(201);
    assert_eq!(desk.get("/api/v1/keys").await.of(200)["data"].as_array().unwrap().len(), 1);

    let other = post("/api/v1/keys", "one", json!({"user": "alice"})).await.of(409);
    assert!(other["detail"].as_str().unwrap().contains("`one`"), "{other}");
    // Another path is another request; so is one without a key.
    post("/api/v1/workspaces", "one", json!({"id": "eng"})).await.of(201);
    desk.ask("POST", "/api/v1/keys", body.clone()).await.of(201);
    // A refusal is repeated too, also in the form of its path.
    for (path, body, status) in [
        ("/api/v1/users", json!({"id": "alice"}), 409),
        ("/api/v1/users", json!({"id": "a b"}), 422),
        ("/api/quota/reset", json!({"account": "user:nobody"}), 404),
    ] {
        let (first, again) = (
            post(path, "refused-1", body.clone()).await,
            post(path, "refused-1", body.clone()).await,
        );
        if path == "/api/v1/users" && status == 422 {
            // The key was used for the body before.
            assert_eq!(first.status, 409);
            continue;
        }
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(first.text, again.text);
        assert_eq!(first.headers["content-type"], again.headers["content-type"]);
        again.of(status);
    }
    for bad in ["", "ä", &"x".repeat(256)] {
        post("/api/v1/users", bad, json!({"id": "x"})).await.of(400);
    }
    post("/api/v1/users", &"x".repeat(255), json!({"id": "x"})).await.of(201);

    // The secret that was shown once is not to be read in what is kept.
    desk.ledger.flush().await.unwrap();
    let text = key["key"].as_str().unwrap();
    let mut files = vec![desk.dir.path().join("ledger")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "{} has the key", path.display());
        }
    }
    // After a day, the key is free again.
    desk.clock.advance(86_400_001);
    let anew = post("/api/v1/keys", "one", body).await;
    assert!(!anew.headers.contains_key("idempotent-replayed"));
    assert_ne!(anew.of(201)["key"], key["key"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_are_sent_at_once_one_is_done() {
    let desk = Desk::start().await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let at = desk.at;
        all.spawn(async move {
            let bearer = format!("Bearer {TOKEN}");
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", "same")];
            raw(at, "POST", "/api/v1/users", &headers, json!({"id": "alice"}).to_string()).await
        });
    }
    let (mut made, mut waits) = (Vec::new(), 0);
    while let Some(answer) = all.join_next().await {
        let answer = answer.unwrap();
        match answer.status.as_u16() {
            201 => made.push(answer.text),
            409 => {
                assert_eq!(answer.headers["retry-after"], "1");
                assert!(answer.text.contains("still under way"), "{}", answer.text);
                waits += 1;
            }
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!(!made.is_empty() && made.len() + waits == 20);
    assert!(made.iter().all(|text| *text == made[0]));
    let audit = desk.get("/api/v1/audit?action=user.create").await.of(200);
    assert_eq!(audit["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn r102_users_are_listed_in_the_order_asked_for() {
    let desk = Desk::start().await;
    for (user, dollars) in [("anna", 5_000_000_000_i64), ("bert", 20_000_000_000), ("cora", 0)] {
        let key = desk.user_with_key(user).await;
        if dollars > 0 {
            desk.call(&key, "gpt-5", dollars).await;
        }
    }
    let ids = async |query: &str| -> Vec<String> {
        let page = desk.get(&format!("/api/v1/users?{query}")).await.of(200);
        let data = page["data"].as_array().unwrap().clone();
        data.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("sort=-utilization").await, ["bert", "anna", "cora"]);
    assert_eq!(ids("sort=utilization").await, ["cora", "anna", "bert"]);
    assert_eq!(ids("sort=-spent&workspace=default").await, ["bert", "anna", "cora"]);
    assert_eq!(ids("sort=name").await, ["anna", "bert", "cora"]);
    let page = desk.get("/api/v1/users?sort=-utilization&limit=2").await.of(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&format!("sort=-utilization&limit=2&after={cursor}")).await, ["cora"]);
    for bad in [
        format!("sort=name&after={cursor}"),
        format!("after={cursor}"),
        "sort=id&sort=name".to_owned(),
        "sort=limits".to_owned(),
        "sort=-utilization&after=zz".to_owned(),
    ] {
        desk.get(&format!("/api/v1/users?{bad}")).await.of(422);
    }
    desk.get("/api/v1/keys?sort=name").await.of(422);
}

#[tokio::test]
async fn a_user_is_moved_by_whoever_administers_all() {
    let desk = Desk::start().await;
    for workspace in ["eng", "ops"] {
        let limits = json!({"id": workspace, "limits": ["30usd/month"]});
        desk.ask("POST", "/api/v1/workspaces", limits).await.of(201);
    }
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 1_000_000_000).await;
    let patch = json!({"workspace": "eng", "name": "Alice"});
    let moved = desk.ask("PATCH", "/api/v1/users/alice", patch).await.of(200);
    assert_eq!((&moved["workspace"], &moved["name"]), (&json!("eng"), &json!("Alice")));
    assert_eq!(moved["spent_usd"], "1");
    let key = desk.get(&format!("/api/v1/keys/{}", key["id"].as_str().unwrap())).await.of(200);
    assert_eq!(key["workspace"], "eng");
    desk.call(&key, "gpt-5", 2_000_000_000).await;
    for (workspace, spent) in [("default", "1"), ("eng", "2"), ("ops", "0")] {
        let shown = desk.get(&format!("/api/v1/workspaces/{workspace}")).await.of(200);
        assert_eq!(shown["spent_usd"], spent, "{workspace}");
    }
    assert_eq!(desk.get("/api/v1/ledger/verify").await.of(200)["violations"], json!([]));
    let audit = desk.get("/api/v1/audit?account=user:alice&action=user.update").await.of(200);
    assert_eq!(audit["data"][0]["before"]["workspace"], "default");
    assert_eq!(audit["data"][0]["after"]["workspace"], "eng");

    desk.ask("PATCH", "/api/v1/users/alice", json!({"workspace": "nowhere"})).await.of(404);
    let over = json!({"workspace": "ops", "limits": ["31usd/month"]});
    desk.ask("PATCH", "/api/v1/users/alice", over).await.of(422);
    for body in [
        json!({"name": "eng", "scopes": ["users:read", "users:write"], "workspace": "eng"}),
        json!({"name": "all", "scopes": ["users:read", "users:write"]}),
    ] {
        let token = desk.ask("POST", "/api/v1/admin-tokens", body).await.of(201);
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let headers = [("authorization", bearer.as_str())];
        let patch = json!({"workspace": "ops"}).to_string();
        raw(desk.at, "PATCH", "/api/v1/users/alice", &headers, patch).await.of(403);
        let patch = json!({"name": "A"}).to_string();
        raw(desk.at, "PATCH", "/api/v1/users/alice", &headers, patch).await.of(200);
    }
    assert_eq!(desk.get("/api/v1/users/alice").await.of(200)["workspace"], "eng");
}
