//! Snapshots in Redis: a sorted set of rows for each moment, by their workspaces, and one of the
//! moments.
//!
//! Invariant: both expire by themselves, a moment when it is no longer kept, the set of moments with
//! the newest of them.

use super::super::BoxFuture;
use super::super::order::Unavailable;
use super::super::registry::{Page, RegistryError};
use super::super::snapshots::{Reading, Snapshot, SnapshotQuery, Snapshots};
use super::{RedisLedger, keys};
use crate::clock::UnixMs;

/// Snapshots that one script keeps.
const KEPT_AT_ONCE: usize = 200;
/// Moments that are read in one round trip: of one workspace, and of all.
const MOMENTS_OF_ONE: usize = 200;
const MOMENTS_OF_ALL: usize = 16;

impl RedisLedger {
    async fn keep_snapshots(&self, some: &[Snapshot]) -> Result<usize, Unavailable> {
        let Some(at) = some.first().map(|first| first.at) else { return Ok(0) };
        let (names, ms) =
            ([keys::snapshots(at), keys::SNAPSHOTS.to_owned()], self.options.snapshots_ms());
        let mut added = 0_usize;
        for some in some.chunks(KEPT_AT_ONCE) {
            let mut arguments = vec![at.to_string(), ms.to_string()];
            for one in some {
                arguments.extend([one.workspace.to_string(), one.row()]);
            }
            let script = &self.scripts.snapshots_keep;
            let call = script.call(&self.options, &names, &arguments);
            let new: usize = script.run(&self.connections.settlements, &call).await?;
            added = added.saturating_add(new);
        }
        Ok(added)
    }

    async fn read_snapshots(&self, query: &SnapshotQuery) -> Result<Page<Snapshot>, RegistryError> {
        let oldest = self.ledger_time().await?.saturating_sub(self.options.snapshots_ms());
        let mut reading = Reading::new(query, oldest)?;
        loop {
            let moments = self.moments(&reading).await?;
            if moments.is_empty() {
                return Ok(reading.page(true));
            }
            let mut read = redis::pipe();
            for at in &moments {
                read.add_command(rows(&reading, *at));
            }
            let found: Vec<Vec<String>> = self.read_all(&read).await?;
            for (at, rows) in moments.into_iter().zip(found) {
                let some = rows.iter().filter_map(|row| Snapshot::read_row(at, row));
                if !reading.take(at, some) {
                    return Ok(reading.page(false));
                }
            }
        }
    }

    /// The next moments, newest first.
    async fn moments(&self, reading: &Reading<'_>) -> Result<Vec<UnixMs>, Unavailable> {
        let many = if reading.only().is_some() { MOMENTS_OF_ONE } else { MOMENTS_OF_ALL };
        let mut list = redis::cmd("ZRANGE");
        list.arg(keys::SNAPSHOTS).arg(reading.newest()).arg(reading.oldest());
        list.arg("BYSCORE").arg("REV").arg("LIMIT").arg(0).arg(many);
        Ok(self.read(&list).await?)
    }
}

/// Reads what is asked for of a moment.
fn rows(reading: &Reading<'_>, at: UnixMs) -> redis::Cmd {
    let after = reading.after(at);
    let (from, below) = match reading.only() {
        // It was shown already.
        Some(only) if after.is_some_and(|after| after >= only) => {
            ("(+".to_owned(), "(+".to_owned())
        }
        Some(only) => (format!("[{only} "), format!("({only}!")),
        None => (after.map_or_else(|| "-".to_owned(), |id| format!("({id}!")), "+".to_owned()),
    };
    let mut range = redis::cmd("ZRANGEBYLEX");
    range.arg(keys::snapshots(at)).arg(from).arg(below);
    range.arg("LIMIT").arg(0).arg(reading.room());
    range
}

impl Snapshots for RedisLedger {
    fn keep<'a>(&'a self, some: &'a [Snapshot]) -> BoxFuture<'a, Result<usize, Unavailable>> {
        Box::pin(self.keep_snapshots(some))
    }

    fn snapshots<'a>(
        &'a self,
        query: &'a SnapshotQuery,
    ) -> BoxFuture<'a, Result<Page<Snapshot>, RegistryError>> {
        Box::pin(self.read_snapshots(query))
    }
}
