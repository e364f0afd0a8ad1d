//! `/api/v1/keys`. The text of a key leaves once, in the answer that creates it.

use super::accounts::{self, named};
use super::fields::{Body, Fields, Params};
use super::problem::Problem;
use super::{Parts, Shared, value};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind};
use crate::ledger::{Account, AccountStatus, Change, KeyFacts, ListFilter, NewAccount};
use crate::limit::Limit;
use crate::secret::{SecretDigest, label, new_user_key};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::ExposeSecret;
use serde_json::Value;

const KIND: AccountKind = AccountKind::Key;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/keys", post(create).get(list))
        .route("/api/v1/keys/{id}", get(show).patch(change).delete(revoke))
        .route("/api/v1/keys/{id}/rotate", post(rotate))
}

async fn create(State(parts): State<Shared>, Body(mut fields): Body) -> Result<Response, Problem> {
    let user = fields.required("user", value::id);
    let name = fields.read("name", value::text).unwrap_or_default();
    let limits = fields.read("limits", value::limits);
    let models = fields.read("models", value::models).unwrap_or_default();
    let thresholds = fields.read("thresholds", value::thresholds);
    let enforcement = fields.read("enforcement", value::enforcement);
    let expires = read_expiry(&mut fields, parts.clock.now()).flatten();
    let user = AccountId::user(&fields.finish(user)?);
    let owner = accounts::find(&parts, &user).await?;
    let above: Vec<AccountId> =
        owner.workspace.iter().map(AccountId::workspace).chain([user.clone()]).collect();
    accounts::fit(&parts, limits.as_deref().unwrap_or_default(), &above).await?;
    let (text, facts) = fresh(KeyFacts {
        digest: SecretDigest::of(""),
        user: user.id,
        label: String::new(),
        models,
        expires,
    });
    let new = NewAccount {
        id: key_of(&facts)?,
        name,
        workspace: owner.workspace,
        limits,
        thresholds,
        enforcement,
        key: Some(facts),
    };
    make(&parts, &new, text.expose_secret()).await
}

/// `expires_at` or `expires_in`; `Some(None)`: never.
fn read_expiry(fields: &mut Fields, now: UnixMs) -> Option<Option<UnixMs>> {
    let at = fields.nullable("expires_at", value::future(now));
    let span = fields.read("expires_in", value::span);
    match (at, span) {
        (Some(_), Some(_)) => {
            fields.fault("expires_in", "give either expires_at or expires_in".to_owned());
            None
        }
        (at, None) => at,
        (None, Some(ms)) => Some(Some(now.saturating_add(ms))),
    }
}

/// A new secret, and `facts` about it.
fn fresh(facts: KeyFacts) -> (secrecy::SecretString, KeyFacts) {
    let text = new_user_key();
    let digest = SecretDigest::of(text.expose_secret());
    let label = label(text.expose_secret());
    (text, KeyFacts { digest, label, ..facts })
}

fn key_of(facts: &KeyFacts) -> Result<AccountId, Problem> {
    let lost = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no id for the new key");
    Ok(AccountId::key(&facts.digest.key_id().ok_or_else(lost)?))
}

async fn make(parts: &Parts, new: &NewAccount, text: &str) -> Result<Response, Problem> {
    let account = accounts::create(parts, new).await?;
    let mut object = accounts::shown(parts, &account);
    object["key"] = text.into();
    Ok(accounts::created(&account.id, object))
}

async fn list(
    State(parts): State<Shared>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let workspace = fields.read("workspace", value::id);
    let user = fields.read("user", value::id);
    let filter = ListFilter { workspace, user, ..Default::default() };
    let filter = accounts::page_of(&mut fields, filter);
    let filter = fields.finish(Some(filter))?;
    let page = parts.registry.accounts(KIND, &filter).await?;
    Ok(accounts::listed(page, |account| accounts::shown(&parts, account)))
}

async fn show(State(parts): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    accounts::show(&parts, &named(KIND, &id)?).await
}

async fn change(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let id = named(KIND, &id)?;
    let expires = read_expiry(&mut fields, parts.clock.now());
    let models = fields.nullable("models", value::models).map(Option::unwrap_or_default);
    let change = accounts::read_change(&mut fields, KIND);
    let change = fields.finish(Some(Change { expires, models, ..change }))?;
    let (_, after) = accounts::change(&parts, &id, "update", &change).await?;
    Ok(Json(accounts::shown(&parts, &after)))
}

async fn revoke(
    State(parts): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let change = Change { status: Some(AccountStatus::Revoked), ..Change::default() };
    accounts::change(&parts, &named(KIND, &id)?, "revoke", &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new key like the old one. The old one works until the grace is over; without grace it is
/// revoked at once.
async fn rotate(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Response, Problem> {
    let grace = fields.read("grace", value::span).unwrap_or(0);
    fields.finish(Some(()))?;
    let id = named(KIND, &id)?;
    let old = accounts::find(&parts, &id).await?;
    let now = parts.clock.now();
    let facts = rotatable(&old, now)?;
    let (text, facts) = fresh(facts.clone());
    let expires = facts.expires;
    let limits: Vec<Limit> = old.standings.iter().map(|standing| standing.limit).collect();
    let new = NewAccount {
        id: key_of(&facts)?,
        name: old.name.clone(),
        workspace: old.workspace.clone(),
        limits: Some(limits),
        thresholds: old.thresholds.clone(),
        enforcement: old.enforcement,
        key: Some(facts),
    };
    let answer = make(&parts, &new, text.expose_secret()).await?;
    accounts::change(&parts, &id, "rotate", &retirement(now, grace, expires)).await?;
    Ok(answer)
}

fn rotatable(old: &Account, now: UnixMs) -> Result<&KeyFacts, Problem> {
    match &old.key {
        Some(key)
            if old.status == AccountStatus::Active && key.expires.is_none_or(|at| at > now) =>
        {
            Ok(key)
        }
        _ => Err(Problem::conflict(format!("{} does not work any more; create a new key", old.id))),
    }
}

fn retirement(now: UnixMs, grace: i64, expires: Option<UnixMs>) -> Change {
    if grace == 0 {
        return Change { status: Some(AccountStatus::Revoked), ..Change::default() };
    }
    let end = now.saturating_add(grace);
    Change { expires: Some(Some(expires.map_or(end, |at| at.min(end)))), ..Change::default() }
}
