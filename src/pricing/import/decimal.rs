//! Prices as sources write them, without a digit lost.
//!
//! Not here: what a price is for. Invariant: no floating point; what does not fit is refused.

use crate::pricing::exact::Exact;
use std::num::NonZeroU64;

/// How many digits of a figure that was computed in binary fractions mean something.
const MEANT: usize = 12;

/// A decimal number as it was written, digits and the place of the point.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Digits {
    digits: String,
    /// How many of the digits stand behind the point; negative: zeros that are not written.
    decimals: i64,
}

/// The price for a million of what costs `text` dollars `per` such and such many: `1000000` for
/// prices by the million, `1` for prices of one.
pub fn per_million(text: &str, one: bool) -> Result<Exact, String> {
    let mut number = digits(text)?;
    if one {
        number.decimals = number.decimals.saturating_sub(6);
    }
    Exact::parse(&plain(&number)?)
}

/// The price for a million of what costs `text` dollars for one, as computed in binary fractions:
/// figures of fifteen digits and more are rounded to twelve.
pub fn of_fraction(text: &str) -> Result<Exact, String> {
    let mut number = digits(text)?;
    if number.digits.len() >= MEANT.saturating_add(3) {
        let (kept, cut) = number.digits.split_at(MEANT);
        let up = u64::from(cut.starts_with(|digit: char| digit >= '5'));
        let kept: u64 = kept.parse().map_err(|_| refused(text))?;
        let cut = i64::try_from(cut.len()).map_err(|_| refused(text))?;
        number.digits = kept.saturating_add(up).to_string();
        number.decimals = number.decimals.saturating_sub(cut);
    }
    number.decimals = number.decimals.saturating_sub(6);
    Exact::parse(&plain(&number)?)
}

/// The price of one of what costs `text` dollars for `of`, in the table's 18 decimals; a price that
/// has no end is cut.
pub fn of_one(text: &str, of: NonZeroU64) -> Result<Exact, String> {
    let for_all = per_million(text, false)?;
    Ok(for_all.cut_into(of))
}

fn refused(text: &str) -> String {
    let text: String = text.chars().take(80).collect();
    format!("`{text}` is not a price: it must be a decimal number that is not negative")
}

fn digits(text: &str) -> Result<Digits, String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| refused(text))?;
    let (whole, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{behind}");
    if all.is_empty() || all.len() > 60 || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused(text));
    }
    let decimals = i64::try_from(behind.len()).map_err(|_| refused(text))?.checked_sub(exponent);
    let digits = all.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len().saturating_sub(kept.len())).unwrap_or(0);
    let decimals = decimals.ok_or_else(|| refused(text))?.saturating_sub(zeros);
    Ok(Digits { digits: kept.to_owned(), decimals })
}

fn plain(number: &Digits) -> Result<String, String> {
    let Digits { digits, decimals } = number;
    if digits.is_empty() {
        return Ok("0".to_owned());
    }
    let far = |_| format!("`{digits}` with {decimals} decimals is not a price that can be kept");
    if *decimals > 40 || *decimals < -20 {
        return Err(far(()));
    }
    if *decimals <= 0 {
        let zeros = usize::try_from(decimals.unsigned_abs()).map_err(|_| far(()))?;
        return Ok(format!("{digits}{}", "0".repeat(zeros)));
    }
    let decimals = usize::try_from(*decimals).map_err(|_| far(()))?;
    let digits = format!("{digits:0>width$}", width = decimals.saturating_add(1));
    let (whole, behind) = digits.split_at(digits.len().saturating_sub(decimals));
    Ok(format!("{whole}.{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::exact::Per;

    #[test]
    fn no_digit_is_lost() {
        let million = |text, one| per_million(text, one).unwrap().per(Per::Million);
        assert_eq!(million("2.50", false), "2.5");
        assert_eq!(million("0.1234567890123456", false), "0.1234567890123456");
        assert_eq!(million("2.5e-06", true), "2.5");
        assert_eq!(million("1E-7", true), "0.1");
        assert_eq!(million("0.00001", true), "10");
        assert_eq!(million("1e2", false), "100");
        assert_eq!(million("0", true), "0");
        assert_eq!(of_fraction("7.500000000000001e-07").unwrap().per(Per::Million), "0.75");
        assert_eq!(of_fraction("1.25e-06").unwrap().per(Per::Million), "1.25");
    }

    #[test]
    fn a_price_without_an_end_is_cut() {
        let hour = NonZeroU64::new(3600).unwrap();
        assert_eq!(of_one("0.111", hour).unwrap().per(Per::One), "0.000030833333333333");
        assert_eq!(of_one("36", hour).unwrap().per(Per::One), "0.01");
    }

    #[test]
    fn refuses_what_is_not_a_price() {
        for text in ["", ".", "-1", "NaN", "Infinity", "1,5", "1e", "1e99", "1e-99", "0x1", "9e9"] {
            assert!(per_million(text, false).is_err(), "{text}");
        }
    }
}
