//! Answers of transcription and speech: tokens, seconds or characters, whichever the model is billed
//! by.

use super::places::with_usage;
use super::usage;
use crate::dialect::answer::{
    Count, Fact, Facts, Item, Name, Progress, Said, add, with_items, with_texts,
};
use crate::dialect::format::Format;
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading};
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [
        ("type", Fact::Name(Name::Kind)),
        ("model", Fact::Name(Name::Model)),
        ("error", Fact::Error),
        ("error.code", Fact::ErrorCode),
    ];
    let tree = add(with_texts(Tree::new(), &["delta", "text"]), "", &places);
    let tree = with_items(tree, &[""], &[("duration", Item::Length)]);
    with_items(with_usage(tree, "", "usage"), &["usage"], ITEMS)
});

const ITEMS: &[(&str, Item)] = &[
    ("seconds", Item::Seconds),
    ("input_token_details.audio_tokens", Item::Part(Figure::AudioInput)),
    ("input_token_details.cached_tokens", Item::Part(Figure::CachedRead)),
    ("output_token_details.audio_tokens", Item::Part(Figure::AudioOutput)),
];

/// Answers of transcriptions and translations.
pub(in crate::dialect) struct Transcription;

impl Format for Transcription {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        merge(facts, reading);
        progress.over |= facts.name(Name::Kind) == "transcript.text.done";
        // Verbose answers say how long the sound was, also where they report no usage.
        if let (Some(ms), false) = (facts.usage.get(Count::Length), reading.usage_present) {
            reading.usage.set(Figure::DurationMs, ms);
            reading.measured = true;
        }
    }

    fn ends_with_done(&self) -> bool {
        true
    }

    /// Plain text and subtitles carry no figures: how long the sound was is not known here.
    fn opaque(&self) -> Option<fn(&mut Reading, &mut Progress)> {
        Some(|_, _| {})
    }
}

/// Answers of speech.
pub(in crate::dialect) struct Speech;

impl Format for Speech {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        merge(facts, reading);
        progress.over |= facts.name(Name::Kind) == "speech.audio.done";
    }

    /// Sound carries no figures; it is billed by the characters of the request.
    fn opaque(&self) -> Option<fn(&mut Reading, &mut Progress)> {
        Some(|reading, progress| {
            reading.usage.set(Figure::Characters, progress.asked_characters);
            reading.measured = true;
        })
    }
}

fn merge(facts: &Facts, reading: &mut Reading) {
    Progress::take_names(facts, reading);
    reading.error |= facts.error;
    let said = usage::read(&facts.usage, usage::Output::Expected);
    let timed = facts.usage.parts.get(Figure::DurationMs).is_some();
    let said = match said {
        Said::Nothing if timed => Said::Usage(Box::new(facts.usage.parts)),
        said => said,
    };
    Progress::take_usage(said, &facts.usage, reading);
}
