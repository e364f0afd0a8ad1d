//! The records of the embedded ledger's log, and what they do to a book.
//!
//! Invariant: an entry decides nothing. It holds what was decided, so that replaying it after a
//! crash, also under another configuration, gives the state that was there.

use super::super::account::AccountState;
use super::super::book::{Book, Hold};
use super::super::moment::Moment;
use super::super::order::{Amounts, Settlement};
use super::super::settling::{Replaced, Settled};
use super::dirty::{Dirty, EventChange};
use crate::clock::UnixMs;
use crate::ids::{AccountId, CallId};
use crate::limit::Thresholds;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One change of the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Entry {
    Hold {
        now: UnixMs,
        lease_end: UnixMs,
        hold: Box<Hold>,
    },
    /// `more` is what each share grows by.
    Extend {
        now: UnixMs,
        id: CallId,
        more: [Amounts; 3],
    },
    Settle {
        now: UnixMs,
        settlement: Settlement,
    },
    Renew {
        now: UnixMs,
        lease_end: UnixMs,
        ids: Vec<CallId>,
    },
    Expire {
        now: UnixMs,
        id: CallId,
        charge: Amounts,
    },
    Put {
        now: UnixMs,
        state: Box<AccountState>,
    },
    Delete {
        now: UnixMs,
        id: AccountId,
    },
}

/// [`Entry::Settle`] with a post whose event was written already; the same text.
#[derive(Debug, Serialize)]
pub enum PostEntry<'a> {
    Settle { now: UnixMs, settlement: PostText<'a> },
}

/// [`Settlement::Post`] with its event as text.
#[derive(Debug, Serialize)]
pub enum PostText<'a> {
    Post { charge: Amounts, event: &'a RawValue },
}

impl Entry {
    /// When it happened.
    pub fn now(&self) -> UnixMs {
        match self {
            Self::Hold { now, .. }
            | Self::Extend { now, .. }
            | Self::Settle { now, .. }
            | Self::Renew { now, .. }
            | Self::Expire { now, .. }
            | Self::Put { now, .. }
            | Self::Delete { now, .. } => *now,
        }
    }

    /// Changes the book and notes what became dirty. `text` is the event of a post as JSON, where
    /// that was written already.
    pub fn apply(
        self,
        book: &mut Book,
        dirty: &mut Dirty,
        moment: &Moment,
        thresholds: &Thresholds,
        text: Option<Box<RawValue>>,
    ) -> Settled {
        match self {
            Self::Hold { lease_end, hold, .. } => {
                dirty.accounts(&hold.payers);
                dirty.held(hold.id);
                book.place(*hold, lease_end, moment);
            }
            Self::Extend { id, more, .. } => {
                if let Some(hold) = book.holds.get(&id) {
                    dirty.accounts(&hold.payers);
                    dirty.held(id);
                }
                book.extend(id, &more, moment);
            }
            Self::Renew { lease_end, ids, .. } => {
                ids.into_iter()
                    .filter(|id| book.renew(id, lease_end))
                    .for_each(|id| dirty.held(id));
            }
            Self::Settle { settlement, .. } => {
                let id = settlement.id();
                dirty.accounts(settlement.payers());
                let void = matches!(settlement, Settlement::Void { .. });
                dirty.keyed(&settlement);
                let settled = book.settle(settlement, moment, thresholds);
                if void || settled.erased.is_some() {
                    dirty.marked(id);
                }
                return note(dirty, id, settled, text);
            }
            Self::Expire { id, charge, .. } => {
                if let Some(hold) = book.holds.get(&id) {
                    dirty.accounts(&hold.payers);
                }
                dirty.marked(id);
                let settled = book.expire(id, charge, moment, thresholds);
                return note(dirty, id, settled, text);
            }
            Self::Put { state, .. } => {
                dirty.account(&state.id);
                book.accounts.insert(state.id.clone(), *state);
            }
            Self::Delete { id, .. } => {
                if let Some(parent) = book.accounts.get(&id).and_then(|s| s.workspace.as_ref()) {
                    dirty.account(&AccountId::workspace(parent));
                }
                if let Some(facts) = book.accounts.get(&id).and_then(|s| s.key.as_ref()) {
                    dirty.account(&AccountId::user(&facts.user));
                }
                book.remove(&id).iter().for_each(|id| dirty.account(id));
                book.holds.keys().for_each(|id| dirty.held(*id));
            }
        }
        Settled::default()
    }
}

fn note(dirty: &mut Dirty, id: CallId, settled: Settled, text: Option<Box<RawValue>>) -> Settled {
    dirty.ended(id);
    let written = || serde_json::value::to_raw_value(settled.event.as_ref()?).ok();
    let text = text.or_else(written).filter(|_| settled.event.is_some());
    if text.is_some() || settled.erased.is_some() {
        dirty.events.push(EventChange { id, text, erased: settled.erased });
    }
    if let Some(Replaced { event, cost }) = &settled.replaced {
        dirty.accounts(&event.payers);
        let text = serde_json::value::to_raw_value(event).ok();
        dirty.events.push(EventChange { id: event.id, text, erased: Some(*cost) });
    }
    settled
}
