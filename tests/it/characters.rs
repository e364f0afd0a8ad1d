//! Limits on characters: what was said in the request and in the answer is counted exactly, and
//! what would go over is refused.

use crate::world::{Answer, CHAT, World, chat};
use farebox::ledger::Enforcement;

/// `Say hello.`
const SAID: i64 = 10;

/// A call whose answer has so many characters, and tokens up to a ceiling.
async fn call(world: &World, pad: i64, ceiling: u64, rest: &str) -> Answer {
    let script = format!("x-simulate: {{\"pad\":{pad},\"chunks\":3}}\r\n");
    let body = chat("gpt-5", &format!(r#","max_completion_tokens":{ceiling}{rest}"#));
    world.call(CHAT, &script, &body).await
}

/// What Alice has used of her one limit; nothing of it is held any more.
async fn used(world: &World) -> i64 {
    world.events().await;
    let standings = world.account("user:alice").await.standings;
    assert_eq!((standings.len(), standings[0].held), (1, 0));
    standings[0].used
}

#[tokio::test]
async fn r023_a_limit_on_characters_is_used_exactly_and_then_refuses() {
    let world = World::new(&["100characters/day"]).await;
    assert_eq!(call(&world, 30, 5, "").await.status(), 200);
    assert_eq!(used(&world).await, SAID + 30);
    assert_eq!(call(&world, 30, 5, r#","stream":true"#).await.status(), 200);
    assert_eq!(used(&world).await, 2 * (SAID + 30));
    assert_eq!(call(&world, 10, 2, "").await.status(), 200);
    assert_eq!(used(&world).await, 100);

    let refused = call(&world, 1, 1, "").await;
    assert_eq!((refused.status(), refused.code()), (429, "rate_limit_exceeded".to_owned()));
    let body = refused.json();
    assert_eq!(body["error"]["type"], "characters");
    assert_eq!(body["farebox"]["account"], "user:alice");
    assert_eq!(body["farebox"]["limit"], "100 characters/day");
    assert_eq!((&body["farebox"]["used"], &body["farebox"]["wanted"]), (&100.into(), &14.into()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(world.provider_calls(), 3);
    assert_eq!(used(&world).await, 100);
    world.nothing_held().await;
}

#[tokio::test]
async fn r023_a_call_that_goes_over_is_charged_in_full() {
    let world = World::new(&["100characters/day"]).await;
    assert_eq!(call(&world, 500, 5, "").await.status(), 200);
    assert_eq!(used(&world).await, SAID + 500);
    assert_eq!(call(&world, 1, 1, "").await.status(), 429);
}

#[tokio::test]
async fn r023_characters_are_unicode_however_they_are_written_and_compressed() {
    let world = World::new(&["1000characters/day"]).await;
    for (i, content) in [r"Grüße 🙂", r"Gr\u00fc\u00DFe \ud83d\ude42"].into_iter().enumerate() {
        let script = "accept-encoding: gzip\r\n\
                      x-simulate: {\"pad\":20,\"encoding\":\"gzip\",\"split\":7}\r\n";
        let body = format!(
            r#"{{"model":"gpt-5","max_completion_tokens":9,"messages":[{{"role":"user","content":[
            {{"type":"text","text":"{content}"}},
            {{"type":"image_url","image_url":{{"url":"data:image/png;base64,AAAA"}}}}]}}]}}"#
        );
        assert_eq!(world.call(CHAT, script, &body).await.status(), 200);
        assert_eq!(used(&world).await, (i64::try_from(i).unwrap() + 1) * (7 + 20));
    }
}

#[tokio::test]
async fn r023_calls_that_the_provider_failed_count_nothing_and_cut_ones_what_went_by() {
    let world = World::new(&["1000characters/day"]).await;
    for failing in [r#"{"status":500}"#, r#"{"status":400}"#] {
        let script = format!("x-simulate: {failing}\r\n");
        let body = chat("gpt-5", r#","max_completion_tokens":5"#);
        assert!(world.call(CHAT, &script, &body).await.status() >= 400);
    }
    assert_eq!(used(&world).await, 0);
    // A first event without text, then a third of the text, then the break.
    let script = "x-simulate: {\"pad\":30,\"chunks\":3,\"cut_after\":2}\r\n";
    let body = chat("gpt-5", r#","stream":true,"max_completion_tokens":5"#);
    world.call(CHAT, script, &body).await;
    assert_eq!(used(&world).await, SAID + 10);
}

#[tokio::test]
async fn r023_strict_holds_four_characters_for_every_token_of_the_ceiling() {
    let world = World::new(&[]).await;
    let strict = Some(Enforcement::Strict);
    let carl = world.user("carl", &["100characters/day"], strict, &[]).await;
    for (ceiling, status) in [(23, 429), (22, 200)] {
        let body = chat("gpt-5", &format!(r#","max_completion_tokens":{ceiling}"#));
        let answer = world.call_as(&carl, CHAT, "x-simulate: {\"pad\":1}\r\n", &body).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    world.events().await;
    assert_eq!(world.account("user:carl").await.standings[0].used, SAID + 1);
}
