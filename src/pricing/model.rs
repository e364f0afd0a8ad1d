//! One model's prices, and what a usage costs by them.
//!
//! Invariant: `ceiling(bound)` is never below `cost` of a usage within the bound, whichever tier,
//! date or length decides; web searches, which no bound of tokens covers, apart.

use super::class::{self, Class};
use super::exact::{Exact, Per};
use super::rates::{Card, Schedule};
use super::{Bound, Terms};
use crate::money::NanoUsd;
use crate::usage::{Figure, Usage};

/// What a model costs, and how large its calls can be.
#[derive(Debug, Clone)]
pub struct ModelPrice {
    /// Its id at the provider.
    pub id: String,
    /// The provider, as the table calls it.
    pub provider: String,
    /// Tokens of one call at most, input and output together.
    pub context: Option<u64>,
    /// Output tokens of one answer at most.
    pub max_output: Option<u64>,
    pub(super) standard: Schedule,
    pub(super) tiers: Vec<(String, Schedule)>,
}

/// One line of a bill. Its cost is not rounded; the sum is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was used.
    pub class: Class,
    /// How much of it.
    pub quantity: u64,
    /// The price of one.
    pub price: Exact,
    /// What the line comes to.
    pub cost: Exact,
    /// The broader class whose price was taken, where the class has none of its own.
    pub fallback: Option<Class>,
}

impl Line {
    /// The price as it is usually written: for a million tokens, or for one search.
    pub fn price_text(&self) -> String {
        match self.class {
            Class::WebSearch => self.price.per(Per::One),
            _ => self.price.per(Per::Million),
        }
    }
}

impl ModelPrice {
    /// A model that costs nothing, of no provider.
    pub(super) fn free(id: &str) -> Self {
        let (provider, standard) = (String::new(), Schedule::new(Vec::new()));
        let id = id.to_owned();
        Self { id, provider, context: None, max_output: None, standard, tiers: Vec::new() }
    }

    /// What a usage costs. Summed exactly, rounded up once; at most [`crate::money::MAX`].
    pub fn cost(&self, usage: &Usage, terms: &Terms<'_>) -> NanoUsd {
        match self.card(usage, terms) {
            Some(card) => card.cost(&class::parts(usage)).round_up(),
            None => NanoUsd::ZERO,
        }
    }

    /// The lines that [`ModelPrice::cost`] is the sum of; parts of size 0 are left out.
    pub fn explain(&self, usage: &Usage, terms: &Terms<'_>) -> Vec<Line> {
        let Some(card) = self.card(usage, terms) else { return Vec::new() };
        let parts = class::parts(usage);
        let used = Class::ALL.into_iter().filter(|&class| parts.get(class) > 0);
        used.map(|class| {
            let rate = card.rate(class);
            let quantity = parts.get(class);
            Line {
                class,
                quantity,
                price: rate.price,
                cost: rate.price.times(quantity),
                fallback: (rate.of != class).then_some(rate.of),
            }
        })
        .collect()
    }

    /// What no call within the bound costs more than, under any tier and at any date.
    pub fn ceiling(&self, bound: Bound) -> NanoUsd {
        let schedules = self.tiers.iter().map(|(_, schedule)| schedule);
        let dearest = schedules.map(|schedule| schedule.ceiling(bound)).max().unwrap_or_default();
        dearest.max(self.standard.ceiling(bound)).round_up()
    }

    /// What a call that uses all of the bound costs, as plain text without a cache.
    pub fn expected(&self, bound: Bound, terms: &Terms<'_>) -> NanoUsd {
        let usage = Usage::default()
            .with(Figure::InputTotal, bound.input)
            .with(Figure::OutputTotal, bound.output);
        self.cost(&usage, terms)
    }

    /// The tiers that have prices of their own.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.iter().map(|(tier, _)| tier.as_str())
    }

    fn card(&self, usage: &Usage, terms: &Terms<'_>) -> Option<&Card> {
        // A tier without prices, and every name of the standard tier (`default`, `auto`, `scale`),
        // is not in the list.
        let tier = terms.service_tier.and_then(|name| {
            let named = self.tiers.iter().find(|(tier, _)| tier == name);
            named.and_then(|(_, schedule)| schedule.at(terms.at))
        });
        let rates =
            tier.or_else(|| self.standard.at(terms.at)).or_else(|| self.standard.oldest())?;
        Some(rates.card(usage.count(Figure::InputTotal)))
    }
}
