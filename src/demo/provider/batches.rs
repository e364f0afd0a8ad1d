//! OpenAI's batches: created without figures, done with those of all their calls together.

use super::CREATED;
use super::draft::quoted;
use super::plan::Plan;

/// The batch in this state; figures belong to `completed` alone.
pub(super) fn json(plan: &Plan, status: &str) -> String {
    let done = status == "completed";
    let t = plan.tokens;
    let usage = plan.usage(|| {
        format!(
            "{{\"input_tokens\":{},\"input_tokens_details\":{{\"cached_tokens\":{}}},\
             \"output_tokens\":{},\"output_tokens_details\":{{\"reasoning_tokens\":{}}},\
             \"total_tokens\":{}}}",
            t.input,
            t.cached,
            t.output,
            t.reasoning,
            t.total()
        )
    });
    let usage = usage.filter(|_| done).unwrap_or_else(|| "null".to_owned());
    let output = if done { "\"file-simulated-output\"" } else { "null" };
    format!(
        "{{\"id\":\"{}\",\"object\":\"batch\",\"endpoint\":\"/v1/chat/completions\",\
         \"errors\":null,\"input_file_id\":\"file-simulated\",\"completion_window\":\"24h\",\
         \"status\":\"{status}\",\"output_file_id\":{output},\"error_file_id\":null,\
         \"created_at\":{CREATED},\"model\":{},\"request_counts\":{{\"total\":2,\
         \"completed\":{},\"failed\":0}},\"usage\":{usage},\"metadata\":null}}",
        id(plan),
        quoted(&plan.model),
        if done { 2 } else { 0 }
    )
}

/// The batch's id.
pub(super) fn id(plan: &Plan) -> String {
    format!("batch_{}", plan.serial())
}
