//! `/api/v1/alert-rules`: what is alerted besides thresholds. Those of the file are shown and cannot
//! be changed here.
//!
//! Invariant: a principal of a workspace sees and makes rules of that workspace only, and they look
//! at its accounts only.

use super::accounts::listed;
use super::alert_channels;
use super::audit::{self, Done};
use super::condition::Tagged;
use super::desk::Desk;
use super::fields::Body;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use crate::alert::{ListedRule, NotKept, Rule};
use crate::ids::AccountId;
use crate::ledger::Page;
use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Alerts), Scope::Write(Resource::Alerts));
    Operations::default()
        .get("/api/v1/alert-rules", read, list)
        .says("Lists the rules of alerts", 200, "[AlertRule]")
        .post("/api/v1/alert-rules", write, create)
        .says("Makes a rule; it is looked at in the next check", 201, "AlertRule")
        .takes("NewAlertRule")
        .get("/api/v1/alert-rules/{id}", read, show)
        .says("Shows a rule", 200, "AlertRule")
        .patch("/api/v1/alert-rules/{id}", write, change)
        .says("Changes a rule; what it fired for before is over", 200, "AlertRule")
        .takes("AlertRuleChange")
        .delete("/api/v1/alert-rules/{id}", write, delete)
        .says("Deletes a rule", 204, "")
}

fn object(listed: &ListedRule) -> Value {
    let ListedRule { rule, in_file } = listed;
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(rule.name()));
    object.insert("source".to_owned(), json!(if *in_file { "file" } else { "api" }));
    object.insert("workspace".to_owned(), json!(rule.workspace()));
    object.insert("account".to_owned(), Value::Null);
    object.extend(rule.shown());
    object.into()
}

fn tagged(listed: &ListedRule) -> Tagged {
    Tagged::of(object(listed), &listed.rule.revision())
}

fn sees(desk: &Desk, rule: &Rule) -> bool {
    desk.by.workspace.is_none() || desk.by.workspace.as_ref() == rule.workspace()
}

async fn all(desk: &Desk) -> Result<Vec<ListedRule>, Problem> {
    let mut all = desk.alerting.rules().await?;
    all.retain(|listed| sees(desk, &listed.rule));
    Ok(all)
}

async fn find(desk: &Desk, name: &str) -> Result<ListedRule, Problem> {
    let found = all(desk).await?.into_iter().find(|listed| listed.rule.name().as_str() == name);
    found.ok_or_else(|| Problem::missing(format_args!("alert rule {name}")))
}

async fn find_to_change(desk: &Desk, name: &str) -> Result<ListedRule, Problem> {
    let found = find(desk, name).await?;
    if found.in_file {
        let detail = format!("alert rule {name} stands in the file; change it there and reload");
        return Err(Problem::conflict(detail));
    }
    desk.condition.holds(format_args!("alert rule {name}"), &found.rule.revision())?;
    Ok(found)
}

async fn list(desk: Desk) -> Result<Json<Value>, Problem> {
    let entries = all(&desk).await?;
    Ok(listed(Page { entries, next: None }, object))
}

async fn show(desk: Desk, Path(id): Path<String>) -> Result<Tagged, Problem> {
    Ok(tagged(&find(&desk, &id).await?))
}

async fn create(desk: Desk, Body(fields): Body) -> Result<Response, Problem> {
    let mut map = fields.into_map();
    within(&desk, &mut map).await?;
    let rule = desk.alerting.make_rule(&map).await?;
    let made = ListedRule { rule, in_file: false };
    changed(&desk, "create", &made.rule, (Value::Null, object(&made))).await;
    let place = format!("/api/v1/alert-rules/{}", made.rule.name());
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], tagged(&made)).into_response())
}

async fn change(desk: Desk, Path(id): Path<String>, Body(fields): Body) -> Result<Tagged, Problem> {
    let old = find_to_change(&desk, &id).await?;
    let mut map = fields.into_map();
    if map.contains_key("workspace") || map.contains_key("account") {
        within(&desk, &mut map).await?;
    }
    let rule = desk.alerting.change_rule(&old.rule, map).await?;
    let new = ListedRule { rule, in_file: false };
    changed(&desk, "change", &new.rule, (object(&old), object(&new))).await;
    Ok(tagged(&new))
}

async fn delete(desk: Desk, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let known = find(&desk, &id).await.is_ok();
    if let Some(name) = id.parse().ok().filter(|_| !known && desk.by.workspace.is_none())
        && desk.alerting.remove_rule(&name).await?
    {
        // One that this version cannot read must not stay for ever.
        audit::unread(&desk, "alert_rule", &name).await;
        return Ok(StatusCode::NO_CONTENT);
    }
    let found = find_to_change(&desk, &id).await?;
    if !desk.alerting.remove_rule(found.rule.name()).await? {
        return Err(Problem::missing(format_args!("alert rule {id}")));
    }
    changed(&desk, "delete", &found.rule, (object(&found), Value::Null)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts a rule into the workspace of whoever asks, and refuses one about accounts of others.
async fn within(desk: &Desk, map: &mut Map<String, Value>) -> Result<(), Problem> {
    alert_channels::within(desk, map).await?;
    let account = map.get("account").and_then(Value::as_str);
    match (account.and_then(|text| text.parse::<AccountId>().ok()), &desk.by.workspace) {
        (Some(account), Some(_)) => desk.find(&account).await.map(|_| ()),
        _ => Ok(()),
    }
}

async fn changed(desk: &Desk, verb: &str, rule: &Rule, change: (Value, Value)) {
    let action = format!("alert_rule.{verb}");
    let account = format!("alert_rule:{}", rule.name());
    audit::done(desk, Done { action, account, workspace: rule.workspace(), change }).await;
}

impl From<NotKept> for Problem {
    fn from(why: NotKept) -> Self {
        match why {
            NotKept::Bad(bad) => Self::field(&format!("/{}", bad.key), bad.detail),
            NotKept::Exists(_) | NotKept::Changed(_) => Self::conflict(why.to_string()),
            NotKept::Ledger(why) => why.into(),
        }
    }
}
