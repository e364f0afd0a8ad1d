//! `/api/v1/analytics/latency`: how long calls took, exact percentiles of their events.
//!
//! Sums do not tell how long calls took, so each event is read, and two numbers of it are kept
//! until the answer is made: at most as many as one question may read.

use super::super::desk::Desk;
use super::super::fields::Params;
use super::super::operation::Operations;
use super::super::problem::Problem;
use super::super::requests::read_filters;
use super::super::scope::{Resource, Scope};
use super::dimension::{self, Dimension};
use super::gather::{each, few};
use super::{Row, answer, books, span};
use crate::clock::UnixMs;
use crate::ledger::UsageEvent;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ONE_DAY: i64 = 86_400_000;
const PERCENTILES: [(usize, &str, &str); 3] = [
    (50, "ttft_ms_p50", "duration_ms_p50"),
    (90, "ttft_ms_p90", "duration_ms_p90"),
    (99, "ttft_ms_p99", "duration_ms_p99"),
];

/// The figures of a row, in their order.
pub const COLUMNS: [&str; 7] = [
    "requests",
    "ttft_ms_p50",
    "duration_ms_p50",
    "ttft_ms_p90",
    "duration_ms_p90",
    "ttft_ms_p99",
    "duration_ms_p99",
];

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/analytics/latency", Scope::Read(Resource::Usage), latency)
        .says("How long calls took", 200, "[Latency]")
        .also(&["text/csv"])
        .asks(&[
            "group_by",
            "since",
            "until",
            "user",
            "key",
            "workspace",
            "model",
            "provider",
            "credential",
        ])
}

/// Milliseconds; above 49 days counts as these.
#[derive(Debug, Default)]
struct Took {
    first_byte: Vec<u32>,
    whole: Vec<u32>,
}

impl Took {
    fn add(&mut self, event: &UsageEvent) {
        let short = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        self.first_byte.push(short(event.ttft_ms));
        self.whole.push(short(event.duration_ms));
    }

    fn write(mut self, row: &mut Row) {
        row.insert("requests".to_owned(), self.whole.len().into());
        self.first_byte.sort_unstable();
        self.whole.sort_unstable();
        for (percent, first_byte, whole) in PERCENTILES {
            row.insert(first_byte.to_owned(), percentile(&self.first_byte, percent).into());
            row.insert(whole.to_owned(), percentile(&self.whole, percent).into());
        }
    }
}

/// The least of `sorted` that so many per cent do not exceed.
fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Whether a call was answered by a provider that had it now: not what was reported from elsewhere,
/// nor what nobody saw end.
fn counts(event: &UsageEvent) -> bool {
    event.status > 0 && event.duration_ms > 0
}

async fn latency(
    desk: Desk,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let now = desk.clock.now();
    let by = fields.read("group_by", dimension::list(&Dimension::ALL));
    let by = by.unwrap_or_else(|| vec![Dimension::Provider, Dimension::Model]);
    let since = fields.read("since", span::moment(now)).unwrap_or(now - ONE_DAY);
    let until = fields.read("until", span::moment(now)).unwrap_or(UnixMs::MAX);
    let only = read_filters(&desk, &mut fields).await?;
    let only = fields.finish(Some(only))?;
    let mut groups: BTreeMap<Vec<String>, Took> = BTreeMap::new();
    each(books(&desk), ((since, until), &only), |event| {
        if counts(event) {
            let names = by.iter().map(|by| by.of(event, &desk.calendar)).collect();
            groups.entry(names).or_default().add(event);
        }
        few(groups.len())
    })
    .await?;
    let rows: Vec<Row> = groups
        .into_iter()
        .map(|(names, took)| {
            let named = by.iter().map(|by| by.name().to_owned());
            let mut row: Row = named.zip(names.into_iter().map(Value::from)).collect();
            took.write(&mut row);
            row
        })
        .collect();
    let columns: Vec<&str> = by.iter().map(|by| by.name()).chain(COLUMNS).collect();
    let json = json!({"data": &rows, "has_more": false, "next_cursor": null});
    Ok(answer(&headers, &columns, &rows, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r125_percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!([50, 90, 99].map(|p| percentile(&hundred, p)), [Some(50), Some(90), Some(99)]);
        assert_eq!([50, 90, 99].map(|p| percentile(&[7, 9], p)), [Some(7), Some(9), Some(9)]);
        assert_eq!(percentile(&[], 50), None);
    }
}
