//! A check that is cheap enough to run all the time: the events of one minute against the sums of that
//! minute. The whole ledger is checked by `verify`.
//!
//! Invariant: a difference is told only if it was found twice, for a correction between two readings
//! is none.

use super::registry::{EventQuery, Registry, RegistryError};
use super::rollup::Tier;
use super::sums::SumQuery;
use crate::clock::UnixMs;

const MINUTE_MS: i64 = 60_000;
/// A minute with more events is passed over.
const MOST_EVENTS: usize = 20_000;
const PAGE: usize = 1_000;

/// By how many nano-dollars the events that were settled in the minute that begins then and the sums
/// of that minute differ; `None` where the minute has too many events.
pub async fn imbalance(
    registry: &dyn Registry,
    minute: UnixMs,
) -> Result<Option<i64>, RegistryError> {
    let mut found = None;
    for _ in 0..2 {
        let (Some(events), sums) = (events(registry, minute).await?, sums(registry, minute).await?)
        else {
            return Ok(None);
        };
        found = Some(events.saturating_sub(sums).saturating_abs());
        if found == Some(0) {
            break;
        }
    }
    Ok(found)
}

async fn events(registry: &dyn Registry, minute: UnixMs) -> Result<Option<i64>, RegistryError> {
    let until = Some(minute.saturating_add(MINUTE_MS));
    let mut query = EventQuery { since: Some(minute), until, limit: PAGE, ..EventQuery::default() };
    let (mut many, mut cost) = (0_usize, 0_i64);
    loop {
        let page = registry.events(&query).await?;
        many = many.saturating_add(page.entries.len());
        let costs = page.entries.iter().map(|event| event.cost.get());
        cost = costs.fold(cost, i64::saturating_add);
        match page.next {
            Some(_) if many >= MOST_EVENTS => return Ok(None),
            Some(next) => query.after = Some(next),
            None => return Ok(Some(cost)),
        }
    }
}

async fn sums(registry: &dyn Registry, minute: UnixMs) -> Result<i64, RegistryError> {
    let until = minute.saturating_add(MINUTE_MS);
    let query =
        SumQuery { tier: Tier::Minute, from: minute, until, only: Vec::new(), by: Vec::new() };
    let rows = registry.sums(&query).await?;
    Ok(rows.iter().map(|row| row.sum.cost.get()).fold(0, i64::saturating_add))
}
