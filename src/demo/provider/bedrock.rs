//! Answers of Bedrock's `/model/M/converse` (JSON) and `/model/M/converse-stream` (AWS event
//! stream). Input is reported without the cache's part; the model stands in the path only.

use super::aws_frames;
use super::draft::{Draft, quoted};
use super::plan::Plan;
use crate::usage::Figure;

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    format!(
        "{{\"metrics\":{{\"latencyMs\":812}},\"output\":{{\"message\":{{\"content\":\
         [{{\"text\":{}}}],\"role\":\"assistant\"}}}},\"stopReason\":\"{}\"{}{}}}",
        quoted(&plan.text()),
        stop_reason(plan),
        field(plan),
        tier(plan)
    )
}

/// The frames of the stream.
pub(super) fn stream(plan: &Plan) -> Draft {
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(4));
    let mut generated = 0_u64;
    let mut send = |kind: &str, payload: String, generated: u64| {
        draft.text().push_bytes(&aws_frames::event(kind, &payload));
        draft.end_event(generated);
    };
    send("messageStart", "{\"p\":\"abc\",\"role\":\"assistant\"}".to_owned(), 0);
    for (i, chunk) in plan.chunks.iter().enumerate() {
        generated += 1;
        let (text, noise) = (quoted(chunk), plan.noise(i));
        let delta =
            format!("{{\"contentBlockIndex\":0,\"delta\":{{\"text\":{text}}},\"p\":\"{noise}\"}}");
        send("contentBlockDelta", delta, generated);
    }
    send("contentBlockStop", "{\"contentBlockIndex\":0,\"p\":\"a\"}".to_owned(), generated);
    let stop = format!("{{\"p\":\"abcd\",\"stopReason\":\"{}\"}}", stop_reason(plan));
    send("messageStop", stop, generated);
    let metadata = format!(
        "{{\"metrics\":{{\"latencyMs\":900}},\"p\":\"abcdef\"{}{}}}",
        field(plan),
        tier(plan)
    );
    send("metadata", metadata, generated);
    draft
}

const fn stop_reason(plan: &Plan) -> &'static str {
    if plan.cut_short { "max_tokens" } else { "end_turn" }
}

fn tier(plan: &Plan) -> String {
    match plan.tier.as_str() {
        "default" => String::new(),
        tier => format!(",\"serviceTier\":{{\"type\":{}}}", quoted(tier)),
    }
}

fn field(plan: &Plan) -> String {
    let usage = plan.usage(|| usage(plan));
    usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default()
}

fn usage(plan: &Plan) -> String {
    let t = plan.tokens;
    let input = t.input.saturating_sub(t.cached).saturating_sub(t.cache_write);
    let lifetimes = [("1h", Figure::CacheWrite1h), ("5m", Figure::CacheWrite5m)];
    let details: Vec<_> = lifetimes
        .into_iter()
        .map(|(ttl, figure)| (ttl, plan.extras.get(figure)))
        .filter(|(_, count)| *count > 0)
        .map(|(ttl, count)| format!("{{\"ttl\":\"{ttl}\",\"inputTokens\":{count}}}"))
        .collect();
    let details = match details.is_empty() {
        true => String::new(),
        false => format!(",\"cacheDetails\":[{}]", details.join(",")),
    };
    format!(
        "{{\"inputTokens\":{input},\"outputTokens\":{},\"totalTokens\":{},\
         \"cacheReadInputTokens\":{},\"cacheWriteInputTokens\":{}{details}}}",
        t.output,
        t.total(),
        t.cached,
        t.cache_write
    )
}
