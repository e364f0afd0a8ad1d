//! `/api/v1/workspaces`.

use super::accounts::{self, Traits, named};
use super::desk::Desk;
use super::fields::{Body, Params};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::ids::{AccountId, AccountKind};
use crate::ledger::ListFilter;
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

const KIND: AccountKind = AccountKind::Workspace;

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Workspaces), Scope::Write(Resource::Workspaces));
    let one = "/api/v1/workspaces/{id}";
    Operations::default()
        .get("/api/v1/workspaces", read, list)
        .says("Lists workspaces", 200, "[Workspace]")
        .asks(&["status", "limit", "after"])
        .post("/api/v1/workspaces", write, create)
        .says("Creates a workspace", 201, "Workspace")
        .takes("NewWorkspace")
        .global()
        .get(one, read, |desk, id| accounts::show(KIND, desk, id))
        .says("Shows a workspace", 200, "Workspace")
        .patch(one, write, |desk, id, body| accounts::patch(KIND, desk, id, body))
        .says("Changes a workspace", 200, "Workspace")
        .takes("AccountChange")
        .delete(one, write, delete)
        .says("Deletes a workspace that has no users", 204, "")
        .global()
}

async fn create(desk: Desk, Body(mut fields): Body) -> Result<Response, Problem> {
    let id = fields.required("id", value::id);
    let traits = Traits::read(&mut fields);
    let id = fields.finish(id)?;
    accounts::create(&desk, &traits.of(AccountId::workspace(&id), None, None), None).await
}

async fn list(desk: Desk, Params(fields): Params) -> Result<Json<Value>, Problem> {
    let filter = ListFilter { workspace: desk.by.workspace.clone(), ..ListFilter::default() };
    accounts::list(&desk, KIND, fields, filter).await
}

async fn delete(desk: Desk, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    if id == "default" {
        let detail = "workspace:default is where users without a workspace go; it stays";
        return Err(Problem::conflict(detail));
    }
    let id = named(KIND, &id)?;
    let deleted = accounts::delete(&desk, &id).await?;
    desk.identity.forget_workspace(&id.id).await?;
    Ok(deleted)
}
