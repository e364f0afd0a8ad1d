//! Answers of chat and completions: one object, or chunks that end with `[DONE]`.

use super::places::with_usage;
use super::usage;
use crate::dialect::answer::{Fact, Facts, Name, Progress, add};
use crate::dialect::format::Format;
use crate::framing::json::{Tree, Want};
use crate::usage::Reading;
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = Tree::new().with("choices[].text", Fact::Said, Want::Characters);
    let tree = with_message(with_message(tree, "choices[].delta"), "choices[].message");
    let tree = add(
        tree,
        "",
        &[
            ("model", Fact::Name(Name::Model)),
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
    with_usage(tree, "choices[]", "usage")
});

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
        if facts.error {
            reading.error = true;
            progress.filtered |= facts.filtered;
        }
        let said = usage::read(&facts.usage, usage::Output::Expected);
        if Progress::take_usage(said, &facts.usage, reading) {
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
        progress.over |= reading.usage_present && (reading.usage_final || progress.finishes > 0);
    }

    fn repeats(&self, _: &Facts) -> bool {
        true
    }
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
