//! Rows of what was asked for, each shown on the real data path: a proxy on a socket, a real
//! embedded ledger, and the simulated provider with a bill of its own.

use crate::control_desk::{Desk, TOKEN, raw};
use crate::world::{Answer, CHAT, PROVIDER_KEY, World, chat, rules, send};
use farebox::clock::parse_time;
use farebox::ledger::{Ending, Enforcement};
use farebox::proxy::{Rules, Unpriced};
use farebox::usage::Figure;
use serde_json::{Value, json};

fn script(text: &str) -> String {
    format!("x-simulate: {text}\r\n")
}

/// Every metered operation, plain and streamed, and what its events call it.
fn operations() -> [(&'static str, &'static str, String); 7] {
    let stream = r#","stream":true"#;
    let responses = |rest: &str| format!(r#"{{"model":"gpt-5","input":"Hello"{rest}}}"#);
    let completions =
        |rest: &str| format!(r#"{{"model":"gpt-3.5-turbo-instruct","prompt":"Hello"{rest}}}"#);
    let embeddings = r#"{"model":"text-embedding-3-small","input":"Hello"}"#.to_owned();
    [
        (CHAT, "openai.chat", chat("gpt-5", r#","response_format":{"type":"json_object"}"#)),
        (CHAT, "openai.chat", chat("gpt-5", stream)),
        ("/v1/responses", "openai.responses", responses("")),
        ("/v1/responses", "openai.responses", responses(stream)),
        ("/v1/completions", "openai.completions", completions("")),
        ("/v1/completions", "openai.completions", completions(stream)),
        ("/v1/embeddings", "openai.embeddings", embeddings),
    ]
}

#[tokio::test]
async fn r003_unknown_models_are_refused_or_free_as_configured_and_never_free_by_accident() {
    let unknown = chat("never-priced", "");
    let world = World::new(&["1usd/day"]).await;
    let answer = world.call(CHAT, "", &unknown).await;
    assert_eq!((answer.status(), answer.code()), (400, "model_not_priced".to_owned()));
    world.untouched().await;
    let world = World::with(&["1usd/day"], Rules { unpriced: Unpriced::Free, ..rules() }).await;
    assert_eq!(world.call(CHAT, "", &unknown).await.status(), 200);
    let event = world.only_event().await;
    assert_eq!((event.cost.get(), event.estimated), (0, false));
    assert!(event.usage.total_tokens() > 0);
}

#[tokio::test]
async fn r003_r005_cached_tokens_are_charged_once_in_every_operation_and_transport() {
    let world = World::new(&["1000usd/day"]).await;
    let mut sum = 0;
    for (cached, written) in [(0, 0), (1, 0), (1920, 0), (2006, 0), (500, 1000)] {
        // $1.25, $0.125 and $10 a million. Writes have no price of their own here: input's.
        let cost = (2006 - cached) * 1_250 + cached * 125 + 300 * 10_000;
        let play = script(&format!(
            r#"{{"input":2006,"cached":{cached},"cache_write":{written},"output":300}}"#
        ));
        let asked = r#","stream":true,"stream_options":{"include_usage":true}"#;
        let asks_itself = [(CHAT, "", chat("gpt-5", asked))];
        for (path, _, body) in operations().into_iter().take(4).chain(asks_itself) {
            assert_eq!(world.call(path, &play, &body).await.status(), 200);
            let event = world.events().await.remove(0);
            assert_eq!(event.cost.get(), cost, "{cached} {written} {path} {body}");
            assert_eq!(event.usage.count(Figure::CachedRead), u64::try_from(cached).unwrap());
            assert_eq!(event.usage.count(Figure::InputTotal), 2006);
            sum += cost;
        }
    }
    assert_eq!(world.account("user:alice").await.total_usd.get(), sum);
    assert_eq!(world.account("user:alice").await.total_tokens, 25 * 2306);
    world.nothing_held().await;
}

#[tokio::test]
async fn r007_tokens_become_dollars_by_the_price_of_their_model_and_fill_a_budget() {
    let world = World::new(&["0.0045usd/day"]).await;
    let play = script(r#"{"input":2006,"cached":1920,"output":300}"#);
    let small = r#","max_completion_tokens":100"#;
    for (model, cost) in [("gpt-5", 3_347_500), ("gpt-5-mini", 669_500)] {
        assert_eq!(world.call(CHAT, &play, &chat(model, small)).await.status(), 200);
        assert_eq!(world.events().await[0].cost.get(), cost, "{model}");
    }
    assert_eq!(world.account("user:alice").await.standings[0].used, 4_017_000);
    let refused = world.call(CHAT, &play, &chat("gpt-5", small)).await;
    assert_eq!((refused.status(), refused.code()), (429, "insufficient_quota".to_owned()));
    assert_eq!(refused.json()["farebox"]["used"], "0.004017");
    // The same tokens of the cheaper model still fit.
    assert_eq!(world.call(CHAT, &play, &chat("gpt-5-mini", small)).await.status(), 200);
}

#[tokio::test]
async fn r008_r009_a_stream_without_usage_is_estimated_by_what_it_said() {
    let world = World::new(&["1usd/day"]).await;
    let play = script(r#"{"no_usage":true,"pad":4000}"#);
    let answer = world.call(CHAT, &play, &chat("gpt-5", r#","stream":true"#)).await;
    assert!(answer.whole && answer.text().ends_with("data: [DONE]\n\n"));
    let event = world.only_event().await;
    assert!(event.estimated, "{event:?}");
    assert!((900..=1_100).contains(&event.usage.count(Figure::OutputTotal)), "{event:?}");
    assert!(event.usage.count(Figure::InputTotal) > 0 && event.cost.get() >= 900 * 10_000);
}

#[tokio::test]
async fn r010_every_operation_is_recorded_and_no_path_is_silently_free() {
    let world = World::new(&["100usd/day", "1000requests/day"]).await;
    let play = script(r#"{"input":120,"output":30}"#);
    for (n, (path, dialect, body)) in operations().into_iter().enumerate() {
        assert_eq!(world.call(path, &play, &body).await.status(), 200, "{body}");
        let events = world.events().await;
        assert_eq!(events.len(), n + 1, "{body}");
        let event = &events[0];
        assert_eq!((event.facts.dialect.as_str(), event.estimated), (dialect, false), "{body}");
        let output = if dialect == "openai.embeddings" { 0 } else { 30 };
        assert_eq!(event.usage.total_tokens(), 120 + output, "{body}");
        assert!(event.cost.get() > 0, "{body}");
    }
    let served = world.provider_calls();
    for path in ["/v1/videos", "/v1/fine_tuning/jobs", "/v1/anything/else"] {
        assert_eq!(world.call(path, "", &chat("gpt-5", "")).await.status(), 404, "{path}");
    }
    assert_eq!((world.provider_calls(), world.events().await.len()), (served, 7));
    // What is free is known to be: it needs a key, and counts as a request.
    let unknown = Answer::read(send(world.addr, "/v1/models", "", "").await).await;
    assert_eq!(unknown.status(), 401);
    assert_eq!(world.call("/v1/models", "", "").await.status(), 200);
    let event = world.events().await.remove(0);
    assert_eq!((event.facts.dialect.as_str(), event.cost.get()), ("free", 0));
    let alice = world.account("user:alice").await;
    let requests = alice.standings.iter().find(|s| s.limit.name() == "requests/day").unwrap();
    assert_eq!(requests.used, 8);
}

#[tokio::test]
async fn r014_nobody_gets_around_the_meter_with_the_keys_that_apps_have() {
    let world = World::new(&["100usd/day"]).await;
    let ours = format!("authorization: Bearer {}\r\n", world.key);
    let around = send(world.simulated.addr(), CHAT, &ours, &chat("gpt-5", "")).await;
    assert_eq!(Answer::read(around).await.status(), 401);
    for header in ["authorization: Bearer ", "x-api-key: ", "api-key: ", "x-goog-api-key: "] {
        let theirs = format!("{header}{PROVIDER_KEY}\r\n");
        let answer = Answer::read(send(world.addr, CHAT, &theirs, &chat("gpt-5", "")).await).await;
        assert_eq!((answer.status(), answer.code()), (401, "invalid_api_key".to_owned()));
    }
    world.untouched().await;
    for (path, _, body) in operations() {
        let answer = world.call(path, "", &body).await;
        assert!(!answer.head.contains(PROVIDER_KEY) && !answer.text().contains(PROVIDER_KEY));
    }
    // What the provider bills is what was charged, call by call.
    let mut billed: Vec<_> =
        world.simulated.bill().entries().iter().map(|e| e.usage().total_tokens()).collect();
    let mut charged: Vec<_> = world.events().await.iter().map(|e| e.usage.total_tokens()).collect();
    billed.sort_unstable();
    charged.sort_unstable();
    assert_eq!((billed.len(), billed), (7, charged));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r015_calls_of_one_user_at_the_same_moment_are_all_counted() {
    let world = World::new(&["100usd/day"]).await;
    let headers = |n: u64| {
        let play = script(&format!(r#"{{"input":100,"output":{},"first_delay_ms":50}}"#, n));
        format!("authorization: Bearer {}\r\n{play}", world.key)
    };
    let calls: Vec<_> = (1..=150)
        .map(|n| {
            let (addr, headers, body) = (world.addr, headers(n), chat("gpt-5", ""));
            tokio::spawn(async move { Answer::read(send(addr, CHAT, &headers, &body).await).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().status(), 200);
    }
    assert_eq!(world.events().await.len(), 150);
    let sum = 150 * 100 * 1_250 + (1..=150).sum::<i64>() * 10_000;
    for account in ["user:alice", "workspace:default"] {
        assert_eq!(world.account(account).await.total_usd.get(), sum, "{account}");
    }
    assert_eq!(world.account("user:alice").await.standings[0].used, sum);
    world.nothing_held().await;
}

#[tokio::test]
async fn r017_r018_what_is_left_after_admission_is_said_with_the_answer() {
    let world = World::new(&["1usd/day", "10requests/day"]).await;
    let play = script(r#"{"input":100,"output":100}"#);
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    world.call(CHAT, &play, &body).await;
    let answer = world.call(CHAT, &play, &body).await;
    let usd = |name: &str| -> f64 { answer.header(name).unwrap().parse().unwrap() };
    assert_eq!(answer.header("x-farebox-budget-limit-usd").as_deref(), Some("1"));
    // One call is spent, the other one held at its expected cost.
    let left = usd("x-farebox-budget-remaining-usd");
    assert!(left < 1.0 - 0.001_125 && left > 1.0 - 0.003, "{left}");
    assert_eq!(answer.header("x-ratelimit-limit-requests").as_deref(), Some("10"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests").as_deref(), Some("8"));
}

#[tokio::test]
async fn r020_a_threshold_that_is_none_is_refused_with_its_place_wherever_it_is_given() {
    let desk = Desk::start().await;
    desk.user_with_key("alice").await;
    for bad in [
        json!([0]),
        json!([-1]),
        json!([101]),
        json!([1e300]),
        json!([80.5]),
        json!(["80"]),
        json!(["NaN"]),
        json!([null]),
        json!([90, 80]),
        json!([80, 80]),
        json!([]),
        json!(80),
        json!("80"),
    ] {
        let shown = bad.to_string();
        for (method, path, body) in [
            ("POST", "/api/v1/users", json!({"id": "bob", "thresholds": bad})),
            ("PATCH", "/api/v1/users/alice", json!({"thresholds": bad})),
            ("POST", "/api/v1/workspaces", json!({"id": "eng", "thresholds": bad})),
            ("PUT", "/api/v1/limits/user:alice", json!({"limits": [], "thresholds": bad})),
        ] {
            let answer = desk.ask(method, path, body).await;
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            let problem = answer.of(422);
            assert_eq!(problem["errors"][0]["pointer"], "/thresholds", "{path} {shown}");
        }
    }
    // JSON has no such numbers.
    for text in ["NaN", "Infinity", "-Infinity", "1e999"] {
        let body = format!(r#"{{"thresholds":[{text}]}}"#);
        let token = format!("Bearer {TOKEN}");
        let headers = [("authorization", token.as_str())];
        let answer = raw(desk.at, "PATCH", "/api/v1/users/alice", &headers, body).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{text}");
    }
    let alice = desk.get("/api/v1/users/alice").await.of(200);
    assert_eq!(alice["thresholds"], json!([80, 90, 100]));
    desk.get("/api/v1/users/bob").await.of(404);
}

#[tokio::test]
async fn r022_of_several_limits_the_one_that_is_exhausted_first_refuses() {
    let world = World::new(&[]).await;
    let play = script(r#"{"input":100,"output":100}"#);
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    for (user, limits, limit, kind, code) in [
        (
            "by-dollars",
            ["0.003usd/day", "90000tokens/day", "50requests/day"],
            "0.003 usd/day",
            "insufficient_quota",
            "insufficient_quota",
        ),
        (
            "by-tokens",
            ["9usd/day", "450tokens/day", "50requests/day"],
            "450 tokens/day",
            "tokens",
            "rate_limit_exceeded",
        ),
        (
            "by-requests",
            ["9usd/day", "90000tokens/day", "2requests/day"],
            "2 requests/day",
            "requests",
            "rate_limit_exceeded",
        ),
    ] {
        let key = world.user(user, &limits, None, &[]).await;
        for _ in 0..2 {
            assert_eq!(world.call_as(&key, CHAT, &play, &body).await.status(), 200, "{user}");
            world.events().await;
        }
        let refused = world.call_as(&key, CHAT, &play, &body).await;
        assert_eq!((refused.status(), refused.code()), (429, code.to_owned()), "{user}");
        let said = refused.json();
        assert_eq!(said["error"]["type"], kind, "{user}");
        assert_eq!(said["farebox"]["limit"], limit, "{user}");
        assert_eq!(said["farebox"]["account"], format!("user:{user}"));
    }
    assert_eq!(world.provider_calls(), 6);
}

#[tokio::test]
async fn r027_a_limit_of_nothing_refuses_and_no_limit_limits_nothing() {
    let world = World::new(&[]).await;
    for limit in ["0usd/month", "0tokens/day", "0requests/minute", "0concurrent"] {
        let name: String = limit.chars().filter(char::is_ascii_alphanumeric).collect();
        for mode in [None, Some(Enforcement::Strict), Some(Enforcement::Postpaid)] {
            let user = format!("{name}-{mode:?}").replace(['(', ')'], "-");
            let key = world.user(&user, &[limit], mode, &[]).await;
            let answer = world.call_as(&key, CHAT, "", &chat("gpt-5", "")).await;
            assert_eq!(answer.status(), 429, "{limit} {mode:?}: {}", answer.text());
            assert!(!answer.text().contains("NaN") && !answer.text().contains("inf"));
        }
    }
    assert_eq!(world.provider_calls(), 0);
    let answer = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.head.contains("x-farebox-budget") && !answer.head.contains("x-ratelimit"));
}

#[tokio::test]
async fn r032_a_refusal_says_which_limit_what_is_spent_and_when_it_resets() {
    let world = World::new(&["0.004usd/day"]).await;
    let play = script(r#"{"input":2006,"cached":1920,"output":300}"#);
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    world.call(CHAT, &play, &body).await;
    world.events().await;
    let answer = world.call(CHAT, &play, &body).await;
    assert_eq!(answer.status(), 429);
    let body = answer.json();
    let resets = body["farebox"]["resets_at"].as_str().unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    for part in ["0.004 usd/day", "user:alice", "$0.0033475 used", resets] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
    let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
    let until = parse_time(resets).unwrap() - farebox::clock::Clock::system().now();
    assert!((wait * 1_000 - until).abs() < 30_000, "{wait} s, but {until} ms to {resets}");
    assert_eq!(body["farebox"]["reason"], "insufficient_quota");
    assert_eq!(body["error"]["param"], Value::Null);
}

#[tokio::test]
async fn r031_a_call_that_was_admitted_may_end_above_the_limit_and_the_next_is_refused() {
    let world = World::new(&["0.002usd/day"]).await;
    let play = script(r#"{"input":100,"output":500}"#);
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    let first = world.call(CHAT, &play, &body).await;
    assert_eq!(first.status(), 200);
    let event = world.only_event().await;
    assert_eq!((event.ending, event.cost.get()), (Ending::Finished, 5_125_000));
    // All of it is charged; nothing is cut off at the limit.
    assert_eq!(world.account("user:alice").await.standings[0].used, 5_125_000);
    assert_eq!(world.call(CHAT, &play, &body).await.status(), 429);
    assert_eq!(world.provider_calls(), 1);
}

#[tokio::test]
async fn r031_each_of_several_answers_is_held_for_and_charged() {
    let world = World::new(&[]).await;
    for mode in [Enforcement::Strict, Enforcement::Balanced] {
        let name = format!("probe-{mode:?}");
        let probe = world.user(&name, &["0.000001usd/day"], Some(mode), &[]).await;
        let wanted = async |answers: u32| -> f64 {
            let rest = format!(r#","max_completion_tokens":1000,"n":{answers}"#);
            let denied = world.call_as(&probe, CHAT, "", &chat("gpt-5", &rest)).await.json();
            denied["farebox"]["wanted"].as_str().unwrap().parse().unwrap()
        };
        // Seven more answers of at most a thousand tokens each, at $10 a million or more.
        let (one, eight) = (wanted(1).await, wanted(8).await);
        assert!(eight - one > 0.0699, "{mode:?}: {one} and {eight}");
    }
    let body = chat("gpt-5", r#","max_completion_tokens":20,"n":8"#);
    world.call(CHAT, "", &body).await;
    assert!(world.only_event().await.usage.count(Figure::OutputTotal) > 20);
}
