//! `/api/v1/alert-channels`: where alerts go. Those of the file are shown and cannot be changed here.
//!
//! Invariants: a secret leaves in no answer. A principal of a workspace sees and makes channels of
//! that workspace only.

use super::accounts::listed;
use super::audit::{self, Done};
use super::condition::Tagged;
use super::desk::Desk;
use super::fields::Body;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::alert::{Channel, Listed, NotMade, Outcome};
use crate::ids::{AccountId, Id};
use crate::ledger::Page;
use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub(super) fn operations() -> Operations {
    let (read, write) = (Scope::Read(Resource::Alerts), Scope::Write(Resource::Alerts));
    Operations::default()
        .get("/api/v1/alert-channels", read, list)
        .says("Lists the channels that alerts go to", 200, "[AlertChannel]")
        .post("/api/v1/alert-channels", write, create)
        .says("Makes a channel; alerts go to it at once", 201, "AlertChannel")
        .takes("NewAlertChannel")
        .get("/api/v1/alert-channels/{id}", read, show)
        .says("Shows a channel, without its secrets", 200, "AlertChannel")
        .patch("/api/v1/alert-channels/{id}", write, change)
        .says("Changes a channel; keys that are absent stay, secrets too", 200, "AlertChannel")
        .takes("AlertChannelChange")
        .delete("/api/v1/alert-channels/{id}", write, delete)
        .says("Deletes a channel and what is still to be sent to it", 204, "")
        .post("/api/v1/alert-channels/{id}/test", write, test)
        .says("Sends a test to a channel, now and once", 200, "AlertTest")
        .takes("Nothing")
}

fn object(listed: &Listed) -> Value {
    let Listed { channel, in_file, .. } = listed;
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(channel.name()));
    object.insert("workspace".to_owned(), json!(channel.workspace()));
    object.insert("source".to_owned(), json!(if *in_file { "file" } else { "api" }));
    object.extend(channel.shown());
    object.into()
}

fn tagged(listed: &Listed) -> Tagged {
    Tagged::of(object(listed), &listed.revision)
}

fn sees(desk: &Desk, channel: &Channel) -> bool {
    desk.by.workspace.is_none() || desk.by.workspace.as_ref() == channel.workspace()
}

fn find(desk: &Desk, name: &str) -> Result<Listed, Problem> {
    let all = desk.alerting.channels();
    let mut own = all.iter().filter(|listed| sees(desk, &listed.channel));
    let found = own.find(|listed| listed.channel.name().as_str() == name);
    found.cloned().ok_or_else(|| Problem::missing(format_args!("alert channel {name}")))
}

async fn list(desk: Desk) -> Result<Json<Value>, Problem> {
    desk.alerting.refresh().await?;
    let all = desk.alerting.channels();
    let entries = all.iter().filter(|listed| sees(&desk, &listed.channel)).cloned().collect();
    Ok(listed(Page { entries, next: None }, object))
}

async fn show(desk: Desk, Path(id): Path<String>) -> Result<Tagged, Problem> {
    desk.alerting.refresh().await?;
    Ok(tagged(&find(&desk, &id)?))
}

async fn create(desk: Desk, Body(fields): Body) -> Result<Response, Problem> {
    let mut map = fields.into_map();
    if map.get("name").is_none_or(Value::is_null) {
        return Err(Problem::field("/name", "it is missing"));
    }
    within(&desk, &mut map).await?;
    let channel = desk.alerting.make(&map).await?;
    let made = find(&desk, channel.name().as_str())?;
    changed(&desk, "create", &channel, (Value::Null, object(&made))).await;
    let place = format!("/api/v1/alert-channels/{}", channel.name());
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], tagged(&made)).into_response())
}

/// Puts a channel into the workspace of whoever asks, and refuses one of others.
pub(super) async fn within(desk: &Desk, map: &mut Map<String, Value>) -> Result<(), Problem> {
    let asked = map.get("workspace").filter(|asked| !asked.is_null()).map(value::id).transpose();
    let asked = asked.map_err(|fault| Problem::field("/workspace", fault.detail))?;
    match (&asked, &desk.by.workspace) {
        (Some(asked), _) => desk.find(&AccountId::workspace(asked)).await.map(|_| ()),
        (None, Some(own)) => {
            map.insert("workspace".to_owned(), json!(own));
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

async fn change(desk: Desk, Path(id): Path<String>, Body(fields): Body) -> Result<Tagged, Problem> {
    desk.alerting.refresh().await?;
    let found = find(&desk, &id)?;
    if found.in_file {
        let detail = format!("alert channel {id} stands in the file; change it there and reload");
        return Err(Problem::conflict(detail));
    }
    desk.condition.holds(format_args!("alert channel {id}"), &found.revision)?;
    let mut map = fields.into_map();
    if map.contains_key("workspace") {
        within(&desk, &mut map).await?;
    }
    let missing = || Problem::missing(format_args!("alert channel {id}"));
    let channel = desk.alerting.change(found.channel.name(), map).await?.ok_or_else(missing)?;
    let new = find(&desk, channel.name().as_str())?;
    changed(&desk, "change", &new.channel, (object(&found), object(&new))).await;
    Ok(tagged(&new))
}

async fn delete(desk: Desk, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    desk.alerting.refresh().await?;
    let missing = || Problem::missing(format_args!("alert channel {id}"));
    let name: Id = id.parse().map_err(|_| missing())?;
    let Ok(found) = find(&desk, &id) else {
        // One that was made under another token cannot be read, and must not stay for ever.
        let gone = desk.by.workspace.is_none() && desk.alerting.remove(&name).await?;
        if !gone {
            return Err(missing());
        }
        audit::unread(&desk, "alert_channel", &name).await;
        return Ok(StatusCode::NO_CONTENT);
    };
    if found.in_file {
        let detail = format!("alert channel {id} stands in the file; delete it there and reload");
        return Err(Problem::conflict(detail));
    }
    desk.condition.holds(format_args!("alert channel {id}"), &found.revision)?;
    if !desk.alerting.remove(&name).await? {
        return Err(missing());
    }
    changed(&desk, "delete", &found.channel, (object(&found), Value::Null)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn test(
    desk: Desk,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    desk.alerting.refresh().await?;
    let found = find(&desk, &id)?;
    let outcome = desk.alerting.test(&found.channel).await;
    let status = match &outcome {
        Outcome::Delivered => "delivered",
        Outcome::TryAgain { .. } => "try_again",
        Outcome::Failed { .. } => "failed",
    };
    Ok(Json(json!({
        "delivered": outcome == Outcome::Delivered,
        "status": status,
        "error": outcome.why(),
    })))
}

async fn changed(desk: &Desk, verb: &str, channel: &Channel, change: (Value, Value)) {
    let action = format!("alert_channel.{verb}");
    let account = format!("alert_channel:{}", channel.name());
    audit::done(desk, Done { action, account, workspace: channel.workspace(), change }).await;
}

impl From<NotMade> for Problem {
    fn from(why: NotMade) -> Self {
        match why {
            NotMade::Bad(bad) => Self::field(&format!("/{}", bad.key), bad.detail),
            NotMade::Exists(_) | NotMade::Changed(_) => Self::conflict(why.to_string()),
            NotMade::Ledger(why) => why.into(),
        }
    }
}
