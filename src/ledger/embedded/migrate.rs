//! Migrations of the embedded ledger: a number in the facts of its store, and the tables that each
//! adds.
//!
//! Invariant: a table and the note of it change in one transaction. The version before leaves the
//! number out when it writes, and the next start of this one notes it again.

use super::super::OpenError;
use super::super::migrations::{MIGRATIONS, Migrated};
use super::EmbeddedLedger;
use super::snapshots::{drop_table, make_table};
use super::store::{META, SCHEMA, Store, StoreError, read_meta, text};
use redb::ReadableDatabase;
use std::path::Path;

impl Store {
    /// Has so many migrations applied, and takes the others back; those of a newer version stay.
    pub(super) fn migrate(&self, to: usize) -> Result<(), StoreError> {
        let write = self.db.begin_write().map_err(text)?;
        if to == 0 {
            drop_table(&write)?;
        } else {
            make_table(&write)?;
        }
        {
            let mut table = write.open_table(META).map_err(text)?;
            let mut meta = read_meta(&table)?;
            if meta.migration <= MIGRATIONS.len() {
                meta.migration = to;
                let bytes = serde_json::to_vec(&meta).map_err(text)?;
                table.insert("meta", bytes.as_slice()).map_err(text)?;
            }
        }
        write.commit().map_err(text)
    }

    fn migrated(&self) -> Result<usize, StoreError> {
        let read = self.db.begin_read().map_err(text)?;
        Ok(read_meta(&read.open_table(META).map_err(text)?)?.migration)
    }
}

impl EmbeddedLedger {
    /// How the ledger of a directory stands; no proxy may have it open.
    pub fn migrations(dir: &Path) -> Result<Migrated, OpenError> {
        if !dir.join("ledger.redb").exists() {
            return Ok(Migrated { schema: None, applied: 0 });
        }
        let applied = Store::open(dir)?.migrated().map_err(OpenError)?;
        Ok(Migrated { schema: Some(SCHEMA.to_string()), applied })
    }

    /// Has so many migrations applied, and takes the others back; no proxy may have it open.
    pub fn migrate(dir: &Path, to: usize) -> Result<(), OpenError> {
        if !dir.join("ledger.redb").exists() {
            return Err(OpenError(format!("there is no ledger in {}", dir.display())));
        }
        Store::open(dir)?.migrate(to).map_err(OpenError)
    }
}
