//! `/api/v1/alerts`: what was raised, newest first, and how far it is on each channel.
//!
//! Invariant: a principal of a workspace sees the alerts of that workspace only.

use super::accounts::{PAGE, listed};
use super::desk::Desk;
use super::fields::Params;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::{value, view};
use crate::alert::Notice;
use crate::clock::rfc3339;
use crate::ids::{AccountId, Id};
use crate::ledger::{KeptAlert, Page};
use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

/// How many alerts are looked at for one page.
const MOST_LOOKED_AT: usize = 10_000;
const AT_ONCE: usize = 200;

pub(super) fn operations() -> Operations {
    let read = Scope::Read(Resource::Alerts);
    Operations::default()
        .get("/api/v1/alerts", read, list)
        .says("Lists alerts that were raised, newest first", 200, "[Alert]")
        .asks(&["account", "level", "workspace", "limit", "after"])
        .get("/api/v1/alerts/{id}", read, show)
        .says("Shows an alert", 200, "Alert")
}

/// Which alerts are listed.
struct Wanted {
    account: Option<AccountId>,
    level: Option<String>,
    workspace: Option<Id>,
}

impl Wanted {
    fn has(&self, notice: &Notice) -> bool {
        let ours = |own: &Id| notice.workspace.as_ref() == Some(own);
        self.account.as_ref().is_none_or(|account| notice.account() == Some(account))
            && self.level.as_ref().map_or(notice.digest().is_none(), |l| l == notice.grade())
            && self.workspace.as_ref().is_none_or(ours)
    }
}

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let mut after = fields.read("after", value::cursor);
    let account = fields.read("account", value::account);
    let level = fields.read("level", |level| match level.as_str() {
        Some(word @ ("warning" | "critical" | "exceeded" | "report")) => Ok(word.to_owned()),
        _ => Err(format!("{level} is not one of warning, critical, exceeded, report").into()),
    });
    let workspace = fields.read("workspace", value::id);
    fields.finish(Some(()))?;
    let wanted = Wanted { account, level, workspace: desk.within(workspace)? };
    let (mut entries, mut looked) = (Vec::new(), 0_usize);
    let next = loop {
        let page = desk.alerting.alerts(after.as_deref(), AT_ONCE.min(limit)).await?;
        looked = looked.saturating_add(page.entries.len());
        for alert in page.entries {
            after = Some(alert.cursor());
            let notice = serde_json::from_str::<Notice>(&alert.text).ok();
            if let Some(notice) = notice.filter(|notice| wanted.has(notice)) {
                entries.push((alert, notice));
            }
            if entries.len() == limit {
                break;
            }
        }
        if page.next.is_none() && entries.len() < limit {
            break None;
        }
        if entries.len() == limit || looked >= MOST_LOOKED_AT {
            break after;
        }
    };
    Ok(listed(Page { entries, next }, |(alert, notice)| object(alert, notice)))
}

async fn show(desk: Desk, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let missing = || Problem::missing(format_args!("alert {id}"));
    let name: Id = id.parse().map_err(|_| missing())?;
    let alert = desk.alerting.alert(&name).await?.ok_or_else(missing)?;
    let notice = serde_json::from_str::<Notice>(&alert.text).map_err(|_| missing())?;
    let own = desk.by.workspace.as_ref();
    if own.is_some() && notice.workspace.as_ref() != own {
        return Err(missing());
    }
    Ok(Json(object(&alert, &notice)))
}

/// An alert as it is shown.
pub(super) fn object(alert: &KeptAlert, notice: &Notice) -> Value {
    let crossing = notice.crossing();
    let deliveries = alert.deliveries.iter().map(|(channel, delivery)| {
        json!({
            "channel": channel,
            "status": delivery.status,
            "attempts": delivery.attempts,
            "last_error": delivery.last_error,
            "delivered_at": delivery.delivered_at.map(rfc3339),
        })
    });
    json!({
        "id": alert.id,
        "time": rfc3339(alert.raised),
        "kind": notice.alert_type(),
        "rule": notice.rule(),
        "headline": notice.headline(),
        "account": notice.account(),
        "limit": crossing.map(|crossing| crossing.limit.to_string()),
        "period": crossing.map(|crossing| crossing.period),
        "level": notice.grade(),
        "threshold": crossing.map(|crossing| crossing.threshold),
        "usage_percent": crossing.map(|c| view::percent(c.used, c.allowed)),
        "suppressed": alert.suppressed,
        "deliveries": deliveries.collect::<Vec<_>>(),
    })
}
