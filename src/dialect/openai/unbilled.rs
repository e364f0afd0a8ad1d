//! Answers that cost nothing, and polls that repeat what a batch used.

use super::places::with_usage;
use super::usage;
use crate::dialect::answer::{Fact, Facts, Name, Progress, add};
use crate::dialect::format::Format;
use crate::framing::json::Tree;
use crate::usage::Reading;
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [("model", Fact::Name(Name::Model)), ("error", Fact::Error)];
    add(Tree::new(), "", &places)
});

/// Answers that are never billed: files, lists of models, moderations, counts of tokens.
pub(in crate::dialect) struct Unbilled;

impl Format for Unbilled {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        progress.free = true;
    }

    /// Lines of a file: data, not consumption.
    fn stream_ended(&self, _: &mut Reading, progress: &mut Progress) {
        progress.over = true;
    }

    fn opaque(&self) -> Option<fn(&mut Reading, &mut Progress)> {
        Some(|_, progress| progress.free = true)
    }
}

static BATCH: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [
        ("id", Fact::Name(Name::Id)),
        ("model", Fact::Name(Name::Model)),
        ("error", Fact::Error),
        ("status", Fact::Name(Name::Status)),
    ];
    with_usage(add(Tree::new(), "", &places), "", "usage")
});

/// A batch: its usage appears when it is done, and again at each poll.
pub(in crate::dialect) struct Batch;

impl Format for Batch {
    fn places(&self) -> &'static Tree<Fact> {
        &BATCH
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        reading.error |= facts.error;
        let said = usage::read(&facts.usage, usage::Output::Expected);
        Progress::take_usage(said, &facts.usage, reading);
        let done =
            matches!(facts.name(Name::Status), "completed" | "expired" | "cancelled" | "failed");
        progress.free = !reading.usage_present || !done;
        let id = facts.name(Name::Id);
        if !id.is_empty() {
            reading.dedupe_key = Some(id.to_owned());
        }
        reading.service_tier = Some("batch".to_owned());
    }
}
