//! Events of realtime sessions: every `response.done` is an answer of its own.

use super::usage;
use crate::dialect::answer::{
    Count, Fact, Facts, Item, Name, Progress, Said, add, with_items, with_texts,
};
use crate::dialect::format::Format;
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading, SubUsage};
use std::sync::LazyLock;

const ITEMS: &[(&str, Item)] = &[
    ("input_tokens", Item::Count(Count::Input)),
    ("output_tokens", Item::Count(Count::Output)),
    ("total_tokens", Item::Count(Count::Total)),
    ("input_token_details.audio_tokens", Item::Part(Figure::AudioInput)),
    ("input_token_details.image_tokens", Item::Part(Figure::ImageInput)),
    ("input_token_details.cached_tokens", Item::Part(Figure::CachedRead)),
    ("input_token_details.cached_tokens_details.audio_tokens", Item::Part(Figure::CachedAudio)),
    ("input_token_details.cached_tokens_details.text_tokens", Item::Part(Figure::CachedText)),
    ("input_token_details.cached_tokens_details.image_tokens", Item::Part(Figure::CachedImage)),
    ("output_token_details.audio_tokens", Item::Part(Figure::AudioOutput)),
    ("output_token_details.reasoning_tokens", Item::Part(Figure::Reasoning)),
];

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [
        ("type", Fact::Name(Name::Kind)),
        ("error", Fact::Error),
        ("session.model", Fact::Name(Name::Model)),
        ("session.audio.input.transcription.model", Fact::Name(Name::BesideModel)),
        ("session.input_audio_transcription.model", Fact::Name(Name::BesideModel)),
        ("response.id", Fact::Name(Name::Id)),
        ("response.status", Fact::Name(Name::Status)),
        ("response.usage", Fact::Usage),
        ("usage", Fact::Usage),
    ];
    let tree = add(with_texts(Tree::new(), &["delta"]), "", &places);
    let tree = with_items(tree, &["response", "usage"], ITEMS);
    with_items(with_items(tree, &["usage"], ITEMS), &["usage"], &[("seconds", Item::Seconds)])
});

/// Events of a realtime session.
pub(in crate::dialect) struct Realtime;

impl Format for Realtime {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        let beside = facts.name(Name::BesideModel);
        if !beside.is_empty() {
            progress.beside_model = Some(beside.to_owned());
        }
        match facts.name(Name::Kind) {
            "response.created" => {
                reading.begun = true;
                progress.over = false;
            }
            "response.done" => turn(facts, reading, progress),
            "conversation.item.input_audio_transcription.completed" => {
                if let Some(sub) = transcription(facts, progress.beside_model.as_deref()) {
                    Progress::add_beside(sub, reading);
                }
            }
            _ => {}
        }
    }
}

/// A response ended. A failed one may have no figures; what was made of it is not known then.
fn turn(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    reading.begun = true;
    progress.over = true;
    reading.dedupe_key = Some(facts.name(Name::Id).to_owned()).filter(|id| !id.is_empty());
    let said = usage::read(&facts.usage, usage::Output::Expected);
    Progress::take_usage(said, &facts.usage, reading);
    let status = facts.name(Name::Status);
    reading.error |= status == "failed";
    progress.doubtful = !reading.usage_present && status != "completed";
    reading.usage_final = reading.usage_present;
}

/// What was said is written down by another model, at its own price.
fn transcription(facts: &Facts, model: Option<&str>) -> Option<SubUsage> {
    let timed = facts.usage.parts.get(Figure::DurationMs).is_some();
    let usage = match usage::read(&facts.usage, usage::Output::Expected) {
        Said::Usage(usage) => *usage,
        Said::Nothing if timed => facts.usage.parts,
        Said::Nothing | Said::Nonsense(_) => return None,
    };
    let kind = "transcription".to_owned();
    let model = model.map(str::to_owned);
    Some(SubUsage { kind, model, included_in_top: false, billable: true, usage })
}
