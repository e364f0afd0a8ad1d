//! Anthropic's messages, also on Vertex (`:rawPredict`) and compatible servers.
//!
//! Input tokens exclude what the cache held or took; they are added here. In a stream, figures come
//! twice: input with `message_start`, running totals with every `message_delta`. They are merged
//! field by field, the larger counts, and never summed.

use super::answer::{
    Block, Count, Fact, Facts, Item, List, Name, Progress, Row, Said, add, beside_cache, larger,
    with_items,
};
use super::format::Format;
use super::request::{Field, Spot, anywhere, fields, texts};
use super::{Found, Operation, Route};
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading, SubUsage, Usage};
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let route = match (method.as_str(), segments) {
        ("POST", ["v1", "messages"]) => Route::Metered(Operation::AnthropicMessages),
        ("POST", ["v1", "messages", "count_tokens"]) => Route::Free,
        ("GET", ["v1", "messages", "batches"]) => Route::Shared,
        (_, ["v1", "messages", "batches", ..]) => Route::Unmetered,
        _ => return None,
    };
    Some(Found::of(route))
}

/// Where a request says what.
pub(super) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("model", Field::Model),
        ("stream", Field::Stream),
        ("max_tokens", Field::Ceiling),
        ("service_tier", Field::ServiceTier),
        ("mcp_servers[]", Field::Hosted),
        ("fallbacks[]", Field::Hosted),
        ("container", Field::Elsewhere),
        ("tools", Field::Definitions),
        ("tools[].type", Field::ToolKind),
        ("output_format", Field::Definitions),
        ("output_config", Field::Definitions),
        ("messages[].content[].source.data", Field::ImageData),
        ("messages[].content[].source.url", Field::ImageData),
        ("messages[].content[].content[].source.data", Field::ImageData),
        ("messages[].content[].content[].source.url", Field::ImageData),
    ]);
    let tree = texts(
        tree,
        &[
            "system",
            "system[].text",
            "messages[].content",
            "messages[].content[].text",
            "messages[].content[].content",
            "messages[].content[].content[].text",
        ],
    );
    anywhere(tree, Field::Kind, &["type"])
});

const ITEMS: &[(&str, Item)] = &[
    ("input_tokens", Item::Count(Count::Uncached)),
    ("output_tokens", Item::Count(Count::Output)),
    ("cache_read_input_tokens", Item::Part(Figure::CachedRead)),
    ("cache_creation_input_tokens", Item::Part(Figure::CacheWrite)),
    ("cache_creation.ephemeral_5m_input_tokens", Item::Part(Figure::CacheWrite5m)),
    ("cache_creation.ephemeral_1h_input_tokens", Item::Part(Figure::CacheWrite1h)),
    ("output_tokens_details.thinking_tokens", Item::Part(Figure::Reasoning)),
    ("server_tool_use.web_search_requests", Item::Part(Figure::WebSearchRequests)),
    ("server_tool_use.web_fetch_requests", Item::Part(Figure::WebFetchRequests)),
];

/// What Bedrock adds to the last event of a stream.
const METRICS: &[(&str, Item)] = &[
    ("inputTokenCount", Item::Count(Count::Uncached)),
    ("outputTokenCount", Item::Count(Count::Output)),
    ("cacheReadInputTokenCount", Item::Part(Figure::CachedRead)),
    ("cacheWriteInputTokenCount", Item::Part(Figure::CacheWrite)),
];

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| with_places(Tree::new()));

/// Adds the places of an answer in this format.
pub(super) fn with_places(tree: Tree<Fact>) -> Tree<Fact> {
    let tree = add(
        tree,
        "",
        &[
            ("type", Fact::Name(Name::Kind)),
            ("error", Fact::Error),
            ("delta.stop_reason", Fact::Name(Name::StopReason)),
        ],
    );
    let tree = message(message(tree, ""), "message");
    let tree = with_items(tree, &["amazon-bedrock-invocationMetrics"], METRICS);
    // Not all of a delta: the reason to stop stands in one too, and is no answer.
    let tree = ["content", "delta.citation", "delta.content"]
        .into_iter()
        .fold(tree, |tree, path| tree.with(path, Fact::Said, Want::Text));
    ["content[].text", "content[].thinking", "delta.text", "delta.thinking", "delta.partial_json"]
        .into_iter()
        .fold(tree, |tree, path| tree.with(path, Fact::Said, Want::Characters))
        .with("content[].signature", Fact::Said, Want::Nothing)
        .with("content[].type", Fact::Said, Want::Nothing)
        .with("content[].id", Fact::Said, Want::Nothing)
}

fn message(tree: Tree<Fact>, parent: &'static str) -> Tree<Fact> {
    let tree = add(
        tree,
        parent,
        &[
            ("model", Fact::Name(Name::Model)),
            ("stop_reason", Fact::Name(Name::StopReason)),
            ("usage", Fact::Usage),
            ("usage.service_tier", Fact::Name(Name::Tier)),
            ("usage.inference_geo", Fact::Name(Name::Geo)),
            ("usage.speed", Fact::Name(Name::Speed)),
            ("usage.iterations[]", Fact::Row(List::Iterations)),
            ("usage.iterations[].type", Fact::RowKind),
            ("usage.iterations[].model", Fact::RowModel),
        ],
    );
    let tree = with_items(tree, &[parent, "usage"], ITEMS);
    ITEMS.iter().fold(tree, |tree, &(path, item)| {
        tree.within(&[parent, "usage.iterations[]"], path, Fact::RowItem(item), Want::Value)
    })
}

/// Answers of messages.
pub(super) struct Messages;

impl Format for Messages {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        merge(facts, reading, progress);
    }

    fn repeats(&self, facts: &Facts) -> bool {
        facts.name(Name::Kind) == "content_block_delta"
    }
}

/// Adds what a document says to what is known.
pub(super) fn merge(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    Progress::take_names(facts, reading);
    if facts.error || facts.name(Name::Kind) == "error" {
        reading.error = true;
        return;
    }
    if facts.usage.is_touched() {
        progress.block.overlay(&facts.usage, larger);
        if !facts.rows.is_empty() {
            progress.rows.clone_from(&facts.rows);
        }
        let mut block = progress.block.clone();
        reading.sub_usage = iterations(&progress.rows, &mut block);
        Progress::take_usage(beside_cache(&block), &block, reading);
    }
    let stopped = !facts.name(Name::StopReason).is_empty();
    progress.finishes += u64::from(stopped);
    reading.generated |= stopped;
    reading.usage_final = reading.usage_present && progress.finishes > 0 && !reading.error;
    progress.over |= facts.name(Name::Kind) == "message_stop";
    // A batch is billed by its results, not by being created or looked at.
    progress.free = is_declined(reading) || facts.name(Name::Kind) == "message_batch";
}

/// A refusal before any output is not billed, although figures come with it.
fn is_declined(reading: &Reading) -> bool {
    reading.stop_reason.as_deref() == Some("refusal")
        && reading.output_bytes == 0
        && !reading.sub_usage.iter().any(|sub| sub.billable)
}

/// Attempts and other models inside the call. Messages are part of the totals; a compaction is not,
/// and costs the same model's price; an advisor has a model of its own. Where another model took over,
/// the totals are the served answer's, and the message before it is the attempt that was declined,
/// which is billed only if something had been said.
fn iterations(rows: &[Row], block: &mut Block) -> Vec<SubUsage> {
    let fell_back = rows.iter().any(|row| row.kind == "fallback_message");
    let mut apart = Vec::new();
    for row in rows {
        let Said::Usage(usage) = beside_cache(&row.block) else {
            block.flaw();
            continue;
        };
        let billable = match row.kind.as_str() {
            "compaction" => {
                add_to(block, &row.block);
                continue;
            }
            "message" if fell_back => usage.count(Figure::OutputTotal) > 1,
            "message" | "fallback_message" => continue,
            _ => true,
        };
        apart.push(SubUsage {
            kind: row.kind.clone(),
            model: Some(row.model.clone()).filter(|model| !model.is_empty()),
            included_in_top: false,
            billable,
            usage: *usage,
        });
    }
    apart
}

/// Adds an attempt's figures to the totals.
fn add_to(block: &mut Block, attempt: &Block) {
    let mut sums = Block::default();
    for count in [Count::Uncached, Count::Output] {
        let sum = block.get(count).unwrap_or(0).saturating_add(attempt.get(count).unwrap_or(0));
        sums.raise(count, sum);
    }
    let parts: Usage = attempt.parts;
    for (figure, n) in parts.reported() {
        block.add_part(figure, n);
    }
    block.overlay(&sums, larger);
}
