//! Settled calls as CSV: the columns, and the line of a call's object. Pure.

use super::csv;
use crate::usage::Figure;
use serde_json::Value;

/// The columns beside those of usage, as the fields of a call.
const BEFORE: [&str; 14] = [
    "id",
    "started",
    "settled",
    "user",
    "key",
    "workspace",
    "provider",
    "credential",
    "dialect",
    "model",
    "service_tier",
    "status",
    "ending",
    "estimated",
];
const AFTER: [&str; 7] = [
    "cost_usd",
    "cost_nanousd",
    "price_version",
    "provider_cost_usd",
    "held_nanousd",
    "ttft_ms",
    "duration_ms",
];

/// The names of the columns; those of usage are `usage.NAME`.
pub fn head() -> String {
    let usage = Figure::ALL.iter().map(|figure| format!("usage.{}", figure.name()));
    let plain = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = plain(&BEFORE).into_iter().chain(usage).chain(plain(&AFTER));
    all.collect::<Vec<_>>().join(",")
}

/// The line of a call, of which this is the object.
pub fn line(call: &Value) -> String {
    let usage = Figure::ALL.iter().map(|figure| &call["usage"][figure.name()]);
    let (before, after) = (BEFORE.iter(), AFTER.iter());
    csv::line(before.map(|name| &call[*name]).chain(usage).chain(after.map(|n| &call[*n])))
}
