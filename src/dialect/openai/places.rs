//! Where the figures of a usage block stand, in whichever provider's spelling.

use crate::dialect::answer::{Count, Fact, Item, add, with_items};
use crate::framing::json::{Tree, Want};
use crate::usage::Figure;

const fn part(figure: Figure) -> Item {
    Item::Part(figure)
}

macro_rules! input_details {
    ($($name:literal),+) => {
        &[$(
            (concat!($name, ".cached_tokens"), part(Figure::CachedRead)),
            (concat!($name, ".cache_read_input_tokens"), part(Figure::CachedRead)),
            (concat!($name, ".cached_tokens_details.audio_tokens"), part(Figure::CachedAudio)),
            (concat!($name, ".cache_write_tokens"), part(Figure::CacheWrite)),
            (concat!($name, ".cache_creation_input_tokens"), Item::Count(Count::Created)),
            (concat!($name, ".cache_creation.ephemeral_5m_input_tokens"), part(Figure::CacheWrite5m)),
            (concat!($name, ".cache_creation.ephemeral_1h_input_tokens"), part(Figure::CacheWrite1h)),
            (concat!($name, ".cache_write_tokens_details.ttl_30m_tokens"), part(Figure::CacheWrite30m)),
            (concat!($name, ".cache_write_tokens_details.ttl_12h_tokens"), part(Figure::CacheWrite12h)),
            (concat!($name, ".audio_tokens"), part(Figure::AudioInput)),
            (concat!($name, ".image_tokens"), part(Figure::ImageInput)),
        )+]
    };
}

macro_rules! output_details {
    ($($name:literal),+) => {
        &[$(
            (concat!($name, ".reasoning_tokens"), part(Figure::Reasoning)),
            (concat!($name, ".audio_tokens"), part(Figure::AudioOutput)),
            (concat!($name, ".image_tokens"), part(Figure::ImageOutput)),
            (concat!($name, ".accepted_prediction_tokens"), part(Figure::PredictionAccepted)),
            (concat!($name, ".rejected_prediction_tokens"), part(Figure::PredictionRejected)),
        )+]
    };
}

/// Adds the places of a usage block at `path`, and of what stands beside it in `parent`.
pub(in crate::dialect) fn with_usage(
    tree: Tree<Fact>,
    parent: &'static str,
    path: &'static str,
) -> Tree<Fact> {
    let tree = add(tree, parent, &[(path, Fact::Usage)]);
    let tree = BLOCK.iter().fold(tree, |tree, table| with_items(tree, &[parent, path], table));
    with_items(tree, &[parent], BESIDE)
}

/// Adds the places of a usage block that a row holds.
pub(in crate::dialect) fn with_row_usage(tree: Tree<Fact>, row: &[&'static str]) -> Tree<Fact> {
    BLOCK
        .iter()
        .copied()
        .flatten()
        .fold(tree, |tree, &(path, item)| tree.within(row, path, Fact::RowItem(item), Want::Value))
}

type Table = &'static [(&'static str, Item)];

/// Where the items of a block stand, from its beginning.
const BLOCK: &[Table] = &[
    &[
        ("prompt_tokens", Item::Count(Count::Input)),
        ("input_tokens", Item::Count(Count::Input)),
        ("completion_tokens", Item::Count(Count::Output)),
        ("output_tokens", Item::Count(Count::Output)),
        ("total_tokens", Item::Count(Count::Total)),
        ("cached_tokens", part(Figure::CachedRead)),
        ("num_cached_tokens", part(Figure::CachedRead)),
        ("prompt_cache_hit_tokens", part(Figure::CachedRead)),
        ("cache_read_input_tokens", part(Figure::CachedRead)),
        ("cache_creation_input_tokens", Item::Count(Count::Created)),
        ("reasoning_tokens", part(Figure::Reasoning)),
        ("citation_tokens", Item::Count(Count::Cited)),
        ("server_tool_use.web_search_requests", part(Figure::WebSearchRequests)),
        ("server_tool_use_details.web_search_requests", part(Figure::WebSearchRequests)),
        ("num_search_queries", Item::Searches),
        ("tool_calls_details.search_web.invocation", part(Figure::WebSearchRequests)),
        ("prompt_audio_seconds", Item::Seconds),
        ("cost_details.upstream_inference_cost", Item::UpstreamCost),
        ("is_byok", Item::OwnKey),
        ("cost", Item::Cost),
        ("cost.total_cost", Item::CostSoFar),
        ("cost_in_usd_ticks", Item::CostTicks),
    ],
    input_details!("prompt_tokens_details", "prompt_token_details", "input_tokens_details"),
    output_details!("completion_tokens_details", "output_tokens_details"),
];

/// Where items stand beside the block.
const BESIDE: Table = &[
    ("tool_usage.web_search.num_requests", part(Figure::WebSearchRequests)),
    ("timings.cache_n", Item::Count(Count::TimingsCached)),
    ("timings.prompt_n", Item::Count(Count::TimingsInput)),
    ("timings.predicted_n", Item::Count(Count::TimingsOutput)),
];
