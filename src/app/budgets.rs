//! How far budgets in dollars are used, for Prometheus: of each workspace, the highest of all users,
//! and, where the configuration asks for it, of the first users by name.
//!
//! Invariants: read a few times a minute, by the index that lists are sorted by, and never on the way
//! of a call. No user is named unless an operator asked for it. While the ledger is away, what was
//! heard last is shown.

use super::Books;
use crate::ids::AccountKind;
use crate::ledger::{Account, ListFilter, Registry, RegistryError, Sort};
use crate::limit::Meter;
use crate::telemetry::{Sample, names};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often accounts are read.
const EVERY: Duration = Duration::from_secs(5);
/// So many workspaces have a series.
const WORKSPACES: usize = 200;
/// Stands for all users: the highest of them counts.
const USERS: &str = "user:*";

/// What was heard last.
pub(super) struct Budgets {
    registry: Arc<dyn Registry>,
    /// So many users are named.
    named: usize,
    heard: ArcSwap<Vec<Sample>>,
}

impl Budgets {
    /// Reads them every few seconds until that is aborted.
    pub(super) fn start(books: &Books, named: usize) -> (Arc<Self>, AbortHandle) {
        let registry = books.registry.clone();
        let budgets = Arc::new(Self { registry, named, heard: ArcSwap::default() });
        let following = budgets.clone();
        let following = tokio::spawn(async move { following.follow().await });
        (budgets, following.abort_handle())
    }

    async fn follow(&self) {
        loop {
            match self.read().await {
                Ok(samples) => self.heard.store(Arc::new(samples)),
                Err(why) => tracing::debug!(%why, "budgets were not read"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn read(&self) -> Result<Vec<Sample>, RegistryError> {
        let filter = ListFilter { limit: WORKSPACES, ..ListFilter::default() };
        let workspaces = self.registry.accounts(AccountKind::Workspace, &filter).await?;
        let sort: Sort = "-utilization".parse().unwrap_or_default();
        let filter = ListFilter { limit: self.named.max(1), sort, ..ListFilter::default() };
        let users = self.registry.accounts(AccountKind::User, &filter).await?;
        let own = |account: &Account| Some(sample(account.id.to_string(), used(account)?));
        let mut samples: Vec<Sample> = workspaces.entries.iter().filter_map(own).collect();
        let highest = users.entries.first().and_then(used);
        samples.extend(highest.map(|ratio| sample(USERS.to_owned(), ratio)));
        samples.extend(users.entries.iter().take(self.named).filter_map(own));
        Ok(samples)
    }

    /// The series, as they were read last.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.heard.load().to_vec()
    }
}

fn sample(account: String, value: f64) -> Sample {
    Sample { name: names::BUDGET, labels: vec![("account", account)], value }
}

/// Used of the fullest limit in dollars for all models, as a part of 1; `None` without one.
fn used(account: &Account) -> Option<f64> {
    let limits = account.standings.iter();
    let budgets = limits.filter(|s| s.limit.meter == Meter::Usd && s.limit.models.is_none());
    let millionths = budgets.map(|standing| {
        let used = i128::from(standing.used).saturating_mul(1_000_000);
        let parts = used.checked_div(standing.allowed().into()).unwrap_or(1_000_000);
        u32::try_from(parts.max(0)).unwrap_or(u32::MAX)
    });
    millionths.max().map(|parts| f64::from(parts) / 1e6)
}
