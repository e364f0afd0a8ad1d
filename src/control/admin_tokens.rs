//! `/api/v1/admin-tokens`. The text of a token leaves once, in the answer that makes or rotates it.
//!
//! Invariant: nobody grants, and nobody gets by rotating, more than he has: no other scope, no
//! other workspace, no longer life.

use super::accounts::{PAGE, listed};
use super::audit::{self, Done};
use super::desk::Desk;
use super::fields::{Body, Params};
use super::identity::{AdminToken, NewToken};
use super::keys::read_expiry;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope, Scopes};
use super::value;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ids::{AccountId, Id};
use crate::ledger::Page;
use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Tokens), Scope::Write(Resource::Tokens));
    Operations::default()
        .get("/api/v1/admin-tokens", read, list)
        .says("Lists admin tokens", 200, "[AdminToken]")
        .asks(&["workspace", "limit", "after"])
        .post("/api/v1/admin-tokens", write, create)
        .says("Makes an admin token; its text is in `token`, this once", 201, "AdminToken")
        .takes("NewAdminToken")
        .get("/api/v1/admin-tokens/{id}", read, show)
        .says("Shows an admin token", 200, "AdminToken")
        .delete("/api/v1/admin-tokens/{id}", write, revoke)
        .says("Revokes an admin token", 204, "")
        .post("/api/v1/admin-tokens/{id}/rotate", write, rotate)
        .says(
            "Gives an admin token a new text; the old one works until the grace is over",
            200,
            "AdminToken",
        )
        .takes("Rotation")
}

async fn create(desk: Desk, Body(mut fields): Body) -> Result<Response, Problem> {
    let name = fields.required("name", value::text);
    let scopes = fields.required("scopes", value::scopes);
    let workspace = fields.nullable("workspace", value::id);
    let expires = read_expiry(&mut fields, desk.clock.now()).flatten();
    let (name, scopes) = fields.finish(name.zip(scopes))?;
    may_grant(&desk, &scopes)?;
    let workspace = granted_workspace(&desk, workspace).await?;
    let expires = granted_life(&desk, expires).await?;
    let created_by = desk.by.name.clone();
    let new = NewToken { name, scopes, workspace, expires, created_by };
    let (id, token, text) = desk.identity.make_token(new).await?;
    let object = object(&id, &token, desk.clock.now());
    changed(&desk, "create", &id, &object).await;
    let place = format!("/api/v1/admin-tokens/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], with_text(object, &text)).into_response())
}

/// Refuses scopes that whoever asks does not have.
fn may_grant(desk: &Desk, scopes: &Scopes) -> Result<(), Problem> {
    let lacking: Vec<String> = scopes
        .iter()
        .filter(|scope| !desk.by.scopes.allows(*scope))
        .map(|scope| format!("`{scope}`"))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let detail =
        format!("nobody grants more than he has: {} lacks {}", desk.by.name, lacking.join(", "));
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// The workspace of a new token: the one asked for, or that of whoever asks.
async fn granted_workspace(desk: &Desk, asked: Option<Option<Id>>) -> Result<Option<Id>, Problem> {
    match (asked, &desk.by.workspace) {
        (Some(Some(asked)), _) => {
            desk.find(&AccountId::workspace(&asked)).await?;
            Ok(Some(asked))
        }
        (Some(None), Some(own)) => {
            let by = &desk.by.name;
            let detail =
                format!("nobody grants more than he has: {by} is for workspace `{own}` only");
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
        (Some(None) | None, own) => Ok(own.clone()),
    }
}

/// When a new token expires: not after the token that grants it.
async fn granted_life(desk: &Desk, asked: Option<UnixMs>) -> Result<Option<UnixMs>, Problem> {
    let own = desk.identity.expiry(&desk.by).await?;
    match (asked, own) {
        (Some(asked), Some(own)) if asked > own => {
            let (by, at) = (&desk.by.name, rfc3339_seconds(own));
            let detail = format!("nobody grants more than he has: {by} itself expires at {at}");
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
        (asked, own) => Ok(asked.or(own)),
    }
}

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let mut after = fields.read("after", value::id);
    let workspace = desk.within(fields.read("workspace", value::id))?;
    fields.finish(Some(()))?;
    let mut entries = Vec::new();
    let next = 'pages: loop {
        let page = desk.identity.tokens_after(after.as_ref(), limit).await?;
        for (id, token) in page.entries {
            after = Some(id.clone());
            if workspace.is_some() && token.workspace != workspace {
                continue;
            }
            if entries.len() == limit {
                break 'pages entries.last().map(|(id, _): &(Id, _)| id.to_string());
            }
            entries.push((id, token));
        }
        if page.next.is_none() {
            break None;
        }
    };
    let now = desk.clock.now();
    Ok(listed(Page { entries, next }, |(id, token)| object(id, token, now)))
}

async fn show(desk: Desk, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (id, token) = find(&desk, &id).await?;
    Ok(Json(object(&id, &token, desk.clock.now())))
}

async fn revoke(desk: Desk, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let (id, token) = find(&desk, &id).await?;
    if !desk.identity.revoke_token(&id).await? {
        return Err(missing(&id));
    }
    changed(&desk, "revoke", &id, &object(&id, &token, desk.clock.now())).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate(
    desk: Desk,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let grace = fields.read("grace", value::span).unwrap_or(0);
    fields.finish(Some(()))?;
    let (id, token) = find(&desk, &id).await?;
    let now = desk.clock.now();
    may_grant(&desk, &token.scopes)?;
    granted_life(&desk, token.expires.or(Some(UnixMs::MAX))).await?;
    if !token.lives(now) {
        return Err(Problem::conflict(format!("token:{id} has expired; create a new one")));
    }
    let rotated = desk.identity.rotate_token(&id, grace).await?;
    let (token, text) = rotated.ok_or_else(|| missing(&id))?;
    let object = object(&id, &token, now);
    changed(&desk, "rotate", &id, &object).await;
    Ok(with_text(object, &text))
}

/// A token that whoever asks sees, or 404. Those for all workspaces are not seen from one.
async fn find(desk: &Desk, text: &str) -> Result<(Id, AdminToken), Problem> {
    let id: Id = text
        .parse()
        .map_err(|e| Problem::new(StatusCode::NOT_FOUND, format!("no admin token: {e}")))?;
    let own = desk.by.workspace.as_ref();
    let seen =
        |token: &&std::sync::Arc<AdminToken>| own.is_none() || token.workspace.as_ref() == own;
    let found = desk.identity.token(&id).await?;
    match found.as_ref().filter(seen) {
        Some(token) => Ok((id, AdminToken::clone(token))),
        None => Err(missing(&id)),
    }
}

fn missing(id: &Id) -> Problem {
    Problem::missing(format!("token:{id}"))
}

fn object(id: &Id, token: &AdminToken, now: UnixMs) -> Value {
    let scopes: Vec<String> = token.scopes.iter().map(|scope| scope.to_string()).collect();
    json!({
        "id": id,
        "name": token.name,
        "scopes": scopes,
        "workspace": token.workspace,
        "status": if token.lives(now) { "active" } else { "expired" },
        "created": rfc3339_seconds(token.created),
        "created_by": token.created_by,
        "expires_at": token.expires.map(rfc3339_seconds),
    })
}

fn with_text(mut object: Value, text: &str) -> Json<Value> {
    object["token"] = text.into();
    Json(object)
}

/// Records a change; `object` has no secret.
async fn changed(desk: &Desk, verb: &str, id: &Id, object: &Value) {
    let workspace = object["workspace"].as_str().and_then(|id| id.parse().ok());
    let (before, after) = match verb {
        "revoke" => (object.clone(), Value::Null),
        _ => (Value::Null, object.clone()),
    };
    let done = Done {
        action: format!("token.{verb}"),
        account: format!("token:{id}"),
        workspace: workspace.as_ref(),
        change: (before, after),
    };
    audit::done(desk, done).await;
}
