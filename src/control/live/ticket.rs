//! `POST /api/v1/ws-tickets`: what opens one live connection, within half a minute.
//!
//! A ticket travels in a query, where a token must not: queries stand in logs. It carries the rights
//! of whoever made it. Invariant: the ledger has a ticket's digest, never its text; of all who come
//! with it, at any proxy, one gets in.

use crate::clock::rfc3339_seconds;
use crate::control::Parts;
use crate::control::desk::Desk;
use crate::control::fields::Body;
use crate::control::principal::Principal;
use crate::control::problem::Problem;
use crate::control::scope::Scopes;
use crate::ids::Id;
use crate::ledger::{RecordError, RecordKind, When};
use crate::secret::{SecretDigest, random_text};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

const LIFE_MS: i64 = 30_000;

/// Who made a ticket, and what it is about.
#[derive(Debug, Clone)]
pub(super) struct Maker {
    pub(super) by: Principal,
    /// The only user that it shows; `None`: what the maker asks for.
    pub(super) user: Option<Id>,
}

/// The stored form of a maker.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    scopes: Vec<String>,
    workspace: Option<Id>,
    user: Option<Id>,
}

/// `POST`: a new ticket.
pub(super) async fn issue(desk: Desk, Body(fields): Body) -> Result<Response, Problem> {
    fields.finish(Some(()))?;
    let maker = Maker { by: Principal::clone(&desk.by), user: None };
    let shown = make(&desk, &maker).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(shown)).into_response())
}

/// Makes a ticket; the object that shows it, this once.
pub(super) async fn make(parts: &Parts, maker: &Maker) -> Result<Value, Problem> {
    let (ticket, expires) = (random_text(), parts.clock.now().saturating_add(LIFE_MS));
    let Maker { by, user } = maker;
    let kept = Kept {
        name: by.name.clone(),
        scopes: by.scopes.iter().map(|scope| scope.to_string()).collect(),
        workspace: by.workspace.clone(),
        user: user.clone(),
    };
    let text = json!(kept).to_string();
    let id = id(&ticket).ok_or_else(unreadable)?;
    let put = parts.records.put(RecordKind::Ticket, &id, &text, Some(expires), When::Absent);
    put.await.map_err(problem)?;
    Ok(json!({"ticket": ticket, "expires_at": rfc3339_seconds(expires)}))
}

/// Who made a ticket that still opens a connection.
pub(super) async fn look_at(parts: &Parts, ticket: &str) -> Result<Option<Maker>, Problem> {
    let Some(id) = id(ticket) else { return Ok(None) };
    let found = parts.records.get(RecordKind::Ticket, &id).await.map_err(problem)?;
    found.as_deref().map(read).transpose()
}

/// Uses a ticket up; false where somebody else did.
pub(super) async fn take(parts: &Parts, ticket: &str) -> Result<bool, Problem> {
    let Some(id) = id(ticket) else { return Ok(false) };
    parts.records.remove(RecordKind::Ticket, &id).await.map_err(problem)
}

fn read(text: &str) -> Result<Maker, Problem> {
    let Kept { name, scopes, workspace, user } =
        serde_json::from_str(text).map_err(|_| unreadable())?;
    let scopes = scopes.iter().map(|scope| scope.parse()).collect::<Result<Scopes, _>>();
    let scopes = scopes.map_err(|_| unreadable())?;
    Ok(Maker { by: Principal { name, scopes, workspace }, user })
}

fn id(ticket: &str) -> Option<Id> {
    SecretDigest::of(ticket).key_id()
}

fn unreadable() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the ticket cannot be read; get another one")
}

fn problem(error: RecordError) -> Problem {
    let retry = Some(Duration::from_secs(2));
    Problem { retry, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()) }
}
