//! `GET /api/quota/ws?ticket=…[&user=|&workspace=]`: who may come in, and what about. A page of ours
//! that is logged in needs no ticket.
//!
//! Invariant: a ticket is used up by a connection that is opened, and by nothing else.

use super::audience::{Audience, Of};
use super::client::{Client, Opened};
use super::socket::{Socket, agreement};
use super::ticket::{self, Maker};
use crate::control::Shared;
use crate::control::desk::Desk;
use crate::control::fields::{Fields, Params};
use crate::control::principal::Principal;
use crate::control::problem::Problem;
use crate::control::scope::{Resource, Scope};
use crate::control::value;
use crate::ids::{AccountId, Id};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, StatusCode, header, request};
use axum::response::Response;
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;

/// How long an agreed upgrade may take.
const UPGRADE: Duration = Duration::from_secs(10);

pub(super) async fn connect(
    State(parts): State<Shared>,
    Params(fields): Params,
    request: Request,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    Ok(open(parts, fields, head).await?.map(Body::from))
}

/// Lets somebody in, and serves him from now on; the answer that agrees to it.
pub(super) async fn open(
    parts: Shared,
    mut fields: Fields,
    mut head: request::Parts,
) -> Result<http::Response<Bytes>, Problem> {
    let ticket = fields.read("ticket", value::text);
    let Maker { by, user } = match &ticket {
        Some(ticket) => by_ticket(&parts, ticket, &head).await?,
        None if head.headers.contains_key(header::COOKIE) => {
            Maker { by: parts.identity.logged_in_page(&head).await?, user: None }
        }
        None => return Err(no_ticket()),
    };
    let cookie = head.headers.get(header::COOKIE).filter(|_| ticket.is_none()).cloned();
    let desk = Desk::new(parts, Arc::new(by));
    let of = about(&desk, user, fields).await?;
    let agreed = agreement(&head.headers).zip(head.extensions.remove::<OnUpgrade>());
    let Some((headers, upgrade)) = agreed else {
        let detail = "this is a WebSocket (RFC 6455, version 13) over HTTP/1.1; connect with \
                      a WebSocket client";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    };
    let Some(place) = desk.live.enter(&of) else {
        let detail = "too many live clients; poll /api/quota/status, or try again later";
        let retry = Some(Duration::from_secs(30));
        return Err(Problem { retry, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail) });
    };
    if let Some(ticket) = ticket
        && !ticket::take(&desk, &ticket).await?
    {
        return Err(no_ticket());
    }
    let audience = Audience::new(desk.by.clone(), of);
    tokio::spawn(serve(Opened { desk, audience, place, cookie }, upgrade, head.extensions));
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend(headers.map(|(name, value)| (Some(name), value)));
    Ok(response)
}

/// Who made this ticket, if it is good and comes from a page that may connect, or from no page.
async fn by_ticket(parts: &Shared, ticket: &str, head: &request::Parts) -> Result<Maker, Problem> {
    let maker = ticket::look_at(parts, ticket).await?.ok_or_else(no_ticket)?;
    parts.identity.allowed_page(head)?;
    Ok(maker)
}

/// The extensions are kept for as long as the connection lasts: the listener counts it by them.
async fn serve(opened: Opened, upgrade: OnUpgrade, lasting: Extensions) {
    let Ok(Ok(upgraded)) = tokio::time::timeout(UPGRADE, upgrade).await else { return };
    let socket = Socket::new(TokioIo::new(upgraded)).await;
    Client::new(opened, socket).serve().await;
    drop(lasting);
}

fn no_ticket() -> Problem {
    let detail = "the ticket is missing, unknown, used or expired; get one with \
                  POST /api/v1/ws-tickets";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

/// What the connection is about: a user, a workspace, or all that its opener sees. With a key that is
/// its `own` user.
async fn about(desk: &Desk, own: Option<Id>, mut fields: Fields) -> Result<Of, Problem> {
    let needed = Scope::Read(Resource::Usage);
    if !desk.by.scopes.allows(needed) {
        let detail =
            format!("live updates need the scope `{needed}`, which {} does not have", desk.by.name);
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let user = fields.read("user", value::id);
    let workspace = fields.read("workspace", value::id);
    fields.finish(Some(()))?;
    if let Some(own) = own {
        let asked = user.as_ref().filter(|user| **user != own).map(AccountId::user);
        return match asked.or_else(|| workspace.as_ref().map(AccountId::workspace)) {
            Some(other) => Err(Problem::missing(other)),
            None => Ok(Of::User(own)),
        };
    }
    match (user, workspace) {
        (Some(_), Some(_)) => Err(Problem::field("?user", "give `user` or `workspace`, not both")),
        (Some(user), None) => {
            desk.find(&AccountId::user(&user)).await?;
            Ok(Of::User(user))
        }
        (None, Some(workspace)) => {
            desk.find(&AccountId::workspace(&workspace)).await?;
            Ok(Of::Workspace(workspace))
        }
        (None, None) => Ok(of_all(&desk.by)),
    }
}

fn of_all(by: &Principal) -> Of {
    by.workspace.clone().map_or(Of::All, Of::Workspace)
}
