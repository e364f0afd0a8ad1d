//! The forecasts of the past, made again from what was known then, beside what came. Pure.
//!
//! Asked is at each local midnight, of a `day` limit every six hours. Windows that never end are
//! tested by calendar weeks, and those shorter than a day by days, without their limit. The limit is
//! that of today, for former ones are not kept.

use super::hours::{HOUR, Spent};
use super::walk::{Outlook, Question, outlook};
use crate::clock::UnixMs;
use crate::limit::{Calendar, Window};

const DAY: i64 = 24 * HOUR;
/// What is learned from, at most.
const LEARNED: i64 = 56 * DAY;
/// What must be known of an account before the first question.
const LEAST: i64 = 7 * DAY;
/// Questions by how many days ahead their period ended: up to so many.
const HORIZONS: [i64; 4] = [3, 7, 14, 366];
/// Times of exhaustion count as met within so many per cent of the way to it.
const MET: f64 = 10.0;

/// What is tested.
#[derive(Debug, Clone, Copy)]
pub struct Tested<'a> {
    /// Hours of the past, in the order of time; those without spend may be missing.
    pub past: &'a [Spent],
    /// From when on they are kept.
    pub known: UnixMs,
    /// The first question.
    pub since: UnixMs,
    /// The present: only periods that are over are asked about.
    pub now: UnixMs,
    /// Where days begin.
    pub calendar: &'a Calendar,
    /// The window of the limit.
    pub window: Window,
    /// What it allows.
    pub allowed: Option<i64>,
}

/// How well questions of one kind were answered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Horizon {
    /// Periods of these questions ended at most so many days later; 0: of any length.
    pub days: i64,
    /// How many questions.
    pub asked: u32,
    error: f64,
    counted: u32,
    inside: u32,
    /// In how many of them the limit was reached, at least a quarter of a day later.
    pub exhausted: u32,
    exhaustion_error: f64,
    met: u32,
    /// In how many of those that was not foreseen.
    pub missed: u32,
    /// In how many it was foreseen and did not come.
    pub false_alarms: u32,
}

impl Horizon {
    /// By how much the projection was off on average, in per cent of what was spent in the period.
    pub fn error_percent(&self) -> Option<f64> {
        percent(self.error, self.counted)
    }

    /// How often what was spent lay in the interval, in per cent.
    pub fn inside_percent(&self) -> Option<f64> {
        percent(f64::from(self.inside), self.asked)
    }

    /// By how much the time of exhaustion was off on average, in per cent of the way to it. What was
    /// not foreseen counts with the end of the period.
    pub fn exhaustion_error_percent(&self) -> Option<f64> {
        percent(self.exhaustion_error, self.exhausted)
    }

    /// How often it was off by at most a tenth of the way, in per cent.
    pub fn exhaustion_met_percent(&self) -> Option<f64> {
        percent(f64::from(self.met), self.exhausted)
    }

    fn add(&mut self, told: &Outlook, came: &Came) {
        self.asked += 1;
        self.inside += u32::from((told.low..=told.high).contains(&came.spent));
        if came.spent > 0 {
            let off = told.projected.abs_diff(came.spent);
            self.error += off as f64 / came.spent as f64;
            self.counted += 1;
        }
        let Some(at) = came.exhausted else {
            self.false_alarms += u32::from(told.exhausts.is_some() && !came.already);
            return;
        };
        let way = at.saturating_sub(came.asked.at);
        if way < DAY / 4 {
            return;
        }
        let foreseen = told.exhausts.unwrap_or(came.asked.ends);
        let off = foreseen.abs_diff(at) as f64 / way as f64;
        self.exhausted += 1;
        self.exhaustion_error += off;
        self.met += u32::from(100.0 * off <= MET);
        self.missed += u32::from(told.exhausts.is_none());
    }
}

fn percent(sum: f64, of: u32) -> Option<f64> {
    (of > 0).then(|| 100.0 * sum / f64::from(of))
}

/// How well an account's forecasts were.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// All questions.
    pub all: Horizon,
    /// By how far ahead the end was; those without questions are missing.
    pub horizons: Vec<Horizon>,
}

/// A question of the past.
#[derive(Debug, Clone, Copy)]
struct Asked {
    begins: UnixMs,
    at: UnixMs,
    ends: UnixMs,
}

/// What came of it.
struct Came {
    asked: Asked,
    spent: i64,
    exhausted: Option<UnixMs>,
    /// The limit was reached before it was asked.
    already: bool,
}

impl Came {
    fn of(tested: &Tested<'_>, allowed: Option<i64>, asked: Asked) -> Self {
        let (mut spent, mut exhausted) = (0_i64, None);
        for hour in between(tested.past, asked.begins, asked.ends) {
            let before = spent;
            spent = spent.saturating_add(hour.nanos);
            if let Some(allowed) =
                allowed.filter(|allowed| exhausted.is_none() && spent >= *allowed)
            {
                let part = allowed.saturating_sub(before) as f64 / hour.nanos.max(1) as f64;
                let into = (part.clamp(0.0, 1.0) * HOUR as f64) as i64;
                exhausted = Some(hour.begins.saturating_add(into));
            }
        }
        let already = exhausted.is_some_and(|at| at <= asked.at);
        Self { asked, spent, exhausted: exhausted.filter(|_| !already), already }
    }
}

/// Asks about the past.
pub fn backtest(tested: &Tested<'_>) -> Backtest {
    let Tested { past, known, since, now, calendar, .. } = *tested;
    let (window, allowed) = match tested.window {
        own @ (Window::Day | Window::Week | Window::Month) => (own, tested.allowed),
        Window::Minute | Window::Hour => (Window::Day, None),
        _ => (Window::Week, None),
    };
    let first = past.iter().find(|hour| hour.nanos > 0).map_or(now, |hour| hour.begins);
    // Hours may be kept for less long: of a period that began before the first, a part is missing.
    let known = known.max(first);
    let from = since.max(known.saturating_add(LEAST));
    let mut all = Horizon::default();
    let mut horizons = HORIZONS.map(|days| Horizon { days, ..Horizon::default() });
    for at in questions(calendar, window, from, now) {
        let begins = calendar.begins(window, at).unwrap_or(at);
        let Some(ends) = calendar.ends(window, at).filter(|ends| *ends <= now) else { continue };
        if begins < known {
            continue;
        }
        let asked = Asked { begins, at, ends };
        let hours = between(past, begins, at).iter().map(|hour| hour.nanos);
        let used = hours.fold(0, i64::saturating_add);
        let past = between(past, at.saturating_sub(LEARNED), at);
        let told = outlook(&Question { past, now: at, calendar, window, used, allowed });
        let came = Came::of(tested, allowed, asked);
        all.add(&told, &came);
        let ahead = ends.saturating_sub(at);
        let near = |horizon: &&mut Horizon| ahead <= horizon.days.saturating_mul(DAY);
        if let Some(horizon) = horizons.iter_mut().find(near) {
            horizon.add(&told, &came);
        }
    }
    Backtest { all, horizons: horizons.into_iter().filter(|horizon| horizon.asked > 0).collect() }
}

/// When it is asked.
fn questions(calendar: &Calendar, window: Window, from: UnixMs, now: UnixMs) -> Vec<UnixMs> {
    let step = if window == Window::Day { 6 * HOUR } else { DAY };
    let mut all = Vec::new();
    let mut midnight = calendar.ends(Window::Day, from.saturating_sub(1));
    while let Some(day) = midnight.filter(|day| *day < now) {
        midnight = calendar.ends(Window::Day, day).filter(|next| *next > day);
        let next = midnight.unwrap_or(now).min(now);
        // A day of 23 or 25 hours begins where it begins.
        all.extend(
            (0..4).map(|n| day.saturating_add(step.saturating_mul(n))).filter(|at| *at < next),
        );
    }
    all
}

/// The hours that begin in a span.
fn between(past: &[Spent], from: UnixMs, until: UnixMs) -> &[Spent] {
    let at = |time: UnixMs| past.partition_point(|hour| hour.begins < time);
    past.get(at(from)..at(until)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_time;

    #[test]
    fn what_is_even_was_foreseen() {
        let calendar = Calendar::default();
        let now = parse_time("2026-11-24T00:00:00Z").unwrap();
        let known = now - 90 * DAY;
        let past: Vec<Spent> = (0..90 * 24)
            .map(|hour| Spent { begins: known + hour * HOUR, nanos: 1_000_000_000 / 24 })
            .collect();
        let tested = Tested {
            past: &past,
            known,
            since: now - 56 * DAY,
            now,
            calendar: &calendar,
            window: Window::Month,
            allowed: Some(20_000_000_000),
        };
        let Backtest { all, horizons } = backtest(&tested);
        // October; September ended before, November lasts.
        assert_eq!(all.asked, 31 + 2);
        assert!(all.error_percent().unwrap() < 0.1, "{all:?}");
        assert_eq!(all.exhausted, 20);
        assert!(all.exhaustion_error_percent().unwrap() < 1.0, "{all:?}");
        assert_eq!((all.missed, all.false_alarms), (0, 0));
        assert_eq!(horizons.iter().map(|horizon| horizon.asked).sum::<u32>(), all.asked);
        let weeks = Tested { window: Window::Rolling7d, ..tested };
        let told = backtest(&weeks).all;
        assert!(told.asked > 40 && told.exhausted == 0, "{told:?}");
        let nothing = Tested { past: &[], ..tested };
        assert_eq!(backtest(&nothing).all.asked, 0);
    }

    #[test]
    fn no_sum_is_too_large() {
        let calendar = Calendar::default();
        let now = parse_time("2026-11-24T00:00:00Z").unwrap();
        let known = now - 40 * DAY;
        for nanos in [i64::MAX, i64::MIN, -1] {
            let hours = (0..40 * 24).map(|hour| known + hour * HOUR);
            let past: Vec<Spent> = hours.map(|begins| Spent { begins, nanos }).collect();
            let (since, window, allowed) = (known, Window::Week, Some(i64::MAX));
            let past = [&[Spent { begins: known - HOUR, nanos: 1 }], past.as_slice()].concat();
            let tested =
                Tested { past: &past, known, since, now, calendar: &calendar, window, allowed };
            assert!(backtest(&tested).all.asked > 0, "{nanos}");
            let used = i64::MAX;
            for window in [Window::Month, Window::Rolling7d, Window::Total] {
                let question =
                    Question { past: &past, now, calendar: &calendar, window, used, allowed };
                let told = outlook(&question);
                assert!(
                    told.low == used && told.projected == used && told.high == used,
                    "{told:?}"
                );
            }
        }
    }
}
