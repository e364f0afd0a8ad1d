//! What a call may cost before it is answered, and what it did cost where the provider did not say.
//!
//! Estimates are always flagged in the usage event. Bounds are not estimates: a bound is never
//! below what the provider can report.

use crate::dialect::{Call, Operation};
use crate::ledger::Amounts;
use crate::pricing::{Bound, ModelPrice, Terms};
use crate::usage::{Figure, Reading, Usage};

/// Bytes of English text or JSON to a token, as a rule of thumb of OpenAI's tokenizer page.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens that a provider adds around a prompt beyond those of its text.
const FRAME_TOKENS: u64 = 64;

/// What an answer is expected to have where neither request nor model bounds it lower.
const USUAL_OUTPUT: u64 = 1_000;

/// What input held elsewhere (an image by URL, a file, a stored conversation) is expected to add.
const USUAL_ELSEWHERE: u64 = 1_500;

/// The most tokens that a call can use; `None` where nothing bounds them.
///
/// A token of a byte-level vocabulary covers at least one byte, and a provider's framing of a
/// message is shorter than the JSON around it, so the body's length bounds the input. What the
/// body does not hold is bounded by the model's context window only.
pub(super) fn bound(call: &Call, model: &ModelPrice) -> Option<Bound> {
    let by_body = (!call.input_elsewhere).then(|| call.body_bytes.saturating_add(FRAME_TOKENS));
    let input = match (by_body, model.context) {
        (Some(body), Some(context)) => body.min(context),
        (body, context) => body.or(context)?,
    };
    let output = match call.operation {
        Operation::OpenAiEmbeddings => 0,
        _ => output_ceiling(call, model)?.saturating_mul(call.answers),
    };
    Some(Bound { input, output })
}

fn output_ceiling(call: &Call, model: &ModelPrice) -> Option<u64> {
    let of_model = model.max_output.or(model.context);
    match (call.output_ceiling, of_model) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    }
}

/// The tokens that a call will probably use.
pub(super) fn expected(call: &Call, model: &ModelPrice) -> Bound {
    let output = match call.operation {
        Operation::OpenAiEmbeddings => 0,
        _ => output_ceiling(call, model).unwrap_or(USUAL_OUTPUT).min(USUAL_OUTPUT),
    };
    Bound { input: expected_input(call), output: output.saturating_mul(call.answers) }
}

fn expected_input(call: &Call) -> u64 {
    let elsewhere = if call.input_elsewhere { USUAL_ELSEWHERE } else { 0 };
    call.body_bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(elsewhere)
}

/// What to hold for a bound: its tokens, and their dearest price.
pub(super) fn ceiling_amounts(bound: Bound, model: &ModelPrice) -> Amounts {
    Amounts { usd: model.ceiling(bound), tokens: tokens(bound), characters: 0 }
}

/// What to hold for an expectation: its tokens, at the price of the tier that was asked for.
pub(super) fn expected_amounts(bound: Bound, model: &ModelPrice, terms: &Terms<'_>) -> Amounts {
    Amounts { usd: model.expected(bound, terms), tokens: tokens(bound), characters: 0 }
}

fn tokens(bound: Bound) -> i64 {
    i64::try_from(bound.input.saturating_add(bound.output)).unwrap_or(i64::MAX)
}

/// What an answer probably used: figures that it gave before it broke off, else counted text. Where
/// output may have been made that nobody saw, at least what was expected: of models that reason out
/// of sight, and where the client left before the provider answered (`unanswered`).
pub(super) fn usage(call: &Call, model: &ModelPrice, reading: &Reading, unanswered: bool) -> Usage {
    let mut usage = if reading.usage_present { reading.usage } else { Usage::default() };
    let counted = reading.output_bytes.div_ceil(BYTES_PER_TOKEN);
    let unseen =
        if unanswered || reasons_unseen(&model.id) { expected(call, model).output } else { 0 };
    if usage.get(Figure::InputTotal).is_none() {
        usage.set(Figure::InputTotal, expected_input(call));
    }
    let output = usage.count(Figure::OutputTotal).max(counted).max(unseen);
    usage.set(Figure::OutputTotal, output);
    usage
}

/// Models before `o1` show all their output. Of all others some is hidden, or may be.
fn reasons_unseen(model: &str) -> bool {
    const ALL_SHOWN: [&str; 7] =
        ["gpt-3", "gpt-4", "chatgpt-", "text-", "davinci", "babbage", "ft:gpt-"];
    !ALL_SHOWN.iter().any(|shown| model.starts_with(shown))
}
