//! `/api/v1/limits/{account}`, its `/bump`, and `/api/quota/reset`: limits of any account, by its
//! full name.

use super::accounts;
use super::answer::envelope;
use super::audit;
use super::fields::Body;
use super::problem::Problem;
use super::{Parts, Shared, value, view};
use crate::ids::AccountId;
use crate::ledger::{Account, Change, LimitsChange};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/limits/{account}", get(show).put(set))
        .route("/api/v1/limits/{account}/bump", post(bump))
        .route("/api/quota/reset", post(reset))
}

fn account(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|e| Problem::new(StatusCode::NOT_FOUND, format!("{e}")))
}

fn shown(parts: &Parts, account: &Account) -> Value {
    json!({"account": account.id, "limits": view::limits(account, &parts.defaults)})
}

async fn show(State(parts): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let account = accounts::find(&parts, &account(&id)?).await?;
    Ok(Json(shown(&parts, &account)))
}

async fn set(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let id = account(&id)?;
    let limits = fields.required("limits", value::limits);
    let thresholds = fields.nullable("thresholds", value::thresholds);
    let limits = fields.finish(limits)?;
    let change =
        Change { limits: Some(LimitsChange::Set(limits)), thresholds, ..Change::default() };
    let (_, after) = accounts::change(&parts, &id, "limits", &change).await?;
    Ok(Json(shown(&parts, &after)))
}

/// Raises a limit `until` a time, or `for` a length of time, or to the end of its period.
async fn bump(
    State(parts): State<Shared>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let id = account(&id)?;
    let now = parts.clock.now();
    let increase = fields.required("amount", value::increase);
    let until = fields.read("until", value::future(now));
    let span = fields.read("for", value::span);
    let increase = fields.finish(increase)?;
    if until.is_some() && span.is_some() {
        return Err(Problem::field("/for", "give `until` or `for`, not both".to_owned()));
    }
    let until = until.or_else(|| span.map(|ms| now.saturating_add(ms)));
    let (before, after) = parts.registry.bump(&id, &increase, until).await?;
    audit::changed("bump", &id, Some(&before), Some(&after));
    Ok(Json(shown(&parts, &after)))
}

async fn reset(
    State(parts): State<Shared>,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let id = fields.required("account", value::account);
    let limit = fields.read("limit", value::text);
    let id = fields.finish(id)?;
    if let Some(name) = &limit {
        known(&accounts::find(&parts, &id).await?, name)?;
    }
    let (before, after) = parts.registry.reset(&id, limit.as_deref()).await?;
    audit::changed("reset", &id, Some(&before), Some(&after));
    let data = json!({
        "account": id,
        "before": view::limits(&before, &parts.defaults),
        "after": view::limits(&after, &parts.defaults),
    });
    Ok(Json(envelope(&parts, data, Value::Null)))
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
