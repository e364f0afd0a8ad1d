//! `/api/v1/session`: a browser logs in with a token or a link, asks who it is, and logs out.

use super::Shared;
use super::desk::Desk;
use super::fields::{Body, Read};
use super::identity::{Identity, Login, Made, With};
use super::operation::Operations;
use super::principal::Principal;
use super::problem::Problem;
use super::scope::Scope;
use crate::clock::{UnixMs, rfc3339_seconds};
use axum::extract::State;
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::http::{StatusCode, request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where a browser logs in; without a token, so it must be open to all.
pub(super) const PATH: &str = "/api/v1/session";

pub(super) fn operations() -> Operations {
    Operations::default()
        .post(PATH, Scope::Public, log_in)
        .says("Logs a browser in: a cookie, and what changes must bring along", 200, "Session")
        .takes("Login")
        .get(PATH, Scope::Any, show)
        .says("Says who asks, and what he may do", 200, "Session")
        .delete(PATH, Scope::Any, log_out)
        .says("Logs a browser out", 204, "")
}

async fn log_in(
    State(parts): State<Shared>,
    head: request::Parts,
    Body(mut fields): Body,
) -> Result<Response, Problem> {
    let once = fields.read("once", secret).map(With::Link);
    let with = match once {
        Some(link) => {
            if fields.read("token", secret).is_some() {
                fields.fault("token", "give either token or once".to_owned());
            }
            Some(link)
        }
        None => fields.required("token", secret).map(With::Token),
    };
    let with = fields.finish(with)?;
    let Made { by, cookie, csrf, ends } = parts.identity.log_in(&with, &head).await?;
    let way = if matches!(with, With::Link(_)) { "link" } else { "token" };
    tracing::info!(target: "farebox::audit", actor = %by.name, action = "session.create", way, "logged in");
    let cookie = parts.identity.cookie(&cookie, &head.headers);
    Ok(([(SET_COOKIE, cookie)], Json(object(&by, Some(&csrf), Some(ends)))).into_response())
}

/// A text that no error shows.
fn secret(value: &Value) -> Read<SecretString> {
    match value.as_str() {
        Some(text) if text.len() <= 1000 => Ok(text.into()),
        _ => Err("it is not the text of an admin token or a sign-in link".to_owned().into()),
    }
}

async fn show(
    desk: Desk,
    login: Option<Extension<Arc<Login>>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    match login {
        Some(Extension(login)) => {
            let csrf = Identity::csrf_of(&headers);
            Ok(Json(object(&desk.by, csrf.as_deref(), Some(login.ends()))))
        }
        None => {
            let expires = desk.identity.expiry(&desk.by).await?;
            Ok(Json(object(&desk.by, None, expires)))
        }
    }
}

async fn log_out(
    desk: Desk,
    login: Option<Extension<Arc<Login>>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if login.is_none() {
        return Err(Problem::missing("a session of this request, which was made with a token,"));
    }
    desk.identity.log_out(&headers).await?;
    tracing::info!(target: "farebox::audit", actor = %desk.by.name, action = "session.delete", "logged out");
    let cookie = desk.identity.cookie("", &headers);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

fn object(by: &Principal, csrf: Option<&str>, expires: Option<UnixMs>) -> Value {
    let scopes: Vec<String> = by.scopes.iter().map(|scope| scope.to_string()).collect();
    json!({
        "name": by.name,
        "scopes": scopes,
        "workspace": by.workspace,
        "csrf_token": csrf,
        "expires_at": expires.map(rfc3339_seconds),
    })
}
