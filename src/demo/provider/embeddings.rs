//! Answers of `/v1/embeddings`: vectors of no meaning, as numbers or in base64 as the SDKs ask for
//! them. Fewer dimensions than the real models have, unless the request names them.

use super::draft::quoted;
use super::plan::{Block, Plan};
use std::fmt::Write;

/// The answer's JSON body.
pub(super) fn json(plan: &Plan) -> String {
    let mut body = String::from("{\"object\":\"list\",\"data\":[");
    for i in 0..plan.order.texts {
        let comma = if i == 0 { "" } else { "," };
        let vector = vector(plan, i);
        let embedding = match plan.order.base64 {
            true => format!("\"{}\"", base64(&vector)),
            false => numbers(&vector),
        };
        let _ = write!(
            body,
            "{comma}{{\"object\":\"embedding\",\"index\":{i},\"embedding\":{embedding}}}"
        );
    }
    let _ = write!(body, "],\"model\":{}", quoted(&plan.model));
    let input = plan.tokens.input;
    let _ = match &plan.block {
        Block::Absent => Ok(()),
        Block::Verbatim(text) => write!(body, ",\"usage\":{text}"),
        Block::True => {
            write!(body, ",\"usage\":{{\"prompt_tokens\":{input},\"total_tokens\":{input}}}")
        }
    };
    body.push('}');
    body
}

fn vector(plan: &Plan, text: usize) -> Vec<f32> {
    let text = u32::try_from(text).unwrap_or(0).wrapping_mul(0x85eb_ca6b);
    let mut state = plan.order.seed ^ text | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f32::from(state.to_le_bytes()[0]) / 128.0 - 1.0
    };
    (0..plan.order.dimensions).map(|_| draw()).collect()
}

fn numbers(vector: &[f32]) -> String {
    let numbers: Vec<_> = vector.iter().map(f32::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn base64(vector: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let three = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from(bits >> shift & 63).unwrap_or(0);
            text.push(if place <= group.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_little_endian_floats() {
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, -0.5]), "AACAPwAAAL8=");
        assert_eq!(base64(&[1.0, -0.5, 0.25]), "AACAPwAAAL8AAIA+");
    }
}
