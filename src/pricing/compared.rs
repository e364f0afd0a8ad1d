//! What differs between two whole tables, model by model.
//!
//! Compared is what calls pay by the list: prices of all conditions, dates and lengths, where long
//! prompts begin, and what regions multiply by. Not here: names and patterns, and what payers are
//! charged on top.

use super::changes::{Change, changes};
use super::class::PerClass;
use super::listed::{Condition, Dated};
use super::model::ModelPrice;
use super::rates::{Card, Named, Rates};
use super::sheet;
use super::table::PriceTable;
use super::tiers::Long;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a model's prices differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Only the new table has the model.
    Added,
    /// Only the old one has it.
    Removed,
    /// Both have it, at other prices.
    Changed,
}

impl Difference {
    /// `added`, `removed`, `changed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// Something other than a price that decides what a call costs, in both tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// `long_prompts`, or `region:us`.
    pub name: String,
    /// `above 200000`, or a factor; `None`: there is none.
    pub old: Option<String>,
    /// From now on.
    pub new: Option<String>,
}

/// A model whose prices differ.
#[derive(Debug, Clone)]
pub struct Compared<'t> {
    /// The provider, as the table calls it.
    pub provider: &'t str,
    /// The model's id.
    pub model: &'t str,
    /// How they differ.
    pub difference: Difference,
    old: Option<&'t ModelPrice>,
    new: Option<&'t ModelPrice>,
}

impl Compared<'_> {
    /// Every price that is another one.
    pub fn prices(&self) -> Vec<Change> {
        let of = |model: Option<&ModelPrice>| model.map(listed).unwrap_or_default();
        changes(&of(self.old), &of(self.new))
    }

    /// What else is different; nothing where only one table has the model.
    pub fn terms(&self) -> Vec<Term> {
        let (Some(old), Some(new)) = (self.old, self.new) else { return Vec::new() };
        let (mut old, mut new) = (terms(old), terms(new));
        let mut names: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
        names.sort_unstable();
        names.dedup();
        let both = names.into_iter().map(|name| {
            let (old, new) = (old.remove(&name), new.remove(&name));
            Term { name, old, new }
        });
        both.filter(|term| term.old != term.new).collect()
    }
}

/// The models whose prices differ, by provider and id.
pub fn compared<'t>(old: &'t PriceTable, new: &'t PriceTable) -> Vec<Compared<'t>> {
    type Both<'t> = (Option<&'t ModelPrice>, Option<&'t ModelPrice>);
    let key = |model: &'t Arc<ModelPrice>| (model.provider.as_str(), model.id.as_str());
    let mut all: BTreeMap<(&str, &str), Both<'t>> = BTreeMap::new();
    for model in old.models() {
        all.entry(key(model)).or_default().0 = Some(model);
    }
    for model in new.models() {
        all.entry(key(model)).or_default().1 = Some(model);
    }
    let differing = all.into_iter().filter_map(|((provider, model), (old, new))| {
        let difference = match (old, new) {
            (Some(old), Some(new)) => {
                let same = listed(old) == listed(new) && terms(old) == terms(new);
                (!same).then_some(Difference::Changed)?
            }
            (None, _) => Difference::Added,
            (_, None) => Difference::Removed,
        };
        Some(Compared { provider, model, difference, old, new })
    });
    // What is written otherwise and costs the same is no difference.
    let counts = |one: &Compared<'_>| {
        let apart = one.difference != Difference::Changed;
        apart || !one.terms().is_empty() || !one.prices().is_empty()
    };
    differing.filter(counts).collect()
}

fn listed(model: &ModelPrice) -> Vec<Dated> {
    let dated = |when: sheet::Condition<'_>, rates: &Rates| Dated {
        condition: condition(when),
        from: rates.from,
        prices: named(&rates.usual),
        long: rates
            .long
            .as_ref()
            .map(|(threshold, card)| Long { threshold: *threshold, prices: named(card) }),
    };
    let schedules = model.usual.schedules();
    schedules.flat_map(|(when, schedule)| schedule.iter().map(move |r| dated(when, r))).collect()
}

fn condition(when: sheet::Condition<'_>) -> Condition {
    match when {
        sheet::Condition::Standard => Condition::Standard,
        sheet::Condition::Tier(tier) => Condition::Tier(tier.to_owned()),
        sheet::Condition::Hours(hours) => Condition::Hours(hours.clone()),
    }
}

fn named(card: &Card) -> Named {
    let mut named = PerClass::all(None);
    for (class, price) in card.own() {
        named.set(class, Some(price));
    }
    named
}

/// Where long prompts begin, each spelling once, and what each region multiplies by.
fn terms(model: &ModelPrice) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> =
        model.region_factors().map(|(name, factor)| (format!("region:{name}"), factor)).collect();
    let schedules = model.usual.schedules().flat_map(|(_, schedule)| schedule.iter());
    let mut begins: Vec<String> = Vec::new();
    for (threshold, _) in schedules.filter_map(|rates| rates.long.as_ref()) {
        let word = if threshold.inclusive { "at least" } else { "above" };
        let begin = format!("{word} {}", threshold.tokens);
        if !begins.contains(&begin) {
            begins.push(begin);
        }
    }
    if !begins.is_empty() {
        found.insert("long_prompts".to_owned(), begins.join(", "));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> PriceTable {
        PriceTable::parse(text).unwrap()
    }

    fn told(old: &str, new: &str) -> Vec<String> {
        let (old, new) = (table(old), table(new));
        let each = |one: Compared<'_>| {
            let prices = one.prices().into_iter().map(|change| {
                let (was, is) = (change.written(change.old), change.written(change.new));
                let long = if change.long { " long" } else { "" };
                format!("{}{long} {} {was}→{is}", change.condition, change.class.name())
            });
            let terms = one.terms().into_iter().map(|term| {
                let text = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
                format!("{} {}→{}", term.name, text(term.old), text(term.new))
            });
            let all: Vec<String> = prices.chain(terms).collect();
            format!("{} {}: {}", one.model, one.difference.as_str(), all.join(", "))
        };
        compared(&old, &new).into_iter().map(each).collect()
    }

    const M: &str = "[[model]]\nid = 'm'\nprovider = 'p'\n";

    #[test]
    fn every_price_that_is_another_one_is_named() {
        let old = format!(
            "{M}[[model.price]]\ninput = '1'\noutput = '2'\n\
             [[model]]\nid = 'gone'\nprovider = 'p'\n[[model.price]]\ninput = '1'\noutput = '2'\n"
        );
        let new = format!(
            "{M}[[model.price]]\ninput = '1.5'\noutput = '2'\n\
             [[model.price]]\ntiers = ['flex']\ninput = '0.5'\n\
             [[model]]\nid = 'fresh'\nprovider = 'p'\n[[model.price]]\ninput = '3'\noutput = '4'\n"
        );
        assert_eq!(
            told(&old, &new),
            [
                "fresh added: standard input none→3, standard output none→4",
                "gone removed: standard input 1→none, standard output 2→none",
                "m changed: standard input 1→1.5, flex input 1→0.5",
            ]
        );
        assert!(told(&old, &old).is_empty());
    }

    #[test]
    fn where_long_prompts_begin_and_what_regions_multiply_by_counts_too() {
        let of = |regions: &str, begin: &str| {
            format!(
                "{M}regions = {{ {regions} }}\n[[model.price]]\ninput = '1'\noutput = '2'\n\
                 long = {{ {begin}, input = '3' }}\n"
            )
        };
        let (old, new) = (of("us = '1.1'", "above = 200"), of("eu = '1.2'", "at_least = 100"));
        assert_eq!(
            told(&old, &new),
            [
                "m changed: long_prompts above 200→at least 100, region:eu none→1.2, region:us 1.1→none"
            ]
        );
    }

    #[test]
    fn what_is_written_otherwise_and_costs_the_same_is_no_difference() {
        let old = format!("{M}[[model.price]]\ninput = '1'\noutput = '2'\n");
        let new = format!("{M}[[model.price]]\ninput = '1'\ncached_input = '1'\noutput = '2'\n");
        assert!(told(&old, &new).is_empty(), "{:?}", told(&old, &new));
    }
}
