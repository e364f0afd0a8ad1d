//! What a call can cost at most.
//!
//! Not here: what it will probably cost (`estimate`). Invariant: a bound is never below what the
//! provider can report.

use super::estimate::amounts;
use crate::dialect::{Call, Operation, Yields};
use crate::ledger::Amounts;
use crate::pricing::{Bound, ModelPrice};

/// Tokens that a provider adds around a prompt beyond those of its text.
const FRAME_TOKENS: u64 = 64;

/// The most tokens that a call can use; `None` where nothing bounds them.
///
/// A token of a byte-level vocabulary covers at least one byte, and a provider's framing of a
/// message is shorter than the JSON around it, so the body's length bounds the input. What the
/// body does not hold is bounded by the model's context window only.
pub(super) fn bound(call: &Call, model: &ModelPrice) -> Option<Bound> {
    if call.hosted_tools {
        return None;
    }
    // A context window bounds one prompt; these may hold many.
    let one_prompt =
        call.operation.yields() == Yields::Text && call.operation != Operation::OpenAiCompletions;
    let context = model.context.filter(|_| one_prompt);
    let by_body = (!call.input_elsewhere).then(|| call.body_bytes.saturating_add(FRAME_TOKENS));
    let input = match (by_body, context) {
        (Some(body), Some(context)) => body.min(context),
        (body, context) => body.or(context)?,
    };
    let output = match call.operation.yields() {
        Yields::Vectors => 0,
        Yields::Text => output_ceiling(call, model)?.saturating_mul(call.answers),
        // What these are billed by is not in the request.
        _ => return None,
    };
    Some(Bound { input, output })
}

/// Output tokens of one answer at most: what was asked for, or what the model can make.
pub(super) fn output_ceiling(call: &Call, model: &ModelPrice) -> Option<u64> {
    let of_model = model.max_output.or(model.context);
    match (call.output_ceiling, of_model) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    }
}

/// What to hold for a bound: its tokens, at the dearest price.
pub(super) fn ceiling_amounts(call: &Call, bound: Bound, model: &ModelPrice) -> Amounts {
    amounts(model.ceiling(bound), call, bound)
}
