//! The pools and the ledger: credentials get their accounts, and the pools hear every second how
//! these stand.
//!
//! Invariants: accounts are read for all credentials at once, and never on the way of a call. While
//! the ledger is away, the pools keep what they heard last.

use super::{Books, Reloader};
use crate::clock::Clock;
use crate::config::CredentialTerms;
use crate::control::{Defaults, InForce, credential_accounts, pool};
use crate::event::Feed;
use crate::ids::{AccountId, Id};
use crate::ledger::{Account, CredentialSetup, Registry, RegistryError};
use crate::provider::Credential;
use crate::telemetry::{Sample, names};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often the accounts are read.
const EVERY: Duration = Duration::from_secs(1);

/// How long one reading may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The words for a credential, each a series of its own.
const WORDS: [&str; 6] =
    ["available", "warning", "critical", "disabled", "cooling_down", "quarantined"];

/// Gives every credential its account, with what the configuration says of it.
pub(super) async fn define(
    registry: &dyn Registry,
    terms: &[CredentialTerms],
) -> Result<(), RegistryError> {
    let setups: Vec<CredentialSetup> = terms.iter().map(|terms| terms.setup.clone()).collect();
    registry.define(&setups).await
}

/// What was heard last of the credentials' accounts.
pub(super) struct Pools {
    registry: Arc<dyn Registry>,
    clock: Clock,
    defaults: Defaults,
    in_force: Arc<Reloader>,
    heard: ArcSwap<HashMap<Id, Account>>,
    /// What each credential was when it was last looked at; whoever shows them is told of another.
    words: Mutex<HashMap<Id, &'static str>>,
    told: Arc<Feed>,
}

impl Pools {
    /// Tells the pools what holds now, and every second from now on, until that is aborted.
    pub(super) async fn start(
        books: &Books,
        clock: Clock,
        defaults: Defaults,
        in_force: Arc<Reloader>,
        told: Arc<Feed>,
    ) -> Result<(Arc<Self>, AbortHandle), RegistryError> {
        let (registry, heard) = (books.registry.clone(), ArcSwap::default());
        let words = Mutex::default();
        let pools = Arc::new(Self { registry, clock, defaults, in_force, heard, words, told });
        pools.hear().await?;
        let following = pools.clone();
        let following = tokio::spawn(async move { following.follow().await });
        Ok((pools, following.abort_handle()))
    }

    /// Reads the accounts and tells the pools.
    async fn hear(&self) -> Result<(), RegistryError> {
        let accounts = credential_accounts(&*self.registry).await?;
        let pools = self.in_force.pools();
        for terms in pools.terms.iter() {
            let found = (pools.find(&terms.setup.id), accounts.get(&terms.setup.id));
            if let (Some((terms, credential)), Some(account)) = found {
                credential.health.told(pool::told(terms, account));
                self.tell(&terms.setup.id, self.word(account, credential));
            }
        }
        self.heard.store(Arc::new(accounts));
        Ok(())
    }

    /// What a credential is now.
    fn word(&self, account: &Account, credential: &Credential) -> &'static str {
        let thresholds = account.thresholds.as_ref().unwrap_or(&self.defaults.thresholds);
        pool::word(account, credential.health.condition(self.clock.now()).state, thresholds)
    }

    fn tell(&self, id: &Id, word: &'static str) {
        if self.words.lock().insert(id.clone(), word).is_some_and(|before| before != word) {
            self.told.moved(&AccountId::credential(id), None);
        }
    }

    /// Does so every second.
    async fn follow(&self) {
        let mut away = false;
        loop {
            tokio::time::sleep(EVERY).await;
            let heard = tokio::time::timeout(LIMIT, self.hear()).await;
            let error = match heard {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} seconds", LIMIT.as_secs())),
            };
            if let (Some(error), false) = (&error, away) {
                tracing::warn!(
                    error,
                    "the quotas of credentials cannot be read; the last ones count"
                );
            }
            away = error.is_some();
        }
    }

    /// The series of all credentials, computed now from what was heard last.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let (pools, accounts) = (self.in_force.pools(), self.heard.load());
        let mut samples = Vec::new();
        for terms in pools.terms.iter() {
            let found = (pools.find(&terms.setup.id), accounts.get(&terms.setup.id));
            let (Some((_, credential)), Some(account)) = found else { continue };
            let (name, provider) = (terms.setup.id.to_string(), terms.provider.clone());
            if let Some(percent) = pool::usage_percent(terms, account) {
                let labels = vec![("config_id", name.clone()), ("provider", provider.clone())];
                samples.push(Sample { name: names::QUOTA_USAGE, labels, value: percent });
            }
            let is = self.word(account, credential);
            samples.extend(WORDS.map(|word| Sample {
                name: names::CREDENTIAL_STATE,
                labels: vec![
                    ("provider", provider.clone()),
                    ("credential", name.clone()),
                    ("state", word.to_owned()),
                ],
                value: if word == is { 1.0 } else { 0.0 },
            }));
        }
        samples
    }
}
