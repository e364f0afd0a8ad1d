//! Answers of the Responses API: one object, or typed events of which the last repeats that object.

use super::places::{with_row_usage, with_usage};
use super::usage;
use crate::dialect::answer::{Count, Fact, Facts, Flag, List, Name, Progress, Row, add};
use crate::dialect::format::Format;
use crate::framing::json::{Tree, Want};
use crate::usage::{Figure, Reading, SubUsage};
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
            // Of the tools, only the one that makes images has a model.
            ("tools[].model", Fact::Name(Name::BesideModel)),
            ("tool_usage.image_gen", Fact::Row(List::Painted)),
        ],
    );
    with_usage(with_row_usage(tree, &[parent, "tool_usage.image_gen"]), parent, "usage")
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
                close(facts, reading, progress);
            }
            "error" => {
                reading.error = true;
                progress.ended = true;
            }
            _ => reading.begun = true,
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
            close(facts, reading, progress);
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
    close(facts, reading, progress);
}

/// The response ended, well or not; what it says of its usage is final.
fn close(facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
    progress.ended = true;
    facts.name(Name::Id).clone_into(&mut progress.id);
    let said = usage::read(&facts.usage, usage::Output::Expected);
    Progress::take_usage(said, &facts.usage, reading);
    reading.usage_final = reading.usage_present;
    let told = reading.usage.get(Figure::WebSearchRequests).is_some();
    if reading.usage_present && facts.searches > 0 && !told {
        reading.usage.set(Figure::WebSearchRequests, facts.searches);
    }
    reading.sub_usage = facts.rows.iter().filter_map(|row| painted(row, facts)).collect();
}

/// Images that a tool made: beside the totals, and at the price of the tool's model. Where nothing
/// is said of the shares, all that came out is image.
fn painted(row: &Row, facts: &Facts) -> Option<SubUsage> {
    let mut sub = usage::apart("image_gen", row, false)?;
    sub.model = Some(facts.name(Name::BesideModel).to_owned()).filter(|model| !model.is_empty());
    if let (Some(output), None) = (row.block.get(Count::Output), sub.usage.get(Figure::ImageOutput))
    {
        sub.usage.set(Figure::ImageOutput, output);
    }
    Some(sub)
}
