//! `/api/v1/analytics/usage`: sums over settled calls, by anything.

use super::super::desk::Desk;
use super::super::fields::Params;
use super::super::operation::Operations;
use super::super::problem::Problem;
use super::super::requests::read_filters;
use super::super::scope::{Resource, Scope};
use super::super::value;
use super::dimension::{self, Dimension};
use super::gather::{Question, gather};
use super::metric::{FIGURES, write_figures};
use super::{Row, answer, books, span};
use crate::ledger::Sum;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

/// What `detail=true` adds.
const DETAIL: [&str; 8] = [
    "metered_requests",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "estimated_requests",
    "estimated_usd",
    "estimated_nanousd",
];

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/analytics/usage", Scope::Read(Resource::Usage), usage)
        .says("Sums over settled calls", 200, "[Sum]")
        .also(&["text/csv"])
        .asks(&[
            "user",
            "key",
            "workspace",
            "model",
            "provider",
            "credential",
            "since",
            "until",
            "group_by",
            "detail",
        ])
}

async fn usage(
    desk: Desk,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let (since, until) = span::read(&mut fields, desk.clock.now());
    let by = fields.read("group_by", dimension::list(&Dimension::ALL)).unwrap_or_default();
    let detail = fields.read("detail", value::flag).unwrap_or_default();
    let only = read_filters(&desk, &mut fields).await?;
    let asked = fields.finish(Some(Question { since, until, only, by: by.clone() }))?;
    let rows: Vec<Row> = gather(books(&desk), &asked)
        .await?
        .into_iter()
        .map(|(names, sum)| row(&by, names, &sum, detail))
        .collect();
    let more: &[&str] = if detail { &DETAIL } else { &[] };
    let columns: Vec<&str> =
        by.iter().map(|by| by.name()).chain(FIGURES).chain(more.iter().copied()).collect();
    let json = json!({"data": &rows, "has_more": false, "next_cursor": null});
    Ok(answer(&headers, &columns, &rows, json))
}

fn row(by: &[Dimension], names: Vec<String>, sum: &Sum, detail: bool) -> Row {
    let named = by.iter().map(|by| by.name().to_owned());
    let mut row: Row = named.zip(names.into_iter().map(Value::from)).collect();
    write_figures(sum, &mut row);
    if detail {
        let values: [Value; 8] = [
            sum.metered.into(),
            sum.input.into(),
            sum.cached_input.into(),
            sum.cache_write.into(),
            sum.output.into(),
            sum.estimated.into(),
            sum.estimated_cost.to_string().into(),
            sum.estimated_cost.get().into(),
        ];
        row.extend(DETAIL.map(str::to_owned).into_iter().zip(values));
    }
    row
}
