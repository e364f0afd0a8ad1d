//! Usage by kind of endpoint. What is none of the others is `completions`.

use super::BadParameter;
use super::facets::{Facet, Facets};
use super::query::Query;
use crate::dialect::{Operation, Yields};
use crate::ledger::UsageEvent;
use crate::money::NanoUsd;
use crate::usage::{Figure, Usage};
use serde_json::{Value, json};

/// A kind of endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Completions,
    Embeddings,
    Moderations,
    Images,
    Speeches,
    Transcriptions,
}

/// What calls used together.
#[derive(Debug, Default)]
pub(super) struct Sum {
    requests: u64,
    usage: Usage,
}

const COMMON: &[Facet] = &[Facet::Project, Facet::User, Facet::Key, Facet::Model];
const OF_COMPLETIONS: &[Facet] =
    &[Facet::Project, Facet::User, Facet::Key, Facet::Model, Facet::Batch, Facet::Tier];
const OF_IMAGES: &[Facet] = &[
    Facet::Project,
    Facet::User,
    Facet::Key,
    Facet::Model,
    Facet::Unknown("size"),
    Facet::Unknown("source"),
];

impl Kind {
    const ALL: [Self; 6] = [
        Self::Completions,
        Self::Embeddings,
        Self::Moderations,
        Self::Images,
        Self::Speeches,
        Self::Transcriptions,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::Speeches => "audio_speeches",
            Self::Transcriptions => "audio_transcriptions",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of a call; `None` of those that are free.
    fn of(event: &UsageEvent) -> Option<Self> {
        let named = |operation: &&Operation| operation.name() == event.facts.dialect;
        let operation = Operation::ALL.iter().find(named)?;
        Some(match operation.yields() {
            Yields::Vectors => Self::Embeddings,
            Yields::Images => Self::Images,
            Yields::Speech => Self::Speeches,
            Yields::Transcript => Self::Transcriptions,
            Yields::Text | Yields::Pages | Yields::Ranking | Yields::Time => Self::Completions,
            Yields::Nothing => return None,
        })
    }

    pub(super) fn facets(self, query: &Query) -> Result<Facets, BadParameter> {
        let known = match self {
            Self::Completions => OF_COMPLETIONS,
            Self::Images => OF_IMAGES,
            _ => COMMON,
        };
        Facets::read(query, known)
    }

    /// Whether a call is of this kind and used anything.
    pub(super) fn counts(self, event: &UsageEvent) -> bool {
        let used = event.cost != NanoUsd::ZERO || event.usage.reported().any(|(_, n)| n > 0);
        used && Self::of(event) == Some(self)
    }

    pub(super) fn add(event: &UsageEvent, sum: &mut Sum) {
        sum.requests = sum.requests.saturating_add(event.requests.unsigned_abs());
        sum.usage = sum.usage.plus(&event.usage);
    }

    pub(super) fn result(self, sum: &Sum) -> Value {
        let count = |figure| sum.usage.count(figure);
        let less = |all, part| count(all).saturating_sub(count(part));
        let mut result = match self {
            Self::Completions => json!({
                "input_tokens": count(Figure::InputTotal),
                "output_tokens": count(Figure::OutputTotal),
                "input_cached_tokens": count(Figure::CachedRead),
                "input_cache_write_tokens": count(Figure::CacheWrite),
                "input_uncached_tokens": sum.usage.input_uncached(),
                "input_audio_tokens": less(Figure::AudioInput, Figure::CachedAudio),
                "input_cached_audio_tokens": count(Figure::CachedAudio),
                "input_image_tokens": less(Figure::ImageInput, Figure::CachedImage),
                "input_cached_image_tokens": count(Figure::CachedImage),
                "output_audio_tokens": count(Figure::AudioOutput),
                "output_image_tokens": count(Figure::ImageOutput),
            }),
            Self::Embeddings | Self::Moderations => {
                json!({"input_tokens": count(Figure::InputTotal)})
            }
            Self::Images => json!({"images": count(Figure::Images)}),
            Self::Speeches => json!({"characters": count(Figure::Characters)}),
            Self::Transcriptions => json!({"seconds": count(Figure::DurationMs).div_ceil(1_000)}),
        };
        result["object"] = format!("organization.usage.{}.result", self.name()).into();
        result["num_model_requests"] = sum.requests.into();
        result
    }
}
