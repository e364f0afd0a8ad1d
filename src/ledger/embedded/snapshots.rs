//! Snapshots in the embedded ledger's store: a table of its own by moment and workspace, which the
//! version before leaves alone.
//!
//! Invariant: a change is a transaction of its own, durable when it returns. What is too old is
//! dropped with it, some at a time.

use super::super::BoxFuture;
use super::super::order::Unavailable;
use super::super::registry::{Page, RegistryError};
use super::super::snapshots::{Reading, Snapshot, SnapshotQuery, Snapshots};
use super::EmbeddedLedger;
use super::store::{Store, StoreError, text};
use crate::clock::UnixMs;
use redb::{ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::ops::Bound;

/// The figures by moment and workspace.
const SNAPSHOTS: TableDefinition<(UnixMs, &str), &str> = TableDefinition::new("snapshots");
/// Snapshots that are dropped beside as many as are kept.
const DROPPED_AT_ONCE: usize = 500;

type Table = ReadOnlyTable<(UnixMs, &'static str), &'static str>;

/// Makes the table where it is missing.
pub(super) fn make_table(write: &WriteTransaction) -> Result<(), StoreError> {
    write.open_table(SNAPSHOTS).map_err(text).map(|_| ())
}

/// Deletes the table with all that it holds.
pub(super) fn drop_table(write: &WriteTransaction) -> Result<(), StoreError> {
    write.delete_table(SNAPSHOTS).map_err(text).map(|_| ())
}

impl Store {
    fn keep_snapshots(&self, some: &[Snapshot], oldest: UnixMs) -> Result<usize, StoreError> {
        let write = self.db.begin_write().map_err(text)?;
        let mut added = 0_usize;
        {
            let mut table = write.open_table(SNAPSHOTS).map_err(text)?;
            for one in some {
                let key = (one.at, one.workspace.as_str());
                if table.get(key).map_err(text)?.is_none() {
                    table.insert(key, one.figures().as_str()).map_err(text)?;
                    added = added.saturating_add(1);
                }
            }
            let mut dropped = 0_usize;
            let most = some.len().saturating_add(DROPPED_AT_ONCE);
            let mut old = table.extract_from_if(..(oldest, ""), |_, _| true).map_err(text)?;
            while dropped < most && old.next().transpose().map_err(text)?.is_some() {
                dropped = dropped.saturating_add(1);
            }
        }
        write.commit().map_err(text)?;
        Ok(added)
    }

    fn read_snapshots(
        &self,
        query: &SnapshotQuery,
        oldest: UnixMs,
    ) -> Result<Result<Page<Snapshot>, RegistryError>, StoreError> {
        let mut reading = match Reading::new(query, oldest) {
            Ok(reading) => reading,
            Err(why) => return Ok(Err(why)),
        };
        let table = self.db.begin_read().map_err(text)?.open_table(SNAPSHOTS).map_err(text)?;
        while let Some(at) = moment(&table, &reading)? {
            let some = rows(&table, &reading, at)?;
            if !reading.take(at, some) {
                return Ok(Ok(reading.page(false)));
            }
        }
        Ok(Ok(reading.page(true)))
    }
}

/// The next moment: the newest of those that are asked for.
fn moment(table: &Table, reading: &Reading<'_>) -> Result<Option<UnixMs>, StoreError> {
    let below = reading.newest().saturating_add(1);
    let mut before = table.range((reading.oldest(), "")..(below, "")).map_err(text)?;
    let newest = before.next_back().transpose().map_err(text)?;
    Ok(newest.map(|(key, _)| key.value().0))
}

/// What is asked for of a moment.
fn rows(table: &Table, reading: &Reading<'_>, at: UnixMs) -> Result<Vec<Snapshot>, StoreError> {
    let after = reading.after(at);
    let mut found = Vec::new();
    if let Some(only) = reading.only() {
        let stored = table.get((at, only.as_str())).map_err(text)?;
        let new = after.is_none_or(|after| after < only);
        let one = stored.and_then(|figures| Snapshot::read(only.clone(), at, figures.value()));
        found.extend(one.filter(|_| new));
        return Ok(found);
    }
    let from = match after {
        Some(after) => Bound::Excluded((at, after.as_str())),
        None => Bound::Included((at, "")),
    };
    let range = table.range((from, Bound::Excluded((at.saturating_add(1), "")))).map_err(text)?;
    for entry in range.take(reading.room()) {
        let (key, figures) = entry.map_err(text)?;
        let workspace = key.value().1.parse().map_err(text)?;
        found.extend(Snapshot::read(workspace, at, figures.value()));
    }
    Ok(found)
}

impl Snapshots for EmbeddedLedger {
    fn keep<'a>(&'a self, some: &'a [Snapshot]) -> BoxFuture<'a, Result<usize, Unavailable>> {
        let (some, kept_ms) = (some.to_vec(), self.inner.options.snapshots_ms());
        let keep = move |store: &Store, now: UnixMs| {
            store.keep_snapshots(&some, now.saturating_sub(kept_ms))
        };
        Box::pin(self.on_store(keep))
    }

    fn snapshots<'a>(
        &'a self,
        query: &'a SnapshotQuery,
    ) -> BoxFuture<'a, Result<Page<Snapshot>, RegistryError>> {
        let (query, kept_ms) = (query.clone(), self.inner.options.snapshots_ms());
        let read = move |store: &Store, now: UnixMs| {
            store.read_snapshots(&query, now.saturating_sub(kept_ms))
        };
        Box::pin(async move { self.on_store(read).await? })
    }
}
