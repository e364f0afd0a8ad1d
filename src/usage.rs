//! What one answer used, and how sure we are of it.
//!
//! Figures are normalised: totals include their parts. `InputTotal` includes cache reads and cache
//! writes, `OutputTotal` includes reasoning; audio and image figures are parts of the totals, not
//! additions. A figure that is absent is not zero. Counts are whole numbers; where people write a
//! fraction (seconds), the count is of the smaller unit and the text has the fraction, exactly.

use crate::money::AttoUsd;
use std::fmt;

macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// One figure of a usage block, with its stable name in JSON, events and captures.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Figure { $($(#[doc = $doc])+ $variant,)+ }

        impl Figure {
            /// All figures, in the order in which they are printed.
            pub const ALL: &'static [Figure] = &[$(Figure::$variant,)+];

            /// The stable name, such as `cached_read`.
            pub const fn name(self) -> &'static str {
                match self { $(Figure::$variant => $name,)+ }
            }
        }
    };
}

figures! {
    /// Prompt tokens, with cache reads and cache writes.
    InputTotal = "input_tokens_total",
    /// Prompt tokens read from the provider's cache.
    CachedRead = "cached_read",
    /// Prompt tokens written to the provider's cache, all lifetimes together.
    CacheWrite = "cache_write",
    /// Cache writes that live five minutes.
    CacheWrite5m = "cache_write_5m",
    /// Cache writes that live thirty minutes.
    CacheWrite30m = "cache_write_30m",
    /// Cache writes that live one hour.
    CacheWrite1h = "cache_write_1h",
    /// Cache writes that live twelve hours.
    CacheWrite12h = "cache_write_12h",
    /// Audio tokens of the prompt.
    AudioInput = "audio_input",
    /// Image tokens of the prompt.
    ImageInput = "image_input",
    /// Video tokens of the prompt.
    VideoInput = "video_input",
    /// Document tokens of the prompt.
    DocumentInput = "document_input",
    /// Prompt tokens that results of the provider's own tools took.
    ToolUseInput = "tool_use_input",
    /// Audio tokens of the prompt that were read from the cache.
    CachedAudio = "cached_audio",
    /// Text tokens of the prompt that were read from the cache.
    CachedText = "cached_text",
    /// Image tokens of the prompt that were read from the cache.
    CachedImage = "cached_image",
    /// Answer tokens, with reasoning.
    OutputTotal = "output_tokens_total",
    /// Reasoning tokens of the answer.
    Reasoning = "reasoning",
    /// Audio tokens of the answer.
    AudioOutput = "audio_output",
    /// Image tokens of the answer.
    ImageOutput = "image_output",
    /// Predicted tokens that the answer used.
    PredictionAccepted = "prediction_accepted",
    /// Predicted tokens that the answer did not use; billed as output.
    PredictionRejected = "prediction_rejected",
    /// Prompt tokens as the model saw them, where fewer are billed (Cohere).
    RawInput = "raw_input_tokens",
    /// Answer tokens as the model made them, where fewer are billed (Cohere).
    RawOutput = "raw_output_tokens",
    /// Web searches that are billed per search.
    WebSearchRequests = "web_search_requests",
    /// Fetches of web pages by the provider.
    WebFetchRequests = "web_fetch_requests",
    /// Queries of a search that grounded the answer (Gemini).
    WebSearchQueries = "web_search_queries",
    /// Milliseconds of sound or session; in JSON the seconds, with their fraction.
    DurationMs = "duration_seconds",
    /// Characters that are billed as such (speech, some embeddings).
    Characters = "characters",
    /// Images that were made.
    Images = "images",
    /// Images that were sent, where they are billed by the piece.
    ImagesIn = "images_in",
    /// Pages of a document that were read.
    Pages = "pages",
    /// Search units (Cohere).
    SearchUnits = "search_units",
}

const COUNT: usize = Figure::ALL.len();

/// The longest duration that is kept, thirty thousand years: its seconds, with their fraction,
/// have the 15 digits that every reader of JSON keeps.
const LONGEST_MS: u64 = 999_999_999_999_999;

impl Figure {
    /// A count as it is written: seconds with their fraction, all else whole.
    pub fn text(self, count: u64) -> impl fmt::Display {
        Written { milliseconds: self == Self::DurationMs, count }
    }

    /// Reads what [`Figure::text`] writes.
    pub fn parse(self, text: &str) -> Option<u64> {
        if self != Self::DurationMs {
            return text.parse().ok();
        }
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && fraction.len() <= 3;
        let milliseconds: u64 = format!("0{fraction:0<3}").parse().ok().filter(|_| digits)?;
        seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(milliseconds)
    }

    /// A count as a number of JSON: `24.25` seconds, all else whole.
    pub fn number(self, count: u64) -> serde_json::Number {
        if self != Self::DurationMs {
            return count.into();
        }
        serde_json::from_str(&self.text(count).to_string())
            .unwrap_or_else(|_| (count / 1000).into())
    }

    fn read_number(self, number: &serde_json::Number) -> Option<u64> {
        match number.as_u64() {
            Some(count) if self != Self::DurationMs => Some(count),
            _ => self.parse(&number.to_string()),
        }
    }
}

struct Written {
    milliseconds: bool,
    count: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.milliseconds {
            return write!(f, "{}", self.count);
        }
        let (seconds, rest) = (self.count / 1000, self.count % 1000);
        match rest {
            0 => write!(f, "{seconds}"),
            _ if rest % 100 == 0 => write!(f, "{seconds}.{}", rest / 100),
            _ if rest % 10 == 0 => write!(f, "{seconds}.{:02}", rest / 10),
            _ => write!(f, "{seconds}.{rest:03}"),
        }
    }
}

/// The figures of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// 0 where nothing was reported.
    figures: [u64; COUNT],
    /// One bit per figure that was reported.
    reported: u32,
}

const _: () = assert!(COUNT <= 32);

impl Usage {
    /// The figure, or `None` where the provider did not report it.
    pub fn get(&self, figure: Figure) -> Option<u64> {
        let known = self.reported & (1 << figure as u32) != 0;
        self.figures.get(figure as usize).copied().filter(|_| known)
    }

    /// The figure, 0 where it was not reported.
    pub fn count(&self, figure: Figure) -> u64 {
        self.get(figure).unwrap_or(0)
    }

    /// Sets a figure. A duration above thirty thousand years is cut.
    pub fn set(&mut self, figure: Figure, count: u64) {
        let count = if figure == Figure::DurationMs { count.min(LONGEST_MS) } else { count };
        if let Some(slot) = self.figures.get_mut(figure as usize) {
            *slot = count;
            self.reported |= 1 << figure as u32;
        }
    }

    /// The same usage with one more figure; for tests and tables.
    #[must_use]
    pub fn with(mut self, figure: Figure, count: u64) -> Self {
        self.set(figure, count);
        self
    }

    /// The figures of two answers added.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (figure, count) in other.reported() {
            self.set(figure, self.count(figure).saturating_add(count));
        }
        self
    }

    /// Prompt tokens that were neither read from a cache nor written to one.
    pub fn input_uncached(&self) -> u64 {
        self.count(Figure::InputTotal)
            .saturating_sub(self.count(Figure::CachedRead))
            .saturating_sub(self.count(Figure::CacheWrite))
    }

    /// Input (cached included) and output together; what the `tokens` meter counts.
    pub fn total_tokens(&self) -> u64 {
        self.count(Figure::InputTotal).saturating_add(self.count(Figure::OutputTotal))
    }

    /// The figures that were reported, in print order.
    pub fn reported(&self) -> impl Iterator<Item = (Figure, u64)> + '_ {
        Figure::ALL.iter().filter_map(|&figure| Some((figure, self.get(figure)?)))
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.reported == 0
    }

    /// Reads the object that [`Usage::to_json`] writes; unknown names are passed over.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let mut usage = Self::default();
        for &figure in Figure::ALL {
            if let Some(serde_json::Value::Number(number)) = value.get(figure.name())
                && let Some(count) = figure.read_number(number)
            {
                usage.set(figure, count);
            }
        }
        usage
    }

    /// An object of the reported figures, and `input_uncached` where the input is known.
    pub fn to_json(&self) -> serde_json::Value {
        let mut map: serde_json::Map<_, _> = self
            .reported()
            .map(|(figure, n)| (figure.name().to_owned(), figure.number(n).into()))
            .collect();
        if self.get(Figure::InputTotal).is_some() {
            map.insert("input_uncached".to_owned(), self.input_uncached().into());
        }
        serde_json::Value::Object(map)
    }
}

/// Consumption with a price of its own: at another model's rate, or an attempt apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubUsage {
    /// What it is, in the provider's word: `advisor_message`, `svg`, `transcription`.
    pub kind: String,
    /// The model whose price it has; `None`: that of the answer.
    pub model: Option<String>,
    /// The answer's own figures hold it already: shown, and not charged again.
    pub included_in_top: bool,
    /// It costs something.
    pub billable: bool,
    /// Its figures.
    pub usage: Usage,
}

/// What the usage reader knows about an answer so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The figures, normalised.
    pub usage: Usage,
    /// The model that the answer names.
    pub model: Option<String>,
    /// The tier that was served.
    pub service_tier: Option<String>,
    /// The provider reported figures.
    pub usage_present: bool,
    /// These figures are final.
    pub usage_final: bool,
    /// The protocol's end was reached without an error or a cut.
    pub complete: bool,
    /// Whether the provider bills this answer; `None` where that cannot be known.
    pub billable: Option<bool>,
    /// The answer is an error, or carried one.
    pub error: bool,
    /// The body ended before the protocol did.
    pub truncated: bool,
    /// The provider began to make an answer, in a session that may see several.
    pub begun: bool,
    /// The provider has made all of its answer; at most figures follow.
    pub generated: bool,
    /// `[DONE]` was seen.
    pub done_marker: bool,
    /// The figures follow later, under `dedupe_key`.
    pub deferred: bool,
    /// The same usage can be fetched again; charge once for this key.
    pub dedupe_key: Option<String>,
    /// This answer repeats figures that may already have been charged under `dedupe_key`.
    pub charge_once: bool,
    /// Why the answer is incomplete, as the provider says it.
    pub incomplete_reason: Option<String>,
    /// Why the model stopped, in the provider's word, where the dialect has one for the whole answer.
    pub stop_reason: Option<String>,
    /// The prompt or the answer was blocked.
    pub blocked: bool,
    /// The last event of the stream lacked its end, and was read all the same.
    pub lenient_eof: bool,
    /// Vertex's kind of traffic, which has its own price.
    pub traffic_type: Option<String>,
    /// Where Anthropic computed, which may have its own price.
    pub inference_geo: Option<String>,
    /// Anthropic's speed, `standard` or `fast`.
    pub speed: Option<String>,
    /// Perplexity's size of the search context.
    pub search_context_size: Option<String>,
    /// The provider does not report figures for this; those in `usage` were counted here and are
    /// what it bills by (characters of a speech, images).
    pub measured: bool,
    /// Consumption with a price of its own.
    pub sub_usage: Vec<SubUsage>,
    /// What the provider itself says the call cost.
    pub provider_cost: Option<AttoUsd>,
    /// What another provider behind it was paid (OpenRouter with a key of one's own).
    pub upstream_cost: Option<AttoUsd>,
    /// That provider was paid beside this one. Otherwise its cost is part of `provider_cost`.
    pub own_key: bool,
    /// Contradictions inside the usage block: negative, fractional, textual or overflowing
    /// figures, parts above their total.
    pub anomalies: u32,
    /// Bytes of answer text seen so far; what an estimate of a cut answer goes by.
    pub output_bytes: u64,
    /// Unicode characters of text and tool arguments seen so far.
    pub output_characters: u64,
}

impl Reading {
    /// What the call costs in all, as its provider says. `None` where a part of it is not known.
    pub fn reported_cost(&self) -> Option<AttoUsd> {
        match self.own_key {
            true => Some(self.provider_cost?.plus(self.upstream_cost?)),
            false => self.provider_cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncached_input_is_what_remains() {
        let usage = Usage::default()
            .with(Figure::InputTotal, 4100)
            .with(Figure::CachedRead, 1024)
            .with(Figure::CacheWrite, 2944)
            .with(Figure::OutputTotal, 120);
        assert_eq!(usage.input_uncached(), 132);
        assert_eq!(usage.total_tokens(), 4220);
        assert_eq!(Usage::from_json(&usage.to_json()), usage);
    }

    #[track_caller]
    fn check_duration(milliseconds: u64, text: &str) {
        let figure = Figure::DurationMs;
        assert_eq!(figure.text(milliseconds).to_string(), text);
        assert_eq!(figure.parse(text), Some(milliseconds));
        let usage = Usage::default().with(figure, milliseconds);
        let json = usage.to_json().to_string();
        assert_eq!(json, format!("{{\"duration_seconds\":{text}}}"));
        assert_eq!(Usage::from_json(&serde_json::from_str(&json).unwrap()), usage);
    }

    #[test]
    fn a_duration_is_counted_in_milliseconds_and_written_in_seconds() {
        check_duration(0, "0");
        check_duration(1, "0.001");
        check_duration(24_250, "24.25");
        check_duration(27_000, "27");
        check_duration(100, "0.1");
        check_duration(1_010, "1.01");
        check_duration(LONGEST_MS, "999999999999.999");
        assert_eq!(
            Usage::default().with(Figure::DurationMs, u64::MAX).get(Figure::DurationMs),
            Some(LONGEST_MS)
        );
        assert_eq!(Figure::Pages.text(24_250).to_string(), "24250");
        assert_eq!(Figure::Pages.parse("24250"), Some(24_250));
    }

    #[test]
    fn what_is_no_figure_is_absent() {
        for text in ["", ".", "-1", "1.2345", "1.-5", "1e3", "1.5s", "18446744073709552"] {
            assert_eq!(Figure::DurationMs.parse(text), None, "{text}");
        }
        for text in ["1.5", "-1", ""] {
            assert_eq!(Figure::Pages.parse(text), None, "{text}");
        }
        let odd = serde_json::json!({"duration_seconds": "1", "pages": 1.5, "images": -1});
        assert!(Usage::from_json(&odd).is_empty());
        // 1.0 is how some writers of JSON put a whole number of seconds.
        let whole = Usage::from_json(&serde_json::json!({"duration_seconds": 27.0}));
        assert_eq!(whole.get(Figure::DurationMs), Some(27_000));
    }

    #[test]
    fn absent_is_not_zero() {
        let usage = Usage::default();
        assert_eq!(usage.get(Figure::OutputTotal), None);
        assert!(usage.is_empty());
        assert_eq!(usage.to_json(), serde_json::json!({}));
    }
}
