//! Every minute, one proxy of a ledger compares a minute that ended with its events, and shows by how
//! much they differ.
//!
//! Invariant: what was found stays in the metric until this process ends, so that nobody misses it.

use super::Books;
use crate::clock::{Clock, UnixMs};
use crate::ids::Id;
use crate::ledger::{RecordKind, Records, Registry, When, imbalance};
use crate::telemetry::names;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// The name of the lease.
const LEASE: &str = "ledger-balance";
const EVERY: Duration = Duration::from_secs(60);
const MINUTE_MS: i64 = 60_000;
/// For how long a minute belongs to one proxy.
const TURN_MS: i64 = 50_000;
const NANOS_PER_USD: i64 = 1_000_000_000;

/// Compares until it is aborted.
pub(super) fn start(books: &Books, clock: Clock) -> AbortHandle {
    let (registry, records) = (books.registry.clone(), books.records.clone());
    let following = tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(why) = compare(&registry, &records, clock.now()).await {
                tracing::debug!(why, "sums were not compared with events");
            }
        }
    });
    following.abort_handle()
}

async fn compare(
    registry: &Arc<dyn Registry>,
    records: &Arc<dyn Records>,
    now: UnixMs,
) -> Result<(), String> {
    let Ok(name) = LEASE.parse::<Id>() else { return Ok(()) };
    let until = Some(now.saturating_add(TURN_MS));
    let mine = records.put(RecordKind::Lease, &name, "", until, When::Absent).await;
    if !mine.map_err(|why| why.to_string())? {
        return Ok(());
    }
    // What is settled late in a minute is in it a moment after.
    let ended = now.div_euclid(MINUTE_MS).saturating_sub(2).saturating_mul(MINUTE_MS);
    let found = imbalance(&**registry, ended).await.map_err(|why| why.to_string())?;
    if let Some(differ) = found.filter(|differ| *differ > 0) {
        tracing::error!(differ, minute = ended, "sums and events of a minute differ");
        metrics::gauge!(names::IMBALANCE).increment(shown(differ));
    }
    Ok(())
}

/// Nano-dollars as Prometheus takes them.
fn shown(nanos: i64) -> f64 {
    let part =
        |n: Option<i64>| f64::from(n.and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX));
    let (whole, rest) = (nanos.checked_div(NANOS_PER_USD), nanos.checked_rem(NANOS_PER_USD));
    part(whole) * 1e9 + part(rest)
}
