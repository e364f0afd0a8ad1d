//! What differs between two lists of prices: of two tables, or of a table and a source.
//!
//! What counts is what a call pays: a price that a class has of its own now and borrowed before is
//! no change if it is the same. Not here: what a change does to past calls.

use super::class::{Class, Side};
use super::exact::{Exact, Per};
use super::listed::{Condition, Dated, conditions, in_force, price};
use crate::clock::UnixMs;
use std::fmt;

/// A price that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In which tier, or at which hours.
    pub condition: Condition,
    /// From when on; [`UnixMs::MIN`]: always.
    pub from: UnixMs,
    /// For long prompts.
    pub long: bool,
    /// What is priced.
    pub class: Class,
    /// The price of one count before; `None`: none, it cost nothing.
    pub old: Option<Exact>,
    /// The price of one count from now on; `None`: none, it costs nothing.
    pub new: Option<Exact>,
}

/// By how much a price has changed, in tenths of a per cent; `None`: from nothing to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub Option<i128>);

impl Change {
    /// By how much.
    pub fn percent(&self) -> Percent {
        let (old, new) = (self.old.unwrap_or_default(), self.new.unwrap_or_default());
        Percent(new.tenths_of_percent_above(old))
    }

    /// Whether it is more than so many per cent, up or down.
    pub fn exceeds(&self, percent: u64) -> bool {
        match self.percent() {
            Percent(Some(tenths)) => tenths.unsigned_abs() > u128::from(percent).saturating_mul(10),
            Percent(None) => true,
        }
    }

    /// A price as a table has it: for a million tokens, or for one of what is not tokens.
    pub fn written(&self, price: Option<Exact>) -> String {
        price.map_or_else(|| "none".to_owned(), |price| written(self.class, price))
    }
}

/// A price of one count as a table has it.
pub fn written(class: Class, price: Exact) -> String {
    match class.side() {
        Side::Apart => price.times(class.counts_in_one().get()).per(Per::One),
        Side::Input | Side::Output => price.per(Per::Million),
    }
}

/// `+12.5 %`, `-100 %`, `new`.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Some(tenths)) = self else { return f.write_str("new") };
        let sign = if *tenths < 0 { "-" } else { "+" };
        let tenths = tenths.unsigned_abs();
        let (whole, tenth) = (tenths.div_euclid(10), tenths.rem_euclid(10));
        match tenth {
            0 => write!(f, "{sign}{whole} %"),
            _ => write!(f, "{sign}{whole}.{tenth} %"),
        }
    }
}

/// Every price that differs, by condition, date, length and class.
pub fn changes(old: &[Dated], new: &[Dated]) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    for condition in conditions(&[new, old]) {
        for from in dates(condition, &[old, new]) {
            for long in [false, true] {
                for class in named(condition, from, long, &[old, new]) {
                    let at = |list| price(list, condition, from, long, class);
                    let (old, new) = (at(old), at(new));
                    let same = |other: &Change| {
                        other.condition == *condition && other.long == long && other.class == class
                    };
                    let last = found.iter().rev().find(|other| same(other));
                    let known = last.is_some_and(|other| other.old == old && other.new == new);
                    if old.unwrap_or_default() != new.unwrap_or_default() && !known {
                        let condition = condition.clone();
                        found.push(Change { condition, from, long, class, old, new });
                    }
                }
            }
        }
    }
    found
}

/// Every price that is a thousand times its predecessor, or a thousandth of it.
pub fn leaps(list: &[Dated]) -> Vec<Change> {
    let mut found = Vec::new();
    for condition in conditions(&[list]) {
        let dates = dates(condition, &[list]);
        for (before, from) in dates.iter().zip(dates.iter().skip(1)) {
            for long in [false, true] {
                for class in named(condition, *from, long, &[list]) {
                    let at = |moment| price(list, condition, moment, long, class);
                    let (old, new) = (at(*before), at(*from));
                    let (a, b) = (old.unwrap_or_default(), new.unwrap_or_default());
                    let leaps = a.max(b) >= a.min(b).times(1000) && a.min(b) > Exact::ZERO;
                    if leaps {
                        let condition = condition.clone();
                        found.push(Change { condition, from: *from, long, class, old, new });
                    }
                }
            }
        }
    }
    found
}

fn dates(condition: &Condition, lists: &[&[Dated]]) -> Vec<UnixMs> {
    let own = lists.iter().copied().flatten().filter(|dated| dated.condition == *condition);
    let mut dates: Vec<UnixMs> = own.map(|dated| dated.from).collect();
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// The classes that one of the lists names for it.
fn named(condition: &Condition, at: UnixMs, long: bool, lists: &[&[Dated]]) -> Vec<Class> {
    let blocks: Vec<&Dated> =
        lists.iter().filter_map(|list| in_force(list, condition, at)).collect();
    let names = |dated: &&Dated, class: Class| match (&dated.long, long) {
        (Some(long), true) => long.prices.get(class).is_some(),
        (None, true) => false,
        (_, false) => dated.prices.get(class).is_some(),
    };
    let named = |class: &&Class| blocks.iter().any(|dated| names(dated, **class));
    Class::ALL.iter().filter(named).copied().collect()
}
