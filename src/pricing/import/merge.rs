//! A source's prices beside what a table has: what the source says counts, what it does not say
//! stays, and what the table wants to keep stays in any case.

use super::Offer;
use crate::pricing::class::Class;
use crate::pricing::file::Entry;
use crate::pricing::listed::{Condition, Dated, in_force, listed};
use crate::pricing::rates::Named;
use crate::pricing::tiers::{Block, over};

/// The prices of a model after an import.
pub fn merged(entry: &Entry, offer: &Offer) -> Vec<Dated> {
    let ours = listed(&entry.blocks);
    let kept: Vec<Class> = Class::ALL
        .iter()
        .copied()
        .filter(|class| entry.origin.keep.iter().any(|name| name == class.name()))
        .collect();
    let stays = |condition: &Condition| match condition {
        Condition::Standard => false,
        Condition::Tier(tier) => entry.origin.keep.contains(tier),
        Condition::Hours(_) => entry.origin.keep.iter().any(|name| name == "hours"),
    };
    let offered = offer.list.iter().filter(|dated| !stays(&dated.condition));
    let offered = offered.map(|dated| with_kept(dated, &ours, &kept));
    let mut all: Vec<Dated> = offered.collect();
    all.extend(ours.iter().filter(|dated| stays(&dated.condition)).cloned());
    let place = |dated: &Dated| {
        let same = |other: &Dated| other.condition == dated.condition;
        (ours.iter().position(same).unwrap_or(usize::MAX), dated.from)
    };
    all.sort_by_key(place);
    all
}

/// Whether two lists say the same, in whatever order.
pub fn same(a: &[Dated], b: &[Dated]) -> bool {
    a.len() == b.len() && a.iter().all(|dated| b.contains(dated))
}

/// The offered prices, with those of the kept classes from the table.
fn with_kept(offered: &Dated, ours: &[Dated], kept: &[Class]) -> Dated {
    let mut dated = offered.clone();
    let own = |other: &&Dated| other.condition == dated.condition;
    let exact = ours.iter().filter(own).find(|other| other.from == dated.from);
    let Some(own) = exact.or_else(|| in_force(ours, &dated.condition, dated.from)) else {
        return dated;
    };
    dated.prices = over(&dated.prices, &only(&own.prices, kept));
    if let (Some(long), Some(own)) = (&mut dated.long, &own.long) {
        long.prices = over(&long.prices, &only(&own.prices, kept));
    }
    dated
}

fn only(prices: &Named, kept: &[Class]) -> Named {
    let mut named = prices.clone();
    for class in Class::ALL.iter().filter(|class| !kept.contains(class)) {
        named.set(*class, None);
    }
    named
}

/// The blocks that a table has for these prices: tiers with the same prices share one.
pub fn blocks(list: &[Dated]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for dated in list {
        let Dated { condition, from, prices, long } = dated.clone();
        let mut block = Block { tiers: Vec::new(), hours: None, from, prices, long };
        match condition {
            Condition::Standard => {}
            Condition::Hours(hours) => block.hours = Some(hours),
            Condition::Tier(tier) => {
                let same = |other: &&mut Block| {
                    !other.tiers.is_empty()
                        && (other.from, &other.prices, &other.long)
                            == (block.from, &block.prices, &block.long)
                };
                match blocks.iter_mut().find(same) {
                    Some(other) => {
                        other.tiers.push(tier);
                        continue;
                    }
                    None => block.tiers.push(tier),
                }
            }
        }
        blocks.push(block);
    }
    blocks
}
