//! One block of prices as the table has it: `[[model.price]]`, or its part `long`.
//!
//! Invariant: what comes out names a price for every key that was read; no key is passed over.

use super::class::{Class, PerClass, Side};
use super::exact::Exact;
use super::hours::Hours;
use super::rates::{Named, Threshold};
use super::terms::is_standard_tier;
use super::tiers::{Block, Long};
use crate::clock::{self, UnixMs};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

const MILLION: u64 = 1_000_000;

/// One `[[model.price]]` (`LONG` is false), or its part `long`, as it is written.
pub struct RawBlock<const LONG: bool> {
    tiers: Vec<String>,
    hours: Vec<String>,
    days: Vec<String>,
    from: Option<UnixMs>,
    long: Option<Box<RawBlock<true>>>,
    above: Option<u64>,
    at_least: Option<u64>,
    prices: Named,
}

impl RawBlock<false> {
    /// The block, if it makes sense.
    pub fn finished(self) -> Result<Block, String> {
        let (tiers, from) = (self.tiers, self.from.unwrap_or(UnixMs::MIN));
        if let Some(tier) = tiers.iter().find(|tier| is_standard_tier(tier)) {
            return Err(format!("`{tier}` is the standard price: leave out `tiers`"));
        }
        let timed = !self.hours.is_empty() || !self.days.is_empty();
        if timed && !tiers.is_empty() {
            return Err("`hours` and `tiers` cannot stand in one block".to_owned());
        }
        let hours = timed.then(|| Hours::parse(&self.hours, &self.days)).transpose()?;
        let long = self.long.map(|long| long.finished()).transpose()?;
        Ok(Block { tiers, hours, from, prices: self.prices, long })
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
            hours: Vec::new(),
            days: Vec::new(),
            from: None,
            long: None,
            above: None,
            at_least: None,
            prices: PerClass::all(None),
        };
        while let Some(key) = map.next_key::<Key<LONG>>()? {
            match key {
                Key::Tiers => block.tiers = map.next_value()?,
                Key::Hours => block.hours = map.next_value()?,
                Key::Days => block.days = map.next_value()?,
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

/// Prices are read as for a million; those of things that are not tokens are for one. What is kept
/// is the price of one count: a millisecond, where seconds are priced. No digit is lost, since the
/// price of one thing is a multiple of a million units.
fn in_table(class: Class, price: Exact) -> Exact {
    match class.side() {
        Side::Input | Side::Output => price,
        Side::Apart => price.times(MILLION).shared_by(class.counts_in_one()),
    }
}

/// A key of a block. Read as a type of its own, so that a complaint has the key's line.
enum Key<const LONG: bool> {
    Tiers,
    Hours,
    Days,
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
            "hours" if !LONG => return Ok(Self::Hours),
            "days" if !LONG => return Ok(Self::Days),
            "from" if !LONG => return Ok(Self::From),
            "long" if !LONG => return Ok(Self::Long),
            "above" if LONG => return Ok(Self::Above),
            "at_least" if LONG => return Ok(Self::AtLeast),
            _ => {}
        }
        if let Some(class) = Class::ALL.iter().copied().find(|class| class.name() == name) {
            return Ok(Self::Price(class));
        }
        let conditions: &[&str] =
            if LONG { &["above", "at_least"] } else { &["tiers", "hours", "days", "from", "long"] };
        let keys = conditions.iter().copied().chain(Class::ALL.iter().map(|class| class.name()));
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
