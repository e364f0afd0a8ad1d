//! Names of deployments: what an operator calls a model at a provider.
//!
//! Azure calls models by the names of their deployments, Bedrock by ARNs that do not tell the model;
//! the configuration says which model each is. Invariant: every deployment here has a model with
//! prices; a name that leads nowhere, or in a circle, never gets into a table.

use super::PriceTable;
use super::model::ModelPrice;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// A deployment, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The provider, as the configuration calls it.
    pub provider: String,
    /// What calls and answers name.
    pub name: String,
    /// The model, or another deployment of the provider.
    pub target: String,
    /// Where it was said, for a complaint.
    pub place: String,
}

/// A deployment without a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadDeployment(String);

impl fmt::Display for BadDeployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadDeployment {}

/// The deployments of all providers, by provider and name.
#[derive(Debug, Default)]
pub struct Deployments(BTreeMap<String, HashMap<String, Deployed>>);

/// What a deployment's name means.
#[derive(Debug)]
pub struct Deployed {
    /// What the configuration maps it to.
    pub target: String,
    /// The model, in the end.
    pub model: Arc<ModelPrice>,
}

impl Deployments {
    /// A deployment, with the provider's name.
    pub fn get(&self, provider: &str, name: &str) -> Option<(&str, &Deployed)> {
        let (provider, deployed) = self.0.get_key_value(provider)?;
        Some((provider, deployed.get(name)?))
    }

    /// The providers that have any.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of a provider's, or of all providers'.
    pub fn names(&self, provider: Option<&str>) -> impl Iterator<Item = &str> {
        let of = self.0.iter().filter(move |(of, _)| provider.is_none_or(|p| p == *of));
        of.flat_map(|(_, deployed)| deployed.keys().map(String::as_str))
    }
}

impl PriceTable {
    /// The same table with deployments. Its version is another one then: what a name costs may be
    /// another model's price.
    pub fn with_deployments(mut self, all: &[Deployment]) -> Result<Self, BadDeployment> {
        if all.is_empty() {
            return Ok(self);
        }
        let mut digest = Sha256::new_with_prefix(&self.version);
        let mut found: BTreeMap<String, HashMap<String, Deployed>> = BTreeMap::new();
        for deployment in all {
            let model = self.model_of(deployment, all)?;
            let Deployment { provider, name, target, .. } = deployment;
            digest.update(format!("\n{provider}\n{name}\n{target}"));
            let of_provider = found.entry(provider.clone()).or_default();
            of_provider.insert(name.clone(), Deployed { target: target.clone(), model });
        }
        self.version = super::table::version(&digest.finalize());
        self.deployments = Deployments(found);
        Ok(self)
    }

    fn model_of(
        &self,
        deployment: &Deployment,
        all: &[Deployment],
    ) -> Result<Arc<ModelPrice>, BadDeployment> {
        let provider = deployment.provider.as_str();
        let bad = |why: String| {
            let Deployment { place, target, .. } = deployment;
            BadDeployment(format!("{place} = \"{target}\": {why}"))
        };
        let target = end(deployment, all).map_err(|circle| {
            let circle = circle.join("` → `");
            bad(format!("`{circle}` is a circle; name a model of the price table"))
        })?;
        let found = self.lookup_named(Some(provider), target);
        // An operator may take the price of another provider, if the prefix says so.
        let found =
            found.or_else(|| self.lookup_named(None, target).filter(|m| m.prefix.is_some()));
        found.map(|found| found.model.clone()).ok_or_else(|| {
            let near = self.nearest(Some(provider), target);
            let near = if near.is_empty() { self.nearest(None, target) } else { near };
            let meant = match near.first() {
                Some(near) => format!("; did you mean `{near}`?"),
                None => String::new(),
            };
            bad(format!("`{provider}` has no model `{target}` in the price table{meant}"))
        })
    }
}

/// The model at the end of a chain of deployments, or the circle that it runs in. A deployment with
/// the name of its model is no circle.
fn end<'a>(from: &'a Deployment, all: &'a [Deployment]) -> Result<&'a str, Vec<&'a str>> {
    let mut way = vec![from.name.as_str()];
    let mut at = from;
    loop {
        if at.target == at.name {
            return Ok(&at.target);
        }
        let next = |d: &&Deployment| d.provider == from.provider && d.name == at.target;
        let Some(next) = all.iter().find(next) else { return Ok(&at.target) };
        let been = way.contains(&next.name.as_str());
        way.push(&next.name);
        if been {
            return Err(way);
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
        free_providers = ['ollama']
        [[model]]\nid = 'gpt-5'\nprovider = 'openai'
        [[model.price]]\ninput = '1'\noutput = '2'
        [[model]]\nid = 'anthropic.claude-1'\nprovider = 'bedrock'
        [[model.price]]\ninput = '3'\noutput = '4'
        [[model]]\nid = 'openai/gpt-5'\nprovider = 'openrouter'
        [[model.price]]\ninput = '5'\noutput = '6'";

    fn deployments(pairs: &[(&str, &str, &str)]) -> Vec<Deployment> {
        let text = |text: &&str| (*text).to_owned();
        let one = |(provider, name, target): &(&str, &str, &str)| Deployment {
            provider: text(provider),
            name: text(name),
            target: text(target),
            place: format!("f.toml:1: {name}"),
        };
        pairs.iter().map(one).collect()
    }

    fn table(pairs: &[(&str, &str, &str)]) -> Result<PriceTable, String> {
        let table = PriceTable::parse(TABLE).unwrap();
        table.with_deployments(&deployments(pairs)).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn check(table: &PriceTable, provider: Option<&str>, name: &str, expected: Option<&str>) {
        let found = table.find(provider, name).map(|m| format!("{}/{}", m.provider, m.id));
        assert_eq!(found.as_deref(), expected, "{provider:?} {name}");
    }

    #[test]
    fn a_deployment_has_the_price_of_its_model() {
        let table = table(&[
            ("azure", "prod", "gpt-5"),
            ("azure", "chat", "prod"),
            ("azure", "gpt-5", "gpt-5"),
            ("azure", "prefixed", "openai/gpt-5"),
            ("bedrock", "arn:aws:bedrock:x", "anthropic.claude-1"),
            ("bedrock", "elsewhere", "openai/gpt-5"),
            ("ollama", "mine", "llama"),
        ])
        .unwrap();
        for name in ["prod", "chat", "gpt-5", "prefixed", "azure/prod"] {
            check(&table, Some("azure"), name, Some("openai/gpt-5"));
        }
        check(&table, Some("bedrock"), "arn:aws:bedrock:x", Some("bedrock/anthropic.claude-1"));
        check(&table, Some("bedrock"), "elsewhere", Some("openai/gpt-5"));
        check(&table, Some("ollama"), "mine", Some("ollama/*"));
        check(&table, Some("openai"), "prod", None);
        check(&table, None, "prod", Some("openai/gpt-5"));
        check(&table, None, "azure/prod", Some("openai/gpt-5"));
        assert_eq!(table.provider_of("prod"), Some("azure"));
        assert_eq!(table.provider_of("gpt-5"), Some("openai"));
    }

    #[test]
    fn an_answer_may_name_the_deployment_or_the_model() {
        let table = table(&[("azure", "gpt-4", "gpt-5")]).unwrap();
        let asked = table.find(Some("azure"), "gpt-4").unwrap();
        for name in ["gpt-4", "gpt-5", "gpt-5-2025-08-07"] {
            assert_eq!(
                table.find_answered("azure", asked, name).map(|m| m.id.as_str()),
                Some("gpt-5")
            );
        }
        assert!(table.find_answered("azure", asked, "gpt-6").is_none());
    }

    #[test]
    fn what_leads_nowhere_or_in_a_circle_is_refused() {
        let refused = |pairs: &[_]| table(pairs).unwrap_err();
        assert_eq!(
            refused(&[("azure", "a", "b"), ("azure", "b", "a")]),
            "f.toml:1: a = \"b\": `a` → `b` → `a` is a circle; name a model of the price table"
        );
        assert_eq!(
            refused(&[("azure", "a", "gtp-5")]),
            "f.toml:1: a = \"gtp-5\": `azure` has no model `gtp-5` in the price table; did you \
             mean `gpt-5`?"
        );
        assert!(refused(&[("bedrock", "a", "gpt-5")]).contains("`bedrock` has no model `gpt-5`"));
        // The same names at two providers are no circle.
        assert!(refused(&[("azure", "a", "b"), ("other", "b", "a")]).contains("no model `b`"));
    }

    #[test]
    fn another_mapping_is_another_version() {
        let version = |pairs: &[_]| table(pairs).unwrap().version().to_owned();
        let plain = PriceTable::parse(TABLE).unwrap();
        assert_eq!(version(&[]), plain.version());
        assert_ne!(version(&[("azure", "a", "gpt-5")]), plain.version());
        assert_ne!(version(&[("azure", "a", "gpt-5")]), version(&[("azure", "b", "gpt-5")]));
        assert_eq!(version(&[("azure", "a", "gpt-5")]).len(), 12);
    }
}
