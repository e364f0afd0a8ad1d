//! Reads what a provider sends, N times over, so that an instruction counter at two values of N
//! tells what one more costs. Not a stopwatch; see `instructions.sh`.
//!
//! `reader events|unasked|responses|json|request|floats|base64 N`; without arguments, each of them
//! once. `floats` and `base64` are embeddings of 10 MiB, for a stopwatch after all.

use bytes::Bytes;
use farebox::dialect::{AnswerHead, Call, Named, Operation, Splice, read_answer, read_request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::hint::black_box;

const CHUNK: &str = r#"data: {"id":"chatcmpl-C1st01","object":"chat.completion.chunk","created":1794000000,"model":"gpt-5.4-2026-03-05","system_fingerprint":"fp_9c1d2e","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}],"usage":null}"#;

const DELTA: &str = r#"event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_01","output_index":0,"content_index":0,"delta":" hello","logprobs":[],"obfuscation":"x1"}"#;

const ANSWER: &str = r#"{"id":"chatcmpl-C1aa01","object":"chat.completion","created":1794000000,"model":"gpt-5.4","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_9c1d2e"}"#;

const CASES: [&str; 7] = ["events", "unasked", "responses", "json", "request", "floats", "base64"];

fn call(operation: Operation, stream: bool, edited: bool) -> Call {
    Call {
        stream,
        edit: edited.then(|| Splice { range: 1..1, with: Bytes::new() }),
        ..Call::plain(operation, "gpt-5.4")
    }
}

/// One answer of `times` frames, each a copy of `frame`.
fn stream(call: &Call, frame: &str, times: usize) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    let mut answer = read_answer(call, AnswerHead { status: StatusCode::OK, headers: &headers });
    let frame = Bytes::from(format!("{frame}\n\n"));
    for _ in 0..times {
        black_box(answer.push(frame.clone()));
    }
    black_box(answer.finish(false));
}

/// `times` answers that are one JSON object.
fn json(times: usize) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let call = call(Operation::OpenAiChat, false, false);
    for _ in 0..times {
        let head = AnswerHead { status: StatusCode::OK, headers: &headers };
        let mut answer = read_answer(&call, head);
        black_box(answer.push(Bytes::from_static(ANSWER.as_bytes())));
        black_box(answer.finish(false));
    }
}

/// `times` requests of 300 KB, in frames of 16 KiB: prose with a line end every 80 characters.
fn request(times: usize) {
    let line =
        "The quick brown fox jumps over the lazy dog and runs through the dark forest now\\n";
    let text = line.repeat(300_000 / line.len());
    let body = format!(
        r#"{{"model":"gpt-5.4","messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"{text}"}}],"stream":true}}"#
    );
    for _ in 0..times {
        let Ok(mut request) = read_request(Operation::OpenAiChat, Named::default(), None) else {
            return;
        };
        for frame in body.as_bytes().chunks(16 * 1024) {
            black_box(request.push(frame).is_ok());
        }
        black_box(request.finish().is_ok());
    }
}

/// `times` embeddings of 10 MiB, in frames of 16 KiB; `item` is repeated within one of them.
fn embeddings(times: usize, open: &str, item: &str, close: &str) {
    let items = item.repeat((10 << 20) / item.len());
    let body = format!(
        "{{\"object\":\"list\",\"data\":[{{\"object\":\"embedding\",\"index\":0,\"embedding\":{open}{items}{close}}}],\
         \"model\":\"text-embedding-3-small\",\"usage\":{{\"prompt_tokens\":8,\"total_tokens\":8}}}}"
    );
    let body = Bytes::from(body);
    let headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let call = call(Operation::OpenAiEmbeddings, false, false);
    for _ in 0..times {
        let head = AnswerHead { status: StatusCode::OK, headers: &headers };
        let mut answer = read_answer(&call, head);
        for from in (0..body.len()).step_by(16 * 1024) {
            black_box(answer.push(body.slice(from..body.len().min(from + 16 * 1024))));
        }
        let (_, reading) = answer.finish(false);
        assert!(reading.complete && reading.usage_final);
    }
}

fn run(what: &str, times: usize) {
    match what {
        "events" => stream(&call(Operation::OpenAiChat, true, false), CHUNK, times),
        "unasked" => stream(&call(Operation::OpenAiChat, true, true), CHUNK, times),
        "responses" => stream(&call(Operation::OpenAiResponses, true, false), DELTA, times),
        "json" => json(times),
        "request" => request(times),
        "floats" => embeddings(times, "[", "-0.006929283495992422,0.02336410,", "0]"),
        "base64" => embeddings(times, "\"", "AACAPwAAgD8A", "\""),
        _ => eprintln!("reader: `{what}` is not one of {}", CASES.join(", ")),
    }
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    match (words.next(), words.next().and_then(|times| times.parse().ok())) {
        (Some(what), Some(times)) => run(&what, times),
        _ => {
            for what in CASES {
                run(what, 1);
            }
        }
    }
}
