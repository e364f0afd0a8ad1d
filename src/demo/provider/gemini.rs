//! Answers of Gemini's `generateContent` and `streamGenerateContent`: one JSON body, server-sent
//! events with CRLF, or one JSON array in pieces. Figures are cumulative in every piece; those that
//! are 0 are left out, as the real API does; thought stands beside the answer, not in it.

use super::draft::{Draft, quoted};
use super::embeddings::numbers;
use super::plan::Plan;
use super::route::Endpoint;
use super::tokens::Tokens;
use crate::usage::Figure;
use std::fmt::Write;

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    piece(plan, &plan.text(), plan.tokens, true)
}

/// The pieces of the stream, in the form that the query asked for.
pub(super) fn stream(plan: &Plan) -> Draft {
    let sse = plan.order.sse;
    let count = plan.chunks.len();
    let mut draft = Draft::with_room(count.saturating_add(2));
    let mut generated = 0_u64;
    for (i, chunk) in plan.chunks.iter().enumerate() {
        generated += 1;
        let so_far = plan.tokens.so_far(generated, plan.parts());
        let piece = piece(plan, chunk, so_far, i + 1 == count);
        let before = match (sse, i) {
            (true, _) => "data: ",
            (false, 0) => "[",
            (false, _) => ",\r\n",
        };
        let after = if sse { "\r\n\r\n" } else { "\n" };
        let _ = write!(draft.text(), "{before}{piece}{after}");
        draft.end_event(generated);
    }
    if !sse {
        draft.text().push_str(if count == 0 { "[]\n" } else { "]\n" });
        draft.end_event(generated);
    }
    draft
}

/// The answer of `embedContent` and `batchEmbedContents`.
pub(super) fn embeddings(plan: &Plan) -> String {
    let vector = |i| format!("{{\"values\":{}}}", numbers(plan, i));
    let input = plan.tokens.input;
    let usage = plan.usage(|| {
        format!(
            "{{\"promptTokenCount\":{input},\"promptTokenDetails\":\
             [{{\"modality\":\"TEXT\",\"tokenCount\":{input}}}]}}"
        )
    });
    let usage = usage.map(|usage| format!(",\"usageMetadata\":{usage}")).unwrap_or_default();
    match plan.order.endpoint {
        Endpoint::GeminiEmbed => format!("{{\"embedding\":{}{usage}}}", vector(0)),
        _ => {
            let vectors: Vec<_> = (0..plan.order.items).map(vector).collect();
            format!("{{\"embeddings\":[{}]{usage}}}", vectors.join(","))
        }
    }
}

/// The answer of `countTokens`.
pub(super) fn count(plan: &Plan) -> String {
    let input = plan.tokens.input;
    format!("{{\"totalTokens\":{input},\"promptTokensDetails\":{}}}", text_tokens(input))
}

fn piece(plan: &Plan, text: &str, so_far: Tokens, last: bool) -> String {
    let finish = match (last, plan.cut_short) {
        (false, _) => "",
        (true, true) => ",\"finishReason\":\"MAX_TOKENS\"",
        (true, false) => ",\"finishReason\":\"STOP\"",
    };
    let usage = plan.usage(|| usage(plan, so_far));
    let usage = usage.map(|usage| format!(",\"usageMetadata\":{usage}")).unwrap_or_default();
    format!(
        "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":{}}}],\"role\":\"model\"}}{finish},\
         \"index\":0}}]{usage},\"modelVersion\":{},\"responseId\":\"{}\"}}",
        quoted(text),
        quoted(&plan.model),
        plan.serial()
    )
}

fn usage(plan: &Plan, t: Tokens) -> String {
    let tools = plan.extras.get(Figure::ToolUseInput);
    let prompt = t.input.saturating_sub(tools);
    let counts = [
        ("promptTokenCount", prompt),
        ("cachedContentTokenCount", t.cached),
        ("candidatesTokenCount", t.output.saturating_sub(t.reasoning)),
        ("toolUsePromptTokenCount", tools),
        ("thoughtsTokenCount", t.reasoning),
        ("totalTokenCount", t.total()),
    ];
    let mut text = String::new();
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}\"{name}\":{count}");
    }
    for (name, count) in [
        ("promptTokensDetails", prompt),
        ("cacheTokensDetails", t.cached),
        ("toolUsePromptTokensDetails", tools),
    ] {
        if count > 0 {
            let _ = write!(text, ",\"{name}\":{}", text_tokens(count));
        }
    }
    format!("{{{text}}}")
}

fn text_tokens(count: u64) -> String {
    format!("[{{\"modality\":\"TEXT\",\"tokenCount\":{count}}}]")
}
