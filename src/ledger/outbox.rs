//! The outbox of alerts: what was raised, once over all proxies, and what is still to be sent of it
//! to each channel. Never on the data path.
//!
//! A mark remembers of an account, limit and threshold in which period it fired, how often it was
//! armed again there, and whether it is still on. An alert has one delivery for each channel; who
//! claims a delivery has it until its lease ends.
//!
//! Not here: what an alert says, which is an opaque text, and who sends it.
//!
//! Invariants: of all who raise the same alert, one does. A delivery is claimed by one at a time,
//! and is there until it is settled. Alerts end by themselves after [`KEPT_MS`], deliveries too.

use super::BoxFuture;
use super::order::Unavailable;
use super::pace::Rate;
use super::registry::Page;
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::limit::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// For how long an alert is kept.
pub const KEPT_MS: i64 = 30 * 86_400_000;
/// How many alerts are kept; more push out the oldest.
pub const MOST_ALERTS: usize = 100_000;
/// How many are pushed out at a time.
pub(super) const PRUNED_AT_ONCE: usize = 1_000;
/// The most bytes of an alert's text.
const TEXT_BYTES: usize = 64 << 10;

/// What is remembered of an account, limit and threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The period in which it fired last.
    pub period: Period,
    /// How often it was armed again in that period.
    pub arm: u32,
    /// It fired, and nothing has armed it again.
    pub on: bool,
    /// When it last made a message that was sent to somebody.
    pub told: Option<UnixMs>,
}

/// The form in which both back ends keep it: `202611 0 1 1795900416123`.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { period, arm, on, told } = self;
        write!(f, "{period} {arm} {} {}", i32::from(*on), told.unwrap_or(0))
    }
}

impl Mark {
    /// Reads what [`Mark`] shows.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let period = parts.next()?.parse().ok()?;
        let arm = parts.next()?.parse().ok()?;
        let on = parts.next()? == "1";
        let told: UnixMs = parts.next()?.parse().ok()?;
        Some(Self { period, arm, on, told: Some(told).filter(|at| *at > 0) })
    }
}

/// An alert to be raised, or the end of one.
#[derive(Debug, Clone)]
pub struct NewAlert {
    /// Its id, which follows from the mark, the period and the arm.
    pub id: Id,
    /// The name of its mark.
    pub mark: String,
    /// In which period.
    pub period: Period,
    /// How often the mark was armed again, as whoever raises it has read.
    pub arm: u32,
    /// It tells that what the mark is on for is over, and arms it again. Not listed.
    pub ends: bool,
    /// The least time between two messages of the mark; a second one inside it is suppressed.
    pub renotify_ms: i64,
    /// What it says.
    pub text: String,
    /// Whom it is to be sent to.
    pub channels: Vec<Id>,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// It is in the outbox.
    Now {
        /// It is kept and sent to nobody.
        suppressed: bool,
    },
    /// Somebody raised it before, or the mark was armed again since it was read.
    Not,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// It is to be sent, for the first time or again.
    Pending,
    /// The channel took it.
    Delivered,
    /// It was given up.
    Failed,
}

/// One alert on its way to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// How far it is.
    pub status: DeliveryStatus,
    /// How often it was sent.
    pub attempts: u32,
    /// Why it was not taken, the last time.
    pub last_error: Option<String>,
    /// When it was taken.
    pub delivered_at: Option<UnixMs>,
}

impl Delivery {
    /// One that was not sent yet.
    pub const NEW: Self =
        Self { status: DeliveryStatus::Pending, attempts: 0, last_error: None, delivered_at: None };

    /// The form in which both back ends keep it.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An alert that was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAlert {
    /// Its id.
    pub id: Id,
    /// When it was raised.
    pub raised: UnixMs,
    /// It came too soon after another of its mark, and is sent to nobody.
    pub suppressed: bool,
    /// What it says.
    pub text: String,
    /// How far it is on each channel.
    pub deliveries: BTreeMap<Id, Delivery>,
}

impl KeptAlert {
    /// Its place in the list: where the next page begins after it.
    pub fn cursor(&self) -> String {
        place(self.raised, self.id.as_str())
    }
}

/// A delivery that whoever has it is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The alert.
    pub id: Id,
    /// What it says.
    pub text: String,
    /// How far it is.
    pub delivery: Delivery,
}

/// The outbox, on either back end.
pub trait Outbox: Send + Sync + 'static {
    /// The marks of these names; `None` where there is none.
    fn marks<'a>(
        &'a self,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Mark>>, Unavailable>>;

    /// Every mark, some hundred at a time; one may be given twice.
    fn all_marks<'a>(
        &'a self,
        after: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Page<(String, Mark)>, Unavailable>>;

    /// Forgets a mark, if it is as it was read.
    fn forget_mark<'a>(
        &'a self,
        name: &'a str,
        mark: Mark,
    ) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Raises an alert or tells its end: the mark is set, and what is to be sent is due, in one
    /// step.
    fn raise<'a>(&'a self, alert: &'a NewAlert) -> BoxFuture<'a, Result<Raised, Unavailable>>;

    /// One alert.
    fn alert<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Option<KeptAlert>, Unavailable>>;

    /// Alerts, newest first; from 1 to 200 at a time. `after` is the cursor of the page before.
    fn alerts<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<KeptAlert>, Unavailable>>;

    /// Deliveries of a channel that are due, as many as its rate allows; nobody else gets them
    /// until the lease ends.
    fn claim<'a>(
        &'a self,
        channel: &'a Id,
        rate: Rate,
        lease_ms: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, Unavailable>>;

    /// Writes how a delivery went; it is due again after so many milliseconds, or never.
    fn record_delivery<'a>(
        &'a self,
        id: &'a Id,
        channel: &'a Id,
        delivery: &'a Delivery,
        again_ms: Option<i64>,
    ) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Drops what is still to be sent to a channel, with a reason; how many.
    fn drop_due<'a>(
        &'a self,
        channel: &'a Id,
        why: &'a str,
    ) -> BoxFuture<'a, Result<usize, Unavailable>>;
}

/// Refuses a text that is too long.
pub(super) fn check(alert: &NewAlert) -> Result<(), Unavailable> {
    match alert.text.len() {
        bytes if bytes > TEXT_BYTES => {
            Err(Unavailable(format!("an alert of {bytes} bytes is too long: {TEXT_BYTES} at most")))
        }
        _ => Ok(()),
    }
}

/// The place of an alert in the list, by time and id.
pub(super) fn place(raised: UnixMs, id: &str) -> String {
    format!("{:015}:{id}", raised.max(0))
}

/// The id in a place.
pub(super) fn id_at(place: &str) -> Option<Id> {
    place.split_once(':')?.1.parse().ok()
}

/// How many entries a page has.
pub(super) fn page_size(limit: usize) -> usize {
    limit.clamp(1, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for mark in [
            Mark { period: 202_611, arm: 0, on: true, told: None },
            Mark { period: 0, arm: 7, on: false, told: Some(1_795_900_416_123) },
        ] {
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        assert_eq!(Mark::parse("202611 0 1"), None);
    }

    #[test]
    fn places_sort_by_time() {
        assert!(place(999, "b") < place(1_000, "a"));
        assert_eq!(id_at(&place(5, "a-b.c")), "a-b.c".parse().ok());
    }
}
