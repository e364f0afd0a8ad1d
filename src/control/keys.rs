//! `/api/v1/keys`. The text of a key leaves once, in the answer that creates it.

use super::accounts::{self, Traits, named};
use super::condition::Tagged;
use super::desk::Desk;
use super::fields::{Body, Fields, Params};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind};
use crate::ledger::{Account, AccountStatus, Change, KeyFacts, ListFilter, NewAccount, Reach};
use crate::limit::Limit;
use crate::secret::{SecretDigest, label, new_user_key};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use secrecy::ExposeSecret;
use serde_json::Value;

const KIND: AccountKind = AccountKind::Key;

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Keys), Scope::Write(Resource::Keys));
    let one = "/api/v1/keys/{id}";
    Operations::default()
        .get("/api/v1/keys", read, list)
        .says("Lists keys", 200, "[Key]")
        .asks(&["user", "workspace", "status", "limit", "after"])
        .post("/api/v1/keys", write, create)
        .says("Issues a key; its text is in `key`, this once", 201, "Key")
        .takes("NewKey")
        .get(one, read, |desk, id| accounts::show(KIND, desk, id))
        .says("Shows a key", 200, "Key")
        .patch(one, write, change)
        .says("Changes a key", 200, "Key")
        .takes("KeyChange")
        .delete(one, write, revoke)
        .says("Revokes a key", 204, "")
        .post("/api/v1/keys/{id}/rotate", write, rotate)
        .says("Issues a key in place of another, which works until the grace is over", 201, "Key")
        .takes("Rotation")
}

async fn create(desk: Desk, Body(mut fields): Body) -> Result<Response, Problem> {
    let user = fields.required("user", value::id);
    let traits = Traits::read(&mut fields);
    let models = fields.read("models", value::models).unwrap_or_default();
    let reach = Reach {
        addresses: fields.read("addresses", value::addresses).unwrap_or_default(),
        routes: fields.read("routes", value::routes).unwrap_or_default(),
    };
    let expires = read_expiry(&mut fields, desk.clock.now()).flatten();
    let user = AccountId::user(&fields.finish(user)?);
    let owner = desk.find(&user).await?;
    let above: Vec<AccountId> =
        owner.workspace.iter().map(AccountId::workspace).chain([user.clone()]).collect();
    accounts::fit(&desk, traits.limits.as_deref().unwrap_or_default(), &above).await?;
    let (text, facts) = fresh(KeyFacts {
        digest: SecretDigest::of(""),
        user: user.id,
        label: String::new(),
        models,
        expires,
        reach,
    });
    let new = traits.of(key_of(&facts)?, owner.workspace, Some(facts));
    accounts::create(&desk, &new, Some(text.expose_secret())).await
}

/// `expires_at` or `expires_in`; `Some(None)`: never.
pub(super) fn read_expiry(fields: &mut Fields, now: UnixMs) -> Option<Option<UnixMs>> {
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

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let workspace = desk.within(fields.read("workspace", value::id))?;
    let user = fields.read("user", value::id);
    desk.sees(user.as_ref().map(AccountId::user).as_ref()).await?;
    let filter = ListFilter { workspace, user, ..ListFilter::default() };
    accounts::list(&desk, KIND, fields, filter).await
}

async fn change(
    desk: Desk,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Tagged, Problem> {
    let expires = read_expiry(&mut fields, desk.clock.now());
    let models = fields.nullable("models", value::models).map(Option::unwrap_or_default);
    let addresses = fields.nullable("addresses", value::addresses).map(Option::unwrap_or_default);
    let routes = fields.nullable("routes", value::routes).map(Option::unwrap_or_default);
    let own = Change { expires, models, addresses, routes, ..Change::default() };
    accounts::update(&desk, KIND, &id, fields, own).await
}

async fn revoke(desk: Desk, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let change = Change { status: Some(AccountStatus::Revoked), ..Change::default() };
    accounts::change(&desk, &named(KIND, &id)?, "revoke", &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new key like the old one. The old one works until the grace is over; without grace it is
/// revoked at once.
async fn rotate(
    desk: Desk,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Response, Problem> {
    let grace = fields.read("grace", value::span).unwrap_or(0);
    fields.finish(Some(()))?;
    let id = named(KIND, &id)?;
    let old = desk.find_to_change(&id).await?;
    let now = desk.clock.now();
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
    let answer = accounts::create(&desk, &new, Some(text.expose_secret())).await?;
    accounts::change(&desk, &id, "rotate", &retirement(now, grace, expires)).await?;
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
