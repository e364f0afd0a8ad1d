//! `/api/v1/pricing/changes`: which listed prices in force differ from those before the last reload,
//! or from those that are built in.
//!
//! Not here: mark-ups, and what past calls would have cost (`farebox pricing diff`).

use super::config::PricesInForce;
use super::desk::Desk;
use super::fields::{Params, Read};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::clock::{UnixMs, rfc3339, rfc3339_seconds};
use crate::pricing::{Change, Compared, Difference, PriceTable, Term, compared};
use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

const PAGE: usize = 50;

/// What the prices in force are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    Previous,
    BuiltIn,
}

impl Against {
    fn read(value: &Value) -> Read<Self> {
        match value::text(value)?.as_str() {
            "previous" => Ok(Self::Previous),
            "built_in" => Ok(Self::BuiltIn),
            word => Err(format!("`{word}` is not one of previous, built_in").into()),
        }
    }
}

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/pricing/changes", Scope::Read(Resource::Pricing), list)
        .says("Lists the models whose listed prices differ from others", 200, "PriceChanges")
        .asks(&["against", "limit", "after"])
}

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let against = fields.read("against", Against::read).unwrap_or(Against::Previous);
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let after = fields.read("after", place).unwrap_or(0);
    fields.finish(Some(()))?;
    let now = desk.in_force.prices();
    let before = match against {
        Against::Previous => desk.in_force.prices_before(),
        Against::BuiltIn => None,
    };
    // A whole table is read and compared; nobody else waits for that.
    let work = move || {
        let before = match against {
            Against::Previous => before,
            Against::BuiltIn => Some(built_in()?),
        };
        Ok(Json(page(&now, before.as_ref(), limit, after)))
    };
    tokio::task::spawn_blocking(work).await.map_err(|why| broken(&why))?
}

/// A cursor: how many models the pages before had. Their names may be longer than a cursor is.
fn place(value: &Value) -> Read<usize> {
    let text = value::cursor(value)?;
    let wrong = || format!("`{text}` is not a cursor: use next_cursor of the page before");
    text.parse().map_err(|_| wrong().into())
}

fn broken(why: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the tables are not compared: {why}"))
}

/// The table of this program, read once.
fn built_in() -> Result<PricesInForce, Problem> {
    static TABLE: OnceLock<Arc<PriceTable>> = OnceLock::new();
    let table = match TABLE.get() {
        Some(table) => table.clone(),
        None => {
            let read = PriceTable::builtin().map_err(|why| broken(&why))?;
            TABLE.get_or_init(|| Arc::new(read)).clone()
        }
    };
    Ok(PricesInForce { table, source: "built in".to_owned(), since: UnixMs::MIN })
}

fn page(now: &PricesInForce, before: Option<&PricesInForce>, limit: usize, after: usize) -> Value {
    let all = before.map(|before| compared(&before.table, &now.table)).unwrap_or_default();
    let count = |what| all.iter().filter(|one| one.difference == what).count();
    let shown = all.iter().skip(after).take(limit).map(object).collect::<Vec<_>>();
    let next = after.saturating_add(limit);
    let more = next < all.len();
    json!({
        "price_version": now.table.version(),
        "source": now.source,
        "since": rfc3339(now.since),
        "against": before.map(|before| json!({
            "price_version": before.table.version(),
            "source": before.source,
            "since": (before.since > UnixMs::MIN).then(|| rfc3339(before.since)),
        })),
        "added": count(Difference::Added),
        "removed": count(Difference::Removed),
        "changed": count(Difference::Changed),
        "data": shown,
        "has_more": more,
        "next_cursor": more.then(|| next.to_string()),
    })
}

fn object(one: &Compared<'_>) -> Value {
    let term = |Term { name, old, new }: Term| json!({"name": name, "old": old, "new": new});
    json!({
        "provider": one.provider,
        "model": one.model,
        "difference": one.difference.as_str(),
        "prices": one.prices().iter().map(price).collect::<Vec<_>>(),
        "terms": one.terms().into_iter().map(term).collect::<Vec<_>>(),
    })
}

fn price(change: &Change) -> Value {
    let percent = change.percent().to_string();
    let percent = percent.trim_start_matches('+').trim_end_matches(" %");
    json!({
        "tier": change.condition.tier(),
        "hours": change.condition.hours(),
        "from": (change.from > UnixMs::MIN).then(|| rfc3339_seconds(change.from)),
        "long": change.long,
        "class": change.class.name(),
        "old": change.old.map(|old| change.written(Some(old))),
        "new": change.new.map(|new| change.written(Some(new))),
        "percent": serde_json::from_str::<Value>(percent).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force(models: &[(&str, &str)]) -> PricesInForce {
        let each = models.iter().map(|(id, input)| {
            format!(
                "[[model]]\nid = '{id}'\nprovider = 'p'\n[[model.price]]\ninput = '{input}'\n\
                 output = '2'\n"
            )
        });
        let table = Arc::new(PriceTable::parse(&each.collect::<String>()).unwrap());
        PricesInForce { table, source: "prices.toml".to_owned(), since: 0 }
    }

    #[test]
    fn pages_follow_one_another_and_none_is_missed() {
        let long = "arn:aws:bedrock:".repeat(40);
        let (old, new) = (
            in_force(&[("a", "1"), (&long, "1"), ("b", "1"), ("b-c", "1"), ("d", "1")]),
            in_force(&[("a", "2"), (&long, "2"), ("b", "2"), ("b-c", "2"), ("d", "1"), ("é", "1")]),
        );
        let mut after = 0;
        let mut found = Vec::new();
        loop {
            let page = page(&new, Some(&old), 1, after);
            assert_eq!(
                (&page["changed"], &page["added"], &page["removed"]),
                (&4.into(), &1.into(), &0.into())
            );
            found.extend(page["data"].as_array().unwrap().iter().map(|one| one["model"].clone()));
            let next = &page["next_cursor"];
            assert_eq!(page["has_more"], !next.is_null());
            if next.is_null() {
                break;
            }
            after = place(next).unwrap();
        }
        assert_eq!(found, ["a", &long, "b", "b-c", "é"]);
        let beyond = page(&new, Some(&old), 50, usize::MAX);
        assert_eq!((&beyond["data"], &beyond["has_more"]), (&json!([]), &json!(false)));
        for bad in ["-1", "x", "1.5"] {
            assert!(place(&json!(bad)).unwrap_err().detail.contains("next_cursor"), "{bad}");
        }
    }

    #[test]
    fn a_change_says_by_how_much() {
        let (old, new) = (in_force(&[("a", "2")]), in_force(&[("a", "2.25")]));
        let shown = page(&new, Some(&old), 50, 0);
        assert_eq!(
            shown["data"],
            json!([{"provider": "p", "model": "a", "difference": "changed", "terms": [], "prices": [{
                "tier": null, "hours": null, "from": null, "long": false, "class": "input",
                "old": "2", "new": "2.25", "percent": 12.5,
            }]}])
        );
        assert_eq!(page(&new, None, 50, 0)["against"], Value::Null);
    }
}
