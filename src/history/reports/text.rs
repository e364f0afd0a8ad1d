//! A report as plain text: for mails, terminals and `Accept: text/plain`. Pure.
//!
//! Invariant: no name puts a control character into it.

use super::{Part, Report, dearest, percent};
use crate::clock::rfc3339_seconds;
use crate::history::Forecast;
use crate::ledger::shown_amount;
use crate::limit::Meter;
use std::fmt::Write;

/// How many entries a list has; the others are added up.
pub(super) const MOST: usize = 20;

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut text = format!("{} ({})\n\n", report.title(), report.zone);
    for (name, figure) in facts(report) {
        let _ = writeln!(text, "{name:<11}{figure}");
    }
    for (head, parts) in lists(report) {
        let _ = write!(text, "\n{head}\n");
        let lines = rows(parts, report.total.sum.cost.get());
        let width = lines.iter().map(|line| line[0].chars().count()).max().unwrap_or(0);
        for [name, cost, share, requests] in lines {
            let _ = writeln!(text, "  {name:<width$}  {cost:>14}  {share:>6}  {requests:>10}");
        }
    }
    if !report.movers.is_empty() {
        text.push_str("\nChanged most\n");
        for part in &report.movers {
            let _ = writeln!(text, "  {}", moved(part));
        }
    }
    if !report.near.is_empty() {
        text.push_str("\nNear their limit\n");
        for told in &report.near {
            let _ = writeln!(text, "  {}: {}", told.account, expected(told));
        }
    }
    text
}

/// What is said of the whole: names and figures.
pub fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (sum, before) = (&report.total.sum, &report.total.before);
    let percent = |part, whole| {
        percent(part, whole).map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}%"))
    };
    let change = match before.cost.get() {
        0 => "nothing was spent before".to_owned(),
        cost => {
            let sign = if report.total.change() > 0 { "+" } else { "" };
            format!(
                "{sign}{} against ${} before",
                percent(report.total.change(), cost),
                before.cost
            )
        }
    };
    let tokens = |n| shown_amount(Meter::Tokens, n);
    let estimated = percent(sum.estimated_cost.get(), sum.cost.get());
    vec![
        ("Spent", format!("${} ({change})", sum.cost)),
        ("Requests", format!("{} ({} failed)", count(sum.requests), count(sum.failed))),
        ("Tokens", tokens(sum.tokens())),
        ("Cache", format!("{} of the input", percent(sum.cached_input, sum.input))),
        ("Estimated", format!("${} ({estimated})", sum.estimated_cost)),
    ]
}

/// The lists of a report, with their heads.
pub(super) fn lists(report: &Report) -> [(&'static str, &[Part]); 3] {
    [
        ("By user", &report.by_user),
        ("By model", &report.by_model),
        ("By provider", &report.by_provider),
    ]
}

/// Name, cost, share and requests of the dearest, and of the others together.
pub(super) fn rows(parts: &[Part], total: i64) -> Vec<[String; 4]> {
    let row = |name: String, part: &Part| {
        let share = percent(part.sum.cost.get(), total).unwrap_or(0.0);
        let (cost, requests) = (format!("${}", part.sum.cost), count(part.sum.requests));
        [name, cost, format!("{share:.1}%"), requests]
    };
    let (first, others) = dearest(parts, MOST);
    let mut rows: Vec<_> = first.iter().map(|part| row(name(part), part)).collect();
    if let Some((many, others)) = others {
        rows.push(row(format!("others ({many})"), &others));
    }
    if rows.is_empty() {
        rows.push(["nobody and nothing", "$0", "-", "0"].map(str::to_owned));
    }
    rows
}

/// `alice: +$4.2, now $10`.
pub(super) fn moved(part: &Part) -> String {
    let change = part.change();
    let (sign, size) = (if change < 0 { '-' } else { '+' }, change.saturating_abs());
    let size = crate::money::NanoUsd::new(size);
    format!("{}: {sign}${size}, now ${}", name(part), part.sum.cost)
}

/// What is expected of an account near its limit.
pub(super) fn expected(told: &Forecast) -> String {
    let limit = told.limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    let when = match told.exhausts {
        Some(at) => format!("used up {}", rfc3339_seconds(at)),
        None => "not used up in this period".to_owned(),
    };
    format!("${} of {limit}, ${} expected at its end, {when}", told.used, told.projected)
}

fn name(part: &Part) -> String {
    if part.name.is_empty() {
        return "-".to_owned();
    }
    part.name.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A number with commas.
fn count(n: i64) -> String {
    shown_amount(Meter::Requests, n)
}
