//! What a call will probably cost, and what it did cost where the provider did not say.
//!
//! Not here: what it can cost at most (`bound`). Estimates are always flagged in the usage event.

use super::around;
use super::bound::output_ceiling;
use super::learned::{Hints, Lesson, Ratio};
use crate::dialect::{Call, Dialect, Yields};
use crate::ledger::Amounts;
use crate::money::NanoUsd;
use crate::pricing::{Bound, ModelPrice, Terms};
use crate::usage::{Figure, Reading, Usage};

/// Bytes of English text or JSON to a token, as a rule of thumb of OpenAI's tokenizer page.
const BYTES_PER_TOKEN: u64 = 4;

/// Characters that an output token is taken for where characters are held.
const CHARACTERS_PER_TOKEN: u64 = 4;

/// Bytes of sound to a millisecond: 32 kbit/s, about the least that speech is recorded with.
const SOUND_BYTES: u64 = 4;

/// Milliseconds of sound to an input token, as OpenAI's transcription models count it.
const MS_PER_TOKEN: u64 = 100;

/// Pages that a document is expected to have.
const USUAL_PAGES: u64 = 10;

/// How long a session is expected to last.
const USUAL_TIME_MS: u64 = 60_000;

/// Tokens that an image is expected to have: a large one at high quality.
const IMAGE_TOKENS: u64 = 4_160;

/// What an answer is expected to have where neither request nor model bounds it lower.
const USUAL_OUTPUT: u64 = 1_000;

/// What input held elsewhere (an image by URL, a file, a stored conversation) is expected to add.
const USUAL_ELSEWHERE: u64 = 1_500;

/// The tokens that a call will probably use, by what is known of calls like it.
pub(super) fn expected(call: &Call, model: &ModelPrice, hints: &Hints) -> Bound {
    let usual = match call.operation.yields() {
        Yields::Text => hints.output.unwrap_or(USUAL_OUTPUT),
        _ => USUAL_OUTPUT,
    };
    let output = match call.operation.yields() {
        Yields::Vectors | Yields::Pages | Yields::Ranking | Yields::Nothing => 0,
        Yields::Images => IMAGE_TOKENS,
        _ => output_ceiling(call, model).unwrap_or(usual).min(usual),
    };
    let input = match hints.input.filter(|_| is_input_sent(call)) {
        Some(ratio) => ratio.of(call.body_bytes),
        None => expected_input(call),
    };
    Bound { input, output: output.saturating_mul(call.answers) }
}

/// Output tokens to the bytes of an answer that go by.
pub(super) fn said(hints: &Hints) -> Ratio {
    hints.said.unwrap_or(Ratio::new(1, BYTES_PER_TOKEN))
}

/// Whether all input is text in the body, so that its tokens can be told by its bytes.
fn is_input_sent(call: &Call) -> bool {
    let text = matches!(call.operation.yields(), Yields::Text | Yields::Vectors);
    text && !call.input_elsewhere && !call.hosted_tools
}

/// What a call teaches whose usage is known exactly; `None` where it teaches nothing.
pub(super) fn lesson(call: &Call, reading: &Reading) -> Option<Lesson> {
    let usage = &reading.usage;
    let input = usage.get(Figure::InputTotal)?;
    let all = match call.operation.yields() {
        Yields::Text => usage.get(Figure::OutputTotal)?,
        Yields::Vectors => 0,
        _ => return None,
    };
    let one = all / call.answers.max(1);
    // Nobody knows how long an answer would have been that the request cut short: twice as long is
    // a guess that later answers correct.
    let cut_short = call.output_ceiling.is_some_and(|ceiling| one >= ceiling);
    let output = if cut_short { one.saturating_mul(2) } else { one };
    let input = is_input_sent(call).then_some((call.body_bytes, input));
    Some(Lesson { input, said: (reading.output_bytes, all), output })
}

/// What an answer costs once it has come to so many tokens of output, with what the provider has
/// said of its usage so far; else with the input that is expected.
pub(super) fn so_far_amounts(
    call: &Call,
    bound: Bound,
    model: &ModelPrice,
    terms: &Terms<'_>,
    reading: &Reading,
) -> Amounts {
    let said = reading.usage.get(Figure::InputTotal);
    let usage = match said {
        Some(_) => reading.usage.with(Figure::OutputTotal, bound.output),
        None => expected_usage(call, bound),
    };
    let bound = Bound { input: said.unwrap_or(bound.input), ..bound };
    amounts(model.cost(&usage, terms), call, bound)
}

/// The tokens of a prompt. Where a body is mostly a file, its text is what counts.
pub(super) fn expected_input(call: &Call) -> u64 {
    let elsewhere = if call.input_elsewhere { USUAL_ELSEWHERE } else { 0 };
    let bytes = match call.operation.yields() {
        Yields::Transcript => return call.body_bytes / SOUND_BYTES / MS_PER_TOKEN,
        Yields::Speech | Yields::Images | Yields::Pages => call.characters,
        _ => call.body_bytes,
    };
    bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(elsewhere)
}

/// What to hold for an expectation: its tokens and what is billed beside them, at the price of the
/// tier that was asked for.
pub(super) fn expected_amounts(
    call: &Call,
    bound: Bound,
    model: &ModelPrice,
    terms: &Terms<'_>,
) -> Amounts {
    amounts(model.cost(&expected_usage(call, bound), terms), call, bound)
}

fn expected_usage(call: &Call, bound: Bound) -> Usage {
    units(call).with(Figure::InputTotal, bound.input).with(Figure::OutputTotal, bound.output)
}

/// What a call is billed by that is not tokens, as far as the request tells.
fn units(call: &Call) -> Usage {
    let none = Usage::default();
    match call.operation.yields() {
        Yields::Speech => none.with(Figure::Characters, call.characters),
        Yields::Images => none.with(Figure::Images, call.answers),
        Yields::Transcript => none.with(Figure::DurationMs, call.body_bytes / SOUND_BYTES),
        Yields::Pages => none.with(Figure::Pages, USUAL_PAGES),
        Yields::Ranking => none.with(Figure::SearchUnits, 1),
        Yields::Time => none.with(Figure::DurationMs, USUAL_TIME_MS),
        Yields::Text | Yields::Vectors | Yields::Nothing => none,
    }
}

/// Whether the model has a price for anything that the operation may be billed by.
pub(super) fn is_priced(call: &Call, model: &ModelPrice, terms: &Terms<'_>) -> bool {
    model.covers(&expected_usage(call, expected(call, model, &Hints::default())), terms)
}

/// So many dollars, with the tokens and characters of a bound.
pub(super) fn amounts(usd: NanoUsd, call: &Call, bound: Bound) -> Amounts {
    let output = bound.output.saturating_mul(CHARACTERS_PER_TOKEN);
    Amounts {
        usd,
        tokens: count(bound.input.saturating_add(bound.output)),
        characters: count(call.characters.saturating_add(output)),
    }
}

/// A count as the ledger keeps it.
pub(super) fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Models that search the web for every answer do not report it.
pub(super) fn with_searches(call: &Call, model: &ModelPrice, usage: Usage) -> Usage {
    match around::unasked_searches(call, model) {
        searches @ 1.. if usage.get(Figure::WebSearchRequests).is_none() => {
            usage.with(Figure::WebSearchRequests, searches)
        }
        _ => usage,
    }
}

/// Whether a call may run up searches that have no price here.
pub(super) fn searches_free(call: &Call, model: &ModelPrice, terms: &Terms<'_>) -> bool {
    // Each provider bills by one of these.
    let searched = [Figure::WebSearchRequests, Figure::WebSearchQueries];
    let one = searched.into_iter().fold(Usage::default(), |one, figure| one.with(figure, 1));
    call.searches && model.cost(&one, terms) == NanoUsd::ZERO
}

/// What an answer probably used: figures that it gave before it broke off, else counted text. Where
/// output may have been made that nobody could count, at least what was expected; so too where the
/// client left before the provider answered (`unanswered`).
pub(super) fn usage(call: &Call, model: &ModelPrice, reading: &Reading, unanswered: bool) -> Usage {
    let mut usage = if reading.usage_present { reading.usage } else { units(call) };
    if call.operation.yields() == Yields::Time {
        return usage;
    }
    let counted = reading.output_bytes.div_ceil(BYTES_PER_TOKEN);
    let uncounted = unanswered || is_uncounted(call, model, reading);
    let unseen = if uncounted { expected(call, model, &Hints::default()).output } else { 0 };
    if usage.get(Figure::InputTotal).is_none() {
        usage.set(Figure::InputTotal, expected_input(call));
    }
    let output = usage.count(Figure::OutputTotal).max(counted).max(unseen);
    usage.set(Figure::OutputTotal, output);
    usage
}

/// Whether bytes do not tell how much output was made: some was thought out of sight, and no figure
/// says how much, or it is sound or images that are billed by the token.
fn is_uncounted(call: &Call, model: &ModelPrice, reading: &Reading) -> bool {
    match call.operation.yields() {
        Yields::Text if matches!(call.operation.dialect(), Dialect::Cohere | Dialect::Ollama) => {
            false
        }
        Yields::Text => reading.usage.get(Figure::Reasoning).is_none() && reasons_unseen(&model.id),
        Yields::Speech | Yields::Images => {
            model.ceiling(Bound { input: 0, output: 1 }) > NanoUsd::ZERO
        }
        _ => false,
    }
}

/// Models before `o1`, and those of Mistral, show all their output. Of all others some is hidden,
/// or may be.
fn reasons_unseen(model: &str) -> bool {
    const ALL_SHOWN: [&str; 10] = [
        "gpt-3",
        "gpt-4",
        "chatgpt-",
        "text-",
        "davinci",
        "babbage",
        "ft:gpt-",
        "mistral-",
        "ministral-",
        "codestral-",
    ];
    !ALL_SHOWN.iter().any(|shown| model.starts_with(shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Operation;
    use crate::pricing::PriceTable;

    #[test]
    fn searches_with_a_price_of_either_kind_are_not_free() {
        let table = PriceTable::builtin().unwrap();
        let terms = Terms { at: 1_795_554_816_123, ..Terms::default() };
        for (operation, provider, model, free) in [
            (Operation::OpenAiResponses, "openai", "gpt-5", false),
            (Operation::AnthropicMessages, "anthropic", "claude-sonnet-4-5", false),
            (Operation::GeminiGenerate, "gemini", "gemini-2.5-flash", false),
            (Operation::OllamaChat, "ollama", "llama3.2", true),
        ] {
            let price = table.find(Some(provider), model).unwrap();
            let call = Call { searches: true, ..Call::plain(operation, model) };
            assert_eq!(searches_free(&call, price, &terms), free, "{model}");
        }
    }
}
