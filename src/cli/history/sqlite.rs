//! Exporting to SQLite.
//!
//! Invariant: each batch is one statement, so it is there wholly or not at all, and is durable then.

use super::super::failure::{Exit, Failure};
use super::kept::Kept;
use rusqlite::Connection;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// How long another writer is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// A database in a file.
pub(super) struct Sqlite {
    database: Connection,
    shown: String,
}

impl Sqlite {
    /// Opens or creates it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let bad = |why: rusqlite::Error| Failure::new(Exit::Failed, format!("{shown}: {why}"));
        let database = Connection::open(path).map_err(bad)?;
        database.busy_timeout(BUSY).map_err(bad)?;
        Ok(Self { database, shown })
    }

    pub(super) fn prepare(&self, kept: &Kept) -> Result<(), Failure> {
        self.done(self.database.execute_batch(kept.ddl))
    }

    pub(super) fn write(&self, kept: &Kept, rows: Vec<Value>) -> Result<u64, Failure> {
        let rows = Value::from(rows).to_string();
        let written = self.done(self.database.execute(&kept.for_sqlite(), [rows]))?;
        Ok(u64::try_from(written).unwrap_or(u64::MAX))
    }

    fn done<T>(&self, done: rusqlite::Result<T>) -> Result<T, Failure> {
        done.map_err(|why| Failure::new(Exit::Failed, format!("{}: {why}", self.shown)))
    }
}
