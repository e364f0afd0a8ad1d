//! The simulated provider's endpoints of OpenAI that are not text in, text out: sound, images,
//! moderations, and what is answered now and fetched later.

use crate::simulated_wire::{call, script};
use farebox::demo::provider::{BillEntry, Simulated};
use farebox::usage::{Figure, Usage};
use serde_json::{Value, json};

fn last(simulated: &Simulated) -> BillEntry {
    simulated.bill().entries().pop().unwrap()
}

const FORM: &str = "content-type: multipart/form-data; boundary=xx\r\n";

fn form(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        let file = if *name == "file" { "; filename=\"a.mp3\"" } else { "" };
        body += &format!(
            "--xx\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
        );
    }
    body + "--xx--\r\n"
}

#[tokio::test]
async fn transcriptions_are_billed_by_the_second_or_by_the_token() {
    let simulated = Simulated::start(None).await.unwrap();
    let path = "/v1/audio/transcriptions";
    let sound = "x".repeat(48_000);
    let body = form(&[("model", "whisper-1"), ("file", &sound)]);
    let answer = call(&simulated, path, FORM, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["usage"], json!({"type": "duration", "seconds": 3}));
    let seconds = Usage::default().with(Figure::DurationMs, 3000);
    assert_eq!(last(&simulated).usage(), seconds);

    let text = form(&[("model", "whisper-1"), ("response_format", "text"), ("file", &sound)]);
    let answer = call(&simulated, path, FORM, &text).await;
    assert!(answer.head.contains("content-type: text/plain") && answer.text().ends_with('\n'));
    assert_eq!(last(&simulated).usage(), seconds);

    let headers = format!("{FORM}{}", script(r#"{"input":150,"output":31,"chunks":2}"#));
    let usage = json!({
        "type": "tokens", "input_tokens": 150,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 140},
        "output_tokens": 31, "total_tokens": 181
    });
    let body = form(&[("model", "gpt-4o-transcribe"), ("file", &sound)]);
    assert_eq!(call(&simulated, path, &headers, &body).await.json()["usage"], usage);
    let body = form(&[("model", "gpt-4o-transcribe"), ("stream", "true"), ("file", &sound)]);
    let stream = call(&simulated, path, &headers, &body).await;
    let events: Vec<Value> = stream
        .events()
        .iter()
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    assert_eq!((&events[2]["type"], &events[2]["usage"]), (&json!("transcript.text.done"), &usage));
    assert_eq!(last(&simulated).usage().count(Figure::AudioInput), 140);
}

#[tokio::test]
async fn speech_is_sound_without_figures_billed_by_the_character() {
    let simulated = Simulated::start(None).await.unwrap();
    let body = r#"{"model":"tts-1","input":"Hello, world! Ça va?","voice":"alloy"}"#;
    let answer = call(&simulated, "/v1/audio/speech", "", body).await;
    assert!(answer.head.contains("content-type: audio/mpeg") && answer.whole);
    assert!(answer.body.starts_with(&[0xff, 0xfb]) && answer.body.len() >= 400);
    assert_eq!(last(&simulated).usage(), Usage::default().with(Figure::Characters, 20));

    let body = r#"{"model":"gpt-4o-mini-tts","input":"hi","voice":"alloy","stream_format":"sse"}"#;
    let play = script(r#"{"input":4,"output":90,"chunks":2}"#);
    let stream = call(&simulated, "/v1/audio/speech", &play, body).await;
    assert!(
        stream.text().ends_with(
            "\"usage\":{\"input_tokens\":4,\"output_tokens\":90,\"total_tokens\":94}}\n\n"
        )
    );
    assert_eq!(last(&simulated).usage().count(Figure::AudioOutput), 90);
}

#[tokio::test]
async fn images_are_billed_by_the_token_or_by_the_piece() {
    let simulated = Simulated::start(None).await.unwrap();
    let path = "/v1/images/generations";
    let play = script(r#"{"input":13,"output":4160}"#);
    let body = r#"{"model":"gpt-image-1.5","prompt":"x"}"#;
    let usage = json!({
        "input_tokens": 13, "input_tokens_details": {"text_tokens": 13, "image_tokens": 0},
        "output_tokens": 4160, "total_tokens": 4173,
        "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0}
    });
    assert_eq!(call(&simulated, path, &play, body).await.json()["usage"], usage);
    let billed = last(&simulated).usage();
    assert_eq!((billed.count(Figure::ImageOutput), billed.count(Figure::Images)), (4160, 1));
    let body = r#"{"model":"gpt-image-1.5","prompt":"x","stream":true,"partial_images":1}"#;
    let stream = call(&simulated, path, &play, body).await;
    assert!(stream.events()[0].starts_with("event: image_generation.partial_image\n"));
    let done = stream.events()[1].split_once("\ndata: ").unwrap().1.to_owned();
    assert_eq!(serde_json::from_str::<Value>(&done).unwrap()["usage"], usage);
    let body = r#"{"model":"dall-e-3","prompt":"x","n":2}"#;
    let answer = call(&simulated, path, "", body).await.json();
    assert!(answer.get("usage").is_none() && answer["data"].as_array().unwrap().len() == 2);
    assert_eq!(last(&simulated).usage(), Usage::default().with(Figure::Images, 2));
}

#[tokio::test]
async fn a_background_response_is_queued_and_fetched_with_its_figures() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":900,"output":4000,"reasoning":3000,"polls":1}"#);
    let body = r#"{"model":"gpt-5","input":"hi","background":true}"#;
    let queued = call(&simulated, "/v1/responses", &play, body).await.json();
    assert_eq!((&queued["status"], &queued["usage"]), (&json!("queued"), &Value::Null));
    assert_eq!(queued["background"], true);
    let entry = last(&simulated);
    assert!(entry.finished && entry.tokens.output == 4000);
    let id = queued["id"].as_str().unwrap();
    let path = format!("/v1/responses/{id}");
    let waiting = call(&simulated, &path, "", "").await.json();
    assert_eq!((&waiting["status"], &waiting["usage"]), (&json!("in_progress"), &Value::Null));
    for _ in 0..2 {
        let done = call(&simulated, &path, "", "").await.json();
        assert_eq!((&done["status"], &done["id"]), (&json!("completed"), &json!(id)));
        assert_eq!(done["usage"]["output_tokens_details"]["reasoning_tokens"], 3000);
    }
    let again = call(&simulated, "/v1/responses", &play, body).await.json();
    assert_ne!(again["id"], queued["id"], "each background response is its own");
    assert_eq!(simulated.bill().entries().len(), 2);
    assert_eq!(call(&simulated, "/v1/responses/resp_none", "", "").await.status(), 404);
}

#[tokio::test]
async fn what_was_to_be_stored_is_fetched_for_nothing() {
    let simulated = Simulated::start(None).await.unwrap();
    for (path, body) in [
        ("/v1/responses", r#"{"model":"gpt-4o","input":"hi","store":true}"#),
        ("/v1/chat/completions", r#"{"model":"gpt-4o","messages":[],"store":true}"#),
    ] {
        let answer = call(&simulated, path, "", body).await;
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let fetched = call(&simulated, &format!("{path}/{id}"), "", "").await;
        assert_eq!(fetched.text(), answer.text());
    }
    assert_eq!(simulated.bill().entries().len(), 2);
}

#[tokio::test]
async fn a_batch_has_its_figures_when_it_is_done() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = script(r#"{"input":5000,"output":700,"polls":1}"#);
    let body =
        r#"{"input_file_id":"f","endpoint":"/v1/chat/completions","completion_window":"24h"}"#;
    let begun = call(&simulated, "/v1/batches", &play, body).await.json();
    assert_eq!((&begun["status"], &begun["usage"]), (&json!("validating"), &Value::Null));
    let path = format!("/v1/batches/{}", begun["id"].as_str().unwrap());
    let mut seen = Vec::new();
    for _ in 0..2 {
        let batch = call(&simulated, &path, "", "").await.json();
        seen.push((batch["status"].clone(), batch["usage"]["total_tokens"].clone()));
    }
    assert_eq!(seen, [("in_progress".into(), Value::Null), ("completed".into(), 5700.into())]);
    assert_eq!((&*last(&simulated).tier, last(&simulated).tokens.input), ("batch", 5000));
}

#[tokio::test]
async fn moderations_and_uploads_are_free() {
    let simulated = Simulated::start(None).await.unwrap();
    let body = r#"{"input":["a","b"]}"#;
    let verdict = call(&simulated, "/v1/moderations", "", body).await.json();
    assert_eq!(verdict["results"].as_array().unwrap().len(), 2);
    assert_eq!(verdict["model"], "omni-moderation-latest");
    assert_eq!(call(&simulated, "/v1/moderations", "", "{}").await.status(), 400);
    let upload = form(&[("purpose", "batch"), ("file", "{}")]);
    assert_eq!(call(&simulated, "/v1/files", FORM, &upload).await.json()["object"], "file");
    assert_eq!(simulated.bill().calls(), 0);
}
