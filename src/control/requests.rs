//! `/api/v1/requests`, `/api/v1/ledger/*`: what happened, and whether the ledger is sound.

use super::accounts::listed;
use super::fields::{Fields, Params};
use super::problem::Problem;
use super::{Shared, value};
use crate::clock::{UnixMs, rfc3339};
use crate::ids::CallId;
use crate::ledger::{EventQuery, UsageEvent};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

const PAGE: usize = 50;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/requests", get(list))
        .route("/api/v1/requests/{id}", get(show))
        .route("/api/v1/ledger", get(ledger))
        .route("/api/v1/ledger/verify", get(verify))
        .route("/api/v1/ledger/orphans", get(orphans))
}

/// The filters that every reading of events takes.
pub(super) fn read_filters(fields: &mut Fields, now: UnixMs) -> EventQuery {
    EventQuery {
        since: fields.read("since", value::past(now)),
        until: fields.read("until", value::past(now)),
        user: fields.read("user", value::id),
        key: fields.read("key", value::id),
        workspace: fields.read("workspace", value::id),
        model: fields.read("model", value::text),
        provider: fields.read("provider", value::text),
        ..EventQuery::default()
    }
}

async fn list(State(parts): State<Shared>, params: Params) -> Result<Json<Value>, Problem> {
    page(&parts, params, false).await
}

async fn orphans(State(parts): State<Shared>, params: Params) -> Result<Json<Value>, Problem> {
    page(&parts, params, true).await
}

async fn page(
    parts: &Shared,
    Params(mut fields): Params,
    orphaned: bool,
) -> Result<Json<Value>, Problem> {
    let mut query = read_filters(&mut fields, parts.clock.now());
    query.limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    query.after = fields.read("after", value::cursor);
    query.orphaned = orphaned;
    let query = fields.finish(Some(query))?;
    Ok(listed(parts.registry.events(&query).await?, event))
}

async fn show(State(parts): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, format!("no settled call has the id {id}"));
    let call: CallId = id.parse().map_err(|_| missing())?;
    let found = parts.registry.event(call).await?.ok_or_else(missing)?;
    Ok(Json(event(&found)))
}

/// Where days, weeks and months begin.
async fn ledger(
    State(parts): State<Shared>,
    Params(fields): Params,
) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    Ok(Json(json!({ "timezone": parts.calendar.zone_name() })))
}

async fn verify(
    State(parts): State<Shared>,
    Params(fields): Params,
) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    let found = parts.registry.verify().await?;
    Ok(Json(json!({
        "ok": found.violations.is_empty(),
        "checked": found.checked,
        "violations": found.violations,
    })))
}

/// The object of a settled call.
fn event(event: &UsageEvent) -> Value {
    json!({
        "id": event.id,
        "started": rfc3339(event.facts.started),
        "settled": rfc3339(event.settled),
        "user": event.payers.user,
        "key": event.payers.key,
        "workspace": event.payers.workspace,
        "provider": event.facts.provider,
        "credential": event.facts.credential,
        "dialect": event.facts.dialect,
        "model": event.facts.model,
        "service_tier": event.service_tier,
        "status": event.status,
        "ending": event.ending.as_str(),
        "estimated": event.estimated,
        "usage": event.usage.to_json(),
        "cost_usd": event.cost.to_string(),
        "cost_nanousd": event.cost,
        "price_version": event.facts.price_version,
        "provider_cost_usd": event.provider_cost.map(|cost| cost.to_string()),
        "held_nanousd": event.held,
        "ttft_ms": event.ttft_ms,
        "duration_ms": event.duration_ms,
    })
}
