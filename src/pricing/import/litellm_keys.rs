//! The price fields of LiteLLM's cost map: which class, tier and length each is for.
//!
//! Invariant: a field whose name says that it is a price is understood, or stands in the list of
//! those that are not used, with the reason; else it is refused.

use crate::pricing::class::Class;

/// What a price field is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The class.
    pub class: Class,
    /// The tier; `None`: the standard price.
    pub tier: Option<&'static str>,
    /// The input tokens above which it counts.
    pub above: Option<u64>,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A price that is compared.
    Price(Key),
    /// No price, or one that is not used.
    Unused,
    /// A price that nobody here understands.
    Unknown,
}

/// Longest first where one is the beginning of another.
const CLASSES: &[(&str, Class)] = &[
    ("cache_creation_input_token_cost_above_12hr", Class::CacheWrite12h),
    ("cache_creation_input_token_cost_above_1hr", Class::CacheWrite1h),
    ("cache_creation_input_token_cost", Class::CacheWrite),
    ("cache_read_input_audio_token_cost", Class::CachedAudio),
    ("cache_read_input_image_token_cost", Class::CachedImage),
    ("cache_read_input_token_cost", Class::CachedInput),
    ("input_cost_per_audio_token", Class::AudioInput),
    ("input_cost_per_character", Class::Character),
    ("input_cost_per_image_token", Class::ImageInput),
    ("input_cost_per_query", Class::SearchUnit),
    ("input_cost_per_request", Class::Request),
    ("input_cost_per_second", Class::AudioSecond),
    ("input_cost_per_token", Class::Input),
    ("input_cost_per_video_token", Class::VideoInput),
    ("ocr_cost_per_page", Class::Page),
    ("output_cost_per_audio_token", Class::AudioOutput),
    ("output_cost_per_image_token", Class::ImageOutput),
    ("output_cost_per_image", Class::Image),
    ("output_cost_per_reasoning_token", Class::Reasoning),
    ("output_cost_per_token", Class::Output),
];

const TIERS: &[(&str, &str)] = &[
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_ultrafast", "ultrafast"),
];

/// Prices that are known and not used: of what no usage block has a figure for (pixels, seconds of
/// video, citations, annotated pages, sessions of a sandbox, stored files), of what is no call
/// (guardrails, storage), by units that are not dollars (DBU, credits), by tools whose fees differ
/// by size (kept by hand), by modes that are asked for elsewhere (`balanced`, `decisions`), and
/// second names of a price that another field has.
const UNUSED: &[&str] = &[
    "annotation_cost_per_page",
    "cache_creation_input_audio_token_cost",
    "citation_cost_per_token",
    "code_interpreter_cost_per_session",
    "computer_use_input_cost_per_1k_tokens",
    "computer_use_output_cost_per_1k_tokens",
    "cost_per_second",
    "explicit_cache_read_input_token_cost",
    "file_search_cost_per_1k_calls",
    "file_search_cost_per_gb_per_day",
    "google_maps_grounding_cost_per_query",
    "guardrail_cost_per_unit",
    "input_cost_per_audio_per_second",
    "input_cost_per_image",
    "input_cost_per_pixel",
    "input_cost_per_text_message",
    "input_cost_per_video_per_second",
    "input_dbu_cost_per_token",
    "ocr_cost_per_credit",
    "output_cost_per_character",
    "output_cost_per_pixel",
    "output_cost_per_second",
    "output_cost_per_video_per_second",
    "output_cost_per_video_token",
    "output_dbu_cost_per_token",
    "search_context_cost_per_query",
    "vector_store_cost_per_gb_per_day",
];

/// What follows a price that is known and not used: modes of a call that it does not tell, and
/// sizes of an image or a video.
const UNUSED_ENDS: &[&str] = &[
    "_balanced",
    "_decisions",
    "_cache_hit",
    "_above_15s_interval",
    "_above_8s_interval",
    "_0.5K",
    "_1K",
    "_2K",
    "_4K",
    "_512",
    "_1024",
    "_1536",
    "_480p",
    "_720p",
    "_768p",
    "_1080p",
    "_2k",
    "_4k",
];

/// What a field is for.
pub fn field(name: &str) -> Field {
    if !name.contains("cost") {
        return Field::Unused;
    }
    if let Some(key) = price(name) {
        return Field::Price(key);
    }
    let plain = UNUSED_ENDS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let plain = TIERS.iter().find_map(|(end, _)| plain.strip_suffix(end)).unwrap_or(plain);
    let plain = above(plain).map_or(plain, |(plain, _)| plain);
    match UNUSED.contains(&plain) || (plain != name && price(plain).is_some()) {
        true => Field::Unused,
        false => Field::Unknown,
    }
}

fn price(name: &str) -> Option<Key> {
    let ended = TIERS.iter().find_map(|(end, tier)| Some((name.strip_suffix(end)?, *tier)));
    let (name, tier) = ended.map_or((name, None), |(name, tier)| (name, Some(tier)));
    let (name, above) = above(name).map_or((name, None), |(name, above)| (name, Some(above)));
    let (_, class) = CLASSES.iter().find(|(known, _)| *known == name)?;
    Some(Key { class: *class, tier, above })
}

/// `…_above_272k_tokens`, cut off.
fn above(name: &str) -> Option<(&str, u64)> {
    let (plain, thousands) = name.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
    Some((plain, thousands.parse::<u64>().ok()?.checked_mul(1000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(class: Class, tier: Option<&'static str>, above: Option<u64>) -> Field {
        Field::Price(Key { class, tier, above })
    }

    #[test]
    fn a_field_says_its_class_tier_and_length() {
        let long = Some(272_000);
        for (name, expected) in [
            ("input_cost_per_token", key(Class::Input, None, None)),
            ("output_cost_per_token_batches", key(Class::Output, Some("batch"), None)),
            (
                "cache_creation_input_token_cost_above_12hr_above_272k_tokens_flex",
                key(Class::CacheWrite12h, Some("flex"), long),
            ),
            ("cache_creation_input_token_cost_above_1hr", key(Class::CacheWrite1h, None, None)),
            ("max_output_tokens", Field::Unused),
            ("input_cost_per_token_decisions", Field::Unused),
            ("input_cost_per_token_above_272k_tokens_decisions", Field::Unused),
            ("output_cost_per_second_1080p", Field::Unused),
            ("input_cost_per_quark", Field::Unknown),
            ("input_cost_per_token_slow", Field::Unknown),
            ("input_cost_per_token_above_3d_tokens", Field::Unknown),
        ] {
            assert_eq!(field(name), expected, "{name}");
        }
    }
}
