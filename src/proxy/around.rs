//! What providers put around a prompt, and count as input: framing, words of their own, images.
//!
//! Each figure has its source in docs/strict.md. Not here: what follows from them (`bound`).

use crate::dialect::{Call, Operation, Yields};
use crate::pricing::ModelPrice;

/// Tokens that a vendor adds around a prompt beyond those of its text.
const FRAME: u64 = 64;

/// The same where a chat template or the provider adds words of its own.
const TEMPLATE: u64 = 1_024;

/// Vendors of which it is known that they add nothing but framing.
const PLAIN: [&str; 5] = ["openai", "anthropic", "gemini", "cohere", "deepseek"];

/// What a provider tells a model about the use of tools, or about the form of its answer.
const INSTRUCTIONS: u64 = 1_024;

/// What a provider tells a model about a tool that it describes itself.
const DESCRIPTION: u64 = 1_024;

/// How much longer definitions can get when they are written for the model: escapes of what is not
/// ASCII, indentation.
const REWRITTEN: u64 = 3;

/// What is put before each text that is embedded.
const PREFIX: u64 = 16;

/// The input tokens of what the body holds; `None` where it does not hold all.
pub(super) fn input_of_body(call: &Call, model: &ModelPrice) -> Option<u64> {
    let contents = &call.contents;
    let images = match contents.images {
        0 if call.input_elsewhere => return None,
        0 => 0,
        images if call.operation.yields() == Yields::Text => {
            images.saturating_mul(image_input(model)?)
        }
        _ => return None,
    };
    if contents.beyond {
        return None;
    }
    let text = call.body_bytes.saturating_sub(contents.image_bytes);
    let prefixes = match call.operation.yields() {
        Yields::Vectors => contents.texts.saturating_mul(PREFIX),
        _ => 0,
    };
    let tokens = [frame(model), definitions(call), images, prefixes];
    Some(tokens.into_iter().fold(text, u64::saturating_add))
}

fn frame(model: &ModelPrice) -> u64 {
    if PLAIN.contains(&model.provider.as_str()) { FRAME } else { TEMPLATE }
}

/// What definitions add to their bytes, which the body's length has in it already.
fn definitions(call: &Call) -> u64 {
    let contents = &call.contents;
    let described = contents.described.saturating_mul(DESCRIPTION);
    match contents.definitions {
        0 => described,
        bytes => {
            let longer = bytes.saturating_mul(REWRITTEN.saturating_sub(1));
            longer.saturating_add(INSTRUCTIONS).saturating_add(described)
        }
    }
}

/// Tokens of an image in a prompt at most, where its vendor documents that.
fn image_input(model: &ModelPrice) -> Option<u64> {
    match model.provider.as_str() {
        // 2,833 and eight tiles of 5,667.
        "openai" if model.id.starts_with("gpt-4o-mini") => Some(48_169),
        // 10,000 patches at the largest factor, 2.46; tiles are fewer.
        "openai" => Some(24_600),
        "anthropic" => Some(4_784),
        _ => None,
    }
}

/// Output tokens of an image that is made: the largest size at the highest quality, and three
/// previews of it. Later models take any size.
pub(super) fn image_output(model: &ModelPrice) -> Option<u64> {
    let fixed = ["gpt-image-1", "gpt-image-1-mini"].contains(&model.id.as_str());
    fixed.then_some(6_240 + 3 * 100)
}

/// Whether a model searches as often as it likes, without being asked to.
pub(super) fn searches_unasked(call: &Call, model: &ModelPrice) -> bool {
    use crate::usage::Figure;
    let by_name = model.provider == "openrouter" && call.model.ends_with(":online");
    by_name || model.provider == "perplexity" && model.bills(Figure::WebSearchRequests)
}

/// Searches that a model makes for every answer, and does not report.
pub(super) fn unasked_searches(call: &Call, model: &ModelPrice) -> u64 {
    let always = model.id.contains("-search-") && call.operation == Operation::OpenAiChat;
    if always { call.answers } else { 0 }
}

#[cfg(test)]
mod tests;
