//! Which provider serves a model, and which ones stand in for it.

use super::{Credential, Dialect, Provider};
use crate::limit::glob_matches;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule that sends models to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRoute {
    /// Globs of model names.
    pub models: Vec<String>,
    /// The provider's name.
    pub provider: String,
    /// Who stands in where it cannot be used or fails before it answers, in order.
    pub fallbacks: Vec<Fallback>,
}

/// Who stands in for a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The provider's name.
    pub provider: String,
    /// The model there; `None`: the one that the call names.
    pub model: Option<String>,
}

impl Fallback {
    /// Reads `azure` or `groq/llama-3.3-70b`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('/') {
            Some((provider, model)) => {
                Self { provider: provider.to_owned(), model: Some(model.to_owned()) }
            }
            None => Self { provider: text.to_owned(), model: None },
        }
    }
}

impl std::fmt::Display for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.provider)?;
        self.model.as_ref().map_or(Ok(()), |model| write!(f, "/{model}"))
    }
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

    /// The first rule for a model.
    fn rule(&self, model: &str) -> Option<&ModelRoute> {
        self.routes.iter().find(|r| r.models.iter().any(|g| glob_matches(g, model)))
    }

    /// Who stands in for a provider that serves a model by a rule, in order.
    pub fn fallbacks(&self, model: &str, provider: &Provider) -> &[Fallback] {
        let rule = self.rule(model).filter(|rule| rule.provider == provider.name);
        rule.map_or(&[], |rule| &rule.fallbacks)
    }

    /// The provider for a model: by the first rule that matches, else the one that the price table
    /// names.
    pub fn for_model(&self, model: &str, priced_at: Option<&str>) -> Option<&Arc<Provider>> {
        if let Some(rule) = self.rule(model) {
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
        let ruled = self.rule(model).is_some();
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
    use super::super::{BreakerBounds, Outcome, State};
    use super::*;

    fn provider(name: &str) -> Provider {
        let dialect = Dialect::of_name(name).unwrap_or_default();
        Provider::new(name, dialect, format!("http://{name}.test/v1"), Vec::new())
    }

    fn rule(models: &str, provider: &str) -> ModelRoute {
        let (models, provider) = (vec![models.to_owned()], provider.to_owned());
        ModelRoute { models, provider, fallbacks: Vec::new() }
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
        let rule = rule("gpt-4*", "azure");
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
        let rule = rule("x*", "openai");
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
