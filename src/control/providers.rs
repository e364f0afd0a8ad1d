//! `/api/v1/providers`: the upstream services, each with its pool and what that can do together.

use super::accounts::{PAGE, listed};
use super::credentials::{credential_accounts, zeroed};
use super::fields::{Body, Params};
use super::pool;
use super::problem::Problem;
use super::{PoolsInForce, Shared, value};
use crate::ids::Id;
use crate::ledger::{Account, Page};
use crate::provider::Provider;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/providers", get(list))
        .route("/api/v1/providers/{name}", get(show))
        .route("/api/v1/providers/{name}/reset", post(reset))
}

fn find<'a>(pools: &'a PoolsInForce, name: &str) -> Result<&'a Provider, Problem> {
    let shown: String = name.chars().take(80).collect();
    pools
        .providers
        .get(name)
        .map(AsRef::as_ref)
        .ok_or_else(|| Problem::missing(format!("provider:{shown}")))
}

fn object(provider: &Provider, accounts: &HashMap<Id, Account>) -> Value {
    let names = provider.credentials.iter().filter_map(|one| one.name.parse::<Id>().ok());
    let own: Vec<&Account> = names.filter_map(|name| accounts.get(&name)).collect();
    pool::provider(provider, &own)
}

async fn list(
    State(parts): State<Shared>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let after = fields.read("after", value::id);
    fields.finish(Some(()))?;
    let pools = parts.in_force.pools();
    let later = |provider: &&Provider| {
        after.as_ref().is_none_or(|after| provider.name.as_str() > after.as_str())
    };
    let mut found: Vec<&Provider> =
        pools.providers.iter().map(AsRef::as_ref).filter(later).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|provider| provider.name.clone());
    let accounts = credential_accounts(&*parts.registry).await?;
    Ok(listed(Page { entries: found, next }, |provider| object(provider, &accounts)))
}

async fn show(
    State(parts): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let pools = parts.in_force.pools();
    let provider = find(&pools, &name)?;
    Ok(Json(object(provider, &credential_accounts(&*parts.registry).await?)))
}

/// Zeroes what is used of the quotas of all credentials of a provider.
async fn reset(
    State(parts): State<Shared>,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    let pools = parts.in_force.pools();
    let provider = find(&pools, &name)?;
    fields.finish(Some(()))?;
    for terms in pools.terms.iter().filter(|terms| terms.provider == name) {
        if let Some(one) = pools.find(&terms.setup.id) {
            zeroed(&parts, one).await?;
        }
    }
    Ok(Json(object(provider, &credential_accounts(&*parts.registry).await?)))
}
