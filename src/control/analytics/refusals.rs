//! `/api/v1/analytics/refusals`: what was refused, why, and whose calls these were, by the hour.
//!
//! Refused calls are not in the ledger's events or sums; each proxy counts its own.

use super::super::desk::Desk;
use super::super::fields::{Params, Read};
use super::super::operation::Operations;
use super::super::problem::Problem;
use super::super::scope::{Resource, Scope};
use super::super::value;
use super::gather::MOST_GROUPS;
use super::{Row, answer, span};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::history::{NoRefusals, RefusedInHour};
use crate::ids::{AccountId, Id};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The field that says how many.
pub const COLUMN: &str = "refusals";
const MOST: usize = 2;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/analytics/refusals", Scope::Read(Resource::Usage), refusals)
        .says("Counts refused calls; as CSV where it is accepted", 200, "[Refusals]")
        .asks(&["refusals.by", "since", "until", "user", "workspace", "reason"])
}

/// By what refusals are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Reason,
    User,
    Workspace,
    Hour,
}

impl By {
    const ALL: [Self; 4] = [Self::Reason, Self::User, Self::Workspace, Self::Hour];

    const fn name(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::User => "user",
            Self::Workspace => "workspace",
            Self::Hour => "hour",
        }
    }

    /// What it is of a refusal; `None` where no known key was there.
    fn of(self, one: &RefusedInHour) -> Option<String> {
        let of = one.refused.of.as_ref();
        match self {
            Self::Reason => Some(one.refused.reason.clone()),
            Self::User => of.map(|(_, user)| user.to_string()),
            Self::Workspace => of.map(|(workspace, _)| workspace.to_string()),
            Self::Hour => Some(rfc3339_seconds(one.hour)),
        }
    }

    fn list(value: &Value) -> Read<Vec<Self>> {
        let mut by = Vec::new();
        for word in value::text(value)?.split(',').map(str::trim) {
            let found = Self::ALL.into_iter().find(|known| known.name() == word);
            let Some(known) = found else {
                return Err(format!("`{word}` is not one of reason, user, workspace, hour").into());
            };
            if !by.contains(&known) {
                by.push(known);
            }
        }
        if by.len() > MOST {
            return Err(format!("these are {}; name one or two", by.len()).into());
        }
        Ok(by)
    }
}

/// Which refusals are counted.
#[derive(Debug, Default)]
struct Only {
    workspace: Option<Id>,
    user: Option<Id>,
    reason: Option<String>,
}

impl Only {
    fn counts(&self, one: &RefusedInHour) -> bool {
        let is =
            |wanted: &Option<Id>, found: Option<&Id>| wanted.is_none() || wanted.as_ref() == found;
        let of = one.refused.of.as_ref();
        is(&self.workspace, of.map(|(workspace, _)| workspace))
            && is(&self.user, of.map(|(_, user)| user))
            && self.reason.as_ref().is_none_or(|reason| *reason == one.refused.reason)
    }
}

impl From<NoRefusals> for Problem {
    fn from(none: NoRefusals) -> Self {
        match none {
            NoRefusals::TooMany(most) => {
                let detail = format!(
                    "more than {most} counts of proxies by the hour: ask for a shorter span"
                );
                Self::field("?since", detail)
            }
            NoRefusals::Ledger(error) => error.into(),
        }
    }
}

async fn refusals(
    desk: Desk,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let by = fields.read("by", By::list).unwrap_or_else(|| vec![By::Reason]);
    let (since, until) = span::read(&mut fields, desk.clock.now());
    let only = Only {
        workspace: desk.within(fields.read("workspace", value::id))?,
        user: fields.read("user", value::id),
        reason: fields.read("reason", value::text),
    };
    desk.sees(only.user.as_ref().map(AccountId::user).as_ref()).await?;
    let only = fields.finish(Some(only))?;
    let counts = counts(&desk, (since, until.unwrap_or(UnixMs::MAX)), &by, &only).await?;
    let rows: Vec<Row> = counts.into_iter().map(|(names, count)| row(&by, names, count)).collect();
    let columns: Vec<&str> = by.iter().map(|by| by.name()).chain([COLUMN]).collect();
    let json = json!({"data": &rows, "has_more": false, "next_cursor": null});
    Ok(answer(&headers, &columns, &rows, json))
}

type Names = Vec<Option<String>>;

/// What is asked: along time where hours are told apart, else the most frequent first.
async fn counts(
    desk: &Desk,
    span: (UnixMs, UnixMs),
    by: &[By],
    only: &Only,
) -> Result<Vec<(Names, u64)>, Problem> {
    let mut groups: BTreeMap<Names, u64> = BTreeMap::new();
    desk.refusals
        .read(span, |one| {
            if groups.len() <= MOST_GROUPS && only.counts(&one) {
                let names = by.iter().map(|by| by.of(&one)).collect();
                let count = groups.entry(names).or_default();
                *count = count.saturating_add(one.count);
            }
        })
        .await?;
    if groups.len() > MOST_GROUPS {
        let detail =
            format!("more than {MOST_GROUPS} groups: ask for a shorter span or fewer groups");
        return Err(Problem::field("?by", detail));
    }
    let mut counts: Vec<(Names, u64)> = groups.into_iter().collect();
    let hour = by.iter().position(|by| *by == By::Hour);
    counts.sort_by_key(|(names, count)| {
        let hour = hour.and_then(|at| names.get(at).cloned().flatten());
        (hour, Reverse(*count))
    });
    Ok(counts)
}

fn row(by: &[By], names: Names, count: u64) -> Row {
    let named = by.iter().map(|by| by.name().to_owned());
    let mut row: Row = named.zip(names.into_iter().map(Value::from)).collect();
    row.insert(COLUMN.to_owned(), count.into());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r125_refusals_are_kept_apart_by_one_or_two() {
        assert_eq!(By::list(&"hour, reason,hour".into()).unwrap(), [By::Hour, By::Reason]);
        for (bad, named) in
            [("colour", "`colour`"), ("reason,user,hour", "these are 3"), ("", "``")]
        {
            assert!(By::list(&bad.into()).unwrap_err().detail.contains(named), "{bad}");
        }
    }
}
