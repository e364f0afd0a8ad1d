//! `/api/v1/providers`: the upstream services, each with its pool and what that can do together.

use super::accounts::{PAGE, listed};
use super::credentials::{credential_accounts, zeroed};
use super::desk::Desk;
use super::fields::{Body, Params};
use super::operation::Operations;
use super::pool;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{PoolsInForce, value};
use crate::ids::Id;
use crate::ledger::{Account, Page};
use crate::provider::Provider;
use axum::Json;
use axum::extract::Path;
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Providers), Scope::Write(Resource::Providers));
    Operations::default()
        .get("/api/v1/providers", read, list)
        .says("Lists providers with their pools", 200, "[Provider]")
        .asks(&["limit", "after"])
        .get("/api/v1/providers/{name}", read, show)
        .says("Shows a provider", 200, "Provider")
        .post("/api/v1/providers/{name}/reset", write, reset)
        .says("Zeroes the quotas of all credentials of a provider", 200, "Provider")
        .takes("Nothing")
        .global()
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

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let after = fields.read("after", value::id);
    fields.finish(Some(()))?;
    let pools = desk.in_force.pools();
    let later = |provider: &&Provider| {
        after.as_ref().is_none_or(|after| provider.name.as_str() > after.as_str())
    };
    let mut found: Vec<&Provider> =
        pools.providers.iter().map(AsRef::as_ref).filter(later).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|provider| provider.name.clone());
    let accounts = credential_accounts(&*desk.registry).await?;
    Ok(listed(Page { entries: found, next }, |provider| object(provider, &accounts)))
}

async fn show(desk: Desk, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let pools = desk.in_force.pools();
    let provider = find(&pools, &name)?;
    Ok(Json(object(provider, &credential_accounts(&*desk.registry).await?)))
}

/// Zeroes what is used of the quotas of all credentials of a provider.
async fn reset(
    desk: Desk,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    let pools = desk.in_force.pools();
    let provider = find(&pools, &name)?;
    fields.finish(Some(()))?;
    for terms in pools.terms.iter().filter(|terms| terms.provider == name) {
        if let Some(one) = pools.find(&terms.setup.id) {
            zeroed(&desk, one).await?;
        }
    }
    Ok(Json(object(provider, &credential_accounts(&*desk.registry).await?)))
}
