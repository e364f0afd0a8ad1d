//! A level and a trend through weighted values, the trend as far as it is more than chance. Pure.

/// A value, so many days ago.
pub(super) struct Point {
    pub(super) age: f64,
    pub(super) value: f64,
    pub(super) weight: f64,
}

/// By how much of the level a trend may rise or fall in a day.
const STEEPEST: f64 = 0.03;
/// Values that stick to those of the day before count as fewer; at most so much.
const STICKIEST: f64 = 0.8;

/// How much of its uncertainty stays with a trend that was not believed.
const DOUBT: f64 = 0.5;

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// The value now.
    pub(super) level: f64,
    /// By how much of the level it rises in a day.
    pub(super) trend: f64,
    /// How many days it rests on: fewer than there were, for older ones count less.
    pub(super) days: f64,
    /// How old they are on average.
    pub(super) age: f64,
    /// The variance of the trend, in parts of the level a day.
    pub(super) doubt: f64,
    /// By how much values vary more over several days than they would, did each stand for itself.
    pub(super) sticky: f64,
}

/// How often a trend is found again in what the last one left.
const ROUNDS: usize = 4;

impl Line {
    /// What it was so many days ago.
    pub(super) fn back(&self, age: f64) -> f64 {
        self.level * (-self.trend * age).exp()
    }
}

/// The line through points in the order of time; `None` where they weigh nothing or are nothing.
pub(super) fn through(points: &[Point], with_trend: bool) -> Option<Line> {
    let weights = points.iter().map(|point| point.weight);
    let (weight, square) = (weights.clone().sum::<f64>(), weights.map(|w| w * w).sum::<f64>());
    if weight <= 0.0 {
        return None;
    }
    let mean = |of: &dyn Fn(&Point) -> f64| {
        points.iter().map(|point| point.weight * of(point)).sum::<f64>() / weight
    };
    let age = mean(&|point| point.age);
    let value = mean(&|point| point.value);
    if value <= 0.0 {
        return None;
    }
    let days = weight * weight / square;
    let spread = mean(&|point| (point.age - age).powi(2));
    let flat = Line { level: value, trend: 0.0, days, age, doubt: 0.0, sticky: 1.0 };
    if !with_trend || spread <= 0.0 || days <= 3.0 {
        return Some(flat);
    }
    let (mut trend, mut uncertain, mut stuck) = (0.0_f64, 0.0, 1.0);
    for _ in 0..ROUNDS {
        let plain = |point: &Point| point.value * (trend * point.age).exp();
        let value = mean(&plain);
        let slope = mean(&|point| (age - point.age) * (plain(point) - value)) / spread;
        let off = |point: &Point| plain(point) - value - slope * (age - point.age);
        let variance = mean(&|point| off(point).powi(2)) * days / (days - 2.0);
        stuck = sticky(points, &off);
        uncertain = variance * stuck / (days * spread * value * value);
        trend = (trend + slope / value).clamp(-STEEPEST, STEEPEST);
    }
    let trust = if trend == 0.0 { 0.0 } else { (1.0 - uncertain / (trend * trend)).max(0.0) };
    let trend = trend * trust;
    let level = mean(&|point| point.value * (trend * point.age).exp());
    let doubt = uncertain * trust.max(DOUBT);
    Some(Line { level, trend, doubt, sticky: stuck, ..flat })
}

/// `(1 + r) / (1 - r)`, with the correlation of each day with the next.
fn sticky(points: &[Point], off: &dyn Fn(&Point) -> f64) -> f64 {
    let own: f64 = points.iter().map(|point| point.weight * off(point).powi(2)).sum();
    let next: f64 = points.windows(2).map(|two| two[0].weight * off(&two[0]) * off(&two[1])).sum();
    if own <= 0.0 {
        return 1.0;
    }
    let r = (next / own).clamp(0.0, STICKIEST);
    (1.0 + r) / (1.0 - r)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(value: impl Fn(f64) -> f64) -> Vec<Point> {
        let point = |n: i32| {
            let age = f64::from(n);
            Point { age, value: value(age), weight: (-age / 14.0).exp2() }
        };
        (0..56).rev().map(point).collect()
    }

    #[test]
    fn a_sure_trend_is_followed_and_a_steep_one_is_cut() {
        let line = through(&points(|age| 100.0 * (-0.01 * age).exp()), true).unwrap();
        assert!((line.level - 100.0).abs() < 0.5 && (line.trend - 0.01).abs() < 0.002, "{line:?}");
        let steep = through(&points(|age| (-age / 3.0).exp()), true).unwrap();
        assert!(steep.trend <= STEEPEST && steep.level > 0.0, "{steep:?}");
    }

    #[test]
    fn chance_is_no_trend_and_nothing_is_no_line() {
        let noise = |age: f64| 10.0 + 5.0 * (age * 37.0).sin();
        let line = through(&points(noise), true).unwrap();
        assert!(line.trend.abs() < 0.004, "{line:?}");
        assert!(through(&points(|_| 0.0), true).is_none());
        assert!(through(&[], true).is_none());
    }
}
