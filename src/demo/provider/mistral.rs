//! What Mistral does differently from OpenAI: its usage block, and `/v1/ocr`, which is billed by
//! the page. Its chat is written by `completions.rs`.

use super::draft::quoted;
use super::plan::Plan;
use crate::usage::Figure;

/// The usage block of a chat.
pub(super) fn usage(plan: &Plan) -> String {
    let t = plan.tokens;
    format!(
        "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{},\
         \"num_cached_tokens\":{},\"prompt_tokens_details\":{{\"cached_tokens\":{}}},\
         \"service_tier\":{}}}",
        t.input,
        t.output,
        t.total(),
        t.cached,
        t.cached,
        quoted(&plan.tier)
    )
}

/// The answer of `/v1/ocr`.
pub(super) fn pages(plan: &Plan) -> String {
    let count = plan.extras.get(Figure::Pages);
    let text = quoted(&plan.text());
    let pages: Vec<_> = (0..count)
        .map(|i| {
            format!(
                "{{\"index\":{i},\"markdown\":{text},\"images\":[],\
                 \"dimensions\":{{\"dpi\":200,\"height\":2200,\"width\":1700}}}}"
            )
        })
        .collect();
    let size = plan.order.prompt_bytes;
    let usage = plan.usage(|| format!("{{\"pages_processed\":{count},\"doc_size_bytes\":{size}}}"));
    format!(
        "{{\"pages\":[{}],\"model\":{}{}}}",
        pages.join(","),
        quoted(&plan.model),
        usage.map(|usage| format!(",\"usage_info\":{usage}")).unwrap_or_default()
    )
}
