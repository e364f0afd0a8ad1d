//! `/api/v1/analytics/usage`: sums over settled calls, made here from pages of events.
//!
//! Memory is bounded by the number of groups, and the work by a number of events; above either the
//! answer says how to ask for less.

use super::desk::Desk;
use super::fields::{Params, Read};
use super::operation::Operations;
use super::problem::Problem;
use super::requests::read_filters;
use super::scope::{Resource, Scope};
use super::{Parts, value};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ledger::{EventQuery, UsageEvent};
use crate::limit::{Calendar, Window};
use crate::money::NanoUsd;
use crate::usage::{Figure, Usage};
use axum::Json;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const PAGE: usize = 1_000;
const MOST_EVENTS: u64 = 2_000_000;
const MOST_GROUPS: usize = 20_000;
const HOUR: i64 = 3_600_000;
const SEVEN_DAYS: i64 = 7 * 86_400_000;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/analytics/usage", Scope::Read(Resource::Usage), usage)
        .says("Sums over settled calls", 200, "[Sum]")
        .asks(&[
            "user",
            "key",
            "workspace",
            "model",
            "provider",
            "since",
            "until",
            "group_by",
            "detail",
        ])
}

/// By what sums are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    User,
    Key,
    Workspace,
    Model,
    Provider,
    Day,
    Hour,
}

impl Dimension {
    const ALL: [(Self, &'static str); 7] = [
        (Self::User, "user"),
        (Self::Key, "key"),
        (Self::Workspace, "workspace"),
        (Self::Model, "model"),
        (Self::Provider, "provider"),
        (Self::Day, "day"),
        (Self::Hour, "hour"),
    ];

    fn of(self, event: &UsageEvent, calendar: &Calendar) -> String {
        match self {
            Self::User => event.payers.user.to_string(),
            Self::Key => event.payers.key.to_string(),
            Self::Workspace => event.payers.workspace.to_string(),
            Self::Model => event.facts.model.clone(),
            Self::Provider => event.facts.provider.clone(),
            Self::Day => day(calendar, event.settled),
            Self::Hour => rfc3339_seconds(event.settled.div_euclid(HOUR).saturating_mul(HOUR)),
        }
    }
}

/// `2026-11-24` in the ledger's time zone.
fn day(calendar: &Calendar, at: UnixMs) -> String {
    let digits = format!("{:08}", calendar.period(Window::Day, at));
    let (year, rest) = digits.split_at(4);
    let (month, day) = rest.split_at(2);
    format!("{year}-{month}-{day}")
}

#[derive(Debug, Default)]
struct Sum {
    requests: u64,
    tokens: u64,
    cost: NanoUsd,
    detail: Detail,
}

impl Sum {
    fn add(&mut self, event: &UsageEvent) {
        self.requests = self.requests.saturating_add(event.requests.unsigned_abs());
        self.tokens = self.tokens.saturating_add(event.usage.total_tokens());
        self.cost = self.cost.saturating_add(event.cost);
        self.detail.add(event);
    }
}

/// What is told where `detail=true` asks for it.
#[derive(Debug, Default)]
struct Detail {
    /// Calls that used anything: not those that failed, nor polls of what was charged before.
    metered: u64,
    usage: Usage,
    estimated: u64,
    estimated_cost: NanoUsd,
}

impl Detail {
    fn add(&mut self, event: &UsageEvent) {
        let used = event.cost != NanoUsd::ZERO || event.usage.reported().any(|(_, n)| n > 0);
        self.metered = self.metered.saturating_add(used.into());
        self.usage = self.usage.plus(&event.usage);
        if event.estimated {
            self.estimated = self.estimated.saturating_add(1);
            self.estimated_cost = self.estimated_cost.saturating_add(event.cost);
        }
    }

    fn fields(&self) -> [(&'static str, Value); 8] {
        let count = |figure| Value::from(self.usage.count(figure));
        [
            ("metered_requests", self.metered.into()),
            ("input_tokens", count(Figure::InputTotal)),
            ("cached_input_tokens", count(Figure::CachedRead)),
            ("cache_write_tokens", count(Figure::CacheWrite)),
            ("output_tokens", count(Figure::OutputTotal)),
            ("estimated_requests", self.estimated.into()),
            ("estimated_usd", self.estimated_cost.to_string().into()),
            ("estimated_nanousd", self.estimated_cost.get().into()),
        ]
    }
}

type Groups = BTreeMap<Vec<String>, Sum>;

async fn usage(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let now = desk.clock.now();
    let mut query = read_filters(&desk, &mut fields).await?;
    let by = fields.read("group_by", dimensions).unwrap_or_default();
    let detail = fields.read("detail", value::flag).unwrap_or_default();
    query = fields.finish(Some(query))?;
    query.since = query.since.or(Some(now.saturating_sub(SEVEN_DAYS)));
    query.limit = PAGE;
    let groups = sum(&desk, query, &by).await?;
    let rows: Vec<Value> =
        groups.into_iter().map(|(names, sum)| row(&by, names, &sum, detail)).collect();
    Ok(Json(serde_json::json!({"data": rows, "has_more": false, "next_cursor": null})))
}

fn dimensions(value: &Value) -> Read<Vec<(Dimension, &'static str)>> {
    let mut by = Vec::new();
    for word in value::text(value)?.split(',').map(str::trim) {
        match Dimension::ALL.into_iter().find(|(_, name)| *name == word) {
            Some(known) if !by.contains(&known) => by.push(known),
            Some(_) => {}
            None => {
                let known = "user, key, workspace, model, provider, day, hour";
                return Err(format!("`{word}` is not one of {known}").into());
            }
        }
    }
    Ok(by)
}

async fn sum(
    parts: &Parts,
    mut query: EventQuery,
    by: &[(Dimension, &'static str)],
) -> Result<Groups, Problem> {
    let mut groups = Groups::new();
    let mut seen: u64 = 0;
    loop {
        let page = parts.registry.events(&query).await?;
        for event in &page.entries {
            let names = by.iter().map(|(d, _)| d.of(event, &parts.calendar)).collect();
            groups.entry(names).or_default().add(event);
        }
        seen = seen.saturating_add(page.entries.len().try_into().unwrap_or(u64::MAX));
        if seen > MOST_EVENTS || groups.len() > MOST_GROUPS {
            let detail = format!(
                "more than {MOST_EVENTS} calls or {MOST_GROUPS} groups: ask for a later `since` \
                 or fewer groups"
            );
            return Err(Problem::field("?since", detail));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(groups),
        }
    }
}

fn row(by: &[(Dimension, &'static str)], names: Vec<String>, sum: &Sum, detail: bool) -> Value {
    let mut row: Map<String, Value> =
        by.iter().zip(names).map(|((_, field), name)| ((*field).to_owned(), name.into())).collect();
    row.insert("requests".to_owned(), sum.requests.into());
    row.insert("tokens".to_owned(), sum.tokens.into());
    row.insert("cost_usd".to_owned(), sum.cost.to_string().into());
    row.insert("cost_nanousd".to_owned(), sum.cost.get().into());
    if detail {
        row.extend(sum.detail.fields().map(|(name, value)| (name.to_owned(), value)));
    }
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_with_dashes() {
        assert_eq!(day(&Calendar::default(), 1_794_000_000_000), "2026-11-06");
    }

    #[test]
    fn unknown_groups_are_named() {
        let by = dimensions(&"user,day,user".into()).unwrap();
        assert_eq!(by.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["user", "day"]);
        assert!(dimensions(&"user,colour".into()).unwrap_err().detail.contains("colour"));
    }
}
