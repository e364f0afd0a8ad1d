//! Answers of embeddings. The Generative Language API may report nothing: then the text of the
//! request is all there is to go by. Vertex reports tokens per text and characters in all.

use crate::dialect::answer::{
    Count, Fact, Facts, Item, List, Progress, Said, add, sound, with_items, with_rows,
};
use crate::dialect::format::Format;
use crate::dialect::request::{Field, Spot, anywhere, fields, texts};
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading, Usage};
use std::sync::LazyLock;

/// Where a request says what.
pub(in crate::dialect) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = texts(
        fields(&[("", Field::Body)]),
        &[
            "content.parts[].text",
            "requests[].content.parts[].text",
            "instances[].content",
            "instances[].text",
        ],
    );
    anywhere(tree, Field::Elsewhere, &["inlineData", "fileData", "image", "video"])
});

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = add(Tree::new(), "", &[("error", Fact::Error), ("usageMetadata", Fact::Usage)]);
    let tree = with_items(
        tree,
        &["usageMetadata"],
        &[
            ("promptTokenCount", Item::Count(Count::Input)),
            ("totalTokenCount", Item::Count(Count::Total)),
        ],
    );
    let tree = with_items(
        tree,
        &["metadata"],
        &[("billableCharacterCount", Item::Units(Figure::Characters))],
    );
    let tokens = [("statistics.token_count", Item::Units(Figure::InputTotal))];
    with_rows(tree, &["predictions[].embeddings"], List::Sums, "kind", &tokens)
});

/// Answers of the embedding verbs.
pub(in crate::dialect) struct Embed;

impl Format for Embed {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let flaws = facts
            .rows
            .iter()
            .fold(facts.usage.flaws(), |n, row| n.saturating_add(row.block.flaws()));
        let summed = facts
            .rows
            .iter()
            .fold(0_u64, |sum, row| sum.saturating_add(row.block.parts.count(Figure::InputTotal)));
        let told = facts.usage.get(Count::Input).or(facts.usage.get(Count::Total));
        let input = told.or(Some(summed).filter(|_| !facts.rows.is_empty()));
        let said = match input {
            _ if flaws > 0 => Said::Nonsense(flaws),
            None => Said::Nothing,
            Some(input) => {
                let usage: Usage = facts.usage.parts;
                sound(usage.with(Figure::InputTotal, input).with(Figure::OutputTotal, 0))
            }
        };
        Progress::take_usage(said, &facts.usage, reading);
        progress.over = true;
    }
}
