//! What a recorder leaves of an answer: it reads as the original does, and says nothing that was
//! said.

use farebox::dialect::capture::Capture;
use farebox::dialect::filler::{fill_answer, fill_path, fill_request};
use farebox::framing::base64;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

fn captures() -> impl Iterator<Item = (String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            serde_json::from_str(&text).unwrap(),
        )
    })
}

fn body(capture: &Value) -> Vec<u8> {
    match capture["body_b64"].as_str() {
        Some(text) => base64::decode(text).unwrap(),
        None => capture["body"].as_str().unwrap().as_bytes().to_vec(),
    }
}

/// A session is recorded as its messages, one a line.
fn kind(capture: &Value) -> Option<&str> {
    match capture["transport"].as_str() {
        Some("ws") => Some("application/x-ndjson"),
        _ => capture["content_type"].as_str(),
    }
}

fn with_body(capture: &Value, body: Vec<u8>) -> Value {
    let mut out = capture.clone();
    match String::from_utf8(body) {
        Ok(text) => out["body"] = text.into(),
        Err(bytes) => out["body_b64"] = base64::encode(bytes.as_bytes()).into(),
    }
    out
}

/// The capture as a recorder would have written it.
fn filled(capture: &Value) -> Value {
    let mut filled = body(capture);
    fill_answer(kind(capture), &mut filled);
    assert_eq!(filled.len(), body(capture).len());
    let mut out = with_body(capture, filled);
    let request = fill_request(None, capture["request"].to_string().as_bytes());
    out["request"] = request;
    out["path"] = fill_path(capture["path"].as_str().unwrap()).into();
    out
}

fn meter(capture: &Value) -> Value {
    let mut reading = Capture::parse(&capture.to_string()).unwrap().meter();
    // An id is filled; that there is one is not.
    let ids = |reading: &mut Value| {
        for key in ["dedupe_key", "id"] {
            if reading[key].is_string() {
                reading[key] = "".into();
            }
        }
    };
    ids(&mut reading);
    reading["per_response"].as_array_mut().into_iter().flatten().for_each(ids);
    reading
}

#[test]
fn a_recording_reads_as_its_answer_does() {
    let mut count = 0;
    for (name, capture) in captures() {
        let (mut filled, original) = (meter(&filled(&capture)), meter(&capture));
        // What is not ASCII has more bytes than characters.
        if !body(&capture).is_ascii() || String::from_utf8_lossy(&body(&capture)).contains("\\u") {
            filled["output_characters"] = original["output_characters"].clone();
        }
        // A speech is charged by the characters of its text, which are bytes once it is filled.
        let text = capture["request"]["input"].as_str().unwrap_or_default();
        if original["characters"].is_u64() && !text.is_ascii() {
            assert_eq!(filled["characters"], text.len(), "{name}");
            continue;
        }
        assert_eq!(filled, original, "{name}");
        count += 1;
    }
    assert!(count >= 180, "only {count}");
}

/// Keys whose texts say what a thing is; written anew, so that a change there is seen here.
fn says_what(key: &str) -> bool {
    let known: BTreeSet<&str> = [
        "blockReason",
        "block_reason",
        "code",
        "done_reason",
        "effort",
        "encoding_format",
        "event",
        "event_type",
        "finishReason",
        "finish_reason",
        "inference_geo",
        "latency",
        "modality",
        "mode",
        "model",
        "modelVersion",
        "model_instance_id",
        "model_version",
        "object",
        "quality",
        "reason",
        "response_format",
        "role",
        "search_context_size",
        "serviceTier",
        "service_tier",
        "size",
        "speed",
        "status",
        "stopReason",
        "stop_reason",
        "stream_format",
        "tier",
        "trafficType",
        "traffic_type",
        "ttl",
        "type",
    ]
    .into();
    known.contains(key)
}

const CANARY: &str = "QZQQ ZQZZ";

/// The same document, in which every text is a canary, and every key of a tool's arguments.
fn sung(value: &Value, key: &str, made_up: bool) -> Value {
    let made_up = made_up
        || matches!(key, "args" | "arguments" | "parameters" | "properties")
        || key == "input" && value.is_object() && value.get("transcription").is_none();
    match value {
        Value::String(text) if !made_up && says_what(key) && !text.contains(' ') => value.clone(),
        Value::String(_) => CANARY.into(),
        Value::Array(all) => {
            let key = |each: &Value| if each.is_object() { "" } else { key };
            all.iter().map(|each| sung(each, key(each), made_up)).collect()
        }
        Value::Object(all) => {
            let of = key;
            let pair = |(key, value): (&String, &Value)| {
                let name = if made_up { "QZZQZQ" } else { key };
                // How sound is sent is nobody's input.
                let settings = of == "audio" && key == "input";
                (name.to_owned(), sung(value, if settings { "" } else { key }, made_up))
            };
            Value::Object(all.iter().map(pair).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn sung_line(line: &str) -> String {
    let (field, text) = match line.split_once(": ") {
        Some(("data", text)) => ("data: ", text),
        _ => ("", line),
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) => format!("{field}{}", sung(&value, "", false)),
        Err(_) if field.is_empty() => line.to_owned(),
        Err(_) => format!("{field}{CANARY}"),
    }
}

#[test]
fn nothing_that_was_said_is_in_a_recording() {
    let mut songs = 0;
    for (name, capture) in captures().filter(|(_, capture)| capture["body_b64"].is_null()) {
        let body = capture["body"].as_str().unwrap();
        let song = match serde_json::from_str::<Value>(body) {
            Ok(value) => sung(&value, "", false).to_string(),
            Err(_) => body.split('\n').map(sung_line).collect::<Vec<_>>().join("\n"),
        };
        songs += song.matches("QZ").count();
        let request = sung(&capture["request"], "", false);
        let mut with_song = with_body(&capture, song.into_bytes());
        with_song["request"] = request;
        let filled = filled(&with_song);
        for part in ["body", "request", "path"] {
            let text = filled[part].to_string();
            let heard = text.as_bytes().windows(4).any(|run| run.iter().all(|b| b"QZ".contains(b)));
            assert!(!heard, "{name}: {part}: {text}");
        }
    }
    assert!(songs > 1000, "only {songs}");
}

#[test]
fn a_recording_of_a_broken_event_stream_is_as_broken() {
    let (_, mut capture) = captures().find(|(name, _)| name == "bedrock_converse_stream").unwrap();
    let whole = body(&capture);
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 1;
        capture["body_b64"] = base64::encode(&broken).into();
        let filled = filled(&capture);
        assert_eq!(meter(&filled), meter(&capture), "broken at {at}");
    }
}
