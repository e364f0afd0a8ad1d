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
    assert_eq!(call(&simulated, "/v1/messages", bearer, &body).await.status(), 200);
    let refused = call(&simulated, "/v1/messages", "x-goog-api-key: sk-ant\r\n", &body).await;
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

const TURNS: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

#[tokio::test]
async fn cohere_bills_less_than_the_model_saw() {
    let simulated = Simulated::start(Some("co")).await.unwrap();
    let play = r#"{"input":5,"output":418,"chunks":2}"#;
    let key = format!("authorization: Bearer co\r\n{}", script(play));
    let body = format!(r#"{{"model":"command-a-03-2025",{TURNS}}}"#);
    let whole = call(&simulated, "/v2/chat", &key, &body).await.json();
    let usage = json!({
        "billed_units": {"input_tokens": 5.0, "output_tokens": 418.0},
        "tokens": {"input_tokens": 71.0, "output_tokens": 420.0}
    });
    assert_eq!((&whole["usage"], &whole["finish_reason"]), (&usage, &json!("COMPLETE")));
    let body = format!(r#"{{"model":"command-a-03-2025",{TURNS},"stream":true}}"#);
    let stream = call(&simulated, "/v2/chat", &key, &body).await;
    let expected =
        ["message-start", "content-start", "content-delta", "content-delta", "content-end"];
    assert_eq!(names(&stream), [&expected[..], &["message-end"]].concat());
    assert_eq!(data(&stream)[5]["delta"]["usage"], usage);
    let billed = last(&simulated).usage();
    assert_eq!((billed.count(Figure::InputTotal), billed.count(Figure::RawInput)), (5, 71));
    assert_eq!((billed.count(Figure::OutputTotal), billed.count(Figure::RawOutput)), (418, 420));
    let refused = call(&simulated, "/v2/chat", "", &body).await;
    assert_eq!((refused.status(), refused.json()["message"].is_string()), (401, true));
}

#[tokio::test]
async fn cohere_embeds_by_type_and_ranks_by_search_unit() {
    let simulated = Simulated::start(None).await.unwrap();
    let body = r#"{"model":"embed-v4.0","texts":["a","b"],"embedding_types":["float"],"input_type":"search_query"}"#;
    let embedded = sold(&simulated, "/v2/embed", r#"{"input":9}"#, body).await.json();
    assert_eq!(embedded["embeddings"]["float"].as_array().unwrap().len(), 2);
    assert_eq!(embedded["meta"]["billed_units"], json!({"input_tokens": 9}));
    let documents = vec!["d"; 101];
    let body = json!({"model": "rerank-v3.5", "query": "q", "documents": documents, "top_n": 3});
    let ranked = sold(&simulated, "/v2/rerank", "{}", &body.to_string()).await.json();
    assert_eq!(ranked["results"].as_array().unwrap().len(), 3);
    assert_eq!(ranked["meta"]["billed_units"], json!({"search_units": 2}));
    assert_eq!(last(&simulated).usage(), Usage::default().with(Figure::SearchUnits, 2));
}

#[tokio::test]
async fn mistral_says_its_usage_unasked_on_the_last_chunk_of_the_text() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":64,"cached":48,"output":30,"chunks":2}"#;
    let body = format!(r#"{{"model":"mistral-large-latest",{TURNS},"stream":true}}"#);
    let path = "/mistral/v1/chat/completions";
    let stream = sold(&simulated, path, play, &body).await;
    assert!(stream.text().ends_with("data: [DONE]\n\n"));
    let text = stream.text().strip_suffix("data: [DONE]\n\n").unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let (last_event, rest) = events.split_last().unwrap();
    assert!(rest.iter().all(|event| event.get("usage").is_none()));
    assert_eq!(last_event["choices"][0]["finish_reason"], "stop");
    assert_eq!(last_event["usage"]["num_cached_tokens"], 48);
    let asked = body.replace("true}", r#"true,"stream_options":{"include_usage":true}}"#);
    assert_eq!(sold(&simulated, path, play, &asked).await.text(), stream.text());
    assert_eq!(last(&simulated).tokens.cached, 48);
}

#[tokio::test]
async fn mistral_reads_documents_by_the_page() {
    let simulated = Simulated::start(None).await.unwrap();
    let body = r#"{"model":"mistral-ocr-latest","document":{"type":"document_url","document_url":"https://example.com/a.pdf"}}"#;
    let read = sold(&simulated, "/v1/ocr", r#"{"pages":3}"#, body).await.json();
    assert_eq!(read["pages"].as_array().unwrap().len(), 3);
    assert_eq!(read["usage_info"]["pages_processed"], 3);
    assert_eq!(last(&simulated).usage(), Usage::default().with(Figure::Pages, 3));
}

#[tokio::test]
async fn ollama_streams_lines_unless_told_not_to() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":26,"cached":20,"output":5,"chunks":2}"#;
    for (path, question, word) in [
        ("/api/chat", TURNS, "/message/content"),
        ("/api/generate", r#""prompt":"hi""#, "/response"),
    ] {
        let body = format!(r#"{{"model":"llama3.2",{question}}}"#);
        let stream = sold(&simulated, path, play, &body).await;
        assert!(stream.head.contains("content-type: application/x-ndjson"));
        let lines: Vec<Value> =
            stream.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let done: Vec<_> = lines.iter().map(|line| line["done"] == true).collect();
        assert_eq!(done, [false, false, true]);
        assert_eq!(lines[2]["prompt_eval_count"], 26);
        assert_eq!(
            (&lines[2]["prompt_eval_cached_count"], &lines[2]["eval_count"]),
            (&20.into(), &5.into())
        );
        let body = format!(r#"{{"model":"llama3.2",{question},"stream":false}}"#);
        let whole = sold(&simulated, path, play, &body).await.json();
        let text = |line: &Value| line.pointer(word).unwrap().as_str().unwrap().to_owned();
        assert_eq!(text(&whole), lines.iter().map(text).collect::<String>());
        assert_eq!(whole["eval_count"], 5);
        assert_eq!(
            last(&simulated).tokens,
            Tokens { input: 26, cached: 20, output: 5, ..Tokens::default() }
        );
    }
    let body = r#"{"model":"all-minilm","input":["a","b"]}"#;
    let embedded = sold(&simulated, "/api/embed", r#"{"input":8}"#, body).await.json();
    assert_eq!(
        (embedded["embeddings"].as_array().unwrap().len(), &embedded["prompt_eval_count"]),
        (2, &8.into())
    );
    let tags = call(&simulated, "/api/tags", "", "").await.json();
    assert_eq!(tags["models"][0]["name"], "llama3.2:latest");
}

#[tokio::test]
async fn bedrock_answers_in_json_and_in_frames_with_checksums() {
    let simulated = Simulated::start(None).await.unwrap();
    let play = r#"{"input":5408,"cached":4096,"cache_write":1300,"cache_write_1h":1000,"output":200,"chunks":2}"#;
    let body = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let model = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0";
    let whole = sold(&simulated, &format!("{model}/converse"), play, body).await.json();
    let usage = json!({
        "inputTokens": 12, "outputTokens": 200, "totalTokens": 5608,
        "cacheReadInputTokens": 4096, "cacheWriteInputTokens": 1300,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 1000}, {"ttl": "5m", "inputTokens": 300}]
    });
    assert_eq!((&whole["usage"], &whole["stopReason"]), (&usage, &json!("end_turn")));
    assert_eq!(&*last(&simulated).model, "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let stream = sold(&simulated, &format!("{model}/converse-stream"), play, body).await;
    let frames = frames(&stream.body);
    let kinds: Vec<_> = frames.iter().map(|(kind, _)| kind.as_str()).collect();
    let delta = "contentBlockDelta";
    let end = ["contentBlockStop", "messageStop", "metadata"];
    assert_eq!(kinds, [&["messageStart", delta, delta][..], &end[..]].concat());
    assert_eq!(frames[5].1["usage"], usage);
    let play = r#"{"chunks":3,"error_after":2}"#;
    let broken = sold(&simulated, &format!("{model}/converse-stream"), play, body).await;
    let broken = self::frames(&broken.body);
    assert_eq!((broken.len(), broken[2].0.as_str()), (3, "internalServerException"));
}

/// The frames' kinds and payloads. Every checksum is checked.
fn frames(mut rest: &[u8]) -> Vec<(String, Value)> {
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (length, headers) = (word(&rest[..4]) as usize, word(&rest[4..8]) as usize);
        assert_eq!(word(&rest[8..12]), crc32fast::hash(&rest[..8]));
        assert_eq!(word(&rest[length - 4..length]), crc32fast::hash(&rest[..length - 4]));
        let named = 12 + 1 + usize::from(rest[12]) + 1;
        let size = usize::from(u16::from_be_bytes([rest[named], rest[named + 1]]));
        let kind = String::from_utf8(rest[named + 2..named + 2 + size].to_vec()).unwrap();
        let payload = serde_json::from_slice(&rest[12 + headers..length - 4]).unwrap();
        found.push((kind, payload));
        rest = &rest[length..];
    }
    found
}
