//! Goes through the hours to come: where the spend arrives at the period's end, and when it reaches
//! what is allowed. Pure.
//!
//! A period of the calendar ends. A rolling window does not: hours leave it as others come, and what
//! is told is the most that it will hold within one window's length from now. `total` ends never:
//! what is told is 30 days ahead.

use super::hours::{Ahead, HOUR, Spent, ahead};
use super::model::Model;
use crate::clock::UnixMs;
use crate::limit::{Calendar, Window};
use std::collections::BTreeMap;

const DAY: i64 = 24 * HOUR;
/// How far `total` is projected.
const TOTAL_AHEAD: i64 = 30 * DAY;
/// How far ahead it is looked for when `total` is reached.
const TOTAL_REACHED: i64 = 366 * DAY;

/// How a forecast came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Level, trend, weekdays and hours of at least two weeks.
    Seasonal,
    /// Less than two weeks are known: as much a day as before, evenly.
    EvenPace,
    /// Nothing was spent lately: nothing more is expected.
    NoData,
}

impl Method {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seasonal => "seasonal",
            Self::EvenPace => "even_pace",
            Self::NoData => "no_data",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Hours of the past in the order of time, up to eight weeks; those without spend may be missing.
    pub past: &'a [Spent],
    /// The present.
    pub now: UnixMs,
    /// Where days begin.
    pub calendar: &'a Calendar,
    /// The window of the limit.
    pub window: Window,
    /// What is used of it, in nano-dollars.
    pub used: i64,
    /// What it allows; `None`: there is no limit.
    pub allowed: Option<i64>,
}

/// What is to be expected, in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// What will be used when the period ends.
    pub projected: i64,
    /// In one of ten cases it is less.
    pub low: i64,
    /// In one of ten cases it is more.
    pub high: i64,
    /// When what is allowed will be used up; `None`: not before the period ends.
    pub exhausts: Option<UnixMs>,
    /// How that was found.
    pub method: Method,
}

/// Answers a question.
pub fn outlook(question: &Question<'_>) -> Outlook {
    let Question { past, now, calendar, window, used, allowed } = *question;
    let reached = allowed.is_some_and(|allowed| used >= allowed).then_some(now);
    let Some(model) = Model::of(past, now, calendar) else {
        let method = Method::NoData;
        return Outlook { projected: used, low: used, high: used, exhausts: reached, method };
    };
    let method = if model.seasonal { Method::Seasonal } else { Method::EvenPace };
    let length = window.steps().map(|steps| steps.seconds.saturating_mul(steps.count));
    let length = length.map(|seconds| seconds.saturating_mul(1000));
    let until = match length {
        Some(length) => now.saturating_add(length),
        None => calendar.ends(window, now).unwrap_or(now.saturating_add(TOTAL_AHEAD)),
    };
    let far = if window == Window::Total { now.saturating_add(TOTAL_REACHED) } else { until };
    let mut leaving = Leaving::new(past, length, used);
    let mut walk = Walk { at: used as f64, most: used as f64, exhausts: None };
    let mut spread = model.spread();
    for part in ahead(now, far, calendar) {
        let expected = model.expected(&part);
        walk.at -= leaving.until(part.begins);
        leaving.comes(&part, expected);
        walk.step(&part, expected, allowed);
        if part.ends <= until {
            walk.most = walk.most.max(walk.at);
            spread.add(&part, expected);
        } else if walk.exhausts.is_some() {
            break;
        }
    }
    let (more, interval) = (walk.most - used as f64, spread.interval());
    let whole = |more: f64| used.saturating_add(more.max(0.0).round() as i64);
    Outlook {
        projected: whole(more),
        low: whole(more - interval),
        high: whole(more + interval),
        exhausts: reached.or(walk.exhausts),
        method,
    }
}

struct Walk {
    /// What is used at the end of the hour that was gone through last.
    at: f64,
    /// The most that was used at any time within the period.
    most: f64,
    exhausts: Option<UnixMs>,
}

impl Walk {
    fn step(&mut self, part: &Ahead, expected: f64, allowed: Option<i64>) {
        let before = self.at;
        self.at += expected;
        let Some(allowed) = allowed.map(|allowed| allowed as f64) else { return };
        if self.exhausts.is_none() && before < allowed && self.at >= allowed {
            let length = part.ends.saturating_sub(part.begins) as f64;
            let into = (allowed - before) / expected * length;
            self.exhausts = Some(part.begins.saturating_add(into.round() as i64));
        }
    }
}

/// What leaves a rolling window; nothing leaves others.
struct Leaving {
    length: Option<i64>,
    /// By when they leave.
    hours: BTreeMap<UnixMs, f64>,
}

impl Leaving {
    /// The hours that make up what is used, the newest first.
    fn new(past: &[Spent], length: Option<i64>, used: i64) -> Self {
        let mut hours = BTreeMap::new();
        let mut left = used as f64;
        for hour in past.iter().rev() {
            let Some(length) = length.filter(|_| left > 0.0) else { break };
            let nanos = (hour.nanos as f64).min(left);
            left -= nanos;
            hours.insert(hour.begins.saturating_add(HOUR).saturating_add(length), nanos);
        }
        Self { length, hours }
    }

    /// What is to come leaves again too.
    fn comes(&mut self, part: &Ahead, expected: f64) {
        if let Some(length) = self.length {
            *self.hours.entry(part.ends.saturating_add(length)).or_default() += expected;
        }
    }

    /// What has left by a time and was not told yet.
    fn until(&mut self, at: UnixMs) -> f64 {
        let later = self.hours.split_off(&at.saturating_add(1));
        std::mem::replace(&mut self.hours, later).values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_time;

    const USD: i64 = 1_000_000_000;

    fn even(now: UnixMs, days: i64, nanos: i64) -> Vec<Spent> {
        let hours = (1..=days * 24).rev();
        hours.map(|ago| Spent { begins: now - ago * HOUR, nanos }).collect()
    }

    fn asked<'a>(past: &'a [Spent], now: UnixMs, calendar: &'a Calendar) -> Question<'a> {
        Question { past, now, calendar, window: Window::Month, used: 0, allowed: None }
    }

    #[test]
    fn an_even_spend_goes_on_evenly() {
        let (calendar, now) = (Calendar::default(), parse_time("2026-11-24T00:00:00Z").unwrap());
        for (days, method) in [(40, Method::Seasonal), (5, Method::EvenPace)] {
            let past = even(now, days, USD / 24);
            let question = Question {
                used: 23 * USD,
                allowed: Some(26 * USD),
                ..asked(&past, now, &calendar)
            };
            let told = outlook(&question);
            assert_eq!(told.method, method);
            assert!((told.projected - 30 * USD).abs() < USD / 1000, "{told:?}");
            assert!(told.low >= 23 * USD && told.low <= told.projected, "{told:?}");
            let at = told.exhausts.unwrap();
            let three_days = parse_time("2026-11-27T00:00:00Z").unwrap();
            assert!((at - three_days).abs() < HOUR, "{at}");
        }
    }

    #[test]
    fn nothing_known_and_nothing_left() {
        let (calendar, now) = (Calendar::default(), parse_time("2026-11-24T10:30:00Z").unwrap());
        let none = Question { used: 7, allowed: Some(8), ..asked(&[], now, &calendar) };
        let told = outlook(&none);
        assert_eq!((told.projected, told.low, told.high), (7, 7, 7));
        assert_eq!((told.exhausts, told.method), (None, Method::NoData));
        for (used, allowed) in [(0, 0), (9, 8)] {
            let spent = Question { used, allowed: Some(allowed), ..none };
            assert_eq!(outlook(&spent).exhausts, Some(now));
        }
    }

    #[test]
    fn a_rolling_window_lets_go_of_what_is_old() {
        let (calendar, now) = (Calendar::default(), parse_time("2026-11-24T00:00:00Z").unwrap());
        let past = even(now, 40, USD / 24);
        let window = Window::Rolling7d;
        let question = Question { window, used: 7 * USD, ..asked(&past, now, &calendar) };
        let told = outlook(&Question { allowed: Some(8 * USD), ..question });
        assert!((told.projected - 7 * USD).abs() < USD / 10, "{told:?}");
        assert_eq!(told.exhausts, None);
        let total = Question { window: Window::Total, allowed: Some(67 * USD), ..question };
        let told = outlook(&total);
        assert!((told.projected - 37 * USD).abs() < USD / 100, "{told:?}");
        let days = (told.exhausts.unwrap() - now) as f64 / DAY as f64;
        assert!((days - 60.0).abs() < 0.5, "{days}");
    }
}
