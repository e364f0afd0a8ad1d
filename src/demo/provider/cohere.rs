//! Answers of Cohere's `/v2/chat`, `/v2/embed` and `/v2/rerank`. What is billed and what the model
//! saw are two blocks; counts of chat are written as floats, as the SDK types them.

use super::draft::{Draft, quoted};
use super::embeddings::{coded, numbers};
use super::plan::Plan;
use crate::usage::Figure;
use std::fmt::Write;

/// A chat's whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    let usage = plan.usage(|| usage(plan)).map(|usage| format!(",\"usage\":{usage}"));
    format!(
        "{{\"id\":\"{}\",\"finish_reason\":\"{}\",\"message\":{{\"role\":\"assistant\",\
         \"content\":[{{\"type\":\"text\",\"text\":{}}}]}}{}}}",
        plan.serial(),
        finish(plan),
        quoted(&plan.text()),
        usage.unwrap_or_default()
    )
}

/// The events of a chat's stream.
pub(super) fn stream(plan: &Plan) -> Draft {
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(4));
    let mut generated = 0_u64;
    let mut send = |name: &str, fields: &str, generated: u64| {
        let _ = write!(draft.text(), "event: {name}\ndata: {{\"type\":\"{name}\",{fields}}}\n\n");
        draft.end_event(generated);
    };
    let begun = "\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\
                 \"tool_calls\":[],\"citations\":[]}}";
    send("message-start", &format!("\"id\":\"{}\",{begun}", plan.serial()), 0);
    let content = |content: &str| {
        format!("\"index\":0,\"delta\":{{\"message\":{{\"content\":{{{content}}}}}}}")
    };
    send("content-start", &content("\"type\":\"text\",\"text\":\"\""), 0);
    for chunk in &plan.chunks {
        generated += 1;
        send("content-delta", &content(&format!("\"text\":{}", quoted(chunk))), generated);
    }
    send("content-end", "\"index\":0", generated);
    let usage = plan.usage(|| usage(plan)).map(|usage| format!(",\"usage\":{usage}"));
    let usage = usage.unwrap_or_default();
    let delta = format!("\"delta\":{{\"finish_reason\":\"{}\"{usage}}}", finish(plan));
    send("message-end", &delta, generated);
    draft
}

/// The answer of `/v2/embed`.
pub(super) fn embeddings(plan: &Plan) -> String {
    let (name, vector): (_, fn(&Plan, usize) -> String) = match plan.order.base64 {
        true => ("base64", coded),
        false => ("float", numbers),
    };
    let vectors: Vec<_> = (0..plan.order.items).map(|i| vector(plan, i)).collect();
    format!(
        "{{\"id\":\"{}\",\"embeddings\":{{\"{name}\":[{}]}},\"texts\":[]{},\
         \"response_type\":\"embeddings_by_type\"}}",
        plan.serial(),
        vectors.join(","),
        meta(plan, "input_tokens", plan.tokens.input)
    )
}

/// The answer of `/v2/rerank`: the documents in their order, each less relevant than the last.
pub(super) fn ranking(plan: &Plan) -> String {
    let shown = plan.order.top.unwrap_or(plan.order.items).min(plan.order.items);
    let results: Vec<_> = (0..shown)
        .map(|i| format!("{{\"index\":{i},\"relevance_score\":0.{:04}}}", 9999 - i.min(9998)))
        .collect();
    format!(
        "{{\"id\":\"{}\",\"results\":[{}]{}}}",
        plan.serial(),
        results.join(","),
        meta(plan, "search_units", plan.extras.get(Figure::SearchUnits))
    )
}

fn meta(plan: &Plan, unit: &str, count: u64) -> String {
    let units = plan.usage(|| format!("{{\"{unit}\":{count}}}"));
    let units = units.map(|units| format!(",\"billed_units\":{units}")).unwrap_or_default();
    format!(",\"meta\":{{\"api_version\":{{\"version\":\"2\"}}{units}}}")
}

const fn finish(plan: &Plan) -> &'static str {
    if plan.cut_short { "MAX_TOKENS" } else { "COMPLETE" }
}

fn usage(plan: &Plan) -> String {
    let t = plan.tokens;
    let (input, output) = (plan.extras.get(Figure::RawInput), plan.extras.get(Figure::RawOutput));
    let cached = match t.cached {
        0 => String::new(),
        cached => format!(",\"cached_tokens\":{cached}.0"),
    };
    format!(
        "{{\"billed_units\":{{\"input_tokens\":{}.0,\"output_tokens\":{}.0}},\
         \"tokens\":{{\"input_tokens\":{input}.0,\"output_tokens\":{output}.0}}{cached}}}",
        t.input, t.output
    )
}
