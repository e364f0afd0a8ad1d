//! `/api/v1/preferences`: how somebody wants the dashboard, in whatever browser. Each admin token
//! has its own; nobody sees those of others.
//!
//! Invariant: `null` is what was never chosen. They are gone 400 days after they were last set.

use super::desk::Desk;
use super::fields::{Body, Read};
use super::operation::Operations;
use super::problem::Problem;
use super::scope::Scope;
use crate::ids::Id;
use crate::ledger::{RecordKind, When};
use crate::secret::SecretDigest;
use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/preferences";
const KIND: RecordKind = RecordKind::Preferences;
const KEPT_MS: i64 = 400 * 86_400_000;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get(PATH, Scope::Any, show)
        .says("Shows how whoever asks wants the dashboard", 200, "Preferences")
        .put(PATH, Scope::Any, set)
        .says("Sets how whoever asks wants the dashboard", 200, "Preferences")
        .takes("PreferencesChange")
}

async fn show(desk: Desk) -> Result<Json<Value>, Problem> {
    let found = desk.records.get(KIND, &owner(&desk)?).await?;
    let kept = found.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Json(kept.unwrap_or_else(|| json!({"theme": null, "toasts": null}))))
}

async fn set(desk: Desk, Body(mut fields): Body) -> Result<Json<Value>, Problem> {
    let theme = fields.nullable("theme", one_of(&["system", "light", "dark"])).flatten();
    let toasts = fields.nullable("toasts", one_of(&["on", "off"])).flatten();
    fields.finish(Some(()))?;
    let wanted = json!({"theme": theme, "toasts": toasts});
    let until = desk.clock.now().saturating_add(KEPT_MS);
    let (owner, text) = (owner(&desk)?, wanted.to_string());
    desk.records.put(KIND, &owner, &text, Some(until), When::Always).await?;
    Ok(Json(wanted))
}

fn one_of(known: &'static [&'static str]) -> impl Fn(&Value) -> Read<&'static str> {
    move |value| {
        let found = known.iter().find(|word| value.as_str() == Some(**word));
        found.copied().ok_or_else(|| format!("{value} is not one of {}", known.join(", ")).into())
    }
}

/// The record of whoever asks. His name may have characters that an id may not.
fn owner(desk: &Desk) -> Result<Id, Problem> {
    let lost = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no id for the preferences");
    SecretDigest::of(&desk.by.name).key_id().ok_or_else(lost)
}
