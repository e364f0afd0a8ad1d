//! What a table, or a source of prices, lists for a model: condition by condition, as it is written.
//!
//! A block of several tiers is one entry for each of them. Not here: how classes without a price
//! get one (`rates`), how a table is written.

use super::class::Class;
use super::exact::Exact;
use super::hours::Hours;
use super::rates::{Named, lender};
use super::tiers::{Block, Long, over};
use crate::clock::UnixMs;
use std::fmt;

/// When a price counts, besides its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// At all times, in no special tier.
    Standard,
    /// In a tier.
    Tier(String),
    /// At some hours.
    Hours(Hours),
}

impl Condition {
    /// The name of the tier, where it is one.
    pub fn tier(&self) -> Option<&str> {
        match self {
            Self::Tier(tier) => Some(tier),
            Self::Standard | Self::Hours(_) => None,
        }
    }

    /// The hours, as a table has them, where it is some.
    pub fn hours(&self) -> Option<String> {
        match self {
            Self::Hours(hours) => Some(hours.to_string()),
            Self::Standard | Self::Tier(_) => None,
        }
    }
}

/// `standard`, the name of a tier, or hours.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("standard"),
            Self::Tier(tier) => f.write_str(tier),
            Self::Hours(hours) => hours.fmt(f),
        }
    }
}

/// The prices under one condition from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The condition.
    pub condition: Condition,
    /// From when on.
    pub from: UnixMs,
    /// The prices that are named.
    pub prices: Named,
    /// What differs for long prompts.
    pub long: Option<Long>,
}

/// The blocks of a model, one for each condition and date.
pub fn listed(blocks: &[Block]) -> Vec<Dated> {
    let conditions = |block: &Block| match &block.hours {
        Some(hours) => vec![Condition::Hours(hours.clone())],
        None if block.tiers.is_empty() => vec![Condition::Standard],
        None => block.tiers.iter().cloned().map(Condition::Tier).collect(),
    };
    let dated = |block: &Block| {
        let Block { from, prices, long, .. } = block.clone();
        conditions(block).into_iter().map(move |condition| Dated {
            condition,
            from,
            prices: prices.clone(),
            long: long.clone(),
        })
    };
    blocks.iter().flat_map(dated).collect()
}

/// The conditions of some models' prices, each once, in their order.
pub fn conditions<'a>(lists: &[&'a [Dated]]) -> Vec<&'a Condition> {
    let mut found: Vec<&Condition> = Vec::new();
    for dated in lists.iter().copied().flatten() {
        if !found.contains(&&dated.condition) {
            found.push(&dated.condition);
        }
    }
    found
}

/// What is in force under a condition: the latest that has begun. Before any has, the first standard
/// price counts, and no other.
pub fn in_force<'a>(list: &'a [Dated], of: &Condition, at: UnixMs) -> Option<&'a Dated> {
    let own = || list.iter().filter(|dated| dated.condition == *of);
    let begun = own().filter(|dated| dated.from <= at).max_by_key(|dated| dated.from);
    match of {
        Condition::Standard => begun.or_else(|| own().min_by_key(|dated| dated.from)),
        _ => begun,
    }
}

/// What a class costs under a condition, by its own price or that of a broader class, the standard
/// one, or that of usual prompts.
pub fn price(
    list: &[Dated],
    of: &Condition,
    at: UnixMs,
    long: bool,
    class: Class,
) -> Option<Exact> {
    let mut named: Option<Named> = None;
    let standard = in_force(list, &Condition::Standard, at);
    let own = in_force(list, of, at).filter(|_| *of != Condition::Standard);
    let layers = [standard, own];
    for dated in layers.into_iter().flatten() {
        named = Some(match named {
            None => dated.prices.clone(),
            Some(below) => over(&below, &dated.prices),
        });
        if let (true, Some(long), Some(below)) = (long, &dated.long, &named) {
            named = Some(over(below, &long.prices));
        }
    }
    let named = named?;
    named.get(lender(&named, class))
}
