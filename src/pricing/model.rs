//! One model's prices, and what a usage costs by them.
//!
//! Invariant: `ceiling(bound)` is never below `cost` of a usage within the bound, whichever tier,
//! region, date or length decides; what is not tokens apart, which `ceiling_with` covers.

use super::class::{Class, PerClass, Side};
use super::exact::Exact;
use super::factor::Factor;
use super::line::Line;
use super::parts::parts;
use super::rates::Card;
use super::tariff::Tariff;
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
    /// Somebody says what it costs. Otherwise these prices stand in for unknown ones.
    pub listed: bool,
    pub(super) usual: Tariff,
    /// Regions that have other prices, with what those of tokens are multiplied by.
    pub(super) regions: Vec<(String, Factor, Tariff)>,
}

impl ModelPrice {
    /// A model that costs nothing.
    pub(super) fn free(id: &str, provider: &str) -> Self {
        Self {
            id: id.to_owned(),
            provider: provider.to_owned(),
            context: None,
            max_output: None,
            listed: true,
            usual: Tariff::free(),
            regions: Vec::new(),
        }
    }

    /// What a usage costs. Summed exactly, rounded up once; at most [`crate::money::MAX`].
    pub fn cost(&self, usage: &Usage, terms: &Terms<'_>) -> NanoUsd {
        match self.card(usage, terms) {
            Some(card) => card.cost(&parts(usage)).round_up(),
            None => NanoUsd::ZERO,
        }
    }

    /// The lines that [`ModelPrice::cost`] is the sum of. Left out are parts of size 0, and what is
    /// not tokens where it has no price.
    pub fn explain(&self, usage: &Usage, terms: &Terms<'_>) -> Vec<Line> {
        self.lines(usage, &parts(usage), terms)
    }

    /// The lines of several calls that together used what `usage` says; their number is what is
    /// charged by the request.
    pub fn explain_calls(&self, usage: &Usage, requests: u64, terms: &Terms<'_>) -> Vec<Line> {
        let mut parts = parts(usage);
        parts.set(Class::Request, requests);
        self.lines(usage, &parts, terms)
    }

    pub(super) fn lines(
        &self,
        usage: &Usage,
        parts: &PerClass<u64>,
        terms: &Terms<'_>,
    ) -> Vec<Line> {
        let Some(card) = self.card(usage, terms) else { return Vec::new() };
        let shown = |class: &Class| {
            parts.get(*class) > 0 && (class.side() != Side::Apart || card.rate(*class).known)
        };
        let used = Class::ALL.iter().copied().filter(shown);
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

    /// Whether the table says what such a usage costs. Not, where all that was used has no price:
    /// seconds of a model that is priced by tokens, say. Its cost is 0 then, though it is not free.
    pub fn covers(&self, usage: &Usage, terms: &Terms<'_>) -> bool {
        let Some(card) = self.card(usage, terms) else { return true };
        let parts = parts(usage);
        let mut used = Class::ALL
            .iter()
            .filter(|&&class| parts.get(class) > 0 && class != Class::Request)
            .peekable();
        used.peek().is_none() || used.any(|&class| card.rate(class).known)
    }

    /// What no call within the bound costs more than, under any tier, in any region, at any date.
    pub fn ceiling(&self, bound: Bound) -> NanoUsd {
        self.ceiling_with(bound, &Usage::default())
    }

    /// The same for a call that may also use as much of what is not tokens as `apart` says.
    pub fn ceiling_with(&self, bound: Bound, apart: &Usage) -> NanoUsd {
        let mut parts = parts(apart);
        for &class in Class::ALL.iter().filter(|class| class.side() != Side::Apart) {
            parts.set(class, 0);
        }
        parts.set(Class::Request, 1);
        let tariffs = std::iter::once(&self.usual).chain(self.regions.iter().map(|(_, _, t)| t));
        let ceilings = tariffs.map(|tariff| tariff.ceiling(bound, &parts));
        ceilings.max().unwrap_or_default().round_up()
    }

    /// The most tokens that a prompt can have; `None` where that is not known, or where a price for
    /// longer prompts shows that the context window can be larger than the table says.
    pub fn longest_prompt(&self) -> Option<u64> {
        let window = self.context?;
        let regions = self.regions.iter().map(|(_, _, tariff)| tariff);
        let mut tariffs = std::iter::once(&self.usual).chain(regions);
        (!tariffs.any(|tariff| tariff.begins_long(window))).then_some(window)
    }

    /// Whether it costs something in any tier, region, hour, date or length to use one of this
    /// figure beside a call.
    pub fn bills(&self, figure: Figure) -> bool {
        let mut parts = parts(&Usage::default().with(figure, 1));
        parts.set(Class::Request, 0);
        self.cards().any(|card| card.cost(&parts) > Exact::ZERO)
    }

    /// What a call that uses all of the bound costs, as plain text without a cache.
    pub fn expected(&self, bound: Bound, terms: &Terms<'_>) -> NanoUsd {
        let usage = Usage::default()
            .with(Figure::InputTotal, bound.input)
            .with(Figure::OutputTotal, bound.output);
        self.cost(&usage, terms)
    }

    /// Whether a call costs nothing, whatever it uses and whenever.
    pub fn is_free(&self) -> bool {
        self.cards().all(Card::is_free)
    }

    /// The cards of all regions, tiers, dates and lengths.
    pub(super) fn cards(&self) -> impl Iterator<Item = &Card> {
        let regions = self.regions.iter().flat_map(|(_, _, tariff)| tariff.cards());
        self.usual.cards().chain(regions)
    }

    /// The same model at other prices, in all regions.
    pub(super) fn priced(&self, usual: Tariff) -> Self {
        Self { usual, regions: Vec::new(), ..self.clone() }
    }

    /// The same model, all its prices multiplied.
    pub(super) fn times(&self, by: Factor) -> Self {
        let times = |tariff: &Tariff| tariff.times(by, |_| true);
        let regions = self.regions.iter();
        let regions = regions.map(|(name, factor, tariff)| (name.clone(), *factor, times(tariff)));
        Self { usual: times(&self.usual), regions: regions.collect(), ..self.clone() }
    }

    /// Whether it has any price.
    pub fn is_charged(&self) -> bool {
        !self.sheets().is_empty()
    }

    /// The tiers that have prices of their own.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.usual.tiers()
    }

    /// The regions that have prices of their own.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().map(|(region, _, _)| region.as_str())
    }

    fn card(&self, usage: &Usage, terms: &Terms<'_>) -> Option<&Card> {
        let mut regions = self.regions.iter();
        let named = terms.region.and_then(|name| regions.find(|(region, _, _)| region == name));
        let tariff = named.map_or(&self.usual, |(_, _, tariff)| tariff);
        tariff.card(usage.count(Figure::InputTotal), terms)
    }
}
