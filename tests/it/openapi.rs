//! `/openapi.json` beside what the program really answers: every operation is described, and the
//! objects have exactly the fields that are written there.

use crate::control_desk::{Answer, Desk, raw};
use farebox::control::{Scope, table};
use serde_json::{Map, Value, json};

fn object<'a>(document: &'a Value, name: &str) -> &'a Map<String, Value> {
    document["components"]["schemas"][name]["properties"].as_object().unwrap_or_else(|| {
        panic!("{name} is not described");
    })
}

async fn bare(desk: &Desk, method: &str, path: &str) -> Answer {
    raw(desk.at, method, path, &[], "").await
}

#[track_caller]
fn same_fields(document: &Value, name: &str, answered: &Value) {
    let answered = answered.as_object().unwrap_or_else(|| panic!("{name}: {answered}"));
    let described = object(document, name);
    for field in answered.keys() {
        assert!(described.contains_key(field), "{name} answers `{field}`, which is not described");
    }
    let required = &document["components"]["schemas"][name]["required"];
    for field in required.as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(answered.contains_key(field), "{name} has no `{field}`: {answered:?}");
    }
}

#[tokio::test]
async fn r058_every_operation_is_described_and_needs_no_token_to_be_read() {
    let desk = Desk::start().await;
    let document = bare(&desk, "GET", "/openapi.json").await.of(200);
    for entry in table() {
        let method = entry.method.as_str().to_lowercase();
        let said = &document["paths"][entry.path][&method];
        assert_eq!(said["x-farebox-scope"], entry.scope.to_string(), "{method} {}", entry.path);
    }
    let page = bare(&desk, "GET", "/openapi").await;
    assert!(page.text.contains("/openapi/viewer.js"), "{}", page.text);
    assert!(bare(&desk, "GET", "/openapi/viewer.js").await.text.contains("openapi.json"));
}

#[tokio::test]
async fn r058_objects_have_the_fields_that_are_described() {
    let desk = Desk::start().await;
    let document = desk.get("/openapi.json").await.of(200);
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let user = json!({"id": "alice", "workspace": "eng", "limits": ["5usd/day", "9req/minute"]});
    let user = desk.ask("POST", "/api/v1/users", user).await.of(201);
    same_fields(&document, "User", &user);
    same_fields(&document, "LlmQuota", &user["llm_quota"]);
    same_fields(&document, "Limit", &user["limits"][0]);
    let key = desk.ask("POST", "/api/v1/keys", json!({"user": "alice"})).await.of(201);
    same_fields(&document, "Key", &key);
    same_fields(&document, "Workspace", &desk.get("/api/v1/workspaces/eng").await.of(200));
    same_fields(&document, "Limits", &desk.get("/api/v1/limits/user:alice").await.of(200));
    let bump = json!({"amount": "+1usd", "for": "2h"});
    let bumped = desk.ask("POST", "/api/v1/limits/user:alice/bump", bump).await.of(200);
    same_fields(&document, "Bump", &bumped["limits"][0]["bump"]);
    let reset = desk.ask("POST", "/api/quota/reset", json!({"account": "user:alice"})).await;
    same_fields(&document, "Reset", &reset.of(200)["data"]);
    let event = json!({"id": "e", "user": "alice", "cost_usd": "5.9", "model": "gpt-5"});
    same_fields(
        &document,
        "UsageEvent",
        &desk.ask("POST", "/api/v1/usage-events", event).await.of(201),
    );
    same_fields(&document, "Request", &desk.get("/api/v1/requests").await.of(200)["data"][0]);
    let status = &desk.get("/api/quota/status?user=alice").await.of(200)["data"];
    same_fields(&document, "QuotaStatus", status);
    same_fields(&document, "QuotaFigure", &status["budget"]);
    let usage = &desk.get("/api/quota/usage?user=alice").await.of(200)["data"];
    same_fields(&document, "QuotaUsage", usage);
    same_fields(&document, "UsagePart", &usage["by_model"][0]);
    let notices = &desk.get("/api/quota/notifications?user=alice").await.of(200)["data"];
    same_fields(&document, "Notification", &notices[0]);
    same_fields(&document, "Availability", &desk.get("/api/quota/check").await.of(200)["data"]);
    same_fields(&document, "Ledger", &desk.get("/api/v1/ledger").await.of(200));
    same_fields(&document, "Verified", &desk.get("/api/v1/ledger/verify").await.of(200));
    same_fields(&document, "Prices", &desk.get("/api/v1/pricing").await.of(200));
    let priced = desk.get("/api/v1/pricing?model=gpt-5").await.of(200)["model"].clone();
    same_fields(&document, "PricedModel", &priced);
    same_fields(&document, "PriceSheet", &priced["prices"][0]);
    same_fields(&document, "PriceChanges", &desk.get("/api/v1/pricing/changes").await.of(200));
    same_fields(&document, "System", &desk.get("/api/v1/system").await.of(200));
    same_fields(&document, "Problem", &desk.get("/api/v1/users/nobody").await.of(404));
}

/// What is guarded answers 401 without a token, before its names are looked at.
#[tokio::test]
async fn r129_nothing_but_what_is_public_answers_without_a_token() {
    let desk = Desk::start().await;
    for entry in table().iter().filter(|entry| entry.scope != Scope::Public) {
        let path = entry.path.replace("{account}", "user:x").replace(['{', '}'], "");
        let answer = bare(&desk, entry.method.as_str(), &path).await;
        assert_eq!(answer.status, 401, "{} {path}: {}", entry.method, answer.text);
    }
}
