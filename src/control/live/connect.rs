//! `GET /api/quota/ws?ticket=…[&user=|&workspace=]`: who may come in, and what about.
//!
//! Invariant: a ticket is used up by a connection that is opened, and by nothing else.

use super::audience::{Audience, Of};
use super::client::Client;
use super::socket::{Socket, agreement};
use super::{Live, ticket};
use crate::control::Shared;
use crate::control::desk::Desk;
use crate::control::fields::{Fields, Params};
use crate::control::principal::Principal;
use crate::control::problem::Problem;
use crate::control::scope::{Resource, Scope};
use crate::control::value;
use crate::ids::AccountId;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
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
) -> Response {
    match open(parts, fields, request).await {
        Ok(response) => response,
        Err(problem) => {
            let closed = problem.status == StatusCode::UNAUTHORIZED;
            let mut response = problem.into_response();
            if closed {
                let bearer = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
            }
            response
        }
    }
}

async fn open(parts: Shared, mut fields: Fields, request: Request) -> Result<Response, Problem> {
    let shown = fields.read("ticket", value::text).ok_or_else(no_ticket)?;
    let by = ticket::look_at(&parts, &shown).await?.ok_or_else(no_ticket)?;
    let (mut head, _) = request.into_parts();
    own_origin(&head.headers)?;
    let desk = Desk::new(parts, Arc::new(by));
    let of = about(&desk, fields).await?;
    let agreed = agreement(&head.headers).zip(head.extensions.remove::<OnUpgrade>());
    let Some((headers, upgrade)) = agreed else {
        let detail = "this is a WebSocket (RFC 6455, version 13) over HTTP/1.1; connect with \
                      a WebSocket client";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    };
    let live = desk.live.clone();
    let Some(place) = live.enter(&of) else {
        let detail = "too many live clients; poll /api/quota/status, or try again later";
        let retry = Some(Duration::from_secs(30));
        return Err(Problem { retry, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail) });
    };
    ticket::take(&desk, &shown).await?.ok_or_else(no_ticket)?;
    let audience = Audience::new(desk.by.clone(), of);
    tokio::spawn(serve(desk, live, audience, place, upgrade, head.extensions));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend(headers.map(|(name, value)| (Some(name), value)));
    Ok(response)
}

/// The extensions are kept for as long as the connection lasts: the listener counts it by them.
async fn serve(
    desk: Desk,
    live: Arc<Live>,
    audience: Audience,
    place: super::Place,
    upgrade: OnUpgrade,
    lasting: Extensions,
) {
    let Ok(Ok(upgraded)) = tokio::time::timeout(UPGRADE, upgrade).await else { return };
    let socket = Socket::new(TokioIo::new(upgraded)).await;
    let (position, received) = (live.position(), (desk.clock.now(), 0));
    let (seq, unanswered) = (0, 0);
    Client { desk, live, audience, socket, place, position, seq, unanswered, received }
        .serve()
        .await;
    drop(lasting);
}

fn no_ticket() -> Problem {
    let detail = "the ticket is missing, unknown, used or expired; get one with \
                  POST /api/v1/ws-tickets";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

/// A browser says from which page it comes; that has to be one of ours. Others say nothing.
fn own_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let text = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let place = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    if place.is_some_and(|place| host.is_some_and(|host| host.eq_ignore_ascii_case(place))) {
        return Ok(());
    }
    let shown: String = text.chars().take(80).collect();
    let detail = format!("pages of `{shown}` may not connect here");
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// What the connection is about: a user, a workspace, or all that its opener sees.
async fn about(desk: &Desk, mut fields: Fields) -> Result<Of, Problem> {
    let needed = Scope::Read(Resource::Usage);
    if !desk.by.scopes.allows(needed) {
        let detail =
            format!("live updates need the scope `{needed}`, which {} does not have", desk.by.name);
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let user = fields.read("user", value::id);
    let workspace = fields.read("workspace", value::id);
    fields.finish(Some(()))?;
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
