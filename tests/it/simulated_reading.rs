//! The dialect's readers on what the simulated provider sends: figures as billed, bytes as asked.

use bytes::Bytes;
use farebox::demo::provider::Simulated;
use farebox::dialect::{AnswerHead, Call, Named, Operation, read_answer, read_request};
use farebox::usage::{Figure, Reading};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

type HttpClient = Client<HttpConnector, Full<Bytes>>;

fn read(operation: Operation, body: &str) -> Call {
    let mut reader = read_request(operation, Named::default(), None).unwrap();
    reader.push(body.as_bytes()).unwrap();
    reader.finish().unwrap()
}

async fn send(client: &HttpClient, url: &str, script: &str, body: Vec<u8>) -> Response<Incoming> {
    let request = Request::post(url)
        .header("x-simulate", script)
        .header("accept-encoding", "gzip, br, zstd, deflate")
        .body(Full::from(body))
        .unwrap();
    client.request(request).await.unwrap()
}

/// What the client sees, and what was read.
async fn relay(call: &Call, answer: Response<Incoming>) -> (Vec<u8>, Reading) {
    let (head, mut body) = answer.into_parts();
    let mut reader = read_answer(call, AnswerHead { status: head.status, headers: &head.headers });
    let mut seen = Vec::new();
    while let Some(frame) = body.frame().await {
        seen.extend_from_slice(&reader.push(frame.unwrap().into_data().unwrap()));
    }
    let (rest, reading) = reader.finish(false);
    seen.extend_from_slice(&rest);
    (seen, reading)
}

#[tokio::test]
async fn r001_readings_equal_the_simulated_bill_and_clients_see_what_they_asked_for() {
    let simulated = Simulated::start(None).await.unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    for (operation, path, prompt) in [
        (Operation::OpenAiChat, "chat/completions", r#""messages":[{"role":"user","content":"#),
        (Operation::OpenAiCompletions, "completions", r#""prompt":["#),
        (Operation::OpenAiResponses, "responses", r#""input":[{"role":"user","content":"#),
        (Operation::OpenAiEmbeddings, "embeddings", r#""input":["#),
    ] {
        let close = if prompt.contains('{') { "}]" } else { "]" };
        for i in 0..60 {
            let words = format!("\"{}\"", "word ".repeat(i * 40));
            let stream = match i % 3 {
                _ if operation == Operation::OpenAiEmbeddings => "",
                0 => "",
                1 => r#","stream":true"#,
                _ if operation == Operation::OpenAiResponses => r#","stream":true"#,
                _ => r#","stream":true,"stream_options":{"include_usage":true}"#,
            };
            let encoding = ["gzip", "br", "zstd", "deflate"][i % 4];
            let script = match i % 5 {
                0 => "{}".to_owned(),
                1 => r#"{"split":1}"#.to_owned(),
                2 => r#"{"split":40}"#.to_owned(),
                3 if i % 3 != 1 => format!(r#"{{"encoding":"{encoding}","split":100}}"#),
                _ => r#"{"chunks":40,"cached":100,"cache_write":50}"#.to_owned(),
            };
            let body = format!(r#"{{"model":"gpt-5",{prompt}{words}{close}{stream}}}"#);
            let url = format!("{}/{path}", simulated.base_url());
            let call = read(operation, &body);
            let mut edited = body.clone().into_bytes();
            if let Some(edit) = &call.edit {
                edited.splice(edit.range.clone(), edit.with.iter().copied());
            }
            let answer = send(&client, &url, &script, edited).await;
            let (seen, reading) = relay(&call, answer).await;
            let billed = simulated.bill().entries().pop().unwrap();
            let direct = send(&client, &url, &script, body.clone().into_bytes()).await;
            let direct = direct.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(
                String::from_utf8_lossy(&seen),
                String::from_utf8_lossy(&direct),
                "{script}"
            );
            assert!(reading.complete && reading.usage_final, "{path} {script}");
            assert_eq!(reading.anomalies, 0, "{path} {script} {reading:?}");
            for figure in [
                Figure::InputTotal,
                Figure::CachedRead,
                Figure::CacheWrite,
                Figure::OutputTotal,
                Figure::Reasoning,
            ] {
                let (read, wanted) = (reading.usage.count(figure), billed.usage().count(figure));
                assert_eq!(read, wanted, "{figure:?} {path} {script} {stream}");
            }
        }
    }
}
