//! Providers that break off, clients that hang up, usage that is missing or makes no sense: each
//! call ends exactly once, nothing stays held, and nothing that was served is free.

use crate::world::{Answer, CHAT, World, chat, rules};
use farebox::ledger::Ending;
use farebox::proxy::{Disconnect, Rules, UpstreamBounds};
use farebox::usage::Figure;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Reads until `text` went by.
async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "ended before `{text}`: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
}

#[tokio::test]
async fn a_provider_that_breaks_off_a_stream_is_charged_by_what_it_said() {
    for script in [r#"{"cut_after":4}"#, r#"{"reset_after":4}"#] {
        let world = World::new(&["1usd/day"]).await;
        let script = format!("x-simulate: {script}\r\n");
        let answer = world.call(CHAT, &script, &chat("gpt-5", r#","stream":true"#)).await;
        assert!(answer.text().contains("upstream_closed"), "{}", answer.text());
        let event = world.only_event().await;
        assert_eq!((event.ending, event.estimated), (Ending::Cut, true));
        assert!(event.cost.get() > 0);
    }
}

#[tokio::test]
async fn a_provider_that_breaks_off_a_json_answer_is_a_bad_gateway() {
    let world = World::new(&["1usd/day"]).await;
    let script = "x-simulate: {\"cut_after\":2,\"chunks\":5}\r\n";
    let answer = world.call(CHAT, script, &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (502, "upstream_unreachable".to_owned()));
    let event = world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Cut, true));
}

#[tokio::test]
async fn a_provider_that_does_not_begin_is_given_up() {
    let upstream =
        UpstreamBounds { first_byte: Duration::from_millis(200), ..UpstreamBounds::default() };
    let world = World::with(&["1usd/day"], Rules { upstream, ..rules() }).await;
    let script = "x-simulate: {\"first_delay_ms\":60000}\r\n";
    let answer = world.call(CHAT, script, &chat("gpt-5", "")).await;
    assert_eq!((answer.status(), answer.code()), (504, "upstream_timeout".to_owned()));
    let event = world.only_event().await;
    assert!(event.estimated && event.cost.get() > 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_is_charged_for_what_it_caused() {
    let world = World::new(&["1usd/day"]).await;
    let script = "x-simulate: {\"chunks\":50,\"stall_after\":20}\r\n";
    let mut stream = world.begin(CHAT, script, &chat("gpt-5", r#","stream":true"#)).await;
    read_until(&mut stream, "chat.completion.chunk").await;
    drop(stream);
    let event = world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Left, true));
    assert!(event.usage.count(Figure::InputTotal) > 0);
    assert_eq!(world.account("user:alice").await.total_usd, event.cost);
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_answer_begins_is_charged_its_input() {
    let world = World::new(&["1usd/day"]).await;
    let script = "x-simulate: {\"first_delay_ms\":60000}\r\n";
    let stream = world.begin(CHAT, script, &chat("gpt-4o", r#","stream":true"#)).await;
    while world.provider_calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    let event = world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Left, true));
    assert!(event.usage.count(Figure::OutputTotal) >= 1_000, "{event:?}");
}

#[tokio::test]
async fn with_drain_a_left_stream_is_read_to_its_usage_and_charged_exactly() {
    let drain = Rules { on_disconnect: Disconnect::Drain, ..rules() };
    let world = World::with(&["1usd/day"], drain).await;
    let script = "x-simulate: {\"output\":123,\"chunks\":20,\"delay_ms\":10}\r\n";
    let mut stream = world.begin(CHAT, script, &chat("gpt-5", r#","stream":true"#)).await;
    read_until(&mut stream, "chat.completion.chunk").await;
    drop(stream);
    let event = world.only_event().await;
    assert_eq!((event.ending, event.estimated), (Ending::Finished, false));
    assert_eq!(event.usage.count(Figure::OutputTotal), 123);
}

#[tokio::test]
async fn a_left_plain_call_is_carried_on_and_charged_exactly() {
    let world = World::new(&["1usd/day"]).await;
    for (path, script, body) in [
        (CHAT, r#"{"first_delay_ms":300,"output":321}"#, chat("gpt-5", "")),
        (CHAT, r#"{"delay_ms":20,"chunks":20,"output":321}"#, chat("gpt-5", "")),
    ] {
        let before = world.provider_calls();
        let script = format!("x-simulate: {script}\r\n");
        let stream = world.begin(path, &script, &body).await;
        while world.provider_calls() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(stream);
    }
    let events = world.events().await;
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!((event.ending, event.estimated), (Ending::Finished, false));
        assert_eq!(event.usage.count(Figure::OutputTotal), 321);
    }
}

#[tokio::test]
async fn output_that_nobody_saw_is_not_free_when_the_client_hangs_up() {
    let world = World::new(&["1usd/day"]).await;
    let script =
        "x-simulate: {\"chunks\":50,\"stall_after\":20,\"output\":20000,\"reasoning\":19900}\r\n";
    let mut stream = world.begin(CHAT, script, &chat("gpt-5", r#","stream":true"#)).await;
    read_until(&mut stream, "chat.completion.chunk").await;
    drop(stream);
    let event = world.only_event().await;
    assert!(event.estimated && event.usage.count(Figure::OutputTotal) >= 1_000, "{event:?}");
}

#[tokio::test]
async fn a_provider_that_falls_silent_is_given_up() {
    let silence = Rules { answer_pause: Duration::from_millis(300), ..rules() };
    let world = World::with(&["1usd/day"], silence).await;
    let script = "x-simulate: {\"stall_after\":3,\"chunks\":9}\r\n";
    let stream = world.call(CHAT, script, &chat("gpt-5", r#","stream":true"#)).await;
    assert!(stream.text().contains("upstream_closed"), "{}", stream.text());
    let plain = world.call(CHAT, script, &chat("gpt-5", "")).await;
    assert_eq!((plain.status(), plain.code()), (502, "upstream_unreachable".to_owned()));
    let events = world.events().await;
    assert!(events.iter().all(|e| e.ending == Ending::Cut && e.estimated), "{events:#?}");
    world.nothing_held().await;
}

#[tokio::test]
async fn r009_an_answer_without_usage_is_estimated_and_an_explicit_zero_is_zero() {
    let world = World::new(&["1usd/day"]).await;
    world.call(CHAT, "x-simulate: {\"no_usage\":true,\"pad\":400}\r\n", &chat("gpt-5", "")).await;
    let event = world.only_event().await;
    assert!(event.estimated && event.usage.count(Figure::OutputTotal) >= 100, "{event:?}");
    let zero = r#"{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#;
    world.call(CHAT, &format!("x-simulate: {zero}\r\n"), &chat("gpt-5", "")).await;
    let event = &world.events().await[0];
    assert_eq!((event.estimated, event.cost.get()), (false, 0));
}

#[tokio::test]
async fn r002_r021_usage_that_makes_no_sense_is_estimated_and_never_negative() {
    for usage in [
        r#"{"prompt_tokens":-5,"completion_tokens":2,"total_tokens":-3}"#,
        r#"{"prompt_tokens":"12","completion_tokens":2,"total_tokens":14}"#,
        r#"{"prompt_tokens":1.5,"completion_tokens":2,"total_tokens":3}"#,
        r#"{"prompt_tokens":99999999999999999999,"completion_tokens":2,"total_tokens":1}"#,
        r#"{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":11}}"#,
        r#"[]"#,
    ] {
        let world = World::new(&["1usd/day"]).await;
        for stream in ["", r#","stream":true"#] {
            let script = format!("x-simulate: {{\"usage\":{usage}}}\r\n");
            assert_eq!(world.call(CHAT, &script, &chat("gpt-5", stream)).await.status(), 200);
        }
        for event in world.events().await {
            assert!(event.estimated && event.cost.get() > 0, "{usage}: {event:?}");
        }
        world.nothing_held().await;
    }
}

#[tokio::test]
async fn the_stop_lets_streams_finish_and_refuses_new_calls() {
    let world = World::new(&["1usd/day"]).await;
    let script = "x-simulate: {\"chunks\":20,\"delay_ms\":20,\"output\":60}\r\n";
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(world.begin(CHAT, script, &chat("gpt-5", r#","stream":true"#)).await);
    }
    while world.provider_calls() < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let reading: Vec<_> = streams.into_iter().map(|s| tokio::spawn(Answer::read(s))).collect();
    assert!(world.stop().await);
    for answer in reading {
        let answer = answer.await.unwrap();
        assert!(answer.whole && answer.text().ends_with("data: [DONE]\n\n"));
    }
    let events = world.events().await;
    assert_eq!(events.len(), 20);
    assert!(events.iter().all(|e| !e.estimated && e.ending == Ending::Finished));
    assert_eq!(world.fault(), None);
}

#[tokio::test]
async fn a_thousand_first_calls_of_a_user_with_money_for_ten_admit_ten() {
    let world = World::new(&[]).await;
    let strict = Some(farebox::ledger::Enforcement::Strict);
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    // The ceiling of this call, read off a refusal.
    let probe = world.user("probe", &["0usd/day"], strict, &[]).await;
    let denied = world.call_as(&probe, CHAT, "", &body).await.json();
    let ceiling: f64 = denied["farebox"]["wanted"].as_str().unwrap().parse().unwrap();
    let limit = format!("{:.9}usd/day", ceiling * 10.5);
    let dora = world.user("dora", &[limit.as_str()], strict, &[]).await;
    let script = "x-simulate: {\"first_delay_ms\":3000,\"output\":100}\r\n";
    let calls = (0..1_000).map(|_| world.call_as(&dora, CHAT, script, &body));
    let answers = futures_of(calls).await;
    let admitted = answers.iter().filter(|a| a.status() == 200).count();
    let refused = answers.iter().filter(|a| a.status() == 429).count();
    assert_eq!((admitted, refused), (10, 990));
    let dora = world.account("user:dora").await;
    assert!(dora.total_usd.get() <= dora.standings[0].limit.amount);
    assert_eq!(world.events().await.len(), 10);
    world.nothing_held().await;
}

/// Polls all futures at once on this task.
async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut open: Vec<_> = futures.map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (future, done) in &mut open {
            if done.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    open.into_iter().filter_map(|(_, done)| done).collect()
}
