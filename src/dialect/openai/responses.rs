//! Answers of the Responses API: one object, or typed events of which the last repeats that object.

use super::facts::{Fact, Facts, add, with_usage};
use super::progress::Progress;
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading};
use std::sync::LazyLock;

/// Where an answer says what. In an event the object stands under `response`.
pub(super) static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = Tree::new()
        .with("delta", Fact::Said, Want::Characters)
        .with("output", Fact::Said, Want::Text)
        .with("output[].encrypted_content", Fact::Said, Want::Nothing)
        .with("output[].result", Fact::Said, Want::Nothing);
    let tree = SAID
        .iter()
        .fold(tree, |tree, path| tree.within(&["output[]"], path, Fact::Said, Want::Characters));
    let tree = add(tree, "", &[("type", Fact::Kind)]);
    object(object(tree, ""), "response")
});

/// Where an item of the output holds what its deltas hold in a stream.
const SAID: &[&str] =
    &["arguments", "code", "content[].refusal", "content[].text", "input", "summary[].text"];

fn object(tree: Tree<Fact>, parent: &'static str) -> Tree<Fact> {
    let tree = add(
        tree,
        parent,
        &[
            ("id", Fact::Id),
            ("object", Fact::Object),
            ("model", Fact::Model),
            ("service_tier", Fact::Tier),
            ("status", Fact::Status),
            ("background", Fact::Background),
            ("incomplete_details.reason", Fact::IncompleteReason),
            ("error", Fact::Error),
            ("error.code", Fact::ErrorCode),
            ("output[]", Fact::Output),
            ("output[].type", Fact::OutputKind),
            ("output[].action.type", Fact::ActionKind),
        ],
    );
    with_usage(tree, parent, "usage")
}

/// Adds what a document says to what is known.
pub(super) fn merge(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    Progress::take_names(facts, reading);
    if facts.background && !facts.id.is_empty() {
        reading.dedupe_key = Some(facts.id.clone());
    }
    match facts.kind.as_str() {
        "" => whole(facts, reading, progress),
        "response.completed" | "response.incomplete" => end(facts, reading, progress),
        "response.failed" | "response.cancelled" => {
            reading.error |= facts.kind == "response.failed";
            progress.failed = true;
            take(facts, reading, progress);
        }
        "error" => reading.error = true,
        _ => {}
    }
}

/// A document that is no event: the object itself, or an error.
fn whole(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    match facts.status.as_str() {
        "failed" | "cancelled" => {
            reading.error |= facts.status == "failed";
            progress.failed = true;
            take(facts, reading, progress);
        }
        "queued" | "in_progress" => {
            progress.failed = true;
            reading.deferred = facts.background;
        }
        _ if facts.error => {
            reading.error = true;
            progress.filtered |= facts.filtered;
        }
        // A count of tokens that would be used.
        _ if facts.object == "response.input_tokens" => {
            progress.over = true;
            progress.free = true;
        }
        _ => end(facts, reading, progress),
    }
}

fn end(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    progress.over = true;
    if !facts.incomplete_reason.is_empty() {
        reading.incomplete_reason = Some(facts.incomplete_reason.clone());
    }
    take(facts, reading, progress);
}

fn take(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    progress.take_usage(facts, reading);
    reading.usage_final = reading.usage_present;
    let searches = reading.usage.get(Figure::WebSearchRequests);
    if reading.usage_present && facts.searches > 0 && searches.is_none() {
        reading.usage.set(Figure::WebSearchRequests, facts.searches);
    }
}
