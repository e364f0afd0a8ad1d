//! What is used of one slot: in its present period, or in the steps of its rolling window. Pure.
//!
//! Invariants: a counter whose stored period is at or above the computed one is current, so a clock
//! that steps back resets nothing. `used` of a rolling counter is the sum of its steps, of which
//! there are never more than make up the window, and one. Nothing here is ever below 0.

use super::slot::Slot;
use crate::clock::UnixMs;
use crate::limit::{Period, Steps, Window};
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub slot: Slot,
    /// The period that `used` belongs to; of a rolling window the newest step.
    pub period: Period,
    pub used: i64,
    /// What was not used of the period before and may be used in this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub carried: i64,
    /// The limit under which the last call was admitted; for dollars only.
    pub admitted: Option<i64>,
    /// What is held by calls in flight; for slots that hold apart from their account only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: i64,
    /// What was used in each step of a rolling window, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(Period, i64)>,
}

impl Counter {
    /// One that counted nothing yet.
    pub fn new(slot: Slot) -> Self {
        Self { slot, period: 0, used: 0, carried: 0, admitted: None, held: 0, steps: Vec::new() }
    }

    /// What is used while the clock is in a period.
    pub fn used_at(&self, now: Period) -> i64 {
        match self.rolling() {
            Some(steps) => self.counting(steps, now).fold(0, |sum, (_, n)| n.saturating_add(sum)),
            None if self.period >= now => self.used,
            None => 0,
        }
    }

    /// When so much less of a rolling window is used; `None` where not so much is.
    pub fn less_at(&self, now: Period, amount: i64) -> Option<UnixMs> {
        let steps = self.rolling()?;
        let mut left = amount;
        for (step, n) in self.counting(steps, now).filter(|(_, n)| *n > 0) {
            left = left.saturating_sub(n);
            if left <= 0 {
                return Some(steps.gone(step));
            }
        }
        None
    }

    /// Begins a period, into which so much is carried, where it is later than the present one.
    pub fn turn(&mut self, period: Period, carried: i64) {
        if self.period >= period {
            return;
        }
        (self.period, self.carried) = (period, carried);
        match self.rolling() {
            Some(steps) => {
                self.steps.retain(|(step, _)| *step >= steps.oldest(period));
                self.used = self.used_at(period);
            }
            None => self.used = 0,
        }
    }

    /// Counts in the present period.
    pub fn add(&mut self, amount: i64) {
        self.used = self.used.saturating_add(amount);
        if self.rolling().is_none() {
            return;
        }
        match self.steps.last_mut().filter(|(step, _)| *step == self.period) {
            Some((_, n)) => *n = n.saturating_add(amount),
            None => self.steps.push((self.period, amount)),
        }
    }

    /// Whether what was counted in a period can still be corrected.
    pub fn has(&self, period: Period) -> bool {
        match self.rolling() {
            Some(_) => self.steps.iter().any(|(step, _)| *step == period),
            None => self.period == period,
        }
    }

    /// Corrects what was counted in a period. Where a reset took it out already, nothing is left to
    /// take.
    pub fn replace(&mut self, period: Period, before: i64, after: i64) {
        let corrected = |n: i64| n.saturating_add(after).saturating_sub(before).max(0);
        match self.steps.iter_mut().find(|(step, _)| *step == period) {
            Some((_, n)) => {
                let old = *n;
                *n = corrected(old);
                self.used = self.used.saturating_add(*n).saturating_sub(old);
            }
            None => self.used = corrected(self.used),
        }
    }

    /// Nothing is used.
    pub fn reset(&mut self) {
        self.used = 0;
        self.steps.iter_mut().for_each(|(_, n)| *n = 0);
    }

    fn rolling(&self) -> Option<Steps> {
        self.slot.window.and_then(Window::steps)
    }

    /// The steps that count while the clock is in a period.
    fn counting(&self, steps: Steps, now: Period) -> impl Iterator<Item = (Period, i64)> + '_ {
        let oldest = steps.oldest(self.period.max(now));
        self.steps.iter().copied().filter(move |(step, _)| *step >= oldest)
    }
}

// Serde hands over references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counter() -> Counter {
        Counter::new(Slot::parse("usd/rolling-5h").unwrap())
    }

    #[test]
    fn what_was_used_leaves_step_by_step() {
        let mut counter = counter();
        for (period, amount) in [(600, 3), (1200, 0), (1800, 4)] {
            counter.turn(period, 0);
            counter.add(amount);
        }
        assert_eq!(counter.less_at(1800, 3), Some((600 + 31 * 600) * 1000));
        assert_eq!(counter.less_at(1800, 4), Some((1800 + 31 * 600) * 1000));
        assert_eq!(counter.less_at(1800, 8), None);
        assert_eq!(counter.used_at(600 + 30 * 600), 7);
        assert_eq!(counter.used_at(600 + 31 * 600), 4);
        counter.turn(1800 + 31 * 600, 0);
        assert_eq!((counter.used, counter.steps.len()), (0, 0));
    }

    #[test]
    fn a_correction_stays_in_its_step() {
        let mut counter = counter();
        counter.turn(600, 0);
        counter.add(5);
        counter.turn(1200, 0);
        counter.add(2);
        counter.replace(600, 5, 1);
        assert_eq!((counter.used, counter.steps.clone()), (3, vec![(600, 1), (1200, 2)]));
        counter.reset();
        counter.replace(600, 5, 1);
        assert_eq!(counter.used, 0);
        assert!(counter.has(600) && !counter.has(1800));
    }

    /// Charges so many seconds after the last one so much, and compares with the true window.
    fn check(uses: Vec<(i64, i64)>) {
        let (mut counter, mut now, mut all) = (counter(), 1_790_000_000_i64, Vec::new());
        for (after, amount) in uses {
            now = now.saturating_add(after);
            let step = now.saturating_sub(now.rem_euclid(600));
            counter.turn(step, 0);
            counter.add(amount);
            all.push((now, amount));
            let within = |span: i64| -> i64 {
                all.iter().filter(|(at, _)| *at > now.saturating_sub(span)).map(|(_, n)| n).sum()
            };
            let used = counter.used_at(step);
            assert!(within(5 * 3600) <= used && used <= within(5 * 3600 + 600));
            assert_eq!(used, counter.used);
            assert!(counter.steps.len() <= 31);
        }
    }

    proptest! {
        /// More than the true window counts, never less, and the counter stays small.
        #[test]
        fn no_true_window_is_undercounted(
            uses in prop::collection::vec((0..4000_i64, 0..50_i64), 1..80),
        ) {
            check(uses);
        }
    }
}
