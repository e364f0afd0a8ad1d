//! The upstream services and our credentials there.
//!
//! A provider is named in the configuration, or known: then its public address and the environment
//! variable of its key are too. Base URLs come from the operator only; clients cannot choose where
//! a call goes beyond naming a configured provider.
//!
//! `choice` and `breaker` are pure; `health` is what is known of one credential, `pool` takes one for
//! a call, `routes` finds the provider of a model.

mod breaker;
mod choice;
mod credential;
mod health;
mod known;
mod policy;
mod pool;
mod routes;

pub use breaker::BreakerBounds;
pub use choice::Wish;
pub use credential::Credential;
pub use health::{
    Condition, Health, LONGEST_MS, Outcome, Quota, SHORTEST_MS, Spent, State, USUAL_MS,
};
pub use known::{KNOWN, Known, caches_prompts, known};
pub use policy::{Choose, Policy};
pub use pool::{AllOut, Pool, Taken};
pub use routes::{Fallback, ModelRoute, Providers};

pub use crate::dialect::Dialect;

use crate::clock::UnixMs;
use std::sync::Arc;

/// A named upstream service.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in paths, routes and events.
    pub name: String,
    /// The wire format that it speaks.
    pub dialect: Dialect,
    /// What its own SDK would be given, without a slash at the end.
    pub base_url: String,
    /// Our keys there: the provider's pool.
    pub credentials: Vec<Credential>,
    /// How the pool is used.
    pub policy: Policy,
    /// What its calls share.
    pub pool: Arc<Pool>,
    /// Whether hanging up stops the provider's bill.
    pub cancel_stops_billing: bool,
}

impl Provider {
    /// A provider whose pool is used as usual.
    pub fn new(
        name: impl Into<String>,
        dialect: Dialect,
        base_url: impl Into<String>,
        credentials: Vec<Credential>,
    ) -> Self {
        Self {
            name: name.into(),
            dialect,
            base_url: base_url.into(),
            credentials,
            policy: Policy::default(),
            pool: Arc::default(),
            cancel_stops_billing: dialect.cancel_stops_billing(),
        }
    }

    /// The address that paths are appended to.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A call is made: it brings its share of a retry.
    pub fn called(&self) {
        self.pool.earn(self.policy.retry_budget_percent);
    }

    /// Takes a retry out of the budget; whether there was one.
    pub fn may_retry(&self) -> bool {
        self.policy.retry_budget_percent > 0 && self.pool.spend()
    }

    /// The credential of this name.
    pub fn credential(&self, name: &str) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.name == name)
    }

    /// What the ledger says of a credential's quota; whether there is such a credential.
    pub fn told(&self, credential: &str, quota: Quota) -> bool {
        let found = self.credential(credential);
        found.inspect(|found| found.health.told(quota)).is_some()
    }

    /// The credentials with what they are at this time, in the order of the file.
    pub fn conditions(&self, now: UnixMs) -> impl Iterator<Item = (&Credential, Condition)> {
        self.credentials.iter().map(move |one| (one, one.health.condition(now)))
    }

    /// The same provider, whose credentials are as healthy as those of the same name and key.
    #[must_use]
    fn keeping(&self, old: &Self) -> Self {
        let mut new = Self { pool: old.pool.clone(), ..self.clone() };
        for credential in &mut new.credentials {
            if let Some(known) =
                old.credential(&credential.name).filter(|known| known.is(credential))
            {
                credential.health = known.health.clone();
            }
        }
        new
    }
}
