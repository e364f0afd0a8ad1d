//! `/api/v1/forecast`: what accounts will have spent when their period ends, and how such forecasts
//! were in the past.
//!
//! Invariant: an account that the principal does not see does not exist here either.

use super::accounts::{PAGE, alone, listed};
use super::desk::Desk;
use super::fields::Params;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{Parts, value};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::history::{Forecast, Forecasts, Horizon, Review};
use crate::ids::AccountKind;
use crate::ledger::{ListFilter, Page};
use crate::limit::Window;
use crate::money::NanoUsd;
use axum::Json;
use serde_json::{Map, Value, json};

const DAY: i64 = 86_400_000;
/// From when on the past is asked about where nobody says.
const REVIEWED: i64 = 56 * DAY;

const KINDS: [(&str, AccountKind); 4] = [
    ("user", AccountKind::User),
    ("key", AccountKind::Key),
    ("workspace", AccountKind::Workspace),
    ("credential", AccountKind::Credential),
];

pub(super) fn operations() -> Operations {
    let usage = Scope::Read(Resource::Usage);
    Operations::default()
        .get("/api/v1/forecast", usage, forecast)
        .says("Forecasts what an account spends, or lists forecasts", 200, "Forecasts")
        .asks(&["account", "kind", "workspace", "limit", "after"])
        .get("/api/v1/forecast/backtest", usage, review)
        .says("Compares past forecasts of an account with what came", 200, "Backtest")
        .asks(&["account", "since"])
}

fn forecasts(parts: &Parts) -> Forecasts {
    Forecasts::new(parts.registry.clone(), parts.calendar.clone(), parts.clock.clone())
}

async fn forecast(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    if let Some(id) = fields.read("account", value::account) {
        fields.finish(Some(()))?;
        let account = desk.find(&id).await?;
        let told = forecasts(&desk).of_all(std::slice::from_ref(&account)).await?;
        return told.first().map(|told| Json(object(told))).ok_or_else(|| Problem::missing(id));
    }
    let kind = fields.read("kind", |word| {
        let found = KINDS.iter().find(|(name, _)| word.as_str() == Some(*name));
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| format!("{word} is not one of user, key, workspace, credential").into())
    });
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let after = fields.read("after", value::cursor);
    let workspace = fields.read("workspace", value::id);
    fields.finish(Some(()))?;
    let kind = kind.unwrap_or(AccountKind::User);
    let workspace = match kind {
        AccountKind::Credential => workspace,
        _ => desk.within(workspace)?,
    };
    let filter = ListFilter { limit, after, workspace, ..ListFilter::default() };
    let mut page = match (kind, &filter.workspace) {
        (AccountKind::Workspace, Some(own)) => alone(&desk, own, &filter).await?,
        _ => desk.registry.accounts(kind, &filter).await?,
    };
    page.entries.retain(|account| desk.by.sees_account(account));
    let entries = forecasts(&desk).of_all(&page.entries).await?;
    Ok(listed(Page { entries, next: page.next }, object))
}

async fn review(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let now = desk.clock.now();
    let id = fields.required("account", value::account);
    let since = fields.read("since", value::past(now));
    let id = fields.finish(id)?;
    let since = since.unwrap_or(now.saturating_sub(REVIEWED));
    let account = desk.find(&id).await?;
    let Review { limit, window, result } = forecasts(&desk).review(&account, since).await?;
    let mut told = horizon(&result.all);
    told.insert("account".to_owned(), json!(id));
    told.insert("limit".to_owned(), json!(limit));
    told.insert("period".to_owned(), window.as_str().into());
    told.insert("since".to_owned(), rfc3339_seconds(since).into());
    let horizons = result.horizons.iter().map(|one| {
        let mut told = horizon(one);
        told.insert("days".to_owned(), one.days.into());
        Value::Object(told)
    });
    told.insert("horizons".to_owned(), horizons.collect());
    Ok(Json(Value::Object(told)))
}

/// The object of a forecast.
pub(super) fn object(told: &Forecast) -> Value {
    let mut object = Map::new();
    object.insert("account".to_owned(), json!(told.account));
    object.insert("period".to_owned(), told.window.as_str().into());
    object.insert("limit".to_owned(), json!(told.limit));
    let mut money = |name: &str, amount: Option<NanoUsd>| {
        object.insert(format!("{name}_usd"), amount.map(|amount| amount.to_string()).into());
        object.insert(format!("{name}_nanousd"), amount.map(NanoUsd::get).into());
    };
    money("allowed", told.allowed);
    money("used", Some(told.used));
    money("projected", Some(told.projected));
    money("low", Some(told.low));
    money("high", Some(told.high));
    let time = |at: Option<UnixMs>| Value::from(at.map(rfc3339_seconds));
    object.insert("exhausts_at".to_owned(), time(told.exhausts));
    object.insert("resets_at".to_owned(), time(told.ends.filter(|_| told.window != Window::Total)));
    object.insert("method".to_owned(), told.method.as_str().into());
    Value::Object(object)
}

fn horizon(told: &Horizon) -> Map<String, Value> {
    let percent = |figure: Option<f64>| {
        figure.map(|figure| (figure * 10_000.0).round() / 10_000.0).map_or(Value::Null, Value::from)
    };
    let object = json!({
        "predictions": told.asked,
        "error_percent": percent(told.error_percent()),
        "inside_percent": percent(told.inside_percent()),
        "exhaustions": told.exhausted,
        "exhaustion_error_percent": percent(told.exhaustion_error_percent()),
        "exhaustion_within_10_percent": percent(told.exhaustion_met_percent()),
        "missed": told.missed,
        "false_alarms": told.false_alarms,
    });
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
