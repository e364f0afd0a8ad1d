//! The bound of a request body is above whatever a byte-level vocabulary can make of it.
//! Compiled under `#[cfg(test)]` only.

use super::*;
use crate::dialect::{Named, read_request};
use crate::pricing::PriceTable;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A part of a message, and how many tokens it can be at most.
fn part(anthropic: bool) -> impl Strategy<Value = (Value, u64)> {
    let url = "[A-Za-z0-9+/]{0,300}".prop_map(|data| format!("data:image/png;base64,{data}"));
    prop_oneof![
        3 => "[ -~é日🙂\"\\\\\n]{0,80}".prop_map(|text| {
            let bytes = text.len() as u64;
            (json!({ "type": "text", "text": text }), bytes)
        }),
        1 => url.prop_map(move |url| match anthropic {
            true => {
                let source = json!({ "type": "base64", "media_type": "image/png", "data": url });
                (json!({ "type": "image", "source": source }), 4_784)
            }
            false => (json!({ "type": "image_url", "image_url": { "url": url } }), 24_600),
        }),
        // A text that only looks like an image is told to the model.
        1 => "[ -~]{0,80}".prop_map(|text| {
            let bytes = text.len() as u64;
            (json!({ "type": "text", "text": text, "note": { "image_url": "x", "data": "y" } }), bytes)
        }),
    ]
}

fn body(anthropic: bool) -> impl Strategy<Value = (Value, u64)> {
    let message = prop::collection::vec(part(anthropic), 0..4);
    let tool = ("[a-z]{1,9}", "[ -~é日🙂]{0,60}");
    let tools = prop::collection::vec(tool, 0..3);
    (prop::collection::vec(message, 1..5), tools).prop_map(|(messages, tools)| {
        // The start of a message, its role, its end and a name.
        let mut tokens = messages.len() as u64 * 5;
        let messages = messages.into_iter().map(|parts| {
            let (parts, sizes): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            tokens += sizes.into_iter().sum::<u64>();
            json!({ "role": "user", "content": parts })
        });
        let messages: Vec<_> = messages.collect();
        let tools = tools.into_iter().map(|(name, description)| {
            let properties =
                json!({ "image_url": { "type": "string", "description": description } });
            json!({ "name": name, "input_schema": { "type": "object", "properties": properties } })
        });
        let tools: Vec<_> = tools.collect();
        let mut body = json!({ "model": "m", "max_tokens": 9, "messages": messages });
        if !tools.is_empty() {
            // As ASCII with indentation, with the instructions of the dearest model.
            let pretty = serde_json::to_string_pretty(&tools).unwrap();
            let escaped: u64 = pretty
                .chars()
                .map(|c| if c.is_ascii() { 1 } else { 6 * c.len_utf16() as u64 })
                .sum();
            // A run of spaces is one token.
            let indents: u64 = pretty
                .lines()
                .map(|line| (line.len() - line.trim_start().len()).saturating_sub(1) as u64)
                .sum();
            tokens += escaped - indents + 530;
            body["tools"] = tools.into();
        }
        (body, tokens)
    })
}

fn bounded(provider: &str, operation: Operation, body: &Value) -> u64 {
    let text = format!(
        "[[model]]\nid = 'm'\nprovider = '{provider}'\n[[model.price]]\ninput = '1'\noutput = '1'"
    );
    let table = PriceTable::parse(&text).unwrap();
    let mut reader = read_request(operation, Named::default(), None).unwrap();
    reader.push(body.to_string().as_bytes()).unwrap();
    let call = reader.finish().unwrap();
    super::super::bound::most(&call, table.find(None, "m").unwrap())
        .map(|m| m.tokens.input)
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_chat_has_more_tokens_than_its_bound((body, tokens) in body(false)) {
        let bound = bounded("openai", Operation::OpenAiChat, &body);
        prop_assert!(tokens <= bound, "{} tokens, bound {}: {}", tokens, bound, body);
    }

    #[test]
    fn no_messages_have_more_tokens_than_their_bound((body, tokens) in body(true)) {
        let bound = bounded("anthropic", Operation::AnthropicMessages, &body);
        prop_assert!(tokens <= bound, "{} tokens, bound {}: {}", tokens, bound, body);
    }
}
