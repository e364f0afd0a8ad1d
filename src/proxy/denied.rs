//! The memory of denials: a caller that was refused and comes again is refused without the ledger.
//!
//! A denial is about an amount, so what the limit had left is remembered: a call that needs more is
//! refused again, one that would fit asks the ledger. Nothing is remembered for longer than a
//! second, beyond the end of the limit's window, or once an account was changed through this
//! process. Where other calls are in the way, that is forgotten as soon as one of them ends here,
//! and in any case after a tenth of a second, since they may end at another proxy.
//!
//! Not here: what a refusal says (`refusal`). Invariant: a caller is refused by its own denials only.

use super::refusal::Refusal;
use crate::clock::Stopwatch;
use crate::dialect::{Operation, Yields};
use crate::ids::Id;
use crate::ledger::{Denial, HoldOrder, LimitDenial, News, Payers, Seen, Standing};
use crate::limit::{Meter, Window, is_rate};
use foldhash::fast::RandomState;
use moka::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Keys whose denials are remembered at the same time.
const KEYS: u64 = 10_000;

/// Denials of one key: by limits of its own, of its user, of its workspace, of some models.
const OF_ONE_KEY: usize = 4;

const LONGEST: Duration = Duration::from_secs(1);

/// For how long, where a limit is full only because of calls that are under way.
const WHILE_BUSY: Duration = Duration::from_millis(100);

/// The denials of all keys that were refused lately.
pub(super) struct Denials {
    of_keys: Cache<Id, Arc<[Arc<Remembered>]>, RandomState>,
}

/// A denial, and what has to be known to repeat it.
struct Remembered {
    denial: Denial,
    measure: Measure,
    /// Of the call that was denied.
    model: String,
    free: bool,
    seen: Seen,
    since: Stopwatch,
    /// A call has gone to the ledger early, so that the others need not when this ends.
    asked_again: AtomicBool,
}

/// What the account holds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Its ceiling: the account is under `strict`.
    Ceiling,
    /// At least what is expected.
    Expected,
}

/// What is in the way of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    /// What was spent, and stays spent.
    Spent,
    /// Calls that were counted. One that is never sent is taken out again.
    Counted,
    /// Calls under way, which may use less than they hold.
    Busy,
}

impl Denials {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(KEYS).time_to_live(LONGEST);
        Self { of_keys: cache.build_with_hasher(RandomState::default()) }
    }

    /// Remembers what the ledger said to an order; `seen` is from before it was asked.
    pub(super) fn remember(&self, order: &HoldOrder, denial: &Denial, seen: Seen) {
        if matches!(denial, Denial::Status { .. }) {
            return;
        }
        let key = &order.payers.key;
        let new = Arc::new(Remembered::new(order, denial, seen));
        let known = self.of_keys.get(key).unwrap_or_default();
        let others = known.iter().filter(|other| !new.replaces(other)).cloned();
        let all = std::iter::once(new.clone()).chain(others);
        self.of_keys.insert(key.clone(), all.take(OF_ONE_KEY).collect());
    }

    /// Forgets what is not true any more, now that an order was admitted.
    pub(super) fn disproved(&self, order: &HoldOrder) {
        let key = &order.payers.key;
        let Some(known) = self.of_keys.get(key) else { return };
        let kept: Arc<[_]> = known.iter().filter(|one| !one.denies(order)).cloned().collect();
        if kept.len() < known.len() {
            self.of_keys.insert(key.clone(), kept);
        }
    }

    /// Why an order would be denied, if that is certain.
    pub(super) fn of(&self, order: &HoldOrder, news: &News) -> Option<Denial> {
        let known = self.of_keys.get(&order.payers.key)?;
        let seen = news.seen(&order.payers);
        known.iter().find_map(|one| one.repeated(order, &seen, one.since.elapsed()))
    }

    /// Why any call of a caller would be refused, before its body is read. `charged`: what it asks
    /// for, where that certainly costs something.
    pub(super) fn of_any(
        &self,
        payers: &Payers,
        charged: Option<Operation>,
        news: &News,
    ) -> Option<Refusal> {
        let known = self.of_keys.get(&payers.key)?;
        let seen = news.seen(payers);
        known.iter().find_map(|one| one.of_any(charged, &seen, one.since.elapsed()))
    }
}

impl Remembered {
    fn new(order: &HoldOrder, denial: &Denial, seen: Seen) -> Self {
        Self {
            denial: denial.clone(),
            measure: Measure::of(order, denial),
            model: order.facts.model.clone(),
            free: order.free,
            seen,
            since: Stopwatch::start(),
            asked_again: AtomicBool::new(false),
        }
    }

    /// Whether this says more than another about the same.
    fn replaces(&self, other: &Self) -> bool {
        let past = other.since.elapsed() >= LONGEST;
        past || match (&self.denial, &other.denial) {
            (Denial::Limit(new), Denial::Limit(old)) => {
                let (new, old) = (&new.standing, &old.standing);
                new.account == old.account && new.limit.name() == old.limit.name()
            }
            (Denial::Unbounded { account: new }, Denial::Unbounded { account: old }) => {
                new == old && self.model == other.model
            }
            _ => false,
        }
    }

    /// Whether an order would not have fitted then.
    fn denies(&self, order: &HoldOrder) -> bool {
        match &self.denial {
            Denial::Limit(denial) => denied_again(denial, self.measure, order).is_some(),
            Denial::Unbounded { .. } => order.ceiling.is_none() && order.facts.model == self.model,
            Denial::Status { .. } => false,
        }
    }

    /// What denies an order, so long after.
    fn repeated(&self, order: &HoldOrder, seen: &Seen, age: Duration) -> Option<Denial> {
        match &self.denial {
            Denial::Limit(denial) => {
                let (wanted, obstacle) = denied_again(denial, self.measure, order)?;
                let stays = self.holds(age, obstacle, seen) && !self.asks_again(age, obstacle);
                stays.then(|| Denial::Limit(at(denial, wanted, age)))
            }
            Denial::Unbounded { .. } => {
                let same = order.ceiling.is_none()
                    && order.free == self.free
                    && order.facts.model == self.model;
                let holds = same && self.holds(age, Obstacle::Spent, seen);
                (holds && !self.asks_again(age, Obstacle::Spent)).then(|| self.denial.clone())
            }
            Denial::Status { .. } => None,
        }
    }

    /// What refuses any call, so long after.
    fn of_any(&self, charged: Option<Operation>, seen: &Seen, age: Duration) -> Option<Refusal> {
        let Denial::Limit(denial) = &self.denial else { return None };
        let obstacle = full(&denial.standing, charged)?;
        let asked = self.asked_again.load(Ordering::Relaxed);
        if !self.holds(age, obstacle, seen) || self.is_late(age, obstacle) && !asked {
            return None;
        }
        Some(match denial.standing.limit.meter {
            Meter::Requests | Meter::Concurrent => Refusal::Limit(at(denial, 1, age)),
            Meter::Usd | Meter::Tokens | Meter::Characters => {
                Refusal::Spent(at(denial, denial.wanted, age))
            }
        })
    }

    /// How long it may be repeated.
    fn life(&self, obstacle: Obstacle) -> Duration {
        let longest = if obstacle == Obstacle::Busy { WHILE_BUSY } else { LONGEST };
        match &self.denial {
            Denial::Limit(denial) => until_turn(denial).min(longest),
            _ => longest,
        }
    }

    /// Whether it still holds after so long.
    fn holds(&self, age: Duration, obstacle: Obstacle, now: &Seen) -> bool {
        let same = match (&self.denial, obstacle) {
            (Denial::Limit(denial), Obstacle::Counted | Obstacle::Busy) => {
                self.seen.same_calls(now, &denial.standing.account)
            }
            _ => true,
        };
        same && self.seen.same_accounts(now) && age < self.life(obstacle)
    }

    fn is_late(&self, age: Duration, obstacle: Obstacle) -> bool {
        let life = self.life(obstacle);
        age >= life.saturating_sub(life / 10)
    }

    /// Whether this call is the one that asks the ledger again before the end.
    fn asks_again(&self, age: Duration, obstacle: Obstacle) -> bool {
        self.is_late(age, obstacle) && !self.asked_again.swap(true, Ordering::Relaxed)
    }
}

impl Measure {
    /// By which of its two amounts an order was denied, as far as that can be told.
    fn of(order: &HoldOrder, denial: &Denial) -> Self {
        let Denial::Limit(denial) = denial else { return Self::Expected };
        let meter = denial.standing.limit.meter;
        let is = |amount: i64| amount == denial.wanted;
        match order.ceiling {
            Some(ceiling) if is(ceiling.of(meter)) && !is(order.expected.of(meter)) => {
                Self::Ceiling
            }
            _ => Self::Expected,
        }
    }

    fn amount(self, order: &HoldOrder, meter: Meter) -> Option<i64> {
        match self {
            Self::Ceiling => Some(order.ceiling?.of(meter)),
            Self::Expected => Some(order.expected.of(meter)),
        }
    }
}

/// The denial with another amount, so much later.
fn at(denial: &LimitDenial, wanted: i64, age: Duration) -> Box<LimitDenial> {
    let later = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let now = denial.now.saturating_add(later);
    Box::new(LimitDenial { standing: denial.standing.clone(), wanted, now })
}

/// How much an order needs of a limit that denied another, and what is in its way, if anything is.
fn denied_again(
    denial: &LimitDenial,
    measure: Measure,
    order: &HoldOrder,
) -> Option<(i64, Obstacle)> {
    let Standing { limit, used, held, .. } = &denial.standing;
    if !limit.counts(&order.facts.model) {
        return None;
    }
    let wanted = measure.amount(order, limit.meter)?;
    let allowed = denial.standing.allowed();
    if allowed == 0 {
        return Some((wanted, Obstacle::Spent));
    }
    // When a call fits into a rolling window is known of that amount only.
    let known = limit.window.and_then(Window::steps).is_none() || wanted == denial.wanted;
    let spent = used.saturating_add(wanted) > allowed;
    let full = spent || used.saturating_add(*held).saturating_add(wanted) > allowed;
    // What takes nothing is not refused for lack of room.
    (wanted > 0 && known && full).then(|| (wanted, obstacle(&denial.standing, spent)))
}

fn obstacle(standing: &Standing, spent: bool) -> Obstacle {
    let limit = &standing.limit;
    let rate = limit.window.is_none_or(|window| is_rate(limit.meter, window));
    match limit.meter {
        Meter::Requests => Obstacle::Counted,
        _ if rate || !spent => Obstacle::Busy,
        _ => Obstacle::Spent,
    }
}

/// Whether a limit refuses every call, or every one that asks for what is `charged`; and what is in
/// the way.
fn full(standing: &Standing, charged: Option<Operation>) -> Option<Obstacle> {
    let Standing { limit, used, .. } = standing;
    let allowed = standing.allowed();
    // Some text is the least that can be asked for, and it takes some tokens and money.
    let text = charged.is_some_and(|operation| operation.yields() == Yields::Text);
    let refuses = match limit.meter {
        _ if limit.models.is_some() => false,
        _ if allowed == 0 => return Some(Obstacle::Spent),
        Meter::Requests | Meter::Concurrent => true,
        Meter::Usd => charged.is_some() && *used > allowed || text && *used >= allowed,
        Meter::Tokens => text && *used >= allowed,
        Meter::Characters => false,
    };
    refuses.then(|| obstacle(standing, true))
}

/// How long, from the time of a denial, until there may be room because time passed.
fn until_turn(denial: &LimitDenial) -> Duration {
    let Standing { limit, resets, .. } = &denial.standing;
    let turn = match limit.window.and_then(Window::steps) {
        Some(steps) => {
            let step = steps.seconds.saturating_mul(1000).max(1);
            Some(denial.now.saturating_sub(denial.now.rem_euclid(step)).saturating_add(step))
        }
        None => *resets,
    };
    let left = turn.map(|at| u64::try_from(at.saturating_sub(denial.now)).unwrap_or(0));
    left.map_or(LONGEST, Duration::from_millis)
}

#[cfg(test)]
mod tests;
