//! How one credential is: what it may be used for now, and when it can be used again.
//!
//! Not here: which one is chosen (`choice`). Invariants: all of it is in memory, behind a lock that
//! is never held across a wait; a state that ends by itself says when, and never later than
//! [`LONGEST_MS`] from the time it is asked, unless a quota says so.

use super::breaker::{Breaker, BreakerBounds, Gate};
use crate::clock::UnixMs;
use parking_lot::Mutex;

/// How long a credential cools down where the provider does not say.
pub const USUAL_MS: i64 = 30_000;

/// The shortest that it cools down.
pub const SHORTEST_MS: i64 = 1_000;

/// The longest that a provider's word can take it out for.
pub const LONGEST_MS: i64 = 600_000;

/// What the ledger says of a credential's quota; told every second, and read whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Whether it is used up.
    pub spent: Spent,
    /// An operator took it out.
    pub disabled: bool,
    /// When an operator enabled it last. A later one than was told before lifts whatever the
    /// credential is kept out by here.
    pub enabled_at: Option<UnixMs>,
    /// When the first of its windows turns, if it has limits.
    pub turns: Option<UnixMs>,
    /// The highest utilisation of its limits in ten-thousandths; `None` where it has none.
    pub utilization: Option<u32>,
}

/// Whether a quota is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spent {
    /// There is room.
    #[default]
    No,
    /// Until its window turns.
    Until(UnixMs),
    /// Until somebody changes it.
    ForGood,
}

/// What a credential is now. The words `warning` and `critical` belong to its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It can be used.
    Available,
    /// The provider asked for a pause, or too many calls failed.
    CoolingDown,
    /// Its quota is used up here or at the provider, or an operator took it out.
    Disabled,
    /// The provider rejected it.
    Quarantined,
}

impl State {
    /// The word of it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::CoolingDown => "cooling_down",
            Self::Disabled => "disabled",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A state, and when it ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// What it is.
    pub state: State,
    /// When it can be used again; `None` where that takes an operator, and where it can be used.
    pub until: Option<UnixMs>,
}

/// What became of a call, as far as its credential is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The provider did what it was asked, or said what is wrong with the call itself.
    Worked,
    /// It could not be reached, did not answer in time, or said that the fault is its own; it may
    /// have asked for a pause of so many milliseconds.
    Failed(Option<i64>),
    /// Too many calls; it may have asked for a pause of so many milliseconds.
    Limited(Option<i64>),
    /// The account behind the credential is out of money or quota.
    Exhausted,
    /// The credential is not accepted.
    Rejected,
}

/// The health of one credential. Whoever has it shares it.
#[derive(Debug, Default)]
pub struct Health(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    breaker: Breaker,
    cooling_until: UnixMs,
    quarantined: bool,
    /// The provider said that it is out of quota: until then, or until somebody enables it.
    exhausted: Option<Option<UnixMs>>,
    quota: Quota,
    told: bool,
    calls: u64,
}

impl Health {
    /// What it is at this time.
    pub fn condition(&self, now: UnixMs) -> Condition {
        self.0.lock().condition(now)
    }

    /// What the ledger said last.
    pub fn quota(&self) -> Quota {
        self.0.lock().quota
    }

    /// Calls that were sent with it since the start.
    pub fn calls(&self) -> u64 {
        self.0.lock().calls
    }

    /// What the ledger says now.
    pub fn told(&self, quota: Quota) {
        let mut inner = self.0.lock();
        let enabled = inner.told && quota.enabled_at > inner.quota.enabled_at;
        if enabled {
            inner.lift();
        }
        (inner.quota, inner.told) = (quota, true);
    }

    /// The ledger just refused it: its quota is used up until then. Holds until the ledger says
    /// something else.
    pub fn spent(&self, spent: Spent) {
        self.0.lock().quota.spent = spent;
    }

    /// An operator enabled it.
    pub fn enable(&self) {
        let mut inner = self.0.lock();
        inner.lift();
        inner.quota.disabled = false;
    }

    /// Failures since the last call that was served.
    pub(super) fn in_a_row(&self) -> u32 {
        self.0.lock().breaker.in_a_row()
    }

    /// Takes it for one call, if it can be used; whether the call is a probe.
    pub(super) fn take(&self, now: UnixMs) -> Option<bool> {
        let mut inner = self.0.lock();
        if inner.condition(now).state != State::Available {
            return None;
        }
        inner.calls = inner.calls.saturating_add(1);
        Some(inner.breaker.taken(now))
    }

    /// A probe was not sent, or nothing can be said of it.
    pub(super) fn given_back(&self) {
        self.0.lock().breaker.given_back();
    }

    /// The head of an answer came.
    pub(super) fn answered(&self, probe: bool) {
        self.0.lock().breaker.answered(probe);
    }

    /// A call ended; whether that took the credential out.
    pub(super) fn ended(
        &self,
        outcome: Outcome,
        probe: bool,
        now: UnixMs,
        bounds: &BreakerBounds,
    ) -> bool {
        let mut inner = self.0.lock();
        let before = inner.condition(now).state;
        match outcome {
            Outcome::Worked => inner.breaker.worked(probe, now),
            Outcome::Failed(pause) => {
                inner.breaker.failed(probe, now, bounds);
                if let Some(pause) = pause {
                    inner.cool_down(now, pause);
                }
            }
            Outcome::Limited(pause) => {
                inner.breaker.answered(probe);
                inner.cool_down(now, pause.unwrap_or(USUAL_MS));
            }
            Outcome::Exhausted => {
                inner.breaker.answered(probe);
                inner.exhausted = Some(inner.quota.turns.filter(|turns| *turns > now));
            }
            Outcome::Rejected => {
                inner.breaker.answered(probe);
                inner.quarantined = true;
            }
        }
        before == State::Available && inner.condition(now).state != State::Available
    }
}

impl Inner {
    fn condition(&self, now: UnixMs) -> Condition {
        let quota = &self.quota;
        let spent = match quota.spent {
            Spent::No => None,
            Spent::Until(until) => (now < until).then_some(Some(until)),
            Spent::ForGood => Some(None),
        };
        let exhausted = self.exhausted.filter(|until| until.is_none_or(|until| now < until));
        let (state, until) = if self.quarantined {
            (State::Quarantined, None)
        } else if quota.disabled {
            (State::Disabled, None)
        } else if let Some(until) = later(spent, exhausted) {
            (State::Disabled, until)
        } else if let Some(until) = self.cools_until(now) {
            (State::CoolingDown, Some(until))
        } else {
            (State::Available, None)
        };
        Condition { state, until }
    }

    /// Until when the provider or the breaker wants a pause. A time far ahead is that of a clock
    /// that was set back meanwhile.
    fn cools_until(&self, now: UnixMs) -> Option<UnixMs> {
        let cooling = Some(self.cooling_until).filter(|until| now < *until);
        let open = match self.breaker.gate(now) {
            Gate::Open(until) => Some(until),
            Gate::Closed | Gate::Probe => None,
        };
        cooling.max(open).filter(|until| until.saturating_sub(now) <= LONGEST_MS)
    }

    fn cool_down(&mut self, now: UnixMs, pause: i64) {
        let until = now.saturating_add(pause.clamp(SHORTEST_MS, LONGEST_MS));
        let usable = self.cooling_until.saturating_sub(now) <= LONGEST_MS;
        self.cooling_until = if usable { self.cooling_until.max(until) } else { until };
    }

    fn lift(&mut self) {
        self.breaker = Breaker::default();
        self.cooling_until = 0;
        self.quarantined = false;
        self.exhausted = None;
    }
}

/// The later of two ends; one that does not come by itself is the latest.
fn later(one: Option<Option<UnixMs>>, other: Option<Option<UnixMs>>) -> Option<Option<UnixMs>> {
    match (one, other) {
        (Some(Some(one)), Some(Some(other))) => Some(Some(one.max(other))),
        (Some(None), _) | (_, Some(None)) => Some(None),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_795_554_816_123;

    fn after(outcome: Outcome) -> Health {
        let health = Health::default();
        health.ended(outcome, false, NOW, &BreakerBounds::default());
        health
    }

    fn at(health: &Health, ms: i64) -> (&'static str, Option<i64>) {
        let condition = health.condition(NOW + ms);
        (condition.state.as_str(), condition.until.map(|until| until - NOW))
    }

    #[test]
    fn r082_a_pause_is_as_long_as_the_provider_says_within_bounds() {
        for (asked, kept) in [
            (None, 30_000),
            (Some(2_000), 2_000),
            (Some(0), 1_000),
            (Some(-5), 1_000),
            (Some(1_000_000_000), 600_000),
            (Some(i64::MAX), 600_000),
        ] {
            let health = after(Outcome::Limited(asked));
            assert_eq!(at(&health, 0), ("cooling_down", Some(kept)), "{asked:?}");
            assert_eq!(at(&health, kept - 1).0, "cooling_down");
            assert_eq!(at(&health, kept), ("available", None), "{asked:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lengthen_a_pause() {
        let health = after(Outcome::Limited(None));
        assert_eq!(at(&health, -3_600_000).0, "available");
    }

    #[test]
    fn r037_what_a_provider_says_becomes_a_state() {
        assert_eq!(at(&after(Outcome::Worked), 0).0, "available");
        assert_eq!(at(&after(Outcome::Failed(None)), 0).0, "available");
        assert_eq!(at(&after(Outcome::Failed(Some(5_000))), 0), ("cooling_down", Some(5_000)));
        assert_eq!(at(&after(Outcome::Rejected), 86_400_000), ("quarantined", None));
        assert_eq!(at(&after(Outcome::Exhausted), 86_400_000), ("disabled", None));
        let health = Health::default();
        health.told(Quota { turns: Some(NOW + 60_000), ..Quota::default() });
        health.ended(Outcome::Exhausted, false, NOW, &BreakerBounds::default());
        assert_eq!(at(&health, 0), ("disabled", Some(60_000)));
        assert_eq!(at(&health, 60_000).0, "available");
    }

    #[test]
    fn enabling_by_hand_lifts_what_it_is_kept_out_by_once() {
        for outcome in [Outcome::Rejected, Outcome::Exhausted, Outcome::Limited(None)] {
            let health = Health::default();
            let enabled = |at| Quota { enabled_at: at, ..Quota::default() };
            health.told(enabled(Some(5)));
            health.ended(outcome, false, NOW, &BreakerBounds::default());
            health.told(enabled(Some(5)));
            assert_ne!(at(&health, 0).0, "available", "{outcome:?}");
            health.told(enabled(Some(6)));
            assert_eq!(at(&health, 0).0, "available", "{outcome:?}");
        }
        let health = Health::default();
        health.told(Quota { disabled: true, ..Quota::default() });
        assert_eq!(at(&health, 0), ("disabled", None));
        health.enable();
        assert_eq!(at(&health, 0).0, "available");
    }

    #[test]
    fn r072_a_quota_that_is_used_up_lasts_until_it_turns() {
        let health = Health::default();
        health.spent(Spent::Until(NOW + 86_400_000));
        assert_eq!(at(&health, 0), ("disabled", Some(86_400_000)));
        assert_eq!(health.take(NOW), None);
        assert_eq!(health.take(NOW + 86_400_000), Some(false));
        health.spent(Spent::ForGood);
        assert_eq!(at(&health, 86_400_000), ("disabled", None));
        health.told(Quota::default());
        assert_eq!(at(&health, 0).0, "available");
    }
}
