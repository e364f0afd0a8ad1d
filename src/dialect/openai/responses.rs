//! Answers of the Responses API: one object, or typed events of which the last repeats that object.

use super::places::with_usage;
use super::usage;
use crate::dialect::answer::{Fact, Facts, Flag, List, Name, Progress, add};
use crate::dialect::format::Format;
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading};
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let tree = Tree::new()
        .with("delta", Fact::Said, Want::Characters)
        .with("output", Fact::Said, Want::Text)
        .with("output[].encrypted_content", Fact::Said, Want::Nothing)
        .with("output[].result", Fact::Said, Want::Nothing);
    let tree = SAID
        .iter()
        .fold(tree, |tree, path| tree.within(&["output[]"], path, Fact::Said, Want::Characters));
    let tree = add(tree, "", &[("type", Fact::Name(Name::Kind))]);
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
            ("id", Fact::Name(Name::Id)),
            ("object", Fact::Name(Name::Object)),
            ("model", Fact::Name(Name::Model)),
            ("service_tier", Fact::Name(Name::Tier)),
            ("status", Fact::Name(Name::Status)),
            ("background", Fact::Flag(Flag::Background)),
            ("incomplete_details.reason", Fact::Name(Name::IncompleteReason)),
            ("error", Fact::Error),
            ("error.code", Fact::ErrorCode),
            ("output[]", Fact::Row(List::Output)),
            ("output[].type", Fact::RowKind),
            ("output[].action.type", Fact::RowDetail),
        ],
    );
    with_usage(tree, parent, "usage")
}

/// Answers of the Responses API.
pub(in crate::dialect) struct Responses;

impl Format for Responses {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        let id = facts.name(Name::Id);
        if facts.is(Flag::Background) && !id.is_empty() {
            reading.dedupe_key = Some(id.to_owned());
        }
        match facts.name(Name::Kind) {
            "" => object_ended(facts, reading, progress),
            "response.completed" | "response.incomplete" => end(facts, reading, progress),
            "response.failed" | "response.cancelled" => {
                reading.error |= facts.name(Name::Kind) == "response.failed";
                progress.failed = true;
                take(facts, reading);
            }
            "error" => reading.error = true,
            _ => {}
        }
    }

    /// The object's status says whether it is an end.
    fn whole(&self, _: &mut Reading, _: &mut Progress) {}

    fn repeats(&self, facts: &Facts) -> bool {
        facts.name(Name::Kind).ends_with(".delta")
    }
}

/// A document that is no event: the object itself, or an error.
fn object_ended(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    match facts.name(Name::Status) {
        status @ ("failed" | "cancelled") => {
            reading.error |= status == "failed";
            progress.failed = true;
            take(facts, reading);
        }
        "queued" | "in_progress" => {
            progress.failed = true;
            reading.deferred = facts.is(Flag::Background);
        }
        _ if facts.error => {
            reading.error = true;
            progress.filtered |= facts.filtered;
        }
        // A count of tokens that would be used.
        _ if facts.name(Name::Object) == "response.input_tokens" => {
            progress.over = true;
            progress.free = true;
        }
        _ => end(facts, reading, progress),
    }
}

fn end(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    progress.over = true;
    take(facts, reading);
}

fn take(facts: &Facts, reading: &mut Reading) {
    let said = usage::read(&facts.usage, usage::Output::Expected);
    Progress::take_usage(said, &facts.usage, reading);
    reading.usage_final = reading.usage_present;
    let searched = |row: &&crate::dialect::answer::Row| {
        row.kind == "web_search_call" && row.detail == "search"
    };
    let searches = facts.rows.iter().filter(searched).count() as u64;
    let told = reading.usage.get(Figure::WebSearchRequests).is_some();
    if reading.usage_present && searches > 0 && !told {
        reading.usage.set(Figure::WebSearchRequests, searches);
    }
}
