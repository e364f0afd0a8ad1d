//! Sums of settled calls in the embedded ledger: gathered by minute while they wait for the commit,
//! which adds them to their minute, hour and day.
//!
//! Invariant: events and sums change in one transaction, so either has what the other has. What was
//! gathered and not committed comes again with the log.

use super::super::options::Options;
use super::super::order::UsageEvent;
use super::super::registry::RegistryError;
use super::super::rollup::{Row, Sum, Tier};
use super::super::sums::{Gathered, SumQuery, SumRow};
use super::store::{Batch, Bytes, EVENTS, META, Snapshot, Store, StoreError, read_meta, text};
use crate::limit::{Calendar, Period};
use foldhash::HashMap;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

/// By tier, period and row: `hour:2026112421:…`.
const SUMS: TableDefinition<&str, Bytes> = TableDefinition::new("sums");
const MINUTE_MS: i64 = 60_000;
/// Rows of a tier that one commit drops because of their age.
const DROPPED_AT_ONCE: usize = 500;
/// Events that are added up before they are written.
const SUMMED_AT_ONCE: usize = 10_000;

/// What is to be added to the sums, by the minute and by row.
#[derive(Debug, Default)]
pub struct Summed {
    minutes: HashMap<i64, HashMap<String, Sum>>,
    /// The name of a row, written again and again.
    name: String,
}

impl Summed {
    /// Adds an event.
    pub fn add(&mut self, event: &UsageEvent) {
        self.change(event, Sum::plus);
    }

    /// Takes an event out again.
    pub fn take_out(&mut self, event: &UsageEvent) {
        self.change(event, Sum::minus);
    }

    fn change(&mut self, event: &UsageEvent, how: fn(&Sum, &Sum) -> Sum) {
        self.name.clear();
        Row::of(event).write(&mut self.name);
        let rows = self.minutes.entry(event.settled.div_euclid(MINUTE_MS)).or_default();
        let one = Sum::of(event, event.cost);
        match rows.get_mut(self.name.as_str()) {
            Some(sum) => *sum = how(sum, &one),
            None => {
                rows.insert(self.name.clone(), how(&Sum::default(), &one));
            }
        }
    }

    /// Adds what another one has.
    pub fn merge(&mut self, other: Self) {
        for (minute, rows) in other.minutes {
            let mine = self.minutes.entry(minute).or_default();
            for (name, sum) in rows {
                let one = mine.entry(name).or_default();
                *one = one.plus(&sum);
            }
        }
    }

    fn write(&self, write: &WriteTransaction, calendar: &Calendar) -> Result<(), StoreError> {
        let mut table = write.open_table(SUMS).map_err(text)?;
        for (minute, rows) in &self.minutes {
            let at = minute.saturating_mul(MINUTE_MS);
            for tier in Tier::ALL {
                let prefix = prefix(tier, calendar.period(tier.window(), at));
                for (name, sum) in rows {
                    add(&mut table, &[&prefix, name.as_str()].concat(), sum)?;
                }
            }
        }
        Ok(())
    }
}

fn prefix(tier: Tier, period: Period) -> String {
    format!("{}:{period}:", tier.as_str())
}

/// Adds to a row; one without calls goes.
fn add(
    table: &mut Table<'_, &'static str, Bytes>,
    name: &str,
    more: &Sum,
) -> Result<(), StoreError> {
    let old = table.get(name).map_err(text)?.and_then(|stored| Sum::read(stored.value()));
    let sum = old.unwrap_or_default().plus(more);
    if sum == Sum::default() {
        table.remove(name).map_err(text)?;
    } else {
        table.insert(name, sum.stored().as_slice()).map_err(text)?;
    }
    Ok(())
}

/// Adds what a batch has, and drops what is no longer kept.
pub fn write_sums(write: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
    batch.sums.write(write, &batch.calendar)?;
    let mut table = write.open_table(SUMS).map_err(text)?;
    for tier in Tier::ALL {
        let oldest = batch.kept.oldest(tier, &batch.calendar, batch.now);
        let (from, below) = (prefix(tier, 0), prefix(tier, oldest));
        let old = table.range(from.as_str()..below.as_str()).map_err(text)?;
        let names: Result<Vec<String>, StoreError> = old
            .take(DROPPED_AT_ONCE)
            .map(|entry| Ok(entry.map_err(text)?.0.value().to_owned()))
            .collect();
        for name in names? {
            table.remove(name.as_str()).map_err(text)?;
        }
    }
    Ok(())
}

/// Takes a stored event out of the sums.
pub fn take_out(
    write: &WriteTransaction,
    stored: &[u8],
    calendar: &Calendar,
) -> Result<(), StoreError> {
    let event: UsageEvent = serde_json::from_slice(stored).map_err(text)?;
    let mut summed = Summed::default();
    summed.take_out(&event);
    summed.write(write, calendar)
}

impl Store {
    /// Makes the table where it is missing.
    pub fn prepare_sums(write: &WriteTransaction) -> Result<(), StoreError> {
        write.open_table(SUMS).map_err(text).map(|_| ())
    }

    /// Makes the sums of the events where a version was at work that knew of none.
    pub fn sum_up(&self, calendar: &Calendar) -> Result<(), StoreError> {
        let write = self.db.begin_write().map_err(text)?;
        let mut meta = read_meta(&write.open_table(META).map_err(text)?)?;
        if meta.summed {
            return Ok(());
        }
        write.delete_table(SUMS).map_err(text)?;
        {
            let events = write.open_table(EVENTS).map_err(text)?;
            let mut summed = Summed::default();
            for (n, entry) in events.iter().map_err(text)?.enumerate() {
                let event = serde_json::from_slice(entry.map_err(text)?.1.value());
                summed.add(&event.map_err(text)?);
                if n.checked_rem(SUMMED_AT_ONCE) == Some(0) {
                    std::mem::take(&mut summed).write(&write, calendar)?;
                }
            }
            summed.write(&write, calendar)?;
            meta.summed = true;
            let bytes = serde_json::to_vec(&meta).map_err(text)?;
            write.open_table(META).map_err(text)?.insert("meta", bytes.as_slice()).map_err(text)?;
        }
        write.commit().map_err(text)
    }
}

impl Snapshot {
    /// See [`super::super::Registry::sums`].
    pub fn sums(
        &self,
        query: &SumQuery,
        options: &Options,
    ) -> Result<Result<Vec<SumRow>, RegistryError>, StoreError> {
        let (calendar, now) = (&options.calendar, options.clock.now());
        let periods = match query.periods(calendar, &options.rollups, now) {
            Ok(periods) => periods,
            Err(why) => return Ok(Err(why)),
        };
        let table = self.read.open_table(SUMS).map_err(text)?;
        let mut gathered = Gathered::default();
        for period in periods {
            let prefix = prefix(query.tier, period);
            for entry in table.range(prefix.as_str()..).map_err(text)? {
                let (name, stored) = entry.map_err(text)?;
                let Some(row) = name.value().strip_prefix(&prefix) else { break };
                let (Some(row), Some(sum)) = (Row::read(row), Sum::read(stored.value())) else {
                    return Err(format!("the sum `{}` is damaged", name.value()));
                };
                if let Err(why) = gathered.add(query, period, &row, &sum) {
                    return Ok(Err(why));
                }
            }
        }
        Ok(Ok(gathered.rows()))
    }
}
