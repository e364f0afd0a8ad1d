//! Answers of image generation and editing: tokens, or a number of images.

use super::places::with_usage;
use super::usage;
use crate::dialect::answer::{Count, Fact, Facts, Item, List, Name, Progress, add, with_rows};
use crate::dialect::format::Format;
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading, SubUsage, Usage};
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [
        ("type", Fact::Name(Name::Kind)),
        ("model", Fact::Name(Name::Model)),
        ("error", Fact::Error),
        ("error.code", Fact::ErrorCode),
        ("data[]", Fact::Choice),
    ];
    let tree = with_usage(add(Tree::new(), "", &places), "", "usage");
    let items = [
        ("input_tokens", Item::Count(Count::Input)),
        ("output_tokens", Item::Count(Count::Output)),
        ("total_tokens", Item::Count(Count::Total)),
    ];
    let tree = with_rows(tree, &["svg_usage"], List::Iterations, "type", &items);
    add(tree, "svg_usage", &[("model", Fact::RowModel)])
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
        progress.over |= done;
        let made = facts.choices.saturating_add(u64::from(done));
        let before = reading.usage.count(Figure::Images);
        let said = usage::read(&facts.usage, usage::Output::Expected);
        let told = Progress::take_usage(said, &facts.usage, reading);
        reading.sub_usage.extend(facts.rows.iter().filter_map(vector_drawing));
        // Models that report no tokens are billed by the image.
        reading.measured |= kind.is_empty() && !told && made > 0;
        if made > 0 {
            reading.usage.set(Figure::Images, before.saturating_add(made));
        }
    }
}

/// Tokens of the model that made a drawing of the image, which are not in the answer's own figures.
fn vector_drawing(row: &crate::dialect::answer::Row) -> Option<SubUsage> {
    let (input, output) = (row.block.get(Count::Input), row.block.get(Count::Output));
    if row.list != Some(List::Iterations) || row.block.flaws() > 0 {
        return None;
    }
    let usage = Usage::default()
        .with(Figure::InputTotal, input.unwrap_or(0))
        .with(Figure::OutputTotal, output.unwrap_or(0));
    let model = Some(row.model.clone()).filter(|model| !model.is_empty());
    Some(SubUsage { kind: "svg".to_owned(), model, included_in_top: false, billable: true, usage })
}
