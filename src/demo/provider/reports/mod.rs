//! What a provider tells an administrator of the account: what was used, and what it costs. Made
//! from the bill alone, priced by the provider's own list and never rounded.
//!
//! Here: which report, the query, buckets of time and pages of buckets. The files below word them,
//! one for each vendor. Not simulated: filters, and grouping by anything but the model.

mod anthropic;
mod costs;
mod openai;
mod openrouter;
mod query;

use super::bill::{Bill, BillEntry};
use super::failure::Failure;
use super::route::Report;
use crate::usage::Usage;
use http::StatusCode;
use query::{Paging, Query};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A report, as JSON.
pub(super) fn answer(report: Report, query: Option<&str>, bill: &Bill) -> Result<String, Failure> {
    let query = Query::read(query.unwrap_or_default());
    let answer = match report {
        Report::OpenAiUsage(kind) => openai::usage(kind, &query, bill),
        Report::OpenAiCosts => openai::costs(&query, bill),
        Report::AnthropicUsage => anthropic::usage(&query, bill),
        Report::AnthropicCosts => anthropic::costs(&query, bill),
        Report::Activity => openrouter::activity(&query, bill),
    };
    answer.map_err(|why| Failure::invalid(StatusCode::BAD_REQUEST, why, None))
}

/// What was used of one model in one bucket.
#[derive(Debug, Default)]
struct Used {
    requests: u64,
    usage: Usage,
}

/// What was used in each bucket of a page, by model where that is asked for; the empty name else.
fn used(
    bill: &Bill,
    paging: &Paging,
    by_model: bool,
    of: impl Fn(&BillEntry) -> bool,
) -> Vec<BTreeMap<String, Used>> {
    let mut buckets: Vec<BTreeMap<String, Used>> =
        paging.buckets().map(|_| BTreeMap::new()).collect();
    bill.shown_to(|entries| {
        for entry in entries.iter().filter(|entry| of(entry)) {
            let place = paging.place(entry.at.div_euclid(1000));
            let Some(bucket) = place.and_then(|place| buckets.get_mut(place)) else { continue };
            let model = if by_model { entry.model.to_string() } else { String::new() };
            let used = bucket.entry(model).or_default();
            used.requests += 1;
            used.usage = used.usage.plus(&entry.usage());
        }
    });
    buckets
}
