//! Windows and their periods. A counter stands beside the id of the period it belongs to; nothing
//! is ever reset by a job.
//!
//! Period ids are readable numbers: in the ledger's time zone `202611` (month) and `20261124` (day;
//! for a week its Monday), in UTC `2026112421` (hour) and `202611242113` (minute), and `0` (total).
//! Minutes and hours go by UTC because local ones happen twice when the clock is set back, and an
//! id must never go backwards. Redis' scripts compute the same ids from Redis' own clock.
//!
//! A rolling window is counted in steps. Its period is the present step, named by the Unix second
//! in which it begins. What was used in the present step and in as many before it as make up the
//! window counts: at least all of the true window, and at most one step more.

use super::Meter;
use crate::clock::UnixMs;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The span over which a limit counts: aligned to the calendar, or the last hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A clock minute.
    Minute,
    /// A clock hour.
    Hour,
    /// A day, from midnight.
    Day,
    /// A week, from Monday.
    Week,
    /// A calendar month.
    Month,
    /// For ever.
    Total,
    /// The last five hours.
    Rolling5h,
    /// The last 24 hours.
    Rolling24h,
    /// The last seven days.
    Rolling7d,
    /// The last thirty days.
    Rolling30d,
}

/// How a rolling window is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Seconds of one step; whole minutes.
    pub seconds: i64,
    /// So many steps make up the window.
    pub count: i64,
}

impl Steps {
    /// The oldest step that counts while `period` is the present one.
    pub const fn oldest(self, period: Period) -> Period {
        period.saturating_sub(self.seconds.saturating_mul(self.count))
    }

    /// When what was used in a step no longer counts.
    pub const fn gone(self, period: Period) -> UnixMs {
        let steps = self.seconds.saturating_mul(self.count.saturating_add(1));
        period.saturating_add(steps).saturating_mul(1000)
    }
}

/// The id of one period of a window.
pub type Period = i64;

impl Window {
    /// All windows: those of the calendar, shortest first, then the rolling ones.
    pub const ALL: [Self; 10] = [
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Total,
        Self::Rolling5h,
        Self::Rolling24h,
        Self::Rolling7d,
        Self::Rolling30d,
    ];

    /// The word in limits and fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
            Self::Rolling5h => "rolling-5h",
            Self::Rolling24h => "rolling-24h",
            Self::Rolling7d => "rolling-7d",
            Self::Rolling30d => "rolling-30d",
        }
    }

    /// The period before another one; `None` for `total` and for rolling windows.
    pub fn before(self, period: Period) -> Option<Period> {
        // By how much an id grows into one of a minute.
        let (span, scale) = match self {
            Self::Minute => (1.minute(), 1),
            Self::Hour => (1.hour(), 100),
            Self::Day => (1.day(), 10_000),
            Self::Week => (1.week(), 10_000),
            Self::Month if period.rem_euclid(100) == 1 => return period.checked_sub(89),
            Self::Month => return period.checked_sub(1),
            _ => return None,
        };
        let start = period.checked_mul(scale)?;
        let two = |below: i64| i8::try_from(start.div_euclid(below).rem_euclid(100)).ok();
        let year = i16::try_from(start.div_euclid(100_000_000)).ok()?;
        let (month, day, hour, minute) = (two(1_000_000)?, two(10_000)?, two(100)?, two(1)?);
        let before = DateTime::new(year, month, day, hour, minute, 0, 0).ok()?;
        let before = before.checked_sub(span).ok()?;
        let minutes = id(id(day_of(before.date()), before.hour()), before.minute());
        minutes.checked_div(scale)
    }

    /// The steps of a rolling window; `None` for those of the calendar.
    pub const fn steps(self) -> Option<Steps> {
        let (seconds, count) = match self {
            Self::Rolling5h => (600, 30),
            Self::Rolling24h => (3600, 24),
            Self::Rolling7d => (21_600, 28),
            Self::Rolling30d => (86_400, 30),
            _ => return None,
        };
        Some(Steps { seconds, count })
    }
}

/// Whether a meter over a window is a rate: counted at admission, and corrected at settlement
/// while its period lasts, rather than held.
pub fn is_rate(meter: Meter, window: Window) -> bool {
    meter == Meter::Requests || (meter == Meter::Tokens && window == Window::Minute)
}

/// The calendar of a ledger: its time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { zone: TimeZone::UTC }
    }
}

impl Calendar {
    /// The calendar of an IANA zone such as `Europe/Berlin`; `None` if there is no such zone.
    pub fn named(zone: &str) -> Option<Self> {
        TimeZone::get(zone).ok().map(|zone| Self { zone })
    }

    /// Seconds that the zone is ahead of UTC at `at`.
    pub fn offset_seconds(&self, at: UnixMs) -> i32 {
        Timestamp::from_millisecond(at).map_or(0, |at| self.zone.to_offset(at).seconds())
    }

    /// The period of `window` that contains `at`.
    pub fn period(&self, window: Window, at: UnixMs) -> Period {
        if let Some(Steps { seconds, .. }) = window.steps() {
            let into_step = at.div_euclid(1000).rem_euclid(seconds);
            return at.div_euclid(1000).saturating_sub(into_step);
        }
        let local = self.local(at);
        let utc = TimeZone::UTC.to_datetime(instant(at));
        let hour = || id(day_of(utc.date()), utc.hour());
        match window {
            Window::Minute => id(hour(), utc.minute()),
            Window::Hour => hour(),
            Window::Day => day_of(local.date()),
            Window::Week => day_of(monday(local.date())),
            Window::Month => id(i64::from(local.year()), local.month()),
            _ => 0,
        }
    }

    /// When the period that contains `at` ends; `None` for `total` and for rolling windows, which
    /// never end.
    pub fn ends(&self, window: Window, at: UnixMs) -> Option<UnixMs> {
        const MINUTE: i64 = 60_000;
        let end = |ms: i64| Some(at.div_euclid(ms).saturating_add(1).saturating_mul(ms));
        let today = self.local(at).date();
        let next = match window {
            Window::Minute => return end(MINUTE),
            Window::Hour => return end(60 * MINUTE),
            Window::Day => today.checked_add(1.day()),
            Window::Week => monday(today).checked_add(1.week()),
            Window::Month => today.first_of_month().checked_add(1.month()),
            _ => return None,
        };
        let midnight = next.ok()?.to_zoned_datetime(self.zone.clone()).ok()?;
        Some(midnight.timestamp().as_millisecond())
    }

    /// When the period that contains `at` begins; of a rolling window, of its oldest step. `None`
    /// for `total`.
    pub fn begins(&self, window: Window, at: UnixMs) -> Option<UnixMs> {
        const MINUTE: i64 = 60_000;
        let begin = |ms: i64| Some(at.div_euclid(ms).saturating_mul(ms));
        if let Some(steps) = window.steps() {
            return Some(steps.oldest(self.period(window, at)).saturating_mul(1000));
        }
        let today = self.local(at).date();
        let first = match window {
            Window::Minute => return begin(MINUTE),
            Window::Hour => return begin(60 * MINUTE),
            Window::Day => today,
            Window::Week => monday(today),
            Window::Month => today.first_of_month(),
            _ => return None,
        };
        let midnight = first.to_zoned_datetime(self.zone.clone()).ok()?;
        Some(midnight.timestamp().as_millisecond())
    }

    /// The name of the zone, such as `Europe/Berlin`.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The day that contains `at`.
    pub fn date(&self, at: UnixMs) -> Date {
        self.local(at).date()
    }

    fn local(&self, at: UnixMs) -> DateTime {
        self.zone.to_datetime(instant(at))
    }
}

/// The date of a day's id; `None` where there is no such day.
pub fn date_of(day: Period) -> Option<Date> {
    let part = |id: Period, of: Period| i8::try_from(id.rem_euclid(of)).ok();
    let year = i16::try_from(day.div_euclid(10_000)).ok()?;
    Date::new(year, part(day.div_euclid(100), 100)?, part(day, 100)?).ok()
}

/// The id of a day.
pub fn day_of(date: Date) -> Period {
    id(id(i64::from(date.year()), date.month()), date.day())
}

/// An id with two more digits.
fn id(of: Period, digits: i8) -> Period {
    of.saturating_mul(100).saturating_add(i64::from(digits))
}

fn instant(at: UnixMs) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn monday(date: Date) -> Date {
    let days = i64::from(date.weekday().to_monday_zero_offset());
    date.checked_sub(days.days()).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{parse_time, rfc3339_seconds};

    fn check(zone: &str, at: &str, periods: [i64; 6], ends: [&str; 5]) {
        let calendar = Calendar::named(zone).unwrap();
        let at = parse_time(at).unwrap();
        assert_eq!(
            Window::ALL[..6].iter().map(|w| calendar.period(*w, at)).collect::<Vec<_>>(),
            periods
        );
        for (window, end) in Window::ALL.into_iter().zip(ends) {
            assert_eq!(calendar.ends(window, at).map(rfc3339_seconds).as_deref(), Some(end));
        }
        assert_eq!(calendar.ends(Window::Total, at), None);
    }

    #[test]
    fn r013_midnight_minute_and_day_have_ids_of_their_own() {
        check(
            "UTC",
            "2026-11-25T00:00:00Z",
            [202_611_250_000, 2_026_112_500, 20_261_125, 20_261_123, 202_611, 0],
            [
                "2026-11-25T00:01:00Z",
                "2026-11-25T01:00:00Z",
                "2026-11-26T00:00:00Z",
                "2026-11-30T00:00:00Z",
                "2026-12-01T00:00:00Z",
            ],
        );
    }

    #[test]
    fn a_day_ends_at_local_midnight_also_when_the_clock_changes() {
        check(
            "Europe/Berlin",
            "2026-03-28T23:30:00Z",
            [202_603_282_330, 2_026_032_823, 20_260_329, 20_260_323, 202_603, 0],
            [
                "2026-03-28T23:31:00Z",
                "2026-03-29T00:00:00Z",
                "2026-03-29T22:00:00Z",
                "2026-03-29T22:00:00Z",
                "2026-03-31T22:00:00Z",
            ],
        );
    }

    #[test]
    fn no_id_goes_backwards_when_the_clock_is_set_back() {
        let calendar = Calendar::named("Europe/Berlin").unwrap();
        let before = parse_time("2026-10-25T00:59:00Z").unwrap();
        for window in Window::ALL {
            let id = calendar.period(window, before);
            assert!(calendar.period(window, before + 60_000) >= id, "{window:?}");
        }
    }

    #[test]
    fn r016_the_steps_of_a_rolling_window_cover_it_and_at_most_one_more() {
        let at = parse_time("2026-11-25T10:29:59.999Z").unwrap();
        for (window, hours) in Window::ALL[6..].iter().zip([5, 24, 7 * 24, 30 * 24]) {
            let steps = window.steps().unwrap();
            assert_eq!(steps.seconds * steps.count, hours * 3600);
            assert_eq!(steps.seconds % 60, 0);
            let period = Calendar::default().period(*window, at);
            assert!(period * 1000 <= at && at < (period + steps.seconds) * 1000);
            let oldest = steps.oldest(period) * 1000;
            assert_eq!(Calendar::default().begins(*window, at), Some(oldest));
            let start = at - hours * 3_600_000;
            assert!(oldest <= start && start - oldest < steps.seconds * 1000);
            assert_eq!(steps.gone(steps.oldest(period)), (period + steps.seconds) * 1000);
        }
    }

    #[test]
    fn a_day_and_its_date_name_each_other() {
        for text in ["2026-11-24", "2024-02-29", "0001-01-01", "9999-12-31"] {
            let date: Date = text.parse().unwrap();
            assert_eq!(date_of(day_of(date)), Some(date));
        }
        assert_eq!(day_of("2026-11-24".parse().unwrap()), 20_261_124);
        for bad in [0, 20_261_301, 20_261_131, 202_611, -20_261_124, Period::MAX, Period::MIN] {
            assert_eq!(date_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn periods_partition_time() {
        let calendar = Calendar::named("America/New_York").unwrap();
        let start = parse_time("2026-01-01T00:00:00Z").unwrap();
        for window in [Window::Minute, Window::Hour, Window::Day, Window::Week, Window::Month] {
            let mut at = calendar.begins(window, start).unwrap();
            assert!(at <= start && calendar.ends(window, at).unwrap() > start);
            for _ in 0..400 {
                let end = calendar.ends(window, at).unwrap();
                assert!(end > at);
                assert_eq!(calendar.period(window, end - 1), calendar.period(window, at));
                assert_eq!(calendar.begins(window, end - 1), Some(at));
                assert!(calendar.period(window, end) > calendar.period(window, at));
                let before = window.before(calendar.period(window, end));
                assert_eq!(before, Some(calendar.period(window, at)));
                at = end;
            }
        }
    }
}
