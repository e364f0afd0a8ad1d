//! Answers of chat and completions: one object, or chunks that end with `[DONE]`.

use super::places::{with_row_usage, with_usage};
use super::usage;
use crate::dialect::answer::{Block, Count, Fact, Facts, List, Name, Progress, add};
use crate::dialect::format::Format;
use crate::framing::json::{Tree, Want};
use crate::usage::Reading;
use std::borrow::Cow;
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = Tree::new().with("choices[].text", Fact::Said, Want::Characters);
    let tree = with_message(with_message(tree, "choices[].delta"), "choices[].message");
    let tree = add(
        tree,
        "",
        &[
            ("model", Fact::Name(Name::Model)),
            ("object", Fact::Name(Name::Object)),
            ("service_tier", Fact::Name(Name::Tier)),
            // Mistral says it in the usage block.
            ("usage.service_tier", Fact::Name(Name::Tier)),
            ("usage.search_context_size", Fact::Name(Name::SearchContext)),
            ("error", Fact::Error),
            ("error.code", Fact::ErrorCode),
            ("x_groq.error", Fact::Error),
            ("choices[]", Fact::Choice),
            ("choices[].finish_reason", Fact::FinishReason),
        ],
    );
    let tree = with_usage(tree, "", "usage");
    let tree = with_usage(tree, "x_groq", "usage");
    let tree = with_usage(tree, "choices[]", "usage");
    with_breakdown(with_breakdown(tree, ""), "x_groq")
});

/// Groq says what each model used of the totals.
fn with_breakdown(tree: Tree<Fact>, parent: &'static str) -> Tree<Fact> {
    let models = "usage_breakdown.models[]";
    let places = [("", Fact::Row(List::Breakdown)), ("model", Fact::RowModel)];
    let tree = places
        .into_iter()
        .fold(tree, |tree, (path, fact)| tree.within(&[parent, models], path, fact, Want::Value));
    with_row_usage(tree, &[parent, models, "usage"])
}

/// Adds the places of text in a message, or in the delta of one: all of it by bytes, and by
/// characters what a reader or a tool is told.
fn with_message(tree: Tree<Fact>, message: &'static str) -> Tree<Fact> {
    let tree = tree.with(message, Fact::Said, Want::Text);
    let tree = tree.within(&[message], "audio.data", Fact::Said, Want::Nothing);
    [
        ("content", Fact::Said),
        ("content[].text", Fact::Said),
        // Mistral's reasoning.
        ("content[].thinking[].text", Fact::Said),
        ("reasoning", Fact::Reasoning),
        ("reasoning_content", Fact::ReasoningContent),
        ("refusal", Fact::Said),
        ("audio.transcript", Fact::Said),
        ("tool_calls[].function.arguments", Fact::Said),
        ("tool_calls[].custom.input", Fact::Said),
        ("function_call.arguments", Fact::Said),
    ]
    .into_iter()
    .fold(tree, |tree, (path, fact)| tree.within(&[message], path, fact, Want::Characters))
}

/// Answers of chat and completions.
pub(in crate::dialect) struct Chat;

impl Format for Chat {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        progress.finishes = progress.finishes.saturating_add(facts.finishes);
        reading.generated = progress.finishes > 0 && progress.finishes >= progress.answers;
        // Old servers put an error where the chunk should be.
        if facts.error || facts.name(Name::Object) == "error" {
            reading.error = true;
            progress.filtered |= facts.filtered;
        }
        if !facts.rows.is_empty() {
            let models = facts.rows.iter();
            reading.sub_usage =
                models.filter_map(|row| usage::apart("usage_breakdown", row, true)).collect();
        }
        let block = with_timings(facts, progress);
        let said = usage::read(&block, usage::Output::Expected);
        if Progress::take_usage(said, &block, reading) {
            let last = facts.choices == 0 || progress.finishes >= progress.answers;
            reading.usage_final =
                reading.usage_present && !reading.error && progress.finishes > 0 && last;
        }
    }

    fn ends_with_done(&self) -> bool {
        true
    }

    /// All streams are asked for usage, so one that gave none was cut.
    fn stream_ended(&self, reading: &mut Reading, progress: &mut Progress) {
        let finished = progress.finishes > 0 && progress.finishes >= progress.answers;
        progress.over |= reading.usage_present && (reading.usage_final || finished);
    }

    fn repeats(&self, _: &Facts) -> bool {
        true
    }
}

/// What a chunk says, with what an earlier one said of the cache: llama.cpp may say it in timings
/// that come before the usage.
fn with_timings<'a>(facts: &'a Facts, progress: &mut Progress) -> Cow<'a, Block> {
    let known = progress.block.get(Count::TimingsCached);
    match (facts.usage.get(Count::TimingsCached), known) {
        (Some(cached), _) => progress.block.raise(Count::TimingsCached, cached),
        (None, Some(cached)) if facts.usage.get(Count::Input).is_some_and(|n| n >= cached) => {
            let mut block = facts.usage.clone();
            block.raise(Count::TimingsCached, cached);
            return Cow::Owned(block);
        }
        _ => {}
    }
    Cow::Borrowed(&facts.usage)
}

/// Answers of embeddings.
pub(in crate::dialect) struct Embeddings;

impl Format for Embeddings {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        progress.filtered |= facts.filtered;
        let said = usage::read(&facts.usage, usage::Output::None);
        Progress::take_usage(said, &facts.usage, reading);
    }
}
