//! What the client sees is what the provider sent, and what it cost is in the ledger: each test
//! asserts both.

use crate::world::{CHAT, World, chat};
use farebox::ledger::Ending;
use farebox::usage::Figure;

/// The same call through the proxy and directly gives the same bytes and the same kind of body.
async fn same_bytes(world: &World, path: &str, headers: &str, body: &str) {
    let direct = world.direct(path, headers, body).await;
    let relayed = world.call(path, headers, body).await;
    assert_eq!(relayed.status(), direct.status());
    assert_eq!(relayed.header("content-type"), direct.header("content-type"));
    assert_eq!(relayed.header("content-encoding"), direct.header("content-encoding"));
    assert!(relayed.whole && direct.whole);
    assert_eq!(
        String::from_utf8_lossy(&relayed.body),
        String::from_utf8_lossy(&direct.body),
        "{path} {body}"
    );
}

#[tokio::test]
async fn a_plain_call_is_relayed_metered_priced_and_charged() {
    let world = World::new(&["1usd/day"]).await;
    let script = r#"x-simulate: {"input":2006,"cached":1920,"output":300}"#.to_owned() + "\r\n";
    let answer = world.call(CHAT, &script, &chat("gpt-5", "")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0.0033475"));
    assert_eq!(answer.header("x-farebox-budget-limit-usd").as_deref(), Some("1"));
    let event = world.only_event().await;
    assert_eq!(answer.header("x-farebox-request-id"), Some(event.id.to_string()));
    // 86 × $1.25 + 1920 × $0.125 + 300 × $10, per million.
    assert_eq!(event.cost.get(), 86 * 1_250 + 1_920 * 125 + 300 * 10_000);
    assert_eq!(event.usage.get(Figure::CachedRead), Some(1_920));
    assert_eq!((event.ending, event.estimated, event.status), (Ending::Finished, false, 200));
    let alice = world.account("user:alice").await;
    assert_eq!(alice.total_usd, event.cost);
    assert_eq!(alice.total_tokens, 2_306);
    assert_eq!(world.account("workspace:default").await.total_usd, event.cost);
}

#[tokio::test]
async fn streams_are_byte_for_byte_what_the_provider_sends_a_client_that_asks_alike() {
    let world = World::new(&["100usd/day"]).await;
    for options in [
        "",
        r#","stream_options":null"#,
        r#","stream_options":{}"#,
        r#","stream_options":{"include_usage":false}"#,
        r#","stream_options":{"include_usage":true}"#,
        r#","stream_options":{"include_obfuscation":true,"include_usage":false}"#,
    ] {
        for split in ["", r#""split":7,"#] {
            let script = format!("x-simulate: {{{split}\"output\":40,\"chunks\":9}}\r\n");
            let body = chat("gpt-5-mini", &format!(r#","stream":true{options}"#));
            same_bytes(&world, CHAT, &script, &body).await;
        }
    }
    let events = world.events().await;
    assert_eq!(events.len(), 12);
    assert!(events.iter().all(|e| !e.estimated && e.usage.count(Figure::OutputTotal) == 40));
}

#[tokio::test]
async fn other_operations_pass_unchanged_and_are_charged() {
    let world = World::new(&["100usd/day"]).await;
    let responses = r#"{"model":"gpt-5","input":"Hello","stream":true}"#;
    same_bytes(&world, "/v1/responses", "", responses).await;
    same_bytes(&world, "/v1/responses", "", r#"{"model":"gpt-5","input":"Hello"}"#).await;
    let embeddings = r#"{"model":"text-embedding-3-small","input":"Hello"}"#;
    same_bytes(&world, "/v1/embeddings", "", embeddings).await;
    let completions = r#"{"model":"gpt-3.5-turbo-instruct","prompt":"Hello","stream":true}"#;
    same_bytes(&world, "/v1/completions", "", completions).await;
    same_bytes(&world, "/openai/v1/chat/completions", "", &chat("gpt-5", "")).await;
    let events = world.events().await;
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|e| e.cost.get() > 0 && !e.estimated), "{events:#?}");
}

#[tokio::test]
async fn compressed_answers_pass_unchanged_and_are_metered() {
    let world = World::new(&["100usd/day"]).await;
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let script = format!(
            "accept-encoding: {encoding}\r\nx-simulate: {{\"encoding\":\"{encoding}\",\"output\":77}}\r\n"
        );
        same_bytes(&world, CHAT, &script, &chat("gpt-5", "")).await;
        let asked = r#","stream":true,"stream_options":{"include_usage":true}"#;
        same_bytes(&world, CHAT, &script, &chat("gpt-5", asked)).await;
    }
    let events = world.events().await;
    assert_eq!(events.len(), 8);
    for event in events {
        assert_eq!((event.estimated, event.usage.count(Figure::OutputTotal)), (false, 77));
    }
}

/// A stream is asked for its usage, and the provider for no encoding. One that compresses all the
/// same is not taken apart: the client gets its bytes as they came, with the usage chunk in them.
#[tokio::test]
async fn a_provider_that_compresses_unasked_passes_undamaged_with_its_usage_chunk() {
    let world = World::new(&["100usd/day"]).await;
    let body = chat("gpt-5", r#","stream":true"#);
    let edited = body.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let play = format!(r#""encoding":"{encoding}","encode_anyway":true,"output":77"#);
        let script = format!("x-simulate: {{{play},\"split\":50}}\r\n");
        let direct = world.direct(CHAT, &script, &edited).await;
        let relayed = world.call(CHAT, &script, &body).await;
        assert_eq!(relayed.header("content-encoding").as_deref(), Some(encoding));
        assert!(relayed.whole && relayed.body == direct.body, "{encoding}");
        let script = format!("x-simulate: {{{play},\"cut_after\":3}}\r\n");
        let direct = world.direct(CHAT, &script, &edited).await;
        let cut = world.call(CHAT, &script, &body).await;
        assert!(!cut.whole && !cut.body.is_empty() && cut.body == direct.body, "{encoding}");
    }
    let events = world.events().await;
    let (cut, whole): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.estimated);
    assert_eq!((whole.len(), cut.len()), (4, 4));
    assert!(whole.iter().all(|event| event.usage.count(Figure::OutputTotal) == 77));
}

#[tokio::test]
async fn a_large_answer_goes_by_without_being_held() {
    let world = World::new(&["100usd/day"]).await;
    let script = "x-simulate: {\"pad\":3000000,\"output\":5}\r\n";
    same_bytes(&world, CHAT, script, &chat("gpt-5", "")).await;
    let answer = world.call(CHAT, script, &chat("gpt-5", "")).await;
    assert_eq!(answer.header("x-farebox-cost-usd"), None);
    assert!(world.events().await.iter().all(|e| !e.estimated && e.cost.get() > 0));
}

#[tokio::test]
async fn the_providers_own_errors_pass_unchanged_and_cost_nothing() {
    let world = World::new(&["100usd/day"]).await;
    for status in [400, 404, 429, 500, 503] {
        let script = format!("x-simulate: {{\"status\":{status}}}\r\n");
        same_bytes(&world, CHAT, &script, &chat("gpt-5", "")).await;
        world.enable_all();
        same_bytes(&world, CHAT, &script, &chat("gpt-5", r#","stream":true"#)).await;
        world.enable_all();
    }
    let events = world.events().await;
    assert_eq!(events.len(), 10);
    assert!(events.iter().all(|e| e.cost.get() == 0 && !e.estimated && e.status >= 400));
    world.nothing_held().await;
}

#[tokio::test]
async fn r001_r008_cached_tokens_of_a_stream_are_charged_at_their_own_price() {
    let world = World::new(&["1usd/day"]).await;
    let script = "x-simulate: {\"input\":2006,\"cached\":1920,\"output\":300}\r\n";
    world.call(CHAT, script, &chat("gpt-5", r#","stream":true"#)).await;
    assert_eq!(world.only_event().await.cost.get(), 3_347_500);
}

#[tokio::test]
async fn the_served_tier_decides_the_price() {
    let world = World::new(&["1usd/day"]).await;
    let mut costs = Vec::new();
    for tier in ["default", "flex", "priority"] {
        let script =
            format!("x-simulate: {{\"input\":1000,\"output\":100,\"tier\":\"{tier}\"}}\r\n");
        world.call(CHAT, &script, &chat("gpt-5", r#","service_tier":"auto""#)).await;
        costs.push(world.events().await[0].cost.get());
    }
    assert!(costs[1] < costs[0] && costs[0] < costs[2], "{costs:?}");
}
