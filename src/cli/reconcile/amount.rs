//! Dollars as providers write them, exactly: with any number of decimals, in cents, as numbers of
//! JSON with an exponent, negative for a credit. Pure.
//!
//! Invariant: sums never round; decimals beyond the eighteenth are cut when a text is read.

use crate::money::NanoUsd;
use std::fmt;

const DECIMALS: i32 = 18;
const PER_NANO: i128 = 1_000_000_000;
/// Longest text of an amount.
const LONGEST: usize = 64;

/// An amount in units of 10⁻¹⁸ dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Amount(i128);

impl Amount {
    /// Nothing.
    pub(super) const ZERO: Self = Self(0);

    /// An amount of the ledger.
    pub(super) fn of(nanos: NanoUsd) -> Self {
        Self::nanos(nanos.get())
    }

    /// So many nano-dollars.
    pub(super) fn nanos(nanos: i64) -> Self {
        Self(i128::from(nanos).saturating_mul(PER_NANO))
    }

    /// Reads a number of JSON, in dollars.
    pub(super) fn dollars(text: &str) -> Option<Self> {
        read(text, DECIMALS).map(Self)
    }

    /// Reads a number of JSON, in cents.
    pub(super) fn cents(text: &str) -> Option<Self> {
        read(text, DECIMALS - 2).map(Self)
    }

    /// The sum.
    #[must_use]
    pub(super) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub(super) const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// A number that counts things: whole and not negative.
    pub(super) fn whole(self) -> Option<u64> {
        const ONE: i128 = PER_NANO * PER_NANO;
        (self.0 % ONE == 0).then_some(self.0 / ONE)?.try_into().ok()
    }

    /// The units, for shares.
    pub(super) const fn units(self) -> i128 {
        self.0
    }

    /// The nearest whole nano-dollar.
    pub(super) fn nearest(self) -> NanoUsd {
        let half = if self.0 < 0 { -PER_NANO / 2 } else { PER_NANO / 2 };
        let nanos = self.0.saturating_add(half) / PER_NANO;
        NanoUsd::new(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// Dollars to the nano-dollar, with two decimals at least: `$12.50`, `-$0.003412501`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nearest().get();
        let sign = if nanos < 0 { "-" } else { "" };
        let text = NanoUsd::new(nanos.saturating_abs()).to_string();
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        write!(f, "{sign}${whole}.{decimals:0<2}")
    }
}

/// The number times ten to the `scale`, what is left cut off.
fn read(text: &str, scale: i32) -> Option<i128> {
    if text.len() > LONGEST {
        return None;
    }
    let (negative, plain) = match text.strip_prefix('-') {
        Some(plain) => (true, plain),
        None => (false, text),
    };
    let (mantissa, exponent) = match plain.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (plain, 0),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{decimals}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shift = exponent.checked_add(scale)?.checked_sub(i32::try_from(decimals.len()).ok()?)?;
    let shifted = match usize::try_from(shift) {
        Ok(zeros) if zeros <= LONGEST => format!("{digits}{}", "0".repeat(zeros)),
        Ok(_) => return digits.bytes().all(|byte| byte == b'0').then_some(0),
        Err(_) => {
            let cut = usize::try_from(shift.unsigned_abs()).ok()?;
            digits.get(..digits.len().saturating_sub(cut)).unwrap_or_default().to_owned()
        }
    };
    let units: i128 = match shifted.trim_start_matches('0') {
        "" => 0,
        digits => digits.parse().ok()?,
    };
    Some(if negative { -units } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_in_every_notation() {
        for (text, nanos) in [
            ("0", 0),
            ("0.06", 60_000_000),
            ("0.8958740000000000", 895_874_000),
            ("6e-06", 6_000),
            ("1.5E+2", 150_000_000_000),
            ("-2.25", -2_250_000_000),
            ("12", 12_000_000_000),
            ("0e999", 0),
            ("0.0000000000000000000001", 0),
        ] {
            assert_eq!(Amount::dollars(text), Some(Amount::nanos(nanos)), "{text}");
        }
        assert_eq!(Amount::cents("123.45"), Amount::dollars("1.2345"));
        assert_eq!(Amount::cents("0.000000000001"), Amount::dollars("0.00000000000001"));
        for bad in ["", ".", "-", "1,5", "NaN", "1e", "1e99", "0x1", "1.2.3", "--1", "1e9999999999"]
        {
            assert_eq!(Amount::dollars(bad), None, "{bad}");
        }
    }

    #[test]
    fn amounts_are_shown_to_the_nano_dollar() {
        for (text, shown) in [
            ("0", "$0.00"),
            ("12.5", "$12.50"),
            ("0.003412501", "$0.003412501"),
            ("-0.0000000014", "-$0.000000001"),
            ("0.0000000005", "$0.000000001"),
        ] {
            assert_eq!(Amount::dollars(text).unwrap().to_string(), shown);
        }
    }
}
