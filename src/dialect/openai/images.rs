//! Answers of image generation and editing: tokens, or a number of images.

use super::places::{with_row_usage, with_usage};
use super::usage;
use crate::dialect::answer::{Fact, Facts, List, Name, Progress, add};
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
        ("data[]", Fact::Choice),
        ("svg_usage", Fact::Row(List::Iterations)),
        ("svg_usage.model", Fact::RowModel),
    ];
    let tree = with_usage(add(Tree::new(), "", &places), "", "usage");
    with_row_usage(tree, &["svg_usage"])
});

/// Answers of the image routes.
pub(in crate::dialect) struct Images;

impl Format for Images {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let kind = facts.name(Name::Kind);
        let done = kind.ends_with(".completed");
        progress.finishes = progress.finishes.saturating_add(u64::from(done));
        progress.over |= done && progress.finishes >= progress.answers;
        let made = facts.choices.saturating_add(u64::from(done));
        let before = reading.usage.count(Figure::Images);
        let said = usage::read(&facts.usage, usage::Output::Expected);
        let told = Progress::take_usage(said, &facts.usage, reading);
        // Drawings of the image are made by another model, outside the answer's own figures.
        for sub in facts.rows.iter().filter_map(|row| usage::apart("svg", row, false)) {
            Progress::add_beside(sub, reading);
        }
        // Models that report no tokens are billed by the image.
        reading.measured |= kind.is_empty() && !told && made > 0;
        if made > 0 {
            reading.usage.set(Figure::Images, before.saturating_add(made));
        }
    }
}
