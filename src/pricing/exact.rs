//! Amounts that are never rounded: prices, and the lines of a bill.
//!
//! One unit is 10⁻³⁰ dollars, so a price for a million tokens keeps 24 decimals: the 18 that may be
//! written, and six more of what it is multiplied by. Sums stop at the largest amount instead of
//! wrapping. Rounding happens in one place, [`Exact::round_up`], once for a charge.

use crate::money::{self, AttoUsd, NanoUsd};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::fmt;

/// How a price is written in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// For a million tokens.
    Million,
    /// For one.
    One,
}

const UNITS_PER_NANO: u128 = 1_000_000_000_000_000_000_000;
const UNITS_PER_ATTO: u128 = 1_000_000_000_000;
const MILLION: u128 = 1_000_000;
/// Decimals of an amount of dollars.
const DECIMALS: usize = 30;
/// Decimals of the price for a million.
const DECIMALS_PER_MILLION: usize = 24;
/// Decimals that may be written.
const WRITTEN: usize = 18;

/// A dollar amount, exact to 10⁻³⁰ dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Exact(u128);

impl Exact {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// More than anything costs.
    pub const MAX: Self = Self(u128::MAX);

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What `quantity` things of this price cost.
    #[must_use]
    pub fn times(self, quantity: u64) -> Self {
        Self(self.0.saturating_mul(u128::from(quantity)))
    }

    /// The amount times a number of millionths, rounded up to a unit. Rounding that up again to
    /// nano-dollars gives what rounding once would have given.
    #[must_use]
    pub fn millionths(self, number: u64) -> Self {
        let number = u128::from(number);
        // In two parts, since a large product would not fit.
        let whole = self.0.checked_div(MILLION).unwrap_or_default().saturating_mul(number);
        let rest = self.0.checked_rem(MILLION).unwrap_or_default().saturating_mul(number);
        Self(whole.saturating_add(rest.div_ceil(MILLION)))
    }

    /// A share of the amount, rounded up to a unit.
    #[must_use]
    pub fn shared_by(self, number: std::num::NonZeroU64) -> Self {
        Self(self.0.div_ceil(u128::from(number.get())))
    }

    /// The price of one, if this is, written for a million, the price of `number`: cut after the
    /// decimals that a table can have.
    #[must_use]
    pub fn cut_into(self, number: std::num::NonZeroU64) -> Self {
        let number = u128::from(number.get()).saturating_mul(MILLION);
        Self(self.0.checked_div(number).unwrap_or_default().saturating_mul(UNITS_PER_ATTO))
    }

    /// By how many tenths of a per cent this is above another amount, towards zero; `None` where
    /// the other is nothing and this is not.
    pub fn tenths_of_percent_above(self, other: Self) -> Option<i128> {
        let signed = |amount: Self| i128::try_from(amount.0).unwrap_or(i128::MAX);
        let (new, old) = (signed(self), signed(other));
        match old {
            0 => (new == 0).then_some(0),
            _ => new.saturating_sub(old).saturating_mul(1000).checked_div(old),
        }
    }

    /// Whole nano-dollars, upwards; at most [`money::MAX`].
    pub fn round_up(self) -> NanoUsd {
        match i64::try_from(self.0.div_ceil(UNITS_PER_NANO)) {
            Ok(nanos) => NanoUsd::new(nanos).min(money::MAX),
            Err(_) => money::MAX,
        }
    }

    /// The amount as a decimal number of dollars, for a million or for one.
    pub fn per(self, per: Per) -> String {
        let decimals = match per {
            Per::Million => DECIMALS_PER_MILLION,
            Per::One => DECIMALS,
        };
        let digits = format!("{:0>width$}", self.0, width = DECIMALS.saturating_add(1));
        let (whole, rest) = digits.split_at(digits.len().saturating_sub(decimals));
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        match rest.trim_end_matches('0') {
            "" => whole.to_owned(),
            rest => format!("{whole}.{rest}"),
        }
    }

    /// Reads the price for a million: a plain decimal such as `1.25` or `.5`, digits, at most one
    /// point, at most 18 decimals, below a million dollars.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("`{}` is not a price: {why}", shortened(text));
        if text.starts_with('-') {
            return Err(bad("it must not be negative"));
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && decimals.is_empty()) || !digits(whole) || !digits(decimals) {
            return Err(bad("expected digits with at most one decimal point, such as 1.25"));
        }
        if decimals.len() > WRITTEN {
            return Err(bad("at most 18 decimals are kept"));
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 6 {
            return Err(bad("a price is below a million dollars"));
        }
        let units = format!("0{whole}{decimals:0<DECIMALS_PER_MILLION$}");
        units.parse().map(Self).map_err(|_| bad("it is too large"))
    }
}

impl From<NanoUsd> for Exact {
    /// The amount; nothing where it is negative.
    fn from(amount: NanoUsd) -> Self {
        let nanos = u128::try_from(amount.get()).unwrap_or_default();
        Self(nanos.saturating_mul(UNITS_PER_NANO))
    }
}

impl From<AttoUsd> for Exact {
    fn from(amount: AttoUsd) -> Self {
        Self(amount.get().saturating_mul(UNITS_PER_ATTO))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Dollars without trailing zeros.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.per(Per::One))
    }
}

/// Reads a price for a million tokens: quoted text, so that no digit is lost on the way.
impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(PriceVisitor)
    }
}

struct PriceVisitor;

impl serde::de::Visitor<'_> for PriceVisitor {
    type Value = Exact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price in quotes, such as \"1.25\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
        Exact::parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_prices_of_any_precision() {
        for text in
            ["0", "1.25", "0.1234567890123456", "0.000000000000000001", "999999.999999999999999999"]
        {
            assert_eq!(Exact::parse(text).unwrap().per(Per::Million), text);
        }
        assert_eq!(Exact::parse(".5").unwrap().per(Per::Million), "0.5");
        assert_eq!(Exact::parse("1.25").unwrap().to_string(), "0.00000125");
        assert_eq!(Exact::parse("0.01").unwrap().times(1_000_000).per(Per::One), "0.01");
    }

    #[test]
    fn r021_refuses_what_is_not_a_price_and_names_it() {
        for text in [
            "",
            ".",
            "-1",
            "-0",
            "+1",
            "1e3",
            "NaN",
            "inf",
            "1,25",
            "1_000",
            "0x1",
            "1.2.3",
            " 1",
            "1000000",
            "1.0000000000000000001",
            "９",
        ] {
            let error = Exact::parse(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn rounds_once_and_upwards() {
        let unit = Exact::parse("0.000000000000000001").unwrap();
        assert_eq!(Exact::ZERO.round_up().get(), 0);
        assert_eq!(unit.round_up().get(), 1);
        let nano = Exact::parse("0.001").unwrap();
        assert_eq!(nano.round_up().get(), 1);
        assert_eq!(nano.plus(unit).round_up().get(), 2);
    }

    #[test]
    fn a_product_is_exact_however_large() {
        let price = Exact::parse("0.000000000000000001").unwrap();
        assert_eq!(price.millionths(850_001).per(Per::Million), "0.000000000000000000850001");
        assert_eq!(price.millionths(1_000_000), price);
        let large = Exact::from(money::MAX);
        assert_eq!(large.millionths(1_000_000).round_up(), money::MAX);
        assert_eq!(large.millionths(100_000).round_up().get(), 900_719_925_474_100);
        assert_eq!(large.millionths(1_000_000_000).round_up(), money::MAX);
        assert_eq!(Exact::from(NanoUsd::new(-1)), Exact::ZERO);
        assert_eq!(Exact::from(AttoUsd::new(1_500_000_000)).to_string(), "0.0000000015");
    }

    #[test]
    fn stops_at_the_largest_amount() {
        let price = Exact::parse("999999").unwrap();
        assert_eq!(price.times(u64::MAX).times(u64::MAX).plus(price).round_up(), money::MAX);
    }
}
