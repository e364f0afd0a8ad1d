//! What is refused, with which words, and that nothing was charged for it.

use crate::world::{Answer, CHAT, World, chat, rules, send};
use farebox::demo::provider::Simulated;
use farebox::ledger::{AccountStatus, Change, Enforcement};
use farebox::proxy::Rules;
use std::time::Duration;

#[tokio::test]
async fn r031_a_spent_budget_is_refused_with_what_sdks_obey_and_nothing_is_sent() {
    let world = World::new(&["0.000001usd/day"]).await;
    let answer = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
    assert_eq!(answer.header("x-should-retry").as_deref(), Some("false"));
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&after));
    let body = answer.json();
    assert_eq!(body["error"]["type"], "insufficient_quota");
    assert_eq!(body["farebox"]["account"], "user:alice");
    assert_eq!(body["farebox"]["limit"], "0.000001 usd/day");
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
}

#[tokio::test]
async fn r012_rates_count_attempts_and_say_when_to_come_back() {
    let world = World::new(&["2requests/total", "1concurrent"]).await;
    let failing = "x-simulate: {\"status\":500}\r\n";
    assert_eq!(world.call(CHAT, failing, &chat("gpt-5", "")).await.status(), 500);
    assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.status(), 200);
    let third = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((third.status(), third.code()), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(world.provider_calls(), 2);
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back_in_a_second() {
    let world = World::new(&["1concurrent"]).await;
    let slow = "x-simulate: {\"first_delay_ms\":400}\r\n";
    let first = world.begin(CHAT, slow, &chat("gpt-5", "")).await;
    while world.provider_calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((second.status(), second.code()), (429, "concurrency_limit_exceeded".to_owned()));
    assert_eq!(second.header("retry-after").as_deref(), Some("1"));
    assert_eq!(Answer::read(first).await.status(), 200);
    assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.status(), 200);
}

#[tokio::test]
async fn bad_requests_get_a_clear_answer_and_leave_the_ledger_alone() {
    let world = World::new(&["100usd/day"]).await;
    let deep = format!(r#","x":{}{}"#, "[".repeat(5_000), "]".repeat(5_000));
    for (body, param) in [
        ("not json".to_owned(), ""),
        ("[]".to_owned(), ""),
        ("{}".to_owned(), "model"),
        (r#"{"model":"gpt-5","#.to_owned(), ""),
        (r#"{"model":5,"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":"","messages":[]}"#.to_owned(), "model"),
        (chat("gpt-5", r#","model":"gpt-4o""#), "model"),
        (chat("gpt-5", r#","stream":"true""#), "stream"),
        (chat("gpt-5", r#","stream":true,"stream":false"#), "stream"),
        (chat("gpt-5", r#","max_tokens":0"#), "max_tokens"),
        (chat("gpt-5", r#","max_tokens":-1"#), "max_tokens"),
        (chat("gpt-5", r#","max_tokens":1e12"#), "max_tokens"),
        (chat("gpt-5", r#","max_tokens":1000000000000"#), "max_tokens"),
        (chat("gpt-5", r#","max_completion_tokens":"9""#), "max_completion_tokens"),
        (chat("gpt-5", r#","n":0"#), "n"),
        (chat("gpt-5", r#","n":1.5"#), "n"),
        (chat("gpt-5", r#","stream":true,"stream_options":7"#), "stream_options"),
        (chat(&"x".repeat(300), ""), "model"),
        (chat("gpt-5", &deep), ""),
        (chat("gpt-5", "} {"), ""),
    ] {
        let shown: String = body.chars().take(120).collect();
        let answer = world.call(CHAT, "", &body).await;
        assert_eq!((answer.status(), answer.code()), (400, "invalid_body".to_owned()), "{shown}");
        let named = answer.json()["error"]["param"].as_str().unwrap_or_default().to_owned();
        assert_eq!(named, param, "{shown}: {}", answer.text());
    }
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
}

#[tokio::test]
async fn keys_that_are_not_exactly_one_of_ours_are_refused() {
    let world = World::new(&["100usd/day"]).await;
    let good = format!("authorization: Bearer {}\r\n", world.key);
    let unknown = format!("sk-fb-{}", "a".repeat(43));
    for headers in [
        String::new(),
        "authorization: Bearer\r\n".to_owned(),
        "authorization: Basic YTpi\r\n".to_owned(),
        format!("authorization: Bearer {unknown}\r\n"),
        format!("authorization: Bearer {}\r\n", world.key.to_uppercase()),
        "authorization: Bearer sk-real-openai-key\r\n".to_owned(),
        format!("{good}{good}"),
        format!("{good}x-api-key: {unknown}\r\n"),
        "authorization: Bearer sk-fb-'; DROP TABLE keys; --aaaaaaaaaaaaaaaaaaaaaa\r\n".to_owned(),
    ] {
        let answer = Answer::read(send(world.addr, CHAT, &headers, &chat("gpt-5", "")).await).await;
        assert_eq!((answer.status(), answer.code()), (401, "invalid_api_key".to_owned()));
    }
    for byte in ['\0', '\x01', '\x7f'] {
        let headers = format!("authorization: Bearer {}{byte}\r\n", &world.key[..48]);
        let answer = Answer::read(send(world.addr, "/v1/models", &headers, "").await).await;
        assert!(matches!(answer.status(), 400 | 401), "{byte:?} gave {}", answer.head);
    }
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
}

#[tokio::test]
async fn routes_that_are_neither_metered_nor_free_are_refused() {
    let world = World::new(&["100usd/day"]).await;
    for path in [
        "/v1/fine_tuning/jobs",
        "/v1/videos",
        "/v1/nonsense",
        "/v2/chat/completions",
        "/chat/completions",
        "/nobody/v1/chat/completions",
        "/v1/chat/../chat/completions",
        "/v1//chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/openai/deployments/gpt-5-pro/chat/completions",
    ] {
        let answer = world.call(path, "", &chat("gpt-5", "")).await;
        assert_eq!((answer.status(), answer.code()), (404, "unknown_route".to_owned()), "{path}");
    }
    let answer = world.call("/v1/messages/batches", "", "{}").await;
    let kind = &answer.json()["error"]["type"];
    assert_eq!((answer.status(), kind.as_str()), (404, Some("not_found_error")));
    // The path names a model that has a price, and there is no Azure to send it to.
    let azure = "/openai/deployments/gpt-5-pro/chat/completions";
    let answer = world.call(azure, "", &chat("gpt-5", "")).await;
    assert_eq!(
        (answer.status(), answer.code()),
        (404, "model_not_found".to_owned()),
        "{}",
        answer.text()
    );
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
}

#[tokio::test]
async fn hosted_tools_with_a_fee_that_is_not_metered_are_refused() {
    let world = World::new(&["100usd/day"]).await;
    for (model, tool) in [
        ("gpt-5", "file_search"),
        ("gpt-5", "code_interpreter"),
        ("gpt-5", "image_generation"),
        ("gpt-4", "web_search"),
    ] {
        let body = format!(r#"{{"model":"{model}","input":"Hi","tools":[{{"type":"{tool}"}}]}}"#);
        let answer = world.call("/v1/responses", "", &body).await;
        assert_eq!((answer.status(), answer.code()), (400, "invalid_body".to_owned()), "{tool}");
        assert_eq!(answer.json()["error"]["param"], "tools", "{}", answer.text());
    }
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
}

#[tokio::test]
async fn strict_has_no_ceiling_that_a_call_can_break_through() {
    let world = World::new(&[]).await;
    let strict = Some(Enforcement::Strict);
    let carl = world.user("carl", &["0.0002usd/day"], strict, &[]).await;
    let texts =
        vec!["\"a text of many words to be embedded with all the others\""; 2_000].join(",");
    let body = format!(r#"{{"model":"text-embedding-3-small","input":[{texts}]}}"#);
    let answer = world.call_as(&carl, "/v1/embeddings", "", &body).await;
    assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
    let tools = r#"{"model":"gpt-5","input":"Hi","max_output_tokens":16,"tools":[{"type":"mcp"}]}"#;
    let answer = world.call_as(&carl, "/v1/responses", "", tools).await;
    assert_eq!((answer.status(), answer.code()), (400, "unbounded_cost".to_owned()));
    assert_eq!(world.provider_calls(), 0);
}

#[tokio::test]
async fn a_model_that_searches_for_every_answer_is_charged_for_it() {
    let world = World::new(&["100usd/day"]).await;
    let script = "x-simulate: {\"input\":100,\"output\":10}\r\n";
    world.call(CHAT, script, &chat("gpt-4o-search-preview", "")).await;
    let event = world.only_event().await;
    assert!(event.cost.get() > 20_000_000, "{event:?}");
}

#[tokio::test]
async fn r030_lists_of_what_other_keys_have_stored_are_refused() {
    let world = World::new(&["100usd/day"]).await;
    for path in ["/v1/files", "/v1/chat/completions?limit=100", "/v1/batches"] {
        let answer = world.call(path, "", "").await;
        assert_eq!((answer.status(), answer.code()), (404, "unknown_route".to_owned()), "{path}");
        assert!(answer.text().contains("every key"), "{}", answer.text());
    }
    world.untouched().await;
}

#[tokio::test]
async fn models_without_a_price_and_models_that_a_key_may_not_use_are_refused() {
    let world = World::new(&["100usd/day"]).await;
    let answer = world.call(CHAT, "", &chat("gpt-5-minni", "")).await;
    assert_eq!((answer.status(), answer.code()), (400, "model_not_priced".to_owned()));
    assert!(answer.text().contains("`gpt-5-mini`"), "{}", answer.text());
    let bob = world.user("bob", &[], None, &["gpt-4o*"]).await;
    let answer = world.call_as(&bob, CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (403, "model_not_allowed".to_owned()));
    assert_eq!(world.call_as(&bob, CHAT, "", &chat("gpt-4o-mini", "")).await.status(), 200);
    let models = world.call_as(&bob, "/v1/models", "", "").await.json();
    let ids: Vec<&str> =
        models["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("gpt-4o")), "{ids:?}");
}

#[tokio::test]
async fn a_revoked_key_and_a_suspended_user_stop_within_a_second() {
    let world = World::new(&["100usd/day"]).await;
    assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.status(), 200);
    let stopped = |status| Change { status: Some(status), ..Change::default() };
    world.change("user:alice", stopped(AccountStatus::Suspended)).await;
    let answer = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (403, "account_suspended".to_owned()));
    world.change("user:alice", stopped(AccountStatus::Active)).await;
    let key = farebox::secret::SecretDigest::of(&world.key).key_id().unwrap();
    world.change(&format!("key:{key}"), stopped(AccountStatus::Revoked)).await;
    let begun = std::time::Instant::now();
    while world.call(CHAT, "", &chat("gpt-5", "")).await.status() != 401 {
        assert!(begun.elapsed() < Duration::from_millis(1_500), "still accepted");
    }
    assert_eq!(world.events().await.iter().filter(|e| e.cost.get() == 0).count(), 0);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let world = World::with(&["1usd/day"], Rules { json_bytes: 2_000, ..rules() }).await;
    let large = chat("gpt-5", &format!(r#","user":"{}""#, "x".repeat(3_000)));
    let answer = world.call(CHAT, "", &large).await;
    assert_eq!((answer.status(), answer.code()), (413, "request_too_large".to_owned()));
    let chunked = format!("transfer-encoding: chunked\r\nauthorization: Bearer {}\r\n", world.key);
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{chunked}\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    let mut stream = tokio::net::TcpStream::connect(world.addr).await.unwrap();
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await;
    assert_eq!(Answer::read(stream).await.status(), 413);
    world.untouched().await;
}

#[tokio::test]
async fn a_provider_that_rejects_our_credential_does_not_show_through() {
    let simulated = Simulated::start(Some("the-right-one")).await.unwrap();
    let base_url = simulated.base_url();
    let world =
        World::against(simulated, base_url, "sk-wrong-canary", &["1usd/day"], rules()).await;
    let answer = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (502, "upstream_credential_rejected".to_owned()));
    assert!(!answer.text().contains("canary"));
    assert_eq!(world.only_event().await.cost.get(), 0);
}

#[tokio::test]
async fn a_provider_that_is_not_there_costs_nothing() {
    let simulated = Simulated::start(None).await.unwrap();
    let nowhere = "http://127.0.0.1:1/v1".to_owned();
    let world =
        World::against(simulated, nowhere, "k", &["1usd/day", "9requests/day"], rules()).await;
    let answer = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (502, "upstream_unreachable".to_owned()));
    world.untouched().await;
    let alice = world.account("user:alice").await;
    assert!(alice.standings.iter().all(|s| s.used == 0 && s.held == 0), "{:?}", alice.standings);
}

#[tokio::test]
async fn strict_refuses_what_has_no_finite_ceiling_or_could_cost_more_than_is_left() {
    let world = World::new(&[]).await;
    let carl = world.user("carl", &["0.02usd/day"], Some(Enforcement::Strict), &[]).await;
    let most = chat("gpt-5", r#","max_completion_tokens":900"#);
    assert_eq!(world.call_as(&carl, CHAT, "", &most).await.status(), 200);
    let more = chat("gpt-5", r#","max_completion_tokens":1100"#);
    let answer = world.call_as(&carl, CHAT, "", &more).await;
    assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
}
