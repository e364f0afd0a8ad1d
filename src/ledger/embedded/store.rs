//! The embedded ledger's store: one redb file with accounts, holds, marks, events, and the same for
//! credentials.
//!
//! Invariant: a commit is one transaction; it covers the log up to the sequence number that it
//! writes, so replaying the log from there gives the state exactly.

use super::super::OpenError;
use super::super::account::{AccountState, Totals};
use super::super::attempts::{AttemptMark, Attempts, Day, DayKey, OpenAttempt};
use super::super::audit::AuditEntry;
use super::super::book::{Book, Hold};
use super::super::once::{Once, OnceKey};
use super::super::order::UsageEvent;
use super::super::rollup::Kept;
use super::super::settling::Mark;
use super::audit;
use super::dirty::EventChange;
use super::rollups::{Summed, take_out, write_sums};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId};
use crate::limit::Calendar;
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

pub(super) type Bytes = &'static [u8];
const ACCOUNTS: TableDefinition<&str, Bytes> = TableDefinition::new("accounts");
const HOLDS: TableDefinition<&str, Bytes> = TableDefinition::new("holds");
const MARKS: TableDefinition<&str, Bytes> = TableDefinition::new("marks");
const ONCE: TableDefinition<&str, Bytes> = TableDefinition::new("once");
pub(super) const EVENTS: TableDefinition<u64, Bytes> = TableDefinition::new("events");
const EVENT_IDS: TableDefinition<&str, u64> = TableDefinition::new("event_ids");
const CREDENTIALS: TableDefinition<&str, Bytes> = TableDefinition::new("credentials");
const ATTEMPTS: TableDefinition<&str, Bytes> = TableDefinition::new("attempts");
const ATTEMPT_MARKS: TableDefinition<&str, Bytes> = TableDefinition::new("attempt_marks");
const DAYS: TableDefinition<&str, Bytes> = TableDefinition::new("credential_days");
pub(super) const META: TableDefinition<&str, Bytes> = TableDefinition::new("meta");
pub(super) const SCHEMA: u32 = 1;
const PRUNED_AT_ONCE: usize = 500;

/// A failure of the store, as text.
pub type StoreError = String;

/// The file.
#[derive(Debug)]
pub struct Store {
    pub(super) db: Database,
}

/// What one commit writes: key, and the value or nothing.
#[derive(Debug, Default)]
pub struct Batch {
    pub accounts: Vec<(AccountId, Option<AccountState>)>,
    pub holds: Vec<(CallId, Option<Hold>)>,
    pub marks: Vec<(CallId, Option<(UnixMs, Mark)>)>,
    pub once: Vec<(OnceKey, Option<(UnixMs, Once)>)>,
    pub events: Vec<EventChange>,
    /// What is added to the sums.
    pub sums: Summed,
    /// Whose days they are.
    pub calendar: Calendar,
    /// For how long they are kept, from `now` back.
    pub kept: Kept,
    pub now: UnixMs,
    pub audit: Vec<AuditEntry>,
    pub attempts: Vec<(CallId, Option<OpenAttempt>)>,
    pub attempt_marks: Vec<(CallId, Option<(UnixMs, AttemptMark)>)>,
    pub days: Vec<(DayKey, Option<Day>)>,
    pub deleted: Totals,
    /// The log is covered up to this record.
    pub seq: u64,
    /// How many posts there ever were when it was gathered.
    pub posts: usize,
    /// Events settled before this time are dropped.
    pub drop_before: UnixMs,
}

/// Facts about the whole store.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Meta {
    schema: u32,
    /// The last record of the log that is covered.
    pub seq: u64,
    /// Totals of deleted workspaces.
    pub deleted: Totals,
    /// How many requests the events stand for that were dropped because of their age.
    pub dropped: i64,
    /// The cost of the dropped events in nano-dollars.
    pub dropped_cost: i64,
    /// The events are in the sums. The version before knows of none, and leaves this out.
    #[serde(default)]
    pub summed: bool,
    /// How many migrations it has had. The version before knows of none, and leaves this out.
    #[serde(default)]
    pub migration: usize,
}

impl Store {
    /// Opens or creates the store of a directory.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("ledger.redb");
        let db = Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError(format!(
                "{} is in use by another process; stop it, or give this one another data_dir",
                path.display()
            )),
            error => OpenError(format!("cannot open {}: {error}", path.display())),
        })?;
        let store = Self { db };
        let fail =
            |error: StoreError| OpenError(format!("cannot read {}: {error}", path.display()));
        let schema = store.prepare().map_err(fail)?;
        if schema != SCHEMA {
            return Err(OpenError(format!(
                "{} has schema {schema}, this version knows {SCHEMA}; use the version that wrote it",
                path.display()
            )));
        }
        Ok(store)
    }

    fn prepare(&self) -> Result<u32, StoreError> {
        let write = self.db.begin_write().map_err(text)?;
        let attempts = [CREDENTIALS, ATTEMPTS, ATTEMPT_MARKS, DAYS];
        for table in [ACCOUNTS, HOLDS, MARKS, ONCE, META].into_iter().chain(attempts) {
            write.open_table(table).map_err(text)?;
        }
        write.open_table(EVENTS).map_err(text)?;
        write.open_table(EVENT_IDS).map_err(text)?;
        audit::prepare(&write)?;
        Self::prepare_records(&write)?;
        Self::prepare_outbox(&write)?;
        Self::prepare_sums(&write)?;
        let meta = {
            let mut table = write.open_table(META).map_err(text)?;
            let stored = table.get("meta").map_err(text)?.map(|v| v.value().to_vec());
            match stored {
                Some(bytes) => serde_json::from_slice(&bytes).map_err(text)?,
                None => {
                    let meta = Meta { schema: SCHEMA, ..Meta::default() };
                    let bytes = serde_json::to_vec(&meta).map_err(text)?;
                    table.insert("meta", bytes.as_slice()).map_err(text)?;
                    meta
                }
            }
        };
        write.commit().map_err(text)?;
        Ok(meta.schema)
    }

    /// One consistent view.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot { read: self.db.begin_read().map_err(text)? })
    }

    /// Whether a call has an event.
    pub fn has_event(&self, id: &CallId) -> Result<bool, StoreError> {
        let ids = self.snapshot()?.read.open_table(EVENT_IDS).map_err(text)?;
        Ok(ids.get(id.to_string().as_str()).map_err(text)?.is_some())
    }

    /// Writes a batch durably.
    pub fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let write = self.db.begin_write().map_err(text)?;
        // The version before does not know of credentials, and reads all accounts.
        let is_credential = |entry: &&(AccountId, _)| entry.0.kind == AccountKind::Credential;
        let of_credentials = batch.accounts.iter().filter(is_credential);
        put_all(&write, CREDENTIALS, of_credentials)?;
        put_all(&write, ACCOUNTS, batch.accounts.iter().filter(|entry| !is_credential(entry)))?;
        put_all(&write, ATTEMPTS, &batch.attempts)?;
        put_all(&write, ATTEMPT_MARKS, &batch.attempt_marks)?;
        put_all(&write, DAYS, &batch.days)?;
        put_all(&write, HOLDS, &batch.holds)?;
        put_all(&write, MARKS, &batch.marks)?;
        put_all(&write, ONCE, &batch.once)?;
        let mut meta = read_meta(&write.open_table(META).map_err(text)?)?;
        write_sums(&write, batch)?;
        write_events(&write, batch, &mut meta)?;
        audit::append(&write, &batch.audit)?;
        meta.seq = batch.seq;
        meta.deleted = batch.deleted;
        let bytes = serde_json::to_vec(&meta).map_err(text)?;
        write.open_table(META).map_err(text)?.insert("meta", bytes.as_slice()).map_err(text)?;
        write.commit().map_err(text)
    }
}

/// One consistent view of the store.
pub struct Snapshot {
    pub(super) read: ReadTransaction,
}

impl Snapshot {
    /// Facts about the whole store.
    pub fn meta(&self) -> Result<Meta, StoreError> {
        read_meta(&self.read.open_table(META).map_err(text)?)
    }

    /// Accounts, holds, marks and keys.
    pub fn book(&self) -> Result<Book, StoreError> {
        let mut book = Book { deleted: self.meta()?.deleted, ..Book::default() };
        for table in [ACCOUNTS, CREDENTIALS] {
            for state in self.all::<AccountState>(table)? {
                book.accounts.insert(state.id.clone(), state);
            }
        }
        for hold in self.all::<Hold>(HOLDS)? {
            book.holds.insert(hold.id, hold);
        }
        let mut marks = self.all::<(CallId, UnixMs, Mark)>(MARKS)?;
        marks.sort_by_key(|(_, at, _)| *at);
        for (id, at, mark) in marks {
            book.mark(id, mark, at);
        }
        let mut keys = self.all::<(OnceKey, UnixMs, Once)>(ONCE)?;
        keys.sort_by_key(|(_, at, _)| *at);
        for (key, at, once) in keys {
            book.note_once(key, once, at);
        }
        self.attempts(&mut book.attempts)?;
        Ok(book)
    }

    fn attempts(&self, into: &mut Attempts) -> Result<(), StoreError> {
        for open in self.all::<OpenAttempt>(ATTEMPTS)? {
            into.open.insert(open.id, open);
        }
        let mut marks = self.all::<(CallId, UnixMs, AttemptMark)>(ATTEMPT_MARKS)?;
        marks.sort_by_key(|(_, at, _)| *at);
        for (id, at, mark) in marks {
            into.remember(id, at, mark);
        }
        into.days.extend(self.all::<(DayKey, Day)>(DAYS)?);
        Ok(())
    }

    /// The event of a call.
    pub fn event(&self, id: &CallId) -> Result<Option<UsageEvent>, StoreError> {
        let ids = self.read.open_table(EVENT_IDS).map_err(text)?;
        let Some(number) = ids.get(id.to_string().as_str()).map_err(text)? else {
            return Ok(None);
        };
        let events = self.read.open_table(EVENTS).map_err(text)?;
        let stored = events.get(number.value()).map_err(text)?;
        stored.map(|stored| serde_json::from_slice(stored.value()).map_err(text)).transpose()
    }

    /// A number that all events are below that were settled before a moment, as long as no event
    /// follows one of this moment or later.
    pub fn events_before(&self, at: UnixMs) -> Result<u64, StoreError> {
        let events = self.read.open_table(EVENTS).map_err(text)?;
        let last = events.last().map_err(text)?.map_or(0, |(number, _)| number.value());
        let (mut low, mut high) = (0, last.saturating_add(1));
        while low < high {
            let middle = low.midpoint(high);
            let found = events.range(middle..high).map_err(text)?.next().transpose();
            let Some((number, stored)) = found.map_err(text)? else {
                high = middle;
                continue;
            };
            let event: UsageEvent = serde_json::from_slice(stored.value()).map_err(text)?;
            if event.settled < at {
                low = number.value().saturating_add(1);
            } else {
                high = middle;
            }
        }
        Ok(high)
    }

    /// Shows events below a number, newest first, until `visit` says stop.
    pub fn events(
        &self,
        below: u64,
        mut visit: impl FnMut(u64, UsageEvent) -> bool,
    ) -> Result<(), StoreError> {
        let events = self.read.open_table(EVENTS).map_err(text)?;
        for entry in events.range(..below).map_err(text)?.rev() {
            let (number, stored) = entry.map_err(text)?;
            let event = serde_json::from_slice(stored.value()).map_err(text)?;
            if !visit(number.value(), event) {
                break;
            }
        }
        Ok(())
    }

    /// Shows changes below a number, newest first, until `visit` says stop.
    pub fn audit(
        &self,
        below: u64,
        visit: impl FnMut(u64, AuditEntry) -> bool,
    ) -> Result<(), StoreError> {
        audit::read(&self.read, below, visit)
    }

    fn all<T: for<'de> Deserialize<'de>>(
        &self,
        table: TableDefinition<&str, Bytes>,
    ) -> Result<Vec<T>, StoreError> {
        let table = self.read.open_table(table).map_err(text)?;
        let mut found = Vec::new();
        for entry in table.iter().map_err(text)? {
            let (key, stored) = entry.map_err(text)?;
            let value = serde_json::from_slice(stored.value());
            found.push(value.map_err(|error| format!("`{}` is damaged: {error}", key.value()))?);
        }
        Ok(found)
    }
}

/// Facts about the whole store.
pub(super) fn read_meta(
    table: &impl ReadableTable<&'static str, Bytes>,
) -> Result<Meta, StoreError> {
    let stored = table.get("meta").map_err(text)?;
    stored.map_or(Ok(Meta::default()), |v| serde_json::from_slice(v.value()).map_err(text))
}

fn put_all<'a, K: ToString + 'a, V: Stored<K> + 'a>(
    write: &WriteTransaction,
    table: TableDefinition<&str, Bytes>,
    entries: impl IntoIterator<Item = &'a (K, Option<V>)>,
) -> Result<(), StoreError> {
    let mut table = write.open_table(table).map_err(text)?;
    for (key, value) in entries {
        let name = key.to_string();
        match value {
            Some(value) => {
                let bytes = value.stored(key)?;
                table.insert(name.as_str(), bytes.as_slice()).map_err(text)?;
            }
            None => {
                table.remove(name.as_str()).map_err(text)?;
            }
        }
    }
    Ok(())
}

/// A value with its stored form.
trait Stored<K> {
    fn stored(&self, key: &K) -> Result<Vec<u8>, StoreError>;
}

impl Stored<AccountId> for AccountState {
    fn stored(&self, _: &AccountId) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(text)
    }
}

impl Stored<CallId> for Hold {
    fn stored(&self, _: &CallId) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(text)
    }
}

impl Stored<CallId> for OpenAttempt {
    fn stored(&self, _: &CallId) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(text)
    }
}

impl Stored<CallId> for (UnixMs, AttemptMark) {
    fn stored(&self, key: &CallId) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&(key, self.0, &self.1)).map_err(text)
    }
}

impl Stored<DayKey> for Day {
    fn stored(&self, key: &DayKey) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&(key, self)).map_err(text)
    }
}

impl Stored<CallId> for (UnixMs, Mark) {
    fn stored(&self, key: &CallId) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&(key, self.0, &self.1)).map_err(text)
    }
}

impl Stored<OnceKey> for (UnixMs, Once) {
    fn stored(&self, key: &OnceKey) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&(key, self.0, &self.1)).map_err(text)
    }
}

fn write_events(
    write: &WriteTransaction,
    batch: &Batch,
    meta: &mut Meta,
) -> Result<(), StoreError> {
    let mut events = write.open_table(EVENTS).map_err(text)?;
    let mut ids = write.open_table(EVENT_IDS).map_err(text)?;
    let last = events.last().map_err(text)?.map_or(0, |(number, _)| number.value());
    let mut next = last.saturating_add(1);
    for change in &batch.events {
        let name = change.id.to_string();
        if let Some(cost) = change.erased {
            let old = ids.remove(name.as_str()).map_err(text)?.map(|number| number.value());
            match old {
                Some(old) => {
                    let old = events.remove(old).map_err(text)?.map(|old| old.value().to_vec());
                    if let Some(old) = old.filter(|_| change.taken_out) {
                        take_out(write, &old, &batch.calendar)?;
                    }
                }
                // It was dropped because of its age; what replaces it counts anew.
                None => {
                    meta.dropped = meta.dropped.saturating_sub(1);
                    meta.dropped_cost = meta.dropped_cost.saturating_sub(cost.get());
                }
            }
        }
        if let Some(event) = &change.text {
            events.insert(next, event.get().as_bytes()).map_err(text)?;
            ids.insert(name.as_str(), next).map_err(text)?;
            next = next.saturating_add(1);
        }
    }
    for _ in 0..PRUNED_AT_ONCE {
        let Some(oldest) = oldest_event(&events)? else { break };
        if oldest.1.settled >= batch.drop_before {
            break;
        }
        events.remove(oldest.0).map_err(text)?;
        ids.remove(oldest.1.id.to_string().as_str()).map_err(text)?;
        meta.dropped = meta.dropped.saturating_add(oldest.1.requests);
        meta.dropped_cost = meta.dropped_cost.saturating_add(oldest.1.cost.get());
    }
    Ok(())
}

fn oldest_event(
    events: &impl ReadableTable<u64, Bytes>,
) -> Result<Option<(u64, UsageEvent)>, StoreError> {
    let Some((number, stored)) = events.first().map_err(text)? else { return Ok(None) };
    let event = serde_json::from_slice(stored.value()).map_err(text)?;
    Ok(Some((number.value(), event)))
}

/// An error as text.
pub(super) fn text(error: impl std::fmt::Display) -> StoreError {
    error.to_string()
}
