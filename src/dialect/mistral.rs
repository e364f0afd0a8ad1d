//! Mistral's OCR, billed by the page. Its chat is OpenAI's.

use super::answer::{Fact, Facts, Item, Name, Progress, Said, add, with_items};
use super::format::Format;
use super::request::{Field, Spot, fields};
use super::{Found, Operation, Route};
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading};
use http::Method;
use std::sync::LazyLock;

/// What a method and a path name.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Found> {
    let post = method == Method::POST;
    matches!(segments, ["v1", "ocr"] if post)
        .then(|| Found::of(Route::Metered(Operation::MistralOcr)))
}

/// Where a request says what. A document is always somewhere else, or of unknown length.
pub(super) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    fields(&[("", Field::Body), ("model", Field::Model), ("document", Field::Elsewhere)])
});

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [("model", Fact::Name(Name::Model)), ("error", Fact::Error)];
    let pages = [("pages_processed", Item::Part(Figure::Pages))];
    with_items(add(Tree::new(), "", &places), &["usage_info"], &pages)
});

/// Answers of the OCR route.
pub(super) struct Ocr;

impl Format for Ocr {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, _: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let block = &facts.usage;
        let said = match block.flaws() {
            0 if block.has_figures() => Said::Usage(Box::new(block.parts)),
            0 => Said::Nothing,
            flaws => Said::Nonsense(flaws),
        };
        Progress::take_usage(said, block, reading);
    }
}
