//! The invariants of a ledger, checked on a copy of its state. Pure; both back ends use it.

use super::account::{AccountState, Totals};
use super::book::Hold;
use super::order::{Amounts, Enforcement};
use super::registry::Verification;
use super::slot::Slot;
use crate::ids::{AccountId, AccountKind};
use crate::limit::Meter;
use std::collections::BTreeMap;

/// What is looked at.
pub struct Evidence<'a> {
    pub accounts: &'a BTreeMap<AccountId, AccountState>,
    pub holds: Vec<&'a Hold>,
    /// Totals of deleted workspaces.
    pub deleted: Totals,
    /// Number and sum in nano-dollars of the events, if none was dropped yet.
    pub events: Option<(i64, i64)>,
    pub default_enforcement: Enforcement,
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
        if id.kind != AccountKind::Key && state.totals != below {
            violations.push(format!(
                "I5: {id} was charged {:?}, what is below it {below:?}",
                state.totals
            ));
        }
        violations.extend(apart(state, evidence));
        violations.extend(negative(state));
        violations.extend(overspent(state, evidence.default_enforcement));
    }
    violations.extend(events(evidence));
    let checked = accounts.len().saturating_add(evidence.holds.len());
    let events = evidence.events.map_or(0, |(count, _)| u64::try_from(count).unwrap_or(0));
    let checked = u64::try_from(checked).unwrap_or(u64::MAX).saturating_add(events);
    Verification { checked, violations }
}

fn sum_holds(evidence: &Evidence<'_>) -> BTreeMap<AccountId, (Amounts, i64)> {
    let mut sums: BTreeMap<AccountId, (Amounts, i64)> = BTreeMap::new();
    for hold in &evidence.holds {
        for (id, share) in hold.payers.accounts().into_iter().zip(&hold.shares) {
            if share.joined {
                let sum = sums.entry(id).or_default();
                *sum = (sum.0.plus(share.held), sum.1.saturating_add(1));
            }
        }
    }
    sums
}

fn sum_children(accounts: &BTreeMap<AccountId, AccountState>) -> BTreeMap<AccountId, Totals> {
    let mut sums: BTreeMap<AccountId, Totals> = BTreeMap::new();
    for state in accounts.values() {
        let parent = match (&state.key, &state.workspace) {
            (Some(facts), _) => AccountId::user(&facts.user),
            (None, Some(workspace)) => AccountId::workspace(workspace),
            (None, None) => continue,
        };
        sums.entry(parent).or_default().add(state.totals);
    }
    sums
}

/// What slots hold apart is the sum of the holds that they hold.
fn apart(state: &AccountState, evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for counter in state.counters.iter().filter(|c| c.slot.holds_apart()) {
        let mut sum = 0_i64;
        for hold in &evidence.holds {
            for (id, share) in hold.payers.accounts().iter().zip(&hold.shares) {
                if share.joined && *id == state.id && share.apart.contains(&counter.slot) {
                    sum = sum.saturating_add(share.held.of(counter.slot.meter));
                }
            }
        }
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
