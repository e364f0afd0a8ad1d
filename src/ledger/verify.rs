//! The invariants of a ledger, checked on a copy of its state. Pure; both back ends use it.

use super::account::{AccountState, Share, Totals};
use super::attempts::{Day, OpenAttempt};
use super::book::Hold;
use super::order::{Amounts, Enforcement};
use super::registry::Verification;
use super::slot::Slot;
use super::sums::SumRow;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, Id};
use crate::limit::{Meter, Period};
use std::collections::{BTreeMap, BTreeSet};

/// What is looked at.
pub struct Evidence<'a> {
    pub accounts: &'a BTreeMap<AccountId, AccountState>,
    pub holds: Vec<&'a Hold>,
    pub attempts: Vec<&'a OpenAttempt>,
    /// The sums of the days of credentials.
    pub days: BTreeMap<&'a Id, DaySum>,
    /// No day of a credential that was created then, or later, was dropped yet.
    pub days_since: UnixMs,
    /// Totals of deleted workspaces.
    pub deleted: Totals,
    /// Number and sum in nano-dollars of the events, if none was dropped yet.
    pub events: Option<(i64, i64)>,
    /// What calls came to on each day, by their events and by their sums.
    pub by_day: ByDay,
    pub default_enforcement: Enforcement,
}

/// Requests and nano-dollars of days.
#[derive(Debug, Default)]
pub struct ByDay {
    pub events: BTreeMap<Period, (i64, i64)>,
    pub sums: BTreeMap<Period, (i64, i64)>,
    /// Of days after this one all events and all sums are kept.
    pub after: Period,
}

impl ByDay {
    /// Adds an event of a day.
    pub fn event(&mut self, day: Period, (requests, cost): (i64, i64)) {
        let (calls, sum) = self.events.entry(day).or_default();
        *calls = calls.saturating_add(requests);
        *sum = sum.saturating_add(cost);
    }

    /// Takes in sums that are kept apart by the period alone.
    pub fn sums(&mut self, rows: Vec<SumRow>) {
        let day = |row: &SumRow| row.names.first()?.parse().ok();
        let figures = |row: &SumRow| (row.sum.requests, row.sum.cost.get());
        self.sums = rows.iter().filter_map(|row| Some((day(row)?, figures(row)))).collect();
    }

    fn differences(&self) -> impl Iterator<Item = String> + '_ {
        let days: BTreeSet<Period> = self.events.keys().chain(self.sums.keys()).copied().collect();
        days.into_iter().filter(|day| *day > self.after).filter_map(|day| {
            let of = |all: &BTreeMap<_, _>| all.get(&day).copied().unwrap_or((0, 0));
            let ((calls, cost), (summed, sum)) = (of(&self.events), of(&self.sums));
            ((calls, cost) != (summed, sum)).then(|| {
                format!(
                    "I1: {calls} requests of {day} cost {cost} nano-dollars together, the sums of \
                     that day are {summed} and {sum}"
                )
            })
        })
    }
}

/// What the days of a credential add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DaySum {
    pub totals: Totals,
    pub failed: i64,
}

/// Adds days up by credential.
pub fn day_sums<'a>(days: impl IntoIterator<Item = (&'a Id, &'a Day)>) -> BTreeMap<&'a Id, DaySum> {
    let mut sums: BTreeMap<&Id, DaySum> = BTreeMap::new();
    for (credential, day) in days {
        let sum = sums.entry(credential).or_default();
        sum.totals.add(Totals { usd: day.cost, tokens: day.tokens, requests: day.requests });
        sum.failed = sum.failed.saturating_add(day.failed);
    }
    sums
}

/// Checks I1 to I6 of the ledger's promises.
pub fn verify(evidence: &Evidence<'_>) -> Verification {
    let mut violations = Vec::new();
    let accounts = evidence.accounts;
    let held = sum_holds(evidence);
    let children = sum_children(accounts);
    for (id, state) in accounts {
        let (amounts, open) = held.get(id).copied().unwrap_or_default();
        if (state.held, state.open) != (amounts, open) {
            violations.push(format!(
                "I2: {id} holds {:?} for {} calls, its open holds are {amounts:?} for {open}",
                state.held, state.open
            ));
        }
        let mut below = state.deleted;
        below.add(children.get(id).copied().unwrap_or_default());
        let parent = matches!(id.kind, AccountKind::User | AccountKind::Workspace);
        if parent && state.totals != below {
            violations.push(format!(
                "I5: {id} was charged {:?}, what is below it {below:?}",
                state.totals
            ));
        }
        violations.extend(days(state, evidence));
        violations.extend(apart(state, evidence));
        violations.extend(negative(state));
        violations.extend(overspent(state, evidence.default_enforcement));
    }
    violations.extend(events(evidence));
    violations.extend(evidence.by_day.differences());
    let checked = accounts.len().saturating_add(evidence.holds.len());
    let events = evidence.events.map_or(0, |(count, _)| u64::try_from(count).unwrap_or(0));
    let checked = u64::try_from(checked).unwrap_or(u64::MAX).saturating_add(events);
    Verification { checked, violations }
}

fn sum_holds(evidence: &Evidence<'_>) -> BTreeMap<AccountId, (Amounts, i64)> {
    let mut sums: BTreeMap<AccountId, (Amounts, i64)> = BTreeMap::new();
    for (id, share) in shares(evidence) {
        let sum = sums.entry(id).or_default();
        *sum = (sum.0.plus(share.held), sum.1.saturating_add(1));
    }
    sums
}

/// What every open hold set aside, of calls and of attempts, and on which account.
fn shares<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = (AccountId, &'a Share)> {
    let of_call = |hold: &'a &Hold| hold.payers.accounts().into_iter().zip(&hold.shares);
    let of_attempt =
        |open: &'a &OpenAttempt| (AccountId::credential(&open.credential), &open.share);
    let calls = evidence.holds.iter().flat_map(of_call);
    calls.chain(evidence.attempts.iter().map(of_attempt)).filter(|(_, share)| share.joined)
}

/// The figures of its days make up what a credential was ever used for.
fn days(state: &AccountState, evidence: &Evidence<'_>) -> Option<String> {
    if state.id.kind != AccountKind::Credential || state.created < evidence.days_since {
        return None;
    }
    let sum = evidence.days.get(&state.id.id).copied().unwrap_or_default();
    let ever = DaySum { totals: state.totals, failed: state.credential.failed };
    (sum != ever).then(|| format!("I5: {} was used for {ever:?}, on its days {sum:?}", state.id))
}

fn sum_children(accounts: &BTreeMap<AccountId, AccountState>) -> BTreeMap<AccountId, Totals> {
    let mut sums: BTreeMap<AccountId, Totals> = BTreeMap::new();
    for state in accounts.values() {
        let parent = match (&state.key, &state.workspace) {
            (Some(facts), _) => AccountId::user(&facts.user),
            (None, Some(workspace)) => AccountId::workspace(workspace),
            (None, None) => continue,
        };
        sums.entry(parent).or_default().add(state.totals.without(state.elsewhere));
    }
    sums
}

/// What slots hold apart is the sum of the holds that they hold.
fn apart(state: &AccountState, evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for counter in state.counters.iter().filter(|c| c.slot.holds_apart()) {
        let holding = |(id, share): &(AccountId, &Share)| {
            *id == state.id && share.apart.contains(&counter.slot)
        };
        let sum = shares(evidence)
            .filter(holding)
            .fold(0_i64, |sum, (_, share)| sum.saturating_add(share.held.of(counter.slot.meter)));
        if counter.held != sum {
            let (id, slot, held) = (&state.id, counter.slot, counter.held);
            found.push(format!("I2: {id} holds {held} of {slot}, its open holds are {sum}"));
        }
    }
    found
}

fn negative(state: &AccountState) -> Vec<String> {
    let mut fields = vec![
        ("usd.held".to_owned(), state.held.usd.get()),
        ("tokens.held".to_owned(), state.held.tokens),
        ("characters.held".to_owned(), state.held.characters),
        ("usd.total".to_owned(), state.totals.usd),
        ("tokens.total".to_owned(), state.totals.tokens),
        ("requests.total".to_owned(), state.totals.requests),
        ("requests.failed".to_owned(), state.credential.failed),
    ];
    fields.extend(state.counters.iter().map(|c| (format!("{}.used", c.slot), c.used)));
    fields.extend(state.counters.iter().map(|c| (format!("{}.carried", c.slot), c.carried)));
    fields.extend(state.counters.iter().map(|c| (format!("{}.held", c.slot), c.held)));
    let below_zero = fields.into_iter().filter(|(_, n)| *n < 0);
    below_zero.map(|(name, n)| format!("I6: {} has {name} {n}", state.id)).collect()
}

fn overspent(state: &AccountState, default: Enforcement) -> Vec<String> {
    let mut found = Vec::new();
    if state.mode(default) != Enforcement::Strict {
        return found;
    }
    for limit in state.limits.iter().filter(|limit| limit.meter == Meter::Usd) {
        let slot = Slot::of(limit);
        let Some(counter) = state.counters.iter().find(|c| c.slot == slot) else { continue };
        let Some(admitted) = counter.admitted else { continue };
        let bound = admitted.saturating_add(state.debt);
        let held = if slot.holds_apart() { counter.held } else { state.held.usd.get() };
        let owed = counter.used.saturating_add(held);
        if owed > bound {
            found.push(format!(
                "I3: {} has {owed} nano-dollars of {slot} used and held; admitted under \
                 {admitted}, debt {}",
                state.id, state.debt
            ));
        }
    }
    found
}

fn events(evidence: &Evidence<'_>) -> Option<String> {
    let (count, cost) = evidence.events?;
    let mut total = evidence.deleted;
    for state in evidence.accounts.values().filter(|s| s.id.kind == AccountKind::Workspace) {
        total.add(state.totals);
    }
    (total.requests != count || total.usd != cost).then(|| {
        format!(
            "I1: {count} events cost {cost} nano-dollars together, {} calls were charged {}",
            total.requests, total.usd
        )
    })
}
