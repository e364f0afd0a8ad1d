//! One moment of the ledger's clock with the periods it lies in. Pure.
//!
//! Invariant: everything that one operation does happens at one moment.

use crate::clock::UnixMs;
use crate::limit::{Calendar, Period, Window};

/// A moment and its periods.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Unix milliseconds.
    pub now: UnixMs,
    periods: [Period; 10],
    ends: [Option<UnixMs>; 10],
}

impl Moment {
    /// The periods of a calendar that contain `now`.
    pub fn at(calendar: &Calendar, now: UnixMs) -> Self {
        Self {
            now,
            periods: Window::ALL.map(|window| calendar.period(window, now)),
            ends: Window::ALL.map(|window| calendar.ends(window, now)),
        }
    }

    /// The same periods at another time of the same minute: every window begins with a minute.
    pub fn moved(self, now: UnixMs) -> Option<Self> {
        let minute = |at: UnixMs| at.div_euclid(60_000);
        (minute(now) == minute(self.now)).then_some(Self { now, ..self })
    }

    /// The period of a window.
    pub fn period(&self, window: Window) -> Period {
        self.periods.get(index(window)).copied().unwrap_or_default()
    }

    /// When the period of a window ends.
    pub fn ends(&self, window: Window) -> Option<UnixMs> {
        self.ends.get(index(window)).copied().flatten()
    }
}

const fn index(window: Window) -> usize {
    match window {
        Window::Minute => 0,
        Window::Hour => 1,
        Window::Day => 2,
        Window::Week => 3,
        Window::Month => 4,
        Window::Total => 5,
        Window::Rolling5h => 6,
        Window::Rolling24h => 7,
        Window::Rolling7d => 8,
        Window::Rolling30d => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_periods_are_those_of_the_calendar() {
        let calendar = Calendar::named("Europe/Berlin").unwrap();
        let at = 1_794_000_000_123;
        let moment = Moment::at(&calendar, at);
        for window in Window::ALL {
            assert_eq!(moment.period(window), calendar.period(window, at));
            assert_eq!(moment.ends(window), calendar.ends(window, at));
        }
        assert_eq!(moment.moved(at + 1).map(|m| m.now), Some(at + 1));
        assert!(moment.moved(at + 60_000).is_none());
    }
}
