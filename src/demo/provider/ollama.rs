//! Answers of Ollama's own API: `/api/chat` and `/api/generate`, as lines of JSON unless the
//! request says `stream: false`, `/api/embed` and `/api/tags`. The figures stand in the last line.

use super::draft::{Draft, quoted};
use super::embeddings::numbers;
use super::plan::Plan;
use super::route::Endpoint;
use std::fmt::Write;

const CREATED_AT: &str = "2026-11-22T10:00:00.000000Z";
const MODELS: [&str; 2] = ["llama3.2:latest", "all-minilm:latest"];

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    line(plan, &plan.text(), true)
}

/// The lines of the stream.
pub(super) fn stream(plan: &Plan) -> Draft {
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(1));
    let mut generated = 0_u64;
    for chunk in &plan.chunks {
        generated += 1;
        let _ = writeln!(draft.text(), "{}", line(plan, chunk, false));
        draft.end_event(generated);
    }
    let _ = writeln!(draft.text(), "{}", line(plan, "", true));
    draft.end_event(generated);
    draft
}

/// The answer of `/api/embed`.
pub(super) fn embeddings(plan: &Plan) -> String {
    let vectors: Vec<_> = (0..plan.order.items).map(|i| numbers(plan, i)).collect();
    let count = plan.usage(|| plan.tokens.input.to_string());
    format!(
        "{{\"model\":{},\"embeddings\":[{}],\"total_duration\":14143917,\"load_duration\":1019500{}}}",
        quoted(&plan.model),
        vectors.join(","),
        count.map(|count| format!(",\"prompt_eval_count\":{count}")).unwrap_or_default()
    )
}

/// The answer of `/api/tags`.
pub(super) fn tags() -> String {
    let tags = MODELS.map(|name| {
        format!(
            "{{\"name\":\"{name}\",\"model\":\"{name}\",\"modified_at\":\"{CREATED_AT}\",\
             \"size\":2019393189,\"digest\":\"{}\",\"details\":{{\"parent_model\":\"\",\
             \"format\":\"gguf\",\"family\":\"llama\",\"families\":[\"llama\"],\
             \"parameter_size\":\"3.2B\",\"quantization_level\":\"Q4_K_M\"}}}}",
            "0".repeat(64)
        )
    });
    format!("{{\"models\":[{}]}}", tags.join(","))
}

fn line(plan: &Plan, text: &str, last: bool) -> String {
    let text = quoted(text);
    let said = match plan.order.endpoint {
        Endpoint::OllamaChat => {
            format!("\"message\":{{\"role\":\"assistant\",\"content\":{text}}}")
        }
        _ => format!("\"response\":{text}"),
    };
    format!(
        "{{\"model\":{},\"created_at\":\"{CREATED_AT}\",{said},\"done\":{last}{}}}",
        quoted(&plan.model),
        if last { ending(plan) } else { String::new() }
    )
}

fn ending(plan: &Plan) -> String {
    let reason = if plan.cut_short { "length" } else { "stop" };
    let memory = match plan.order.endpoint {
        Endpoint::OllamaGenerate => ",\"context\":[1,2,3]",
        _ => "",
    };
    format!(
        ",\"done_reason\":\"{reason}\"{memory}{},\"total_duration\":4883583458,\
         \"load_duration\":1334875,\"prompt_eval_duration\":342546000,\
         \"eval_duration\":4535599000",
        plan.usage(|| counts(plan)).map(spliced).unwrap_or_default()
    )
}

/// The counts stand among the other fields, without a block of their own.
fn spliced(block: String) -> String {
    match block.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some("") => String::new(),
        Some(fields) => format!(",{fields}"),
        None => format!(",\"usage\":{block}"),
    }
}

fn counts(plan: &Plan) -> String {
    let t = plan.tokens;
    let cached = match t.cached {
        0 => String::new(),
        cached => format!(",\"prompt_eval_cached_count\":{cached}"),
    };
    format!("{{\"prompt_eval_count\":{}{cached},\"eval_count\":{}}}", t.input, t.output)
}
