//! What the store has yet to write, and which holds it has.
//!
//! Most holds come and go between two commits, and most marks are those of posts, which their
//! events stand for; neither ever reaches the store.
//!
//! Invariant: a hold that the store may have and that is gone from the book is in here until the
//! store has removed it.

use super::super::attempts::DayKey;
use super::super::audit::AuditEntry;
use super::super::book::Book;
use super::super::once::OnceKey;
use super::super::order::{Payers, Settlement};
use super::rollups::Summed;
use super::store::Batch;
use crate::ids::{AccountId, CallId};
use crate::money::NanoUsd;
use foldhash::HashSet;
use serde_json::value::RawValue;

/// See the module.
#[derive(Debug, Default)]
pub struct Dirty {
    pub accounts: HashSet<AccountId>,
    pub holds: Fleeting,
    pub marks: HashSet<CallId>,
    pub once: HashSet<OnceKey>,
    pub events: Vec<EventChange>,
    pub sums: Summed,
    pub attempts: Fleeting,
    pub attempt_marks: HashSet<CallId>,
    pub days: HashSet<DayKey>,
    pub audit: Vec<AuditEntry>,
}

/// Holds that are dirty, and those that the store may have.
#[derive(Debug, Default)]
pub struct Fleeting {
    dirty: HashSet<CallId>,
    stored: HashSet<CallId>,
}

impl Fleeting {
    fn stored(ids: impl Iterator<Item = CallId>) -> Self {
        Self { dirty: HashSet::default(), stored: ids.collect() }
    }

    /// One is new or changed.
    pub fn held(&mut self, id: CallId) {
        self.dirty.insert(id);
    }

    /// One is gone.
    pub fn ended(&mut self, id: CallId) {
        if self.stored.contains(&id) {
            self.dirty.insert(id);
        } else {
            self.dirty.remove(&id);
        }
    }

    /// Takes those to be written.
    fn take(&mut self, open: impl Fn(&CallId) -> bool) -> HashSet<CallId> {
        let taken = std::mem::take(&mut self.dirty);
        self.stored.extend(taken.iter().filter(|id| open(id)));
        taken
    }

    /// The store has written these.
    fn written<T>(&mut self, holds: &[(CallId, Option<T>)]) {
        for (id, _) in holds.iter().filter(|(_, hold)| hold.is_none()) {
            self.stored.remove(id);
        }
    }
}

/// What was taken to be written.
#[derive(Debug)]
pub struct Taken {
    pub accounts: HashSet<AccountId>,
    pub holds: HashSet<CallId>,
    pub marks: HashSet<CallId>,
    pub once: HashSet<OnceKey>,
    pub events: Vec<EventChange>,
    pub sums: Summed,
    pub attempts: HashSet<CallId>,
    pub attempt_marks: HashSet<CallId>,
    pub days: HashSet<DayKey>,
    pub audit: Vec<AuditEntry>,
}

/// What becomes of the event of a call.
#[derive(Debug)]
pub struct EventChange {
    pub id: CallId,
    /// The event to be added as JSON.
    pub text: Option<Box<RawValue>>,
    /// One of the same call goes, which cost this.
    pub erased: Option<NanoUsd>,
    /// That one is to be taken out of the sums as it is in the store.
    pub taken_out: bool,
}

impl Dirty {
    /// Nothing is dirty; the store has this book.
    pub fn none(book: &Book) -> Self {
        Self {
            holds: Fleeting::stored(book.holds.keys().copied()),
            attempts: Fleeting::stored(book.attempts.open.keys().copied()),
            ..Self::default()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.holds.dirty.is_empty()
            && self.marks.is_empty()
            && self.once.is_empty()
            && self.events.is_empty()
            && self.attempts.dirty.is_empty()
            && self.attempt_marks.is_empty()
            && self.days.is_empty()
            && self.audit.is_empty()
    }

    /// An account changed.
    pub fn account(&mut self, id: &AccountId) {
        if !self.accounts.contains(id) {
            self.accounts.insert(id.clone());
        }
    }

    /// The accounts of a call changed.
    pub fn accounts(&mut self, payers: &Payers) {
        payers.accounts().iter().for_each(|id| self.account(id));
    }

    /// A mark is new, changed or gone that is not, or was not always, a post's.
    pub fn marked(&mut self, id: CallId) {
        self.marks.insert(id);
    }

    /// The accounts of a settlement, and the key that it is charged once for, may change.
    pub fn settling(&mut self, settlement: &Settlement) {
        match settlement {
            Settlement::Post { event, once, .. } => {
                self.accounts(&event.payers);
                self.once.extend(*once);
            }
            Settlement::Defer { event, once, .. } => {
                self.accounts(&event.payers);
                self.once.insert(*once);
            }
            Settlement::Void { payers, .. } => self.accounts(payers),
            Settlement::Attempt { credential, .. } => {
                self.account(&AccountId::credential(credential));
            }
        }
    }

    /// Takes everything, for a batch of this book to be written.
    pub fn take(&mut self, book: &Book) -> Taken {
        Taken {
            accounts: std::mem::take(&mut self.accounts),
            holds: self.holds.take(|id| book.holds.contains_key(id)),
            marks: std::mem::take(&mut self.marks),
            once: std::mem::take(&mut self.once),
            events: std::mem::take(&mut self.events),
            sums: std::mem::take(&mut self.sums),
            attempts: self.attempts.take(|id| book.attempts.open.contains_key(id)),
            attempt_marks: std::mem::take(&mut self.attempt_marks),
            days: std::mem::take(&mut self.days),
            audit: std::mem::take(&mut self.audit),
        }
    }

    /// The store has written a batch.
    pub fn written(&mut self, batch: &Batch) {
        self.holds.written(&batch.holds);
        self.attempts.written(&batch.attempts);
    }

    /// Notes again what could not be written.
    pub fn restore(&mut self, batch: Batch) {
        self.accounts.extend(batch.accounts.into_iter().map(|(id, _)| id));
        self.holds.dirty.extend(batch.holds.into_iter().map(|(id, _)| id));
        self.marks.extend(batch.marks.into_iter().map(|(id, _)| id));
        self.once.extend(batch.once.into_iter().map(|(key, _)| key));
        self.attempts.dirty.extend(batch.attempts.into_iter().map(|(id, _)| id));
        self.attempt_marks.extend(batch.attempt_marks.into_iter().map(|(id, _)| id));
        self.days.extend(batch.days.into_iter().map(|(key, _)| key));
        self.sums.merge(batch.sums);
        let newer = std::mem::replace(&mut self.events, batch.events);
        self.events.extend(newer);
        let newer = std::mem::replace(&mut self.audit, batch.audit);
        self.audit.extend(newer);
    }
}
