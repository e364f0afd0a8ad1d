//! LM Studio's own chat route: figures in `stats`, in a stream with the event `chat.end`.

use super::answer::{
    Count, Fact, Facts, Item, Name, Progress, add, plain_totals, with_items, with_texts,
};
use super::format::Format;
use super::request::{Field, Spot, anywhere, fields, texts};
use super::{Found, Operation, Route};
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading};
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let route = match (method.as_str(), segments) {
        ("POST", ["api", "v1", "chat"]) => Route::Metered(Operation::LmStudioChat),
        ("POST", ["api", "v0", "chat", "completions"]) => Route::Metered(Operation::OpenAiChat),
        ("POST", ["api", "v0", "completions"]) => Route::Metered(Operation::OpenAiCompletions),
        ("POST", ["api", "v0", "embeddings"]) => Route::Metered(Operation::OpenAiEmbeddings),
        ("GET", ["api", "v0" | "v1", "models", ..]) => Route::Free,
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
        ("max_output_tokens", Field::Ceiling),
        ("previous_response_id", Field::Elsewhere),
        ("integrations[]", Field::Hosted),
    ]);
    let tree = texts(tree, &["system_prompt", "input", "input[].content"]);
    anywhere(tree, Field::Elsewhere, &["data_url"])
});

const STATS: &[(&str, Item)] = &[
    ("input_tokens", Item::Count(Count::Input)),
    ("total_output_tokens", Item::Count(Count::Output)),
    ("reasoning_output_tokens", Item::Part(Figure::Reasoning)),
];

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = with_texts(Tree::new(), &["content", "output[].content"]);
    let places = [
        ("type", Fact::Name(Name::Kind)),
        ("error", Fact::Error),
        ("model_instance_id", Fact::Name(Name::Model)),
        ("result.model_instance_id", Fact::Name(Name::Model)),
    ];
    let tree = with_items(add(tree, "", &places), &["stats"], STATS);
    with_items(tree, &["result", "stats"], STATS)
});

/// Answers of the chat route.
pub(super) struct Chat;

impl Format for Chat {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let block = &facts.usage;
        Progress::take_usage(plain_totals(block), block, reading);
        progress.over |= facts.name(Name::Kind) == "chat.end";
        reading.usage_final = reading.usage_present && progress.over;
    }

    fn repeats(&self, facts: &Facts) -> bool {
        facts.name(Name::Kind).ends_with(".delta")
    }
}
