//! `/api/v1/analytics/series`: figures along time, in buckets of a minute, an hour or a day.

use super::super::desk::Desk;
use super::super::fields::{Params, Read};
use super::super::operation::Operations;
use super::super::problem::Problem;
use super::super::requests::read_filters;
use super::super::scope::{Resource, Scope};
use super::super::{Parts, value};
use super::dimension::{self, Dimension};
use super::gather::Question;
use super::metric::{Figures, Metric};
use super::{Row, answer, saved, span};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ledger::Tier;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Two days of minutes, four months of hours, eight years of days.
const MOST_BUCKETS: usize = 3_000;
/// By so many things results are kept apart at most.
const MOST_GROUPED: usize = 2;
const SEVEN_DAYS: i64 = 7 * 86_400_000;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/analytics/series", Scope::Read(Resource::Usage), series)
        .says("Figures along time", 200, "Series")
        .also(&["text/csv"])
        .asks(&[
            "metric",
            "series.group_by",
            "bucket",
            "series.start_time",
            "series.end_time",
            "user",
            "key",
            "workspace",
            "model",
            "provider",
            "credential",
        ])
}

/// Begin and end of each bucket, with its name among the groups.
type Buckets = Vec<(UnixMs, UnixMs, String)>;

async fn series(
    desk: Desk,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let now = desk.clock.now();
    let metric = fields.read("metric", Metric::read).unwrap_or(Metric::Cost);
    let bucket = fields.read("bucket", tier).unwrap_or(Tier::Day);
    let group_by = fields.read("group_by", two).unwrap_or_default();
    let start = fields.read("start_time", span::moment(now)).unwrap_or(now - SEVEN_DAYS);
    let end = fields.read("end_time", span::moment(now));
    let only = read_filters(&desk, &mut fields).await?;
    let only = fields.finish(Some(only))?;
    let since = desk.calendar.begins(bucket.window(), start).unwrap_or(start);
    let buckets = buckets(&desk, bucket, (since, end.unwrap_or(now).min(now)))?;
    let by = std::iter::once(of_time(bucket)).chain(group_by.iter().copied()).collect();
    let asked = Question { since, until: end, only, by };
    let figures = saved::figures(&desk, asked, metric.of_cache()).await?;

    let names: Vec<&str> = group_by.iter().map(|by| by.name()).collect();
    let results = results(figures, &names, metric);
    let (mut data, mut rows) = (Vec::new(), Vec::new());
    for (begins, ends, name) in buckets {
        let found = match results.get(&name) {
            Some(results) => results.clone(),
            None if group_by.is_empty() => vec![written(&names, &[], &Figures::default(), metric)],
            None => Vec::new(),
        };
        let (begins, ends) = (rfc3339_seconds(begins), rfc3339_seconds(ends));
        data.push(json!({"start_time": &begins, "end_time": &ends, "results": &found}));
        rows.extend(found.into_iter().map(|mut row| {
            row.insert("start_time".to_owned(), begins.as_str().into());
            row.insert("end_time".to_owned(), ends.as_str().into());
            row
        }));
    }
    let columns: Vec<&str> = ["start_time", "end_time"]
        .into_iter()
        .chain(names.iter().copied())
        .chain(metric.columns())
        .collect();
    let json = json!({
        "metric": metric.name(),
        "bucket": bucket.as_str(),
        "group_by": names,
        "data": data,
    });
    Ok(answer(&headers, &columns, &rows, json))
}

/// The results of each bucket, by its name.
fn results(
    figures: BTreeMap<Vec<String>, Figures>,
    names: &[&str],
    metric: Metric,
) -> BTreeMap<String, Vec<Row>> {
    let mut results: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for (group, figures) in figures {
        let Some((bucket, group)) = group.split_first() else { continue };
        let row = written(names, group, &figures, metric);
        results.entry(bucket.clone()).or_default().push(row);
    }
    results
}

fn written(names: &[&str], group: &[String], figures: &Figures, metric: Metric) -> Row {
    let named = names.iter().zip(group);
    let mut row: Row =
        named.map(|(name, text)| ((*name).to_owned(), text.as_str().into())).collect();
    metric.write(figures, &mut row);
    row
}

fn buckets(
    parts: &Parts,
    tier: Tier,
    (since, until): (UnixMs, UnixMs),
) -> Result<Buckets, Problem> {
    let mut buckets = Buckets::new();
    let mut at = since;
    while at <= until {
        let end = parts.calendar.ends(tier.window(), at).filter(|end| *end > at);
        let Some(end) = end else { break };
        if at == until && !buckets.is_empty() {
            break;
        }
        if buckets.len() == MOST_BUCKETS {
            let detail = format!(
                "a {} each from {} on makes more than {MOST_BUCKETS} buckets: ask for a later \
                 `start_time`, an earlier `end_time` or a longer `bucket`",
                tier.as_str(),
                rfc3339_seconds(since)
            );
            return Err(Problem::field("?start_time", detail));
        }
        buckets.push((at, end, of_time(tier).at(at, &parts.calendar)));
        at = end;
    }
    Ok(buckets)
}

const fn of_time(tier: Tier) -> Dimension {
    match tier {
        Tier::Minute => Dimension::Minute,
        Tier::Hour => Dimension::Hour,
        Tier::Day => Dimension::Day,
    }
}

fn tier(value: &Value) -> Read<Tier> {
    let word = value::text(value)?;
    let found = Tier::ALL.into_iter().find(|tier| tier.as_str() == word);
    found.ok_or_else(|| format!("`{word}` is not one of minute, hour, day").into())
}

fn two(value: &Value) -> Read<Vec<Dimension>> {
    let by = dimension::list(&Dimension::OF_CALLS)(value)?;
    if by.len() > MOST_GROUPED {
        let detail =
            format!("at most {MOST_GROUPED}: `{}` names {}", value::text(value)?, by.len());
        return Err(detail.into());
    }
    Ok(by)
}
