//! The one place that asks for the time.
//!
//! A [`Clock`] gives unix milliseconds; tests make one that stands still and move it by hand.
//! Durations of a call are measured with the monotonic clock behind [`Stopwatch`].

use jiff::{Timestamp, tz::TimeZone};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Milliseconds since the unix epoch.
pub type UnixMs = i64;

/// A source of the time of day. Cheap to clone; clones of a manual clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
    skew: i64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that shows `start` until it is moved with [`Clock::advance`].
    pub fn manual(start: UnixMs) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(start))), skew: 0 }
    }

    /// The machine's clock, set wrongly: ahead by so many milliseconds, or behind.
    pub fn skewed(ms: i64) -> Self {
        Self { manual: None, skew: ms }
    }

    /// Unix milliseconds.
    pub fn now(&self) -> UnixMs {
        match &self.manual {
            Some(at) => at.load(Ordering::SeqCst),
            None => Timestamp::now().as_millisecond().saturating_add(self.skew),
        }
    }

    /// Moves a manual clock by `ms` milliseconds (backwards when negative). The machine's clock
    /// is not moved.
    pub fn advance(&self, ms: i64) {
        if let Some(at) = &self.manual {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// What a manual clock shows, or nothing when this is the machine's clock.
    pub fn moved_by_hand(&self) -> Option<UnixMs> {
        self.manual.as_ref().map(|at| at.load(Ordering::SeqCst))
    }
}

/// Measures how long something took, whatever happens to the time of day.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The time since the start in whole milliseconds.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// RFC 3339 in UTC with `Z` and milliseconds: `2026-11-24T21:13:36.123Z`.
pub fn rfc3339(at: UnixMs) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => String::from("1970-01-01T00:00:00.000Z"),
    }
}

/// RFC 3339 in UTC with whole seconds.
pub fn rfc3339_seconds(at: UnixMs) -> String {
    match Timestamp::from_millisecond(at.div_euclid(1000).saturating_mul(1000)) {
        Ok(timestamp) => format!("{timestamp:.0}"),
        Err(_) => String::from("1970-01-01T00:00:00Z"),
    }
}

/// Reads an RFC 3339 time, or a date (00:00 UTC of that day).
pub fn parse_time(text: &str) -> Option<UnixMs> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    Some(date.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Reads a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn parse_http_date(text: &str) -> Option<UnixMs> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// Reads a length of time in milliseconds: `90d`, `12h`, `10m`, `30s`, `2w`.
pub fn parse_span(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let ms: i64 = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 604_800_000,
        _ => return None,
    };
    let number = text.strip_suffix(unit)?;
    let is_number = (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| is_number)?.checked_mul(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(rfc3339(1_794_000_000_123), "2026-11-06T21:20:00.123Z");
        assert_eq!(rfc3339_seconds(1_794_000_000_999), "2026-11-06T21:20:00Z");
        assert_eq!(parse_time("2026-11-06T21:20:00Z"), Some(1_794_000_000_000));
        assert_eq!(parse_time("2026-11-06"), Some(1_793_923_200_000));
        assert_eq!(parse_time("yesterday"), None);
        assert_eq!(parse_http_date("Fri, 06 Nov 2026 21:20:00 GMT"), Some(1_794_000_000_000));
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_http_date("soon"), None);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(1000);
        let same = clock.clone();
        clock.advance(-300);
        assert_eq!((same.now(), same.moved_by_hand()), (700, Some(700)));
        assert_eq!(Clock::system().moved_by_hand(), None);
    }
}
