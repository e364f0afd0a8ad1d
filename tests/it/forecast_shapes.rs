//! Shows 4: on synthetic spending with weekly seasons and noise, of fixed seeds, the forecast says when
//! a limit is reached, and how sure it is. The figures of each shape are printed.
//!
//! The error of a time is in parts of the way from the question to the true time.

use farebox::clock::{UnixMs, parse_time};
use farebox::history::{Method, Question, Spent, outlook};
use farebox::limit::{Calendar, Window};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const SEEDS: u64 = 60;

/// A generator of random numbers with a fixed seed: SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(7919).wrapping_add(17))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A factor around 1 whose logarithm is normal.
    fn factor(&mut self, spread: f64) -> f64 {
        let (one, other) = (self.unit().max(1e-12), self.unit());
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        (spread * normal - spread * spread / 2.0).exp()
    }
}

/// Dollars that are spent in the hour that begins there, before any noise.
pub type Shape = fn(UnixMs) -> f64;

fn place(at: UnixMs) -> (usize, usize) {
    let day = at.div_euclid(DAY);
    let hour = at.rem_euclid(DAY) / HOUR;
    (usize::try_from((day + 3).rem_euclid(7)).unwrap(), usize::try_from(hour).unwrap())
}

fn office(hour: usize) -> f64 {
    if (9..18).contains(&hour) { 0.1 } else { 0.1 / 15.0 }
}

/// A week of people with some machines beside them.
pub fn weekly(at: UnixMs) -> f64 {
    let (weekday, hour) = place(at);
    [10.0, 11.0, 12.0, 11.0, 9.0, 3.0, 2.5][weekday] * office(hour)
}

fn workdays(at: UnixMs) -> f64 {
    let (weekday, hour) = place(at);
    if weekday < 5 { 10.0 * office(hour) } else { 0.0 }
}

fn growing(at: UnixMs) -> f64 {
    let weeks = (at - parse_time("2026-11-01").unwrap()) as f64 / (7 * DAY) as f64;
    weekly(at) * 1.05_f64.powf(weeks)
}

fn bursty(at: UnixMs) -> f64 {
    let (weekday, hour) = place(at);
    let night = if hour == 2 { 0.6 } else { 0.4 / 23.0 };
    [10.0, 10.0, 10.0, 10.0, 20.0, 10.0, 10.0][weekday] * night
}

const SHAPES: [(&str, Shape); 4] =
    [("weekly", weekly), ("workdays", workdays), ("growing", growing), ("bursty", bursty)];

/// Hours of a shape: a factor of chance for each day and one for each hour.
pub fn spending(
    shape: Shape,
    seed: u64,
    (from, until): (UnixMs, UnixMs),
    (daily, hourly): (f64, f64),
) -> Vec<Spent> {
    let mut dice = Dice::new(seed);
    let (mut day, mut whole) = (None, 1.0);
    let first = from.div_euclid(HOUR);
    let hour = |n: i64| {
        let begins = n * HOUR;
        if day != Some(begins.div_euclid(DAY)) {
            day = Some(begins.div_euclid(DAY));
            whole = dice.factor(daily);
        }
        let dollars = shape(begins) * whole * dice.factor(hourly);
        Spent { begins, nanos: (dollars * 1e9) as i64 }
    };
    (first..until.div_euclid(HOUR)).map(hour).collect()
}

fn sum(hours: &[Spent]) -> i64 {
    hours.iter().map(|hour| hour.nanos).sum()
}

/// Errors, and how many there are.
#[derive(Default)]
struct Errors(Vec<f64>);

impl Errors {
    fn mean(&self) -> f64 {
        100.0 * self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        100.0 * sorted[sorted.len() / 2]
    }

    fn within_a_tenth(&self) -> f64 {
        100.0 * self.0.iter().filter(|error| **error <= 0.1).count() as f64 / self.0.len() as f64
    }
}

/// How far off the time of exhaustion was, which lies about so many days ahead.
fn exhaustion(shape: Shape, days: i64, noise: (f64, f64)) -> Errors {
    let calendar = Calendar::default();
    let begins = parse_time("2026-11-01").unwrap();
    let ends = parse_time("2026-12-01").unwrap();
    let mut errors = Errors::default();
    for seed in 0..SEEDS {
        let spread = i64::try_from(seed).unwrap();
        let now = begins + (spread % 12) * DAY + (spread * 5 % 24) * HOUR;
        let all = spending(shape, seed, (now - 56 * DAY, ends), noise);
        let (past, rest) = all.split_at(all.partition_point(|hour| hour.begins < now));
        let used = sum(&past[past.partition_point(|hour| hour.begins < begins)..]);
        let target = now + days * DAY - (spread % 7) * 2 * HOUR;
        let allowed = used + sum(&rest[..rest.partition_point(|hour| hour.begins < target)]);
        let (mut spent, mut truth) = (used, None);
        for hour in rest {
            spent += hour.nanos;
            if truth.is_none() && spent >= allowed && hour.nanos > 0 {
                truth = Some(hour.begins + HOUR);
            }
        }
        let truth = truth.unwrap();
        let question = Question {
            past,
            now,
            calendar: &calendar,
            window: Window::Month,
            used,
            allowed: Some(allowed),
        };
        let told = outlook(&question);
        assert_eq!(told.method, Method::Seasonal);
        // What was not foreseen is off by as much as the period's end is.
        let off = (told.exhausts.unwrap_or(ends) - truth).abs();
        errors.0.push(off as f64 / (truth - now) as f64);
    }
    errors
}

/// How far off the month's end was, and how often it lay in the interval, in per cent.
fn projection(shape: Shape, noise: (f64, f64)) -> (Errors, f64) {
    let calendar = Calendar::default();
    let begins = parse_time("2026-11-01").unwrap();
    let ends = parse_time("2026-12-01").unwrap();
    let (mut errors, mut inside) = (Errors::default(), 0.0);
    for seed in 0..SEEDS {
        let all = spending(shape, seed + 1000, (begins - 56 * DAY, ends), noise);
        let month = |hours: &[Spent]| sum(&hours[hours.partition_point(|h| h.begins < begins)..]);
        let came = month(&all);
        for days in [1, 5, 10, 15, 20, 25, 28] {
            let now = begins + days * DAY + 7 * HOUR;
            let past = &all[..all.partition_point(|hour| hour.begins < now)];
            let used = month(past);
            let past = &past[past.partition_point(|hour| hour.begins < now - 56 * DAY)..];
            let window = Window::Month;
            let question = Question { past, now, calendar: &calendar, window, used, allowed: None };
            let told = outlook(&question);
            assert!(used <= told.low && told.low <= told.projected && told.projected <= told.high);
            inside += f64::from(u8::from((told.low..=told.high).contains(&came)));
            errors.0.push((told.projected - came).abs() as f64 / came as f64);
        }
    }
    let share = 100.0 * inside / errors.0.len() as f64;
    (errors, share)
}

/// With five per cent of chance in days and twenty in hours, as where several people work.
#[test]
fn r097_exhaustion_is_foreseen_within_a_tenth_of_the_way() {
    for noise in [(0.02, 0.1), (0.05, 0.2), (0.15, 0.3)] {
        println!("chance: {:.0}% of days, {:.0}% of hours", 100.0 * noise.0, 100.0 * noise.1);
        for (name, shape) in SHAPES {
            for days in [3, 7, 14] {
                let errors = exhaustion(shape, days, noise);
                let (mean, median) = (errors.mean(), errors.median());
                println!(
                    "  {name:8} {days:2} days ahead: off by {mean:4.1}% on average, {median:4.1}% in \
                     the middle, within 10%: {:3.0}%",
                    errors.within_a_tenth()
                );
                if noise.0 < 0.1 {
                    // Where nothing is spent at weekends, little decides between Friday and Monday.
                    let most = if days < 7 { 12.0 } else { 10.0 };
                    assert!(median <= most, "{name}, {days} days, {noise:?}: {median}");
                    assert!(days < 7 || mean <= 10.0, "{name}, {days} days, {noise:?}: {mean}");
                }
            }
        }
    }
}

#[test]
fn r097_four_of_five_months_end_in_the_interval() {
    for noise in [(0.05, 0.2), (0.15, 0.3), (0.3, 0.5)] {
        println!("chance: {:.0}% of days, {:.0}% of hours", 100.0 * noise.0, 100.0 * noise.1);
        let mut all = Vec::new();
        for (name, shape) in SHAPES {
            let (errors, inside) = projection(shape, noise);
            println!(
                "  {name:8} month's end: off by {:4.1}%, inside: {inside:3.0}%",
                errors.mean()
            );
            all.push(inside);
        }
        let inside = all.iter().sum::<f64>() / all.len() as f64;
        println!("  together inside: {inside:.0}%");
        assert!((70.0..=90.0).contains(&inside), "{noise:?}: {all:?}");
    }
}
