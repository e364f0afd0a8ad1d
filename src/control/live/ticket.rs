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
use serde_json::json;
use std::time::Duration;

const LIFE_MS: i64 = 30_000;

/// The stored form of whoever made a ticket.
#[derive(Debug, Serialize, Deserialize)]
struct Maker {
    name: String,
    scopes: Vec<String>,
    workspace: Option<Id>,
}

/// `POST`: a new ticket.
pub(super) async fn issue(desk: Desk, Body(fields): Body) -> Result<Response, Problem> {
    fields.finish(Some(()))?;
    let (ticket, expires) = (random_text(), desk.clock.now().saturating_add(LIFE_MS));
    let by = &*desk.by;
    let maker = Maker {
        name: by.name.clone(),
        scopes: by.scopes.iter().map(|scope| scope.to_string()).collect(),
        workspace: by.workspace.clone(),
    };
    let text = json!(maker).to_string();
    let id = id(&ticket).ok_or_else(unreadable)?;
    let put = desk.records.put(RecordKind::Ticket, &id, &text, Some(expires), When::Absent);
    put.await.map_err(problem)?;
    let shown = json!({"ticket": ticket, "expires_at": rfc3339_seconds(expires)});
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(shown)).into_response())
}

/// Who made a ticket that still opens a connection.
pub(super) async fn look_at(parts: &Parts, ticket: &str) -> Result<Option<Principal>, Problem> {
    let Some(id) = id(ticket) else { return Ok(None) };
    let found = parts.records.get(RecordKind::Ticket, &id).await.map_err(problem)?;
    found.as_deref().map(maker).transpose()
}

/// Uses a ticket up; `None` where somebody else did.
pub(super) async fn take(parts: &Parts, ticket: &str) -> Result<Option<Principal>, Problem> {
    let Some(id) = id(ticket) else { return Ok(None) };
    let found = parts.records.take(RecordKind::Ticket, &id).await.map_err(problem)?;
    found.as_deref().map(maker).transpose()
}

fn maker(text: &str) -> Result<Principal, Problem> {
    let Maker { name, scopes, workspace } = serde_json::from_str(text).map_err(|_| unreadable())?;
    let scopes = scopes.iter().map(|scope| scope.parse()).collect::<Result<Scopes, _>>();
    Ok(Principal { name, scopes: scopes.map_err(|_| unreadable())?, workspace })
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
