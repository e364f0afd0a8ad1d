//! Records in the embedded ledger's store: a table for each kind, and one of what expires.
//!
//! They need no log: a change is a transaction of its own, durable when it returns. The version
//! before leaves these tables alone.
//!
//! Invariant: an expiry stands in the table of expiries exactly while its record stands in that of
//! its kind.

use super::super::BoxFuture;
use super::super::order::Unavailable;
use super::super::records::{RecordError, RecordKind, Records, When, check, page, page_size};
use super::super::registry::Page;
use super::EmbeddedLedger;
use super::store::{Store, StoreError, text as said};
use crate::clock::UnixMs;
use crate::ids::Id;
use redb::{
    ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};
use std::ops::Bound;

/// Each record with its expiry; [`NEVER`] where it has none.
type Kept = TableDefinition<'static, &'static str, (UnixMs, &'static str)>;
const EXPIRIES: TableDefinition<(UnixMs, &str, &str), ()> = TableDefinition::new("record_expiries");
const NEVER: UnixMs = UnixMs::MAX;
/// How many expired ones a change clears away.
const SWEPT_AT_ONCE: usize = 100;

const fn table(kind: RecordKind) -> Kept {
    TableDefinition::new(match kind {
        RecordKind::AdminToken => "record_admin_token",
        RecordKind::Session => "record_session",
        RecordKind::Idempotency => "record_idempotency",
        RecordKind::Ticket => "record_ticket",
        RecordKind::SignInLink => "record_sign_in_link",
        RecordKind::UsageEvent => "record_usage_event",
        RecordKind::AlertChannel => "record_alert_channel",
        RecordKind::AlertRule => "record_alert_rule",
        RecordKind::Preferences => "record_preferences",
        RecordKind::Lease => "record_lease",
        RecordKind::Refusals => "record_refusals",
    })
}

/// What became of a put.
enum Put {
    Done,
    Kept,
    Full,
}

/// What a put writes.
struct Wanted<'a> {
    id: &'a str,
    text: &'a str,
    expires: UnixMs,
    when: When<'a>,
}

impl Store {
    /// Makes the tables.
    pub(super) fn prepare_records(write: &WriteTransaction) -> Result<(), StoreError> {
        for kind in RecordKind::ALL {
            write.open_table(table(kind)).map_err(said)?;
        }
        write.open_table(EXPIRIES).map_err(said).map(|_| ())
    }

    fn put_record(
        &self,
        kind: RecordKind,
        wanted: &Wanted<'_>,
        now: UnixMs,
    ) -> Result<Put, StoreError> {
        let write = self.db.begin_write().map_err(said)?;
        sweep(&write, now)?;
        {
            let mut kept = write.open_table(table(kind)).map_err(said)?;
            let old = stored(&kept, wanted.id)?;
            let live = old.as_ref().filter(|(ends, _)| *ends > now);
            let holds = match wanted.when {
                When::Always => true,
                When::Absent => live.is_none(),
                When::Is(text) => live.is_some_and(|(_, is)| is == text),
            };
            if !holds {
                return Ok(Put::Kept);
            }
            if old.is_none() && kept.len().map_err(said)? >= kind.at_most() {
                return Ok(Put::Full);
            }
            let mut expiries = write.open_table(EXPIRIES).map_err(said)?;
            if let Some((ends, _)) = old {
                expiries.remove((ends, kind.as_str(), wanted.id)).map_err(said)?;
            }
            if wanted.expires != NEVER {
                let entry = (wanted.expires, kind.as_str(), wanted.id);
                expiries.insert(entry, ()).map_err(said)?;
            }
            kept.insert(wanted.id, (wanted.expires, wanted.text)).map_err(said)?;
        }
        write.commit().map_err(said).map(|()| Put::Done)
    }

    fn get_record(
        &self,
        kind: RecordKind,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<String>, StoreError> {
        let read = self.db.begin_read().map_err(said)?;
        let found = stored(&read.open_table(table(kind)).map_err(said)?, id)?;
        Ok(found.filter(|(ends, _)| *ends > now).map(|(_, text)| text))
    }

    fn take_record(
        &self,
        kind: RecordKind,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<String>, StoreError> {
        let write = self.db.begin_write().map_err(said)?;
        let found = {
            let mut kept = write.open_table(table(kind)).map_err(said)?;
            let Some((ends, text)) = stored(&kept, id)? else { return Ok(None) };
            kept.remove(id).map_err(said)?;
            let mut expiries = write.open_table(EXPIRIES).map_err(said)?;
            expiries.remove((ends, kind.as_str(), id)).map_err(said)?;
            (ends > now).then_some(text)
        };
        write.commit().map_err(said)?;
        Ok(found)
    }

    fn list_records(
        &self,
        kind: RecordKind,
        after: Option<&str>,
        (size, now): (usize, UnixMs),
    ) -> Result<Vec<(Id, String)>, StoreError> {
        let read = self.db.begin_read().map_err(said)?;
        let kept = read.open_table(table(kind)).map_err(said)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = Vec::new();
        for entry in kept.range::<&str>((from, Bound::Unbounded)).map_err(said)? {
            let (id, kept) = entry.map_err(said)?;
            let (ends, text) = kept.value();
            if ends > now {
                found.push((id.value().parse().map_err(said)?, text.to_owned()));
            }
            if found.len() > size {
                break;
            }
        }
        Ok(found)
    }

    /// Clears away records that have expired.
    pub(super) fn sweep_records(&self, now: UnixMs) -> Result<(), StoreError> {
        let read = self.db.begin_read().map_err(said)?;
        let expiries = read.open_table(EXPIRIES).map_err(said)?;
        let first = expiries.first().map_err(said)?;
        if first.is_none_or(|(entry, _)| entry.value().0 > now) {
            return Ok(());
        }
        let write = self.db.begin_write().map_err(said)?;
        sweep(&write, now)?;
        write.commit().map_err(said)
    }
}

fn stored(
    kept: &impl ReadableTable<&'static str, (UnixMs, &'static str)>,
    id: &str,
) -> Result<Option<(UnixMs, String)>, StoreError> {
    let found = kept.get(id).map_err(said)?;
    Ok(found.map(|kept| (kept.value().0, kept.value().1.to_owned())))
}

fn sweep(write: &WriteTransaction, now: UnixMs) -> Result<(), StoreError> {
    let mut expiries = write.open_table(EXPIRIES).map_err(said)?;
    for _ in 0..SWEPT_AT_ONCE {
        let Some((ends, kind, id)) = first_overdue(&expiries, now)? else { break };
        for table in RecordKind::ALL.into_iter().filter(|known| known.as_str() == kind).map(table) {
            write.open_table(table).map_err(said)?.remove(id.as_str()).map_err(said)?;
        }
        expiries.remove((ends, kind.as_str(), id.as_str())).map_err(said)?;
    }
    Ok(())
}

fn first_overdue(
    expiries: &Table<'_, (UnixMs, &'static str, &'static str), ()>,
    now: UnixMs,
) -> Result<Option<(UnixMs, String, String)>, StoreError> {
    let first = expiries.first().map_err(said)?;
    let owned = first.map(|(entry, _)| {
        let (ends, kind, id) = entry.value();
        (ends, kind.to_owned(), id.to_owned())
    });
    Ok(owned.filter(|(ends, ..)| *ends <= now))
}

impl EmbeddedLedger {
    /// Works on the store on a thread that may wait.
    pub(super) async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, UnixMs) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let inner = self.inner.clone();
        let now = inner.options.clock.now();
        let task = tokio::task::spawn_blocking(move || work(&inner.store, now));
        let done = task.await.map_err(|why| Unavailable(why.to_string()))?;
        done.map_err(|why| Unavailable(format!("the ledger's store fails: {why}")))
    }
}

impl Records for EmbeddedLedger {
    fn put<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
        text: &'a str,
        expires: Option<UnixMs>,
        when: When<'a>,
    ) -> BoxFuture<'a, Result<bool, RecordError>> {
        Box::pin(async move {
            check(text)?;
            let (id, text) = (id.clone(), text.to_owned());
            let old = match when {
                When::Is(text) => Some(text.to_owned()),
                _ => None,
            };
            let absent = when == When::Absent;
            let put = self.on_store(move |store, now| {
                let when = match &old {
                    Some(text) => When::Is(text),
                    None if absent => When::Absent,
                    None => When::Always,
                };
                let expires = expires.unwrap_or(NEVER);
                store.put_record(kind, &Wanted { id: id.as_str(), text: &text, expires, when }, now)
            });
            match put.await? {
                Put::Done => Ok(true),
                Put::Kept => Ok(false),
                Put::Full => Err(RecordError::Full(kind)),
            }
        })
    }

    fn get<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<Option<String>, RecordError>> {
        let id = id.clone();
        Box::pin(async move {
            let work = move |store: &Store, now| store.get_record(kind, id.as_str(), now);
            Ok(self.on_store(work).await?)
        })
    }

    fn take<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<Option<String>, RecordError>> {
        let id = id.clone();
        Box::pin(async move {
            let work = move |store: &Store, now| store.take_record(kind, id.as_str(), now);
            Ok(self.on_store(work).await?)
        })
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        after: Option<&'a Id>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<(Id, String)>, RecordError>> {
        Box::pin(async move {
            let (after, size) = (after.cloned(), page_size(limit));
            let found = self.on_store(move |store, now| {
                store.list_records(kind, after.as_ref().map(Id::as_str), (size, now))
            });
            Ok(page(found.await?, size))
        })
    }
}
