//! The upstream services and our credentials there.
//!
//! A provider is named in the configuration, or known: then its public address and the environment
//! variable of its key are too. Base URLs come from the operator only; clients cannot choose where
//! a call goes beyond naming a configured provider.

mod breaker;
mod credential;
mod health;
mod known;
mod policy;

pub use breaker::BreakerBounds;
pub use credential::Credential;
pub use health::{
    Condition, Health, LONGEST_MS, Outcome, Quota, SHORTEST_MS, Spent, State, USUAL_MS,
};
pub use known::{KNOWN, Known, known};
pub use policy::{Choose, Policy};

pub use crate::dialect::Dialect;

use crate::clock::UnixMs;
use crate::limit::glob_matches;
use std::collections::BTreeMap;
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
            cancel_stops_billing: dialect.cancel_stops_billing(),
        }
    }

    /// The address that paths are appended to.
    pub fn base_url(&self) -> &str {
        &self.base_url
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
        let mut new = self.clone();
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

/// A rule that sends models to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRoute {
    /// Globs of model names.
    pub models: Vec<String>,
    /// The provider's name.
    pub provider: String,
}

/// All configured providers and the rules that choose among them.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<String, Arc<Provider>>,
    routes: Vec<ModelRoute>,
}

impl Providers {
    /// Providers with their routing rules; the first rule that matches wins.
    pub fn new(providers: Vec<Provider>, routes: Vec<ModelRoute>) -> Self {
        let named = |provider: Provider| (provider.name.clone(), Arc::new(provider));
        Self { by_name: providers.into_iter().map(named).collect(), routes }
    }

    /// The same providers, with what is known of their credentials from others; for a reload.
    #[must_use]
    pub fn keeping(&self, old: &Self) -> Self {
        let kept = |(name, new): (&String, &Arc<Provider>)| {
            let kept = old.get(name).map(|old| Arc::new(new.keeping(old)));
            (name.clone(), kept.unwrap_or_else(|| new.clone()))
        };
        Self { by_name: self.by_name.iter().map(kept).collect(), routes: self.routes.clone() }
    }

    /// The credential of this name, with its provider. Names are unique over all providers.
    pub fn credential(&self, name: &str) -> Option<(&Arc<Provider>, &Credential)> {
        self.iter().find_map(|provider| Some((provider, provider.credential(name)?)))
    }

    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.by_name.get(name)
    }

    /// All providers, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.by_name.values()
    }

    /// The rules, in the order in which they are asked.
    pub fn routes(&self) -> &[ModelRoute] {
        &self.routes
    }

    /// The provider for a model: by the first rule that matches, else the one that the price table
    /// names.
    pub fn for_model(&self, model: &str, priced_at: Option<&str>) -> Option<&Arc<Provider>> {
        let ruled = self.routes.iter().find(|r| r.models.iter().any(|g| glob_matches(g, model)));
        if let Some(rule) = ruled {
            return self.get(&rule.provider);
        }
        priced_at.and_then(|name| self.get(name))
    }

    /// The provider for routes that name no model: `openai`, else the first by name.
    pub fn default_provider(&self) -> Option<&Arc<Provider>> {
        self.get("openai").or_else(|| self.by_name.values().next())
    }

    /// The provider for a model or, without one, for a route in a dialect.
    ///
    /// OpenAI's dialect is spoken by many, so there the model decides. What is asked in another
    /// dialect goes to a provider that speaks it, unless a rule says otherwise.
    pub fn for_call(
        &self,
        dialect: Dialect,
        model: &str,
        priced_at: Option<&str>,
    ) -> Option<&Arc<Provider>> {
        let by_model = self.for_model(model, priced_at).filter(|_| !model.is_empty());
        let ruled = self.routes.iter().any(|r| r.models.iter().any(|g| glob_matches(g, model)));
        match dialect {
            Dialect::OpenAi if !model.is_empty() => by_model,
            Dialect::OpenAi => self.default_provider(),
            _ if ruled && !model.is_empty() => by_model,
            _ => by_model
                .filter(|provider| provider.dialect == dialect)
                .or_else(|| self.by_name.values().find(|provider| provider.dialect == dialect)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str) -> Provider {
        let dialect = Dialect::of_name(name).unwrap_or_default();
        Provider::new(name, dialect, format!("http://{name}.test/v1"), Vec::new())
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_the_same_key() {
        let pool = |secret: &str| {
            let credential = Credential::new("main", secret.to_owned().into());
            let one = Provider { credentials: vec![credential], ..provider("openai") };
            Providers::new(vec![one], Vec::new())
        };
        let state = |pool: &Providers| {
            let (_, credential) = pool.credential("main").unwrap();
            credential.health.condition(1).state
        };
        let old = pool("one");
        let (_, credential) = old.credential("main").unwrap();
        credential.health.ended(Outcome::Rejected, false, 0, &BreakerBounds::default());
        assert_eq!(state(&pool("one").keeping(&old)), State::Quarantined);
        assert_eq!(state(&pool("another").keeping(&old)), State::Available);
    }

    #[test]
    fn rules_come_before_the_price_table() {
        let rule = ModelRoute { models: vec!["gpt-4*".to_owned()], provider: "azure".to_owned() };
        let all = Providers::new(vec![provider("openai"), provider("azure")], vec![rule]);
        let name = |model, priced| all.for_model(model, priced).map(|p| p.name.as_str());
        assert_eq!(name("gpt-4o", Some("openai")), Some("azure"));
        assert_eq!(name("gpt-5", Some("openai")), Some("openai"));
        assert_eq!(name("gpt-5", Some("groq")), None);
        assert_eq!(name("gpt-5", None), None);
        assert_eq!(all.default_provider().unwrap().name, "openai");
    }

    #[test]
    fn a_dialect_goes_to_who_speaks_it() {
        let rule = ModelRoute { models: vec!["x*".to_owned()], provider: "openai".to_owned() };
        let names = ["openai", "anthropic", "ollama"];
        let all = Providers::new(names.map(provider).into(), vec![rule]);
        let name =
            |dialect, model, priced| all.for_call(dialect, model, priced).map(|p| p.name.as_str());
        assert_eq!(name(Dialect::OpenAi, "claude", Some("anthropic")), Some("anthropic"));
        assert_eq!(name(Dialect::OpenAi, "", None), Some("openai"));
        assert_eq!(name(Dialect::OpenAi, "nobody", None), None);
        assert_eq!(name(Dialect::Anthropic, "claude", Some("anthropic")), Some("anthropic"));
        assert_eq!(name(Dialect::Ollama, "llama", Some("openai")), Some("ollama"));
        assert_eq!(name(Dialect::Anthropic, "x1", None), Some("openai"));
        assert_eq!(name(Dialect::Cohere, "command", None), None);
    }
}
