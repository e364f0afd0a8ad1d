//! The upstream services and our credentials there.
//!
//! A provider is named in the configuration, or known: then its public address and the environment
//! variable of its key are too. Base URLs come from the operator only; clients cannot choose where
//! a call goes beyond naming a configured provider.

mod known;

pub use known::{KNOWN, Known, known};

pub use crate::dialect::Dialect;
use crate::limit::glob_matches;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One API key of ours at a provider.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in logs, events and limits. Never the key.
    pub name: String,
    /// The key.
    pub secret: SecretString,
}

/// A named upstream service.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in paths, routes and events.
    pub name: String,
    /// The wire format that it speaks.
    pub dialect: Dialect,
    /// What its own SDK would be given, without a slash at the end.
    pub base_url: String,
    /// Our keys there; the first one is used.
    pub credentials: Vec<Credential>,
    /// Whether hanging up stops the provider's bill.
    pub cancel_stops_billing: bool,
}

impl Provider {
    /// The address that paths are appended to.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The credential for the next call; `None` if there is none.
    pub fn credential(&self) -> Option<&Credential> {
        self.credentials.first()
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
        Provider {
            name: name.to_owned(),
            dialect: Dialect::of_name(name).unwrap_or_default(),
            base_url: format!("http://{name}.test/v1"),
            credentials: Vec::new(),
            cancel_stops_billing: true,
        }
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
