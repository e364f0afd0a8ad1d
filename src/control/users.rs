//! `/api/v1/users`.

use super::accounts::{self, named};
use super::fields::{Body, Params};
use super::problem::Problem;
use super::{Shared, value};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{AccountStatus, Change, ListFilter, NewAccount};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

const KIND: AccountKind = AccountKind::User;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/users", post(create).get(list))
        .route("/api/v1/users/{id}", get(show).patch(change).delete(delete))
        .route("/api/v1/users/{id}/suspend", post(suspend))
        .route("/api/v1/users/{id}/resume", post(resume))
}

async fn create(State(parts): State<Shared>, Body(mut fields): Body) -> Result<Response, Problem> {
    let id = fields.required("id", value::id);
    let name = fields.read("name", value::text);
    let workspace = fields.read("workspace", value::id);
    let limits = fields.read("limits", value::limits);
    let thresholds = fields.read("thresholds", value::thresholds);
    let enforcement = fields.read("enforcement", value::enforcement);
    let id = fields.finish(id)?;
    let workspace = match workspace {
        Some(workspace) => workspace,
        None => default_workspace()?,
    };
    let parent = AccountId::workspace(&workspace);
    accounts::fit(&parts, limits.as_deref().unwrap_or_default(), &[parent]).await?;
    let new = NewAccount {
        name: name.unwrap_or_else(|| id.to_string()),
        id: AccountId::user(&id),
        workspace: Some(workspace),
        limits,
        thresholds,
        enforcement,
        key: None,
    };
    let account = accounts::create(&parts, &new).await?;
    Ok(accounts::created(&account.id, accounts::shown(&parts, &account)))
}

fn default_workspace() -> Result<Id, Problem> {
    "default".parse().map_err(|e| Problem::field("/workspace", format!("{e}")))
}

async fn list(
    State(parts): State<Shared>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let workspace = fields.read("workspace", value::id);
    let filter = accounts::page_of(&mut fields, ListFilter { workspace, ..Default::default() });
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

async fn suspend(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    turn(&parts, &id, "suspend", AccountStatus::Suspended).await
}

async fn resume(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    turn(&parts, &id, "resume", AccountStatus::Active).await
}

async fn turn(
    parts: &Shared,
    id: &str,
    verb: &str,
    status: AccountStatus,
) -> Result<Json<Value>, Problem> {
    let change = Change { status: Some(status), ..Change::default() };
    let (_, after) = accounts::change(parts, &named(KIND, id)?, verb, &change).await?;
    Ok(Json(accounts::shown(parts, &after)))
}

async fn delete(
    State(parts): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    accounts::delete(&parts, &named(KIND, &id)?).await
}
