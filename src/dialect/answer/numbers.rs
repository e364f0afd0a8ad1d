//! Numbers of a usage block: counts and dollars, read exactly or not at all.

use crate::money::{self, AttoUsd};

/// A whole number up to 2⁵³.
pub(super) fn whole(number: &[u8]) -> Option<u64> {
    if !number.first()?.is_ascii_digit() {
        return None;
    }
    let n: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    (n <= 1 << 53).then_some(n)
}

/// A whole number up to 2⁵³ that may be written as `5.0`; a fraction is rounded up.
pub(super) fn units(number: &[u8]) -> Option<u64> {
    whole(number).or_else(|| scaled(number, 0)).filter(|&n| n <= 1 << 53)
}

/// Seconds in milliseconds, rounded up.
pub(super) fn milliseconds(number: &[u8]) -> Option<u64> {
    scaled(number, 3).filter(|&n| n <= 1 << 53)
}

/// A JSON number of dollars, exact to 10⁻¹⁸ and rounded up there; `None` above the largest amount.
pub(super) fn dollars(number: &[u8]) -> Option<AttoUsd> {
    sane(AttoUsd::new(scaled_wide(number, 18)?))
}

/// A whole number of 10⁻¹⁰ dollars; `None` above the largest amount.
pub(super) fn ticks(number: &[u8]) -> Option<AttoUsd> {
    sane(AttoUsd::new(u128::from(whole(number)?).saturating_mul(100_000_000)))
}

fn sane(cost: AttoUsd) -> Option<AttoUsd> {
    (cost.round_up() < money::MAX).then_some(cost)
}

/// A JSON number times a power of ten, rounded up; `None` if it is negative or too large.
fn scaled(number: &[u8], power: i64) -> Option<u64> {
    u64::try_from(scaled_wide(number, power)?).ok()
}

fn scaled_wide(number: &[u8], power: i64) -> Option<u128> {
    let text = std::str::from_utf8(number).ok()?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{decimals}");
    let mut scaled: u128 = digits.parse().ok().filter(|_| !digits.starts_with(['-', '+']))?;
    let shift = exponent.parse::<i64>().ok()?.checked_add(power)?;
    let shift = shift.checked_sub(i64::try_from(decimals.len()).ok()?)?;
    let by = u32::try_from(shift.unsigned_abs()).ok().and_then(|by| 10_u128.checked_pow(by));
    scaled = match (by, shift < 0) {
        (Some(by), false) => scaled.checked_mul(by)?,
        (Some(by), true) => scaled.div_ceil(by),
        (None, true) => u128::from(scaled > 0),
        (None, false) if scaled == 0 => 0,
        (None, false) => return None,
    };
    Some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dollars_exactly_and_rounds_up() {
        let nano = 1_000_000_000;
        for (text, attos) in [
            ("0.00095", Some(950_000 * nano)),
            ("5e-05", Some(50_000 * nano)),
            ("5E-5", Some(50_000 * nano)),
            ("1.5e+1", Some(15_000_000_000 * nano)),
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0e999", Some(0)),
            ("0.0000000001", Some(100_000_000)),
            ("0.0000000000000000011", Some(2)),
            ("1e-400", Some(1)),
            ("0.013", Some(13_000_000 * nano)),
            ("-0.1", None),
            ("1e309", None),
            ("9007200", None),
        ] {
            assert_eq!(dollars(text.as_bytes()), attos.map(AttoUsd::new), "{text}");
        }
        assert_eq!(ticks(b"37756001"), Some(AttoUsd::new(3_775_600_100_000_000)));
        assert_eq!([ticks(b"1.5"), ticks(b"-1")], [None, None]);
    }

    #[test]
    fn reads_seconds_and_units() {
        for (text, ms) in
            [("24.25", Some(24_250)), ("9", Some(9_000)), ("0.0001", Some(1)), ("-1", None)]
        {
            assert_eq!(milliseconds(text.as_bytes()), ms, "{text}");
        }
        for (text, n) in
            [("5.0", Some(5)), ("5", Some(5)), ("4.2", Some(5)), ("-5.0", None), ("1e300", None)]
        {
            assert_eq!(units(text.as_bytes()), n, "{text}");
        }
    }

    #[test]
    fn counts_are_whole_and_bounded() {
        for (text, count) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("9007199254740992", Some(1 << 53)),
            ("9007199254740993", None),
            ("18446744073709551616", None),
            ("-1", None),
            ("-0", None),
            ("1.0", None),
            ("1e3", None),
        ] {
            assert_eq!(whole(text.as_bytes()), count, "{text}");
        }
    }
}
