//! The price table: all models with their prices and names.
//!
//! Not here: which model a name means (`lookup`), and which names look like it (`nearest`).
//! Invariant: a name, and a pattern, belongs to one model of a provider only.

use super::adjusted::Adjustments;
use super::deployments::Deployments;
use super::document::Fault;
use super::file::{self, BadPricing, Entry};
use super::model::ModelPrice;
use super::negotiated::Negotiated;
use super::pattern::Pattern;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

const BUILTIN: &str = include_str!("../../pricing.toml");

/// All prices.
#[derive(Debug)]
pub struct PriceTable {
    pub(super) version: String,
    pub(super) models: Vec<Arc<ModelPrice>>,
    /// The line of each model in the text.
    lines: Vec<usize>,
    pub(super) providers: BTreeSet<String>,
    /// One for each provider whose models cost nothing.
    pub(super) free: Vec<Arc<ModelPrice>>,
    /// Places in `models`, one for each provider that has a model of this name.
    pub(super) by_name: HashMap<String, Vec<usize>>,
    /// Longest first.
    pub(super) patterns: Vec<Pattern>,
    pub(super) deployments: Deployments,
    pub(super) adjustments: Adjustments,
    pub(super) negotiated: Negotiated,
    /// By provider; made when first asked for.
    pub(super) dearest: OnceLock<HashMap<String, Arc<ModelPrice>>>,
}

impl PriceTable {
    /// The most bytes that the text of a table may have.
    pub const LARGEST: usize = file::LARGEST;

    /// The text of the table that comes with this program.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// The table that comes with this program.
    pub fn builtin() -> Result<Self, BadPricing> {
        Self::parse(BUILTIN)
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, BadPricing> {
        let contents = file::read(text)?;
        let mut table = Self {
            version: version(&Sha256::digest(text.as_bytes())),
            models: Vec::new(),
            lines: Vec::new(),
            providers: contents.free_providers.iter().cloned().collect(),
            free: contents
                .free_providers
                .iter()
                .map(|name| Arc::new(ModelPrice::free("*", name)))
                .collect(),
            by_name: HashMap::new(),
            patterns: Vec::new(),
            deployments: Deployments::default(),
            adjustments: Adjustments::default(),
            negotiated: Negotiated::default(),
            dearest: OnceLock::new(),
        };
        for entry in contents.entries {
            table.add(entry)?;
        }
        table.patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.text().len()));
        Ok(table)
    }

    /// What distinguishes this table from another: twelve hexadecimal digits of the SHA-256 of its
    /// text and of what it was adjusted by.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All models, in the order of the table.
    pub fn models(&self) -> &[Arc<ModelPrice>] {
        &self.models
    }

    /// The line of a model's id in the table's text, from 1; of the model at that place.
    pub(super) fn line(&self, place: usize) -> Option<usize> {
        self.lines.get(place).copied()
    }

    /// A model at price 0, for one that has no price at a provider where the operator lets such
    /// models pass.
    pub fn free(&self, provider: Option<&str>) -> Arc<ModelPrice> {
        Arc::new(ModelPrice {
            listed: false,
            ..ModelPrice::free("*", provider.unwrap_or_default())
        })
    }

    fn add(&mut self, entry: Entry) -> Result<(), BadPricing> {
        let Entry { model, line, aliases, patterns, .. } = entry;
        let bad = |message: String| {
            let message = format!("model `{}`: {message}", model.id);
            BadPricing(Fault { line: Some(line), message })
        };
        let place = self.models.len();
        for name in std::iter::once(&model.id).chain(&aliases) {
            let provider = Some(model.provider.as_str());
            if name.is_empty() {
                return Err(bad("a name is empty".to_owned()));
            }
            if let Some(other) = self.exact(provider, name) {
                let other = &other.model.id;
                return Err(bad(format!("`{name}` is already a name of model `{other}`")));
            }
            self.by_name.entry(name.clone()).or_default().push(place);
        }
        for text in patterns {
            let same = |p: &Pattern| p.text() == text && p.provider() == model.provider;
            if self.patterns.iter().any(same) {
                return Err(bad(format!("`{text}` is already a pattern of another model")));
            }
            self.patterns.push(Pattern::new(text, &model.provider, place).map_err(bad)?);
        }
        self.providers.insert(model.provider.clone());
        self.lines.push(line);
        self.models.push(Arc::new(model));
        Ok(())
    }
}

/// Twelve hexadecimal digits of a digest.
pub(super) fn version(digest: &[u8]) -> String {
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str, provider: &str, names: &str) -> String {
        format!(
            "[[model]]\nid = '{id}'\nprovider = '{provider}'\n{names}\n\
             [[model.price]]\ninput = '1'\noutput = '2'\n"
        )
    }

    #[test]
    fn refuses_a_name_that_is_taken() {
        let twice = |a: &str, b: &str| {
            PriceTable::parse(&[model("one", "p", a), model("two", "p", b)].concat())
                .unwrap_err()
                .to_string()
        };
        let error = twice("", "aliases = ['one']");
        assert!(error.contains("line 9: model `two`: `one` is already a name of"), "{error}");
        let error = twice("match = ['o*']", "match = ['o*']");
        assert!(error.contains("`o*` is already a pattern"), "{error}");
        let error = twice("match = ['o[']", "");
        assert!(error.contains("line 2: model `one`: `o[`"), "{error}");
    }

    #[test]
    fn another_text_is_another_version() {
        let (one, two) = (model("m", "p", ""), model("n", "p", ""));
        let version = |text: &str| PriceTable::parse(text).unwrap().version().to_owned();
        assert_eq!(version(&one), version(&one));
        assert_ne!(version(&one), version(&two));
        assert_eq!(version(&one).len(), 12);
    }
}
