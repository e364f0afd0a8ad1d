//! Reading from when to when a question goes. Pure.
//!
//! What is said as so long ago is cut down to the minute, or to the hour where sums of minutes may
//! be gone: nobody who says `7d` means a second, and the answer needs no events then.

use super::super::fields::{Fields, Read};
use super::super::value;
use crate::clock::UnixMs;
use serde_json::Value;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const SEVEN_DAYS: i64 = 168 * HOUR;
/// Shorter ones have sums of minutes, if these are kept for 48 hours.
const SHORT: i64 = 40 * HOUR;
/// No times beyond the year 9999.
const LATEST: i64 = 253_402_300_799;

/// `since` and `until`: seven days, unless something else is asked for.
pub(super) fn read(fields: &mut Fields, now: UnixMs) -> (UnixMs, Option<UnixMs>) {
    let since = fields.read("since", moment(now)).unwrap_or_else(|| ago(now, SEVEN_DAYS));
    (since, fields.read("until", moment(now)))
}

/// A time, a date, Unix seconds, or so long before `now`.
pub(super) fn moment(now: UnixMs) -> impl Fn(&Value) -> Read<UnixMs> {
    move |value| {
        if let Ok(ms) = value::span(value) {
            return Ok(ago(now, ms));
        }
        let seconds = value.as_str().and_then(|text| text.parse::<i64>().ok());
        match seconds.filter(|seconds| (0..=LATEST).contains(seconds)) {
            Some(seconds) => Ok(seconds.saturating_mul(1_000)),
            None => value::past(now)(value),
        }
    }
}

fn ago(now: UnixMs, ms: i64) -> UnixMs {
    let unit = if ms < SHORT { MINUTE } else { HOUR };
    now.saturating_sub(ms).div_euclid(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_every_spelling() {
        let now = 1_794_000_059_999; // 2026-11-06T21:20:59.999Z
        let read = |text: &str| moment(now)(&text.into()).map_err(|fault| fault.detail);
        assert_eq!(read("1h"), Ok(1_793_996_400_000));
        assert_eq!(read("7d"), Ok(1_793_394_000_000));
        assert_eq!(read("1793996401"), Ok(1_793_996_401_000));
        assert_eq!(read("2026-11-06T21:20:00.001Z"), Ok(1_794_000_000_001));
        assert_eq!(read("2026-11-06"), Ok(1_793_923_200_000));
        for bad in ["-1", "soon", "999999999999", "1e9", ""] {
            assert!(read(bad).unwrap_err().contains(&format!("`{bad}`")), "{bad}");
        }
    }
}
