//! The admin API over a socket and a real ledger: objects, their lives, and what is refused.

use crate::control_desk::{Desk, NOW, TOKEN, raw, serve};
use farebox::clock::{Clock, UnixMs};
use farebox::control::{Check, Defaults, SelfService};
use farebox::ids::Id;
use farebox::ids::{AccountId, AccountKind, CallId};
use farebox::ledger::{
    Account, AuditEntry, AuditQuery, BoxFuture, Change, CredentialDay, CredentialSetup, Decided,
    EventQuery, Ledger, ListFilter, NewAccount, Page, Registry, RegistryError, Settlement,
    SumQuery, SumRow, SummedSince, Unavailable, UsageEvent, Verification,
};
use farebox::limit::{Calendar, Increase};
use farebox::secret::SecretDigest;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn health_needs_no_token() {
    let fault = Some("disk full".to_owned());
    let checks = vec![Check { name: "ledger", fault: None }, Check { name: "journal", fault }];
    let desk = Desk::start().await;
    let ill = serve(desk.ledger.clone(), desk.clock.clone(), checks).await;
    for path in ["/livez", "/healthz", "/readyz", "/readyz?verbose"] {
        assert_eq!(raw(desk.at, "GET", path, &[], "").await.status, 200, "{path}");
    }
    let metrics = raw(desk.at, "GET", "/metrics", &[], "").await;
    assert_eq!(metrics.text, "farebox_build_info 1\n");
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let answer = raw(ill, "GET", "/readyz", &[], "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text.contains("[-]journal failed: disk full"), "{}", answer.text);
    assert_eq!(raw(ill, "GET", "/readyz?exclude=journal", &[], "").await.status, 200);
    assert_eq!(raw(ill, "GET", "/livez", &[], "").await.status, 200);
}

#[tokio::test]
async fn r129_nothing_is_done_without_the_token() {
    let desk = Desk::start().await;
    let good = format!("Bearer {TOKEN}");
    let user = json!({"id": "mallory"}).to_string();
    for headers in [
        vec![],
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", TOKEN)],
        vec![("authorization", "Basic YTpi")],
        vec![("authorization", good.as_str()), ("authorization", good.as_str())],
    ] {
        let answer = raw(desk.at, "POST", "/api/v1/users", &headers, user.clone()).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.of(401)["status"], 401);
        assert_eq!(raw(desk.at, "GET", "/api/v1/nothing", &headers, "").await.status, 401);
    }
    let answer = raw(desk.at, "POST", "/api/quota/reset", &[], "").await.of(401);
    assert_eq!(answer["success"], false);
    assert_eq!(answer["error"]["code"], "unauthorized");
    desk.get("/api/v1/users/mallory").await.of(404);
    assert_eq!(
        raw(desk.at, "GET", "/api/v1/users", &[("authorization", &good)], "").await.status,
        200
    );
}

#[tokio::test]
async fn r061_a_user_is_made_listed_changed_and_deleted() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/workspaces", json!({"id": "eng"})).await.of(201);
    let body = json!({"id": "alice", "name": "Alice", "workspace": "eng",
        "limits": ["25usd/month", "60 requests/minute"], "thresholds": [50, 100]});
    let answer = desk.ask("POST", "/api/v1/users", body.clone()).await;
    assert_eq!(answer.headers["location"], "/api/v1/users/alice");
    let user = answer.of(201);
    assert_eq!(user["workspace"], "eng");
    assert_eq!(user["limits"][0]["limit"], "25");
    assert_eq!(user["limits"][0]["resets_at"], "2026-12-01T00:00:00Z");
    assert_eq!(user["limits"][1]["limit"], 60);
    assert_eq!(user["thresholds"], json!([50, 100]));
    assert_eq!(user["llm_quota"]["dollars_per_period"], "25");
    assert_eq!(user["last_seen"], Value::Null);
    assert_eq!(desk.get("/api/v1/users/alice").await.of(200), user);
    desk.ask("POST", "/api/v1/users", body).await.of(409);

    for name in ["bob", "carol"] {
        let made = desk.ask("POST", "/api/v1/users", json!({"id": name})).await.of(201);
        assert_eq!(made["follows_defaults"], true);
        assert_eq!(made["llm_quota"]["dollars_per_period"], "25");
    }
    let first = desk.get("/api/v1/users?limit=2").await.of(200);
    assert_eq!(first["has_more"], true);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = desk.get(&format!("/api/v1/users?limit=2&after={cursor}")).await.of(200);
    assert_eq!((&second["has_more"], &second["next_cursor"]), (&json!(false), &Value::Null));
    let ids: Vec<&Value> = [&first, &second]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|user| &user["id"])
        .collect();
    assert_eq!(ids, ["alice", "bob", "carol"]);
    let eng = desk.get("/api/v1/users?workspace=eng").await.of(200);
    assert_eq!(eng["data"].as_array().unwrap().len(), 1);

    let patch = json!({"name": "A", "limits": ["50usd/month"], "enforcement": "strict"});
    let user = desk.ask("PATCH", "/api/v1/users/alice", patch).await.of(200);
    assert_eq!(user["limits"].as_array().unwrap().len(), 1);
    assert_eq!(user["limits"][0]["mode"], "strict");
    let user = desk.ask("POST", "/api/v1/users/alice/suspend", json!({})).await.of(200);
    assert_eq!(user["status"], "suspended");
    let user = desk.ask("POST", "/api/v1/users/alice/resume", Value::Null).await.of(200);
    assert_eq!(user["status"], "normal");

    desk.ask("DELETE", "/api/v1/workspaces/eng", Value::Null).await.of(409);
    desk.ask("DELETE", "/api/v1/workspaces/default", Value::Null).await.of(409);
    desk.ask("DELETE", "/api/v1/users/alice", Value::Null).await.of(204);
    desk.get("/api/v1/users/alice").await.of(404);
    desk.ask("DELETE", "/api/v1/workspaces/eng", Value::Null).await.of(204);
}

#[tokio::test]
async fn a_key_is_shown_once_rotated_with_grace_and_revoked() {
    let desk = Desk::start().await;
    desk.ask("POST", "/api/v1/users", json!({"id": "alice"})).await.of(201);
    let body = json!({"user": "alice", "name": "ci", "models": ["gpt-*"], "expires_in": "90d",
        "limits": ["5usd/day"]});
    let key = desk.ask("POST", "/api/v1/keys", body).await.of(201);
    let text = key["key"].as_str().unwrap();
    assert_eq!(text.len(), 49);
    assert_eq!(key["prefix"], text[..10]);
    assert_eq!(key["expires_at"], "2027-02-22T21:13:36Z");
    let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    let shown = desk.get(&path).await;
    assert!(!shown.text.contains(text));
    assert_eq!(shown.of(200)["models"], json!(["gpt-*"]));
    let caller = desk.ledger.caller(&SecretDigest::of(text)).await.unwrap().unwrap();
    assert_eq!(caller.payers.user.as_str(), "alice");

    let patch = json!({"expires_at": null, "models": [], "name": "deploy"});
    let changed = desk.ask("PATCH", &path, patch).await.of(200);
    assert_eq!((&changed["expires_at"], &changed["models"]), (&Value::Null, &json!([])));

    let rotate = desk.ask("POST", &format!("{path}/rotate"), json!({"grace": "10m"})).await;
    let new = rotate.of(201);
    assert_ne!(new["id"], key["id"]);
    assert_eq!((&new["name"], &new["limits"][0]["limit"]), (&json!("deploy"), &json!("5")));
    assert_eq!(desk.get(&path).await.of(200)["expires_at"], "2026-11-24T21:23:36Z");
    desk.clock.advance(11 * 60_000);
    assert_eq!(desk.get(&path).await.of(200)["status"], "expired");
    desk.ask("POST", &format!("{path}/rotate"), Value::Null).await.of(409);

    let path = format!("/api/v1/keys/{}", new["id"].as_str().unwrap());
    desk.ask("DELETE", &path, Value::Null).await.of(204);
    assert_eq!(desk.get(&path).await.of(200)["status"], "revoked");
    let digest = SecretDigest::of(new["key"].as_str().unwrap());
    assert!(desk.ledger.caller(&digest).await.unwrap().is_none_or(|caller| caller.revoked));
    let mine = desk.get("/api/v1/keys?user=alice").await.of(200);
    assert_eq!(mine["data"].as_array().unwrap().len(), 2);
    let revoked = desk.get("/api/v1/keys?status=revoked&limit=1").await.of(200);
    assert_eq!(revoked["data"][0]["id"], new["id"]);
    let expired = desk.get("/api/v1/keys?status=expired").await.of(200);
    assert_eq!((&expired["data"][0]["id"], &expired["has_more"]), (&key["id"], &json!(false)));
    assert_eq!(desk.get("/api/v1/keys?status=normal").await.of(200)["data"], json!([]));
    let refused = desk.get("/api/v1/keys?status=lost").await.of(422);
    assert_eq!(refused["errors"][0]["pointer"], "?status");
    let theirs = desk.get("/api/v1/keys?user=bob").await.of(200);
    assert_eq!(theirs["data"], json!([]));
}

#[tokio::test]
async fn r020_r021_bad_input_is_refused_by_name_and_changes_nothing() {
    let desk = Desk::start().await;
    desk.user_with_key("alice").await;
    let before = desk.get("/api/v1/users/alice").await.text;
    let long = "x".repeat(201);
    for (method, path, body, status, pointer, text) in [
        ("POST", "/api/v1/users", json!({}), 422, "/id", "missing"),
        ("POST", "/api/v1/users", json!([]), 422, "", "object"),
        ("POST", "/api/v1/users", json!({"id": "a b"}), 422, "/id", "a b"),
        ("POST", "/api/v1/users", json!({"id": "../../etc"}), 422, "/id", "../../etc"),
        ("POST", "/api/v1/users", json!({"id": 5}), 422, "/id", "5"),
        ("POST", "/api/v1/users", json!({"id": "b", "colour": "red"}), 422, "/colour", "colour"),
        ("POST", "/api/v1/users", json!({"id": "b", "name": long}), 422, "/name", "200"),
        ("POST", "/api/v1/users", json!({"id": "b", "workspace": "nope"}), 404, "", "nope"),
        ("POST", "/api/v1/keys", json!({"user": "nobody"}), 404, "", "nobody"),
        (
            "POST",
            "/api/v1/keys",
            json!({"user": "alice", "expires_in": "90y"}),
            422,
            "/expires_in",
            "90y",
        ),
        (
            "POST",
            "/api/v1/keys",
            json!({"user": "alice", "expires_at": "2020-01-01"}),
            422,
            "/expires_at",
            "2020-01-01",
        ),
        (
            "PATCH",
            "/api/v1/users/alice",
            json!({"limits": ["-1usd/month"]}),
            422,
            "/limits/0",
            "-1usd/month",
        ),
        (
            "PATCH",
            "/api/v1/users/alice",
            json!({"limits": ["NaNusd/month"]}),
            422,
            "/limits/0",
            "NaNusd/month",
        ),
        (
            "PATCH",
            "/api/v1/users/alice",
            json!({"limits": ["9999999999999usd/day"]}),
            422,
            "/limits/0",
            "9999999999999usd/day",
        ),
        (
            "PATCH",
            "/api/v1/users/alice",
            json!({"thresholds": [80, 101]}),
            422,
            "/thresholds",
            "[80, 101]",
        ),
        ("PATCH", "/api/v1/users/alice", json!({"thresholds": ["80"]}), 422, "/thresholds", "80"),
        ("PATCH", "/api/v1/users/alice", json!({"used": 0}), 422, "/used", "cannot be written"),
        (
            "PATCH",
            "/api/v1/users/alice",
            json!({"llm_quota": {}}),
            422,
            "/llm_quota",
            "cannot be written",
        ),
        ("PATCH", "/api/v1/users/alice", json!({"status": "suspended"}), 422, "/status", "status"),
        ("PUT", "/api/v1/limits/user:alice", json!({}), 422, "/limits", "missing"),
        ("PUT", "/api/v1/limits/alice", json!({"limits": []}), 404, "", "alice"),
        ("POST", "/api/v1/users/ghost/suspend", json!({}), 404, "", "user:ghost"),
        ("GET", "/api/v1/users?limit=0", Value::Null, 422, "?limit", "`0`"),
        ("GET", "/api/v1/users?limit=1e9", Value::Null, 422, "?limit", "1e9"),
        ("GET", "/api/v1/users?after=%7B%7D", Value::Null, 422, "?after", "{}"),
        ("GET", "/api/v1/users?colour=red", Value::Null, 422, "?colour", "colour"),
        ("GET", "/api/v1/users?limit=5&limit=6", Value::Null, 422, "?limit", "twice"),
        ("GET", "/api/v1/requests?since=yesterday", Value::Null, 422, "?since", "yesterday"),
        ("GET", "/api/v1/analytics/usage?group_by=colour", Value::Null, 422, "?group_by", "colour"),
        ("GET", "/api/v1/requests/nonsense", Value::Null, 404, "", "nonsense"),
        ("GET", "/api/v1/users/a%2Fb", Value::Null, 404, "", "a/b"),
        ("GET", "/api/v1/users/", Value::Null, 404, "", "/api/v1/users/"),
        ("PUT", "/api/v1/users", json!({}), 405, "", "method"),
    ] {
        let answer = desk.ask(method, path, body.clone()).await;
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path} {body}");
        if status == 405 {
            assert_eq!(answer.headers["allow"], "GET,HEAD,POST");
        }
        let problem = answer.of(status);
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(text), "{path} {body}: {problem}");
        if status == 422 {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{path} {body}");
        }
    }
    assert_eq!(desk.get("/api/v1/users/alice").await.text, before);
    desk.get("/api/v1/users/b").await.of(404);
}

#[tokio::test]
async fn bodies_that_are_not_json_or_too_long_are_refused() {
    let desk = Desk::start().await;
    let token = format!("Bearer {TOKEN}");
    let headers = [("authorization", token.as_str())];
    let deep = "[".repeat(10_000);
    for body in ["{", "not json", "{\"id\":\"a\"} {}", "{'id':'a'}", "\u{feff}{}", deep.as_str()] {
        let answer = raw(desk.at, "POST", "/api/v1/users", &headers, body.to_owned()).await;
        assert_eq!(answer.of(400)["title"], "Bad Request", "{body:.20}");
    }
    let twice = "{\"id\":\"a\",\"i\\u0064\":\"b\"}";
    let answer = raw(desk.at, "POST", "/api/v1/users", &headers, twice).await.of(422);
    assert_eq!(answer["errors"][0]["pointer"], "/id");
    let long = format!("{{\"id\":\"{}\"}}", "a".repeat(300_000));
    raw(desk.at, "POST", "/api/v1/users", &headers, long).await.of(413);
}

#[tokio::test]
async fn r019_limits_are_set_and_never_above_those_of_the_parent() {
    let desk = Desk::start().await;
    let team = json!({"id": "eng", "limits": ["100usd/month"]});
    desk.ask("POST", "/api/v1/workspaces", team).await.of(201);
    let user = |limit: &str| json!({"id": "alice", "workspace": "eng", "limits": [limit]});
    let refused = desk.ask("POST", "/api/v1/users", user("101usd/month")).await.of(422);
    assert_eq!(refused["errors"][0]["pointer"], "/limits/0");
    assert!(refused["detail"].as_str().unwrap().contains("101 usd/month"));
    desk.ask("POST", "/api/v1/users", user("60usd/month")).await.of(201);
    let key = |limit: &str| json!({"user": "alice", "limits": [limit]});
    desk.ask("POST", "/api/v1/keys", key("61usd/month")).await.of(422);
    let key = desk.ask("POST", "/api/v1/keys", key("60usd/month")).await.of(201);

    let set = json!({"limits": ["200usd/month"]});
    desk.ask("PUT", "/api/v1/limits/user:alice", set).await.of(422);
    let set = json!({"limits": ["90 usd/month", "3concurrent !observe"], "thresholds": [75]});
    let after = desk.ask("PUT", "/api/v1/limits/user:alice", set).await.of(200);
    assert_eq!(after["account"], "user:alice");
    let shown = desk.get("/api/v1/limits/user:alice").await.of(200);
    assert_eq!(shown, after);
    assert_eq!(shown["limits"][0]["limit"], "90");
    assert_eq!(shown["limits"][1]["text"], "3 concurrent !observe");
    assert_eq!(shown["limits"][1]["mode"], "observe");
    assert_eq!(shown["limits"][1]["window"], Value::Null);
    let path = format!("/api/v1/limits/key:{}", key["id"].as_str().unwrap());
    desk.ask("PUT", &path, json!({"limits": ["91usd/month"]})).await.of(422);
}

#[tokio::test]
async fn a_limit_is_raised_for_a_while_and_its_text_stays() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let path = "/api/v1/limits/user:alice/bump";
    let body = json!({"amount": "+10usd", "for": "2h"});
    let raised = &desk.ask("POST", path, body).await.of(200)["limits"][0];
    assert_eq!(raised["bump"], json!({"amount": "10", "until": "2026-11-24T23:13:36Z"}));
    let text = raised["text"].as_str().unwrap();
    let amount = text.split(' ').next().unwrap().parse::<i64>().unwrap();
    assert_eq!(raised["limit"], (amount + 10).to_string());
    // A new key like one of a raised limit is not raised, and the text can be sent back.
    let set = json!({"limits": [text]});
    let after = &desk.ask("PUT", "/api/v1/limits/user:alice", set).await.of(200)["limits"][0];
    assert_eq!(after["bump"]["amount"], "10");
    for (body, named) in [
        (json!({}), "/amount"),
        (json!({"amount": "-1usd"}), "-1usd"),
        (json!({"amount": "+1usd", "until": "2026-01-01"}), "2026-01-01"),
        (json!({"amount": "+1usd", "for": "1h", "until": "2027-01-01"}), "not both"),
        (json!({"amount": "+1characters"}), "characters"),
        (json!({"amount": "+1usd", "soon": true}), "soon"),
    ] {
        let problem = desk.ask("POST", path, body).await.of(422).to_string();
        assert!(problem.contains(named), "{problem}");
    }
    desk.ask("POST", "/api/v1/limits/user:ghost/bump", json!({"amount": "+1usd"})).await.of(404);
    assert!(key["id"].is_string());
    let ended = &desk.ask("POST", path, json!({"amount": "0usd"})).await.of(200)["limits"][0];
    assert_eq!(ended["bump"], Value::Null);
}

#[tokio::test]
async fn r043_a_reset_zeroes_the_period_and_holds_survive_it() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 3_412_500).await;
    desk.hold(&key, 1_000_000).await;
    let wrong = json!({"account": "user:alice", "limit": "usd/year"});
    let refused = desk.ask("POST", "/api/quota/reset", wrong).await.of(422);
    assert!(refused["error"]["message"].as_str().unwrap().contains("usd/month"));
    let body = json!({"account": "user:alice", "limit": "usd/month"});
    let answer = desk.ask("POST", "/api/quota/reset", body).await.of(200);
    assert_eq!((&answer["success"], &answer["error"]), (&json!(true), &Value::Null));
    assert_eq!(answer["timestamp"], "2026-11-24T21:13:36Z");
    let (before, after) = (&answer["data"]["before"][0], &answer["data"]["after"][0]);
    assert_eq!((&before["used"], &before["held"]), (&json!("0.0034125"), &json!("0.001")));
    assert_eq!((&after["used"], &after["held"]), (&json!("0"), &json!("0.001")));
    let missing = json!({"account": "user:ghost"});
    assert_eq!(desk.ask("POST", "/api/quota/reset", missing).await.of(404)["data"], Value::Null);
}

#[tokio::test]
async fn r040_calls_are_listed_filtered_and_added_up() {
    let desk = Desk::start().await;
    let alice = desk.user_with_key("alice").await;
    let bob = desk.user_with_key("bob").await;
    let first = desk.call(&alice, "gpt-5", 1_000).await;
    desk.clock.advance(86_400_000);
    desk.call(&alice, "gpt-5-mini", 20_000).await;
    let last = desk.call(&bob, "gpt-5", 300_000).await;

    let all = desk.get("/api/v1/requests?limit=2").await.of(200);
    assert_eq!(all["data"][0]["id"], last.to_string());
    let cursor = all["next_cursor"].as_str().unwrap();
    let rest = desk.get(&format!("/api/v1/requests?limit=2&after={cursor}")).await.of(200);
    assert_eq!(rest["data"][0]["id"], first.to_string());
    assert_eq!(rest["has_more"], false);
    let call = desk.get(&format!("/api/v1/requests/{first}")).await.of(200);
    assert_eq!(call, rest["data"][0]);
    assert_eq!(call["started"], "2026-11-24T21:13:36.123Z");
    assert_eq!(call["cost_usd"], "0.000001");
    assert_eq!((&call["cost_nanousd"], &call["held_nanousd"]), (&json!(1000), &json!(1000)));
    assert_eq!((&call["status"], &call["ending"]), (&json!(200), &json!("finished")));
    assert_eq!(call["usage"]["cached_read"], 1920);
    assert_eq!(call["usage"]["input_uncached"], 86);
    assert_eq!(call["provider_cost_usd"], Value::Null);
    desk.get(&format!("/api/v1/requests/{}", CallId::new())).await.of(404);
    for (query, n) in [("user=alice", 2), ("model=gpt-5", 2), ("since=1h", 2), ("provider=x", 0)] {
        let found = desk.get(&format!("/api/v1/requests?{query}")).await.of(200);
        assert_eq!(found["data"].as_array().unwrap().len(), n, "{query}");
    }

    let sums = |query: &str| {
        let path = format!("/api/v1/analytics/usage?{query}");
        let desk = &desk;
        async move { desk.get(&path).await.of(200)["data"].take() }
    };
    assert_eq!(
        sums("since=30d").await,
        json!([{"requests": 3, "tokens": 6918, "cost_usd": "0.000321", "cost_nanousd": 321_000}])
    );
    let by_user = sums("group_by=user").await;
    assert_eq!(by_user[0]["user"], "alice");
    assert_eq!(by_user[0]["cost_nanousd"], 21_000);
    let by_day = sums("group_by=day,model&user=alice").await;
    assert_eq!((&by_day[0]["day"], &by_day[0]["model"]), (&json!("2026-11-24"), &json!("gpt-5")));
    assert_eq!(by_day[1]["day"], "2026-11-25");
    assert_eq!(sums("since=1h&user=alice").await[0]["requests"], 1);
    let by_hour = sums("group_by=hour&user=alice&detail=true").await;
    assert_eq!(
        by_hour[0],
        json!({
            "hour": "2026-11-24T21:00:00Z", "requests": 1, "tokens": 2306, "cost_usd": "0.000001",
            "cost_nanousd": 1_000, "metered_requests": 1, "input_tokens": 2006,
            "cached_input_tokens": 1920, "cache_write_tokens": 0, "output_tokens": 300,
            "estimated_requests": 0, "estimated_usd": "0", "estimated_nanousd": 0,
        })
    );

    let sound = desk.get("/api/v1/ledger/verify").await.of(200);
    assert_eq!((&sound["ok"], &sound["violations"]), (&json!(true), &json!([])));
    assert!(sound["checked"].as_u64().unwrap() > 0);
    assert_eq!(desk.get("/api/v1/ledger/orphans").await.of(200)["data"], json!([]));
}

#[tokio::test]
async fn an_orphan_is_listed_with_its_model_and_charge() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let lost = desk.hold(&key, 70_000).await;
    desk.clock.advance(61_000);
    desk.ledger.sweep();
    let orphans = desk.get("/api/v1/ledger/orphans").await.of(200);
    let orphan = &orphans["data"][0];
    assert_eq!(orphan["id"], lost.id.to_string());
    assert_eq!((&orphan["ending"], &orphan["estimated"]), (&json!("orphaned"), &json!(true)));
    assert_eq!((&orphan["model"], &orphan["cost_nanousd"]), (&json!("gpt-5"), &json!(70_000)));
}

#[tokio::test]
async fn a_key_sees_itself() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 1_000_000).await;
    desk.clock.advance(86_400_000);
    desk.call(&key, "gpt-5", 500_000_000).await;
    let registry: Arc<dyn Registry> = desk.ledger.clone();
    let own =
        SelfService::new(registry, desk.clock.clone(), Calendar::default(), Defaults::default());
    let id: Id = key["id"].as_str().unwrap().parse().unwrap();
    let alice: Id = "alice".parse().unwrap();
    let view = own.key(&id, &alice).await.unwrap().unwrap();
    let view = &view["data"];
    assert_eq!(view["label"], key["label"]);
    assert_eq!((&view["user"], &view["workspace"]), (&json!("alice"), &json!("default")));
    assert_eq!(view["limit"], 25);
    assert_eq!(view["limit_remaining"], json!(24.499));
    assert_eq!(view["limit_reset"], "2026-12-01T00:00:00Z");
    assert_eq!((&view["usage"], &view["usage_monthly"]), (&json!(0.501), &json!(0.501)));
    assert_eq!((&view["usage_daily"], &view["usage_weekly"]), (&json!(0.5), &json!(0.501)));
    assert_eq!(view["limits"][0]["account"], "user:alice");
    assert!(!view.to_string().contains(key["key"].as_str().unwrap()));
    // What is remembered is right while nothing is charged and the day lasts.
    assert_eq!(own.key(&id, &alice).await.unwrap().unwrap()["data"], *view);
    desk.call(&key, "gpt-5", 1_000_000).await;
    let view = own.key(&id, &alice).await.unwrap().unwrap();
    assert_eq!(view["data"]["usage_daily"], json!(0.501));
    desk.clock.advance(86_400_000);
    let view = own.key(&id, &alice).await.unwrap().unwrap();
    assert_eq!(view["data"]["usage_daily"], json!(0));
    assert_eq!(view["data"]["usage_weekly"], json!(0.502));
    assert_eq!(own.key(&"ghost".parse().unwrap(), &alice).await, Ok(None));
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let desk = Desk::start().await;
    for path in ["/livez", "/api/v1/users", "/api/v1/users/ghost", "/nowhere"] {
        let headers = desk.get(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors"));
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

/// A place where log lines go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_change_leaves_a_line_and_never_a_secret() {
    let lines = Lines::default();
    let to = lines.clone();
    let log = tracing_subscriber::fmt()
        .json()
        .with_writer(move || to.clone())
        .with_max_level(tracing::Level::TRACE);
    let _guard = tracing::subscriber::set_default(log.finish());
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    let patch = json!({"limits": ["50usd/month"]});
    desk.ask("PATCH", "/api/v1/users/alice", patch).await.of(200);
    let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    desk.ask("DELETE", &path, Value::Null).await.of(204);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for action in ["user.create", "key.create", "user.update", "key.revoke"] {
        assert!(text.contains(action), "{action} is not in {text}");
    }
    assert!(text.contains("25 usd/month") && text.contains("50 usd/month"), "{text}");
    assert!(!text.contains(key["key"].as_str().unwrap()));
    assert!(!text.contains(TOKEN));
}

/// A ledger that cannot be reached.
struct Away;

fn away<T: Send + 'static>() -> BoxFuture<'static, Result<T, RegistryError>> {
    Box::pin(async { Err(Unavailable("connection refused".to_owned()).into()) })
}

impl Registry for Away {
    fn create<'a>(&'a self, _: &'a NewAccount) -> BoxFuture<'a, Result<Account, RegistryError>> {
        away()
    }

    fn account<'a>(
        &'a self,
        _: &'a AccountId,
    ) -> BoxFuture<'a, Result<Option<Account>, RegistryError>> {
        away()
    }

    fn accounts<'a>(
        &'a self,
        _: AccountKind,
        _: &'a ListFilter,
    ) -> BoxFuture<'a, Result<Page<Account>, RegistryError>> {
        away()
    }

    fn change<'a>(
        &'a self,
        _: &'a AccountId,
        _: &'a Change,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        away()
    }

    fn delete<'a>(&'a self, _: &'a AccountId) -> BoxFuture<'a, Result<(), RegistryError>> {
        away()
    }

    fn reset<'a>(
        &'a self,
        _: &'a AccountId,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        away()
    }

    fn bump<'a>(
        &'a self,
        _: &'a AccountId,
        _: &'a Increase,
        _: Option<UnixMs>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        away()
    }

    fn events<'a>(
        &'a self,
        _: &'a EventQuery,
    ) -> BoxFuture<'a, Result<Page<UsageEvent>, RegistryError>> {
        away()
    }

    fn sums<'a>(&'a self, _: &'a SumQuery) -> BoxFuture<'a, Result<Vec<SumRow>, RegistryError>> {
        away()
    }

    fn summed_since(&self) -> BoxFuture<'_, Result<SummedSince, RegistryError>> {
        away()
    }

    fn event(&self, _: CallId) -> BoxFuture<'_, Result<Option<UsageEvent>, RegistryError>> {
        away()
    }

    fn note<'a>(&'a self, _: &'a AuditEntry) -> BoxFuture<'a, Result<(), RegistryError>> {
        away()
    }

    fn audit<'a>(
        &'a self,
        _: &'a AuditQuery,
    ) -> BoxFuture<'a, Result<Page<AuditEntry>, RegistryError>> {
        away()
    }

    fn together<'a>(
        &'a self,
        _: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Vec<Option<Account>>, RegistryError>> {
        away()
    }

    fn report(&self, _: Settlement) -> BoxFuture<'_, Result<(), RegistryError>> {
        away()
    }

    fn define<'a>(&'a self, _: &'a [CredentialSetup]) -> BoxFuture<'a, Result<(), RegistryError>> {
        away()
    }

    fn days<'a>(
        &'a self,
        _: &'a Id,
        _: Date,
        _: Date,
    ) -> BoxFuture<'a, Result<Vec<CredentialDay>, RegistryError>> {
        away()
    }

    fn decide(&self, _: bool) -> BoxFuture<'_, Result<Vec<Decided>, RegistryError>> {
        away()
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verification, RegistryError>> {
        away()
    }
}

#[tokio::test]
async fn r133_a_ledger_that_is_away_is_said_to_be_and_the_process_lives() {
    let at = serve(Arc::new(Away), Clock::manual(NOW), Vec::new()).await;
    let token = format!("Bearer {TOKEN}");
    for path in ["/api/v1/users", "/api/v1/keys/a", "/api/v1/requests", "/api/v1/ledger/verify"] {
        let answer = raw(at, "GET", path, &[("authorization", &token)], "").await;
        assert_eq!(answer.headers["retry-after"], "2");
        let problem = answer.of(503);
        assert!(problem["detail"].as_str().unwrap().contains("unavailable"), "{problem}");
    }
    assert_eq!(raw(at, "GET", "/livez", &[], "").await.status, 200);
}
