//! `/api/v1/limits/{account}`, its `/bump`, and `/api/quota/reset`: limits of any account, by its
//! full name.

use super::accounts;
use super::answer::envelope;
use super::audit;
use super::condition::Tagged;
use super::desk::Desk;
use super::fields::Body;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{Parts, pool, value, view};
use crate::ids::{AccountId, AccountKind};
use crate::ledger::{Account, Change, LimitsChange};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Limits), Scope::Write(Resource::Limits));
    Operations::default()
        .get("/api/v1/limits/{account}", read, show)
        .says("Shows the limits of an account", 200, "Limits")
        .put("/api/v1/limits/{account}", write, set)
        .says("Replaces the limits of an account; its counters stay", 200, "Limits")
        .takes("LimitsChange")
        .post("/api/v1/limits/{account}/bump", write, bump)
        .says("Raises a limit for a while", 200, "Limits")
        .takes("NewBump")
        .post("/api/quota/reset", Scope::BudgetReset, reset)
        .says("Zeroes what an account used in the current periods", 200, "Reset")
        .takes("NewReset")
}

fn account(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|e| Problem::new(StatusCode::NOT_FOUND, format!("{e}")))
}

fn shown(parts: &Parts, account: &Account) -> Tagged {
    let limits = view::limits(account, &parts.defaults);
    Tagged::new(json!({"account": account.id, "limits": limits}), account)
}

async fn show(desk: Desk, Path(id): Path<String>) -> Result<Tagged, Problem> {
    let account = desk.find(&account(&id)?).await?;
    Ok(shown(&desk, &account))
}

async fn set(
    desk: Desk,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Tagged, Problem> {
    let id = account(&id)?;
    let limits = fields.required("limits", value::limits);
    let thresholds = fields.nullable("thresholds", value::thresholds);
    let limits = fields.finish(limits)?;
    let change =
        Change { limits: Some(LimitsChange::Set(limits)), thresholds, ..Change::default() };
    let (_, after) = accounts::change(&desk, &id, "limits", &change).await?;
    Ok(shown(&desk, &after))
}

/// Raises a limit `until` a time, or `for` a length of time, or to the end of its period.
async fn bump(
    desk: Desk,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Tagged, Problem> {
    let id = account(&id)?;
    let now = desk.clock.now();
    let increase = fields.required("amount", value::increase);
    let until = fields.read("until", value::future(now));
    let span = fields.read("for", value::span);
    let increase = fields.finish(increase)?;
    if until.is_some() && span.is_some() {
        return Err(Problem::field("/for", "give `until` or `for`, not both".to_owned()));
    }
    let until = until.or_else(|| span.map(|ms| now.saturating_add(ms)));
    desk.find_to_change(&id).await?;
    let (before, after) = desk.registry.bump(&id, &increase, until).await?;
    audit::changed(&desk, "bump", &id, Some(&before), Some(&after)).await;
    Ok(shown(&desk, &after))
}

async fn reset(desk: Desk, Body(mut fields): Body) -> Result<Json<Value>, Problem> {
    let id = fields.required("account", value::account);
    let limit = fields.read("limit", value::text);
    let id = fields.finish(id)?;
    let account = desk.find_to_change(&id).await?;
    if let Some(name) = &limit {
        known(&account, name)?;
    }
    let (before, after) = desk.registry.reset(&id, limit.as_deref()).await?;
    if let Some((terms, credential)) = desk.in_force.pools().find(&id.id)
        && id.kind == AccountKind::Credential
    {
        credential.health.told(pool::told(terms, &after));
    }
    audit::changed(&desk, "reset", &id, Some(&before), Some(&after)).await;
    let data = json!({
        "account": id,
        "before": view::limits(&before, &desk.defaults),
        "after": view::limits(&after, &desk.defaults),
    });
    Ok(Json(envelope(desk.clock.now(), data, Value::Null)))
}

/// Refuses the name of a limit that the account does not have.
fn known(account: &Account, name: &str) -> Result<(), Problem> {
    let names: Vec<String> = account.standings.iter().map(|s| s.limit.name()).collect();
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let detail = format!("{} has no limit `{name}`; it has: {list}", account.id);
    Err(Problem::field("/limit", detail))
}
