//! Answers of the Interactions API: one object, or typed events.

use super::add_shares;
use crate::dialect::answer::{
    Count, Fact, Facts, Item, List, Name, Progress, Said, add, sound, with_items, with_rows,
    with_texts,
};
use crate::dialect::format::Format;
use crate::dialect::request::{Field, Spot, anywhere, fields, texts};
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading};
use std::sync::LazyLock;

/// Where a request says what.
pub(in crate::dialect) static ASKED: LazyLock<Tree<Spot>> = LazyLock::new(|| {
    let tree = fields(&[
        ("", Field::Body),
        ("model", Field::Model),
        ("stream", Field::Stream),
        ("background", Field::Background),
        ("generation_config.max_output_tokens", Field::Ceiling),
        ("previous_interaction_id", Field::Elsewhere),
        ("agent", Field::Hosted),
        ("tools", Field::Definitions),
        ("tools[].type", Field::ToolKind),
        ("response_format", Field::Definitions),
    ]);
    let tree = texts(
        tree,
        &[
            "input",
            "input[]",
            "input[].text",
            "input[].content",
            "input[].content[].text",
            "system_instruction",
        ],
    );
    anywhere(tree, Field::Elsewhere, &["data", "uri"])
});

const ITEMS: &[(&str, Item)] = &[
    ("total_input_tokens", Item::Count(Count::Input)),
    ("total_output_tokens", Item::Count(Count::Output)),
    ("total_thought_tokens", Item::Count(Count::Thought)),
    ("total_reasoning_tokens", Item::Count(Count::Thought)),
    ("total_tool_use_tokens", Item::Count(Count::ToolInput)),
    ("total_tokens", Item::Count(Count::Total)),
    ("total_cached_tokens", Item::Part(Figure::CachedRead)),
];

const SHARE: &[(&str, Item)] = &[("tokens", Item::Part(Figure::InputTotal))];

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = with_texts(
        Tree::new(),
        &["delta.text", "steps[].content[].text", "outputs[].text", "interaction.outputs[].text"],
    );
    let tree =
        add(tree, "", &[("event_type", Fact::Name(Name::Kind)), ("type", Fact::Name(Name::Kind))]);
    object(object(tree, ""), "interaction")
});

fn object(tree: Tree<Fact>, parent: &'static str) -> Tree<Fact> {
    let tree = add(
        tree,
        parent,
        &[
            ("id", Fact::Name(Name::Id)),
            ("model", Fact::Name(Name::Model)),
            ("status", Fact::Name(Name::Status)),
            ("error", Fact::Error),
            ("usage", Fact::Usage),
        ],
    );
    let tree = with_items(tree, &[parent, "usage"], ITEMS);
    [
        ("input_tokens_by_modality[]", List::InputShares),
        ("cached_tokens_by_modality[]", List::CachedShares),
        ("output_tokens_by_modality[]", List::OutputShares),
    ]
    .into_iter()
    .fold(tree, |tree, (path, list)| {
        with_rows(tree, &[parent, "usage", path], list, "modality", SHARE)
    })
}

/// Answers of the Interactions API.
pub(in crate::dialect) struct Interactions;

impl Format for Interactions {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        let kind = facts.name(Name::Kind);
        reading.error |= facts.error || kind == "error";
        if facts.usage.is_touched() {
            let mut block = facts.usage.clone();
            add_shares(&facts.rows, &mut block);
            Progress::take_usage(total(&block), &block, reading);
        }
        match facts.name(Name::Status) {
            status @ ("failed" | "cancelled") => {
                reading.error |= status == "failed";
                progress.failed = true;
            }
            "in_progress" | "queued" if kind.is_empty() => {
                progress.failed = true;
                reading.deferred = true;
            }
            _ => {}
        }
        progress.over |= matches!(kind, "interaction.complete" | "interaction.completed");
        // An interaction can be fetched again, and does not say then how it was made.
        if !facts.name(Name::Id).is_empty() {
            reading.dedupe_key = Some(facts.name(Name::Id).to_owned());
        }
        reading.usage_final = reading.usage_present && progress.over;
    }

    fn whole(&self, _: &mut Reading, progress: &mut Progress) {
        progress.over |= !progress.failed;
    }

    fn repeats(&self, facts: &Facts) -> bool {
        facts.name(Name::Kind).ends_with("delta")
    }
}

/// Thoughts are beside the output, results of tools beside the input.
fn total(block: &crate::dialect::answer::Block) -> Said {
    if block.flaws() > 0 {
        return Said::Nonsense(block.flaws());
    }
    let count = |count| block.get(count).unwrap_or(0);
    if block.get(Count::Input).is_none() && block.get(Count::Output).is_none() {
        return Said::Nothing;
    }
    let mut usage = block.parts;
    let (thought, tools) = (count(Count::Thought), count(Count::ToolInput));
    usage.set(Figure::InputTotal, count(Count::Input).saturating_add(tools));
    usage.set(Figure::OutputTotal, count(Count::Output).saturating_add(thought));
    usage.set(Figure::Reasoning, thought);
    usage.set(Figure::ToolUseInput, tools);
    sound(usage)
}
