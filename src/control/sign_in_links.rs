//! `POST /api/v1/sign-in-links`: what signs one browser in, within a quarter of an hour.

use super::desk::Desk;
use super::fields::Body;
use super::identity::Link;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::Scope;
use crate::clock::rfc3339_seconds;
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(super) fn operations() -> Operations {
    Operations::default()
        .post("/api/v1/sign-in-links", Scope::Any, create)
        .says("Makes a link that signs one browser in: /login#once=…", 201, "SignInLink")
        .takes("Nothing")
}

async fn create(desk: Desk, headers: HeaderMap, Body(fields): Body) -> Result<Response, Problem> {
    fields.finish(Some(()))?;
    let Link { once, expires } = desk.identity.make_link(&desk.by, &headers).await?;
    tracing::info!(target: "farebox::audit", actor = %desk.by.name, action = "sign_in_link.create", "made");
    let shown = json!({"once": once, "expires_at": rfc3339_seconds(expires)});
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}
