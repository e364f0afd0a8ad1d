//! Thresholds and status words: how near an account is to a limit.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Alert thresholds in per cent: above 0, at most 100, ascending, one to ten of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct Thresholds(Vec<u32>);

/// How grave it is that a threshold is reached: by its place in the list. The last one, and 100, are
/// the gravest; of three, the first warns and the second is critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The first threshold.
    Warning,
    /// One between the first and the last.
    Critical,
    /// The last one, or 100 per cent.
    Exceeded,
}

impl Level {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Exceeded => "exceeded",
        }
    }
}

/// A list that is not a list of thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadThresholds(Vec<u32>);

impl fmt::Display for BadThresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} are not thresholds: one to ten ascending numbers above 0 and at most 100, such \
             as [80, 90, 100]",
            self.0
        )
    }
}

impl std::error::Error for BadThresholds {}

impl Default for Thresholds {
    fn default() -> Self {
        Self(vec![80, 90, 100])
    }
}

impl Thresholds {
    /// The numbers, ascending.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// How grave it is that one of these thresholds is reached.
    pub fn level(&self, threshold: u32) -> Level {
        match self.0.as_slice() {
            [.., last] if threshold >= 100 || threshold == *last => Level::Exceeded,
            [first, ..] if threshold == *first => Level::Warning,
            _ => Level::Critical,
        }
    }

    /// The thresholds that lie in `(before, after]`, both of a limit of `amount`. A limit of 0
    /// counts as fully used.
    pub fn crossed(&self, before: i64, after: i64, amount: i64) -> impl Iterator<Item = u32> + '_ {
        let reached = move |used: i64, per_cent: u32| amount > 0 && at(per_cent, used, amount);
        self.0.iter().copied().filter(move |&t| reached(after, t) && !reached(before, t))
    }
}

/// Whether `used` is at least so many per cent of `amount`.
fn at(per_cent: u32, used: i64, amount: i64) -> bool {
    let part = i128::from(per_cent).saturating_mul(i128::from(amount));
    i128::from(used).saturating_mul(100) >= part
}

impl fmt::Display for Thresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl TryFrom<Vec<u32>> for Thresholds {
    type Error = BadThresholds;

    fn try_from(list: Vec<u32>) -> Result<Self, BadThresholds> {
        let ascending = list.is_sorted_by(|a, b| a < b);
        let fits = list.iter().all(|t| (1..=100).contains(t)) && (1..=10).contains(&list.len());
        if ascending && fits { Ok(Self(list)) } else { Err(BadThresholds(list)) }
    }
}

impl From<Thresholds> for Vec<u32> {
    fn from(thresholds: Thresholds) -> Self {
        thresholds.0
    }
}

/// The status words, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Below the first threshold.
    Normal,
    /// At the first threshold.
    Warning,
    /// At the second threshold.
    Critical,
    /// A provider cannot be called. Of no limit.
    Degraded,
    /// A request or token window is full.
    RateLimited,
    /// A budget is spent.
    QuotaExceeded,
    /// Stopped by an operator.
    Suspended,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Normal,
        Self::Warning,
        Self::Critical,
        Self::Degraded,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Suspended,
    ];

    /// Reads what [`Status::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Degraded => "degraded",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Suspended => "suspended",
        }
    }

    /// The status of one limit of `amount` of which `used` is used.
    pub fn of(meter: super::Meter, used: i64, amount: i64, thresholds: &Thresholds) -> Self {
        let at = |per_cent: u32| at(per_cent, used, amount);
        if amount == 0 || at(100) {
            return match meter {
                super::Meter::Usd => Self::QuotaExceeded,
                _ => Self::RateLimited,
            };
        }
        match thresholds.0.as_slice() {
            [_, second, ..] if *second < 100 && at(*second) => Self::Critical,
            [first, ..] if at(*first) => Self::Warning,
            _ => Self::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Meter;
    use super::*;

    #[test]
    fn r027_a_limit_of_zero_is_always_reached_and_divides_nothing() {
        let thresholds = Thresholds::default();
        assert_eq!(Status::of(Meter::Usd, 0, 0, &thresholds), Status::QuotaExceeded);
        assert_eq!(Status::of(Meter::Requests, 0, 0, &thresholds), Status::RateLimited);
        assert_eq!(thresholds.crossed(0, 5, 0).count(), 0);
    }

    #[test]
    fn r028_the_word_follows_the_figure() {
        let check = |meter, used, word| {
            assert_eq!(Status::of(meter, used, 100, &Thresholds::default()), word, "{used}");
        };
        check(Meter::Usd, 79, Status::Normal);
        check(Meter::Usd, 80, Status::Warning);
        check(Meter::Tokens, 90, Status::Critical);
        check(Meter::Requests, 100, Status::RateLimited);
        check(Meter::Usd, 250, Status::QuotaExceeded);
    }

    #[test]
    fn r073_levels_go_by_the_place_in_the_list() {
        let levels = |list: &[u32]| -> Vec<&str> {
            let thresholds = Thresholds::try_from(list.to_vec()).unwrap();
            list.iter().map(|&threshold| thresholds.level(threshold).as_str()).collect()
        };
        assert_eq!(levels(&[80, 90, 100]), ["warning", "critical", "exceeded"]);
        assert_eq!(levels(&[75, 95]), ["warning", "exceeded"]);
        assert_eq!(levels(&[50, 60, 70, 80]), ["warning", "critical", "critical", "exceeded"]);
        assert_eq!(levels(&[100]), ["exceeded"]);
    }

    #[test]
    fn r020_thresholds_outside_their_range_are_refused() {
        for bad in [vec![], vec![0], vec![101], vec![90, 80], vec![80, 80], (1..=11).collect()] {
            assert!(Thresholds::try_from(bad).is_err());
        }
        let one: Vec<u32> = Thresholds::default().crossed(79, 95, 100).collect();
        assert_eq!(one, [80, 90]);
        assert_eq!(Thresholds::default().crossed(80, 85, 100).count(), 0);
    }
}
