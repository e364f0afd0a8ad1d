//! What a call can cost at most: what `strict` holds.
//!
//! Not here: what it will probably cost (`estimate`), what a provider puts around a prompt
//! (`around`). Invariant: no charge for an answer within the bound is above the ceiling, whichever
//! tier, region, hour, cache or length decides; docs/strict.md says what that takes for granted. What
//! has no bound has a [`Gap`], never a guess.

use super::around;
use super::estimate::amounts;
use crate::dialect::{Call, Operation, Yields};
use crate::ledger::Amounts;
use crate::pricing::{Bound, ModelPrice};
use crate::usage::{Figure, Usage};

/// Pages of one document at most, as Mistral documents it for its OCR.
const MOST_PAGES: u64 = 1_000;

/// Documents of one search unit of a reranker, as Cohere bills it.
const DOCUMENTS_PER_UNIT: u64 = 100;

/// What is billed beside tokens.
const APART: [Figure; 9] = [
    Figure::WebSearchRequests,
    Figure::WebFetchRequests,
    Figure::WebSearchQueries,
    Figure::DurationMs,
    Figure::Characters,
    Figure::Images,
    Figure::ImagesIn,
    Figure::Pages,
    Figure::SearchUnits,
];

/// Why nothing bounds what a call can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Its output: by this name the request could bound it.
    Output(&'static str),
    /// Its input: part of it is not in the body, and no context window is known.
    Input,
    /// The provider may run tools of its own, search, or ask another model.
    Tools,
    /// It is billed by what the request does not tell, such as seconds.
    Units,
    /// A session's answers may begin before their money is held.
    Session,
    /// What it costs is known when it is done, long after its hold has ended.
    Later,
}

/// The most that a call can use: tokens, and what is billed beside them.
pub(super) struct Most {
    pub(super) tokens: Bound,
    pub(super) apart: Usage,
}

/// The most that a call can use, or why that is not known.
pub(super) fn most(call: &Call, model: &ModelPrice) -> Result<Most, Gap> {
    use Operation::{GeminiLive, OpenAiLive, OpenAiRealtime};
    if matches!(call.operation, OpenAiRealtime | OpenAiLive | GeminiLive) {
        return Err(Gap::Session);
    }
    if call.background {
        return Err(Gap::Later);
    }
    if call.hosted_tools || around::searches_unasked(call, model) {
        return Err(Gap::Tools);
    }
    let apart = apart(call, model)?;
    let tokens = Bound { input: input(call, model)?, output: output(call, model)? };
    Ok(Most { tokens, apart })
}

/// What to hold for the most that a call can use, at the dearest price.
pub(super) fn ceiling(call: &Call, model: &ModelPrice) -> Result<Amounts, Gap> {
    let Most { tokens, apart } = most(call, model)?;
    Ok(amounts(model.ceiling_with(tokens, &apart), call, tokens))
}

/// An estimate, cut to what the call can have used.
pub(super) fn capped(mut usage: Usage, call: &Call, model: &ModelPrice) -> Usage {
    let Ok(Most { tokens, apart }) = most(call, model) else { return usage };
    let limits = [(Figure::InputTotal, tokens.input), (Figure::OutputTotal, tokens.output)];
    let limits = limits.into_iter().chain(APART.map(|figure| (figure, apart.count(figure))));
    for (figure, most) in limits {
        if let Some(estimated) = usage.get(figure).filter(|&estimated| estimated > most) {
            tracing::debug!(figure = figure.name(), estimated, most, "an estimate was cut");
            usage.set(figure, most);
        }
    }
    usage
}

/// Output tokens of one answer at most: what was asked for, else what the model can make. What is
/// asked for beyond that is refused by providers, or honoured.
pub(super) fn output_ceiling(call: &Call, model: &ModelPrice) -> Option<u64> {
    call.output_ceiling.or(model.max_output).or_else(|| model.longest_prompt())
}

/// A token of a byte-level vocabulary covers at least one byte, and a provider's framing of a
/// message is shorter than the JSON around it, so the body's length bounds the input that it holds.
/// The context window bounds one prompt, wherever it is held.
fn input(call: &Call, model: &ModelPrice) -> Result<u64, Gap> {
    let yields = call.operation.yields();
    let one_prompt = yields == Yields::Text
        && !matches!(call.operation, Operation::OpenAiCompletions | Operation::LlamaCppCompletion);
    let window = model.longest_prompt().filter(|_| one_prompt);
    let of_body = around::input_of_body(call, model);
    let once = match (of_body, window) {
        // A document costs by the page.
        _ if yields == Yields::Pages => Some(0),
        (Some(body), Some(window)) => Some(body.min(window)),
        (body, window) => body.or(window),
    };
    // Each of several images has the prompt to itself.
    let times = if yields == Yields::Images { call.answers } else { 1 };
    let gap = if one_prompt { Gap::Input } else { Gap::Units };
    Ok(once.ok_or(gap)?.saturating_mul(times))
}

fn output(call: &Call, model: &ModelPrice) -> Result<u64, Gap> {
    let nothing = Bound { input: 0, output: 0 };
    let is_billed = || model.ceiling(Bound { output: 1, ..nothing }) != model.ceiling(nothing);
    let one = match call.operation.yields() {
        Yields::Text => {
            let most = output_ceiling(call, model).ok_or(Gap::Output(call.ceiling_field()))?;
            // What was predicted and not used is billed beside what was made.
            most.saturating_add(if call.contents.predicted { call.body_bytes } else { 0 })
        }
        Yields::Images if is_billed() => around::image_output(model).ok_or(Gap::Units)?,
        Yields::Speech if is_billed() => return Err(Gap::Units),
        Yields::Transcript | Yields::Time => return Err(Gap::Units),
        _ => 0,
    };
    Ok(one.saturating_mul(call.answers))
}

/// What is billed beside tokens, at most. What the request does not bound must have no price.
fn apart(call: &Call, model: &ModelPrice) -> Result<Usage, Gap> {
    APART.into_iter().try_fold(Usage::default(), |most, figure| match units(call, model, figure) {
        Some(0) => Ok(most),
        Some(count) => Ok(most.with(figure, count)),
        None if model.bills(figure) => Err(Gap::Units),
        None => Ok(most),
    })
}

/// How many of a figure beside tokens the answer can report; `None` where nothing tells.
fn units(call: &Call, model: &ModelPrice, figure: Figure) -> Option<u64> {
    let held = (!call.input_elsewhere).then_some(0);
    match (figure, call.operation.yields()) {
        (Figure::WebSearchRequests, _) => Some(around::unasked_searches(call, model)),
        (Figure::WebFetchRequests | Figure::WebSearchQueries, _) => Some(0),
        (Figure::DurationMs, Yields::Transcript | Yields::Speech | Yields::Time) => None,
        (Figure::DurationMs | Figure::ImagesIn, _) => held,
        // A character has at least one byte.
        (Figure::Characters, Yields::Speech | Yields::Vectors) => Some(call.body_bytes),
        (Figure::Images, Yields::Images) => Some(call.answers),
        (Figure::Pages, Yields::Pages) => Some(MOST_PAGES),
        // Long documents are cut into several; none has less than a byte.
        (Figure::SearchUnits, Yields::Ranking) => {
            Some((call.body_bytes / DOCUMENTS_PER_UNIT).saturating_add(1))
        }
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests;
