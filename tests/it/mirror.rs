//! OpenAI's usage and costs of an organization, made of the ledger: on the built program.

use crate::program::Program;
use crate::world::{Answer, CHAT, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const TOKEN: &str = "a-token-for-tests-only";

struct Shop {
    program: Program,
    /// Keys of alice and bob; bob is in the workspace `eng`.
    keys: [String; 2],
    dir: tempfile::TempDir,
    _simulated: Simulated,
}

impl Shop {
    /// Alice makes two chat calls and an embedding, bob a call of another model.
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let upstream = format!("openai={}", simulated.base_url());
        let environment = [("FAREBOX_ADMIN_TOKEN", TOKEN)];
        let program = Program::serve(dir.path(), &["--upstream", &upstream], &environment);
        let mut shop = Self { program, keys: Default::default(), dir, _simulated: simulated };
        shop.post("/api/v1/workspaces", json!({"id": "eng"})).await;
        for (at, (user, workspace)) in [("alice", "default"), ("bob", "eng")].iter().enumerate() {
            let user = json!({"id": user, "workspace": workspace, "limits": ["9usd/day"]});
            shop.post("/api/v1/users", user.clone()).await;
            let key = shop.post("/api/v1/keys", json!({"user": user["id"]})).await;
            shop.keys[at] = key["key"].as_str().unwrap().to_owned();
        }
        let [alice, bob] = shop.keys.clone();
        let script = r#"x-simulate: {"input":2006,"cached":1920,"output":300}"#;
        for _ in 0..2 {
            shop.call(&alice, CHAT, script, &chat("gpt-5", "")).await;
        }
        shop.call(&bob, CHAT, r#"x-simulate: {"input":100,"output":10}"#, &chat("gpt-4.1", ""))
            .await;
        let body = r#"{"model":"text-embedding-3-small","input":"to be found again"}"#;
        shop.call(&alice, "/v1/embeddings", r#"x-simulate: {"input":50}"#, body).await;
        // A call that fails at the provider counts nowhere.
        let failing = r#"x-simulate: {"status":400}"#;
        let headers = format!("{failing}\r\n");
        shop.program.call(&alice, CHAT, &headers, &chat("gpt-5", "")).await;
        shop
    }

    async fn call(&self, key: &str, path: &str, script: &str, body: &str) {
        let headers = format!("{script}\r\n");
        assert_eq!(self.program.call(key, path, &headers, body).await.status(), 200);
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.admin(path, &body.to_string()).await.json()
    }

    async fn admin(&self, path: &str, body: &str) -> Answer {
        let headers = format!("authorization: Bearer {TOKEN}\r\n");
        Answer::read(send(self.program.admin, path, &headers, body).await).await
    }

    /// A page of today's figures; what is asked beside that.
    async fn page(&self, path: &str, more: &str) -> Value {
        self.admin(&asked(path, more), "").await.json()
    }

    async fn own_page(&self, key: &str, path: &str, more: &str) -> Answer {
        self.program.call(key, &asked(path, more), "", "").await
    }
}

fn asked(path: &str, more: &str) -> String {
    format!("/v1/organization/{path}?start_time={}{more}", today())
}

/// When today began in UTC, in Unix seconds.
fn today() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now - now % 86_400
}

/// The results of the last bucket.
fn results(page: &Value) -> &Vec<Value> {
    page["data"].as_array().unwrap().last().unwrap()["results"].as_array().unwrap()
}

fn figures(result: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| result[*name].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn r122_usage_and_costs_are_shown_as_openai_does() {
    let shop = Shop::open().await;
    let page = shop.page("usage/completions", "").await;
    assert_eq!((&page["object"], &page["has_more"]), (&json!("page"), &json!(false)));
    let bucket = &page["data"][0];
    assert_eq!((&bucket["object"], &bucket["start_time"]), (&json!("bucket"), &json!(today())));
    let all = &results(&page)[0];
    let names = ["input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests"];
    assert_eq!(figures(all, &names), [4112, 3840, 610, 3]);
    assert_eq!(all["object"], "organization.usage.completions.result");
    assert_eq!(figures(all, &["model", "user_id", "project_id", "batch"]), vec![Value::Null; 4]);
    let page = shop.page("usage/completions", "&group_by[]=model&group_by[]=project_id").await;
    let rows: Vec<_> = results(&page)
        .iter()
        .map(|row| figures(row, &["model", "project_id", "input_tokens", "user_id"]))
        .collect();
    assert_eq!(
        rows,
        [
            [json!("gpt-4.1"), json!("eng"), json!(100), Value::Null],
            [json!("gpt-5"), json!("default"), json!(4012), Value::Null],
        ]
    );
    let page = shop.page("usage/embeddings", "&group_by=user_id&group_by=batch").await;
    assert!(page["error"]["message"].as_str().unwrap().contains("'batch'"), "{page}");
    let page = shop.page("usage/embeddings", "&group_by=user_id").await;
    assert_eq!(
        figures(&results(&page)[0], &["user_id", "input_tokens"]),
        [json!("alice"), json!(50)]
    );
    let page = shop.page("costs", "&group_by=line_item&user_ids[]=alice").await;
    let costs: Vec<_> = results(&page)
        .iter()
        .map(|row| (row["line_item"].clone(), row["amount"].clone()))
        .collect();
    let gpt_5 = json!({"value": 0.006695, "currency": "usd"});
    assert_eq!(costs[0], (json!("gpt-5"), gpt_5));
    assert_eq!(costs[1].0, "text-embedding-3-small");
    for kind in ["moderations", "images", "audio_speeches", "audio_transcriptions"] {
        assert_eq!(results(&shop.page(&format!("usage/{kind}"), "").await).len(), 0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_its_user_and_nobody_else() {
    let shop = Shop::open().await;
    let [alice, bob] = &shop.keys;
    for (key, input) in [(alice, 4012), (bob, 100)] {
        let page = shop.own_page(key, "usage/completions", "&group_by=user_id").await.json();
        assert_eq!(results(&page).len(), 1, "{page}");
        assert_eq!(results(&page)[0]["input_tokens"], input);
    }
    let page = shop.own_page(bob, "usage/completions", "&user_ids[]=alice").await.json();
    assert_eq!(results(&page).len(), 0);
    let page = shop.own_page(bob, "costs", "").await.json();
    assert_eq!(results(&page)[0]["amount"]["value"], 0.000_28);
    // It is no call: nothing is counted, and it works with a spent budget.
    assert_eq!(shop.admin("/api/v1/users/bob", "").await.json()["spent_usd"], "0.00028");
    shop.program.verb(shop.dir.path(), &["limits", "set", "user:bob", "0usd/day"]);
    assert_eq!(shop.own_page(bob, "costs", "").await.status(), 200);
    let refused = shop.own_page(alice, "costs", "&bucket_width=1h").await;
    assert_eq!(
        (refused.status(), &refused.json()["error"]["param"]),
        (400, &json!("bucket_width"))
    );
    assert_eq!(shop.own_page("sk-fb-nobody", "costs", "").await.status(), 401);
    assert_eq!(shop.own_page(alice, "usage/dreams", "").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_refused_as_openai_does() {
    let shop = Shop::open().await;
    for (path, param) in [
        ("/v1/organization/costs", "start_time"),
        ("/v1/organization/costs?start_time=yesterday", "start_time"),
        ("/v1/organization/costs?start_time=1&limit=181", "limit"),
        ("/v1/organization/costs?start_time=1&bucket_width=1h", "bucket_width"),
        ("/v1/organization/usage/completions?start_time=1&page=x", "page"),
        ("/v1/organization/usage/completions?start_time=1&batch=maybe", "batch"),
        ("/v1/organization/usage/images?start_time=1&group_by=colour", "group_by"),
    ] {
        let refused = shop.admin(path, "").await;
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status(), &error["param"]), (400, &json!(param)), "{path}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(shop.admin("/v1/organization/usage/dreams?start_time=1", "").await.status(), 404);
    let alice = format!("authorization: Bearer {}\r\n", shop.keys[0]);
    let path = "/v1/organization/costs?start_time=1";
    let foreign = Answer::read(send(shop.program.admin, path, &alice, "").await).await;
    assert_eq!((foreign.status(), foreign.code().as_str()), (401, "invalid_api_key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_and_a_bucket_without_calls_is_there() {
    let shop = Shop::open().await;
    let from = today() - 9 * 86_400;
    let path = format!("/v1/organization/usage/completions?start_time={}", from + 5);
    let first = shop.admin(&path, "").await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 7);
    assert_eq!((&first["data"][0]["start_time"], results(&first).len()), (&json!(from), 0));
    let next = first["next_page"].as_str().unwrap();
    let second = shop.admin(&format!("{path}&page={next}"), "").await.json();
    assert_eq!((second["data"].as_array().unwrap().len(), &second["has_more"]), (3, &json!(false)));
    assert_eq!(results(&second)[0]["num_model_requests"], 3);
    let minutes = shop.page("usage/completions", "&bucket_width=1m&limit=1440").await;
    let requests = |bucket: &Value| -> u64 {
        let results = bucket["results"].as_array().unwrap();
        results.iter().map(|r| r["num_model_requests"].as_u64().unwrap()).sum()
    };
    let sum: u64 = minutes["data"].as_array().unwrap().iter().map(requests).sum();
    assert_eq!(sum, 3);
}
