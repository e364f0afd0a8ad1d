//! The price table: finds a model's prices by the name that a call or an answer uses.
//!
//! Names are looked up in this order: exactly; by the longest pattern; as a dated snapshot, without
//! its date. Nothing else is guessed: a model that is not found has no price.

use super::adjusted::Adjustments;
use super::document::{self, Fault};
use super::file::{self, BadPricing, Entry};
use super::model::ModelPrice;
use super::negotiated::Negotiated;
use globset::{GlobBuilder, GlobMatcher};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

const BUILTIN: &str = include_str!("../../pricing.toml");

/// All prices.
#[derive(Debug)]
pub struct PriceTable {
    pub(super) version: String,
    pub(super) models: Vec<Arc<ModelPrice>>,
    providers: BTreeSet<String>,
    /// One for each provider whose models cost nothing.
    free: Vec<Arc<ModelPrice>>,
    /// Places in `models`, one for each provider that has a model of this name.
    by_name: HashMap<String, Vec<usize>>,
    /// Longest first.
    patterns: Vec<Pattern>,
    pub(super) adjustments: Adjustments,
    pub(super) negotiated: Negotiated,
    /// By provider; made when first asked for.
    pub(super) dearest: OnceLock<HashMap<String, Arc<ModelPrice>>>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    matcher: GlobMatcher,
    model: usize,
}

impl PriceTable {
    /// The table that comes with this program.
    pub fn builtin() -> Result<Self, BadPricing> {
        Self::parse(BUILTIN)
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, BadPricing> {
        let contents = file::read(text)?;
        let mut table = Self {
            version: short_digest(text),
            models: Vec::new(),
            providers: contents.free_providers.iter().cloned().collect(),
            free: contents
                .free_providers
                .iter()
                .map(|name| Arc::new(ModelPrice::free("*", name)))
                .collect(),
            by_name: HashMap::new(),
            patterns: Vec::new(),
            adjustments: Adjustments::default(),
            negotiated: Negotiated::default(),
            dearest: OnceLock::new(),
        };
        for entry in contents.entries {
            table.add(entry)?;
        }
        table.patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.text.len()));
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

    /// The prices of a model at a provider. A provider that the table does not know, and `None`,
    /// take the first provider in the table that has the model.
    pub fn find(&self, provider: Option<&str>, model: &str) -> Option<&Arc<ModelPrice>> {
        let asked = provider.map(known_as);
        let provider = asked.filter(|name| self.knows(name));
        let found = self.exact(provider, model).or_else(|| self.by_pattern(provider, model));
        match found.or_else(|| self.exact(provider, without_date(model)?)) {
            Some(place) => self.models.get(place).map(|model| self.negotiated.at(asked, model)),
            None => self.unlisted(asked?, model),
        }
    }

    /// The price of a model that the table does not list.
    fn unlisted(&self, provider: &str, model: &str) -> Option<&Arc<ModelPrice>> {
        let free = || self.free.iter().find(|free| free.provider == provider);
        self.negotiated.unlisted(provider, model).or_else(free)
    }

    /// Whether the table has prices of a provider's own.
    pub(super) fn knows(&self, provider: &str) -> bool {
        self.providers.contains(provider)
    }

    /// The providers that the table knows.
    pub(super) fn provider_names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(String::as_str)
    }

    /// The provider of a model.
    pub fn provider_of(&self, model: &str) -> Option<&str> {
        Some(self.find(None, model)?.provider.as_str())
    }

    /// A model at price 0, for one that has no price where the operator lets such models pass.
    pub fn free(&self) -> Arc<ModelPrice> {
        Arc::new(ModelPrice { listed: false, ..ModelPrice::free("*", "") })
    }

    /// Up to three names that look like `model`, for a message.
    pub fn nearest(&self, model: &str) -> Vec<String> {
        let names = self.by_name.keys().map(String::as_str);
        document::nearest(model, names, 3).into_iter().map(str::to_owned).collect()
    }

    fn exact(&self, provider: Option<&str>, name: &str) -> Option<usize> {
        let places = self.by_name.get(name)?.iter().copied();
        places.into_iter().find(|&place| self.is_of(place, provider))
    }

    fn by_pattern(&self, provider: Option<&str>, name: &str) -> Option<usize> {
        let mut patterns = self.patterns.iter();
        let fits = |pattern: &&Pattern| {
            self.is_of(pattern.model, provider) && pattern.matcher.is_match(name)
        };
        patterns.find(fits).map(|pattern| pattern.model)
    }

    fn is_of(&self, place: usize, provider: Option<&str>) -> bool {
        let model = self.models.get(place);
        model.is_some_and(|model| provider.is_none_or(|name| model.provider == name))
    }

    fn add(&mut self, entry: Entry) -> Result<(), BadPricing> {
        let Entry { model, line, aliases, patterns } = entry;
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
            if let Some(other) = self.exact(provider, name).and_then(|at| self.models.get(at)) {
                return Err(bad(format!("`{name}` is already a name of model `{}`", other.id)));
            }
            self.by_name.entry(name.clone()).or_default().push(place);
        }
        for text in patterns {
            let same = |p: &&Pattern| p.text == text && self.is_of(p.model, Some(&model.provider));
            if self.patterns.iter().any(|p| same(&p)) {
                return Err(bad(format!("`{text}` is already a pattern of another model")));
            }
            let glob = GlobBuilder::new(&text).literal_separator(false).build();
            let matcher = glob.map_err(|e| bad(format!("`{text}`: {e}")))?.compile_matcher();
            self.patterns.push(Pattern { text, matcher, model: place });
        }
        self.providers.insert(model.provider.clone());
        self.models.push(Arc::new(model));
        Ok(())
    }
}

/// Twelve hexadecimal digits of a text's SHA-256.
pub(super) fn short_digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The table's name of a provider that has two.
pub(super) fn known_as(provider: &str) -> &str {
    match provider {
        "google" => "gemini",
        "x-ai" => "xai",
        "aws" => "bedrock",
        name => name,
    }
}

/// `gpt-5.4` of `gpt-5.4-2026-03-05`, `claude-opus-4-5` of `claude-opus-4-5-20251101` and of
/// `claude-opus-4-5@20251101`.
fn without_date(model: &str) -> Option<&str> {
    let forms = ["-20##-##-##", "-20######", "@20######"];
    forms.iter().find_map(|form| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(form.len())?)?;
        let fits = date.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'#' => byte.is_ascii_digit(),
            _ => byte == form,
        });
        let digits: Vec<u8> = date.bytes().filter(u8::is_ascii_digit).collect();
        let month =
            digits.get(4..6).is_some_and(|month| (b"01".as_slice()..=b"12").contains(&month));
        (fits && month && !name.is_empty()).then_some(name)
    })
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

    fn table() -> PriceTable {
        let models = [
            model("m", "a", "aliases = ['m-latest']"),
            model("m-mini", "a", "match = ['ft:m-mini:*', 'x/*']"),
            model("m-2024-05-13", "a", ""),
            model("x-long", "a", "match = ['x/y*', 'q?']"),
            model("m", "b", ""),
        ];
        PriceTable::parse(&models.concat()).unwrap()
    }

    #[track_caller]
    fn check(provider: Option<&str>, name: &str, expected: Option<(&str, &str)>) {
        let table = table();
        let found = table.find(provider, name).map(|m| (m.provider.as_str(), m.id.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_by_name_pattern_and_snapshot() {
        check(None, "m", Some(("a", "m")));
        check(Some("b"), "m", Some(("b", "m")));
        check(Some("b"), "m-latest", None);
        check(Some("unknown"), "m-latest", Some(("a", "m")));
        check(None, "m-2026-03-05", Some(("a", "m")));
        check(None, "m-2024-05-13", Some(("a", "m-2024-05-13")));
        check(None, "m-latest-2026-03-05", Some(("a", "m")));
        check(None, "m-20260305", Some(("a", "m")));
        check(None, "m@20260305", Some(("a", "m")));
        check(None, "ft:m-mini:org::id", Some(("a", "m-mini")));
        check(None, "x/abc", Some(("a", "m-mini")));
        check(None, "x/yellow/1", Some(("a", "x-long")));
        check(None, "q7", Some(("a", "x-long")));
    }

    #[test]
    fn guesses_nothing() {
        for name in
            ["", "M", "m-", "m-20261305", "m-2026-3-05", "-2026-03-05", "ft:m:org", "q", "mé"]
        {
            check(None, name, None);
        }
        assert_eq!(table().nearest("m-min").first().map(String::as_str), Some("m-mini"));
        assert_eq!(table().provider_of("m-mini"), Some("a"));
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
