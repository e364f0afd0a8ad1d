//! All prices of a model in one region: the standard ones, and those of each tier.
//!
//! A tier is any condition with prices of its own: what a provider calls a service tier, a kind of
//! traffic, a speed. Invariant: a condition without prices takes the standard ones.

use super::class::PerClass;
use super::exact::Exact;
use super::rates::{Card, Schedule};
use super::{Bound, Terms};

/// The prices of a model in one region.
#[derive(Debug, Clone)]
pub struct Tariff {
    standard: Schedule,
    tiers: Vec<(String, Schedule)>,
}

impl Tariff {
    /// The standard prices, and those of the tiers by name.
    pub fn new(standard: Schedule, tiers: Vec<(String, Schedule)>) -> Self {
        Self { standard, tiers }
    }

    /// The prices of a call with `input` input tokens; `None` where the model costs nothing.
    pub fn card(&self, input: u64, terms: &Terms<'_>) -> Option<&Card> {
        // Every name of the standard tier (`default`, `auto`, `scale`) is not in the list.
        let named = |name| self.tiers.iter().find(|(tier, _)| tier == name);
        let mut of_tiers = terms.tiers().filter_map(|name| named(name)?.1.at(terms.at));
        let rates = of_tiers
            .next()
            .or_else(|| self.standard.at(terms.at))
            .or_else(|| self.standard.oldest())?;
        Some(rates.card(input))
    }

    /// What no call within the bound can exceed that uses no more than `apart` of what is not
    /// tokens.
    pub fn ceiling(&self, bound: Bound, apart: &PerClass<u64>) -> Exact {
        let tiers = self.tiers.iter().map(|(_, schedule)| schedule);
        let schedules = std::iter::once(&self.standard).chain(tiers);
        schedules.map(|schedule| schedule.ceiling(bound, apart)).max().unwrap_or_default()
    }

    /// The tiers that have prices of their own.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.iter().map(|(tier, _)| tier.as_str())
    }

    /// The same prices with those of tokens multiplied.
    #[must_use]
    pub fn times(&self, factor: Factor) -> Self {
        let tiers =
            self.tiers.iter().map(|(name, schedule)| (name.clone(), schedule.times(factor)));
        Self { standard: self.standard.times(factor), tiers: tiers.collect() }
    }
}

/// What prices are multiplied by, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(u64);

impl Factor {
    /// Reads `1.1`: digits, at most one point, at most three decimals, below a thousand.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a factor: write one below 1000 such as 1.1");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 3
            || decimals.len() > 3
            || !digits(whole)
            || !digits(decimals)
        {
            return Err(bad());
        }
        format!("{whole}{decimals:0<3}").parse().map(Self).map_err(|_| bad())
    }

    /// The price times this.
    pub fn of(self, price: Exact) -> Exact {
        price.thousandths(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::exact::Per;
    use super::*;

    #[test]
    fn a_factor_is_exact() {
        let times = |factor: &str, price: &str| {
            let price = Exact::parse(price).unwrap();
            Factor::parse(factor).unwrap().of(price).per(Per::Million)
        };
        assert_eq!(times("1.1", "12.5"), "13.75");
        assert_eq!(times("1.1", "0.000000000000001"), "0.0000000000000011");
        assert_eq!(times("0", "12.5"), "0");
        assert_eq!(times("2", "0.3"), "0.6");
        assert_eq!(times("999.999", "1"), "999.999");
    }

    #[test]
    fn refuses_what_is_no_factor_and_names_it() {
        for text in ["", ".", ".5", "-1", "1e3", "1,1", "1.2345", "1000", "1.1.1", "１"] {
            let error = Factor::parse(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
