//! Streams that cost more than was expected: they hold more while they run; where there is no more,
//! they run on as a debt or are stopped with an error event that their clients can read.

use crate::hangups_calls::providers;
use crate::world::{Answer, CHAT, PROVIDER_KEY, World, chat, rules};
use farebox::demo::provider::Simulated;
use farebox::framing::eventstream::{EventStream, Messages};
use farebox::ledger::{Ending, Enforcement};
use farebox::proxy::{OnExhausted, Rules};
use farebox::usage::Figure;
use serde_json::Value;
use tokio::io::AsyncReadExt;

/// 20,000 tokens of answer in 200 pieces of four bytes to a token; a piece has 100 tokens.
const LONG: &str = r#""output":20000,"chunks":200,"pad":80000,"delay_ms":1"#;

/// What a thousand tokens of `gpt-4o` output cost, and what is expected of an answer.
const EXPECTED: i64 = 10_000_000;
const TOKEN: i64 = EXPECTED / 1_000;

fn stop() -> Rules {
    Rules { on_exhausted: OnExhausted::Stop, ..rules() }
}

fn script(text: &str) -> String {
    format!("x-simulate: {{{text}}}\r\n")
}

fn stream(model: &str) -> String {
    chat(model, r#","stream":true"#)
}

/// The data of the last event of a stream.
fn last_event(answer: &Answer) -> Value {
    let data: Vec<_> = answer.text().lines().filter_map(|l| l.strip_prefix("data: ")).collect();
    for data in &data[..data.len() - 1] {
        assert!(serde_json::from_str::<Value>(data).is_ok(), "{data}");
    }
    serde_json::from_str(data.last().unwrap()).unwrap()
}

#[tokio::test]
async fn a_stream_beyond_its_budget_ends_within_one_slice_in_stop_mode() {
    let world = World::with(&["0.012 usd/day"], stop()).await;
    let answer = world.call(CHAT, &script(LONG), &stream("gpt-4o")).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.whole, "a clean end, so that SDKs read the event before it");
    let error = &last_event(&answer)["error"];
    assert_eq!(error["code"], "insufficient_quota", "{}", answer.text());
    assert_eq!(error["type"], "insufficient_quota");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("This answer was stopped in the middle: the limit"), "{message}");
    assert!(message.contains("0.012 usd/day for user:alice"), "{message}");
    assert!(!answer.text().contains("[DONE]"));
    let event = world.only_event().await;
    assert_eq!((event.ending, event.estimated, event.status), (Ending::Cut, true, 200));
    // No room for the first slice: what was expected and the piece that went beyond it.
    let output = event.usage.count(Figure::OutputTotal);
    assert!((1_000..=1_000 + 256).contains(&output), "{event:?}");
    assert!(event.cost.get() <= 12_000_000, "{event:?}");
    let billed = world.simulated.bill().entries()[0].clone();
    assert!(billed.tokens.output < 4_000, "the provider's side was closed: {billed:?}");
}

#[tokio::test]
async fn slices_are_held_while_there_is_room_and_the_next_one_stops_the_stream() {
    let world = World::with(&["0.05 usd/day"], stop()).await;
    let answer = world.call(CHAT, &script(LONG), &stream("gpt-4o")).await;
    assert_eq!(last_event(&answer)["error"]["code"], "insufficient_quota");
    let event = world.only_event().await;
    let slice = 256 * TOKEN;
    let limit = 50_000_000;
    assert!(event.cost.get() <= limit && event.cost.get() > limit - 2 * slice, "{event:?}");
    assert_eq!(world.account("user:alice").await.total_usd, event.cost);
}

#[tokio::test]
async fn what_a_stream_holds_grows_with_its_answer() {
    let world = World::new(&["1 usd/day", "1000000 tokens/day"]).await;
    let stalled = format!(r#"{LONG},"stall_after":100"#);
    let mut client = world.begin(CHAT, &script(&stalled), &stream("gpt-4o")).await;
    let mut seen = vec![0; 1 << 16];
    let held = loop {
        let read = client.read(&mut seen).await.unwrap();
        assert!(read > 0);
        let alice = world.account("user:alice").await;
        if alice.held_usd.get() > 9_000 * TOKEN {
            break alice;
        }
    };
    let tokens = held.standings.iter().find(|s| s.limit.name() == "tokens/day").unwrap();
    assert!(tokens.held > 9_000, "{held:?}");
    assert_eq!(world.account("workspace:default").await.held_usd, held.held_usd);
    assert!(held.held_usd.get() < 11_000 * TOKEN, "no more than a slice ahead: {held:?}");
    drop(client);
    world.only_event().await;
}

#[tokio::test]
async fn finish_lets_the_stream_run_to_its_end_and_the_next_call_is_refused() {
    let world = World::new(&["0.012 usd/day"]).await;
    let answer = world.call(CHAT, &script(LONG), &stream("gpt-4o")).await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    let event = world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Finished, false));
    assert!(event.cost.get() >= 20_000 * TOKEN);
    assert_eq!(world.call(CHAT, "", &stream("gpt-4o")).await.status(), 429);
}

#[tokio::test]
async fn accounts_that_hold_nothing_or_the_ceiling_are_never_stopped() {
    let world = World::with(&[], stop()).await;
    for mode in [Enforcement::Postpaid, Enforcement::Observe] {
        let name = mode.as_str();
        let key = world.user(name, &["0.012 usd/day"], Some(mode), &[]).await;
        let answer = world.call_as(&key, CHAT, &script(LONG), &stream("gpt-4o")).await;
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{name}");
    }
    let key = world.user("strict", &["1 usd/day"], Some(Enforcement::Strict), &[]).await;
    let body = chat("gpt-4o", r#","stream":true,"max_completion_tokens":5000"#);
    let most = script(r#""output":5000,"chunks":50,"pad":20000"#);
    let answer = world.call_as(&key, CHAT, &most, &body).await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    world.events().await;
    world.nothing_held().await;
}

#[tokio::test]
async fn a_stream_whose_frames_end_anywhere_is_stopped_between_two_events() {
    let world = World::with(&["0.012 usd/day"], stop()).await;
    let split = format!(r#"{LONG},"split":90,"delay_ms":0"#).replace(r#","delay_ms":1"#, "");
    let body = chat("gpt-4o", r#","stream":true,"stream_options":{"include_usage":true}"#);
    let answer = world.call(CHAT, &script(&split), &body).await;
    assert!(answer.whole);
    assert_eq!(last_event(&answer)["error"]["code"], "insufficient_quota");
    world.only_event().await;
}

#[tokio::test]
async fn a_compressed_stream_breaks_off_where_it_is_stopped() {
    let world = World::with(&["0.012 usd/day"], stop()).await;
    let zipped = format!(r#"{LONG},"encoding":"gzip","encode_anyway":true"#);
    let body = chat("gpt-4o", r#","stream":true,"stream_options":{"include_usage":true}"#);
    let answer =
        world.call(CHAT, &format!("{}accept-encoding: gzip\r\n", script(&zipped)), &body).await;
    assert!(!answer.whole);
    assert_eq!(world.only_event().await.ending, Ending::Cut);
}

const CENTS: &str = "0.05 usd/day";
const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Say hello."}]}]}"#;
const BEDROCK: &str = r#"{"messages":[{"role":"user","content":[{"text":"Say hello."}]}]}"#;

/// Stops one stream of each dialect; gives what its client got.
async fn stopped(path: &str, body: &str, limit: &str) -> Answer {
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let providers = providers(simulated.addr());
    let world = World::served_by_all(simulated, providers, &[limit], stop()).await;
    let answer = world.call(path, &script(LONG), body).await;
    assert_eq!((answer.status(), answer.whole), (200, true), "{path}");
    let event = world.only_event().await;
    assert_eq!(event.ending, Ending::Cut, "{path}");
    assert!(event.cost.get() > 0 && event.cost.get() < 80_000_000, "{event:?}");
    answer
}

#[tokio::test]
async fn every_dialect_is_told_in_its_own_form() {
    let responses = stopped(
        "/openai-runs/v1/responses",
        r#"{"model":"gpt-4o","stream":true,"input":"Say hello."}"#,
        CENTS,
    );
    let responses = last_event(&responses.await);
    assert_eq!(responses["type"], "error");
    assert_eq!(responses["code"], "insufficient_quota");
    assert_eq!(responses["error"]["code"], "insufficient_quota");
    let messages = stopped(
        "/anthropic-runs/v1/messages",
        r#"{"model":"claude-sonnet-4-5","max_tokens":9000,"stream":true,"messages":[{"role":"user","content":"Say hello."}]}"#,
        CENTS,
    );
    let messages = messages.await;
    assert!(messages.text().contains("\n\nevent: error\ndata: {"), "{}", messages.text());
    assert_eq!(last_event(&messages)["error"]["type"], "rate_limit_error");
    let gemini = "/gemini-runs/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    let gemini = last_event(&stopped(gemini, GEMINI, CENTS).await);
    assert_eq!(gemini["error"]["status"], "RESOURCE_EXHAUSTED");
    let cohere = stopped(
        "/cohere-runs/v2/chat",
        r#"{"model":"command-a-03-2025","stream":true,"messages":[{"role":"user","content":"Say hello."}]}"#,
        CENTS,
    );
    let cohere = last_event(&cohere.await);
    assert!(cohere["message"].as_str().unwrap().contains("0.05 usd/day"), "{cohere}");
}

#[tokio::test]
async fn lines_and_binary_messages_are_told_too() {
    let body =
        r#"{"model":"llama-3.3-70b-versatile","messages":[{"role":"user","content":"Hi."}]}"#;
    let lines = stopped("/ollama-runs/api/chat", body, "0.003 usd/day").await;
    let last: Value = serde_json::from_str(lines.text().lines().last().unwrap()).unwrap();
    assert!(last["error"].as_str().unwrap().contains("0.003 usd/day"), "{last}");
    let path = "/bedrock-runs/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream";
    let answer = stopped(path, BEDROCK, CENTS).await;
    let mut seen = Seen::default();
    EventStream::new().push(&answer.body, &mut seen);
    assert!(seen.intact > 2 && seen.broken == 0, "{seen:?}");
    assert_eq!(seen.exception, "throttlingException");
    let message: Value = serde_json::from_str(&seen.payload).unwrap();
    assert!(message["message"].as_str().unwrap().contains("0.05 usd/day"), "{message}");
}

#[derive(Debug, Default)]
struct Seen {
    exception: String,
    payload: String,
    intact: u32,
    broken: u32,
    fresh: bool,
}

impl Messages for Seen {
    fn header(&mut self, name: &[u8], value: &[u8]) {
        if name == b":exception-type" {
            self.exception = String::from_utf8(value.to_vec()).unwrap();
        }
    }

    fn payload(&mut self, bytes: &[u8], _at: u64) {
        if std::mem::take(&mut self.fresh) || self.intact == 0 {
            self.payload.clear();
        }
        self.payload.push_str(std::str::from_utf8(bytes).unwrap());
    }

    fn end(&mut self, intact: bool) {
        self.fresh = true;
        if intact { self.intact += 1 } else { self.broken += 1 }
    }
}

#[tokio::test]
async fn what_answers_really_use_is_held_for_the_next_ones() {
    let world = World::new(&["1 usd/day"]).await;
    let wordy = world.user("wordy", &["1 usd/day"], None, &[]).await;
    let say = |tokens: u64| script(&format!(r#""output":{tokens},"input":10"#));
    for n in 0..40 {
        let stream = if n % 2 == 0 { r#","stream":true"# } else { "" };
        world.call(CHAT, &say(100), &chat("gpt-4o", stream)).await;
        world.call_as(&wordy, CHAT, &say(3_000), &chat("gpt-4o", stream)).await;
    }
    let events = world.events().await;
    let held = |user: &str, n: usize| {
        let mut of = events.iter().filter(|event| event.payers.user.as_str() == user);
        of.nth(n).unwrap().held.get()
    };
    assert!(held("alice", 39) >= 1_000 * TOKEN, "nothing was known");
    assert!((100 * TOKEN..115 * TOKEN).contains(&held("alice", 0)), "{}", held("alice", 0));
    assert!((3_000 * TOKEN..3_400 * TOKEN).contains(&held("wordy", 0)), "{}", held("wordy", 0));
    // The request's own ceiling counts all the same.
    let body = chat("gpt-4o", r#","max_completion_tokens":7"#);
    world.call_as(&wordy, CHAT, &say(7), &body).await;
    let event = &world.events().await[0];
    assert!(event.held.get() < 12 * TOKEN, "{event:?}");
    world.nothing_held().await;
}
