//! `/api/v1/snapshots`: how workspaces stood at every interval of the past, newest first.

use super::accounts::{PAGE, listed};
use super::csv;
use super::desk::Desk;
use super::fields::Params;
use super::operation::Operations;
use super::problem::Problem;
use super::requests::next_page;
use super::scope::{Resource, Scope};
use super::value;
use crate::clock::rfc3339_seconds;
use crate::ledger::{Snapshot, SnapshotQuery};
use axum::http::header::LINK;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The columns of CSV.
const COLUMNS: [&str; 9] = [
    "id",
    "workspace_id",
    "snapshot_time",
    "requests_per_minute",
    "requests_per_day",
    "tokens_used",
    "error_count",
    "status",
    "metadata",
];

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/snapshots", Scope::Read(Resource::Usage), list)
        .says("Lists how workspaces stood at every interval, newest first", 200, "[Snapshot]")
        .also(&["text/csv"])
        .asks(&["workspace", "since", "until", "limit", "after"])
}

async fn list(
    desk: Desk,
    uri: Uri,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let now = desk.clock.now();
    let query = SnapshotQuery {
        workspace: fields.read("workspace", value::id),
        since: fields.read("since", value::past(now)),
        until: fields.read("until", value::past(now)),
        limit: fields.read("limit", value::page_length).unwrap_or(PAGE),
        after: fields.read("after", value::cursor),
    };
    let query = fields.finish(Some(query))?;
    let query = SnapshotQuery { workspace: desk.within(query.workspace.clone())?, ..query };
    let page = desk.snapshots.snapshots(&query).await?;
    if !csv::is_wanted(&headers) {
        return Ok(listed(page, object).into_response());
    }
    let lines: Vec<String> = page.entries.iter().map(|one| line(&object(one))).collect();
    let mut sheet = csv::lines(&COLUMNS.join(","), &lines);
    let link = page.next.map(|next| next_page(&uri, &next));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        sheet.headers_mut().insert(LINK, link);
    }
    Ok(sheet)
}

fn line(object: &Value) -> String {
    csv::line(COLUMNS.iter().map(|name| &object[*name]))
}

/// The object of a snapshot.
fn object(snapshot: &Snapshot) -> Value {
    json!({
        "id": snapshot.id(),
        "workspace_id": snapshot.workspace,
        "snapshot_time": rfc3339_seconds(snapshot.at),
        "requests_per_minute": snapshot.minute_requests,
        "requests_per_day": snapshot.day_requests,
        "tokens_used": snapshot.month_tokens,
        "error_count": snapshot.day_failed,
        "status": snapshot.status.as_str(),
        "metadata": {
            "interval_seconds": snapshot.every_ms / 1_000,
            "day_cost_usd": snapshot.day_cost.to_string(),
            "day_cost_nanousd": snapshot.day_cost,
            "month_cost_usd": snapshot.month_cost.to_string(),
            "month_cost_nanousd": snapshot.month_cost,
            "held_nanousd": snapshot.held,
        },
    })
}
