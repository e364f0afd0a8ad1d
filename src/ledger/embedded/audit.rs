//! The audit in the embedded ledger's store: a table of its own, which the version before leaves
//! alone.
//!
//! Invariant: it is bounded by count and by age, of which some at a time are dropped.

use super::super::audit::{AuditEntry, KEPT, KEPT_MS};
use super::store::{StoreError, text};
use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};

const AUDIT: TableDefinition<u64, &[u8]> = TableDefinition::new("audit");
const DROPPED_AT_ONCE: usize = 100;

/// Makes the table.
pub fn prepare(write: &WriteTransaction) -> Result<(), StoreError> {
    write.open_table(AUDIT).map_err(text).map(|_| ())
}

/// Adds entries, and drops old ones.
pub fn append(write: &WriteTransaction, entries: &[AuditEntry]) -> Result<(), StoreError> {
    let Some(newest) = entries.last() else { return Ok(()) };
    let mut table = write.open_table(AUDIT).map_err(text)?;
    let mut number = table.last().map_err(text)?.map_or(0, |(number, _)| number.value());
    for entry in entries {
        number = number.saturating_add(1);
        let bytes = serde_json::to_vec(entry).map_err(text)?;
        table.insert(number, bytes.as_slice()).map_err(text)?;
    }
    for _ in 0..entries.len().max(DROPPED_AT_ONCE) {
        let Some((number, oldest)) = oldest(&table)? else { break };
        let kept = table.len().map_err(text)? <= KEPT;
        if kept && oldest.time >= newest.time.saturating_sub(KEPT_MS) {
            break;
        }
        table.remove(number).map_err(text)?;
    }
    Ok(())
}

fn oldest(
    table: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<Option<(u64, AuditEntry)>, StoreError> {
    let Some((number, stored)) = table.first().map_err(text)? else { return Ok(None) };
    let entry = serde_json::from_slice(stored.value()).map_err(text)?;
    Ok(Some((number.value(), entry)))
}

/// Shows entries below a number, newest first, until `visit` says stop.
pub fn read(
    read: &ReadTransaction,
    below: u64,
    mut visit: impl FnMut(u64, AuditEntry) -> bool,
) -> Result<(), StoreError> {
    let table = read.open_table(AUDIT).map_err(text)?;
    for entry in table.range(..below).map_err(text)?.rev() {
        let (number, stored) = entry.map_err(text)?;
        let entry = serde_json::from_slice(stored.value()).map_err(text)?;
        if !visit(number.value(), entry) {
            break;
        }
    }
    Ok(())
}
