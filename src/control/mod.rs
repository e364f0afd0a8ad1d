//! The admin plane: accounts, what happened, and health, over HTTP on a listener of its own.
//!
//! It sees the ledger through [`Registry`] only and is never on the way of a call. One file per
//! resource, each with its `operations`; `operation` is the table of all, with the `scope` that
//! each asks for; `desk` is what an operation is given: the parts, and the `principal`. `fields` and `value` read bodies and queries, `view` shows accounts, `answer` decides
//! who may come in and in which form errors leave, `audit` keeps what was changed.
//!
//! Invariants: counters are shown and never written; a secret is shown once, in the answer that
//! makes it, and is in no log line.

mod accounts;
mod admin_tokens;
mod alert_channels;
mod alert_rules;
mod alerts;
mod analytics;
mod answer;
mod audit;
pub mod call_sheet;
mod condition;
mod config;
mod credentials;
pub mod csv;
mod dashboard;
mod desk;
mod fields;
pub mod focus;
mod forecast;
mod health;
mod idempotency;
mod identity;
mod json;
mod keys;
mod limits;
mod live;
mod login;
mod mirror;
mod openapi;
mod operation;
mod own;
pub mod pool;
mod preferences;
mod price_changes;
mod pricing;
mod principal;
mod problem;
mod provenance;
mod providers;
mod quota;
mod reports;
mod requests;
mod scope;
mod sign_in_links;
mod snapshots;
mod system;
mod unapplied;
mod usage_events;
mod users;
mod value;
mod view;
mod workspaces;

pub use analytics::{LATENCY, REFUSALS, metric_columns};
pub use config::{InForce, PoolsInForce, PricesInForce, Reloaded};
pub use credentials::credential_accounts;
pub use dashboard::own_page;
pub use health::readiness;
pub use identity::{Identity, LINK_LIFE};
pub use live::{Asked, Live, OwnLive, Pace};
pub use mirror::{BadParameter, NoPage, PREFIX as ORGANIZATION};
pub use operation::{Entry, Said};
pub use own::SelfService;
pub use quota::{ProvidersInForce, QUOTA, Quota};
pub use reports::digest;
pub use scope::{Resource, Scope, Scopes};
pub use system::Began;

use crate::alert::Alerting;
use crate::clock::Clock;
use crate::config::Protection;
use crate::history::Refusals;
use crate::ledger::{Enforcement, Records, Registry, Snapshots};
use crate::limit::{Calendar, Thresholds};
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use std::fmt;
use std::sync::Arc;

/// What applies to an account that says nothing of its own.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Alert thresholds.
    pub thresholds: Thresholds,
    /// Enforcement mode.
    pub enforcement: Enforcement,
}

/// One of the things that must be right before calls are taken.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name in `/readyz?verbose`.
    pub name: &'static str,
    /// What is wrong, or nothing.
    pub fault: Option<String>,
}

/// What the admin plane is made of.
#[derive(Clone)]
pub struct Parts {
    /// Accounts and history.
    pub registry: Arc<dyn Registry>,
    /// Small documents of the control plane.
    pub records: Arc<dyn Records>,
    /// How workspaces stood.
    pub snapshots: Arc<dyn Snapshots>,
    /// What was refused.
    pub refusals: Arc<Refusals>,
    /// What live clients share.
    pub live: Arc<Live>,
    /// Alerts and their channels.
    pub alerting: Arc<Alerting>,
    /// The time.
    pub clock: Clock,
    /// The ledger's time zone; days of sums are its days.
    pub calendar: Calendar,
    /// Who asks.
    pub identity: Arc<Identity>,
    /// How often may be asked, and from which pages.
    pub protection: Protection,
    /// What applies to accounts that say nothing of their own.
    pub defaults: Defaults,
    /// Answers questions about quotas.
    pub quota: Arc<Quota>,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The checks of `/readyz`.
    pub ready: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
    /// The configuration in force.
    pub in_force: Arc<dyn InForce>,
    /// This process, as it began.
    pub began: Began,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

use operation::Operations;

type Shared = Arc<Parts>;

/// Everything that the admin listener answers. What live clients are told is followed from now on;
/// so it must be called within a runtime.
pub fn router(parts: impl Into<Arc<Parts>>) -> Router {
    let parts = parts.into();
    let cors = answer::cors(&parts.protection);
    parts.live.start(&parts);
    let router = operations()
        .router(&parts)
        .fallback(unknown)
        .layer(from_fn_with_state(parts.clone(), answer::admit))
        .layer(from_fn_with_state(parts.clone(), answer::dress));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.with_state(parts)
}

/// What each operation of the admin listener is.
pub fn table() -> Vec<Entry> {
    operations().entries()
}

fn operations() -> Operations {
    health::operations()
        .and(users::operations())
        .and(keys::operations())
        .and(workspaces::operations())
        .and(limits::operations())
        .and(quota::operations())
        .and(usage_events::operations())
        .and(requests::operations())
        .and(unapplied::operations())
        .and(audit::operations())
        .and(analytics::operations())
        .and(forecast::operations())
        .and(reports::operations())
        .and(snapshots::operations())
        .and(config::operations())
        .and(system::operations())
        .and(pricing::operations())
        .and(price_changes::operations())
        .and(credentials::operations())
        .and(providers::operations())
        .and(mirror::operations())
        .and(live::operations())
        .and(admin_tokens::operations())
        .and(login::operations())
        .and(sign_in_links::operations())
        .and(preferences::operations())
        .and(alerts::operations())
        .and(alert_channels::operations())
        .and(alert_rules::operations())
        .and(openapi::operations())
        .and(dashboard::operations())
}

async fn unknown(uri: Uri) -> Response {
    if uri.path() == "/dashboard/" {
        return Redirect::temporary("/").into_response();
    }
    problem::Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
        .into_response()
}
