//! What a call used, as `farebox pricing cost` is told it.
//!
//! Totals and parts of them, as providers report them: what of the input is audio includes the audio
//! that was cached, which is a part of what was cached. Invariant: what comes out contradicts
//! nothing; a part above its total is refused, with both.

use crate::cli::{Exit, Failure};
use crate::usage::{Figure, Usage};
use clap::Args;

/// Tokens, and what is not tokens.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Used")]
pub struct Quantities {
    /// Prompt tokens, all of them
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub input: u64,
    /// Answer tokens, all of them, with reasoning
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub output: u64,
    /// Of the input: read from the cache
    #[arg(long, value_name = "N", value_parser = count)]
    pub cached_input: Option<u64>,
    /// Of the input: written to the cache, with its default lifetime
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cache_write: u64,
    /// Of the input: written to the cache for five minutes
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cache_write_5m: u64,
    /// Of the input: written to the cache for thirty minutes
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cache_write_30m: u64,
    /// Of the input: written to the cache for one hour
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cache_write_1h: u64,
    /// Of the input: written to the cache for twelve hours
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cache_write_12h: u64,
    /// Of the input: audio, with what of it was cached
    #[arg(long, value_name = "N", value_parser = count)]
    pub audio_input: Option<u64>,
    /// Of the cached input, and of the audio: cached audio
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cached_audio: u64,
    /// Of the input: images, with what of them was cached
    #[arg(long, value_name = "N", value_parser = count)]
    pub image_input: Option<u64>,
    /// Of the cached input, and of the images: cached images
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub cached_image: u64,
    /// Of the input: video
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub video_input: u64,
    /// Of the input: documents
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub document_input: u64,
    /// Of the input: results of the provider's own tools
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub tool_use_input: u64,
    /// Of the output: reasoning
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub reasoning: u64,
    /// Of the output: audio
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub audio_output: u64,
    /// Of the output: images
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub image_output: u64,
    /// Web searches; queries, where these are what the provider bills
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub web_searches: u64,
    /// Pages that the provider fetched
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub web_fetches: u64,
    /// Seconds of sound, such as 24.25
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub audio_seconds: Milliseconds,
    /// Characters that were spoken or embedded
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub characters: u64,
    /// Images that were made
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub images: u64,
    /// Images that were sent, where they are billed by the piece
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub images_in: u64,
    /// Pages that were read
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub pages: u64,
    /// Search units of a reranker
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub search_units: u64,
    /// Calls, where they are billed by the piece
    #[arg(long, value_name = "N", default_value = "0", value_parser = count)]
    pub requests: u64,
}

/// A duration of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Milliseconds(pub u64);

/// A part of a total: its flag and its size.
type Part = (&'static str, u64);

impl Quantities {
    /// The tokens. A total of cached tokens, audio or images that was left out is what is said to be
    /// cached of it.
    pub fn tokens(&self) -> Result<Usage, Failure> {
        let (audio, image) = (self.cached_audio, self.cached_image);
        let cached = self.cached_input.unwrap_or(audio.saturating_add(image));
        within(("cached-input", cached), &[("cached-audio", audio), ("cached-image", image)])?;
        let audio_input = self.audio_input.unwrap_or(audio);
        let image_input = self.image_input.unwrap_or(image);
        within(("audio-input", audio_input), &[("cached-audio", audio)])?;
        within(("image-input", image_input), &[("cached-image", image)])?;
        let parts = [
            ("cached-input", cached),
            ("cache-write", self.cache_write),
            ("cache-write-5m", self.cache_write_5m),
            ("cache-write-30m", self.cache_write_30m),
            ("cache-write-1h", self.cache_write_1h),
            ("cache-write-12h", self.cache_write_12h),
            ("audio-input", audio_input.saturating_sub(audio)),
            ("image-input", image_input.saturating_sub(image)),
            ("video-input", self.video_input),
            ("document-input", self.document_input),
            ("tool-use-input", self.tool_use_input),
        ];
        within(("input", self.input), &parts)?;
        let of_output = [
            ("reasoning", self.reasoning),
            ("audio-output", self.audio_output),
            ("image-output", self.image_output),
        ];
        within(("output", self.output), &of_output)?;
        let [_, writes @ .., _, _, _, _, _] = parts;
        let written = writes.iter().fold(0, |sum: u64, (_, size)| sum.saturating_add(*size));
        let figures = [
            (Figure::InputTotal, self.input),
            (Figure::OutputTotal, self.output),
            (Figure::CachedRead, cached),
            (Figure::CachedAudio, audio),
            (Figure::CachedImage, image),
            (Figure::CacheWrite, written),
            (Figure::CacheWrite5m, self.cache_write_5m),
            (Figure::CacheWrite30m, self.cache_write_30m),
            (Figure::CacheWrite1h, self.cache_write_1h),
            (Figure::CacheWrite12h, self.cache_write_12h),
            (Figure::AudioInput, audio_input),
            (Figure::ImageInput, image_input),
            (Figure::VideoInput, self.video_input),
            (Figure::DocumentInput, self.document_input),
            (Figure::ToolUseInput, self.tool_use_input),
            (Figure::Reasoning, self.reasoning),
            (Figure::AudioOutput, self.audio_output),
            (Figure::ImageOutput, self.image_output),
        ];
        Ok(figures.iter().fold(Usage::default(), |usage, &(figure, size)| usage.with(figure, size)))
    }

    /// What is not tokens: flag, figure, and count. Searches that a provider bills by the query are
    /// the second figure.
    pub fn units(&self) -> [(&'static str, &'static [Figure], u64); 8] {
        [
            (
                "web-searches",
                &[Figure::WebSearchRequests, Figure::WebSearchQueries],
                self.web_searches,
            ),
            ("web-fetches", &[Figure::WebFetchRequests], self.web_fetches),
            ("audio-seconds", &[Figure::DurationMs], self.audio_seconds.0),
            ("characters", &[Figure::Characters], self.characters),
            ("images", &[Figure::Images], self.images),
            ("images-in", &[Figure::ImagesIn], self.images_in),
            ("pages", &[Figure::Pages], self.pages),
            ("search-units", &[Figure::SearchUnits], self.search_units),
        ]
    }
}

/// Refuses parts that are more than their total.
fn within((total, size): Part, parts: &[Part]) -> Result<(), Failure> {
    let sum = parts.iter().fold(0_u128, |sum, (_, part)| sum + u128::from(*part));
    if sum <= u128::from(size) {
        return Ok(());
    }
    let given = parts.iter().filter(|(_, part)| *part > 0);
    let given: Vec<String> = given.map(|(flag, part)| format!("--{flag} {part}")).collect();
    let message = match given.as_slice() {
        [one] => format!("{one} is more than --{total} {size}, of which it is a part"),
        many => format!(
            "{} together are {sum}, more than --{total} {size}, of which they are parts",
            many.join(", ")
        ),
    };
    Err(Failure::new(Exit::Usage, message))
}

/// Reads a count.
fn count(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let bad = |why: &str| format!("`{text}` is not a count: {why}");
    if text.starts_with('-') {
        return Err(bad("it must not be negative"));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("write digits only, such as 272000"));
    }
    text.parse().map_err(|_| bad(&format!("at most {}", u64::MAX)))
}

/// Reads seconds.
fn seconds(text: &str) -> Result<Milliseconds, String> {
    let text = text.trim();
    let figure = Figure::DurationMs;
    // A usage cuts what no duration reaches.
    let kept = |ms: &u64| Usage::default().with(figure, *ms).count(figure) == *ms;
    figure.parse(text).filter(kept).map(Milliseconds).ok_or_else(|| {
        format!("`{text}` are no seconds: write digits with at most three decimals, such as 24.25")
    })
}
