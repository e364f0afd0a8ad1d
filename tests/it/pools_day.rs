//! The pool of five keys of which each may use so many characters a day, in `strict`, from morning
//! until nothing fits any more, and the next morning.

use crate::pool_rig::{Pool, order};
use crate::world::{Answer, CHAT, chat};
use farebox::ledger::{Change, Enforcement};
use farebox::provider::Choose;

const QUOTAS: [(&str, i64); 5] = [
    ("groq_1", 14_400),
    ("groq_2", 14_400),
    ("groq_3", 14_400),
    ("huggingface_1", 30_000),
    ("huggingface_2", 30_000),
];

/// A call whose answer has so many characters at most, and as many as that.
async fn call(pool: &Pool, tokens: usize) -> Answer {
    let script = format!("x-simulate: {{\"pad\":{},\"output\":{tokens}}}\r\n", tokens * 4);
    let body = chat("gpt-4o-mini", &format!(r#","max_tokens":{tokens}"#));
    pool.world.call(CHAT, &script, &body).await
}

async fn characters(pool: &Pool, name: &str) -> i64 {
    let account = pool.account(name).await;
    account.standings.iter().map(|standing| standing.used).sum()
}

#[tokio::test]
async fn r063_r064_r072_five_keys_serve_their_day_and_not_a_character_more() {
    let names = QUOTAS.map(|(name, _)| name);
    let pool = Pool::of(&names, order(Choose::Priority)).await;
    for (name, most) in QUOTAS {
        pool.limit(name, &[&format!("{most} characters/day")]).await;
        let strict = Change { enforcement: Some(Some(Enforcement::Strict)), ..Change::default() };
        pool.world.change(&format!("credential:{name}"), strict).await;
    }
    let mut last = String::new();
    // Large calls as long as any fits, then small ones.
    for tokens in [400, 2] {
        let refused = loop {
            let answer = call(&pool, tokens).await;
            match answer.status() {
                200 => last = pool.world.events().await.remove(0).facts.credential,
                _ => break answer,
            }
        };
        assert_eq!((refused.status(), refused.code().as_str()), (503, "provider_quota_exhausted"));
        assert_eq!(refused.header("retry-after").as_deref(), Some("43200"), "at midnight");
    }
    assert_eq!(last, "huggingface_2", "the last of the order is used last");
    let mut served = 0;
    for (name, most) in QUOTAS {
        let used = characters(&pool, name).await;
        assert!(used <= most && most - used < 20, "{name}: {used} of {most}");
        served += used;
    }
    println!("{served} of 103200 characters were served");
    assert_eq!(pool.world.simulated.bill().refused(), 0, "nothing was sent in vain");
    pool.balanced().await;
    pool.clock.advance(43_200_000);
    assert_eq!(call(&pool, 400).await.status(), 200);
    assert_eq!(pool.world.events().await[0].facts.credential, "groq_1");
    assert_eq!(pool.states(), ["available"; 5]);
}
