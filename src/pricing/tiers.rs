//! From the blocks of a table to complete prices: per tier, over time, by the hour, for usual and
//! long prompts.
//!
//! A block of a tier, or of some hours, is laid over the standard block that is in force at the same time, class by
//! class; so is the part for long prompts over the part for usual ones.

use super::class::{Class, PerClass};
use super::hours::Hours;
use super::rates::{Card, Named, Rates, Schedule, Threshold};
use super::tariff::Tariff;
use crate::clock::UnixMs;

/// One `[[model.price]]`.
#[derive(Debug, Clone)]
pub struct Block {
    /// The tiers that it is for; none: the standard price.
    pub tiers: Vec<String>,
    /// At which hours; none: at all.
    pub hours: Option<Hours>,
    /// From when on.
    pub from: UnixMs,
    /// The prices that it names.
    pub prices: Named,
    /// What differs for long prompts.
    pub long: Option<Long>,
}

impl Block {
    fn is_standard(&self) -> bool {
        self.tiers.is_empty() && self.hours.is_none()
    }
}

/// What differs for long prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Long {
    /// Where they begin.
    pub threshold: Threshold,
    /// The prices that it names.
    pub prices: Named,
}

/// The standard prices, and those of each tier.
pub fn tariff(blocks: &[Block]) -> Result<Tariff, String> {
    let standard: Vec<&Block> = blocks.iter().filter(|block| block.is_standard()).collect();
    if standard.is_empty() {
        return Err("there is no standard price, one without `tiers` and `hours`".to_owned());
    }
    no_two_at_once(&standard, "standard")?;
    for block in &standard {
        complete(block)?;
    }
    let nothing = PerClass::all(None);
    let rates = standard.iter().map(|&block| rates(block.from, &nothing, None, block));
    let schedule = Schedule::new(rates.collect::<Result<_, _>>()?);

    let mut names: Vec<&String> = blocks.iter().flat_map(|block| &block.tiers).collect();
    names.sort_unstable();
    names.dedup();
    let tiers = names.into_iter().map(|name| {
        let own: Vec<&Block> = blocks.iter().filter(|block| block.tiers.contains(name)).collect();
        no_two_at_once(&own, name)?;
        Ok((name.clone(), tier(&own, &standard)?))
    });
    Ok(Tariff::new(schedule, tiers.collect::<Result<_, String>>()?, peaks(blocks, &standard)?))
}

/// The prices of each set of hours, in the order of the table.
fn peaks(blocks: &[Block], standard: &[&Block]) -> Result<Vec<(Hours, Schedule)>, String> {
    let mut hours: Vec<&Hours> = Vec::new();
    for of_block in blocks.iter().filter_map(|block| block.hours.as_ref()) {
        if !hours.contains(&of_block) {
            hours.push(of_block);
        }
    }
    let peaks = hours.into_iter().map(|hours| {
        let fits = |block: &&Block| block.hours.as_ref() == Some(hours);
        let own: Vec<&Block> = blocks.iter().filter(fits).collect();
        no_two_at_once(&own, "peak")?;
        Ok((hours.clone(), tier(&own, standard)?))
    });
    peaks.collect()
}

fn no_two_at_once(blocks: &[&Block], tier: &str) -> Result<(), String> {
    let mut from: Vec<UnixMs> = blocks.iter().map(|block| block.from).collect();
    from.sort_unstable();
    match from.windows(2).any(|pair| pair.first() == pair.last()) {
        true => Err(format!("two {tier} prices begin at the same time")),
        false => Ok(()),
    }
}

fn complete(block: &Block) -> Result<(), String> {
    let missing = [Class::Input, Class::Output]
        .into_iter()
        .find(|&class| block.prices.get(class).is_none())
        .map(Class::name);
    match missing {
        Some(name) => {
            Err(format!("there is no `{name}` price; write {name} = \"0\" if it costs nothing"))
        }
        None => Ok(()),
    }
}

/// A tier begins with its first block and changes with each of its own blocks and each standard
/// one after that.
fn tier(own: &[&Block], standard: &[&Block]) -> Result<Schedule, String> {
    let begin = own.iter().map(|block| block.from).min().unwrap_or(UnixMs::MIN);
    let mut dates: Vec<UnixMs> = own.iter().chain(standard).map(|block| block.from).collect();
    dates.retain(|&date| date >= begin);
    dates.sort_unstable();
    dates.dedup();
    let mut schedule = Vec::new();
    for date in dates {
        let oldest = standard.iter().min_by_key(|block| block.from);
        let (Some(block), Some(below)) =
            (in_force(own, date), in_force(standard, date).or(oldest.copied()))
        else {
            continue;
        };
        schedule.push(rates(date, &below.prices, below.long.as_ref(), block)?);
    }
    Ok(Schedule::new(schedule))
}

fn in_force<'a>(blocks: &[&'a Block], at: UnixMs) -> Option<&'a Block> {
    let begun = blocks.iter().copied().filter(|block| block.from <= at);
    begun.max_by_key(|block| block.from)
}

fn rates(
    from: UnixMs,
    below: &Named,
    below_long: Option<&Long>,
    block: &Block,
) -> Result<Rates, String> {
    let usual = over(below, &block.prices);
    let threshold = match (&block.long, below_long) {
        (Some(own), Some(other)) if own.threshold != other.threshold => {
            return Err("`long` of a tier must begin where that of the standard price does".into());
        }
        (Some(long), _) | (None, Some(long)) => Some(long.threshold),
        (None, None) => None,
    };
    let long = threshold.map(|threshold| {
        let mut named = below_long.map_or_else(|| below.clone(), |long| over(below, &long.prices));
        named = over(&named, &block.prices);
        if let Some(own) = &block.long {
            named = over(&named, &own.prices);
        }
        (threshold, Card::new(&named))
    });
    Ok(Rates { from, usual: Card::new(&usual), long })
}

/// The prices of `upper`, and of `lower` where it has none.
pub fn over(lower: &Named, upper: &Named) -> Named {
    let mut named = lower.clone();
    for &class in Class::ALL {
        if let Some(price) = upper.get(class) {
            named.set(class, Some(price));
        }
    }
    named
}
