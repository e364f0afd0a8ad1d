//! `/api/v1/config/reload`: the configuration, read again.
//!
//! Reading and putting in force are not done here, but behind [`InForce`].

use super::audit::{self, Done};
use super::desk::Desk;
use super::fields::Body;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use crate::clock::UnixMs;
use crate::config::CredentialTerms;
use crate::ids::Id;
use crate::ledger::BoxFuture;
use crate::pricing::PriceTable;
use crate::provider::{Credential, Providers};
use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// The configuration in force.
pub trait InForce: Send + Sync {
    /// Reads it again. The error says why nothing has changed.
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, String>>;

    /// The prices.
    fn prices(&self) -> PricesInForce;

    /// The prices before the last reload that changed some. Not those before this process began.
    fn prices_before(&self) -> Option<PricesInForce>;

    /// The providers and our credentials there.
    fn pools(&self) -> PoolsInForce;
}

/// The providers in force.
#[derive(Debug, Clone)]
pub struct PoolsInForce {
    /// The providers, with their pools.
    pub providers: Arc<Providers>,
    /// What is written of each of their credentials.
    pub terms: Arc<[CredentialTerms]>,
}

impl PoolsInForce {
    /// A credential, with what is written of it.
    pub fn find(&self, id: &Id) -> Option<(&CredentialTerms, &Credential)> {
        let terms = self.terms.iter().find(|terms| terms.setup.id == *id)?;
        let provider = self.providers.get(&terms.provider)?;
        Some((terms, provider.credential(id.as_str())?))
    }
}

/// What a reload came to. Settings go by their places in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// What is different from now on.
    pub changed: Vec<String>,
    /// What is written differently and needs a restart.
    pub ignored: Vec<String>,
}

/// A price table that is, or was, in force.
#[derive(Debug, Clone)]
pub struct PricesInForce {
    /// The table.
    pub table: Arc<PriceTable>,
    /// The file that it was read from, or `built in`.
    pub source: String,
    /// From when on it was in force.
    pub since: UnixMs,
}

pub(super) fn operations() -> Operations {
    Operations::default()
        .post("/api/v1/config/reload", Scope::Write(Resource::Config), reload)
        .says("Reads the configuration and the prices again", 200, "Reloaded")
        .takes("Nothing")
        .global()
}

async fn reload(desk: Desk, Body(fields): Body) -> Result<Json<Value>, Problem> {
    fields.finish(Some(()))?;
    let Reloaded { changed, ignored } = desk.in_force.reload().await.map_err(|why| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("nothing has changed: {why}"))
    })?;
    let what = (Value::Null, json!({ "changed": changed }));
    let action = "config.reload".to_owned();
    let account = "config".to_owned();
    audit::done(&desk, Done { action, account, workspace: None, change: what }).await;
    Ok(Json(json!({ "reloaded": true, "changed": changed, "ignored": ignored })))
}
