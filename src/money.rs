//! Money: whole nano-dollars. What a provider says is finer, until it is charged.
//!
//! One `NanoUsd` is 10⁻⁹ US dollars. Amounts are read from and written as decimal strings; no
//! floating point is involved anywhere. A text with more than nine decimals is refused, not rounded.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Nano-dollars in one dollar.
pub const NANOS_PER_USD: i64 = 1_000_000_000;

const ATTOS_PER_NANO: u128 = 1_000_000_000;

/// The largest amount that is accepted anywhere: 2⁵³ − 1 nano-dollars (about $9.007 million),
/// the largest integer that Redis' Lua can compare without losing a digit.
pub const MAX: NanoUsd = NanoUsd(9_007_199_254_740_991);

/// An amount of money in nano-dollars. Serialised as an integer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(i64);

/// An amount of money in 10⁻¹⁸ dollars: what a provider reports is finer than what is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct AttoUsd(u128);

impl AttoUsd {
    /// An amount of `attos` 10⁻¹⁸ dollars.
    pub const fn new(attos: u128) -> Self {
        Self(attos)
    }

    /// The amount in 10⁻¹⁸ dollars.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whole nano-dollars, upwards; at most [`MAX`].
    pub fn round_up(self) -> NanoUsd {
        let nanos = i64::try_from(self.0.div_ceil(ATTOS_PER_NANO)).map(NanoUsd::new);
        nanos.map_or(MAX, |nanos| nanos.min(MAX))
    }
}

/// Why a text is not an amount of dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAmount {
    text: String,
    why: &'static str,
}

impl fmt::Display for BadAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an amount in dollars: {}", self.text, self.why)
    }
}

impl std::error::Error for BadAmount {}

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `nanos` nano-dollars.
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or the largest representable amount where it would not fit.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, never below the smallest representable amount.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Dollars without trailing zeros: `0.0034125`, `25`, `-0.5`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let per_usd = NANOS_PER_USD.unsigned_abs();
        let whole = nanos.checked_div(per_usd).unwrap_or_default();
        let rest = nanos.checked_rem(per_usd).unwrap_or_default();
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:09}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

/// Reads plain decimals such as `25`, `0.0034125` or `.5`: digits, at most one point, at most nine
/// decimals, at most [`MAX`]. Signs, exponents, separators and names are refused.
impl FromStr for NanoUsd {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let bad = |why| BadAmount { text: text.to_owned(), why };
        if text.starts_with('-') {
            return Err(bad("it must not be negative"));
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && decimals.is_empty()) || !digits(whole) || !digits(decimals) {
            return Err(bad("expected digits with at most one decimal point, such as 25 or 0.5"));
        }
        if decimals.len() > 9 {
            return Err(bad("at most nine decimals are kept"));
        }
        let nanos = format!("{whole}{decimals:0<9}");
        match nanos.trim_start_matches('0') {
            "" => Ok(Self::ZERO),
            n => match n.parse::<i64>() {
                Ok(n) if n <= MAX.0 => Ok(Self(n)),
                _ => Err(bad("it is larger than 9007199.254740991")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_amount() {
        for (text, nanos) in [
            ("0", 0),
            ("25", 25_000_000_000),
            ("0.0034125", 3_412_500),
            ("0.000000001", 1),
            ("9007199.254740991", 9_007_199_254_740_991),
        ] {
            let amount: NanoUsd = text.parse().unwrap();
            assert_eq!(amount.get(), nanos);
            assert_eq!(amount.to_string(), text);
        }
        assert_eq!(".5".parse::<NanoUsd>().unwrap().get(), 500_000_000);
        assert_eq!(NanoUsd::new(-1_500_000_000).to_string(), "-1.5");
    }

    #[test]
    fn what_a_provider_says_is_rounded_upwards() {
        let rounded = |attos| AttoUsd::new(attos).round_up().get();
        assert_eq!([0, 1, 1_000_000_000, 1_000_000_001].map(rounded), [0, 1, 1, 2]);
        assert_eq!(AttoUsd::new(u128::MAX).plus(AttoUsd::new(1)).round_up(), MAX);
    }

    #[test]
    fn refuses_what_is_not_a_plain_decimal() {
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "inf",
            "1,5",
            "1_000",
            "0x1",
            "1.2.3",
            " 1",
            "1.0000000001",
            "9007199.254740992",
            "99999999999999999999",
        ] {
            let error = text.parse::<NanoUsd>().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
