//! What the store has yet to write, and which holds it has.
//!
//! Most holds come and go between two commits, and most marks are those of posts, which their
//! events stand for; neither ever reaches the store.
//!
//! Invariant: a hold that the store may have and that is gone from the book is in here until the
//! store has removed it.

use super::super::book::Book;
use super::super::once::OnceKey;
use super::super::order::{Payers, Settlement};
use super::store::Batch;
use crate::ids::{AccountId, CallId};
use crate::money::NanoUsd;
use foldhash::HashSet;
use serde_json::value::RawValue;

/// See the module.
#[derive(Debug, Default)]
pub struct Dirty {
    pub accounts: HashSet<AccountId>,
    pub holds: HashSet<CallId>,
    pub marks: HashSet<CallId>,
    pub once: HashSet<OnceKey>,
    pub events: Vec<EventChange>,
    /// Holds that the store may have.
    stored_holds: HashSet<CallId>,
}

/// What becomes of the event of a call.
#[derive(Debug)]
pub struct EventChange {
    pub id: CallId,
    /// The event to be added as JSON.
    pub text: Option<Box<RawValue>>,
    /// One of the same call goes, which cost this.
    pub erased: Option<NanoUsd>,
}

impl Dirty {
    /// Nothing is dirty; the store has this book.
    pub fn none(book: &Book) -> Self {
        Self { stored_holds: book.holds.keys().copied().collect(), ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.holds.is_empty()
            && self.marks.is_empty()
            && self.once.is_empty()
            && self.events.is_empty()
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

    /// A hold is new or changed.
    pub fn held(&mut self, id: CallId) {
        self.holds.insert(id);
    }

    /// A hold is gone.
    pub fn ended(&mut self, id: CallId) {
        if self.stored_holds.contains(&id) {
            self.holds.insert(id);
        } else {
            self.holds.remove(&id);
        }
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
    pub fn take(&mut self, book: &Book) -> Self {
        let taken = Self {
            accounts: std::mem::take(&mut self.accounts),
            holds: std::mem::take(&mut self.holds),
            marks: std::mem::take(&mut self.marks),
            once: std::mem::take(&mut self.once),
            events: std::mem::take(&mut self.events),
            ..Self::default()
        };
        self.stored_holds.extend(taken.holds.iter().filter(|id| book.holds.contains_key(id)));
        taken
    }

    /// The store has written a batch.
    pub fn written(&mut self, batch: &Batch) {
        for (id, _) in batch.holds.iter().filter(|(_, hold)| hold.is_none()) {
            self.stored_holds.remove(id);
        }
    }

    /// Notes again what could not be written.
    pub fn restore(&mut self, batch: Batch) {
        self.accounts.extend(batch.accounts.into_iter().map(|(id, _)| id));
        self.holds.extend(batch.holds.into_iter().map(|(id, _)| id));
        self.marks.extend(batch.marks.into_iter().map(|(id, _)| id));
        self.once.extend(batch.once.into_iter().map(|(key, _)| key));
        let newer = std::mem::replace(&mut self.events, batch.events);
        self.events.extend(newer);
    }
}
