//! What is learned from an account's past hours, and what it says of hours to come. Pure.
//!
//! The expected spend of an hour is `level × growth × weekday × share of the hour`. `line` finds
//! level and trend, `seasons` the factors; `docs/forecast.md` has the formulas.
//!
//! Invariant: the same hours give the same model. Floats are for expectations only; what was spent
//! comes in, and what is told goes out, as whole nano-dollars.

use super::hours::{Ahead, HOUR, Place, Spent};
use super::line::{self, Line, Point};
use super::seasons::{Seen, factors};
use crate::clock::UnixMs;
use crate::limit::Calendar;

const DAY: f64 = 24.0 * HOUR as f64;
/// After so many days a day counts half for level and trend.
const HALF_LIFE: f64 = 14.0;
/// After so many days a day counts half for weekdays and hours.
const SEASON_HALF_LIFE: f64 = 28.0;
/// From so many days on weekdays and hours are told apart.
const SEASONAL_FROM: f64 = 14.0;
/// From so many days on there may be a trend.
const TREND_FROM: f64 = 21.0;
/// A trend fades: in the end it adds as much as it would in so many days.
const FADES: f64 = 60.0;
/// How often level and seasons are found again from each other.
const ROUNDS: usize = 3;
/// What days vary by at least where few are known, in parts of what is expected.
const UNKNOWN: f64 = 0.5;

/// What is learned.
#[derive(Debug, Clone)]
pub(super) struct Model {
    line: Line,
    weekdays: [f64; 7],
    /// The share of each hour in its day; their sum is 1.
    hours: [f64; 24],
    /// The variance of an hour, of what all hours of a day share, and of a day, in parts of what is
    /// expected, squared.
    hourly: f64,
    common: f64,
    daily: f64,
    /// How often each weekday was seen.
    weeks: f64,
    pub(super) seasonal: bool,
    now: UnixMs,
}

/// A day of the past.
struct Day {
    day: i64,
    weekday: usize,
    age: f64,
    spent: [f64; 24],
    /// Which part of each hour is known.
    known: [f64; 24],
}

impl Day {
    /// Which part of the day is known, as spending goes.
    fn known(&self, hours: &[f64; 24]) -> f64 {
        self.known.iter().zip(hours).map(|(part, share)| part * share).sum()
    }

    fn total(&self) -> f64 {
        self.spent.iter().sum()
    }
}

fn decayed(age: f64, half_life: f64) -> f64 {
    (-age / half_life).exp2()
}

/// Days of the past; hours that are missing between the first and now had nothing.
fn days(past: &[Spent], now: UnixMs, calendar: &Calendar) -> Vec<Day> {
    let Some(first) = past.iter().find(|hour| hour.nanos > 0) else { return Vec::new() };
    // What is younger than a day is taken for a day: an hour says little of the others.
    let first = first.begins.min(now.saturating_sub(24 * HOUR));
    let first = first.div_euclid(HOUR).saturating_mul(HOUR);
    let mut days: Vec<Day> = Vec::new();
    let mut past = past.iter().skip_while(|hour| hour.begins < first).peekable();
    let mut at = first;
    while at < now {
        let Place { day, weekday, hour } = Place::of(at, calendar);
        if days.last().is_none_or(|last| last.day != day) {
            days.push(Day { day, weekday, age: 0.0, spent: [0.0; 24], known: [0.0; 24] });
        }
        let part = (now.saturating_sub(at) as f64 / HOUR as f64).min(1.0);
        let nanos = past.next_if(|hour| hour.begins == at).map_or(0, |hour| hour.nanos);
        if let Some(last) = days.last_mut() {
            last.spent[hour] += nanos.max(0) as f64;
            last.known[hour] += part;
            let hours: f64 = last.known.iter().sum();
            let begun = now.saturating_sub(at) as f64 / DAY;
            last.age = (begun + (hours - 1.0) / 48.0).max(0.0);
        }
        at = at.saturating_add(HOUR);
    }
    days
}

impl Model {
    /// Learns from hours in the order of time, each before `now`; `None` where nothing was spent.
    pub(super) fn of(past: &[Spent], now: UnixMs, calendar: &Calendar) -> Option<Self> {
        let days = days(past, now, calendar);
        let hours_known: f64 = days.iter().flat_map(|day| day.known).sum();
        let known = hours_known / 24.0;
        let seasonal = known >= SEASONAL_FROM;
        let (mut weekdays, mut hours) = ([1.0; 7], [1.0 / 24.0; 24]);
        let mut line = levelled(&days, &weekdays, &hours, known >= TREND_FROM)?;
        let rounds = if seasonal { ROUNDS } else { 0 };
        for _ in 0..rounds {
            weekdays = weekday_factors(&days, &hours, &line);
            hours = hour_shares(&days, &weekdays, &line);
            line = levelled(&days, &weekdays, &hours, known >= TREND_FROM)?;
        }
        let weeks = (known.min(SEASON_HALF_LIFE / std::f64::consts::LN_2) / 7.0).max(1.0);
        let (hourly, common, daily) = (0.0, 0.0, 0.0);
        let mut model = Self { line, weekdays, hours, hourly, common, daily, weeks, seasonal, now };
        model.learn_noise(&days);
        Some(model)
    }

    /// By how much days and hours were off.
    fn learn_noise(&mut self, days: &[Day]) {
        let (mut by_day, mut of_day) = (0.0, 0.0);
        let (mut by_hour, mut of_hour) = (0.0, 0.0);
        for day in days {
            let weight = decayed(day.age, HALF_LIFE);
            let whole = self.line.back(day.age) * self.weekdays[day.weekday];
            let expected = whole * day.known(&self.hours);
            by_day += weight * (day.total() - expected).powi(2);
            of_day += weight * expected * expected;
            for hour in 0..24 {
                let expected = whole * self.hours[hour] * day.known[hour];
                by_hour += weight * (day.spent[hour] - expected).powi(2);
                of_hour += weight * expected * expected;
            }
        }
        let ratio = |off: f64, of: f64| if of > 0.0 { off / of } else { 0.0 };
        let found = if self.seasonal { 3.0 } else { 1.0 };
        let free = self.line.days / (self.line.days - found).max(1.0);
        let least = if self.seasonal { 0.0 } else { UNKNOWN * UNKNOWN };
        self.daily = (ratio(by_day, of_day) * free).max(least);
        self.hourly = ratio(by_hour, of_hour);
        let chance: f64 = self.hours.iter().map(|share| self.hourly * share * share).sum();
        self.common = (self.daily - chance).max(0.0);
    }

    /// What is expected of a part of an hour, in nano-dollars.
    pub(super) fn expected(&self, ahead: &Ahead) -> f64 {
        let days = self.days_to(ahead.begins);
        let Line { level, trend, .. } = self.line;
        let growth = (trend * FADES * (1.0 - (-days / FADES).exp())).exp();
        let Place { weekday, hour, .. } = ahead.place;
        level * growth * self.weekdays[weekday] * self.hours[hour] * ahead.part()
    }

    fn days_to(&self, at: UnixMs) -> f64 {
        at.saturating_sub(self.now) as f64 / DAY
    }

    /// How uncertain a sum of hours is.
    pub(super) fn spread(&self) -> Spread<'_> {
        Spread { model: self, day: None, today: 0.0, hours: 0.0, days: 0.0, all: 0.0, far: 0.0 }
    }
}

fn levelled(
    days: &[Day],
    weekdays: &[f64; 7],
    hours: &[f64; 24],
    with_trend: bool,
) -> Option<Line> {
    let point = |day: &Day| {
        let (factor, known) = (weekdays[day.weekday], day.known(hours));
        // A day on which little is expected says little of the level.
        let weight = decayed(day.age, HALF_LIFE) * known * factor.min(1.0);
        (weight > 1e-6).then(|| Point {
            age: day.age,
            value: day.total() / (factor * known),
            weight,
        })
    };
    line::through(&days.iter().filter_map(point).collect::<Vec<_>>(), with_trend)
}

fn weekday_factors(days: &[Day], hours: &[f64; 24], line: &Line) -> [f64; 7] {
    let seen = |day: &Day| {
        let known = day.known(hours);
        let weight = decayed(day.age, SEASON_HALF_LIFE) * known;
        let value = day.total() / (known * line.back(day.age));
        (known > 0.05).then_some(Seen { group: day.weekday, value, weight })
    };
    factors(&days.iter().filter_map(seen).collect::<Vec<_>>())
}

fn hour_shares(days: &[Day], weekdays: &[f64; 7], line: &Line) -> [f64; 24] {
    let seen = |day: &Day| {
        let factor = weekdays[day.weekday];
        let whole = line.back(day.age) * factor;
        let weight = decayed(day.age, SEASON_HALF_LIFE) * factor.min(1.0);
        let seen = |hour: usize| {
            let known = day.known[hour];
            let value = day.spent[hour] * 24.0 / (known * whole);
            let fits = known > 0.0 && factor > 0.05;
            fits.then_some(Seen { group: hour, value, weight: weight * known })
        };
        (0..24).filter_map(seen).collect::<Vec<_>>()
    };
    factors::<24>(&days.iter().flat_map(seen).collect::<Vec<_>>()).map(|factor| factor / 24.0)
}

/// Adds up how uncertain hours are together, in the order of time.
pub(super) struct Spread<'m> {
    model: &'m Model,
    day: Option<i64>,
    today: f64,
    hours: f64,
    days: f64,
    all: f64,
    far: f64,
}

impl Spread<'_> {
    /// Adds a part of an hour of which so much is expected.
    pub(super) fn add(&mut self, ahead: &Ahead, expected: f64) {
        if self.day != Some(ahead.place.day) {
            self.days += self.today * self.today;
            self.today = 0.0;
            self.day = Some(ahead.place.day);
        }
        self.today += expected;
        self.hours += expected * expected;
        self.all += expected;
        self.far += expected * (self.model.days_to(ahead.begins) + self.model.line.age);
    }

    /// By how much the sum may be off, either way, in four of five cases.
    pub(super) fn interval(&self) -> f64 {
        let Model { line, hourly, common, daily, weeks, .. } = self.model;
        let days = self.days + self.today * self.today;
        let chance = hourly * self.hours + common * line.sticky * days * (1.0 + 1.0 / weeks);
        let level = daily * line.sticky / line.days * self.all * self.all;
        let trend = line.doubt * self.far * self.far;
        let free = (line.days - 1.0).max(1.0);
        // The quantile of Student's distribution, to its first term.
        let z = 1.281_551_6_f64;
        let quantile = z * (1.0 + (z * z + 1.0) / (4.0 * free));
        quantile * (chance + level + trend).sqrt()
    }
}
