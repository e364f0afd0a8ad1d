//! The records of the embedded ledger's log, and what they do to a book.
//!
//! Invariant: an entry decides nothing. It holds what was decided, so that replaying it after a
//! crash, also under another configuration, gives the state that was there.

use super::super::account::AccountState;
use super::super::book::{Book, Hold};
use super::super::moment::Moment;
use super::super::order::{Amounts, Settlement};
use super::super::settling::Settled;
use super::store::Batch;
use crate::clock::UnixMs;
use crate::ids::{AccountId, CallId};
use crate::limit::Thresholds;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// One change of the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Entry {
    Hold { now: UnixMs, lease_end: UnixMs, hold: Box<Hold> },
    Settle { now: UnixMs, settlement: Settlement },
    Renew { now: UnixMs, lease_end: UnixMs, ids: Vec<CallId> },
    Expire { now: UnixMs, id: CallId, charge: Amounts },
    Put { now: UnixMs, state: Box<AccountState> },
    Delete { now: UnixMs, id: AccountId },
}

/// What the store has to write again.
#[derive(Debug, Default)]
pub struct Dirty {
    pub accounts: HashSet<AccountId>,
    pub holds: HashSet<CallId>,
    pub marks: HashSet<CallId>,
    /// Events to be added, with whether one of the same call goes; `None`: only that.
    pub events: Vec<(CallId, Option<Vec<u8>>, bool)>,
}

impl Dirty {
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.holds.is_empty()
            && self.marks.is_empty()
            && self.events.is_empty()
    }
}

impl Dirty {
    /// Notes again what could not be written.
    pub fn restore(&mut self, batch: Batch) {
        self.accounts.extend(batch.accounts.into_iter().map(|(id, _)| id));
        self.holds.extend(batch.holds.into_iter().map(|(id, _)| id));
        self.marks.extend(batch.marks.into_iter().map(|(id, _)| id));
        let newer = std::mem::replace(&mut self.events, batch.events);
        self.events.extend(newer);
    }
}

impl Entry {
    /// When it happened.
    pub fn now(&self) -> UnixMs {
        match self {
            Self::Hold { now, .. }
            | Self::Settle { now, .. }
            | Self::Renew { now, .. }
            | Self::Expire { now, .. }
            | Self::Put { now, .. }
            | Self::Delete { now, .. } => *now,
        }
    }

    /// Changes the book and notes what became dirty.
    pub fn apply(
        self,
        book: &mut Book,
        dirty: &mut Dirty,
        moment: &Moment,
        thresholds: &Thresholds,
    ) -> Settled {
        match self {
            Self::Hold { lease_end, hold, .. } => {
                dirty.accounts.extend(hold.payers.accounts());
                dirty.holds.insert(hold.id);
                book.place(*hold, lease_end, moment);
            }
            Self::Renew { lease_end, ids, .. } => {
                dirty.holds.extend(ids.into_iter().filter(|id| book.renew(id, lease_end)));
            }
            Self::Settle { settlement, .. } => {
                let id = settlement.id();
                dirty.accounts.extend(settlement.payers().accounts());
                dirty.marks.insert(id);
                let settled = book.settle(settlement, moment, thresholds);
                return note(dirty, id, settled);
            }
            Self::Expire { id, charge, .. } => {
                if let Some(hold) = book.holds.get(&id) {
                    dirty.accounts.extend(hold.payers.accounts());
                }
                dirty.marks.insert(id);
                let settled = book.expire(id, charge, moment, thresholds);
                return note(dirty, id, settled);
            }
            Self::Put { state, .. } => {
                dirty.accounts.insert(state.id.clone());
                book.accounts.insert(state.id.clone(), *state);
            }
            Self::Delete { id, .. } => {
                if let Some(parent) = book.accounts.get(&id).and_then(|s| s.workspace.as_ref()) {
                    dirty.accounts.insert(AccountId::workspace(parent));
                }
                if let Some(facts) = book.accounts.get(&id).and_then(|s| s.key.as_ref()) {
                    dirty.accounts.insert(AccountId::user(&facts.user));
                }
                dirty.accounts.extend(book.remove(&id));
                dirty.holds.extend(book.holds.keys());
            }
        }
        Settled::default()
    }
}

fn note(dirty: &mut Dirty, id: CallId, settled: Settled) -> Settled {
    dirty.holds.insert(id);
    let stored = settled.event.as_ref().and_then(|event| serde_json::to_vec(event).ok());
    if stored.is_some() || settled.erased {
        dirty.events.push((id, stored, settled.erased));
    }
    settled
}
