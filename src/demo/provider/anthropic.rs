//! Answers of Anthropic's `/v1/messages`, JSON and SSE. Input is reported without what the cache
//! had a part in; the split of cache writes by lifetime stands in the first event only; figures in
//! `message_delta` are cumulative, and input grows there by what the server's tools brought.

use super::draft::{Draft, quoted};
use super::plan::Plan;
use crate::usage::Figure;
use std::fmt::Write;

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    let content = format!("[{{\"type\":\"text\",\"text\":{}}}]", quoted(&plan.text()));
    message(plan, &content, &quoted(stop_reason(plan)), plan.usage(|| full_usage(plan)))
}

/// The events of the stream.
pub(super) fn stream(plan: &Plan) -> Draft {
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(6));
    let mut generated = 0_u64;
    let mut send = |name: &str, fields: &str, generated: u64| {
        let _ = write!(draft.text(), "event: {name}\ndata: {{\"type\":\"{name}\"{fields}}}\n\n");
        draft.end_event(generated);
    };
    let begun = message(plan, "[]", "null", plan.usage(|| first_usage(plan)));
    send("message_start", &format!(",\"message\":{begun}"), 0);
    let block = ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}";
    send("content_block_start", block, 0);
    send("ping", "", 0);
    for chunk in &plan.chunks {
        generated += 1;
        let delta = format!("{{\"type\":\"text_delta\",\"text\":{}}}", quoted(chunk));
        send("content_block_delta", &format!(",\"index\":0,\"delta\":{delta}"), generated);
    }
    send("content_block_stop", ",\"index\":0", generated);
    let stop = quoted(stop_reason(plan));
    let delta = format!(",\"delta\":{{\"stop_reason\":{stop},\"stop_sequence\":null}}");
    let usage =
        plan.usage(|| format!("{{{}{}}}", totals(plan, plan.tokens.output, 0), tools(plan)));
    send("message_delta", &(delta + &field(usage)), generated);
    send("message_stop", "", generated);
    draft
}

fn message(plan: &Plan, content: &str, stop: &str, usage: Option<String>) -> String {
    format!(
        "{{\"id\":\"msg_{}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{},\
         \"content\":{content},\"stop_reason\":{stop},\"stop_sequence\":null{}}}",
        plan.serial(),
        quoted(&plan.model),
        field(usage)
    )
}

fn field(usage: Option<String>) -> String {
    usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default()
}

const fn stop_reason(plan: &Plan) -> &'static str {
    if plan.cut_short { "max_tokens" } else { "end_turn" }
}

fn full_usage(plan: &Plan) -> String {
    format!(
        "{{{},{},{}{}}}",
        totals(plan, plan.tokens.output, 0),
        lifetimes(plan),
        tier(plan),
        tools(plan)
    )
}

/// At the start nothing is said yet, and no tool has run.
fn first_usage(plan: &Plan) -> String {
    let output = plan.tokens.output.min(1);
    format!("{{{},{},{}}}", totals(plan, output, plan.tool_input), lifetimes(plan), tier(plan))
}

/// `later`: how much of the input comes only later.
fn totals(plan: &Plan, output: u64, later: u64) -> String {
    let t = plan.tokens;
    let input = t.input.saturating_sub(t.cached).saturating_sub(t.cache_write);
    format!(
        "\"input_tokens\":{},\"cache_creation_input_tokens\":{},\"cache_read_input_tokens\":{},\
         \"output_tokens\":{output}",
        input.saturating_sub(later),
        t.cache_write,
        t.cached
    )
}

fn lifetimes(plan: &Plan) -> String {
    format!(
        "\"cache_creation\":{{\"ephemeral_5m_input_tokens\":{},\"ephemeral_1h_input_tokens\":{}}}",
        plan.extras.get(Figure::CacheWrite5m),
        plan.extras.get(Figure::CacheWrite1h)
    )
}

fn tier(plan: &Plan) -> String {
    format!("\"service_tier\":{}", quoted(&plan.tier))
}

/// What is reported only where there is some.
fn tools(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.tokens.reasoning > 0 {
        let thought = plan.tokens.reasoning;
        let _ = write!(text, ",\"output_tokens_details\":{{\"thinking_tokens\":{thought}}}");
    }
    let searches = plan.extras.get(Figure::WebSearchRequests);
    let fetches = plan.extras.get(Figure::WebFetchRequests);
    if searches + fetches > 0 {
        let _ = write!(
            text,
            ",\"server_tool_use\":{{\"web_search_requests\":{searches},\
             \"web_fetch_requests\":{fetches}}}"
        );
    }
    text
}
