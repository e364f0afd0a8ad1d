//! `/api/v1/reports/daily` and `weekly`: what was spent, as JSON, CSV, HTML or text; and having it sent.
//!
//! Invariant: a principal of a workspace gets the report of that workspace.

use super::csv;
use super::desk::Desk;
use super::fields::{Body, Params};
use super::forecast;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{Parts, value};
use crate::alert::{Digest, Sending};
use crate::clock::rfc3339_seconds;
use crate::history::{Part, Report, ReportKind, Reports, facts, html, percent, text};
use crate::ids::Id;
use crate::ledger::{RegistryError, Sum};
use crate::money::NanoUsd;
use axum::Json;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

/// How many entries a list has in what is sent.
const SENT: usize = 50;
/// The most bytes of what is sent.
const SENT_BYTES: usize = 48 << 10;

const COLUMNS: [&str; 14] = [
    "from",
    "to",
    "by",
    "name",
    "requests",
    "failed_requests",
    "tokens",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "estimated_usd",
    "cost_usd",
    "cost_nanousd",
    "before_usd",
];

/// The forms of a report beside JSON.
const BESIDE: [&str; 3] = ["text/csv", "text/html", "text/plain"];

pub(super) fn operations() -> Operations {
    let (usage, send) = (Scope::Read(Resource::Usage), Scope::Write(Resource::Alerts));
    Operations::default()
        .get("/api/v1/reports/daily", usage, daily)
        .says("Reports what was spent on a day, yesterday unless given", 200, "Report")
        .also(&BESIDE)
        .asks(&["date", "workspace", "format"])
        .get("/api/v1/reports/weekly", usage, weekly)
        .says("Reports what was spent in a week, the last whole one unless given", 200, "Report")
        .also(&BESIDE)
        .asks(&["date", "workspace", "format"])
        .post("/api/v1/reports/daily", send, send_daily)
        .says("Sends the report of a day to the channels that ask for it", 200, "ReportSent")
        .takes("ReportToSend")
        .post("/api/v1/reports/weekly", send, send_weekly)
        .says("Sends the report of a week to the channels that ask for it", 200, "ReportSent")
        .takes("ReportToSend")
}

async fn daily(desk: Desk, headers: HeaderMap, params: Params) -> Result<Response, Problem> {
    show(&desk, ReportKind::Daily, &headers, params).await
}

async fn weekly(desk: Desk, headers: HeaderMap, params: Params) -> Result<Response, Problem> {
    show(&desk, ReportKind::Weekly, &headers, params).await
}

async fn send_daily(desk: Desk, body: Body) -> Result<Json<Value>, Problem> {
    send(&desk, ReportKind::Daily, body).await
}

async fn send_weekly(desk: Desk, body: Body) -> Result<Json<Value>, Problem> {
    send(&desk, ReportKind::Weekly, body).await
}

async fn report(
    parts: &Parts,
    kind: ReportKind,
    date: Option<Date>,
    workspace: Option<&Id>,
) -> Result<Report, Problem> {
    let (registry, calendar) = (parts.registry.clone(), parts.calendar.clone());
    let reports = Reports::new(registry, calendar, parts.clock.clone());
    reports.of(kind, date, workspace).await.map_err(|why| match why {
        RegistryError::Invalid(detail) => Problem::field("?date", detail),
        why => why.into(),
    })
}

async fn show(
    desk: &Desk,
    kind: ReportKind,
    headers: &HeaderMap,
    Params(mut fields): Params,
) -> Result<Response, Problem> {
    let date = fields.read("date", value::date);
    let workspace = fields.read("workspace", value::id);
    let written = fields.read("format", |word| {
        let found = FORMS.iter().find(|(name, ..)| word.as_str() == Some(*name));
        let refused = || format!("{word} is not one of json, csv, html, text").into();
        found.map(|(_, _, form)| *form).ok_or_else(refused)
    });
    fields.finish(Some(()))?;
    let workspace = desk.within(workspace)?;
    let report = report(desk, kind, date, workspace.as_ref()).await?;
    let typed = |kind: &'static str, text: String| ([(CONTENT_TYPE, kind)], text).into_response();
    Ok(match written.unwrap_or_else(|| accepted(headers)) {
        Form::Json => Json(object(&report, usize::MAX)).into_response(),
        Form::Csv => csv::sheet(&COLUMNS, &rows(&report)),
        Form::Html => typed("text/html; charset=utf-8", html(&report)),
        Form::Text => typed("text/plain; charset=utf-8", text(&report)),
    })
}

async fn send(
    desk: &Desk,
    kind: ReportKind,
    Body(mut fields): Body,
) -> Result<Json<Value>, Problem> {
    let date = fields.read("date", value::date);
    let workspace = fields.read("workspace", value::id);
    fields.finish(Some(()))?;
    let workspace = desk.within(workspace)?;
    desk.alerting.refresh().await?;
    let asked = desk.alerting.report_workspaces(kind.as_str());
    let whole = Problem::conflict(format!(
        "no channel asks for {} reports{}: add reports = [\"{}\"] to one",
        kind.as_str(),
        workspace.as_ref().map(|own| format!(" of the workspace {own}")).unwrap_or_default(),
        kind.as_str()
    ));
    if !asked.contains(&workspace) {
        return Err(whole);
    }
    let report = report(desk, kind, date, workspace.as_ref()).await?;
    let sending = Sending::Asked(desk.clock.now());
    let sent = desk.alerting.report(digest(&report), sending, workspace).await;
    let failed = |why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    Ok(Json(json!({"period": report.period(), "channels": sent.map_err(failed)?})))
}

/// A report as channels get it.
pub fn digest(report: &Report) -> Digest {
    let mut most = SENT;
    let mut shown = object(report, most);
    while shown.to_string().len() > SENT_BYTES / 2 && most > 1 {
        most /= 2;
        shown = object(report, most);
    }
    let facts = facts(report).into_iter().map(|(name, text)| (name.to_owned(), text));
    let (mut text, mut html) = (text(report), html(report));
    // Names are bounded, so this is for the strangest only.
    if text.len() + html.len() > SENT_BYTES / 2 {
        html = String::from("<p>The report is too long to be sent as a page.</p>");
        text = text.chars().take(SENT_BYTES / 8).collect();
    }
    let kind = report.kind.as_str().to_owned();
    Digest { kind, title: report.title(), facts: facts.collect(), text, html, object: shown }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Csv,
    Html,
    Text,
}

/// The word of each form in the query, and its type.
const FORMS: [(&str, &str, Form); 4] = [
    ("json", "application/json", Form::Json),
    ("csv", "text/csv", Form::Csv),
    ("html", "text/html", Form::Html),
    ("text", "text/plain", Form::Text),
];

/// The form that the headers ask for; of several, the first one that there is.
fn accepted(headers: &HeaderMap) -> Form {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let known = |kind: &str| {
        let name = kind.split(';').next().unwrap_or_default().trim();
        FORMS.iter().find(|(_, own, _)| own.eq_ignore_ascii_case(name)).map(|(_, _, form)| *form)
    };
    accepted.flat_map(|list| list.split(',')).find_map(known).unwrap_or(Form::Json)
}

fn object(report: &Report, most: usize) -> Value {
    let (sum, before) = (&report.total.sum, &report.total.before);
    let list = |field: &str, parts: &[Part]| -> Value {
        let shown = parts.iter().filter(|part| part.sum != Sum::default()).take(most);
        shown.map(|one| part(field, one)).collect()
    };
    let moved = report.movers.iter().map(|one| {
        let mut object = part("user", one);
        object["change_usd"] = NanoUsd::new(one.change()).to_string().into();
        object["change_nanousd"] = one.change().into();
        object
    });
    json!({
        "kind": report.kind.as_str(),
        "date": report.date.to_string(),
        "from": rfc3339_seconds(report.from),
        "to": rfc3339_seconds(report.to),
        "timezone": report.zone,
        "workspace": report.workspace,
        "total_cost_usd": sum.cost.to_string(),
        "total_cost_nanousd": sum.cost,
        "total_requests": sum.requests,
        "total_tokens": sum.tokens(),
        "failed_requests": sum.failed,
        "input_tokens": sum.input,
        "cached_input_tokens": sum.cached_input,
        "output_tokens": sum.output,
        "cache_hit_percent": percent(sum.cached_input, sum.input),
        "estimated_usd": sum.estimated_cost.to_string(),
        "estimated_nanousd": sum.estimated_cost,
        "estimated_percent": percent(sum.estimated_cost.get(), sum.cost.get()),
        "before": {
            "from": rfc3339_seconds(report.before),
            "to": rfc3339_seconds(report.from),
            "total_cost_usd": before.cost.to_string(),
            "total_cost_nanousd": before.cost,
            "total_requests": before.requests,
        },
        "change_percent": percent(report.total.change(), before.cost.get()),
        "by_user": list("user", &report.by_user),
        "by_model": list("model", &report.by_model),
        "by_provider": list("provider", &report.by_provider),
        "movers": moved.collect::<Vec<_>>(),
        "near_limit": report.near.iter().map(forecast::object).collect::<Vec<_>>(),
    })
}

fn part(field: &str, part: &Part) -> Value {
    let mut object = json!({
        "requests": part.sum.requests,
        "tokens": part.sum.tokens(),
        "cost_usd": part.sum.cost.to_string(),
        "cost_nanousd": part.sum.cost,
        "before_usd": part.before.cost.to_string(),
        "before_nanousd": part.before.cost,
    });
    object[field] = part.name.as_str().into();
    object
}

fn rows(report: &Report) -> Vec<Map<String, Value>> {
    let row = |(by, part): (&str, &Part)| {
        let Part { name, sum, before } = part;
        let cells: [Value; 14] = [
            rfc3339_seconds(report.from).into(),
            rfc3339_seconds(report.to).into(),
            by.into(),
            name.as_str().into(),
            sum.requests.into(),
            sum.failed.into(),
            sum.tokens().into(),
            sum.input.into(),
            sum.cached_input.into(),
            sum.output.into(),
            sum.estimated_cost.to_string().into(),
            sum.cost.to_string().into(),
            sum.cost.get().into(),
            before.cost.to_string().into(),
        ];
        COLUMNS.iter().map(|name| (*name).to_owned()).zip(cells).collect()
    };
    let all = std::iter::once(("total", &report.total));
    let users = report.by_user.iter().map(|part| ("user", part));
    let models = report.by_model.iter().map(|part| ("model", part));
    let providers = report.by_provider.iter().map(|part| ("provider", part));
    all.chain(users).chain(models).chain(providers).map(row).collect()
}
