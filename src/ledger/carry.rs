//! What was not used of a period and is carried into the next one. Pure; both back ends agree
//! with it.
//!
//! What is carried is used first and lasts for one period: at most the limit itself is added to a
//! period, so it never allows more than twice the limit. A period in which nothing was used at all
//! passes on all that may be carried.
//!
//! Invariants: what is carried into a period is settled when the account first counts in it or its
//! limits change in it, and goes by the limits as they were until then. It is never below 0. Bumps
//! are not carried: they are for a while.

use super::account::AccountState;
use super::counter::Counter;
use super::moment::Moment;
use super::slot::Slot;
use crate::limit::{Limit, Period};

impl AccountState {
    /// What is carried into the present period of a limit.
    pub fn carried(&self, limit: &Limit, moment: &Moment) -> i64 {
        let slot = Slot::of(limit);
        let (Some(_), Some(window)) = (limit.carry, slot.window) else { return 0 };
        let counter = self.counters.iter().find(|c| c.slot == slot);
        counter.map_or(0, |counter| into(counter, limit, moment.period(window)))
    }

    /// Begins the present periods. Where an account changes this comes first, so that what is
    /// carried goes by the limits as they were; and last, for those that are new.
    pub fn begin(&mut self, moment: &Moment) {
        let known = |slot: Slot| self.counters.iter().any(|c| c.slot == slot);
        let carrying = self.limits.iter().filter(|limit| limit.carry.is_some());
        let new: Vec<Slot> = carrying.map(Slot::of).filter(|slot| !known(*slot)).collect();
        self.counters.extend(new.into_iter().map(Counter::new));
        self.turn(moment, |_| true);
    }

    /// Makes counters current.
    pub(super) fn turn(&mut self, moment: &Moment, which: impl Fn(Slot) -> bool) {
        for counter in self.counters.iter_mut().filter(|c| which(c.slot)) {
            let Some(window) = counter.slot.window else { continue };
            let period = moment.period(window);
            if counter.period < period {
                let limit = self.limits.iter().find(|limit| Slot::of(limit) == counter.slot);
                let carried = limit.map_or(0, |limit| into(counter, limit, period));
                counter.turn(period, carried);
            }
        }
    }
}

/// What is carried into the period that a counter is in, or is about to begin.
fn into(counter: &Counter, limit: &Limit, now: Period) -> i64 {
    let most = limit.most_carried();
    let before = counter.carried.min(most);
    match counter.period {
        period if period >= now => before,
        // It counted nothing yet.
        0 => 0,
        period if limit.window.and_then(|window| window.before(now)) == Some(period) => {
            limit.amount.saturating_add(before).saturating_sub(counter.used).clamp(0, most)
        }
        _ => most,
    }
}
