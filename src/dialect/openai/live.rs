//! Events of live sessions, which are billed by their length; responses that a session delegates to
//! another model are billed beside it, by tokens. Not realtime sessions, whose answers are billed.

use super::places::with_usage;
use super::usage;
use crate::dialect::answer::{Fact, Facts, Item, Name, Progress, Said, add, with_items};
use crate::dialect::format::Format;
use crate::framing::json::Tree;
use crate::usage::{Figure, Reading, SubUsage};
use std::sync::LazyLock;

static PLACES: LazyLock<Tree<Fact>> = LazyLock::new(|| {
    let places = [
        ("type", Fact::Name(Name::Kind)),
        ("session.model", Fact::Name(Name::Model)),
        ("usage", Fact::Usage),
    ];
    let tree = add(Tree::new(), "", &places);
    let tree = with_items(tree, &["usage"], &[("seconds", Item::Seconds)]);
    delegated(delegated(tree, "event.response"), "response")
});

fn delegated(tree: Tree<Fact>, response: &'static str) -> Tree<Fact> {
    with_usage(add(tree, response, &[("model", Fact::Name(Name::BesideModel))]), response, "usage")
}

/// Events of a live session.
pub(in crate::dialect) struct Live;

impl Format for Live {
    fn places(&self) -> &'static Tree<Fact> {
        &PLACES
    }

    fn merge(&self, facts: &Facts, reading: &mut Reading, progress: &mut Progress) {
        Progress::take_names(facts, reading);
        let kind = facts.name(Name::Kind);
        reading.begun = true;
        if kind == "response.event" {
            return response(facts, reading);
        }
        progress.over |= kind == "session.closed";
        let ms = facts.usage.parts.get(Figure::DurationMs);
        if let Some(ms) = ms.filter(|_| facts.usage.flaws() == 0) {
            reading.usage.set(Figure::DurationMs, ms.max(reading.usage.count(Figure::DurationMs)));
            reading.usage_present = true;
        }
    }
}

/// What a delegated response used; only its last event says so.
fn response(facts: &Facts, reading: &mut Reading) {
    let Said::Usage(usage) = usage::read(&facts.usage, usage::Output::Expected) else { return };
    let model = Some(facts.name(Name::BesideModel).to_owned()).filter(|model| !model.is_empty());
    let kind = "response".to_owned();
    let sub = SubUsage { kind, model, included_in_top: false, billable: true, usage: *usage };
    Progress::add_beside(sub, reading);
}
