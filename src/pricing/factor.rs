//! What prices and charges are multiplied by: in a region, by an agreement, for a payer.
//!
//! Invariant: no floating point; a product is exact as far as a price is kept, and rounded upwards.

use super::exact::Exact;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The largest factor, in millionths.
const LARGEST: u64 = 1_000_000_000;

/// What is multiplied by, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Factor(u64);

impl Factor {
    /// Nothing is changed.
    pub const ONE: Self = Self(1_000_000);

    /// Reads `1.1`: digits, at most one point, at most six decimals, at most 1000.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown: String = text.chars().take(80).collect();
        let bad = || {
            format!(
                "`{shown}` is not a factor: write digits from 0 to 1000 with at most one point and \
                 six decimals, such as 1.1"
            )
        };
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 4
            || decimals.len() > 6
            || !digits(whole)
            || !digits(decimals)
        {
            return Err(bad());
        }
        let millionths: u64 = format!("{whole}{decimals:0<6}").parse().map_err(|_| bad())?;
        if millionths > LARGEST { Err(bad()) } else { Ok(Self(millionths)) }
    }

    /// As it is written, without zeros at the end.
    pub fn text(self) -> String {
        let digits = format!("{:0>7}", self.0);
        let (whole, decimals) = digits.split_at(digits.len().saturating_sub(6));
        format!("{whole}.{decimals}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The amount times this.
    #[must_use]
    pub fn of(self, amount: Exact) -> Exact {
        amount.millionths(self.0)
    }
}

/// Reads quoted text, so that no digit is lost on the way.
impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(FactorVisitor)
    }
}

struct FactorVisitor;

impl serde::de::Visitor<'_> for FactorVisitor {
    type Value = Factor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a factor in quotes, such as \"0.85\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Factor, E> {
        Factor::parse(text).map_err(E::custom)
    }
}

impl From<Factor> for String {
    fn from(factor: Factor) -> Self {
        factor.text()
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
        assert_eq!(times("999.999999", "1"), "999.999999");
        // 0.067999999999999915 and 0.0000000799999999999999.
        assert_eq!(times("0.850001", "0.0799999999999999"), "0.0680000799999999149999");
    }

    #[test]
    fn refuses_what_is_no_factor_and_names_it() {
        for text in [
            "",
            ".",
            ".5",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "inf",
            "1/0",
            "17/20",
            "1,1",
            "1.2345678",
            "1000.000001",
            "9999",
            "1.1.1",
            " 1",
            "１",
        ] {
            let error = Factor::parse(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_factor_is_written_as_it_is_read() {
        for text in ["0", "1", "0.85", "1.1", "12.000001", "1000"] {
            assert_eq!(String::from(Factor::parse(text).unwrap()), text);
        }
    }
}
