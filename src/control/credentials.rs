//! `/api/v1/credentials`: our API keys at providers, with their quotas and days. Keys are never
//! shown.
//!
//! What the configuration in force names is there, and nothing else. Enabling and disabling is a
//! change of the account, which every proxy hears of within a second; this one at once.

use super::accounts::{self, listed};
use super::audit;
use super::desk::Desk;
use super::fields::{Body, Fields, Params};
use super::operation::Operations;
use super::pool::{self, Known, Shown};
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{Parts, PoolsInForce, value};
use crate::config::CredentialTerms;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{
    Account, AccountStatus, Change, CredentialDay, ListFilter, Page, Registry, RegistryError,
};
use crate::provider::Credential;
use axum::Json;
use axum::extract::Path;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::HashMap;

/// How many accounts are read.
const MOST_ACCOUNTS: usize = 10_000;

/// How many days are shown where nobody says from when.
const DAYS: i64 = 30;

/// The longest stretch of days that is read.
const MOST_DAYS: i64 = 3_700;

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Providers), Scope::Write(Resource::Providers));
    let enable = |desk, name, body| turn("enable", AccountStatus::Active, desk, name, body);
    let disable = |desk, name, body| turn("disable", AccountStatus::Suspended, desk, name, body);
    Operations::default()
        .get("/api/v1/credentials", read, list)
        .says("Lists our keys at providers", 200, "[Credential]")
        .asks(&["provider", "date", "limit", "after"])
        .get("/api/v1/credentials/{name}", read, show)
        .says("Shows a credential with the figures of a day", 200, "Credential")
        .asks(&["date"])
        .get("/api/v1/credentials/{name}/days", read, days)
        .says("Lists the days of a credential, oldest first", 200, "[CredentialDay]")
        .asks(&["from", "to"])
        .post("/api/v1/credentials/{name}/enable", write, enable)
        .says("Uses a credential again", 200, "Credential")
        .takes("Nothing")
        .global()
        .post("/api/v1/credentials/{name}/disable", write, disable)
        .says("Uses a credential no more", 200, "Credential")
        .takes("Nothing")
        .global()
        .post("/api/v1/credentials/{name}/reset", write, reset)
        .says("Zeroes the quotas of a credential", 200, "Credential")
        .takes("Nothing")
        .global()
}

/// The accounts of all credentials, by their names; at most ten thousand are read.
pub async fn credential_accounts(
    registry: &dyn Registry,
) -> Result<HashMap<Id, Account>, RegistryError> {
    let filter = ListFilter { limit: MOST_ACCOUNTS, ..ListFilter::default() };
    let page = registry.accounts(AccountKind::Credential, &filter).await?;
    let named = |account: Account| (account.id.id.clone(), account);
    Ok(page.entries.into_iter().map(named).collect())
}

/// A credential that a path names.
fn find<'a>(
    pools: &'a PoolsInForce,
    name: &str,
) -> Result<(&'a CredentialTerms, &'a Credential), Problem> {
    let id = accounts::named(AccountKind::Credential, name)?;
    pools.find(&id.id).ok_or_else(|| Problem::missing(id))
}

/// The object of a credential with the figures of a day.
async fn object(
    parts: &Parts,
    (terms, credential): (&CredentialTerms, &Credential),
    account: &Account,
    date: Option<Date>,
) -> Result<Value, Problem> {
    let today = parts.calendar.date(parts.clock.now());
    let date = date.unwrap_or(today);
    let days = parts.registry.days(&terms.setup.id, date, date).await?;
    let condition = credential.health.condition(parts.clock.now());
    let accounts = std::slice::from_ref(account);
    let last_sent = parts.alerting.last_sent(accounts).await?.into_iter().flatten().next();
    let known = Known { terms, account, condition, defaults: &parts.defaults, last_sent };
    Ok(pool::credential(&known, &Shown { date, today: date == today, figures: days.first() }))
}

/// The object of a credential of the configuration, with the figures of today.
pub(super) async fn today(parts: &Parts, name: &Id) -> Result<Option<Value>, Problem> {
    let pools = parts.in_force.pools();
    let Some(one) = pools.find(name) else { return Ok(None) };
    match parts.registry.account(&AccountId::credential(name)).await? {
        Some(account) => object(parts, one, &account, None).await.map(Some),
        None => Ok(None),
    }
}

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let limit = fields.read("limit", value::page_length).unwrap_or(accounts::PAGE);
    let after = fields.read("after", value::id);
    let provider = fields.read("provider", value::text);
    let date = fields.read("date", value::date);
    fields.finish(Some(()))?;
    let pools = desk.in_force.pools();
    let of_provider =
        |terms: &&CredentialTerms| provider.as_ref().is_none_or(|p| *p == terms.provider);
    let mut names: Vec<&Id> =
        pools.terms.iter().filter(of_provider).map(|terms| &terms.setup.id).collect();
    names.sort();
    names.retain(|name| after.as_ref().is_none_or(|after| *name > after));
    let next = (names.len() > limit).then(|| names.get(limit - 1).map(ToString::to_string));
    names.truncate(limit);
    let accounts = credential_accounts(&*desk.registry).await?;
    let mut entries = Vec::new();
    for name in names {
        if let (Some(one), Some(account)) = (pools.find(name), accounts.get(name)) {
            entries.push(object(&desk, one, account, date).await?);
        }
    }
    Ok(listed(Page { entries, next: next.flatten() }, Value::clone))
}

async fn show(
    desk: Desk,
    Path(name): Path<String>,
    Params(mut fields): Params,
) -> Result<Json<Value>, Problem> {
    let pools = desk.in_force.pools();
    let one = find(&pools, &name)?;
    let date = fields.read("date", value::date);
    fields.finish(Some(()))?;
    let account = desk.find(&AccountId::credential(&one.0.setup.id)).await?;
    Ok(Json(object(&desk, one, &account, date).await?))
}

/// The days of a credential from one to another, oldest first; those without traffic are left out.
async fn days(
    desk: Desk,
    Path(name): Path<String>,
    Params(fields): Params,
) -> Result<Json<Value>, Problem> {
    let pools = desk.in_force.pools();
    let (terms, _) = find(&pools, &name)?;
    let (from, to) = stretch(fields, desk.calendar.date(desk.clock.now()))?;
    let days = desk.registry.days(&terms.setup.id, from, to).await?;
    Ok(listed(Page { entries: days, next: None }, |day: &CredentialDay| {
        let mut object = pool::figures(day.date, Some(day));
        object.insert("metadata".to_owned(), json!(day.metadata));
        object.into()
    }))
}

fn stretch(mut fields: Fields, today: Date) -> Result<(Date, Date), Problem> {
    let to = fields.read("to", value::date).unwrap_or(today);
    let usual = to.saturating_sub((DAYS - 1).days());
    let from = fields.read("from", value::date).unwrap_or(usual);
    if from > to {
        fields.fault("from", format!("`{from}` is after `{to}`"));
    } else if from.saturating_add(MOST_DAYS.days()) < to {
        fields.fault("from", format!("`{from}` to `{to}` are more than {MOST_DAYS} days"));
    }
    fields.finish(Some((from, to)))
}

/// `POST` of a verb that sets the status.
async fn turn(
    verb: &'static str,
    status: AccountStatus,
    desk: Desk,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    let pools = desk.in_force.pools();
    let one = find(&pools, &name)?;
    fields.finish(Some(()))?;
    let change = Change { status: Some(status), ..Change::default() };
    let id = AccountId::credential(&one.0.setup.id);
    let (before, after) = desk.registry.change(&id, &change).await?;
    audit::changed(&desk, verb, &id, Some(&before), Some(&after)).await;
    one.1.health.told(pool::told(one.0, &after));
    if status == AccountStatus::Active {
        one.1.health.enable();
    }
    Ok(Json(object(&desk, one, &after, None).await?))
}

async fn reset(
    desk: Desk,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    let pools = desk.in_force.pools();
    let one = find(&pools, &name)?;
    fields.finish(Some(()))?;
    let account = zeroed(&desk, one).await?;
    Ok(Json(object(&desk, one, &account, None).await?))
}

/// Zeroes what is used of a credential's quotas; how it stands then.
pub(super) async fn zeroed(
    desk: &Desk,
    (terms, credential): (&CredentialTerms, &Credential),
) -> Result<Account, Problem> {
    let id = AccountId::credential(&terms.setup.id);
    let (before, after) = desk.registry.reset(&id, None).await?;
    audit::changed(desk, "reset", &id, Some(&before), Some(&after)).await;
    credential.health.told(pool::told(terms, &after));
    Ok(after)
}
