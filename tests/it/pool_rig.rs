//! A world whose provider has a pool of credentials, each of which the simulated provider can treat
//! in its own way.

use crate::canned;
use crate::world::{Answer, CHAT, World, chat, rules};
use farebox::clock::{Clock, UnixMs};
use farebox::demo::provider::Simulated;
use farebox::ids::{AccountId, Id};
use farebox::ledger::{Account, CredentialSetup, Registry};
use farebox::pricing::PriceTable;
use farebox::provider::{Choose, Credential, ModelRoute, Policy, Provider, Providers};
use farebox::proxy::Rules;
use std::collections::BTreeMap;

/// A Wednesday noon.
pub const NOW: UnixMs = 1_795_003_200_000;

/// What each of these credentials is at the simulated provider.
pub const REJECTED: &str = r#"{"status":401}"#;
pub const LIMITED: &str = r#"{"status":429,"retry_after":7}"#;
pub const BROKE: &str = r#"{"status":429,"error":"insufficient_quota"}"#;
pub const FAILING: &str = r#"{"status":500}"#;

pub struct Pool {
    pub world: World,
    pub clock: Clock,
    pub provider: Provider,
}

/// Credentials of these names, whose keys are `sk-provider-NAME`.
pub fn credentials(names: &[&str]) -> Vec<Credential> {
    let one = |name: &&str| Credential::new(*name, format!("sk-provider-{name}").into());
    names.iter().map(one).collect()
}

/// How the pools of these tests are used, but for what one of them is about.
pub fn order(choose: Choose) -> Policy {
    Policy { choose, ..Policy::default() }
}

impl Pool {
    /// A provider `openai` with these credentials.
    pub async fn of(names: &[&str], policy: Policy) -> Self {
        Self::with(names, policy, rules()).await
    }

    pub async fn with(names: &[&str], policy: Policy, rules: Rules) -> Self {
        let simulated = Simulated::start(None).await.unwrap();
        let provider = Provider {
            credentials: credentials(names),
            policy,
            ..canned::provider("openai", simulated.base_url())
        };
        Self::beside(simulated, provider, Vec::new(), Vec::new(), rules).await
    }

    /// The first provider of several, with routes to them.
    pub async fn beside(
        simulated: Simulated,
        provider: Provider,
        others: Vec<Provider>,
        routes: Vec<ModelRoute>,
        rules: Rules,
    ) -> Self {
        let clock = Clock::manual(NOW);
        let mut all = others;
        all.push(provider.clone());
        let providers = Providers::new(all, routes);
        let table = PriceTable::builtin().unwrap();
        let limits = ["100usd/day"];
        let world = World::routed(clock.clone(), table, simulated, providers, &limits, rules).await;
        Self { world, clock, provider }
    }

    /// What is played to the callers of a credential from now on.
    pub fn play(&self, name: &str, script: &'static str) {
        self.world.simulated.play(&format!("sk-provider-{name}"), Some(script));
    }

    pub fn works(&self, name: &str) {
        self.world.simulated.play(&format!("sk-provider-{name}"), None);
    }

    pub async fn chat(&self) -> Answer {
        self.world.call(CHAT, "", &chat("gpt-4o-mini", r#","max_tokens":50"#)).await
    }

    /// Calls, each of which has to be served; by which credential.
    pub async fn served(&self, calls: usize) -> Vec<String> {
        for _ in 0..calls {
            let answer = self.chat().await;
            assert_eq!(answer.status(), 200, "{answer:?}");
        }
        let mut by: Vec<String> = self.world.events().await.into_iter().map(credential).collect();
        by.truncate(calls);
        by.reverse();
        by
    }

    /// The words of the credentials' states, in order.
    pub fn states(&self) -> Vec<&'static str> {
        let now = self.clock.now();
        self.provider.conditions(now).map(|(_, condition)| condition.state.as_str()).collect()
    }

    /// Gives a credential an account with limits.
    pub async fn limit(&self, name: &str, limits: &[&str]) {
        let setup = CredentialSetup {
            id: name.parse().unwrap(),
            limits: limits.iter().map(|limit| limit.parse().unwrap()).collect(),
            thresholds: None,
            metadata: BTreeMap::new(),
        };
        self.world.ledger.define(&[setup]).await.unwrap();
    }

    pub async fn account(&self, name: &str) -> Account {
        let id = AccountId::credential(&name.parse::<Id>().unwrap());
        self.world.ledger.account(&id).await.unwrap().unwrap()
    }

    /// Requests and failures of a credential.
    pub async fn counted(&self, name: &str) -> (i64, i64) {
        let account = self.account(name).await;
        (account.total_requests, account.failed_requests)
    }

    /// Every call is settled, nothing is held, and what was charged is what the provider billed.
    pub async fn balanced(&self) {
        self.world.events().await;
        self.world.nothing_held().await;
        let bill = self.world.simulated.bill();
        let billed: u64 = bill.entries().iter().map(|entry| entry.usage().total_tokens()).sum();
        let billed = i64::try_from(billed).unwrap();
        assert_eq!(self.world.account("user:alice").await.total_tokens, billed);
        let mut of_credentials = 0;
        for (credential, _) in self.provider.conditions(NOW) {
            let id = AccountId::credential(&credential.name.parse::<Id>().unwrap());
            let account = self.world.ledger.account(&id).await.unwrap();
            of_credentials += account.map_or(0, |account| account.total_tokens);
        }
        assert_eq!(of_credentials, billed);
    }
}

fn credential(event: farebox::ledger::UsageEvent) -> String {
    event.facts.credential
}
