//! Attempts in the pure model: holds on the accounts of credentials, their ends, and the figures of
//! each day. Pure; the embedded back end runs on it.
//!
//! Not here: what a call costs its payers, which is in `book` and `settling`.
//!
//! Invariants: an attempt is counted once. One that was held stays with its account, which is not
//! deleted meanwhile. A late end replaces what the expiry charged, in the periods and on the day it
//! went to. The days of an account add up to its totals until the oldest is dropped.

use super::account::{AccountState, CredentialFacts, Share, Totals};
use super::attempt::{AttemptAdmission, AttemptOrder, AttemptOutcome, CredentialDay};
use super::book::{Book, standings};
use super::crossing::Crossing;
use super::moment::Moment;
use super::order::{Amounts, Denial, Enforcement, Standing};
use super::settling::{Charged, Settled, Trace, charge_one, crossed, levels};
use crate::clock::UnixMs;
use crate::ids::{AccountId, CallId, Id};
use crate::limit::{Meter, Period, Thresholds, Window, date_of};
use crate::money::NanoUsd;
use foldhash::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// All attempts, open and ended, and what they amount to by day.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    pub open: HashMap<CallId, OpenAttempt>,
    /// How attempts ended, and when.
    pub ended: HashMap<CallId, (UnixMs, AttemptMark)>,
    /// The same by age: those with an end of their own.
    done: VecDeque<(UnixMs, CallId)>,
    /// The same by age: those that expired.
    expired: VecDeque<(UnixMs, CallId)>,
    pub days: BTreeMap<DayKey, Day>,
}

/// A credential's day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DayKey {
    pub credential: Id,
    /// The id of the day.
    pub day: Period,
}

impl std::fmt::Display for DayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.credential, self.day)
    }
}

/// All days.
pub const EVER: (Period, Period) = (Period::MIN, Period::MAX);

/// What is set aside for one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAttempt {
    pub id: CallId,
    /// The call that it is made for.
    pub call: CallId,
    pub credential: Id,
    pub expected: Amounts,
    pub model: String,
    pub share: Share,
    /// When the hold expires.
    pub lease_end: UnixMs,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptMark {
    Ended,
    Expired(Box<ExpiredAttempt>),
}

/// What an expiry charged until something exact is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiredAttempt {
    pub charge: Amounts,
    pub trace: Trace,
    pub day: Period,
}

/// The figures of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Day {
    pub requests: i64,
    pub characters: i64,
    pub tokens: i64,
    /// Nano-dollars.
    pub cost: i64,
    pub failed: i64,
    pub metadata: BTreeMap<String, String>,
}

/// What became of an order before anything is changed.
#[derive(Debug)]
pub enum AttemptVerdict {
    /// It is held already; the answer to the first try was lost.
    Known,
    /// It may be placed.
    Fresh(Box<OpenAttempt>),
}

/// What is counted of an attempt.
#[derive(Debug, Clone, Copy)]
struct Counted {
    charge: Amounts,
    requests: i64,
    failed: i64,
}

impl Counted {
    fn of(charge: Amounts, outcome: AttemptOutcome) -> Self {
        match outcome {
            AttemptOutcome::Unsent => Self { charge: Amounts::default(), requests: 0, failed: 0 },
            AttemptOutcome::Served => Self { charge: charge.sane(), requests: 1, failed: 0 },
            AttemptOutcome::Failed => Self { charge: charge.sane(), requests: 1, failed: 1 },
            AttemptOutcome::Reported { requests, failed } => {
                Self { charge: charge.sane(), requests, failed }
            }
        }
    }

    /// What has to be added where something else was counted.
    fn minus(self, other: Self) -> Self {
        Self {
            charge: self.charge.minus(other.charge),
            requests: self.requests.saturating_sub(other.requests),
            failed: self.failed.saturating_sub(other.failed),
        }
    }
}

impl Day {
    fn add(&mut self, counted: Counted) {
        let Counted { charge, requests, failed } = counted;
        self.requests = self.requests.saturating_add(requests);
        self.characters = self.characters.saturating_add(charge.characters);
        self.tokens = self.tokens.saturating_add(charge.tokens);
        self.cost = self.cost.saturating_add(charge.usd.get());
        self.failed = self.failed.saturating_add(failed);
    }

    /// What is shown of a period's day; `None` where that is not the id of a day.
    pub fn shown(&self, period: Period) -> Option<CredentialDay> {
        Some(CredentialDay {
            date: date_of(period)?,
            request_count: self.requests,
            character_count: self.characters,
            tokens: self.tokens,
            cost: NanoUsd::new(self.cost),
            failed: self.failed,
            metadata: self.metadata.clone(),
        })
    }
}

impl Attempts {
    /// Notes how an attempt ended. Where that replaces an expiry, it is forgotten when that would be;
    /// one that is to be stored, as an expiry would be.
    fn mark(&mut self, id: CallId, mark: AttemptMark, at: UnixMs, stored: bool) {
        let ages = if stored { &mut self.expired } else { &mut self.done };
        if self.ended.insert(id, (at, mark)).is_none() {
            ages.push_back((at, id));
        }
    }

    /// Notes what the store has of an attempt that expired.
    pub fn remember(&mut self, id: CallId, at: UnixMs, mark: AttemptMark) {
        self.expired.push_back((at, id));
        self.ended.insert(id, (at, mark));
    }

    /// Forgets ends before a time, and what expired before another; gives the latter.
    pub fn forget(&mut self, done_before: UnixMs, expired_before: UnixMs) -> Vec<CallId> {
        let done = before(&mut self.done, done_before);
        let expired = before(&mut self.expired, expired_before);
        for id in done.iter().chain(&expired) {
            self.ended.remove(id);
        }
        expired
    }

    /// The holds whose lease has run out, those first that ran out first.
    pub fn overdue(&self, now: UnixMs) -> Vec<CallId> {
        let late = self.open.values().filter(|open| open.lease_end <= now);
        let mut late: Vec<_> = late.map(|open| (open.lease_end, open.id)).collect();
        late.sort_unstable();
        late.into_iter().map(|(_, id)| id).collect()
    }

    /// Moves the end of a hold's lease.
    pub fn renew(&mut self, id: &CallId, lease_end: UnixMs) -> bool {
        let open = self.open.get_mut(id);
        open.map(|open| open.lease_end = lease_end).is_some()
    }

    /// Drops the days before one; gives them.
    pub fn drop_days(&mut self, before: Period) -> Vec<DayKey> {
        let old: Vec<DayKey> = self.days.keys().filter(|key| key.day < before).cloned().collect();
        for key in &old {
            self.days.remove(key);
        }
        old
    }

    /// The days of a credential from one to another, both included, oldest first.
    pub fn days_of(
        &self,
        credential: &Id,
        (from, to): (Period, Period),
    ) -> impl Iterator<Item = (&DayKey, &Day)> {
        let at = |day| DayKey { credential: credential.clone(), day };
        // A range that ends before it begins is none.
        self.days.range(at(from.min(to))..=at(to)).filter(move |(key, _)| key.day >= from)
    }

    fn count(&mut self, credential: &Id, day: Period, counted: Counted, facts: &CredentialFacts) {
        let figures = self.days.entry(DayKey { credential: credential.clone(), day }).or_default();
        figures.add(counted);
        if figures.metadata != facts.metadata {
            figures.metadata.clone_from(&facts.metadata);
        }
    }
}

impl Book {
    /// Checks an attempt on the account of its credential, which need not exist yet.
    pub fn check_attempt(
        &self,
        order: &AttemptOrder,
        moment: &Moment,
        default: Enforcement,
    ) -> Result<AttemptVerdict, Denial> {
        let account = AccountId::credential(&order.credential);
        let barred =
            |status: &str| Denial::Status { account: account.clone(), status: status.to_owned() };
        if self.attempts.ended.contains_key(&order.id) {
            return Err(barred("settled"));
        }
        if self.attempts.open.contains_key(&order.id) {
            return Ok(AttemptVerdict::Known);
        }
        let fresh;
        let state = match self.accounts.get(&account) {
            Some(state) => state,
            None => {
                fresh = account_of(&order.credential, moment.now);
                &fresh
            }
        };
        if let Some(status) = state.barred(moment.now) {
            return Err(barred(status));
        }
        let default = order.enforcement.unwrap_or(default);
        Ok(AttemptVerdict::Fresh(Box::new(OpenAttempt {
            id: order.id,
            call: order.call,
            credential: order.credential.clone(),
            expected: order.expected,
            model: order.model.clone(),
            share: state.check(&order.demand(), moment, default)?,
            lease_end: 0,
        })))
    }

    /// Places a checked attempt.
    pub fn place_attempt(&mut self, mut open: OpenAttempt, lease_end: UnixMs, moment: &Moment) {
        open.lease_end = lease_end;
        let state = account_in(&mut self.accounts, &open.credential, moment.now);
        state.take(&mut open.share, &open.model, moment);
        self.attempts.open.insert(open.id, open);
    }

    /// The answer to an attempt that is held: the limits that count its model.
    pub fn attempt_admission(&self, order: &AttemptOrder, moment: &Moment) -> AttemptAdmission {
        let state = self.accounts.get(&AccountId::credential(&order.credential));
        let all = state.map_or_else(Vec::new, |state| standings(state, moment));
        let counted = |standing: &Standing| standing.limit.counts(&order.model);
        AttemptAdmission::Held { standings: all.into_iter().filter(counted).collect() }
    }

    /// The thresholds of a credential's own.
    pub fn thresholds(&self, credential: &Id) -> Option<&Thresholds> {
        self.accounts.get(&AccountId::credential(credential))?.thresholds.as_ref()
    }

    /// Ends an attempt once.
    pub fn end_attempt(
        &mut self,
        (id, credential, model): (CallId, &Id, &str),
        (charge, outcome): (Amounts, AttemptOutcome),
        at: (&Moment, &Thresholds),
    ) -> Settled {
        let earlier = match self.attempts.ended.get(&id) {
            Some((_, AttemptMark::Ended)) => return Settled::default(),
            Some((_, AttemptMark::Expired(expired))) => Some(expired.clone()),
            None => None,
        };
        let open = self.attempts.open.remove(&id);
        let counted = Counted::of(charge, outcome);
        let crossings = match earlier {
            Some(expired) => self.correct_attempt(credential, &expired, counted, at),
            None if outcome == AttemptOutcome::Unsent => {
                self.release_attempt(open.as_ref());
                Vec::new()
            }
            None => self.charge_attempt(open.as_ref(), (credential, model), counted, at).1,
        };
        self.attempts.mark(id, AttemptMark::Ended, at.0.now, outcome.is_reported());
        Settled { applied: true, crossings, ..Settled::default() }
    }

    /// Ends an expired attempt with a charge.
    pub fn expire_attempt(
        &mut self,
        id: CallId,
        charge: Amounts,
        at: (&Moment, &Thresholds),
    ) -> Settled {
        let Some(open) = self.attempts.open.remove(&id) else { return Settled::default() };
        let counted = Counted::of(charge, AttemptOutcome::Served);
        let of = (&open.credential, open.model.as_str());
        let (trace, crossings) = self.charge_attempt(Some(&open), of, counted, at);
        let day = at.0.period(Window::Day);
        let expired = ExpiredAttempt { charge: counted.charge, trace, day };
        self.attempts.mark(id, AttemptMark::Expired(Box::new(expired)), at.0.now, true);
        Settled { applied: true, crossings, ..Settled::default() }
    }

    fn charge_attempt(
        &mut self,
        open: Option<&OpenAttempt>,
        (credential, model): (&Id, &str),
        counted: Counted,
        (moment, thresholds): (&Moment, &Thresholds),
    ) -> (Trace, Vec<Crossing>) {
        let state = account_in(&mut self.accounts, credential, moment.now);
        let before = levels(state, moment);
        let model = open.map_or(model, |open| open.model.as_str());
        let share = open.map(|open| &open.share).filter(|share| share.joined);
        let Counted { charge, requests, .. } = counted;
        let trace = charge_one(state, share, Charged { amounts: charge, requests, model }, moment);
        state.credential.failed = state.credential.failed.saturating_add(counted.failed);
        let day = moment.period(Window::Day);
        self.attempts.count(credential, day, counted, &state.credential);
        (trace, crossed(state, before, moment, thresholds))
    }

    fn release_attempt(&mut self, open: Option<&OpenAttempt>) {
        let Some(open) = open else { return };
        let id = AccountId::credential(&open.credential);
        if let Some(state) = self.accounts.get_mut(&id).filter(|_| open.share.joined) {
            state.release(&open.share);
            state.give_back(&open.share.counted, open.share.rate);
        }
    }

    /// Replaces what an expiry charged by what is known now; an account that was deleted since has
    /// nothing to replace.
    fn correct_attempt(
        &mut self,
        credential: &Id,
        expired: &ExpiredAttempt,
        exact: Counted,
        (moment, thresholds): (&Moment, &Thresholds),
    ) -> Vec<Crossing> {
        let ExpiredAttempt { charge, trace, day } = expired;
        let known = self.accounts.get_mut(&AccountId::credential(credential));
        let Some(state) = known.filter(|s| trace.created == Some(s.created)) else {
            return Vec::new();
        };
        let change = exact.minus(Counted::of(*charge, AttemptOutcome::Served));
        let before = levels(state, moment);
        state.recharge(&trace.charged, *charge, exact.charge);
        if exact.requests == 0 {
            state.give_back(&trace.counted, charge.tokens);
        } else {
            state.correct_rates(&trace.counted, charge.tokens, exact.charge.tokens);
        }
        state.totals.add(Totals::of(change.charge, change.requests));
        state.credential.failed = state.credential.failed.saturating_add(change.failed);
        state.owe(exact.charge.usd.get(), charge.usd.get());
        let key = DayKey { credential: credential.clone(), day: *day };
        if let Some(figures) = self.attempts.days.get_mut(&key) {
            figures.add(change);
        }
        crossed(state, before, moment, thresholds)
    }
}

/// The account of a credential that was not set up: without limits.
pub fn account_of(credential: &Id, now: UnixMs) -> AccountState {
    AccountState::new(AccountId::credential(credential), credential.to_string(), now)
}

fn account_in<'a>(
    accounts: &'a mut BTreeMap<AccountId, AccountState>,
    credential: &Id,
    now: UnixMs,
) -> &'a mut AccountState {
    let id = AccountId::credential(credential);
    accounts.entry(id).or_insert_with(|| account_of(credential, now))
}

/// The thresholds that an admission crossed: requests are counted when they are admitted, all else
/// when it is settled.
pub fn admitted(standings: &[Standing], thresholds: &Thresholds, moment: &Moment) -> Vec<Crossing> {
    let mut crossings = Vec::new();
    for standing in standings.iter().filter(|s| s.limit.meter == Meter::Requests) {
        let (used, allowed) = (standing.used, standing.allowed());
        let Some(window) = standing.limit.window else { continue };
        for threshold in thresholds.crossed(used.saturating_sub(1), used, allowed) {
            let (account, limit) = (standing.account.clone(), standing.limit);
            let period = moment.period(window);
            let level = thresholds.level(threshold);
            crossings.push(Crossing { account, limit, period, threshold, level, used, allowed });
        }
    }
    crossings
}

fn before(ages: &mut VecDeque<(UnixMs, CallId)>, time: UnixMs) -> Vec<CallId> {
    let old = ages.iter().take_while(|(at, _)| *at < time).count();
    ages.drain(..old).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_of_the_version_before_is_read() {
        let text = r#"{"id":"user:alice","name":"","workspace":"eng","status":"active","limits":[],
            "follows":null,"thresholds":null,"enforcement":null,"key":null,"created":1,"last":null,
            "counters":[],"held":{"usd":0,"tokens":0,"characters":0},"open":0,
            "totals":{"usd":0,"tokens":0,"requests":0},"deleted":{"usd":0,"tokens":0,"requests":0},
            "debt":0}"#;
        let state: AccountState = serde_json::from_str(text).unwrap();
        assert_eq!(state.credential, CredentialFacts::default());
        // And the version before reads what is written of one that is no credential.
        assert!(!serde_json::to_string(&state).unwrap().contains("credential"));
    }

    #[test]
    fn ends_are_forgotten_by_age_and_what_expired_later() {
        let mut attempts = Attempts::default();
        let [done, late] = [CallId::new(), CallId::new()];
        let expired =
            ExpiredAttempt { charge: Amounts::default(), trace: Trace::default(), day: 20_261_124 };
        attempts.mark(done, AttemptMark::Ended, 10, false);
        attempts.mark(late, AttemptMark::Expired(Box::new(expired)), 10, true);
        attempts.mark(late, AttemptMark::Ended, 20, false);
        assert_eq!(attempts.forget(11, 10), []);
        assert!(!attempts.ended.contains_key(&done) && attempts.ended.contains_key(&late));
        assert_eq!(attempts.forget(11, 11), [late]);
        assert!(attempts.ended.is_empty());
    }

    #[test]
    fn the_days_of_one_credential_are_not_those_of_its_neighbours() {
        let mut attempts = Attempts::default();
        for (name, day) in [("a", 20_261_124), ("ab", 20_261_124), ("a", 20_261_126)] {
            let counted = Counted::of(Amounts::default(), AttemptOutcome::Failed);
            attempts.count(&id(name), day, counted, &CredentialFacts::default());
        }
        let of = |range| attempts.days_of(&id("a"), range).map(|(key, _)| key.day).collect();
        let days: [Vec<Period>; 4] =
            [EVER, (20_261_124, 20_261_125), (20_261_126, 20_261_126), (5, 4)].map(of);
        let [ever, first, last, none] = days;
        assert_eq!(ever, [20_261_124, 20_261_126]);
        assert_eq!((first, last, none), (vec![20_261_124], vec![20_261_126], Vec::new()));
        assert_eq!(attempts.drop_days(20_261_125).len(), 2);
        assert_eq!(attempts.days.len(), 1);
    }
}
