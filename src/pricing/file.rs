//! The text form of the price table. Its keys are explained in `docs/pricing.md`.
//!
//! Everything that can be wrong with a table is found here, with its line; what comes out is
//! complete. A tier, and a long prompt, replace the prices that they name and keep the others.

use super::class::{Class, PerClass};
use super::document::{self, Fault};
use super::exact::Exact;
use super::model::ModelPrice;
use super::rates::{Named, Threshold};
use super::tiers::{self, Block, Long};
use crate::clock::{self, UnixMs};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
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

/// The most bytes that a table may have; the one that is shipped has 40 thousand.
const LARGEST: usize = 8 << 20;

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
}

/// Reads a table's text.
pub fn read(text: &str) -> Result<Vec<Entry>, BadPricing> {
    if text.len() > LARGEST {
        let message = format!("{} bytes are too many; at most {LARGEST} are read", text.len());
        return Err(BadPricing(Fault { line: None, message }));
    }
    let file: File = document::read(text).map_err(BadPricing)?;
    file.model.into_iter().map(|model| model.entry(text)).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Model>,
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
    price: Vec<Spanned<RawBlock<false>>>,
}

impl Model {
    fn entry(self, text: &str) -> Result<Entry, BadPricing> {
        let line = document::line_at(text, self.id.span().start);
        let id = self.id.into_inner();
        let at = |line, message: String| {
            BadPricing(Fault { line: Some(line), message: format!("model `{id}`: {message}") })
        };
        let mut blocks = Vec::new();
        for block in self.price {
            let line = document::line_at(text, block.span().start);
            blocks.push(block.into_inner().finished().map_err(|message| at(line, message))?);
        }
        let (standard, tiers) = tiers::schedules(&blocks).map_err(|message| at(line, message))?;
        let (provider, context, max_output) = (self.provider, self.context, self.max_output);
        let model = ModelPrice { id, provider, context, max_output, standard, tiers };
        Ok(Entry { model, line, aliases: self.aliases, patterns: self.patterns })
    }
}

/// One `[[model.price]]` (`LONG` is false), or its part `long`, as it is written.
struct RawBlock<const LONG: bool> {
    tiers: Vec<String>,
    from: Option<UnixMs>,
    long: Option<Box<RawBlock<true>>>,
    above: Option<u64>,
    at_least: Option<u64>,
    prices: Named,
}

impl RawBlock<false> {
    fn finished(self) -> Result<Block, String> {
        let (tiers, from) = (self.tiers, self.from.unwrap_or(UnixMs::MIN));
        let standard = ["standard", "default", "auto", "scale"];
        if let Some(tier) = tiers.iter().find(|tier| standard.contains(&tier.as_str())) {
            return Err(format!("`{tier}` is the standard price: leave out `tiers`"));
        }
        let long = self.long.map(|long| long.finished()).transpose()?;
        Ok(Block { tiers, from, prices: self.prices, long })
    }
}

impl RawBlock<true> {
    fn finished(&self) -> Result<Long, String> {
        let threshold = match (self.above, self.at_least) {
            (Some(tokens), None) => Threshold { tokens, inclusive: false },
            (None, Some(tokens)) => Threshold { tokens, inclusive: true },
            _ => return Err("`long` needs either `above` or `at_least`".to_owned()),
        };
        Ok(Long { threshold, prices: self.prices.clone() })
    }
}

impl<'de, const LONG: bool> Deserialize<'de> for RawBlock<LONG> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(BlockVisitor)
    }
}

struct BlockVisitor<const LONG: bool>;

impl<'de, const LONG: bool> Visitor<'de> for BlockVisitor<LONG> {
    type Value = RawBlock<LONG>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of prices")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut block = RawBlock {
            tiers: Vec::new(),
            from: None,
            long: None,
            above: None,
            at_least: None,
            prices: PerClass::all(None),
        };
        while let Some(key) = map.next_key::<Key<LONG>>()? {
            match key {
                Key::Tiers => block.tiers = map.next_value()?,
                Key::From => block.from = Some(map.next_value::<Moment>()?.0),
                Key::Long => block.long = Some(map.next_value()?),
                Key::Above => block.above = Some(map.next_value()?),
                Key::AtLeast => block.at_least = Some(map.next_value()?),
                Key::Price(class) => {
                    let price: Exact = map.next_value()?;
                    block.prices.set(class, Some(in_table(class, price)));
                }
            }
        }
        Ok(block)
    }
}

/// Prices are read as for a million; those of things that are not tokens are for one.
fn in_table(class: Class, price: Exact) -> Exact {
    match class {
        Class::WebSearch => price.times(1_000_000),
        _ => price,
    }
}

/// A key of a block. Read as a type of its own, so that a complaint has the key's line.
enum Key<const LONG: bool> {
    Tiers,
    From,
    Long,
    Above,
    AtLeast,
    Price(Class),
}

impl<'de, const LONG: bool> Deserialize<'de> for Key<LONG> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        match name.as_str() {
            "tiers" if !LONG => return Ok(Self::Tiers),
            "from" if !LONG => return Ok(Self::From),
            "long" if !LONG => return Ok(Self::Long),
            "above" if LONG => return Ok(Self::Above),
            "at_least" if LONG => return Ok(Self::AtLeast),
            _ => {}
        }
        if let Some(class) = Class::ALL.into_iter().find(|class| class.name() == name) {
            return Ok(Self::Price(class));
        }
        let conditions: &[&str] =
            if LONG { &["above", "at_least"] } else { &["tiers", "from", "long"] };
        let keys = conditions.iter().copied().chain(Class::ALL.into_iter().map(Class::name));
        let keys: Vec<_> = keys.map(|key| format!("`{key}`")).collect();
        let keys = keys.join(", ");
        Err(D::Error::custom(format_args!("unknown field `{name}`, expected one of {keys}")))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Moment(UnixMs);

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match clock::parse_time(&text) {
            Some(at) => Ok(Self(at)),
            None => {
                Err(format!("`{text}` is not a time: write 2026-08-21 or 2026-08-21T16:00:00Z"))
            }
        }
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
        assert!(error.contains("8388609 bytes are too many"), "{error}");
    }
}
