//! Sums of settled calls by minute, hour and day: what one holds, and its stored form, which both
//! back ends share. Pure. How they are asked for is in `sums`.
//!
//! Invariants: a sum is that of the events that were settled in its period, at any time, also after
//! corrections, which take the earlier event out of the sums that it went to. Days are those of the
//! ledger's zone, hours and minutes those of UTC, as everywhere in the ledger.

use super::order::{Ending, UsageEvent};
use crate::clock::UnixMs;
use crate::limit::{Calendar, Period, Window};
use crate::money::{NANOS_PER_USD, NanoUsd};
use crate::usage::Figure;

/// Bytes of a stored sum.
pub(super) const ROW_BYTES: usize = 13 * 8;
/// No call counts for more of anything.
const MOST: i64 = 9_007_199_254_740_991;
/// What is between the parts of a row's name; only the last part may hold it.
const BETWEEN: char = '\n';

/// How long the periods are that calls are added up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Minutes of UTC.
    Minute,
    /// Hours of UTC.
    Hour,
    /// Days of the ledger's zone.
    Day,
}

impl Tier {
    /// All, shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The word in the names of keys.
    pub const fn as_str(self) -> &'static str {
        self.window().as_str()
    }

    /// The window whose periods they are.
    pub const fn window(self) -> Window {
        match self {
            Self::Minute => Window::Minute,
            Self::Hour => Window::Hour,
            Self::Day => Window::Day,
        }
    }
}

/// For how long sums are kept after they were last begun, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Those of minutes.
    pub minutes: i64,
    /// Those of hours.
    pub hours: i64,
    /// Those of days.
    pub days: i64,
}

impl Default for Kept {
    /// 48 hours, 90 days, two years.
    fn default() -> Self {
        Self { minutes: 172_800_000, hours: 7_776_000_000, days: 63_072_000_000 }
    }
}

impl Kept {
    /// For how long those of a tier are kept.
    pub const fn of(&self, tier: Tier) -> i64 {
        match tier {
            Tier::Minute => self.minutes,
            Tier::Hour => self.hours,
            Tier::Day => self.days,
        }
    }

    /// All three, as the scripts take them.
    pub(super) fn lifetimes(&self) -> String {
        format!("{} {} {}", self.minutes, self.hours, self.days)
    }

    /// The oldest period of a tier that is kept.
    pub(super) fn oldest(&self, tier: Tier, calendar: &Calendar, now: UnixMs) -> Period {
        calendar.period(tier.window(), now.saturating_sub(self.of(tier)))
    }
}

/// What calls came to together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Requests that the events stand for: one each, but for what was consumed elsewhere.
    pub requests: i64,
    /// Events of calls that no answer, or one of status 400 and above, came to; calls of lost proxies
    /// are not among them, for nobody knows.
    pub failed: i64,
    /// Events of those that used or cost anything.
    pub metered: i64,
    /// Events whose charge is an estimate.
    pub estimated: i64,
    /// Prompt tokens, with those from and to the cache.
    pub input: i64,
    /// Prompt tokens read from the provider's cache.
    pub cached_input: i64,
    /// Prompt tokens written to it.
    pub cache_write: i64,
    /// Answer tokens, with reasoning.
    pub output: i64,
    /// Characters that were billed as such.
    pub characters: i64,
    /// The charges.
    pub cost: NanoUsd,
    /// The charges that are estimates.
    pub estimated_cost: NanoUsd,
}

impl Sum {
    /// One event, charged so much.
    pub fn of(event: &UsageEvent, cost: NanoUsd) -> Self {
        let count = |figure| i64::try_from(event.usage.count(figure)).unwrap_or(MOST).min(MOST);
        let lost = event.ending == Ending::Orphaned;
        // What was consumed elsewhere has no status; its end says whether it went well.
        let unanswered = event.status == 0 && event.ending != Ending::Finished;
        let failed = !lost && (unanswered || event.status >= 400);
        let used = cost != NanoUsd::ZERO || event.usage.reported().any(|(_, n)| n > 0);
        Self {
            requests: event.requests,
            failed: failed.into(),
            metered: used.into(),
            estimated: event.estimated.into(),
            input: count(Figure::InputTotal),
            cached_input: count(Figure::CachedRead),
            cache_write: count(Figure::CacheWrite),
            output: count(Figure::OutputTotal),
            characters: count(Figure::Characters),
            cost,
            estimated_cost: if event.estimated { cost } else { NanoUsd::ZERO },
        }
    }

    /// Prompt and answer tokens.
    pub const fn tokens(&self) -> i64 {
        self.input.saturating_add(self.output)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.both(other, i64::saturating_add)
    }

    /// Without the other one.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.both(other, i64::saturating_sub)
    }

    fn both(&self, other: &Self, how: fn(i64, i64) -> i64) -> Self {
        Self {
            requests: how(self.requests, other.requests),
            failed: how(self.failed, other.failed),
            metered: how(self.metered, other.metered),
            estimated: how(self.estimated, other.estimated),
            input: how(self.input, other.input),
            cached_input: how(self.cached_input, other.cached_input),
            cache_write: how(self.cache_write, other.cache_write),
            output: how(self.output, other.output),
            characters: how(self.characters, other.characters),
            cost: NanoUsd::new(how(self.cost.get(), other.cost.get())),
            estimated_cost: NanoUsd::new(how(
                self.estimated_cost.get(),
                other.estimated_cost.get(),
            )),
        }
    }

    /// The stored form: thirteen numbers of eight bytes, lowest byte first. Of money, whole dollars
    /// and the nano-dollars beside them, for scripts count exactly to 2^53 only.
    pub(super) fn stored(&self) -> [u8; ROW_BYTES] {
        let parts = |money: NanoUsd| {
            [money.get().div_euclid(NANOS_PER_USD), money.get().rem_euclid(NANOS_PER_USD)]
        };
        let [usd, nanos] = parts(self.cost);
        let [estimated_usd, estimated_nanos] = parts(self.estimated_cost);
        let numbers = [
            self.requests,
            self.failed,
            self.metered,
            self.estimated,
            self.input,
            self.cached_input,
            self.cache_write,
            self.output,
            self.characters,
            usd,
            nanos,
            estimated_usd,
            estimated_nanos,
        ];
        let mut bytes = [0; ROW_BYTES];
        for (eight, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            eight.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Sum::stored`] writes; `None` where it is something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != ROW_BYTES {
            return None;
        }
        let mut numbers = [0; 13];
        for (number, eight) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
            *number = i64::from_le_bytes(eight.try_into().ok()?);
        }
        let [requests, failed, metered, estimated, input, cached_input, cache_write, rest @ ..] =
            numbers;
        let [output, characters, usd, nanos, estimated_usd, estimated_nanos] = rest;
        let money = |usd: i64, nanos: i64| {
            usd.checked_mul(NANOS_PER_USD)?.checked_add(nanos).map(NanoUsd::new)
        };
        Some(Self {
            requests,
            failed,
            metered,
            estimated,
            input,
            cached_input,
            cache_write,
            output,
            characters,
            cost: money(usd, nanos)?,
            estimated_cost: money(estimated_usd, estimated_nanos)?,
        })
    }
}

/// Whose calls a sum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// User, key, workspace, provider, credential, model.
    pub parts: [&'a str; 6],
}

impl<'a> Row<'a> {
    /// That of an event.
    pub fn of(event: &'a UsageEvent) -> Self {
        let (payers, facts) = (&event.payers, &event.facts);
        Self {
            parts: [
                payers.user.as_str(),
                payers.key.as_str(),
                payers.workspace.as_str(),
                &facts.provider,
                &facts.credential,
                &facts.model,
            ],
        }
    }

    /// Adds its name to a text.
    pub fn write(&self, to: &mut String) {
        for (n, part) in self.parts.iter().enumerate() {
            if n > 0 {
                to.push(BETWEEN);
            }
            to.push_str(part);
        }
    }

    /// Reads what [`Row::write`] writes; `None` where it is something else.
    pub fn read(name: &'a str) -> Option<Self> {
        let mut parts = name.splitn(6, BETWEEN);
        let mut next = || parts.next();
        Some(Self { parts: [next()?, next()?, next()?, next()?, next()?, next()?] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let sum = Sum {
            requests: 1,
            failed: 2,
            metered: 3,
            estimated: 4,
            input: 5,
            cached_input: 6,
            cache_write: 7,
            output: 8,
            characters: MOST,
            cost: NanoUsd::new(12_345_678_901_234_567),
            estimated_cost: NanoUsd::new(9),
        };
        assert_eq!(Sum::read(&sum.stored()), Some(sum));
        assert_eq!(sum.plus(&sum).minus(&sum), sum);
        assert_eq!(Sum::read(b"1 2 3"), None);
    }

    #[test]
    fn only_a_model_may_hold_what_is_between() {
        let row = Row { parts: ["alice", "k", "eng", "openai", "main", "a\nb"] };
        let mut name = String::new();
        row.write(&mut name);
        assert_eq!(Row::read(&name), Some(row));
        assert_eq!(Row::read("alice"), None);
    }
}
