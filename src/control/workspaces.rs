//! `/api/v1/workspaces`.

use super::accounts::{self, Traits, named};
use super::fields::{Body, Params};
use super::problem::Problem;
use super::{Shared, value};
use crate::ids::{AccountId, AccountKind};
use crate::ledger::ListFilter;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

const KIND: AccountKind = AccountKind::Workspace;

pub(super) fn routes() -> Router<Shared> {
    let one = get(|parts, id| accounts::show(KIND, parts, id))
        .patch(|parts, id, body| accounts::patch(KIND, parts, id, body))
        .delete(delete);
    Router::new()
        .route("/api/v1/workspaces", post(create).get(list))
        .route("/api/v1/workspaces/{id}", one)
}

async fn create(State(parts): State<Shared>, Body(mut fields): Body) -> Result<Response, Problem> {
    let id = fields.required("id", value::id);
    let traits = Traits::read(&mut fields);
    let id = fields.finish(id)?;
    accounts::create(&parts, &traits.of(AccountId::workspace(&id), None, None), None).await
}

async fn list(State(parts): State<Shared>, Params(fields): Params) -> Result<Json<Value>, Problem> {
    accounts::list(&parts, KIND, fields, ListFilter::default()).await
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
