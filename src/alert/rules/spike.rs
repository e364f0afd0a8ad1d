//! `spike`: more is spent than is usual at this time of day.
//!
//! Usual is the median of what the same hours of the seven days before came to, from the first of
//! these days on which anything was spent; of fewer than three days nothing is known. Looked at are
//! the window that ends with the present hour, which is not over yet, and the one before it, so that
//! a spike does not seem to be over at the full hour.

use super::super::written::{BadKey, Keys, bad};
use super::finding::spend_action;
use super::{About, Finding, Last};
use crate::clock::UnixMs;
use crate::ledger::{Kept, Sum};
use crate::limit::{Calendar, Period, Window};
use crate::money::NanoUsd;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// So many days before are looked at, and so many must be known.
const DAYS: i64 = 7;
const LEAST_DAYS: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct Spike {
    pub(in crate::alert) percent: u32,
    /// Below that it never fires.
    pub(in crate::alert) least: NanoUsd,
    pub(in crate::alert) last: Last,
}

/// What was spent in each hour, by its id.
pub(in crate::alert) type Hours = BTreeMap<Period, Sum>;

impl Spike {
    pub(super) const KEYS: &[&str] = &["account", "percent", "amount", "window"];

    pub(super) fn read(keys: &Keys<'_>, kept: &Kept) -> Result<Self, BadKey> {
        let percent = keys.percent("percent")?.unwrap_or(300);
        if percent <= 100 {
            let detail = format!("{percent} per cent of the usual is no spike: 101 or more");
            return Err(bad("percent", detail));
        }
        let least = keys.dollars("amount")?.unwrap_or(NanoUsd::new(1_000_000_000));
        let last = Last::read(keys, "1h", kept)?;
        if last.0 % HOUR != 0 || last.0 > DAY {
            return Err(bad("window", format!("{last} is not whole hours: 1h to 24h")));
        }
        let needed = Self { percent, least, last };
        if needed.reaches_back() > kept.hours {
            return Err(bad("window", "sums of hours are not kept for eight days (history)"));
        }
        Ok(needed)
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "percent": self.percent,
            "amount": format!("{}usd", self.least),
            "window": self.last.to_string(),
        })
    }

    /// How far back its hours reach.
    pub(in crate::alert) fn reaches_back(&self) -> i64 {
        DAY.saturating_mul(DAYS).saturating_add(self.last.0.saturating_mul(2))
    }

    pub(in crate::alert) fn judge(
        &self,
        about: &About,
        hours: &Hours,
        (calendar, now): (&Calendar, UnixMs),
    ) -> Option<Finding> {
        let windows = [now, now.saturating_sub(self.last.0)];
        windows.into_iter().find_map(|at| self.judge_at(about, hours, (calendar, at)))
    }

    fn judge_at(
        &self,
        about: &About,
        hours: &Hours,
        (calendar, at): (&Calendar, UnixMs),
    ) -> Option<Finding> {
        let sum = self.sum(hours, calendar, at);
        let before = |days: i64| self.sum(hours, calendar, at.saturating_sub(days * DAY)).cost;
        let earlier: Vec<NanoUsd> = (1..=DAYS).map(before).collect();
        let first =
            hours.iter().find(|(_, sum)| sum.cost > NanoUsd::ZERO).map(|(hour, _)| *hour)?;
        let is_known = |days: &usize| {
            let days = i64::try_from(*days).unwrap_or(DAYS).saturating_add(1);
            let day = calendar.period(Window::Hour, at.saturating_sub(days * DAY));
            day.div_euclid(100) >= first.div_euclid(100)
        };
        let known = (0..earlier.len()).take_while(is_known).count();
        let usual = median(earlier.get(..known)?)?;
        let spent = sum.cost;
        let fires = i128::from(spent.get()).saturating_mul(100)
            >= i128::from(usual.get()).saturating_mul(self.percent.into());
        if known < LEAST_DAYS || spent < self.least || !fires {
            return None;
        }
        Some(Finding {
            period: 0,
            says: format!(
                "COST SPIKE: {} spent ${spent} within {}, usual at this time of day are ${usual} \
                 (median of {known} days); the rule fires at {}%",
                about.in_words(),
                self.last,
                self.percent
            ),
            action: spend_action(about),
            cost: spent,
            tokens: sum.tokens(),
            ends: None,
            point: about.clone().into(),
        })
    }

    /// The window that ends with the hour of a moment.
    fn sum(&self, hours: &Hours, calendar: &Calendar, at: UnixMs) -> Sum {
        let each = (0..self.last.0.div_euclid(HOUR)).map(|back| {
            let hour = calendar.period(Window::Hour, at.saturating_sub(back.saturating_mul(HOUR)));
            hours.get(&hour).copied().unwrap_or_default()
        });
        each.fold(Sum::default(), |all, one| all.plus(&one))
    }
}

/// The one in the middle; of an even number the lower of both.
fn median(all: &[NanoUsd]) -> Option<NanoUsd> {
    let mut sorted = all.to_vec();
    sorted.sort();
    sorted.get(sorted.len().checked_sub(1)?.div_euclid(2)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_795_900_416_123;

    fn judged(days: &[(i64, i64)], now_usd: i64) -> Option<Finding> {
        let calendar = Calendar::named("UTC").unwrap();
        let rule = Spike { percent: 300, least: NanoUsd::new(1_000_000_000), last: Last(HOUR) };
        let mut hours = Hours::new();
        let mut put = |at, dollars: i64| {
            let cost = NanoUsd::new(dollars * 1_000_000_000);
            hours.insert(calendar.period(Window::Hour, at), Sum { cost, ..Sum::default() });
        };
        days.iter().for_each(|(day, dollars)| put(NOW - day * DAY, *dollars));
        put(NOW, now_usd);
        rule.judge(&About::All, &hours, (&calendar, NOW))
    }

    #[test]
    fn r096_three_times_the_usual_of_this_hour_is_a_spike() {
        let week: Vec<_> = (1..=7).map(|day| (day, day)).collect();
        assert_eq!(judged(&week, 11), None);
        let found = judged(&week, 12).unwrap();
        assert!(found.says.contains("usual at this time of day are $4"), "{}", found.says);
        assert_eq!(judged(&[(1, 2), (2, 2)], 100), None, "two days are no habit");
        assert!(judged(&[(1, 2), (2, 2), (3, 2)], 6).is_some());
        assert_eq!(judged(&[(3, 2)], 0), None, "nothing is no spike of nothing");
    }
}
