//! The text form of the price table. Its keys are explained in `docs/pricing.md`.
//!
//! Everything that can be wrong with a table is found here, with its line; what comes out is
//! complete. A tier, and a long prompt, replace the prices that they name and keep the others.

use super::block::RawBlock;
use super::class::Class;
use super::document::{self, Fault, Lines};
use super::factor::Factor;
use super::model::ModelPrice;
use super::tiers::{self, Block};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use toml::Spanned;

/// A price table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPricing(pub(super) Fault);

impl fmt::Display for BadPricing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad price table: {}", self.0)
    }
}

impl std::error::Error for BadPricing {}

/// The most bytes that a table may have; the one that is shipped has 220 thousand.
pub const LARGEST: usize = 8 << 20;

/// A model as the file has it, with its names and prices ready.
#[derive(Debug)]
pub struct Entry {
    /// The model.
    pub model: ModelPrice,
    /// The line of its id.
    pub line: usize,
    /// Other exact names.
    pub aliases: Vec<String>,
    /// Patterns of names.
    pub patterns: Vec<String>,
    /// Where its prices come from.
    pub origin: Origin,
    /// Its blocks as they are written.
    pub blocks: Vec<Block>,
}

/// Where the prices of a model come from, for an import.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Another source than the usual one.
    pub source: Option<Source>,
    /// The name in that source, where it is not the id.
    pub listed_as: Option<String>,
    /// Classes, tiers and `hours` that an import leaves alone.
    pub keep: Vec<String>,
}

/// A source of prices besides the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// LiteLLM's cost map.
    LiteLlm,
    /// Whoever wrote the table.
    Own,
}

/// All that a file says.
#[derive(Debug)]
pub struct Contents {
    /// The providers whose models cost nothing, but for those that have an entry.
    pub free_providers: Vec<String>,
    /// What an import does not add: patterns of `provider/id`.
    pub leave_out: Vec<String>,
    /// The models.
    pub entries: Vec<Entry>,
    /// Places in `entries`, by provider and id.
    places: HashMap<(String, String), usize>,
}

impl Contents {
    /// The entry of a model.
    pub fn entry(&self, provider: &str, id: &str) -> Option<&Entry> {
        let place = self.places.get(&(provider.to_owned(), id.to_owned()))?;
        self.entries.get(*place)
    }
}

/// Reads a table's text.
pub fn read(text: &str) -> Result<Contents, BadPricing> {
    if text.len() > LARGEST {
        let message = format!("it is too large: at most {LARGEST} bytes are read");
        return Err(BadPricing(Fault { line: None, message }));
    }
    let File { free_providers, leave_out, model, .. } = document::read(text).map_err(BadPricing)?;
    let lines = Lines::of(text);
    let entries: Vec<Entry> =
        model.into_iter().map(|model| model.entry(&lines)).collect::<Result<_, _>>()?;
    let key = |entry: &Entry| (entry.model.provider.clone(), entry.model.id.clone());
    let places = entries.iter().enumerate().map(|(place, entry)| (key(entry), place)).collect();
    Ok(Contents { free_providers, leave_out, entries, places })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    free_providers: Vec<String>,
    #[serde(default)]
    leave_out: Vec<String>,
    #[serde(default, rename = "source")]
    _sources: Vec<Read>,
    #[serde(default)]
    model: Vec<Model>,
}

/// A source that the table was made from. Said for people, and kept by an import.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "version")]
    _version: Option<String>,
    #[serde(rename = "file")]
    _file: String,
    #[serde(rename = "sha256")]
    _sha256: String,
    #[serde(rename = "read")]
    _read: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    id: Spanned<String>,
    provider: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default, rename = "match")]
    patterns: Vec<String>,
    context: Option<u64>,
    max_output: Option<u64>,
    #[serde(default)]
    regions: BTreeMap<String, String>,
    source: Option<Source>,
    listed_as: Option<String>,
    #[serde(default)]
    keep: Vec<String>,
    price: Vec<Spanned<RawBlock<false>>>,
}

impl Model {
    fn entry(self, lines: &Lines) -> Result<Entry, BadPricing> {
        let line = lines.at(self.id.span().start);
        let id = self.id.into_inner();
        let at = |line, message: String| {
            BadPricing(Fault { line: Some(line), message: format!("model `{id}`: {message}") })
        };
        let mut blocks = Vec::new();
        for block in self.price {
            let line = lines.at(block.span().start);
            blocks.push(block.into_inner().finished().map_err(|message| at(line, message))?);
        }
        let usual = tiers::tariff(&blocks).map_err(|message| at(line, message))?;
        let regions = self.regions.into_iter().map(|(name, factor)| {
            let factor = Factor::parse(&factor).map_err(|message| at(line, message))?;
            Ok((name, factor, usual.times(factor)))
        });
        let regions = regions.collect::<Result<_, _>>()?;
        let kept = |name: &String| {
            let class = Class::ALL.iter().any(|class| class.name() == name);
            let of_block = |block: &Block| block.tiers.contains(name);
            class || name == "hours" || blocks.iter().any(of_block)
        };
        if let Some(name) = self.keep.iter().find(|name| !kept(name)) {
            let message = format!("`keep`: `{name}` is neither a class, a tier of it, nor `hours`");
            return Err(at(line, message));
        }
        let (source, listed_as, keep) = (self.source, self.listed_as, self.keep);
        let origin = Origin { source, listed_as, keep };
        let (provider, context, max_output) = (self.provider, self.context, self.max_output);
        let model = ModelPrice { id, provider, context, max_output, usual, regions };
        let (aliases, patterns) = (self.aliases, self.patterns);
        Ok(Entry { model, line, aliases, patterns, origin, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[[model]]\nid = 'm'\nprovider = 'p'\n[[model.price]]\n";

    #[track_caller]
    fn check(rest: &str, expected: &str) {
        let error = read(&format!("{HEAD}{rest}")).unwrap_err().to_string();
        let expected = format!("bad price table: {expected}");
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }

    #[test]
    fn r021_a_bad_price_is_named_with_its_line() {
        check("input = '1'\noutput = '-2'", "line 6: `-2` is not a price: it must not be");
        check("input = 'NaN'\noutput = '2'", "line 5: `NaN` is not a price");
        check("input = '1e-3'\noutput = '2'", "line 5: `1e-3` is not a price");
        check("input = '1,25'\noutput = '2'", "line 5: `1,25` is not a price");
        check(
            "input = '1'\noutput = 2.5",
            "line 6: invalid type: floating point `2.5`, expected a price in quotes",
        );
        check("input = '1'\ninput = '2'", "line 6: duplicate key");
    }

    #[test]
    fn an_unknown_key_comes_with_the_one_that_was_meant() {
        for (rest, line, meant) in [
            ("input = '1'\noutptu = '2'", 6, "output"),
            ("cache_input = '1'", 5, "cached_input"),
            ("tier = ['flex']", 5, "tiers"),
            ("input = '1'\nlong = { abov = 1 }", 6, "above"),
        ] {
            let error = read(&format!("{HEAD}{rest}")).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}: ")), "{error}");
            assert!(error.contains(&format!("did you mean `{meant}`?")), "{error}");
        }
    }

    #[test]
    fn refuses_prices_that_contradict_each_other() {
        let two = "input = '1'\noutput = '2'\n[[model.price]]\ninput = '1'\noutput = '3'";
        check(two, "line 2: model `m`: two standard prices begin at the same time");
        check("input = '1'", "line 2: model `m`: there is no `output` price");
        check("tiers = ['flex']\ninput = '1'", "line 2: model `m`: there is no standard price");
        check("tiers = ['auto']\ninput = '1'", "line 4: model `m`: `auto` is the standard price");
        check("input = '1'\noutput = '2'\nlong = { input = '3' }", "line 4: model `m`: `long` ");
        check("from = 'soon'", "line 5: `soon` is not a time");
    }

    #[test]
    fn refuses_a_table_that_is_too_large() {
        let error = read(&" ".repeat(LARGEST + 1)).unwrap_err().to_string();
        assert!(error.contains("at most 8388608 bytes"), "{error}");
    }
}
