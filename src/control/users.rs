//! `/api/v1/users`.

use super::accounts::{self, Traits, named};
use super::condition::Tagged;
use super::desk::Desk;
use super::fields::{Body, Params};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{AccountStatus, Change, ListFilter};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

const KIND: AccountKind = AccountKind::User;

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Users), Scope::Write(Resource::Users));
    let one = "/api/v1/users/{id}";
    let suspend = |desk, id, body| turn("suspend", AccountStatus::Suspended, desk, id, body);
    let resume = |desk, id, body| turn("resume", AccountStatus::Active, desk, id, body);
    Operations::default()
        .get("/api/v1/users", read, list)
        .says("Lists users", 200, "[User]")
        .asks(&["workspace", "status", "search", "sort", "limit", "after"])
        .post("/api/v1/users", write, create)
        .says("Creates a user", 201, "User")
        .takes("NewUser")
        .get(one, read, |desk, id| accounts::show(KIND, desk, id))
        .says("Shows a user", 200, "User")
        .patch(one, write, change)
        .says("Changes a user, also its workspace", 200, "User")
        .takes("UserChange")
        .delete(one, write, delete)
        .says("Deletes a user and its keys", 204, "")
        .post("/api/v1/users/{id}/suspend", write, suspend)
        .says("Refuses a user's calls from now on", 200, "User")
        .takes("Nothing")
        .post("/api/v1/users/{id}/resume", write, resume)
        .says("Takes a user's calls again", 200, "User")
        .takes("Nothing")
}

async fn create(desk: Desk, Body(mut fields): Body) -> Result<Response, Problem> {
    let id = fields.required("id", value::id);
    let traits = Traits::read(&mut fields);
    let workspace = fields.read("workspace", value::id);
    let id = fields.finish(id)?;
    let workspace = match desk.within(workspace)? {
        Some(workspace) => workspace,
        None => default_workspace()?,
    };
    let parent = AccountId::workspace(&workspace);
    accounts::fit(&desk, traits.limits.as_deref().unwrap_or_default(), &[parent]).await?;
    accounts::create(&desk, &traits.of(AccountId::user(&id), Some(workspace), None), None).await
}

fn default_workspace() -> Result<Id, Problem> {
    "default".parse().map_err(|e| Problem::field("/workspace", format!("{e}")))
}

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let workspace = desk.within(fields.read("workspace", value::id))?;
    let sort = fields.read("sort", value::sort).unwrap_or_default();
    let filter = ListFilter { workspace, sort, ..ListFilter::default() };
    accounts::list(&desk, KIND, fields, filter).await
}

/// `PATCH`; whoever administers all workspaces may move a user into another one.
async fn change(
    desk: Desk,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Tagged, Problem> {
    let workspace = fields.read("workspace", value::id);
    let everywhere = desk.by.workspace.is_none() && desk.by.scopes.allows(Scope::Admin);
    if workspace.is_some() && !everywhere {
        let detail = format!("{} may not move users: that takes `admin`", desk.by.name);
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let own = Change { workspace, ..Change::default() };
    accounts::update(&desk, KIND, &id, fields, own).await
}

/// `POST` of a verb that sets nothing but the status.
async fn turn(
    verb: &'static str,
    status: AccountStatus,
    desk: Desk,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Tagged, Problem> {
    fields.finish(Some(()))?;
    let change = Change { status: Some(status), ..Change::default() };
    let (_, after) = accounts::change(&desk, &named(KIND, &id)?, verb, &change).await?;
    Ok(accounts::tagged(&desk, &after))
}

async fn delete(desk: Desk, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    accounts::delete(&desk, &named(KIND, &id)?).await
}
