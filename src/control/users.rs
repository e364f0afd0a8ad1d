//! `/api/v1/users`.

use super::accounts::{self, Traits, named};
use super::fields::{Body, Params};
use super::problem::Problem;
use super::{Shared, value};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{AccountStatus, Change, ListFilter};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::Value;

const KIND: AccountKind = AccountKind::User;

pub(super) fn routes() -> Router<Shared> {
    let one = get(|parts, id| accounts::show(KIND, parts, id))
        .patch(|parts, id, body| accounts::patch(KIND, parts, id, body))
        .delete(delete);
    Router::new()
        .route("/api/v1/users", post(create).get(list))
        .route("/api/v1/users/{id}", one)
        .route("/api/v1/users/{id}/suspend", turn("suspend", AccountStatus::Suspended))
        .route("/api/v1/users/{id}/resume", turn("resume", AccountStatus::Active))
}

async fn create(State(parts): State<Shared>, Body(mut fields): Body) -> Result<Response, Problem> {
    let id = fields.required("id", value::id);
    let traits = Traits::read(&mut fields);
    let workspace = fields.read("workspace", value::id);
    let id = fields.finish(id)?;
    let workspace = match workspace {
        Some(workspace) => workspace,
        None => default_workspace()?,
    };
    let parent = AccountId::workspace(&workspace);
    accounts::fit(&parts, traits.limits.as_deref().unwrap_or_default(), &[parent]).await?;
    accounts::create(&parts, &traits.of(AccountId::user(&id), Some(workspace), None), None).await
}

fn default_workspace() -> Result<Id, Problem> {
    "default".parse().map_err(|e| Problem::field("/workspace", format!("{e}")))
}

async fn list(
    State(parts): State<Shared>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let workspace = fields.read("workspace", value::id);
    let filter = ListFilter { workspace, ..ListFilter::default() };
    accounts::list(&parts, KIND, fields, filter).await
}

/// `POST` of a verb that sets nothing but the status.
fn turn(verb: &'static str, status: AccountStatus) -> MethodRouter<Shared> {
    let turned = move |State(parts): State<Shared>, Path(id): Path<String>, body: Body| async move {
        body.0.finish(Some(()))?;
        let change = Change { status: Some(status), ..Change::default() };
        let (_, after) = accounts::change(&parts, &named(KIND, &id)?, verb, &change).await?;
        Ok::<_, Problem>(Json(accounts::shown(&parts, &after)))
    };
    post(turned)
}

async fn delete(
    State(parts): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    accounts::delete(&parts, &named(KIND, &id)?).await
}
