//! The rules of one account: what a call asks of it, whether that fits, and what charging does to
//! its counters. Pure: time comes as an argument; storage is somewhere else.
//!
//! Invariants: `held` is the sum of the shares of the open holds that joined this account. Totals
//! of an account and of what was deleted below it equal those of its parts.

use super::attempt::Demand;
use super::bump::Bumped;
use super::counter::Counter;
use super::moment::Moment;
use super::order::{Amounts, Denial, Enforcement, LimitDenial, Standing};
use super::registry::{AccountStatus, KeyFacts};
use super::slot::Slot;
use crate::clock::UnixMs;
use crate::ids::{AccountId, Id};
use crate::limit::{Limit, Meter, Period, Thresholds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    pub id: AccountId,
    pub name: String,
    pub workspace: Option<Id>,
    pub status: AccountStatus,
    /// In the order of their slots' ranks, one for each slot.
    pub limits: Vec<Limit>,
    /// The text of the defaults that `limits` were copied from, if they follow them.
    pub follows: Option<String>,
    pub thresholds: Option<Thresholds>,
    pub enforcement: Option<Enforcement>,
    pub key: Option<KeyFacts>,
    pub created: UnixMs,
    pub last: Option<UnixMs>,
    pub counters: Vec<Counter>,
    /// At most one for each limit; those that lapsed count no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bumps: Vec<Bumped>,
    pub held: Amounts,
    /// Open holds that joined this account.
    pub open: i64,
    pub totals: Totals,
    /// Totals of accounts that were below this one: that were deleted, or are elsewhere now.
    pub deleted: Totals,
    /// What a user was charged ever by way of another workspace than the present one.
    #[serde(default, skip_serializing_if = "Totals::are_none")]
    pub elsewhere: Totals,
    /// Nano-dollars charged beyond what was held for them.
    pub debt: i64,
    #[serde(default, skip_serializing_if = "CredentialFacts::are_none")]
    pub credential: CredentialFacts,
}

/// What only the account of a credential has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CredentialFacts {
    /// The text of its limits and thresholds in the configuration when they were last defined.
    pub defined: Option<String>,
    /// Noted beside the figures of each day.
    pub metadata: BTreeMap<String, String>,
    /// Attempts that failed ever.
    pub failed: i64,
    /// When an operator last made it active.
    pub enabled: Option<UnixMs>,
}

impl CredentialFacts {
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What was charged ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    pub usd: i64,
    pub tokens: i64,
    pub requests: i64,
}

impl Totals {
    /// What one charge adds.
    pub fn of(charge: Amounts, requests: i64) -> Self {
        Self { usd: charge.usd.get(), tokens: charge.tokens, requests }
    }

    /// What is left without another part.
    pub fn without(self, other: Self) -> Self {
        Self {
            usd: self.usd.saturating_sub(other.usd),
            tokens: self.tokens.saturating_sub(other.tokens),
            requests: self.requests.saturating_sub(other.requests),
        }
    }

    fn are_none(&self) -> bool {
        *self == Self::default()
    }

    pub fn add(&mut self, other: Self) {
        self.usd = self.usd.saturating_add(other.usd);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.requests = self.requests.saturating_add(other.requests);
    }
}

/// What one hold set aside on one account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Share {
    /// The account still knows of this hold: it was not deleted since.
    pub joined: bool,
    pub held: Amounts,
    /// Tokens that were counted in rates at admission.
    pub rate: i64,
    /// The rate counters that counted the call, with the period.
    pub counted: Vec<(Slot, Period)>,
    /// The slots that hold apart and hold this call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<Slot>,
}

/// What a call would add to an account under its mode.
struct Ask {
    held: Amounts,
    wanted: Amounts,
    rate: i64,
}

impl AccountState {
    /// One without limits that was never used.
    pub fn new(id: AccountId, name: String, created: UnixMs) -> Self {
        Self {
            id,
            name,
            workspace: None,
            status: AccountStatus::Active,
            limits: Vec::new(),
            follows: None,
            thresholds: None,
            enforcement: None,
            key: None,
            created,
            last: None,
            counters: Vec::new(),
            bumps: Vec::new(),
            held: Amounts::default(),
            open: 0,
            totals: Totals::default(),
            deleted: Totals::default(),
            elsewhere: Totals::default(),
            debt: 0,
            credential: CredentialFacts::default(),
        }
    }

    /// The mode that counts.
    pub fn mode(&self, default: Enforcement) -> Enforcement {
        self.enforcement.unwrap_or(default)
    }

    /// Why the account takes no calls at all, if so.
    pub fn barred(&self, now: UnixMs) -> Option<&'static str> {
        match self.status {
            AccountStatus::Active => {}
            AccountStatus::Suspended | AccountStatus::Revoked => return Some(self.status.as_str()),
        }
        let expires = self.key.as_ref().and_then(|key| key.expires);
        expires.is_some_and(|at| now >= at).then_some("expired")
    }

    /// What is used of a slot now.
    pub fn used(&self, slot: Slot, moment: &Moment) -> i64 {
        match (slot.window, self.counters.iter().find(|c| c.slot == slot)) {
            (None, _) => self.open,
            (Some(window), Some(counter)) => counter.used_at(moment.period(window)),
            _ => 0,
        }
    }

    /// The period that a slot counts now.
    pub fn period(&self, slot: Slot, moment: &Moment) -> Period {
        let this = slot.window.map_or(0, |window| moment.period(window));
        self.counters.iter().find(|c| c.slot == slot).map_or(this, |c| c.period.max(this))
    }

    /// A limit as it stands.
    pub fn standing(&self, limit: Limit, moment: &Moment) -> Standing {
        let slot = Slot::of(&limit);
        let counts = slot.is_rate() || slot.window.is_none();
        let mut standing = Standing {
            account: self.id.clone(),
            limit,
            bump: self.bump(slot, moment),
            carried: self.carried(&limit, moment),
            used: self.used(slot, moment),
            held: if counts { 0 } else { self.held_of(slot) },
            resets: slot.window.and_then(|window| moment.ends(window)),
        };
        if slot.steps().is_some() {
            standing.resets = self.room_at(slot, standing.excess(0), moment);
        }
        standing
    }

    /// What is held of a slot that is not a rate.
    fn held_of(&self, slot: Slot) -> i64 {
        if !slot.holds_apart() {
            return self.held.of(slot.meter);
        }
        self.counters.iter().find(|c| c.slot == slot).map_or(0, |c| c.held)
    }

    /// When so much less of a rolling window is used.
    fn room_at(&self, slot: Slot, excess: i64, moment: &Moment) -> Option<UnixMs> {
        let counter = self.counters.iter().find(|c| c.slot == slot)?;
        counter.less_at(moment.period(slot.window?), excess)
    }

    /// When a refused call fits into a rolling window; where only what is held is in its way, when
    /// that would be out again if it were used now.
    fn fits_at(&self, standing: &Standing, wanted: i64, moment: &Moment) -> Option<UnixMs> {
        let slot = Slot::of(&standing.limit);
        let Some(steps) = slot.steps() else { return standing.resets };
        let room = self.room_at(slot, standing.excess(wanted), moment);
        room.or_else(|| Some(steps.gone(self.period(slot, moment))))
    }

    /// Checks every limit; gives what would be set aside.
    pub fn check(
        &self,
        order: &Demand<'_>,
        moment: &Moment,
        default: Enforcement,
    ) -> Result<Share, Denial> {
        let mode = self.mode(default);
        let ask = self.ask(order, mode)?;
        for &limit in self.limits.iter().filter(|limit| limit.counts(order.model)) {
            let mut standing = self.standing(limit, moment);
            let wanted = ask.of(Slot::of(&limit));
            if !limit.observe && refuses(mode, &standing, wanted, free(order, limit.meter, wanted))
            {
                let more = if mode == Enforcement::Postpaid { 1 } else { wanted };
                standing.resets = self.fits_at(&standing, more, moment);
                let denial = LimitDenial { standing, wanted, now: moment.now };
                return Err(Denial::Limit(Box::new(denial)));
            }
        }
        Ok(Share { joined: true, held: ask.held, rate: ask.rate, ..Share::default() })
    }

    fn ask(&self, order: &Demand<'_>, mode: Enforcement) -> Result<Ask, Denial> {
        let bounded = |meter| match meter {
            Meter::Requests | Meter::Concurrent => true,
            Meter::Usd => order.free,
            Meter::Tokens | Meter::Characters => false,
        };
        let needs_bound =
            |limit: &Limit| !limit.observe && !bounded(limit.meter) && limit.counts(order.model);
        let unbounded = mode == Enforcement::Strict && order.ceiling.is_none();
        if unbounded && self.limits.iter().any(needs_bound) {
            return Err(Denial::Unbounded { account: self.id.clone() });
        }
        let (wanted, held) = asked(order, mode);
        Ok(Ask { held, wanted, rate: wanted.tokens })
    }

    /// Sets a share aside, and notes which rates counted the call, and which slots hold it apart.
    pub fn take(&mut self, share: &mut Share, model: &str, moment: &Moment) {
        self.held = self.held.plus(share.held);
        self.open = self.open.saturating_add(1);
        // All counters turn now, so that a clock that steps back does not undo the turn.
        self.track(moment, |slot| slot.counts(model));
        let apart = self.counters.iter_mut().filter(|c| c.slot.holds_apart());
        share.apart = apart
            .filter(|c| c.slot.counts(model))
            .map(|c| {
                c.held = c.held.saturating_add(share.held.of(c.slot.meter));
                c.slot
            })
            .collect();
        share.counted = self.count_rates((share.rate, 1), model, moment);
        self.note_admitted(model, moment);
    }

    /// Ends a share.
    pub fn release(&mut self, share: &Share) {
        self.held = self.held.minus(share.held);
        self.open = self.open.saturating_sub(1);
        for counter in self.counters.iter_mut().filter(|c| share.apart.contains(&c.slot)) {
            counter.held = counter.held.saturating_sub(share.held.of(counter.slot.meter)).max(0);
        }
    }

    /// Counts so many tokens and requests of a model in every rate; gives the periods.
    pub fn count_rates(
        &mut self,
        (tokens, requests): (i64, i64),
        model: &str,
        moment: &Moment,
    ) -> Vec<(Slot, Period)> {
        let rate = |slot: Slot| slot.is_rate() && slot.counts(model);
        self.track(moment, rate);
        let mut counted = Vec::new();
        for counter in self.counters.iter_mut().filter(|c| rate(c.slot)) {
            counter.add(if counter.slot.meter == Meter::Tokens { tokens } else { requests });
            counted.push((counter.slot, counter.period));
        }
        counted
    }

    /// Replaces the tokens that rates counted for a call.
    pub fn correct_rates(&mut self, counted: &[(Slot, Period)], before: i64, after: i64) {
        self.each_counted(counted, |counter, period| {
            if counter.slot.meter == Meter::Tokens {
                counter.replace(period, before, after);
            }
        });
    }

    /// Takes a call out of the rates again.
    pub fn give_back(&mut self, counted: &[(Slot, Period)], tokens: i64) {
        self.each_counted(counted, |counter, period| {
            counter.replace(period, rate_amount(counter.slot, tokens), 0);
        });
    }

    /// Charges a call of a model to every counter that is not a rate; gives the periods.
    pub fn charge(&mut self, charge: Amounts, model: &str, moment: &Moment) -> Vec<(Slot, Period)> {
        let charges = |slot: Slot| !slot.is_rate() && slot.counts(model);
        self.track(moment, charges);
        self.last = Some(moment.now);
        let mut charged = Vec::new();
        for counter in self.counters.iter_mut().filter(|c| charges(c.slot)) {
            counter.add(charge.of(counter.slot.meter));
            charged.push((counter.slot, counter.period));
        }
        charged
    }

    /// Replaces an earlier charge in the periods it went to, where they still last.
    pub fn recharge(&mut self, charged: &[(Slot, Period)], before: Amounts, after: Amounts) {
        self.each_counted(charged, |counter, period| {
            let meter = counter.slot.meter;
            counter.replace(period, before.of(meter), after.of(meter));
        });
    }

    /// Adds to the dollars that were charged beyond what was held.
    pub fn owe(&mut self, charged: i64, held: i64) {
        self.debt = self.debt.saturating_add(charged.saturating_sub(held).max(0));
    }

    /// Zeroes the current period of one slot, or of all.
    pub fn reset(&mut self, slot: Option<Slot>, moment: &Moment) {
        self.track(moment, |_| true);
        for counter in self.counters.iter_mut().filter(|c| slot.is_none_or(|s| s == c.slot)) {
            counter.reset();
        }
    }

    /// Makes counters current, and adds those that limits ask for.
    fn track(&mut self, moment: &Moment, which: impl Fn(Slot) -> bool) {
        for slot in self.limits.iter().map(Slot::of).chain([Slot::MONTH_USD]) {
            if slot.window.is_some() && which(slot) && !self.counters.iter().any(|c| c.slot == slot)
            {
                self.counters.push(Counter::new(slot));
            }
        }
        self.turn(moment, which);
    }

    /// Forgets under which limits calls were admitted, and what these were raised by, where there
    /// are none any more.
    pub fn unbind(&mut self) {
        let limits = &self.limits;
        self.bumps.retain(|bumped| limits.iter().any(|limit| Slot::of(limit) == bumped.slot));
        for counter in self.counters.iter_mut().filter(|c| c.admitted.is_some()) {
            if !self.limits.iter().any(|limit| Slot::of(limit) == counter.slot) {
                counter.admitted = Some(crate::money::MAX.get());
            }
        }
        // What is counted of some models is of no use without the limit.
        self.counters.retain(|c| {
            let needed = c.slot.models.is_none() || c.held > 0;
            needed || limits.iter().any(|limit| Slot::of(limit) == c.slot)
        });
    }

    pub(super) fn note_admitted(&mut self, model: &str, moment: &Moment) {
        for &limit in &self.limits {
            let slot = Slot::of(&limit);
            if limit.meter != Meter::Usd || !limit.counts(model) {
                continue;
            }
            let owed = self.used(slot, moment).saturating_add(self.held_of(slot));
            let admitted = Some(self.allowed(&limit, moment).max(owed));
            if let Some(counter) = self.counters.iter_mut().find(|c| c.slot == slot) {
                counter.admitted = admitted;
            }
        }
    }

    /// Shows the counters of places whose period still counts.
    fn each_counted(
        &mut self,
        places: &[(Slot, Period)],
        mut each: impl FnMut(&mut Counter, Period),
    ) {
        for &(slot, period) in places {
            let counter = self.counters.iter_mut().find(|c| c.slot == slot && c.has(period));
            if let Some(counter) = counter {
                each(counter, period);
            }
        }
    }
}

impl Ask {
    fn of(&self, slot: Slot) -> i64 {
        if slot.is_rate() { rate_amount(slot, self.rate) } else { self.wanted.of(slot.meter) }
    }
}

fn rate_amount(slot: Slot, tokens: i64) -> i64 {
    if slot.meter == Meter::Tokens { tokens } else { 1 }
}

/// Whether a call certainly takes nothing of a meter.
fn free(order: &Demand<'_>, meter: Meter, wanted: i64) -> bool {
    let bounded = order.ceiling.is_some_and(|ceiling| ceiling.of(meter) == 0);
    wanted == 0 && (bounded || order.free && meter == Meter::Usd)
}

/// What a call asks of an account under a mode that admits it, and what of it is held.
pub fn asked(order: &Demand<'_>, mode: Enforcement) -> (Amounts, Amounts) {
    match (mode, order.ceiling) {
        (Enforcement::Strict, Some(ceiling)) => (ceiling, ceiling),
        (Enforcement::Strict | Enforcement::Balanced, _) => (order.expected, order.expected),
        (Enforcement::Postpaid | Enforcement::Observe, _) => (order.expected, Amounts::default()),
    }
}

fn refuses(mode: Enforcement, standing: &Standing, wanted: i64, free: bool) -> bool {
    let Standing { used, held, .. } = standing;
    let allowed = standing.allowed();
    match mode {
        Enforcement::Observe => false,
        _ if allowed == 0 => true,
        _ if free => false,
        Enforcement::Postpaid => *used >= allowed,
        Enforcement::Strict | Enforcement::Balanced => {
            used.saturating_add(*held).saturating_add(wanted) > allowed
        }
    }
}
