//! `/api/v1/system`: which version runs, since when, and on which ledger.
//!
//! Not here: whether it takes calls. `/readyz` tells that, also while the ledger does not answer.

use super::desk::Desk;
use super::fields::Params;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::Scope;
use crate::clock::{UnixMs, rfc3339};
use axum::Json;
use serde_json::{Value, json};

/// A process, as it began.
#[derive(Debug, Clone, Copy)]
pub struct Began {
    /// When.
    pub at: UnixMs,
    /// `redis` or `embedded`.
    pub ledger: &'static str,
}

pub(super) fn operations() -> Operations {
    Operations::default().get("/api/v1/system", Scope::Any, show).says(
        "Shows the version, since when this process runs, and on which ledger",
        200,
        "System",
    )
}

async fn show(desk: Desk, Params(fields): Params) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    let Began { at, ledger } = desk.began;
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": rfc3339(at),
        "ledger": ledger,
        "timezone": desk.calendar.zone_name(),
    })))
}
