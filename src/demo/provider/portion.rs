//! How much of everything an answer uses: from the order's seed, its ceiling and the script. What
//! the script names is taken as it is, even where it makes no sense.

use super::extras::Extras;
use super::order::Order;
use super::route::Endpoint;
use super::script::Script;
use super::tokens::Tokens;
use super::vendor::Vendor;
use crate::usage::Figure;

/// Text tokens of a transcription's prompt.
const TRANSCRIPT_PROMPT: u64 = 10;

/// The figures of an answer.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) tokens: Tokens,
    pub(super) extras: Extras,
    /// The output ceiling ended the answer.
    pub(super) cut_short: bool,
}

impl Portion {
    /// Decides the figures.
    pub(super) fn of(order: &Order, script: &Script) -> Self {
        let (tokens, cut_short) = tokens(order, script);
        Self { tokens, extras: extras(order, script, tokens), cut_short }
    }
}

fn tokens(order: &Order, script: &Script) -> (Tokens, bool) {
    if by_unit(order) {
        return (Tokens::default(), false);
    }
    let input = match script.input {
        Some(input) => input,
        None if order.endpoint == Endpoint::Transcription => {
            TRANSCRIPT_PROMPT + 10 * order.seconds()
        }
        None => (order.prompt_bytes / 4 + 8)
            .max(script.cached.unwrap_or(0).saturating_add(script.cache_write.unwrap_or(0))),
    };
    if order.endpoint.embeds() {
        return (Tokens { input, ..Tokens::default() }, false);
    }
    if order.endpoint == Endpoint::Images {
        let output = script.output.unwrap_or_else(|| 1056_u64.saturating_mul(order.answers));
        return (Tokens { input, output, ..Tokens::default() }, false);
    }
    let natural = 16 + u64::from(order.seed) % 200;
    let capped = order.ceiling.map_or(natural, |ceiling| natural.min(ceiling));
    let output = script.output.unwrap_or_else(|| capped.saturating_mul(order.answers));
    let cut_short = script.output.is_none() && capped < natural;
    if plain(order) {
        return (Tokens { input, output, ..Tokens::default() }, cut_short);
    }
    let cached = script.cached.unwrap_or_else(|| found_in_cache(order, script, input));
    let thought = if thinks(order) { output / 128 * 64 } else { 0 };
    let tokens = Tokens {
        input,
        cached,
        cache_write: script.cache_write.unwrap_or(0),
        output,
        reasoning: script.reasoning.unwrap_or(thought),
    };
    (tokens, cut_short)
}

fn extras(order: &Order, script: &Script, tokens: Tokens) -> Extras {
    match order.endpoint {
        Endpoint::Messages | Endpoint::Converse => {
            let hour = script.cache_write_1h.unwrap_or(0).min(tokens.cache_write);
            Extras::of([
                (Figure::CacheWrite5m, tokens.cache_write - hour),
                (Figure::CacheWrite1h, hour),
                (Figure::WebSearchRequests, script.web_searches.unwrap_or(0)),
                (Figure::WebFetchRequests, script.web_fetches.unwrap_or(0)),
            ])
        }
        Endpoint::Gemini => Extras::of([(Figure::ToolUseInput, script.tool_input.unwrap_or(0))]),
        Endpoint::Transcription | Endpoint::Speech | Endpoint::Images => {
            media(order, script, tokens)
        }
        Endpoint::CohereChat => Extras::of([
            (Figure::RawInput, tokens.input.saturating_add(66)),
            (Figure::RawOutput, tokens.output.saturating_add(2)),
        ]),
        Endpoint::CohereRerank => {
            let units = script.search_units.unwrap_or_else(|| wide(order.items.div_ceil(100)));
            Extras::of([(Figure::SearchUnits, units)])
        }
        Endpoint::Ocr => {
            let asked = if order.items > 0 { wide(order.items) } else { length_of_document(order) };
            Extras::of([(Figure::Pages, script.pages.unwrap_or(asked))])
        }
        _ => Extras::default(),
    }
}

/// What of sound and images is billed, and by which unit.
fn media(order: &Order, script: &Script, tokens: Tokens) -> Extras {
    match (order.endpoint, by_unit(order)) {
        (Endpoint::Transcription, true) => {
            let seconds = script.seconds.unwrap_or_else(|| order.seconds());
            Extras::of([(Figure::DurationMs, seconds.saturating_mul(1000))])
        }
        (Endpoint::Transcription, false) => {
            let audio = tokens.input.saturating_sub(TRANSCRIPT_PROMPT);
            Extras::of([(Figure::AudioInput, script.audio_input.unwrap_or(audio))])
        }
        (Endpoint::Speech, true) => Extras::of([(Figure::Characters, order.characters)]),
        (Endpoint::Speech, false) => Extras::of([(Figure::AudioOutput, tokens.output)]),
        _ => Extras::of([(Figure::Images, order.answers), (Figure::ImageOutput, tokens.output)]),
    }
}

/// No tokens are billed.
fn by_unit(order: &Order) -> bool {
    let named = |name: &str| order.model.starts_with(name);
    match order.endpoint {
        Endpoint::CohereRerank | Endpoint::Ocr => true,
        Endpoint::Transcription => named("whisper"),
        Endpoint::Speech => named("tts-1"),
        Endpoint::Images => named("dall-e"),
        _ => false,
    }
}

/// Nothing is cached, and nothing thought.
fn plain(order: &Order) -> bool {
    matches!(order.endpoint, Endpoint::Completions | Endpoint::Transcription | Endpoint::Speech)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// How many pages a document has that nobody described.
fn length_of_document(order: &Order) -> u64 {
    1 + u64::from(order.seed % 5)
}

/// Half of the long prompts have been seen before, where the vendor caches unasked.
fn found_in_cache(order: &Order, script: &Script, input: u64) -> u64 {
    let caches = !matches!(order.vendor, Vendor::Cohere | Vendor::Ollama);
    let seen = script.cache_write.is_none() && input >= 1024 && order.seed.is_multiple_of(2);
    if caches && seen { (input - input / 4) / 128 * 128 } else { 0 }
}

fn thinks(order: &Order) -> bool {
    ["gpt-5", "o1", "o3", "o4", "gemini-2.5", "gemini-3"]
        .iter()
        .any(|name| order.model.starts_with(name))
}
