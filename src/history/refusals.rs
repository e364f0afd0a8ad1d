//! What was refused, by the hour: each proxy writes down its own counts, and reading adds them up.
//!
//! A proxy has one record for each hour in which it refused anything. It is written again while the
//! hour lasts, never added to, so a repeated write changes nothing. Not here: who counts.
//!
//! Invariants: nothing is on the way of a call; what was counted is kept until it is written, or for
//! two days if the ledger cannot be reached. What does not fit into a record keeps its reason.

use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ids::Id;
use crate::ledger::{RecordError, RecordKind, Records, When};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use uuid::Uuid;

/// How often counts are written.
const EVERY: Duration = Duration::from_secs(10);
const HOUR: i64 = 3_600_000;
/// How long counts are kept after their hour: 90 days.
const KEPT: i64 = 90 * 24 * HOUR;
/// How many entries of callers a record has. Beyond them, reasons alone are counted.
const ENTRIES: usize = 1_000;
/// How many hours wait for a ledger that cannot be reached.
const WAITING: usize = 48;
const PAGE: usize = 200;
/// How many records one question reads.
const MOST_RECORDS: usize = 20_000;

/// Whose calls were refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The code of the refusal.
    pub reason: String,
    /// The workspace and the user of the key; `None` if no known key was there.
    pub of: Option<(Id, Id)>,
}

/// Refused calls within an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedInHour {
    /// The hour (UTC) begins here.
    pub hour: UnixMs,
    /// Whose, and why.
    pub refused: Refused,
    /// How many.
    pub count: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRefusals {
    /// A question may read so many records, and there are more.
    TooMany(usize),
    /// The ledger does not answer.
    Ledger(RecordError),
}

/// An entry of a record: reason, workspace, user, count.
type Entry = (String, Option<Id>, Option<Id>, u64);

/// The counts of one hour, and the record that they go to.
#[derive(Debug)]
struct Hour {
    id: Uuid,
    counts: BTreeMap<Refused, u64>,
    is_written: bool,
}

type Source = Box<dyn Fn() -> Vec<RefusedInHour> + Send + Sync>;

/// The counts of all proxies of a ledger, and those of this one.
pub struct Refusals {
    records: Arc<dyn Records>,
    counted: Source,
    hours: Mutex<BTreeMap<UnixMs, Hour>>,
}

impl std::fmt::Debug for Refusals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refusals").finish_non_exhaustive()
    }
}

impl Hour {
    fn new() -> Self {
        Self { id: Uuid::now_v7(), counts: BTreeMap::new(), is_written: false }
    }

    fn add(&mut self, mut refused: Refused, count: u64) {
        if self.counts.len() >= ENTRIES && !self.counts.contains_key(&refused) {
            refused.of = None;
        }
        let sum = self.counts.entry(refused).or_default();
        *sum = sum.saturating_add(count);
        self.is_written = false;
    }

    fn text(&self) -> String {
        let entry = |(refused, count): (&Refused, &u64)| -> Entry {
            let (workspace, user) = refused.of.clone().unzip();
            (refused.reason.clone(), workspace, user, *count)
        };
        let entries: Vec<Entry> = self.counts.iter().map(entry).collect();
        serde_json::to_string(&entries).unwrap_or_default()
    }
}

impl Refusals {
    /// Over the records of a ledger; `counted` gives what this proxy counted since it was last
    /// asked.
    pub fn new(
        records: Arc<dyn Records>,
        counted: impl Fn() -> Vec<RefusedInHour> + Send + Sync + 'static,
    ) -> Self {
        Self { records, counted: Box::new(counted), hours: Mutex::default() }
    }

    /// Writes for as long as it is not stopped.
    pub async fn run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(why) = self.write().await {
                tracing::warn!(%why, "counts of refusals were not written; they will be");
            }
        }
    }

    /// Writes what was counted and is not written yet.
    pub async fn write(&self) -> Result<(), RecordError> {
        let mut hours = self.hours.lock().await;
        for RefusedInHour { hour, refused, count } in (self.counted)() {
            hours.entry(hour).or_insert_with(Hour::new).add(refused, count);
        }
        while hours.len() > WAITING {
            hours.pop_first();
        }
        for (begins, hour) in hours.iter_mut().filter(|(_, hour)| !hour.is_written) {
            let Ok(id) = name(*begins, &hour.id.simple().to_string()).parse::<Id>() else {
                continue;
            };
            let expires = Some(begins.saturating_add(HOUR).saturating_add(KEPT));
            let (kind, text) = (RecordKind::Refusals, hour.text());
            self.records.put(kind, &id, &text, expires, When::Always).await?;
            hour.is_written = true;
        }
        // Of earlier hours nothing comes any more, or it gets a record of its own.
        let newest = hours.last_key_value().map(|(begins, _)| *begins);
        hours.retain(|begins, _| Some(*begins) == newest);
        Ok(())
    }

    /// Gives each count of the hours from `from` until `until`, of all proxies; what this one counted
    /// is written before.
    pub async fn read(
        &self,
        (from, until): (UnixMs, UnixMs),
        mut each: impl FnMut(RefusedInHour),
    ) -> Result<(), NoRefusals> {
        self.write().await.map_err(NoRefusals::Ledger)?;
        let from = from.max(0).div_euclid(HOUR).saturating_mul(HOUR);
        let mut after = name(from, "").parse::<Id>().ok();
        let mut left = MOST_RECORDS;
        loop {
            let page = self.records.list(RecordKind::Refusals, after.as_ref(), PAGE);
            let page = page.await.map_err(NoRefusals::Ledger)?;
            for (id, text) in &page.entries {
                let Some(hour) = hour_of(id) else { continue };
                if hour >= until {
                    return Ok(());
                }
                left = left.checked_sub(1).ok_or(NoRefusals::TooMany(MOST_RECORDS))?;
                entries(hour, text).into_iter().for_each(&mut each);
            }
            match page.next.and_then(|next| next.parse().ok()) {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// The name of a record: they are listed by their hours.
fn name(hour: UnixMs, own: &str) -> String {
    format!("{:08}-{own}", hour.div_euclid(HOUR))
}

fn hour_of(id: &Id) -> Option<UnixMs> {
    let (hours, _) = id.as_str().split_once('-')?;
    hours.parse::<i64>().ok()?.checked_mul(HOUR)
}

/// What a record says; nothing, if somebody else wrote into it.
fn entries(hour: UnixMs, text: &str) -> Vec<RefusedInHour> {
    let entries = serde_json::from_str::<Vec<Entry>>(text).unwrap_or_else(|why| {
        tracing::warn!(%why, hour = rfc3339_seconds(hour), "counts of refusals are not readable");
        Vec::new()
    });
    let read = |(reason, workspace, user, count)| {
        let of = Option::zip(workspace, user);
        RefusedInHour { hour, refused: Refused { reason, of }, count }
    };
    entries.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    #[test]
    fn r125_the_largest_record_of_refusals_fits() {
        let mut hour = Hour::new();
        for n in 0..ENTRIES + 100 {
            let of = Some((id(&"w".repeat(64)), id(&format!("{n:064}"))));
            let reason = "upstream_credential_rejected".to_owned();
            hour.add(Refused { reason, of }, u64::MAX);
        }
        let text = hour.text();
        // A record may have 262,144 bytes.
        assert!(text.len() <= 240_000, "{}", text.len());
        let read = entries(0, &text);
        assert_eq!(read.len(), ENTRIES + 1);
        assert_eq!(read.iter().filter(|one| one.refused.of.is_none()).count(), 1);
        assert!(entries(0, "nonsense").is_empty());
    }

    #[test]
    fn r125_records_are_listed_by_their_hours() {
        let own = Uuid::now_v7().simple().to_string();
        let of = |hour: i64| name(hour * HOUR, &own);
        assert!(of(9) < of(10) && of(99_999) < of(500_000) && name(9 * HOUR, "") < of(9));
        assert_eq!(hour_of(&id(&of(500_000))), Some(500_000 * HOUR));
        assert_eq!(name(5, "").parse(), Ok(id("00000000-")));
    }
}
