//! The simulated provider over raw sockets: what it sends, how it breaks off, and that its bill
//! says what was sent.

use crate::simulated_wire::{Answer, LIMIT, call, open, parse, script};
use farebox::demo::provider::{Simulated, Tokens};
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const CHAT: &str = "/v1/chat/completions";
const STREAM: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}"#;
const UNASKED: &str =
    r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
const PLAIN: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn a_chat_answer_has_the_form_of_the_real_one() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":2006,"cached":1920,"output":300,"chunks":1,"pad":5}"#);
    let answer = call(&simulated, CHAT, &play, PLAIN).await;
    assert_eq!((answer.status(), answer.whole), (200, true));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let expected = r#"{"id":"ID","object":"chat.completion","created":1794000000,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"tick ","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_9c1d2e"}"#;
    assert_eq!(answer.text().replace(&id, "ID"), expected);
}

#[tokio::test]
async fn a_chat_stream_carries_usage_only_where_it_was_asked_for() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":19,"output":10,"chunks":2}"#);
    let asked = call(&simulated, CHAT, &play, STREAM).await;
    let unasked = call(&simulated, CHAT, &play, UNASKED).await;
    assert!(asked.head.contains("content-type: text/event-stream; charset=utf-8"));
    let events = asked.events();
    assert_eq!(events.len(), 6);
    let first: Value = serde_json::from_str(events[0].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
    assert!(events[..4].iter().all(|event| event.contains(r#"],"usage":null,"service_tier""#)));
    assert!(events[4].contains(r#""choices":[],"usage":{"prompt_tokens":19,"#));
    assert_eq!(events[5], "data: [DONE]");
    let stripped: String = events
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != 4)
        .map(|(_, event)| event.replacen(r#"],"usage":null"#, "]", 1) + "\n\n")
        .collect();
    assert_eq!(stripped, unasked.text());
}

#[tokio::test]
async fn a_responses_stream_has_the_real_sequence_of_events() {
    let simulated = Simulated::start(None).await.unwrap();
    let body = r#"{"model":"gpt-5","input":"hi","stream":true,"max_output_tokens":16}"#;
    let play = script(r#"{"chunks":2}"#);
    let answer = call(&simulated, "/v1/responses", &play, body).await;
    let names: Vec<_> =
        answer.events().iter().map(|event| event.lines().next().unwrap().to_owned()).collect();
    let delta = "output_text.delta";
    let expected =
        ["created", "in_progress", "output_item.added", "content_part.added", delta, delta];
    let end = ["output_text.done", "content_part.done", "output_item.done"];
    let last = if answer.text().contains("event: response.incomplete") {
        "incomplete"
    } else {
        "completed"
    };
    let expected: Vec<_> = expected
        .iter()
        .chain(&end)
        .chain([&last])
        .map(|name| format!("event: response.{name}"))
        .collect();
    assert_eq!(names, expected);
    for (i, event) in answer.events().iter().enumerate() {
        let data: Value = serde_json::from_str(event.split_once("\ndata: ").unwrap().1).unwrap();
        assert_eq!(data["sequence_number"], i);
    }
}

#[tokio::test]
async fn the_bill_says_what_the_usage_blocks_said() {
    let simulated = Simulated::start(Some("sk-up")).await.unwrap();
    let key = "authorization: Bearer sk-up\r\n";
    let mut said = Vec::new();
    for i in 0..40 {
        let prompt = "words ".repeat(i * 60);
        let stream = i % 2 == 1;
        for (path, body) in [
            (
                CHAT,
                format!(
                    r#"{{"model":"gpt-5","messages":[{{"role":"user","content":"{prompt}"}}],"stream":{stream},"stream_options":{{"include_usage":true}}}}"#
                ),
            ),
            (
                "/v1/completions",
                format!(
                    r#"{{"model":"gpt-3.5-turbo-instruct","prompt":"{prompt}","stream":{stream},"stream_options":{{"include_usage":true}}}}"#
                ),
            ),
            ("/v1/responses", format!(r#"{{"model":"o3","input":"{prompt}","stream":{stream}}}"#)),
            (
                "/v1/embeddings",
                format!(r#"{{"model":"text-embedding-3-small","input":["{prompt}","b"]}}"#),
            ),
        ] {
            let answer = call(&simulated, path, key, &body).await;
            assert_eq!((answer.status(), answer.whole), (200, true), "{path}: {}", answer.text());
            said.push(usage_of(&answer));
        }
    }
    let billed: Vec<_> = simulated.bill().entries().iter().map(|e| e.tokens).collect();
    assert_eq!(billed, said);
    assert!(billed.iter().any(|t| t.cached > 0) && billed.iter().any(|t| t.reasoning > 0));
    assert!(simulated.bill().entries().iter().all(|entry| entry.finished));
    let json = call(&simulated, "/sim/bill", "", "").await.json();
    assert_eq!(json["totals"]["o3"]["calls"], 40);
    assert_eq!((&json["calls"], &json["open"]), (&160.into(), &0.into()));
}

fn usage_of(answer: &Answer) -> Tokens {
    let usage = match answer.text().starts_with('{') {
        true => answer.json()["usage"].clone(),
        false => {
            answer.events().iter().filter_map(|event| usage_of_event(event)).next_back().unwrap()
        }
    };
    let figure =
        |names: [&str; 2]| names.iter().find_map(|name| usage.pointer(name)?.as_u64()).unwrap_or(0);
    Tokens {
        input: figure(["/prompt_tokens", "/input_tokens"]),
        cached: figure([
            "/prompt_tokens_details/cached_tokens",
            "/input_tokens_details/cached_tokens",
        ]),
        cache_write: 0,
        output: figure(["/completion_tokens", "/output_tokens"]),
        reasoning: figure([
            "/completion_tokens_details/reasoning_tokens",
            "/output_tokens_details/reasoning_tokens",
        ]),
    }
}

fn usage_of_event(event: &str) -> Option<Value> {
    let data: Value = serde_json::from_str(event.split_once("data: ")?.1).ok()?;
    let usage = data.pointer("/usage").or_else(|| data.pointer("/response/usage"))?;
    usage.is_object().then(|| usage.clone())
}

#[tokio::test]
async fn a_cut_stream_ends_without_its_end_and_is_billed_so_far() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":10,"output":100,"chunks":10,"cut_after":6}"#);
    let answer = call(&simulated, CHAT, &play, STREAM).await;
    assert_eq!((answer.whole, answer.events().len()), (false, 6));
    check_partial(&simulated, 50).await;
}

#[tokio::test]
async fn a_reset_stream_ends_with_a_reset() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":10,"output":100,"chunks":10,"reset_after":3}"#);
    let mut stream = open(&simulated, CHAT, &play, STREAM).await;
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(parse(&bytes).events().len(), 3);
    check_partial(&simulated, 20).await;
}

#[tokio::test]
async fn a_stalled_stream_stays_open_until_the_client_leaves() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":10,"output":100,"chunks":10,"stall_after":5}"#);
    let mut stream = open(&simulated, CHAT, &play, STREAM).await;
    let mut bytes = Vec::new();
    let pause = Duration::from_millis(150);
    let end = tokio::time::timeout(pause, stream.read_to_end(&mut bytes)).await;
    assert!(end.is_err(), "nothing more comes, and no end either");
    assert_eq!(parse(&bytes).events().len(), 5);
    assert!(simulated.bill().entries().is_empty());
    drop(stream);
    check_partial(&simulated, 40).await;
}

#[tokio::test]
async fn a_client_that_leaves_is_billed_what_was_generated_so_far() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":10,"output":100,"chunks":10000,"delay_ms":5}"#);
    let mut stream = open(&simulated, CHAT, &play, STREAM).await;
    let mut some = [0; 1000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    assert!(simulated.bill().quiet(LIMIT).await);
    let entry = &simulated.bill().entries()[0];
    assert!(!entry.finished && entry.tokens.input == 10 && entry.tokens.output < 100);
}

async fn check_partial(simulated: &Simulated, output: u64) {
    assert!(simulated.bill().quiet(LIMIT).await);
    let entries = simulated.bill().entries();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].tokens.input, entries[0].tokens.output), (10, output));
    assert!(!entries[0].finished);
}

#[tokio::test]
async fn a_json_answer_is_broken_off_too() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"chunks":4,"cut_after":2}"#);
    let answer = call(&simulated, CHAT, &play, PLAIN).await;
    assert!(!answer.whole && !answer.body.is_empty());
    assert!(simulated.bill().quiet(LIMIT).await);
    assert!(!simulated.bill().entries()[0].finished);
}

#[tokio::test]
async fn an_error_event_ends_a_stream() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":10,"output":100,"chunks":10,"error_after":3}"#);
    let answer = call(&simulated, CHAT, &play, STREAM).await;
    assert_eq!((answer.whole, answer.events().len()), (true, 4));
    assert!(answer.events()[3].starts_with(r#"data: {"error":{"message":"#));
    check_partial(&simulated, 20).await;
}

#[tokio::test]
async fn scripted_errors_have_the_real_shape_and_are_not_billed() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"status":429,"error":"insufficient_quota","retry_after":3}"#);
    let answer = call(&simulated, CHAT, &play, PLAIN).await;
    assert_eq!(answer.status(), 429);
    assert!(answer.head.contains("retry-after: 3"));
    assert_eq!(answer.json()["error"]["type"], "insufficient_quota");
    assert_eq!(answer.json()["error"]["code"], "insufficient_quota");
    for (headers, body, status, word) in [
        (script(r#"{"outputs":3}"#), PLAIN, 400, "outputs"),
        (script(r#"{"status":500}"#), PLAIN, 500, "server_error"),
        (String::new(), "not json", 400, "JSON body"),
        (String::new(), r#"{"messages":[]}"#, 400, "model"),
    ] {
        let answer = call(&simulated, CHAT, &headers, body).await;
        assert_eq!(answer.status(), status);
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    assert_eq!(call(&simulated, "/v1/unknown", "", "").await.status(), 404);
    assert_eq!(call(&simulated, CHAT, "", "").await.status(), 405);
    assert_eq!((simulated.bill().calls(), simulated.bill().refused()), (5, 5));
    assert!(simulated.bill().entries().is_empty());
}

#[tokio::test]
async fn usage_can_be_left_out_or_made_to_lie_and_the_bill_does_not_believe_it() {
    let simulated = Simulated::start(None).await.unwrap();
    let absent = script(r#"{"input":10,"output":20,"no_usage":true}"#);
    let lie = script(r#"{"input":10,"output":20,"usage":{"prompt_tokens":-5,"x":"y"}}"#);
    assert!(call(&simulated, CHAT, &absent, PLAIN).await.json().get("usage").is_none());
    let answer = call(&simulated, CHAT, &absent, STREAM).await;
    assert!(answer.events().iter().all(|event| usage_of_event(event).is_none()));
    let answer = call(&simulated, CHAT, &lie, PLAIN).await;
    assert!(answer.text().contains(r#""usage":{"prompt_tokens":-5,"x":"y"},"#));
    let all = simulated.bill().entries();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|e| (e.tokens.input, e.tokens.output) == (10, 20) && e.finished));
}

#[tokio::test]
async fn answers_are_compressed_only_where_script_and_client_agree() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"encoding":"gzip"}"#);
    let both = format!("{play}accept-encoding: br, gzip;q=0.5\r\n");
    let plain = call(&simulated, CHAT, "accept-encoding: gzip\r\n", PLAIN).await;
    assert!(!plain.head.contains("content-encoding"));
    assert!(!call(&simulated, CHAT, &play, PLAIN).await.head.contains("content-encoding"));
    for body in [PLAIN, STREAM] {
        let coded = call(&simulated, CHAT, &both, body).await;
        assert!(coded.head.contains("content-encoding: gzip") && coded.whole);
        let mut decoded = String::new();
        let mut decoder = flate2::read::GzDecoder::new(&coded.body[..]);
        std::io::Read::read_to_string(&mut decoder, &mut decoded).unwrap();
        assert_eq!(decoded, call(&simulated, CHAT, "", body).await.text());
    }
}

#[tokio::test]
async fn frames_may_be_cut_anywhere_and_the_bytes_stay_the_same() {
    let simulated = Simulated::start(None).await.unwrap();
    let whole = call(&simulated, CHAT, "", STREAM).await;
    for longest in [1, 7, 300] {
        let play = script(&format!(r#"{{"split":{longest}}}"#));
        let split = call(&simulated, CHAT, &play, STREAM).await;
        assert_eq!((split.body, split.whole), (whole.body.clone(), true));
    }
    assert!(simulated.bill().entries().iter().all(|entry| entry.finished));
}

#[tokio::test]
async fn a_wrong_credential_is_refused() {
    let simulated = Simulated::start(Some("sk-up")).await.unwrap();
    for (headers, status) in [
        ("", 401),
        ("authorization: Bearer sk-other\r\n", 401),
        ("authorization: Bearer sk-up\r\n", 200),
    ] {
        assert_eq!(call(&simulated, CHAT, headers, PLAIN).await.status(), status, "{headers}");
        assert_eq!(call(&simulated, "/v1/models", headers, "").await.status(), status);
    }
}

#[tokio::test]
async fn it_speaks_http_2_with_prior_knowledge() {
    let simulated = Simulated::start(None).await.unwrap();
    let stream = TcpStream::connect(simulated.addr()).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let uri = format!("{}/chat/completions", simulated.base_url());
    let body = http_body_util::Full::new(bytes::Bytes::from(STREAM));
    let request = http::Request::post(uri).body(body).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, call(&simulated, CHAT, "", STREAM).await.body);
    drop(sender);
    tokio::time::timeout(LIMIT, connection).await.unwrap().unwrap().unwrap();
}
