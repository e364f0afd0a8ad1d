//! The ends of a hold: posted, voided, expired, and the correction of what an expiry charged. Pure.
//!
//! Invariants: a call is charged once. Posting is never refused, also without a hold. A late post
//! or void replaces what the expiry charged, in the periods it went to. What several calls report is
//! in `once`.

use super::account::{AccountState, Share, Totals};
use super::book::{Book, Hold};
use super::crossing::Crossing;
use super::moment::Moment;
use super::order::{Amounts, Ending, LostHold, Payers, Settlement, UsageEvent};
use super::slot::Slot;
use super::tried::Tries;
use crate::clock::UnixMs;
use crate::ids::{AccountId, CallId};
use crate::limit::{Limit, Meter, Period, Thresholds};
use crate::money::NanoUsd;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The place of the user among the payers of a call.
const USER: usize = 1;

/// How a call was ended; remembered for as long as it could be ended again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    Posted,
    Voided,
    Orphaned(Box<Provisional>),
}

/// What was charged until something exact is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisional {
    pub charge: Amounts,
    /// Of key, user and workspace.
    pub traces: [Trace; 3],
}

/// Where one account was charged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trace {
    /// When that account was created; `None` where it was missing.
    pub created: Option<UnixMs>,
    pub charged: Vec<(Slot, Period)>,
    pub counted: Vec<(Slot, Period)>,
}

/// What a settlement did.
#[derive(Debug, Default)]
pub struct Settled {
    /// It changed something: it was not a duplicate.
    pub applied: bool,
    /// What is to be remembered.
    pub event: Option<Box<UsageEvent>>,
    /// The orphan's event that was remembered before is to be forgotten; it cost this.
    pub erased: Option<NanoUsd>,
    pub replaced: Option<Replaced>,
    pub crossings: Vec<Crossing>,
}

/// The exact event of an earlier call, whose provisional one is to be forgotten.
#[derive(Debug)]
pub struct Replaced {
    pub event: Box<UsageEvent>,
    pub provisional: Box<UsageEvent>,
}

/// A hold that ends, and when.
pub struct End<'a> {
    pub hold: Option<Hold>,
    /// What an expiry charged.
    pub earlier: Option<Box<Provisional>>,
    pub payers: Payers,
    pub moment: &'a Moment,
    pub thresholds: &'a Thresholds,
}

impl Book {
    /// Ends the hold of a call, or of an attempt.
    pub fn settle(
        &mut self,
        settlement: Settlement,
        moment: &Moment,
        thresholds: &Thresholds,
    ) -> Settled {
        let at = (moment, thresholds);
        match settlement {
            Settlement::Post { charge, event, once } => {
                let (id, payers, charge) = (event.id, event.payers.clone(), charge.sane());
                self.end(id, payers, Mark::Posted, at, |book, end| match once {
                    None => book.post(end, charge, event).1,
                    Some(key) => book.post_once(key, end, charge, event),
                })
            }
            Settlement::Defer { charge, event, once } => {
                let (id, payers, charge) = (event.id, event.payers.clone(), charge.sane());
                let defer = |book: &mut Self, end: &End<'_>| book.defer(once, end, charge, event);
                self.end(id, payers, Mark::Posted, at, defer)
            }
            Settlement::Void { id, payers } => {
                self.end(id, payers, Mark::Voided, at, |book, end| {
                    book.void(end);
                    Settled::default()
                })
            }
            Settlement::Attempt { id, credential, charge, outcome, model } => {
                self.end_attempt((id, &credential, &model), (charge, outcome), at)
            }
        }
    }

    /// Ends the hold of a call once, and marks how.
    fn end(
        &mut self,
        id: CallId,
        payers: Payers,
        mark: Mark,
        (moment, thresholds): (&Moment, &Thresholds),
        how: impl FnOnce(&mut Self, &End<'_>) -> Settled,
    ) -> Settled {
        let earlier = match self.marks.get(&id) {
            Some((_, Mark::Posted | Mark::Voided)) => return Settled::default(),
            Some((_, Mark::Orphaned(orphan))) => Some(orphan.clone()),
            None => None,
        };
        let erased = earlier.as_ref().map(|orphan| orphan.charge.usd);
        let hold = self.holds.remove(&id);
        let settled = how(self, &End { hold, earlier, payers, moment, thresholds });
        self.mark(id, mark, moment.now);
        Settled { applied: true, erased, ..settled }
    }

    /// Charges a call, in place of what its expiry charged; also says where.
    pub(super) fn post(
        &mut self,
        end: &End<'_>,
        charge: Amounts,
        event: Box<UsageEvent>,
    ) -> ([Trace; 3], Settled) {
        let (traces, crossings) = match &end.earlier {
            Some(orphan) => {
                let crossings = self.correct(&end.payers, orphan, Some(charge), end);
                (orphan.traces.clone(), crossings)
            }
            None => {
                let hold = end.hold.as_ref();
                let asked = hold.map(|hold| &hold.facts.model).filter(|model| !model.is_empty());
                let model = asked.unwrap_or(&event.facts.model);
                let charge = Charged { amounts: charge, requests: event.requests, model };
                self.charge(hold, &end.payers, charge, end.moment, end.thresholds)
            }
        };
        let event = Some(stamped(event, charge, end.moment));
        (traces, Settled { event, crossings, ..Settled::default() })
    }

    fn void(&mut self, end: &End<'_>) {
        match &end.earlier {
            Some(orphan) => {
                self.correct(&end.payers, orphan, None, end);
            }
            None => self.give_back(end.hold.as_ref()),
        }
    }

    /// The holds whose lease has run out, those first that ran out first.
    pub fn overdue(&self, now: UnixMs) -> Vec<CallId> {
        let late = self.holds.values().filter(|hold| hold.lease_end <= now);
        let mut late: Vec<_> = late.map(|hold| (hold.lease_end, hold.id)).collect();
        late.sort_unstable();
        late.into_iter().map(|(_, id)| id).collect()
    }

    /// Ends an expired hold with a charge (see [`lost_charge`]).
    pub fn expire(
        &mut self,
        id: CallId,
        charge: Amounts,
        moment: &Moment,
        thresholds: &Thresholds,
    ) -> Settled {
        let Some(hold) = self.holds.remove(&id) else {
            return Settled::default();
        };
        let charged = Charged { amounts: charge, requests: 1, model: &hold.facts.model };
        let (traces, crossings) =
            self.charge(Some(&hold), &hold.payers, charged, moment, thresholds);
        self.mark(id, Mark::Orphaned(Box::new(Provisional { charge, traces })), moment.now);
        let event = stamped(Box::new(orphan_event(&hold, moment.now)), charge, moment);
        Settled { applied: true, event: Some(event), crossings, ..Settled::default() }
    }

    /// Notes how a call was ended.
    pub fn mark(&mut self, id: CallId, mark: Mark, at: UnixMs) {
        let ages = if mark == Mark::Posted { &mut self.posted } else { &mut self.marked };
        ages.push_back((at, id));
        self.marks.insert(id, (at, mark));
    }

    /// Forgets the oldest posts, at most so many and before one time, and other ends before
    /// another. Gives the number of the first and the ids of the latter.
    pub fn forget(
        &mut self,
        posts: (usize, UnixMs),
        others_before: UnixMs,
    ) -> (usize, Vec<CallId>) {
        let posted = aged(&mut self.posted, posts);
        for &id in &posted {
            if matches!(self.marks.get(&id), Some((_, Mark::Posted))) {
                self.marks.remove(&id);
            }
        }
        let mut gone = aged(&mut self.marked, (usize::MAX, others_before));
        gone.retain(|id| !matches!(self.marks.get(id), Some((_, Mark::Posted))));
        gone.iter().for_each(|id| {
            self.marks.remove(id);
        });
        (posted.len(), gone)
    }

    /// Charges all payers.
    fn charge(
        &mut self,
        hold: Option<&Hold>,
        payers: &Payers,
        charge: Charged<'_>,
        moment: &Moment,
        thresholds: &Thresholds,
    ) -> ([Trace; 3], Vec<Crossing>) {
        let mut traces: [Trace; 3] = Default::default();
        let (mut crossings, mut moved) = (Vec::new(), Totals::default());
        for (i, id) in payers.accounts().iter().enumerate() {
            let Some(state) = self.accounts.get_mut(id) else {
                self.keep(payers, i, Totals::of(charge.amounts, charge.requests));
                continue;
            };
            if i == USER {
                moved = Totals::of(charge.amounts, charge.requests);
            }
            let before = levels(state, moment);
            let share = hold.and_then(|hold| hold.shares.get(i)).filter(|share| share.joined);
            if let Some(trace) = traces.get_mut(i) {
                *trace = charge_one(state, share, charge, moment);
            }
            crossings.extend(crossed(state, before, moment, thresholds));
        }
        self.note_elsewhere(payers, moved);
        (traces, crossings)
    }

    /// Replaces a provisional charge by the exact one, or by nothing.
    pub(super) fn correct(
        &mut self,
        payers: &Payers,
        paid: &Provisional,
        exact: Option<Amounts>,
        &End { moment, thresholds, .. }: &End<'_>,
    ) -> Vec<Crossing> {
        let after = exact.unwrap_or_default();
        let requests = if exact.is_some() { 0 } else { -1 };
        let change = Totals::of(after.minus(paid.charge), requests);
        let (mut crossings, mut moved) = (Vec::new(), Totals::default());
        for (i, (id, trace)) in payers.accounts().iter().zip(&paid.traces).enumerate() {
            let known = self.accounts.get_mut(id).filter(|s| trace.created == Some(s.created));
            let Some(state) = known else {
                self.keep(payers, i, change);
                continue;
            };
            if i == USER {
                moved = change;
            }
            let before = levels(state, moment);
            state.recharge(&trace.charged, paid.charge, after);
            match exact {
                Some(_) => {
                    state.correct_rates(&trace.counted, paid.charge.tokens, after.tokens);
                }
                None => state.give_back(&trace.counted, paid.charge.tokens),
            }
            state.totals.add(change);
            state.owe(after.usd.get(), paid.charge.usd.get());
            crossings.extend(crossed(state, before, moment, thresholds));
        }
        self.note_elsewhere(payers, moved);
        crossings
    }

    fn give_back(&mut self, hold: Option<&Hold>) {
        let Some(hold) = hold else { return };
        for (id, share) in hold.payers.accounts().iter().zip(&hold.shares) {
            if let Some(state) = self.accounts.get_mut(id).filter(|_| share.joined) {
                state.release(share);
                state.give_back(&share.counted, share.rate);
            }
        }
    }

    /// Keeps the totals of a payer that is missing, at the one above it.
    fn keep(&mut self, payers: &Payers, missing: usize, totals: Totals) {
        let above = match missing {
            0 => AccountId::user(&payers.user),
            1 => AccountId::workspace(&payers.workspace),
            _ => return self.deleted.add(totals),
        };
        if let Some(state) = self.accounts.get_mut(&above) {
            state.deleted.add(totals);
        }
    }
}

/// Takes out what is older than a time, at most so many.
fn aged(ages: &mut VecDeque<(UnixMs, CallId)>, (at_most, before): (usize, UnixMs)) -> Vec<CallId> {
    let old = ages.iter().take(at_most).take_while(|(at, _)| *at < before).count();
    ages.drain(..old).map(|(_, id)| id).collect()
}

/// What an expired hold is charged.
pub fn lost_charge(rule: LostHold, expected: Amounts, user_held: Amounts) -> Amounts {
    match rule {
        LostHold::Expected => expected,
        LostHold::Held => user_held,
        LostHold::Nothing => Amounts::default(),
    }
}

/// The event of a call whose proxy died.
pub fn orphan_event(hold: &Hold, now: UnixMs) -> UsageEvent {
    let lived = now.saturating_sub(hold.facts.started);
    UsageEvent {
        id: hold.id,
        payers: hold.payers.clone(),
        facts: hold.facts.clone(),
        settled: now,
        service_tier: None,
        status: 0,
        ending: Ending::Orphaned,
        estimated: true,
        usage: Usage::default(),
        cost: NanoUsd::ZERO,
        provider_cost: None,
        held: hold.user_held().usd,
        ttft_ms: 0,
        duration_ms: u64::try_from(lived).unwrap_or(0),
        requests: 1,
        attempts: Tries::default(),
    }
}

/// An event with its charge and the time of its settlement.
pub fn stamped(mut event: Box<UsageEvent>, charge: Amounts, moment: &Moment) -> Box<UsageEvent> {
    event.settled = moment.now;
    event.cost = charge.usd;
    event
}

/// What is charged to an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charged<'a> {
    pub amounts: Amounts,
    /// How many requests it is; counted by rates where no hold did.
    pub requests: i64,
    /// By the name that the caller gave it, where that is known.
    pub model: &'a str,
}

pub(super) fn charge_one(
    state: &mut AccountState,
    share: Option<&Share>,
    Charged { amounts: charge, requests, model }: Charged<'_>,
    moment: &Moment,
) -> Trace {
    let counted = match share {
        Some(share) => {
            state.release(share);
            state.correct_rates(&share.counted, share.rate, charge.tokens);
            share.counted.clone()
        }
        None => state.count_rates((charge.tokens, requests), model, moment),
    };
    let charged = state.charge(charge, model, moment);
    state.totals.add(Totals::of(charge, requests));
    // A limit of some models that came while the call was under way holds nothing of it.
    let covers = |share: &&Share| {
        let mut apart = charged.iter().map(|(slot, _)| *slot).filter(|slot| slot.holds_apart());
        apart.all(|slot| slot.meter != Meter::Usd || share.apart.contains(&slot))
    };
    let held = share.filter(covers).map_or(0, |share| share.held.usd.get());
    state.owe(charge.usd.get(), held);
    Trace { created: Some(state.created), charged, counted }
}

/// What is used of every limit that can cross a threshold at settlement.
pub(super) fn levels(state: &AccountState, moment: &Moment) -> Vec<(Limit, i64)> {
    let windowed = state.limits.iter().filter(|limit| limit.meter != Meter::Concurrent);
    windowed.map(|&limit| (limit, state.used(Slot::of(&limit), moment))).collect()
}

pub(super) fn crossed(
    state: &AccountState,
    before: Vec<(Limit, i64)>,
    moment: &Moment,
    defaults: &Thresholds,
) -> Vec<Crossing> {
    let thresholds = state.thresholds.as_ref().unwrap_or(defaults);
    let mut crossings = Vec::new();
    for (limit, used_before) in before {
        let used = state.used(Slot::of(&limit), moment);
        let allowed = state.allowed(&limit, moment);
        for threshold in thresholds.crossed(used_before, used, allowed) {
            crossings.push(Crossing {
                account: state.id.clone(),
                limit,
                period: state.period(Slot::of(&limit), moment),
                threshold,
                level: thresholds.level(threshold),
                used,
                allowed,
            });
        }
    }
    crossings
}
