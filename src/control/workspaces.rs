//! `/api/v1/workspaces`.

use super::accounts::{self, named};
use super::fields::{Body, Params};
use super::problem::Problem;
use super::{Shared, value};
use crate::ids::{AccountId, AccountKind};
use crate::ledger::{ListFilter, NewAccount};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

const KIND: AccountKind = AccountKind::Workspace;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/workspaces", post(create).get(list))
        .route("/api/v1/workspaces/{id}", get(show).patch(change).delete(delete))
}

async fn create(State(parts): State<Shared>, Body(mut fields): Body) -> Result<Response, Problem> {
    let id = fields.required("id", value::id);
    let name = fields.read("name", value::text);
    let limits = fields.read("limits", value::limits);
    let thresholds = fields.read("thresholds", value::thresholds);
    let enforcement = fields.read("enforcement", value::enforcement);
    let id = fields.finish(id)?;
    let new = NewAccount {
        name: name.unwrap_or_else(|| id.to_string()),
        id: AccountId::workspace(&id),
        workspace: None,
        limits,
        thresholds,
        enforcement,
        key: None,
    };
    let account = accounts::create(&parts, &new).await?;
    Ok(accounts::created(&account.id, accounts::shown(&parts, &account)))
}

async fn list(
    State(parts): State<Shared>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let filter = accounts::page_of(&mut fields, ListFilter::default());
    let filter = fields.finish(Some(filter))?;
    let page = parts.registry.accounts(KIND, &filter).await?;
    Ok(accounts::listed(page, |account| accounts::shown(&parts, account)))
}

async fn show(State(parts): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    accounts::show(&parts, &named(KIND, &id)?).await
}

async fn change(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let id = named(KIND, &id)?;
    let change = accounts::read_change(&mut fields, KIND);
    let change = fields.finish(Some(change))?;
    let (_, after) = accounts::change(&parts, &id, "update", &change).await?;
    Ok(Json(accounts::shown(&parts, &after)))
}

async fn delete(
    State(parts): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if id == "default" {
        let detail = "workspace:default is where users without a workspace go; it stays";
        return Err(Problem::conflict(detail));
    }
    accounts::delete(&parts, &named(KIND, &id)?).await
}
