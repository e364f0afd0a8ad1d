//! `/api/v1/analytics/top`: who or what comes first.

use super::super::desk::Desk;
use super::super::fields::{Params, Read};
use super::super::operation::Operations;
use super::super::problem::Problem;
use super::super::requests::read_filters;
use super::super::scope::{Resource, Scope};
use super::super::value;
use super::dimension::{self, Dimension};
use super::gather::Question;
use super::metric::{FIGURES, Figures, Metric, write_figures};
use super::{Row, answer, saved, span};
use crate::ledger::Sum;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use std::cmp::Reverse;

const USUAL: usize = 10;
const MOST: usize = 1_000;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/analytics/top", Scope::Read(Resource::Usage), top)
        .says("Ranks by a metric", 200, "Ranking")
        .also(&["text/csv"])
        .asks(&[
            "by",
            "metric",
            "top.limit",
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

async fn top(
    desk: Desk,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let by = fields.required("by", one).unwrap_or(Dimension::User);
    let metric = fields.read("metric", Metric::read).unwrap_or(Metric::Cost);
    let limit = fields.read("limit", length).unwrap_or(USUAL);
    let (since, until) = span::read(&mut fields, desk.clock.now());
    let only = read_filters(&desk, &mut fields).await?;
    let asked = fields.finish(Some(Question { since, until, only, by: vec![by] }))?;
    let figures = saved::figures(&desk, asked, metric.of_cache()).await?;
    let total = figures.values().fold(Sum::default(), |sum, one| sum.plus(&one.sum));
    let mut ranked: Vec<(String, Figures)> =
        figures.into_iter().map(|(names, figures)| (names.concat(), figures)).collect();
    ranked.sort_by_cached_key(|(name, figures)| (Reverse(metric.rank(figures)), name.clone()));
    let groups = ranked.len();
    let rows: Vec<Row> = ranked
        .into_iter()
        .take(limit)
        .map(|(name, figures)| {
            let mut row = Row::from_iter([(by.name().to_owned(), name.into())]);
            metric.write(&figures, &mut row);
            row
        })
        .collect();
    let columns: Vec<&str> = std::iter::once(by.name()).chain(metric.columns()).collect();
    let mut all = Row::new();
    write_figures(&total, &mut all);
    debug_assert_eq!(all.len(), FIGURES.len());
    let json = json!({"data": &rows, "total": all, "groups": groups});
    Ok(answer(&headers, &columns, &rows, json))
}

fn one(value: &Value) -> Read<Dimension> {
    dimension::one(&value::text(value)?, &Dimension::OF_CALLS)
}

fn length(value: &Value) -> Read<usize> {
    match value.as_str().and_then(|text| text.parse().ok()) {
        Some(n) if (1..=MOST).contains(&n) => Ok(n),
        _ => {
            let shown: String = value.as_str().unwrap_or_default().chars().take(80).collect();
            Err(format!("`{shown}` is not a number from 1 to {MOST}").into())
        }
    }
}
