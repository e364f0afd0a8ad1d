//! Counting refused calls: whose they were, and why, until somebody takes the counts.
//!
//! Invariants: a lock is held for one addition, or to empty it. What does not fit is counted by its
//! reason alone, so that no refusal is lost and memory is bounded.

use super::refusal::Refusal;
use super::{Proxy, record};
use crate::clock::{Clock, UnixMs};
use crate::ids::{CallId, Id};
use crate::ledger::{Caller, Payers};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Entries between two takings. Of reasons alone there are few.
const MOST: usize = 4_096;
const HOUR: i64 = 3_600_000;

/// Refused calls that are counted as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tallied {
    /// The hour (UTC) in which they were refused begins here.
    pub hour: UnixMs,
    /// The code of the refusal.
    pub reason: &'static str,
    /// The workspace and the user of the key; `None` if no known key was there.
    pub of: Option<(Id, Id)>,
}

/// The refused calls of a proxy that nobody has taken yet.
pub struct Tally {
    counts: Mutex<HashMap<Tallied, u64, RandomState>>,
    clock: Clock,
}

impl Tally {
    pub(super) fn new(clock: Clock) -> Self {
        Self { counts: Mutex::default(), clock }
    }

    /// Counts one.
    pub(super) fn add(&self, reason: &'static str, payers: Option<&Payers>) {
        let now = self.clock.now();
        let hour = now.saturating_sub(now.rem_euclid(HOUR));
        let of = payers.map(|payers| (payers.workspace.clone(), payers.user.clone()));
        let mut one = Tallied { hour, reason, of };
        let mut counts = self.counts.lock();
        if counts.len() >= MOST && !counts.contains_key(&one) {
            one.of = None;
        }
        let count = counts.entry(one).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes what was counted since the last time.
    pub fn take(&self) -> impl Iterator<Item = (Tallied, u64)> + use<> {
        std::mem::take(&mut *self.counts.lock()).into_iter()
    }
}

impl Proxy {
    /// What was refused and not written down yet.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// Counts a refusal, of the caller if there was a known one.
    pub(super) fn refused(&self, id: CallId, who: Option<&Caller>, refusal: &Refusal) {
        record::refused(id, refusal);
        self.tally.add(refusal.reason(), who.map(|caller| &caller.payers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payers(user: &str) -> Payers {
        let id = |text: &str| text.parse::<Id>().unwrap();
        Payers { key: id("k"), user: id(user), workspace: id("eng") }
    }

    #[test]
    fn r125_counts_are_taken_once_and_never_lost() {
        let clock = Clock::manual(2 * HOUR + 5);
        let tally = Tally::new(clock.clone());
        tally.add("insufficient_quota", Some(&payers("alice")));
        tally.add("insufficient_quota", Some(&payers("alice")));
        tally.add("invalid_api_key", None);
        clock.advance(HOUR);
        tally.add("insufficient_quota", Some(&payers("alice")));
        let mut taken: Vec<_> = tally.take().collect();
        taken.sort_by_key(|(one, _)| (one.hour, one.reason));
        let shown: Vec<_> = taken
            .iter()
            .map(|(one, count)| (one.hour / HOUR, one.reason, one.of.is_some(), *count))
            .collect();
        assert_eq!(
            shown,
            [
                (2, "insufficient_quota", true, 2),
                (2, "invalid_api_key", false, 1),
                (3, "insufficient_quota", true, 1)
            ]
        );
        assert_eq!(tally.take().count(), 0);
    }

    #[test]
    fn r125_what_does_not_fit_keeps_its_reason() {
        let tally = Tally::new(Clock::manual(0));
        for user in 0..MOST + 7 {
            tally.add("insufficient_quota", Some(&payers(&format!("u{user}"))));
        }
        tally.add("insufficient_quota", Some(&payers("u0")));
        let taken: Vec<_> = tally.take().collect();
        assert_eq!(taken.len(), MOST + 1);
        assert_eq!(taken.iter().find(|(one, _)| one.of.is_none()).unwrap().1, 7);
        assert_eq!(taken.iter().map(|(_, count)| count).sum::<u64>(), 4_096 + 8);
    }
}
