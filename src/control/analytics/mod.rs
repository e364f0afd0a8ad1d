//! `/api/v1/analytics/…`: questions about settled calls.
//!
//! One file for each question: `usage` adds up by anything, `top` ranks, `series` goes along time,
//! `latency` says how long calls took. `refusals` says what was refused, which are no settled calls. The
//! others share `gather`, which answers from the ledger's sums as
//! far as these can tell (`cover`), and from pages of events at the edges that they cannot. `metric`
//! has what is derived from sums, `saved` what caching was worth.
//!
//! Invariants: an answer from sums is the one that the events would give; memory and work are
//! bounded, and above a bound the answer says how to ask for less.

mod cover;
mod dimension;
mod gather;
mod latency;
mod metric;
mod refusals;
mod saved;
mod series;
mod span;
mod top;
mod usage;

pub(super) use dimension::Dimension;
pub(super) use gather::{Books, NoAnswer, Question, gather};
pub use latency::COLUMNS as LATENCY;
pub use metric::metric_columns;
pub use refusals::COLUMN as REFUSALS;

use super::Parts;
use super::csv;
use super::operation::Operations;
use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

pub(super) fn operations() -> Operations {
    usage::operations()
        .and(top::operations())
        .and(series::operations())
        .and(latency::operations())
        .and(refusals::operations())
}

/// What questions are answered from here.
fn books(parts: &Parts) -> Books<'_> {
    Books { registry: &*parts.registry, calendar: &parts.calendar, now: parts.clock.now() }
}

type Row = Map<String, Value>;

/// An answer in the form that is asked for: JSON, or these rows as CSV.
fn answer(headers: &HeaderMap, columns: &[&str], rows: &[Row], json: Value) -> Response {
    if csv::is_wanted(headers) { csv::sheet(columns, rows) } else { Json(json).into_response() }
}
