//! Numbers of a usage block: counts and dollars, read exactly or not at all.

use crate::money::NanoUsd;

/// A whole number up to 2⁵³.
pub(super) fn whole(number: &[u8]) -> Option<u64> {
    if !number.first()?.is_ascii_digit() {
        return None;
    }
    let n: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    (n <= 1 << 53).then_some(n)
}

/// A JSON number of dollars in nano-dollars, rounded up.
pub(super) fn dollars(number: &[u8]) -> Option<NanoUsd> {
    let text = std::str::from_utf8(number).ok()?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{decimals}");
    let mut nanos: u128 = digits.parse().ok().filter(|_| !digits.starts_with(['-', '+']))?;
    let shift = exponent.parse::<i64>().ok()?.checked_add(9)?;
    let shift = shift.checked_sub(i64::try_from(decimals.len()).ok()?)?;
    let by = u32::try_from(shift.unsigned_abs()).ok().and_then(|by| 10_u128.checked_pow(by));
    nanos = match (by, shift < 0) {
        (Some(by), false) => nanos.checked_mul(by)?,
        (Some(by), true) => nanos.div_ceil(by),
        (None, true) => u128::from(nanos > 0),
        (None, false) if nanos == 0 => 0,
        (None, false) => return None,
    };
    let nanos = i64::try_from(nanos).ok()?;
    (nanos <= crate::money::MAX.get()).then_some(NanoUsd::new(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dollars_exactly_and_rounds_up() {
        for (text, nanos) in [
            ("0.00095", Some(950_000)),
            ("5e-05", Some(50_000)),
            ("5E-5", Some(50_000)),
            ("1.5e+1", Some(15_000_000_000)),
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0e999", Some(0)),
            ("0.0000000001", Some(1)),
            ("1e-400", Some(1)),
            ("0.013", Some(13_000_000)),
            ("-0.1", None),
            ("1e309", None),
            ("9007200", None),
        ] {
            assert_eq!(dollars(text.as_bytes()), nanos.map(NanoUsd::new), "{text}");
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
