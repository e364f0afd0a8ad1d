//! What is reported again and again is charged once, to whoever began it, and the ledger agrees.

use crate::world::{Answer, World};
use farebox::ledger::{Ending, UsageEvent};
use farebox::pricing::{PriceTable, Terms};
use farebox::usage::{Figure, Usage};

const BACKGROUND: &str = r#"{"model":"gpt-5","input":"hi","background":true}"#;

fn script(play: &str) -> String {
    format!("x-simulate: {play}\r\n")
}

fn cost(usage: &Usage, event: &UsageEvent, tier: Option<&str>) -> i64 {
    let table = PriceTable::builtin().unwrap();
    let terms = Terms { service_tier: tier, at: event.facts.started, ..Terms::default() };
    let model = table.find(Some("openai"), &event.facts.model).unwrap();
    model.cost(usage, &terms).get()
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage::default().with(Figure::InputTotal, input).with(Figure::OutputTotal, output)
}

/// What Alice was charged so far; nothing is held and the ledger is consistent.
async fn charged(world: &World) -> i64 {
    let sum = world.events().await.iter().map(|event| event.cost.get()).sum();
    world.nothing_held().await;
    assert_eq!(world.account("user:alice").await.total_usd.get(), sum);
    sum
}

async fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_background_response_is_charged_provisionally_and_then_exactly_once() {
    let world = World::new(&["1usd/day"]).await;
    let play = script(r#"{"input":900,"output":4000,"reasoning":3000,"polls":1}"#);
    let queued = world.call("/v1/responses", &play, BACKGROUND).await;
    let path = format!("/v1/responses/{}", id_of(&queued).await);
    let first = world.only_event().await;
    assert!(first.estimated && first.cost.get() > 0, "{first:?}");
    assert_eq!((first.ending, first.status), (Ending::Finished, 200));
    // It is not done: what was charged stands.
    assert_eq!(world.call(&path, "", "").await.json()["status"], "in_progress");
    assert_eq!(charged(&world).await, first.cost.get());
    for _ in 0..3 {
        assert_eq!(world.call(&path, "", "").await.json()["status"], "completed");
        let usage = tokens(900, 4_000).with(Figure::Reasoning, 3_000);
        let exact = cost(&usage, &first, None);
        assert_eq!(charged(&world).await, exact);
    }
    let events = world.events().await;
    let began = events.iter().find(|event| event.id == first.id).unwrap();
    assert!(!began.estimated && began.usage.count(Figure::OutputTotal) == 4000, "{began:?}");
    let polls: Vec<_> = events.iter().filter(|event| event.id != first.id).collect();
    assert!(polls.len() == 4 && polls.iter().all(|poll| poll.cost.get() == 0), "{polls:#?}");
}

#[tokio::test]
async fn a_batch_is_charged_when_it_is_done_and_not_again() {
    let world = World::new(&["1usd/day"]).await;
    let play = script(r#"{"input":5000,"output":700,"polls":1,"model":"gpt-5"}"#);
    let body = r#"{"input_file_id":"f","endpoint":"/v1/chat/completions"}"#;
    let begun = world.call("/v1/batches", &play, body).await;
    let path = format!("/v1/batches/{}", id_of(&begun).await);
    assert_eq!(world.call(&path, "", "").await.json()["status"], "in_progress");
    assert_eq!(charged(&world).await, 0);
    for _ in 0..3 {
        let done = world.call(&path, "", "").await.json();
        assert_eq!(done["status"], "completed");
        let events = world.events().await;
        let event = events.iter().find(|event| event.cost.get() > 0).unwrap();
        assert_eq!(event.facts.dialect, "openai.batches");
        assert_eq!(event.usage.total_tokens(), 5_700);
        let half = cost(&event.usage, event, Some("batch"));
        assert!(half < cost(&event.usage, event, None));
        assert_eq!(charged(&world).await, half);
    }
}

#[tokio::test]
async fn what_another_workspace_began_is_not_there() {
    let world = World::new(&["1usd/day"]).await;
    world.workspace("rivals").await;
    let spy = world.user_of("spy", "rivals", &["1usd/day"], None, &[]).await;
    let queued = world.call("/v1/responses", &script(r#"{"output":50}"#), BACKGROUND).await;
    let path = format!("/v1/responses/{}", id_of(&queued).await);
    let before = charged(&world).await;
    for (path, body) in
        [(path.clone(), ""), (format!("{path}/input_items"), ""), (format!("{path}/cancel"), "{}")]
    {
        let answer = world.call_as(&spy, &path, "", body).await;
        assert_eq!((answer.status(), answer.code()), (404, "not_found".to_owned()), "{path}");
    }
    assert!(world.events().await.iter().all(|event| event.payers.user.as_str() == "alice"));
    assert_eq!(world.call(&path, "", "").await.status(), 200);
    assert_ne!(charged(&world).await, before);
    assert_eq!(world.account("user:spy").await.total_usd.get(), 0);
}
