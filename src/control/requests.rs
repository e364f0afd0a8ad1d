//! `/api/v1/requests`, `/api/v1/ledger/*`: what happened, and whether the ledger is sound.

use super::accounts::listed;
use super::desk::Desk;
use super::fields::{Fields, Params, Read};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{call_sheet, csv, focus, value};
use crate::clock::rfc3339;
use crate::ids::{AccountId, CallId};
use crate::ledger::{Ending, EventQuery, Page, UsageEvent};
use axum::Json;
use axum::extract::Path;
use axum::http::header::LINK;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::ops::RangeInclusive;

const PAGE: usize = 50;
/// So many calls are looked at for one page, so that a filter that few calls fit is answered in time.
const READS: usize = 20_000;
const FILTERS: &[&str] = &[
    "user",
    "key",
    "workspace",
    "model",
    "provider",
    "credential",
    "since",
    "until",
    "limit",
    "after",
];

/// With how they are written.
const LISTED: &[&str] = &[
    "user",
    "key",
    "workspace",
    "model",
    "provider",
    "credential",
    "ending",
    "requests.status",
    "since",
    "until",
    "limit",
    "after",
    "columns",
];

pub(super) fn operations() -> Operations {
    let (usage, sound) = (Scope::Read(Resource::Usage), Scope::Read(Resource::Ledger));
    Operations::default()
        .get("/api/v1/requests", usage, list)
        .says("Lists settled calls, newest first", 200, "[Request]")
        .also(&["text/csv"])
        .asks(LISTED)
        .get("/api/v1/requests/{id}", usage, show)
        .says("Shows a settled call", 200, "Request")
        .get("/api/v1/ledger", sound, ledger)
        .says("Shows where days, weeks and months begin", 200, "Ledger")
        .get("/api/v1/ledger/verify", sound, verify)
        .says("Checks the invariants of the ledger", 200, "Verified")
        .global()
        .get("/api/v1/ledger/orphans", sound, orphans)
        .says("Lists calls that were charged because their proxy died", 200, "[Request]")
        .asks(FILTERS)
}

/// Whose calls are asked for, and of what.
pub(super) async fn read_filters(desk: &Desk, fields: &mut Fields) -> Result<EventQuery, Problem> {
    let query = EventQuery {
        user: fields.read("user", value::id),
        key: fields.read("key", value::id),
        workspace: desk.within(fields.read("workspace", value::id))?,
        model: fields.read("model", value::text),
        provider: fields.read("provider", value::text),
        credential: fields.read("credential", value::text),
        ..EventQuery::default()
    };
    desk.sees(query.user.as_ref().map(AccountId::user).as_ref()).await?;
    desk.sees(query.key.as_ref().map(AccountId::key).as_ref()).await?;
    Ok(query)
}

/// How calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Columns {
    #[default]
    Ours,
    Focus,
}

impl Columns {
    fn read(value: &Value) -> Read<Self> {
        match value::text(value)?.as_str() {
            "farebox" => Ok(Self::Ours),
            "focus" => Ok(Self::Focus),
            word => Err(format!("`{word}` is not one of farebox, focus").into()),
        }
    }
}

async fn list(
    desk: Desk,
    uri: Uri,
    headers: HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let columns = fields.read("columns", Columns::read).unwrap_or_default();
    let page = page(&desk, fields, None).await?;
    if !csv::is_wanted(&headers) {
        let listed = match columns {
            Columns::Ours => listed(page, event),
            Columns::Focus => listed(page, |event| focus::row(event, &desk.calendar).into()),
        };
        return Ok(listed.into_response());
    }
    let link = page.next.as_ref().map(|next| next_page(&uri, next));
    let mut response = match columns {
        Columns::Ours => {
            let lines: Vec<String> =
                page.entries.iter().map(|call| call_sheet::line(&event(call))).collect();
            csv::lines(&call_sheet::head(), &lines)
        }
        Columns::Focus => {
            let rows = page.entries.iter().map(|call| focus::row(call, &desk.calendar));
            csv::sheet(&focus::COLUMNS, &rows.collect::<Vec<_>>())
        }
    };
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Where the next page is, as a header says it.
pub(super) fn next_page(uri: &Uri, cursor: &str) -> String {
    let query = uri.query().unwrap_or_default();
    let others: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("after=")).collect();
    let others: String = others.iter().map(|pair| format!("{pair}&")).collect();
    format!("<{}?{others}after={cursor}>; rel=\"next\"", uri.path())
}

async fn orphans(desk: Desk, Params(fields): Params) -> Result<Json<Value>, Problem> {
    Ok(listed(page(&desk, fields, Some(Ending::Orphaned)).await?, event))
}

async fn page(
    desk: &Desk,
    mut fields: Fields,
    ending: Option<Ending>,
) -> Result<Page<UsageEvent>, Problem> {
    let mut query = read_filters(desk, &mut fields).await?;
    let now = desk.clock.now();
    query.since = fields.read("since", value::past(now));
    query.until = fields.read("until", value::past(now));
    query.limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    query.after = fields.read("after", value::cursor);
    query.ending = ending;
    query.reads = Some(READS);
    if ending.is_none() {
        query.ending = fields.read("ending", how_it_ended);
        query.statuses = fields.read("status", statuses);
    }
    let query = fields.finish(Some(query))?;
    Ok(desk.registry.events(&query).await?)
}

fn how_it_ended(value: &Value) -> Read<Ending> {
    let word = value::text(value)?;
    Ending::parse(&word)
        .ok_or_else(|| format!("`{word}` is not one of finished, cut, left, orphaned").into())
}

/// One HTTP status, or all of a class.
fn statuses(value: &Value) -> Read<RangeInclusive<u16>> {
    let text = value::text(value)?;
    let class = text.strip_suffix("xx").and_then(|digit| digit.parse::<u16>().ok());
    if let Some(class @ 1..=5) = class {
        return Ok(class * 100..=class * 100 + 99);
    }
    match text.parse::<u16>() {
        Ok(status @ (0 | 100..=599)) => Ok(status..=status),
        _ => Err(format!(
            "`{text}` is not an HTTP status like 429, a class like 4xx, or 0 where none arrived"
        )
        .into()),
    }
}

async fn show(desk: Desk, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, format!("no settled call has the id {id}"));
    let call: CallId = id.parse().map_err(|_| missing())?;
    let found = desk.registry.event(call).await?;
    let seen = |event: &UsageEvent| desk.by.sees(Some(&event.payers.workspace));
    let found = found.filter(seen).ok_or_else(missing)?;
    Ok(Json(event(&found)))
}

/// Where days, weeks and months begin.
async fn ledger(desk: Desk, Params(fields): Params) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    Ok(Json(json!({ "timezone": desk.calendar.zone_name() })))
}

async fn verify(desk: Desk, Params(fields): Params) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    let found = desk.registry.verify().await?;
    Ok(Json(json!({
        "ok": found.violations.is_empty(),
        "checked": found.checked,
        "violations": found.violations,
    })))
}

/// The object of a settled call.
fn event(event: &UsageEvent) -> Value {
    json!({
        "id": event.id,
        "started": rfc3339(event.facts.started),
        "settled": rfc3339(event.settled),
        "user": event.payers.user,
        "key": event.payers.used_key(),
        "workspace": event.payers.workspace,
        "provider": event.facts.provider,
        "credential": event.facts.credential,
        "dialect": event.facts.dialect,
        "model": event.facts.model,
        "service_tier": event.service_tier,
        "status": event.status,
        "ending": event.ending.as_str(),
        "estimated": event.estimated,
        "usage": event.usage.to_json(),
        "cost_usd": event.cost.to_string(),
        "cost_nanousd": event.cost,
        "price_version": event.facts.price_version,
        "provider_cost_usd": event.provider_cost.map(|cost| cost.to_string()),
        "held_nanousd": event.held,
        "ttft_ms": event.ttft_ms,
        "duration_ms": event.duration_ms,
        "request_count": event.requests,
        "attempts": event.attempts.as_slice(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_asked_for_by_status_or_class() {
        let read = |text: &str| statuses(&json!(text));
        assert_eq!(read("429").unwrap(), 429..=429);
        assert_eq!(read("4xx").unwrap(), 400..=499);
        assert_eq!(read("0").unwrap(), 0..=0);
        for bad in ["", "42", "600", "0xx", "9xx", "xx", "4XX", "-1", "429,500", "failed"] {
            assert!(read(bad).unwrap_err().detail.contains(&format!("`{bad}`")), "{bad}");
        }
    }

    #[test]
    fn calls_are_asked_for_by_how_they_ended() {
        assert_eq!(how_it_ended(&json!("left")).unwrap(), Ending::Left);
        let wrong = how_it_ended(&json!("lost")).unwrap_err().detail;
        assert_eq!(wrong, "`lost` is not one of finished, cut, left, orphaned");
    }
}
