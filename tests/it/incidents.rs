//! What went wrong with cached tokens and prices at other gateways, each through the real proxy with
//! an answer of that form. The numbers are those of the reports, where they have some.
//!
//! Costs are in millionths of a dollar (prices are for a million tokens) times a thousand.

use crate::canned::cost;
use crate::world::{CHAT, chat};

const MESSAGES: &str = "/v1/messages";

fn messages(model: &str, rest: &str) -> String {
    format!(
        r#"{{"model":"{model}","max_tokens":1000,"messages":[{{"role":"user","content":"hi"}}]{rest}}}"#
    )
}

fn message(model: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"{model}","content":[{{"type":"text","text":"Hello."}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{{usage}}}}}"#
    )
}

/// A stream of Anthropic's with usage at its beginning and at its end.
fn streamed(model: &str, begin: &str, end: &str) -> String {
    let events = [
        (
            "message_start",
            format!(
                r#"{{"type":"message_start","message":{{"id":"msg_1","type":"message","role":"assistant","model":"{model}","content":[],"stop_reason":null,"stop_sequence":null,"usage":{{{begin}}}}}}}"#
            ),
        ),
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.to_owned(),
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello."}}"#.to_owned(),
        ),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#.to_owned()),
        (
            "message_delta",
            format!(
                r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{{end}}}}}"#
            ),
        ),
        ("message_stop", r#"{"type":"message_stop"}"#.to_owned()),
    ];
    events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect()
}

fn completion(model: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"c1","object":"chat.completion","created":1794000000,"model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hello."}},"finish_reason":"stop"}}],"usage":{{{usage}}}}}"#
    )
}

/// LiteLLM #9812: cache writes charged as input, too ($0.091311 for $0.054399).
#[tokio::test]
async fn cache_writes_are_not_charged_as_input_too() {
    let model = "claude-3-7-sonnet-20250219";
    let usage = r#""input_tokens":3,"cache_creation_input_tokens":12304,"cache_read_input_tokens":0,"output_tokens":550"#;
    let found = cost("anthropic", MESSAGES, &messages(model, ""), &message(model, usage), "").await;
    // 3 × 3 + 12,304 × 3.75 + 550 × 15 = 54,399 millionths.
    assert_eq!(found, 54_399_000);
}

/// LiteLLM #11789 and #6215: cache reads charged as input, but only in streams.
#[tokio::test]
async fn cache_reads_cost_the_same_in_a_stream() {
    let model = "claude-sonnet-4-5";
    let usage = |output: u64| {
        format!(
            r#""input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":2455,"output_tokens":{output}"#
        )
    };
    // 4 × 3 + 2,455 × 0.3 + 23 × 15 = 12 + 736.5 + 345 = 1,093.5 millionths.
    let whole = message(model, &usage(23));
    let found = cost("anthropic", MESSAGES, &messages(model, ""), &whole, "").await;
    assert_eq!(found, 1_093_500);
    let stream = messages(model, r#","stream":true"#);
    let chunks = streamed(model, &usage(1), r#""output_tokens":23"#);
    assert_eq!(cost("anthropic", MESSAGES, &stream, &chunks, "").await, 1_093_500);
    // LangChain.js #10249: the end repeats what the beginning said of the cache.
    let chunks = streamed(model, &usage(1), &usage(23));
    assert_eq!(cost("anthropic", MESSAGES, &stream, &chunks, "").await, 1_093_500);
}

/// future-agi #1122: Anthropic leaves cached tokens out of `input_tokens`; who reads only that lets
/// them ride free. A whole prompt in the cache is not free either.
#[tokio::test]
async fn cached_tokens_beside_the_input_do_not_ride_free() {
    let model = "claude-sonnet-4-5";
    let usage = r#""input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":100000,"output_tokens":0"#;
    let found = cost("anthropic", MESSAGES, &messages(model, ""), &message(model, usage), "").await;
    // 100,000 × 0.3 = 30,000 millionths.
    assert_eq!(found, 30_000_000);
}

/// sashiko #113: Bedrock leaves what was read from the cache, and what was written, out of the input.
#[tokio::test]
async fn cached_tokens_of_bedrock_do_not_ride_free() {
    let usage = r#""inputTokens":10,"outputTokens":5,"totalTokens":3215,"cacheReadInputTokens":3000,"cacheWriteInputTokens":200"#;
    let body = format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{{"text":"Hello."}}]}}}},"stopReason":"end_turn","usage":{{{usage}}},"metrics":{{"latencyMs":9}}}}"#
    );
    let path = "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1:0/converse";
    let request = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    // 10 × 3.3 + 3,000 × 0.33 + 200 × 4.125 + 5 × 16.5 = 33 + 990 + 825 + 82.5 millionths.
    assert_eq!(cost("bedrock", path, request, &body, "").await, 1_930_500);
}

/// LiteLLM #31724: writes for an hour charged at the price of those for five minutes in streams. The
/// split stands in the first event only.
#[tokio::test]
async fn writes_for_an_hour_have_their_price_in_a_stream() {
    let model = "claude-sonnet-4-6";
    let begin = r#""input_tokens":15,"cache_creation_input_tokens":4803,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":4803},"output_tokens":1"#;
    let end = r#""input_tokens":15,"cache_creation_input_tokens":4803,"cache_read_input_tokens":0,"output_tokens":47"#;
    let stream = messages(model, r#","stream":true"#);
    let found = cost("anthropic", MESSAGES, &stream, &streamed(model, begin, end), "").await;
    // 15 × 3 + 4,803 × 6 + 47 × 15 = 45 + 28,818 + 705 = 29,568 millionths.
    assert_eq!(found, 29_568_000);
}

/// candela #189, OpenAI's half: cached tokens are part of the prompt's (2 times too much).
#[tokio::test]
async fn cached_tokens_of_openai_are_part_of_the_prompt() {
    let usage = r#""prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920},"completion_tokens_details":{"reasoning_tokens":0}"#;
    let body = completion("gpt-5-2025-08-07", usage);
    let found = cost("openai", CHAT, &chat("gpt-5", ""), &body, "").await;
    // 86 × 1.25 + 1,920 × 0.125 + 300 × 10 = 107.5 + 240 + 3,000 = 3,347.5 millionths.
    assert_eq!(found, 3_347_500);
}

/// pi #2148: Gemini's cached tokens at both prices ($0.0137 for $0.0056).
#[tokio::test]
async fn cached_tokens_of_gemini_are_part_of_the_prompt() {
    let model = "gemini-3-flash-preview";
    let usage = r#""promptTokenCount":20212,"cachedContentTokenCount":16298,"candidatesTokenCount":931,"totalTokenCount":21143"#;
    let body = format!(
        r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"Hello."}}]}},"finishReason":"STOP","index":0}}],"usageMetadata":{{{usage}}},"modelVersion":"{model}"}}"#
    );
    // 3,914 × 0.5 + 16,298 × 0.05 + 931 × 3 = 1,957 + 814.9 + 2,793 = 5,564.9 millionths.
    let request = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    let path = format!("/v1beta/models/{model}:generateContent");
    assert_eq!(cost("gemini", &path, request, &body, "").await, 5_564_900);
    let chunks = format!("data: {body}\r\n\r\n");
    let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
    assert_eq!(cost("gemini", &path, request, &chunks, "").await, 5_564_900);
}

/// Aider #5516: DeepSeek says hits and misses; a price was subtracted from a count, so that every
/// token of the prompt had the full price, and hits their own on top.
#[tokio::test]
async fn hits_and_misses_of_deepseek_make_up_the_prompt() {
    let usage = r#""prompt_tokens":10000,"completion_tokens":100,"total_tokens":10100,"prompt_cache_hit_tokens":10000,"prompt_cache_miss_tokens":0"#;
    let body = completion("deepseek-chat", usage);
    let found = cost("deepseek", CHAT, &chat("deepseek-chat", ""), &body, "").await;
    // 10,000 × 0.028 + 100 × 0.42 = 280 + 42 = 322 millionths.
    assert_eq!(found, 322_000);
}

/// LiteLLM #40006: the same at prices of the operator's own.
#[tokio::test]
async fn cached_tokens_are_charged_once_at_negotiated_prices_too() {
    let own = "[[prices.overrides]]\nprovider = 'anthropic'\nmodels = ['claude-sonnet-4-5']\n\
               price = [{ input = '2', cached_input = '0.2', cache_write = '2.5', output = '10' }]";
    let model = "claude-sonnet-4-5";
    let usage = r#""input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"output_tokens":40"#;
    let body = message(model, usage);
    let found = cost("anthropic", MESSAGES, &messages(model, ""), &body, own).await;
    // 10 × 2 + 200 × 2.5 + 3,000 × 0.2 + 40 × 10 = 20 + 500 + 600 + 400 = 1,520 millionths.
    assert_eq!(found, 1_520_000);
}

/// LiteLLM #37992: a zero that the provider reports was replaced by an estimate.
#[tokio::test]
async fn a_reported_zero_is_zero() {
    let usage = r#""prompt_tokens":9,"completion_tokens":0,"total_tokens":9"#;
    let body = completion("gpt-5", usage);
    // 9 × 1.25 = 11.25 millionths, though the answer has text.
    assert_eq!(cost("openai", CHAT, &chat("gpt-5", ""), &body, "").await, 11_250);
}

/// WSO2 #2932: a call was charged as one, whatever it used. Here a fee is added to what it used.
#[tokio::test]
async fn a_fee_for_each_call_does_not_take_the_place_of_its_tokens() {
    let fee = "[[prices.markups]]\nper_request = '0.001'";
    let usage = r#""prompt_tokens":1000,"completion_tokens":1000,"total_tokens":2000"#;
    let body = completion("gpt-5", usage);
    // 1,000 × 1.25 + 1,000 × 10 = 11,250 millionths, and 1,000 more.
    assert_eq!(cost("openai", CHAT, &chat("gpt-5", ""), &body, fee).await, 12_250_000);
}

const FIRST_HAND: &str = "[prices]\nprovider_cost = 'charge'";

/// What OpenRouter says of a call, by its usage block after the tokens.
async fn routed(rest: &str, configuration: &str) -> i64 {
    let model = "anthropic/claude-sonnet-4.5";
    let usage = format!(
        r#""prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"prompt_tokens_details":{{"cached_tokens":0,"cache_write_tokens":100}},{rest}"#
    );
    let body = completion(model, &usage);
    cost("openrouter", CHAT, &chat(model, ""), &body, configuration).await
}

/// Automatos #745: OpenRouter's cost and the cost behind it added up, where one is the other (2.0
/// times the price).
#[tokio::test]
async fn a_cost_behind_the_provider_is_not_added_to_its_own() {
    let usage =
        r#""cost":0.00095,"is_byok":false,"cost_details":{"upstream_inference_cost":0.00095}"#;
    assert_eq!(routed(usage, FIRST_HAND).await, 950_000);
}

/// dd-trace-py #19324, kilocode #13840: with a key of one's own OpenRouter takes nothing, or a fee,
/// and the provider behind it the rest; such calls were free.
#[tokio::test]
async fn a_call_on_a_key_of_ones_own_is_not_free() {
    let paid = r#""cost_details":{"upstream_inference_cost":0.00197}"#;
    let nothing = format!(r#""cost":0,"is_byok":true,{paid}"#);
    assert_eq!(routed(&nothing, FIRST_HAND).await, 1_970_000);
    let fee = format!(r#""cost":0.0000985,"is_byok":true,{paid}"#);
    assert_eq!(routed(&fee, FIRST_HAND).await, 2_068_500);
    // What was paid behind it is not known: 94 × 3 + 100 × 3.75 + 2 × 15 = 687 millionths.
    let unknown = r#""cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":null}"#;
    assert_eq!(routed(unknown, FIRST_HAND).await, 687_000);
}
