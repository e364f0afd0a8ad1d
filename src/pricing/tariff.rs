//! All prices of a model in one region: the standard ones, and those of each tier.
//!
//! A tier is any condition with prices of its own: what a provider calls a service tier, a kind of
//! traffic, a speed. Invariant: a condition without prices takes the standard ones.

use super::class::{Class, PerClass};
use super::exact::Exact;
use super::factor::Factor;
use super::hours::Hours;
use super::rates::{Card, Rates, Schedule};
use super::sheet::Condition;
use super::{Bound, Terms};
use crate::clock::UnixMs;

/// The prices of a model in one region.
#[derive(Debug, Clone)]
pub struct Tariff {
    standard: Schedule,
    tiers: Vec<(String, Schedule)>,
    /// What standard calls cost at some hours; the first that fits counts.
    peaks: Vec<(Hours, Schedule)>,
}

impl Tariff {
    /// The standard prices, those of the tiers by name, and those of some hours.
    pub fn new(
        standard: Schedule,
        tiers: Vec<(String, Schedule)>,
        peaks: Vec<(Hours, Schedule)>,
    ) -> Self {
        Self { standard, tiers, peaks }
    }

    /// No prices: everything is free.
    pub fn free() -> Self {
        Self::new(Schedule::new(Vec::new()), Vec::new(), Vec::new())
    }

    /// The same prices at any time and length, in any tier.
    pub fn always(card: Card) -> Self {
        let rates = Rates { from: UnixMs::MIN, usual: card, long: None };
        Self::new(Schedule::new(vec![rates]), Vec::new(), Vec::new())
    }

    /// The prices of a call with `input` input tokens; `None` where the model costs nothing.
    pub fn card(&self, input: u64, terms: &Terms<'_>) -> Option<&Card> {
        // Every name of the standard tier (`default`, `auto`, `scale`) is not in the list.
        let named = |name| self.tiers.iter().find(|(tier, _)| tier == name);
        let mut of_tiers = terms.tiers().filter_map(|name| named(name)?.1.at(terms.at));
        let now = self.peaks.iter().filter(|(hours, _)| hours.contain(terms.at));
        let mut of_hours = now.filter_map(|(_, schedule)| schedule.at(terms.at));
        let rates = of_tiers
            .next()
            .or_else(|| of_hours.next())
            .or_else(|| self.standard.at(terms.at))
            .or_else(|| self.standard.oldest())?;
        Some(rates.card(input))
    }

    /// What no call within the bound can exceed that uses no more than `apart` of what is not
    /// tokens.
    pub fn ceiling(&self, bound: Bound, apart: &PerClass<u64>) -> Exact {
        let ceilings = self.schedules().map(|(_, schedule)| schedule.ceiling(bound, apart));
        ceilings.max().unwrap_or_default()
    }

    /// Whether prompts of so many tokens, or longer ones only, have prices of their own.
    pub fn begins_long(&self, tokens: u64) -> bool {
        self.schedules().any(|(_, schedule)| schedule.begins_long(tokens))
    }

    /// All cards that may apply to a call.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.schedules().flat_map(|(_, schedule)| schedule.cards())
    }

    /// All schedules: the standard one first, then those of tiers and hours.
    pub fn schedules(&self) -> impl Iterator<Item = (Condition<'_>, &Schedule)> {
        let tiers = self.tiers.iter().map(|(tier, schedule)| (Condition::Tier(tier), schedule));
        let peaks = self.peaks.iter().map(|(hours, schedule)| (Condition::Hours(hours), schedule));
        std::iter::once((Condition::Standard, &self.standard)).chain(tiers).chain(peaks)
    }

    /// The tiers that have prices of their own.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.iter().map(|(tier, _)| tier.as_str())
    }

    /// The same prices, those of some classes multiplied.
    #[must_use]
    pub fn times(&self, factor: Factor, which: fn(Class) -> bool) -> Self {
        let times = |schedule: &Schedule| schedule.times(factor, which);
        let tiers = self.tiers.iter().map(|(name, schedule)| (name.clone(), times(schedule)));
        let peaks = self.peaks.iter().map(|(hours, schedule)| (hours.clone(), times(schedule)));
        Self::new(times(&self.standard), tiers.collect(), peaks.collect())
    }
}
