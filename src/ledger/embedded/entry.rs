//! The records of the embedded ledger's log, and what they do to a book.
//!
//! Invariant: an entry decides nothing. It holds what was decided, so that replaying it after a
//! crash, also under another configuration, gives the state that was there.

use super::super::account::AccountState;
use super::super::attempt::AttemptOutcome;
use super::super::attempts::{AttemptMark, DayKey, EVER, OpenAttempt};
use super::super::audit::AuditEntry;
use super::super::book::{Book, Hold};
use super::super::moment::Moment;
use super::super::order::{Amounts, Settlement};
use super::super::settling::{Replaced, Settled};
use super::dirty::{Dirty, EventChange};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::limit::{Thresholds, Window};
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
    Attempt {
        now: UnixMs,
        lease_end: UnixMs,
        attempt: Box<OpenAttempt>,
    },
    ExpireAttempt {
        now: UnixMs,
        id: CallId,
        charge: Amounts,
    },
    Relocate {
        now: UnixMs,
        user: Id,
        workspace: Id,
    },
    Audit {
        now: UnixMs,
        entry: Box<AuditEntry>,
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
            | Self::Delete { now, .. }
            | Self::Attempt { now, .. }
            | Self::ExpireAttempt { now, .. }
            | Self::Relocate { now, .. }
            | Self::Audit { now, .. } => *now,
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
                dirty.holds.held(hold.id);
                book.place(*hold, lease_end, moment);
            }
            Self::Extend { id, more, .. } => extend(id, &more, book, dirty, moment),
            Self::Renew { lease_end, ids, .. } => {
                for id in ids {
                    if book.renew(&id, lease_end) {
                        dirty.holds.held(id);
                    } else if book.attempts.renew(&id, lease_end) {
                        dirty.attempts.held(id);
                    }
                }
            }
            Self::Attempt { lease_end, attempt, .. } => {
                dirty.account(&AccountId::credential(&attempt.credential));
                dirty.attempts.held(attempt.id);
                book.place_attempt(*attempt, lease_end, moment);
            }
            Self::ExpireAttempt { id, charge, .. } => {
                return expire_attempt(id, charge, book, dirty, (moment, thresholds));
            }
            Self::Settle {
                settlement: Settlement::Attempt { id, credential, charge, outcome, model },
                ..
            } => {
                let end = ((id, &credential, model.as_str()), (charge, outcome));
                return end_attempt(end, book, dirty, (moment, thresholds));
            }
            Self::Settle { settlement, .. } => {
                let id = settlement.id();
                let void = matches!(settlement, Settlement::Void { .. });
                dirty.settling(&settlement);
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
            Self::Delete { id, .. } => delete(&id, book, dirty),
            Self::Relocate { user, workspace, .. } => {
                book.relocate(&user, &workspace).iter().for_each(|id| dirty.account(id));
            }
            Self::Audit { entry, .. } => dirty.audit.push(*entry),
        }
        Settled::default()
    }
}

/// Takes an account out, with everything below it.
fn delete(id: &AccountId, book: &mut Book, dirty: &mut Dirty) {
    if let Some(parent) = book.accounts.get(id).and_then(|s| s.workspace.as_ref()) {
        dirty.account(&AccountId::workspace(parent));
    }
    if let Some(facts) = book.accounts.get(id).and_then(|s| s.key.as_ref()) {
        dirty.account(&AccountId::user(&facts.user));
    }
    if id.kind == AccountKind::Credential {
        let days = book.attempts.days_of(&id.id, EVER);
        dirty.days.extend(days.map(|(key, _)| key.clone()));
    }
    book.remove(id).iter().for_each(|id| dirty.account(id));
    book.holds.keys().for_each(|id| dirty.holds.held(*id));
}

fn extend(id: CallId, more: &[Amounts; 3], book: &mut Book, dirty: &mut Dirty, moment: &Moment) {
    if let Some(hold) = book.holds.get(&id) {
        dirty.accounts(&hold.payers);
        dirty.holds.held(id);
    }
    book.extend(id, more, moment);
}

fn note(dirty: &mut Dirty, id: CallId, settled: Settled, text: Option<Box<RawValue>>) -> Settled {
    dirty.holds.ended(id);
    let written = || serde_json::value::to_raw_value(settled.event.as_ref()?).ok();
    let text = text.or_else(written).filter(|_| settled.event.is_some());
    if text.is_some() || settled.erased.is_some() {
        let (erased, taken_out) = (settled.erased, settled.erased.is_some());
        dirty.events.push(EventChange { id, text, erased, taken_out });
    }
    if let Some(event) = &settled.event {
        dirty.sums.add(event);
    }
    if let Some(Replaced { event, provisional }) = &settled.replaced {
        dirty.accounts(&event.payers);
        let text = serde_json::value::to_raw_value(event).ok();
        let (id, erased) = (event.id, Some(provisional.cost));
        dirty.events.push(EventChange { id, text, erased, taken_out: false });
        dirty.sums.add(event);
        dirty.sums.take_out(provisional);
    }
    settled
}

/// Ends an attempt. The end itself is stored only where it may come again when this process is
/// another: where it replaces an expiry, or was reported.
fn end_attempt(
    ((id, credential, model), end): ((CallId, &Id, &str), (Amounts, AttemptOutcome)),
    book: &mut Book,
    dirty: &mut Dirty,
    at: (&Moment, &Thresholds),
) -> Settled {
    let expired = match book.attempts.ended.get(&id) {
        Some((_, AttemptMark::Expired(expired))) => Some(expired.day),
        _ => None,
    };
    let settled = book.end_attempt((id, credential, model), end, at);
    dirty.attempts.ended(id);
    dirty.account(&AccountId::credential(credential));
    let again = expired.is_some() || end.1.is_reported();
    dirty.attempt_marks.extend(again.then_some(id));
    let day = expired.unwrap_or_else(|| at.0.period(Window::Day));
    dirty.days.insert(DayKey { credential: credential.clone(), day });
    settled
}

fn expire_attempt(
    id: CallId,
    charge: Amounts,
    book: &mut Book,
    dirty: &mut Dirty,
    at: (&Moment, &Thresholds),
) -> Settled {
    let Some(credential) = book.attempts.open.get(&id).map(|open| open.credential.clone()) else {
        return Settled::default();
    };
    let settled = book.expire_attempt(id, charge, at);
    dirty.attempts.ended(id);
    dirty.account(&AccountId::credential(&credential));
    dirty.attempt_marks.insert(id);
    dirty.days.insert(DayKey { credential, day: at.0.period(Window::Day) });
    settled
}
