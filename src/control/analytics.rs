//! `/api/v1/analytics/usage`: sums over settled calls, made here from pages of events.
//!
//! Memory is bounded by the number of groups, and the work by a number of events; above either the
//! answer says how to ask for less.

use super::fields::{Params, Read};
use super::problem::Problem;
use super::requests::read_filters;
use super::{Parts, Shared, value};
use crate::clock::UnixMs;
use crate::ledger::{EventQuery, UsageEvent};
use crate::limit::{Calendar, Window};
use crate::money::NanoUsd;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const PAGE: usize = 1_000;
const MOST_EVENTS: u64 = 2_000_000;
const MOST_GROUPS: usize = 20_000;
const SEVEN_DAYS: i64 = 7 * 86_400_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/analytics/usage", get(usage))
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
}

impl Dimension {
    const ALL: [(Self, &'static str); 6] = [
        (Self::User, "user"),
        (Self::Key, "key"),
        (Self::Workspace, "workspace"),
        (Self::Model, "model"),
        (Self::Provider, "provider"),
        (Self::Day, "day"),
    ];

    fn of(self, event: &UsageEvent, calendar: &Calendar) -> String {
        match self {
            Self::User => event.payers.user.to_string(),
            Self::Key => event.payers.key.to_string(),
            Self::Workspace => event.payers.workspace.to_string(),
            Self::Model => event.facts.model.clone(),
            Self::Provider => event.facts.provider.clone(),
            Self::Day => day(calendar, event.settled),
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
}

type Groups = BTreeMap<Vec<String>, Sum>;

async fn usage(
    State(parts): State<Shared>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let now = parts.clock.now();
    let mut query = read_filters(&mut fields, now);
    let by = fields.read("group_by", dimensions).unwrap_or_default();
    query = fields.finish(Some(query))?;
    query.since = query.since.or(Some(now.saturating_sub(SEVEN_DAYS)));
    query.limit = PAGE;
    let groups = sum(&parts, query, &by).await?;
    let rows: Vec<Value> = groups.into_iter().map(|(names, sum)| row(&by, names, &sum)).collect();
    Ok(Json(serde_json::json!({"data": rows, "has_more": false, "next_cursor": null})))
}

fn dimensions(value: &Value) -> Read<Vec<(Dimension, &'static str)>> {
    let mut by = Vec::new();
    for word in value::text(value)?.split(',').map(str::trim) {
        match Dimension::ALL.into_iter().find(|(_, name)| *name == word) {
            Some(known) if !by.contains(&known) => by.push(known),
            Some(_) => {}
            None => {
                let known = "user, key, workspace, model, provider, day";
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
            let sum: &mut Sum = groups.entry(names).or_default();
            sum.requests = sum.requests.saturating_add(1);
            sum.tokens = sum.tokens.saturating_add(event.usage.total_tokens());
            sum.cost = sum.cost.saturating_add(event.cost);
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

fn row(by: &[(Dimension, &'static str)], names: Vec<String>, sum: &Sum) -> Value {
    let mut row: Map<String, Value> =
        by.iter().zip(names).map(|((_, field), name)| ((*field).to_owned(), name.into())).collect();
    row.insert("requests".to_owned(), sum.requests.into());
    row.insert("tokens".to_owned(), sum.tokens.into());
    row.insert("cost_usd".to_owned(), sum.cost.to_string().into());
    row.insert("cost_nanousd".to_owned(), sum.cost.get().into());
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
