//! The simulated provider in every dialect: the shapes of the real APIs, and that its bill holds
//! what the usage blocks say.

use crate::simulated_wire::{Answer, call, script};
use farebox::demo::provider::{BillEntry, Simulated, Tokens};
use farebox::usage::{Figure, Usage};
use serde_json::{Value, json};

const MESSAGES: &str =
    r#"{"model":"claude-sonnet-4-5","max_tokens":900,"messages":[{"role":"user","content":"hi"}]"#;

fn last(simulated: &Simulated) -> BillEntry {
    simulated.bill().entries().pop().unwrap()
}

/// The events' data, in order.
fn data(answer: &Answer) -> Vec<Value> {
    let lines = answer.text().lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect()
}

async fn sold(simulated: &Simulated, path: &str, play: &str, body: &str) -> Answer {
    let answer = call(simulated, path, &script(play), body).await;
    assert_eq!((answer.status(), answer.whole), (200, true), "{path}: {}", answer.head);
    answer
}

#[tokio::test]
async fn anthropic_reports_input_without_the_cache_and_bills_all_of_it() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":4096,"cached":1800,"cache_write":248,"cache_write_1h":100,"output":503,"web_searches":2,"chunks":1,"pad":5}"#;
    let answer = sold(&simulated, "/v1/messages", play, &format!("{MESSAGES}}}")).await;
    let mut message = answer.json();
    assert_eq!(
        message["usage"].take(),
        json!({
            "input_tokens": 2048, "cache_creation_input_tokens": 248, "cache_read_input_tokens": 1800,
            "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 503, "service_tier": "standard",
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0}
        })
    );
    assert_eq!(message["content"], json!([{"type": "text", "text": "tick "}]));
    assert_eq!(
        (&message["stop_reason"], &message["type"]),
        (&json!("end_turn"), &json!("message"))
    );
    let wanted = Usage::default()
        .with(Figure::InputTotal, 4096)
        .with(Figure::CachedRead, 1800)
        .with(Figure::CacheWrite, 248)
        .with(Figure::CacheWrite5m, 148)
        .with(Figure::CacheWrite1h, 100)
        .with(Figure::OutputTotal, 503)
        .with(Figure::Reasoning, 0)
        .with(Figure::WebSearchRequests, 2);
    assert_eq!(last(&simulated).usage(), wanted);
}

#[tokio::test]
async fn anthropic_streams_its_events_in_order_with_cumulative_figures() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":10682,"tool_input":8003,"web_searches":1,"output":510,"chunks":2}"#;
    let body = format!("{MESSAGES},\"stream\":true}}");
    let answer = sold(&simulated, "/v1/messages", play, &body).await;
    let delta = "content_block_delta";
    let expected = ["message_start", "content_block_start", "ping", delta, delta];
    let end = ["content_block_stop", "message_delta", "message_stop"];
    assert_eq!(names(&answer), [&expected[..], &end[..]].concat());
    let events = data(&answer);
    assert!(events.iter().zip(names(&answer)).all(|(event, name)| event["type"] == name));
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 2679);
    assert_eq!(events[6]["usage"]["input_tokens"], 10682);
    assert_eq!(events[6]["usage"]["output_tokens"], 510);
    assert_eq!(events[6]["usage"]["server_tool_use"]["web_search_requests"], 1);
    assert_eq!(last(&simulated).tokens.input, 10682);
}

#[tokio::test]
async fn anthropic_counts_for_nothing_and_errs_in_its_own_words() {
    let simulated = Simulated::start(Some("sk-ant")).await.unwrap();
    let body = format!("{MESSAGES}}}");
    let key = "x-api-key: sk-ant\r\n";
    let counted = call(&simulated, "/v1/messages/count_tokens", key, &body).await.json();
    assert!(counted["input_tokens"].as_u64().unwrap() > 8, "{counted}");
    assert_eq!(simulated.bill().calls(), 0);
    let bearer = "authorization: Bearer sk-ant\r\n";
    let refused = call(&simulated, "/v1/messages", bearer, &body).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json()["error"]["type"], "authentication_error");
    let busy = format!("{key}{}", script(r#"{"status":529}"#));
    let overloaded = call(&simulated, "/v1/messages", &busy, &body).await.json();
    assert_eq!(
        (&overloaded["type"], &overloaded["error"]["type"]),
        (&json!("error"), &json!("overloaded_error"))
    );
    let play = format!("{key}{}", script(r#"{"chunks":9,"error_after":4}"#));
    let body = format!("{MESSAGES},\"stream\":true}}");
    let broken = call(&simulated, "/v1/messages", &play, &body).await;
    assert_eq!(names(&broken).last(), Some(&"error"));
}

const CONTENTS: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

#[tokio::test]
async fn gemini_reports_thought_and_tools_beside_prompt_and_answer() {
    let simulated = Simulated::start(Some("AIza")).await.unwrap();
    let play = r#"{"input":3240,"cached":30,"tool_input":3200,"output":210,"reasoning":90,"chunks":1,"pad":5}"#;
    let key = format!("x-goog-api-key: AIza\r\n{}", script(play));
    for path in [
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "/v1/models/gemini-2.5-flash:generateContent",
    ] {
        let answer = call(&simulated, path, &key, CONTENTS).await;
        assert_eq!((answer.status(), answer.whole), (200, true));
        let answer = answer.json();
        assert_eq!(
            answer["usageMetadata"],
            json!({
                "promptTokenCount": 40, "cachedContentTokenCount": 30,
                "candidatesTokenCount": 120, "toolUsePromptTokenCount": 3200,
                "thoughtsTokenCount": 90, "totalTokenCount": 3450,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 40}],
                "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 30}],
                "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 3200}]
            })
        );
        assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
        assert_eq!(answer["modelVersion"], "gemini-2.5-flash");
        let usage = last(&simulated).usage();
        assert_eq!(usage.count(Figure::InputTotal), 3240);
        assert_eq!(usage.count(Figure::ToolUseInput), 3200);
        assert_eq!(usage.count(Figure::OutputTotal), 210);
        assert_eq!(&*last(&simulated).model, "gemini-2.5-flash");
    }
    let query = "/v1beta/models/gemini-2.5-flash:generateContent?key=AIza";
    assert_eq!(call(&simulated, query, "", CONTENTS).await.status(), 200);
    let refused = call(&simulated, "/v1beta/models/m:generateContent", "", CONTENTS).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json()["error"]["status"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn gemini_streams_events_or_one_array_with_the_same_pieces() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"output":100,"reasoning":20,"chunks":4}"#;
    let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent";
    let events = sold(&simulated, &format!("{path}?alt=sse"), play, CONTENTS).await;
    let array = sold(&simulated, path, play, CONTENTS).await;
    assert!(events.head.contains("content-type: text/event-stream\r\n"));
    assert!(array.head.contains("content-type: application/json\r\n"));
    assert!(events.text().ends_with("}\r\n\r\n"));
    let pieces = data(&events);
    assert_eq!(Value::from(pieces.clone()), array.json());
    let said: Vec<_> =
        pieces.iter().map(|p| p["usageMetadata"]["candidatesTokenCount"].clone()).collect();
    assert_eq!(said, [20, 40, 60, 80]);
    assert!(pieces.iter().all(|p| p["usageMetadata"]["thoughtsTokenCount"] == 20));
    assert_eq!(pieces[3]["candidates"][0]["finishReason"], "STOP");
    assert!(pieces[2]["candidates"][0].get("finishReason").is_none());
    assert_eq!(last(&simulated).tokens.output, 100);
    let play = r#"{"chunks":4,"error_after":2}"#;
    let broken = sold(&simulated, path, play, CONTENTS).await.json();
    assert_eq!(broken[2]["error"]["status"], "INTERNAL");
}

#[tokio::test]
async fn gemini_embeds_and_counts() {
    let simulated = Simulated::start(None).await.unwrap();
    let model = "/v1beta/models/gemini-embedding-001";
    let one = r#"{"content":{"parts":[{"text":"hi"}]}}"#;
    let single = sold(&simulated, &format!("{model}:embedContent"), "{}", one).await.json();
    assert_eq!(single["embedding"]["values"].as_array().unwrap().len(), 16);
    let two = format!(r#"{{"requests":[{one},{one}]}}"#);
    let path = format!("{model}:batchEmbedContents");
    let batch = sold(&simulated, &path, r#"{"input":9}"#, &two).await.json();
    assert_eq!(batch["embeddings"].as_array().unwrap().len(), 2);
    assert_eq!(batch["usageMetadata"]["promptTokenCount"], 9);
    assert_eq!(last(&simulated).tokens, Tokens { input: 9, ..Tokens::default() });
    let path = "/v1beta/models/gemini-2.5-flash:countTokens";
    let count = sold(&simulated, path, r#"{"input":31}"#, CONTENTS).await.json();
    assert_eq!(count["totalTokens"], 31);
    assert_eq!(simulated.bill().calls(), 2);
}
