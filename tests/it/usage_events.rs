//! `POST /api/v1/usage-events` of the built program: consumption that happened elsewhere.

use crate::quota_rig::{Town, ask};
use farebox::ledger::{Amounts, CallFacts, Ending, Payers, Settlement, Tries, UsageEvent};
use farebox::money::NanoUsd;
use farebox::pricing::PriceTable;
use farebox::usage::Usage;
use serde_json::{Value, json};

const EVENTS: &str = "/api/v1/usage-events";

const GROQ: &str = "[providers.groq]\nbase_url = 'http://127.0.0.1:9/v1'\n\
    [[providers.groq.credentials]]\nname = 'groq_1'\napi_key = 'k'\n\
    limits = ['14400 characters/day', '50 requests/day']\n";

async fn user(town: &Town, name: &str) -> Value {
    town.get(&format!("/api/v1/users/{name}")).await.of(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn r062_an_event_is_charged_once_by_its_id_and_listed_with_the_calls() {
    let town = Town::build().await;
    let key = town.user("alice", &["25usd/month", "90requests/day"]).await;
    let event = json!({"id": "batch-1", "user": "alice", "provider": "openai", "model": "gpt-5",
        "cost_usd": "1.25", "request_count": 12, "tokens_used": 5000,
        "occurred_at": "2026-11-01T08:00:00Z"});
    let answer = town.ask("POST", EVENTS, event.clone()).await;
    let place = answer.headers["location"].to_str().unwrap().to_owned();
    let made = answer.of(201);
    assert_eq!(
        (&made["id"], &made["key"], &made["workspace"]),
        (&json!("batch-1"), &Value::Null, &json!("default"))
    );
    assert_eq!((&made["cost_usd"], &made["cost_nanousd"]), (&json!("1.25"), &json!(1_250_000_000)));
    assert_eq!(
        (&made["total_tokens"], &made["occurred_at"]),
        (&json!(5000), &json!("2026-11-01T08:00:00.000Z"))
    );
    // The figures have it at once.
    let alice = user(&town, "alice").await;
    assert_eq!(
        (&alice["limits"][0]["used"], &alice["limits"][1]["used"]),
        (&json!("1.25"), &json!(12))
    );
    let shown = town.get(&place).await.of(200);
    assert_eq!(
        (&shown["cost_usd"], &shown["request_count"], &shown["key"]),
        (&json!("1.25"), &json!(12), &Value::Null)
    );
    assert_eq!(
        (&shown["dialect"], &shown["started"]),
        (&json!("usage-event"), &made["occurred_at"])
    );
    let listed = town.get("/api/v1/requests?user=alice").await.of(200);
    assert_eq!(listed["data"], json!([shown]));
    // Again, also with its fields in another order: the same answer, and nothing more.
    let text = event.to_string();
    let (head, rest) = text.split_at(1);
    let first = rest.split(',').next().unwrap();
    let turned = format!("{head}{},{first}}}", &rest[first.len() + 1..rest.len() - 1]);
    for body in [text.clone(), turned] {
        let again = ask(town.program.admin, ("POST", EVENTS), &town.token, &[], body).await;
        assert_eq!(again.of(200), made);
    }
    let mut other = event.clone();
    other["cost_usd"] = "1.26".into();
    let refused = town.ask("POST", EVENTS, other).await.of(409);
    assert!(refused["detail"].as_str().unwrap().contains("batch-1"), "{refused}");
    assert_eq!(user(&town, "alice").await["limits"], alice["limits"]);
    // It is used like all else: by the key of the user, in its usage, and in the sums.
    let usage = town.own_data(&key, "/api/quota/usage").await;
    assert_eq!((&usage["total_requests"], &usage["cost_usd"]), (&json!(12), &json!("1.25")));
    assert_eq!((&usage["total_tokens"], &usage["failed_requests"]), (&json!(5000), &json!(0)));
    let sums = town.get("/api/v1/analytics/usage?group_by=user").await.of(200);
    assert_eq!(
        (&sums["data"][0]["requests"], &sums["data"][0]["tokens"]),
        (&json!(12), &json!(5000))
    );
    town.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r062_figures_are_priced_by_the_table_and_never_refused_for_quota() {
    let town = Town::build().await;
    let key = town.user("alice", &["0.01usd/month"]).await;
    let id = town.get("/api/v1/keys?user=alice").await.of(200)["data"][0]["id"].clone();
    let usage =
        json!({"input_tokens_total": 20_060, "cached_read": 19_200, "output_tokens_total": 3_000});
    let event = json!({"id": "e1", "key": id, "model": "gpt-5", "usage": usage, "success": false,
        "request_count": 1});
    let made = town.ask("POST", EVENTS, event).await.of(201);
    let table = PriceTable::builtin().unwrap();
    let model = table.find(None, "gpt-5").unwrap();
    let cost = model.cost(&Usage::from_json(&usage), &Default::default());
    assert_eq!((&made["cost_nanousd"], cost.get()), (&json!(cost), 33_475_000));
    assert_eq!(
        (&made["provider"], &made["key"], &made["user"]),
        (&json!("openai"), &id, &json!("alice"))
    );
    // Three times the limit: charged in full, and calls are refused from now on.
    let status = town.data("/api/quota/status?user=alice").await;
    assert_eq!(
        (&status["status"], &status["budget"]["current"]),
        (&json!("quota_exceeded"), &json!("0.033475"))
    );
    assert_eq!(status["budget"]["percentage"], json!(334.75));
    assert_eq!(town.call(&key).await, 429);
    let shown = town.own(&key, "/v1/key").await.of(200);
    assert_eq!(shown["data"]["usage"], json!(0.033475));
    let usage = town.data("/api/quota/usage?user=alice").await;
    assert_eq!(
        (&usage["failed_requests"], &usage["cached_input_tokens"]),
        (&json!(1), &json!(19_200))
    );
    town.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r059_r062_with_config_id_it_counts_on_the_credential() {
    let town = Town::with(GROQ).await;
    let event = json!({"id": "job.7", "config_id": "groq_1", "request_count": 40,
        "character_count": 12_000, "tokens_used": 3_000});
    let made = town.ask("POST", EVENTS, event.clone()).await.of(201);
    assert_eq!(
        (&made["provider"], &made["request_id"], &made["user"]),
        (&json!("groq"), &Value::Null, &Value::Null)
    );
    town.ask("POST", EVENTS, event).await.of(200);
    let failed =
        json!({"id": "job.8", "config_id": "groq_1", "request_count": 2, "success": false});
    town.ask("POST", EVENTS, failed).await.of(201);
    let credential = town.get("/api/v1/credentials/groq_1").await.of(200);
    for (field, value) in [
        ("config_id", json!("groq_1")),
        ("provider", json!("groq")),
        ("total_requests", json!(42)),
        ("successful_requests", json!(40)),
        ("failed_requests", json!(2)),
        ("total_tokens", json!(3_000)),
        ("quota_limit", json!(14_400)),
        ("quota_remaining", json!(2_400)),
        ("usage_percent", json!(83.3333)),
        ("alert_threshold_percent", json!(80)),
        ("alert_triggered", json!(true)),
        ("request_count", json!(42)),
        ("character_count", json!(12_000)),
        ("remaining_percentage", json!(0.167)),
        ("status", json!("warning")),
    ] {
        assert_eq!(credential[field], value, "{field}");
    }
    for field in ["reset_at", "last_updated"] {
        assert!(credential[field].as_str().unwrap().ends_with('Z'), "{field}: {credential}");
    }
    // Nobody pays, so nothing is listed; with a user it is, and is both.
    assert_eq!(town.get("/api/v1/requests").await.of(200)["data"], json!([]));
    town.user("alice", &["25usd/month"]).await;
    let both = json!({"id": "job.9", "config_id": "groq_1", "user": "alice", "cost_usd": 0.5,
        "request_count": 1, "character_count": 3_000});
    town.ask("POST", EVENTS, both).await.of(201);
    assert_eq!(user(&town, "alice").await["limits"][0]["used"], "0.5");
    let credential = town.get("/api/v1/credentials/groq_1").await.of(200);
    assert_eq!(
        (&credential["quota_remaining"], &credential["status"]),
        (&json!(0), &json!("disabled"))
    );
    let listed = town.get("/api/v1/requests").await.of(200);
    assert_eq!(
        (&listed["data"][0]["credential"], &listed["data"][0]["provider"]),
        (&json!("groq_1"), &json!("groq"))
    );
    town.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r021_r062_bad_events_are_refused_by_name_and_charge_nothing() {
    let town = Town::with(GROQ).await;
    town.user("alice", &["25usd/month"]).await;
    town.user("bob", &["25usd/month"]).await;
    let id = town.get("/api/v1/keys?user=alice").await.of(200)["data"][0]["id"].clone();
    let (before, config) = (user(&town, "alice").await, json!("groq_1"));
    for (body, status, pointer, text) in [
        (json!({"user": "alice"}), 422, "/id", "missing"),
        (json!({"id": "e"}), 422, "/user", "config_id"),
        (json!({"id": "a b", "user": "alice"}), 422, "/id", "a b"),
        (json!({"id": "e", "user": "nobody"}), 404, "", "user:nobody"),
        (json!({"id": "e", "key": "nokey"}), 404, "", "key:nokey"),
        (json!({"id": "e", "config_id": "none"}), 404, "", "credential:none"),
        (json!({"id": "e", "user": "bob", "key": id}), 422, "/user", "another user"),
        (json!({"id": "e", "user": "alice", "request_count": -1}), 422, "/request_count", "-1"),
        (json!({"id": "e", "user": "alice", "tokens_used": 1.5}), 422, "/tokens_used", "1.5"),
        (
            json!({"id": "e", "user": "alice", "character_count": 9_007_199_254_740_993_u64}),
            422,
            "/character_count",
            "9007199254740993",
        ),
        (json!({"id": "e", "user": "alice", "cost_usd": "-1"}), 422, "/cost_usd", "-1"),
        (json!({"id": "e", "user": "alice", "cost_usd": "NaN"}), 422, "/cost_usd", "NaN"),
        (json!({"id": "e", "user": "alice", "cost_usd": "9e9"}), 422, "/cost_usd", "9e9"),
        (
            json!({"id": "e", "user": "alice", "usage": {"output_tokens_total": 1}}),
            422,
            "/model",
            "cost_usd",
        ),
        (
            json!({"id": "e", "user": "alice", "model": "gpt-55", "usage": {"output_tokens_total": 1}}),
            422,
            "/model",
            "gpt-55",
        ),
        (
            json!({"id": "e", "user": "alice", "usage": {"prompt": 1}, "cost_usd": "1"}),
            422,
            "/usage/prompt",
            "prompt",
        ),
        (
            json!({"id": "e", "user": "alice", "usage": {}, "tokens_used": 1, "model": "gpt-5"}),
            422,
            "/tokens_used",
            "usage",
        ),
        (json!({"id": "e", "user": "alice", "success": "no"}), 422, "/success", "no"),
        (
            json!({"id": "e", "user": "alice", "occurred_at": "2099-01-01"}),
            422,
            "/occurred_at",
            "not come",
        ),
        (json!({"id": "e", "user": "alice", "colour": "red"}), 422, "/colour", "colour"),
        (json!({"id": "e", "config_id": config, "provider": "openai"}), 422, "/provider", "groq"),
    ] {
        let problem = town.ask("POST", EVENTS, body.clone()).await.of(status);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(text), "{body}: {detail}");
        if !pointer.is_empty() {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {detail}");
        }
    }
    assert_eq!(user(&town, "alice").await, before);
    // An id that was refused is not taken.
    let good = json!({"id": "e", "user": "alice", "cost_usd": "1"});
    town.ask("POST", EVENTS, good).await.of(201);
    town.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r062_of_many_at_the_same_time_one_is_charged() {
    let town = Town::build().await;
    town.user("alice", &["25usd/month", "90requests/day"]).await;
    let sent = (0..20).map(|n| {
        let (at, token) = (town.program.admin, town.token.clone());
        // Every fourth one is another event under the same id.
        let cost = if n % 4 == 3 { "2" } else { "1" };
        let event = json!({"id": "same", "user": "alice", "cost_usd": cost, "request_count": 1});
        tokio::spawn(async move {
            let answer = ask(at, ("POST", EVENTS), &token, &[], event.to_string()).await;
            answer.status.as_u16()
        })
    });
    let mut statuses = Vec::new();
    for sent in sent.collect::<Vec<_>>() {
        statuses.push(sent.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 201, 409].contains(status)), "{statuses:?}");
    let alice = user(&town, "alice").await;
    assert_eq!(alice["limits"][1]["used"], 1);
    assert!(["1", "2"].contains(&alice["limits"][0]["used"].as_str().unwrap()), "{alice}");
    town.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r062_a_repetition_days_after_a_crash_charges_nothing_again() {
    let town = Town::build().await;
    town.user("alice", &["25usd/month", "90requests/day"]).await;
    let event = json!({"id": "late", "user": "alice", "cost_usd": "1", "request_count": 1});
    let made = town.ask("POST", EVENTS, event.clone()).await.of(201);
    // As a proxy leaves it that dies once it has charged, a day later: what is to be settled is still
    // noted, and the ledger's mark has expired.
    let call = made["request_id"].as_str().unwrap();
    let cost = NanoUsd::new(1_000_000_000);
    let charged = UsageEvent {
        id: call.parse().unwrap(),
        payers: Payers::without_key("alice".parse().unwrap(), "default".parse().unwrap()),
        facts: CallFacts {
            started: 0,
            provider: String::new(),
            credential: String::new(),
            dialect: "usage-event".to_owned(),
            model: String::new(),
            price_version: String::new(),
        },
        settled: 0,
        service_tier: None,
        status: 0,
        ending: Ending::Finished,
        estimated: false,
        usage: Usage::default(),
        cost,
        provider_cost: None,
        held: NanoUsd::ZERO,
        ttft_ms: 0,
        duration_ms: 0,
        requests: 1,
        attempts: Tries::default(),
    };
    let charge = Amounts { usd: cost, tokens: 0, characters: 0 };
    let post = Settlement::Post { charge, event: Box::new(charged), once: None };
    let record = town.cli(&["KEYS", "farebox:{0}:record:usage-event:*"]);
    let mut noted: Value = serde_json::from_str(&town.cli(&["HGET", &record, "text"])).unwrap();
    noted["settlements"] = json!([post]);
    town.cli(&["HSET", &record, "text", &noted.to_string()]);
    assert_eq!(town.cli(&["DEL", &format!("farebox:{{0}}:settled:{call}")]), "1");
    assert_eq!(town.ask("POST", EVENTS, event).await.of(200), made);
    let alice = user(&town, "alice").await;
    assert_eq!(
        (&alice["limits"][0]["used"], &alice["limits"][1]["used"]),
        (&json!("1"), &json!(1))
    );
    town.sound().await;
}
