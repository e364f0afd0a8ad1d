//! `POST /api/v1/usage-events`: consumption that happened elsewhere, such as a batch job's.
//!
//! It is charged like a call, and never refused for quota. `asked` reads it, `charged` finds whom it
//! names and what it costs; here is what makes it happen once.
//!
//! Invariants: of all reports with one id, one is charged. What is to be settled is noted under the
//! id before it is, so that a repetition after a crash settles the same, which the ledger does once.

mod asked;
mod charged;

use super::desk::Desk;
use super::fields::Body;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use crate::ids::Id;
use crate::ledger::{RecordError, RecordKind, RegistryError, Settlement, Unavailable, When};
use asked::Asked;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use charged::Charged;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// For so long an id is remembered.
const REMEMBERED_MS: i64 = 31 * 86_400_000;

pub(super) fn operations() -> Operations {
    Operations::default()
        .post("/api/v1/usage-events", Scope::Write(Resource::Usage), post)
        .says("Charges what was consumed elsewhere, once by its id", 201, "UsageEvent")
        .takes("NewUsageEvent")
}

/// What is kept under an id.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    /// The digest of the body.
    body: String,
    answer: Value,
    /// What is still to be settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    settlements: Vec<Settlement>,
}

async fn post(desk: Desk, Body(fields): Body) -> Result<Response, Problem> {
    let body = digest(&fields.text());
    let asked = Asked::read(fields, desk.clock.now())?;
    let record = record(&desk, &asked.id)?;
    if let Some(noted) = noted(&desk, &record).await? {
        return repeated(&desk, &record, (&asked.id, &body), noted).await;
    }
    let Charged { answer, settlements } = charged::charged(&desk, &asked).await?;
    let new = Noted { body, answer, settlements };
    if keep(&desk, &record, &new, When::Absent).await? {
        settle(&desk, &record, new).await.map(created)
    } else {
        // Another one came first.
        let noted = noted(&desk, &record).await?;
        let noted = noted.ok_or_else(|| Problem::conflict("it was sent twice; send it again"))?;
        repeated(&desk, &record, (&asked.id, &new.body), noted).await
    }
}

/// The answer to a report whose id is known.
async fn repeated(
    desk: &Desk,
    record: &Id,
    (id, body): (&Id, &str),
    noted: Noted,
) -> Result<Response, Problem> {
    if noted.body != body {
        let detail = format!("the event `{id}` was sent before with another body");
        return Err(Problem::conflict(detail));
    }
    if noted.settlements.is_empty() {
        return Ok(Json(noted.answer).into_response());
    }
    Ok(Json(settle(desk, record, noted).await?).into_response())
}

/// Settles what is noted, and notes that it is.
async fn settle(desk: &Desk, record: &Id, noted: Noted) -> Result<Value, Problem> {
    for settlement in &noted.settlements {
        desk.registry.report(settlement.clone()).await?;
    }
    let settled = Noted { settlements: Vec::new(), ..noted };
    if let Err(problem) = keep(desk, record, &settled, When::Always).await {
        tracing::warn!(why = problem.detail, "a usage event is settled, which could not be noted");
    }
    Ok(settled.answer)
}

fn created(answer: Value) -> Response {
    let place = answer["request_id"].as_str().map(|id| format!("/api/v1/requests/{id}"));
    let place = place.map(|place| [(header::LOCATION, place)]);
    match place {
        Some(place) => (StatusCode::CREATED, place, Json(answer)).into_response(),
        None => (StatusCode::CREATED, Json(answer)).into_response(),
    }
}

/// Under what an id is kept. Those of workspaces are apart, so that none learns of another's.
fn record(desk: &Desk, id: &Id) -> Result<Id, Problem> {
    let within = desk.by.workspace.as_ref().map_or("", Id::as_str);
    let name = digest(&format!("{within}\n{id}"));
    name.parse().map_err(|bad: crate::ids::BadId| Problem::field("/id", bad.to_string()))
}

async fn noted(desk: &Desk, record: &Id) -> Result<Option<Noted>, Problem> {
    let text = desk.records.get(RecordKind::UsageEvent, record).await.map_err(problem)?;
    let strange = |_| problem(Unavailable("what is noted of it is damaged".to_owned()).into());
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(strange)
}

async fn keep(desk: &Desk, record: &Id, noted: &Noted, when: When<'_>) -> Result<bool, Problem> {
    let text = serde_json::to_string(noted)
        .map_err(|why| problem(Unavailable(format!("it cannot be noted: {why}")).into()))?;
    let until = Some(desk.clock.now().saturating_add(REMEMBERED_MS));
    desk.records.put(RecordKind::UsageEvent, record, &text, until, when).await.map_err(problem)
}

fn problem(error: RecordError) -> Problem {
    match error {
        RecordError::Unavailable(why) => RegistryError::from(why).into(),
        full => Problem::new(StatusCode::SERVICE_UNAVAILABLE, full.to_string()),
    }
}

/// 32 hexadecimal digits that stand for a text.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
