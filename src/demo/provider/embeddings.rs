//! Answers of `/v1/embeddings`, and the vectors of no meaning that every vendor's embeddings are
//! made of: as numbers or in base64 as the SDKs ask for them. Fewer dimensions than the real models
//! have, unless the request names them.

use super::base64::base64;
use super::draft::quoted;
use super::plan::Plan;
use super::vendor::Vendor;
use std::fmt::Write;

/// The answer's JSON body.
pub(super) fn json(plan: &Plan) -> String {
    let mistral = plan.order.vendor == Vendor::Mistral;
    let id = if mistral { format!("\"id\":\"{}\",", plan.serial()) } else { String::new() };
    let mut body = format!("{{{id}\"object\":\"list\",\"data\":[");
    for i in 0..plan.order.items {
        let comma = if i == 0 { "" } else { "," };
        let embedding = match plan.order.base64 {
            true => coded(plan, i),
            false => numbers(plan, i),
        };
        let _ = write!(
            body,
            "{comma}{{\"object\":\"embedding\",\"index\":{i},\"embedding\":{embedding}}}"
        );
    }
    let _ = write!(body, "],\"model\":{}", quoted(&plan.model));
    let input = plan.tokens.input;
    let output = if mistral { ",\"completion_tokens\":0" } else { "" };
    let usage =
        plan.usage(|| format!("{{\"prompt_tokens\":{input},\"total_tokens\":{input}{output}}}"));
    if let Some(usage) = usage {
        let _ = write!(body, ",\"usage\":{usage}");
    }
    body.push('}');
    body
}

/// The vector of text `i` as a list of numbers.
pub(super) fn numbers(plan: &Plan, i: usize) -> String {
    let numbers: Vec<_> = vector(plan, i).map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

/// The vector of text `i` as a JSON string: base64 of little-endian floats.
pub(super) fn coded(plan: &Plan, i: usize) -> String {
    let bytes: Vec<u8> = vector(plan, i).flat_map(f32::to_le_bytes).collect();
    format!("\"{}\"", base64(&bytes))
}

fn vector(plan: &Plan, text: usize) -> impl Iterator<Item = f32> {
    let text = u32::try_from(text).unwrap_or(0).wrapping_mul(0x85eb_ca6b);
    let mut state = plan.order.seed ^ text | 1;
    let draw = move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f32::from(state.to_le_bytes()[0]) / 128.0 - 1.0
    };
    (0..plan.order.dimensions).map(draw)
}
