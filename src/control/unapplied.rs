//! `/api/v1/ledger/unapplied` and `…/replay`: settlements that the journal of this proxy put aside.

use super::desk::Desk;
use super::fields::{Body, Params};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use crate::clock::rfc3339;
use crate::ledger::{Decided, Verdict};
use axum::Json;
use serde_json::{Value, json};

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/ledger/unapplied", Scope::Read(Resource::Ledger), look)
        .says("Lists what the journal of this proxy put aside", 200, "[Unapplied]")
        .global()
        .post("/api/v1/ledger/replay", Scope::Admin, replay)
        .says("Charges what of it was not charged yet", 200, "[Unapplied]")
        .takes("Nothing")
        .global()
}

async fn look(desk: Desk, Params(fields): Params) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    Ok(listed(&desk.registry.decide(true).await?))
}

async fn replay(desk: Desk, Body(fields): Body) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    let decided = desk.registry.decide(false).await?;
    let charged = decided.iter().filter(|one| one.verdict == Verdict::Charged).count();
    tracing::info!(target: "farebox::audit", actor = %desk.by.name, action = "ledger.replay", charged,
        "changed");
    Ok(listed(&decided))
}

fn listed(decided: &[Decided]) -> Json<Value> {
    let all: Vec<Value> = decided.iter().map(one).collect();
    Json(json!({ "data": all, "has_more": false, "next_cursor": null }))
}

fn one(decided: &Decided) -> Value {
    let event = decided.event();
    let why = match &decided.verdict {
        Verdict::Unclear(why) => Some(why),
        _ => None,
    };
    json!({
        "id": decided.settlement.id(),
        "started": event.map(|event| rfc3339(event.facts.started)),
        "user": event.map(|event| &event.payers.user),
        "key": event.map(|event| &event.payers.key),
        "workspace": event.map(|event| &event.payers.workspace),
        "model": event.map(|event| &event.facts.model),
        "cost_usd": event.map(|event| event.cost.to_string()),
        "cost_nanousd": event.map(|event| event.cost),
        "verdict": decided.verdict.as_str(),
        "detail": why,
    })
}
