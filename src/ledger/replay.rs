//! Calls of the past, admitted once more to one account, under other limits. Pure.
//!
//! It runs on the rules that real calls run on (`account`, `settling`), so that nothing is decided
//! in two places.
//!
//! Invariants: calls come in the order in which they began. A refused call counts nowhere. Memory
//! grows with the calls that were in flight at the same moment, not with all of them.

use super::account::{AccountState, Share};
use super::admin;
use super::attempt::Demand;
use super::moment::Moment;
use super::order::{Amounts, Denial, Enforcement};
use super::registry::{NewAccount, RegistryError};
use super::settling::{Charged, charge_one};
use super::slot::Slot;
use crate::clock::UnixMs;
use crate::ids::AccountId;
use crate::limit::{Calendar, Limit, Meter};
use crate::money::NanoUsd;
use std::collections::BTreeMap;

/// A settled call, as its event has it.
#[derive(Debug, Clone, Copy)]
pub struct PastCall<'a> {
    /// When it arrived.
    pub started: UnixMs,
    /// When it was settled.
    pub settled: UnixMs,
    /// Its model.
    pub model: &'a str,
    /// What was held for it; zero where nothing was.
    pub held: NanoUsd,
    /// What it cost.
    pub cost: NanoUsd,
    /// What it used.
    pub tokens: i64,
}

/// The time that is replayed.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What windows are aligned to.
    pub calendar: Calendar,
    /// From when on calls are replayed.
    pub begin: UnixMs,
    /// From when on it is told what became of them.
    pub since: UnixMs,
}

impl Frame {
    /// So that the windows of all limits that `since` lies in are whole; where something is carried
    /// into them, those before too.
    pub fn of<'l>(
        calendar: Calendar,
        limits: impl Iterator<Item = &'l Limit>,
        since: UnixMs,
    ) -> Self {
        let begins = |limit: &Limit| {
            let Some(window) = limit.window else { return since };
            let begin = calendar.begins(window, since).unwrap_or(0);
            match limit.carry {
                Some(_) => calendar.begins(window, begin.saturating_sub(1)).unwrap_or(0),
                None => begin,
            }
        };
        let begin = limits.map(begins).min().map_or(since, |first| first.min(since));
        Self { calendar, begin, since }
    }
}

/// How much of a limit was ever used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// The limit.
    pub limit: Limit,
    /// What was used when it was fullest.
    pub used: i64,
    /// What it allowed at that time.
    pub allowed: i64,
}

/// One account under other limits.
#[derive(Debug)]
pub struct Replay {
    state: AccountState,
    mode: Enforcement,
    frame: Frame,
    moment: Moment,
    /// Calls in flight, by the time of their settlement and a number.
    running: BTreeMap<(UnixMs, u64), Running>,
    calls: u64,
    peaks: Vec<Peak>,
}

#[derive(Debug)]
struct Running {
    share: Share,
    charge: Amounts,
    model: String,
}

impl Replay {
    /// Whether limits can be replayed: not two for the same, nor characters, which events do not
    /// tell.
    pub fn check(limits: &[Limit]) -> Result<(), RegistryError> {
        if let Some(limit) = limits.iter().find(|limit| limit.meter == Meter::Characters) {
            let text = format!("`{limit}` cannot be replayed: events do not tell characters");
            return Err(RegistryError::Invalid(text));
        }
        admin::sorted(limits.to_vec()).map(|_| ())
    }

    /// An account with these limits that used nothing yet.
    pub fn new(
        account: &AccountId,
        limits: Vec<Limit>,
        mode: Enforcement,
        frame: Frame,
    ) -> Result<Self, RegistryError> {
        Self::check(&limits)?;
        let new = NewAccount {
            id: account.clone(),
            name: String::new(),
            workspace: None,
            limits: Some(limits),
            thresholds: None,
            enforcement: Some(mode),
            key: None,
        };
        let mut state = admin::found(&new, None, &[], 0)?;
        let moment = Moment::at(&frame.calendar, frame.begin);
        state.begin(&moment);
        let untouched = |&limit: &Limit| Peak { limit, used: 0, allowed: limit.amount };
        Ok(Self {
            peaks: state.limits.iter().map(untouched).collect(),
            moment,
            state,
            mode,
            frame,
            running: BTreeMap::new(),
            calls: 0,
        })
    }

    /// Admits the next call, or names the limit that refuses it.
    pub fn admit(&mut self, call: &PastCall<'_>) -> Option<Limit> {
        self.settle_until(call.started);
        self.go_to(call.started);
        let wanted = self.wanted(call);
        let demand = Demand {
            ceiling: Some(wanted),
            expected: wanted,
            free: wanted.usd == NanoUsd::ZERO,
            model: call.model,
        };
        let mut share = match self.state.check(&demand, &self.moment, self.mode) {
            Ok(share) => share,
            Err(Denial::Limit(denial)) => return Some(denial.standing.limit),
            // Every past call has a bound, and no status is looked at here.
            Err(Denial::Unbounded { .. } | Denial::Status { .. }) => return None,
        };
        self.state.take(&mut share, call.model, &self.moment);
        self.note_peaks();
        let charge = Amounts { usd: call.cost, tokens: call.tokens, characters: 0 };
        let running = Running { share, charge, model: call.model.to_owned() };
        self.running.insert((call.settled.max(call.started), self.calls), running);
        self.calls = self.calls.saturating_add(1);
        None
    }

    /// Settles what is in flight; the peak of each limit, in the order of checking.
    pub fn finish(mut self) -> Vec<Peak> {
        self.settle_until(UnixMs::MAX);
        self.peaks
    }

    /// What would be held: what the event says; where nothing was held, what the call cost. A
    /// ceiling is never below the charge.
    fn wanted(&self, call: &PastCall<'_>) -> Amounts {
        let usd = match (self.mode, call.held) {
            (_, NanoUsd::ZERO) => call.cost,
            (Enforcement::Strict, held) => held.max(call.cost),
            (_, held) => held,
        };
        Amounts { usd, tokens: call.tokens, characters: 0 }
    }

    fn settle_until(&mut self, now: UnixMs) {
        while let Some(entry) = self.running.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), ended) = entry.remove_entry();
            self.go_to(at);
            let charged = Charged { amounts: ended.charge, requests: 1, model: &ended.model };
            charge_one(&mut self.state, Some(&ended.share), charged, &self.moment);
            self.note_peaks();
        }
    }

    fn go_to(&mut self, now: UnixMs) {
        let moved = self.moment.moved(now);
        self.moment = moved.unwrap_or_else(|| Moment::at(&self.frame.calendar, now));
    }

    fn note_peaks(&mut self) {
        if self.moment.now < self.frame.since {
            return;
        }
        for peak in &mut self.peaks {
            let used = self.state.used(Slot::of(&peak.limit), &self.moment);
            let allowed = self.state.allowed(&peak.limit, &self.moment);
            let now = Peak { limit: peak.limit, used, allowed };
            if now.is_fuller_than(peak) {
                *peak = now;
            }
        }
    }
}

impl Peak {
    /// Whether more of its limit is used. Of a limit of 0, all is.
    pub fn is_fuller_than(&self, other: &Self) -> bool {
        let part = |peak: &Self| match peak.allowed {
            0 => (1, 1),
            allowed => (i128::from(peak.used), i128::from(allowed)),
        };
        let ((used, of), (its, whole)) = (part(self), part(other));
        used.saturating_mul(whole) > its.saturating_mul(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_time;

    const SECOND: i64 = 1_000;

    fn start() -> UnixMs {
        parse_time("2026-11-24T21:00:00Z").unwrap()
    }

    fn replay(limits: &[&str], mode: Enforcement) -> Replay {
        let limits: Vec<Limit> = limits.iter().map(|text| text.parse().unwrap()).collect();
        let account = "user:alice".parse().unwrap();
        let frame = Frame::of(Calendar::default(), limits.iter(), start());
        Replay::new(&account, limits, mode, frame).unwrap()
    }

    /// A call that begins so many seconds after the start and takes so many.
    fn call(after: i64, takes: i64, held: i64, cost: i64) -> PastCall<'static> {
        let later = |at: UnixMs, seconds: i64| at.saturating_add(seconds.saturating_mul(SECOND));
        let started = later(start(), after);
        PastCall {
            started,
            settled: later(started, takes),
            model: "gpt-5",
            held: NanoUsd::new(held),
            cost: NanoUsd::new(cost),
            tokens: 10,
        }
    }

    fn refused(replay: &mut Replay, calls: &[PastCall<'_>]) -> Vec<Option<String>> {
        calls.iter().map(|call| replay.admit(call).map(|limit| limit.name())).collect()
    }

    #[test]
    fn what_is_in_flight_is_held_and_what_was_refused_is_not_used() {
        let mut replay = replay(&["0.00000001usd/day"], Enforcement::Balanced);
        // Ten may be used: six are held, five asked for. Then the first has cost three.
        let calls = [call(0, 10, 6, 3), call(5, 1, 5, 5), call(10, 1, 5, 5), call(12, 1, 3, 3)];
        let day = Some("usd/day".to_owned());
        assert_eq!(refused(&mut replay, &calls), [None, day.clone(), None, day]);
        let peak = replay.finish()[0];
        assert_eq!((peak.used, peak.allowed), (8, 10));
    }

    #[test]
    fn modes_hold_what_they_promise() {
        let calls = [call(0, 10, 2, 8), call(5, 1, 3, 3)];
        for (mode, both) in [
            (Enforcement::Strict, false),
            (Enforcement::Balanced, true),
            (Enforcement::Postpaid, true),
        ] {
            let refused = refused(&mut replay(&["0.00000001usd/day"], mode), &calls);
            assert_eq!(refused[1].is_none(), both, "{mode:?}");
        }
        // Nothing was held at the time: what the call cost stands for it.
        let calls = [call(0, 10, 0, 8), call(5, 1, 0, 3)];
        let mut replay = replay(&["0.00000001usd/day"], Enforcement::Balanced);
        assert_eq!(refused(&mut replay, &calls)[1].as_deref(), Some("usd/day"));
    }

    #[test]
    fn calls_at_once_and_rates_are_counted_as_the_ledger_counts_them() {
        let limits = ["2concurrent", "3requests/minute", "9usd/day@claude*"];
        let mut replay = replay(&limits, Enforcement::Balanced);
        let calls = [
            call(0, 9, 1, 1),
            call(1, 2, 1, 1),
            call(2, 9, 1, 1),
            call(3, 1, 1, 1),
            call(9, 1, 1, 1),
        ];
        let name = |text: &str| Some(text.to_owned());
        let seen = refused(&mut replay, &calls);
        assert_eq!(seen, [None, None, name("concurrent"), None, name("requests/minute")]);
        let next = call(60, 1, 1, 1);
        assert_eq!(replay.admit(&next), None);
        let peaks = replay.finish();
        let used: Vec<_> = peaks.iter().map(|p| (p.limit.name(), p.used)).collect();
        let figures = [("usd/day@claude*", 0), ("requests/minute", 3), ("concurrent", 2)];
        assert_eq!(used, figures.map(|(name, used)| (name.to_owned(), used)));
    }

    #[test]
    fn a_new_day_begins_anew_and_what_is_told_begins_when_it_is_asked_for() {
        let mut replay = replay(&["0.00000001usd/day"], Enforcement::Balanced);
        replay.frame.since = start() + 3 * 3600 * SECOND;
        let calls = [call(0, 1, 9, 9), call(2, 1, 2, 2), call(3 * 3600, 1, 2, 2)];
        let day = Some("usd/day".to_owned());
        assert_eq!(refused(&mut replay, &calls), [None, day, None]);
        assert_eq!(replay.finish()[0].used, 2);
    }

    #[test]
    fn windows_are_whole_and_what_is_carried_into_them_is_known() {
        let begin = |limits: &[&str]| {
            let limits: Vec<Limit> = limits.iter().map(|text| text.parse().unwrap()).collect();
            crate::clock::rfc3339_seconds(
                Frame::of(Calendar::default(), limits.iter(), start()).begin,
            )
        };
        assert_eq!(begin(&["3concurrent"]), "2026-11-24T21:00:00Z");
        assert_eq!(begin(&["5usd/day", "9usd/week"]), "2026-11-23T00:00:00Z");
        assert_eq!(begin(&["5usd/day", "9usd/week!carry"]), "2026-11-16T00:00:00Z");
        assert_eq!(begin(&["5usd/rolling-5h"]), "2026-11-24T16:00:00Z");
        assert_eq!(begin(&["5usd/total"]), "1970-01-01T00:00:00Z");
        // Nothing was used on the day before, so twice as much may be used.
        let limits = ["0.00000001usd/day!carry"];
        let calls = [call(0, 1, 9, 9), call(2, 1, 9, 9), call(4, 1, 3, 3)];
        let mut replay = replay(&limits, Enforcement::Balanced);
        assert_eq!(refused(&mut replay, &calls), [None, None, Some("usd/day".to_owned())]);
        let peak = replay.finish()[0];
        assert_eq!((peak.used, peak.allowed), (18, 20));
    }

    #[test]
    fn what_cannot_be_replayed_is_refused_by_name() {
        let new = |limits: &[&str]| {
            let limits: Vec<Limit> = limits.iter().map(|text| text.parse().unwrap()).collect();
            let account = "user:alice".parse().unwrap();
            let frame = Frame::of(Calendar::default(), limits.iter(), start());
            let refused = Replay::new(&account, limits, Enforcement::Balanced, frame);
            refused.unwrap_err().to_string()
        };
        assert!(new(&["5chars/day"]).contains("`5 characters/day` cannot be replayed"));
        assert!(new(&["5usd/day", "6usd/day"]).contains("`6 usd/day` are two limits for usd/day"));
    }
}
