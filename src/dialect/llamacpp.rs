//! llama.cpp's own completion route.

use super::answer::{
    Count, Fact, Facts, Flag, Item, Name, Progress, add, plain_totals, with_items, with_texts,
};
use super::format::Format;
use super::request::{Field, Spot, fields};
use super::{Found, Operation, Route};
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading};
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let route = match (method.as_str(), segments) {
        ("POST", ["completion"]) => Route::Metered(Operation::LlamaCppCompletion),
        ("POST", ["tokenize" | "detokenize" | "apply-template"])
        | ("GET", ["health" | "props"]) => Route::Free,
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
        ("n_predict", Field::LooseCeiling),
    ]);
    tree.with("prompt", Spot { field: Field::Prompt, name: "prompt" }, Want::Characters).with(
        "prompt[]",
        Spot { field: Field::Prompts, name: "prompt" },
        Want::Characters,
    )
});

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [
        ("model", Fact::Name(Name::Model)),
        ("stop", Fact::Flag(Flag::Done)),
        ("error", Fact::Error),
    ];
    with_items(
        add(with_texts(Tree::new(), &["content"]), "", &places),
        &[""],
        &[
            ("tokens_evaluated", Item::Count(Count::Input)),
            ("tokens_predicted", Item::Count(Count::Output)),
            // `tokens_cached` is what the cache holds afterwards.
            ("timings.cache_n", Item::Part(Figure::CachedRead)),
        ],
    )
});

/// Answers of the completion route.
pub(super) struct Completion;

impl Format for Completion {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let block = &facts.usage;
        Progress::take_usage(plain_totals(block), block, reading);
        progress.over |= facts.is(Flag::Done);
        reading.generated |= progress.over;
        reading.usage_final = reading.usage_present && progress.over;
    }
}
