//! Hours of the past with what was spent, and hours to come: where each is in its day and week.
//! Pure.
//!
//! Hours are those of UTC, as in the sums; days and weekdays those of the ledger's zone. Where the
//! zone is half an hour off, an hour belongs where it begins.

use crate::clock::UnixMs;
use crate::limit::Calendar;

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY_SECONDS: i64 = 86_400;

/// An hour's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The local day, counted from 1970.
    pub(super) day: i64,
    /// 0 is Monday.
    pub(super) weekday: usize,
    /// 0 to 23, local.
    pub(super) hour: usize,
}

impl Place {
    /// The place of the hour that begins at `at`.
    pub(super) fn of(at: UnixMs, calendar: &Calendar) -> Self {
        let offset = i64::from(calendar.offset_seconds(at));
        let local = at.div_euclid(1000).saturating_add(offset);
        let day = local.div_euclid(DAY_SECONDS);
        // 1970 began on a Thursday.
        let weekday = day.saturating_add(3).rem_euclid(7);
        let hour = local.rem_euclid(DAY_SECONDS).div_euclid(3600);
        let index = |n: i64| usize::try_from(n).unwrap_or_default();
        Self { day, weekday: index(weekday), hour: index(hour) }
    }
}

/// An hour of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// When it begins, a whole hour of UTC.
    pub begins: UnixMs,
    /// What was spent in it, in nano-dollars.
    pub nanos: i64,
}

/// A part of an hour to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    pub(super) begins: UnixMs,
    pub(super) ends: UnixMs,
    pub(super) place: Place,
}

impl Ahead {
    /// Which part of a whole hour it is.
    pub(super) fn part(&self) -> f64 {
        self.ends.saturating_sub(self.begins) as f64 / HOUR as f64
    }
}

/// The hours from one moment to another, the first and the last in part.
pub(super) fn ahead(
    from: UnixMs,
    until: UnixMs,
    calendar: &Calendar,
) -> impl Iterator<Item = Ahead> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= until {
            return None;
        }
        let hour = at.div_euclid(HOUR).saturating_mul(HOUR);
        let ends = hour.saturating_add(HOUR).min(until);
        let one = Ahead { begins: at, ends, place: Place::of(hour, calendar) };
        at = ends;
        Some(one)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_time;

    #[test]
    fn an_hour_is_in_its_local_day() {
        let berlin = Calendar::named("Europe/Berlin").unwrap();
        let at = parse_time("2026-11-29T23:00:00Z").unwrap();
        let place = Place::of(at, &berlin);
        assert_eq!((place.weekday, place.hour), (0, 0), "Monday, midnight");
        let utc = Place::of(at, &Calendar::default());
        assert_eq!((utc.weekday, utc.hour, utc.day), (6, 23, place.day - 1));
    }

    #[test]
    fn the_first_and_the_last_hour_are_parts() {
        let from = parse_time("2026-11-29T21:15:00Z").unwrap();
        let calendar = Calendar::default();
        let parts: Vec<f64> =
            ahead(from, from + 2 * HOUR, &calendar).map(|ahead| ahead.part()).collect();
        assert_eq!(parts, [0.75, 1.0, 0.25]);
        assert_eq!(ahead(from, from, &calendar).count(), 0);
    }
}
