//! `burn_rate`: money goes faster than so much an hour, or than a limit allows at an even pace.

use super::super::written::{BadKey, Keys, bad};
use super::finding::spend_action;
use super::{About, Finding, Last, Point};
use crate::clock::UnixMs;
use crate::ledger::{Kept, Standing, Sum};
use crate::limit::{Calendar, Meter};
use crate::money::NanoUsd;
use serde_json::{Value, json};

const HOUR: i128 = 3_600_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct BurnRate {
    pub(in crate::alert) pace: Pace,
    pub(in crate::alert) last: Last,
}

/// From which pace on it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::alert) enum Pace {
    /// So much an hour.
    Hourly(NanoUsd),
    /// So many per cent of what would use a limit up at the very end of its period.
    Even(u32),
}

impl BurnRate {
    pub(super) const KEYS: &[&str] = &["account", "amount", "percent", "window"];

    pub(super) fn read(keys: &Keys<'_>, kept: &Kept) -> Result<Self, BadKey> {
        let pace = match (keys.dollars("amount")?, keys.percent("percent")?) {
            (Some(amount), None) => Pace::Hourly(amount),
            (None, Some(percent)) => Pace::Even(percent),
            _ => {
                let detail = "give either `amount`, dollars an hour such as 5usd, or `percent` of \
                              what the limit allows at an even pace, such as 200";
                return Err(bad("amount", detail));
            }
        };
        Ok(Self { pace, last: Last::read(keys, "1h", kept)? })
    }

    pub(super) fn shown(&self) -> Value {
        match self.pace {
            Pace::Hourly(amount) => {
                json!({"amount": format!("{amount}usd"), "window": self.last.to_string()})
            }
            Pace::Even(percent) => json!({"percent": percent, "window": self.last.to_string()}),
        }
    }

    /// Whether it is judged by the limits of accounts.
    pub(in crate::alert) fn needs_limits(&self) -> bool {
        matches!(self.pace, Pace::Even(_))
    }

    /// What was spent in the window, as so much an hour; rounded down.
    fn hourly(&self, spent: NanoUsd) -> NanoUsd {
        let rate = i128::from(spent.get()).saturating_mul(HOUR).checked_div(self.last.0.into());
        NanoUsd::new(i64::try_from(rate.unwrap_or_default()).unwrap_or(i64::MAX))
    }

    /// Judges by a pace of dollars.
    pub(in crate::alert) fn judge(&self, about: About, sum: &Sum) -> Option<Finding> {
        let Pace::Hourly(amount) = self.pace else { return None };
        let hourly = self.hourly(sum.cost);
        let fires = i128::from(sum.cost.get()).saturating_mul(HOUR)
            >= i128::from(amount.get()).saturating_mul(self.last.0.into());
        fires.then(|| Finding {
            period: 0,
            says: format!(
                "BURN RATE: {} spends ${hourly} an hour ({}), the rule fires at ${amount}",
                about.in_words(),
                self.within(sum.cost)
            ),
            action: spend_action(&about),
            cost: sum.cost,
            tokens: sum.tokens(),
            ends: None,
            point: about.into(),
        })
    }

    /// Judges by one of the account's limits.
    pub(in crate::alert) fn judge_limit(
        &self,
        standing: &Standing,
        sum: &Sum,
        (calendar, now): (&Calendar, UnixMs),
    ) -> Option<Finding> {
        let Pace::Even(percent) = self.pace else { return None };
        let limit = standing.limit;
        let window =
            limit.window.filter(|_| limit.meter == Meter::Usd && limit.models.is_none())?;
        let whole = calendar.ends(window, now)?.checked_sub(calendar.begins(window, now)?)?;
        let allowed = NanoUsd::new(standing.allowed());
        let even = i128::from(allowed.get()).checked_mul(self.last.0.into())?;
        let pace = i128::from(sum.cost.get()).checked_mul(whole.into())?.checked_mul(100)?;
        if sum.cost <= NanoUsd::ZERO || pace < even.checked_mul(percent.into())? {
            return None;
        }
        let is = pace.checked_div(even).map_or_else(|| "above 0".to_owned(), |is| is.to_string());
        let account = standing.account.clone();
        let about = About::Account(account.clone());
        Some(Finding {
            period: 0,
            says: format!(
                "BURN RATE: {account} spends ${} an hour ({}), {is}% of an even pace through its \
                 limit of ${allowed} a {}; the rule fires at {percent}%",
                self.hourly(sum.cost),
                self.within(sum.cost),
                window.as_str()
            ),
            action: spend_action(&about),
            cost: sum.cost,
            tokens: sum.tokens(),
            ends: None,
            point: Point { about, limit: Some(limit.name()) },
        })
    }

    fn within(&self, spent: NanoUsd) -> String {
        format!("${spent} in the last {}", self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(nanos: i64) -> Sum {
        Sum { cost: NanoUsd::new(nanos), ..Sum::default() }
    }

    #[test]
    fn r096_a_pace_is_compared_exactly() {
        let amount = NanoUsd::new(6_000_000_000);
        let rule = BurnRate { pace: Pace::Hourly(amount), last: Last(10 * 60_000) };
        assert_eq!(rule.judge(About::All, &spent(999_999_999)), None);
        let found = rule.judge(About::All, &spent(1_000_000_000)).unwrap();
        assert!(found.says.contains("spends $6 an hour ($1 in the last 10m)"), "{}", found.says);
    }

    #[test]
    fn r096_an_even_pace_uses_a_limit_up_at_its_end() {
        let calendar = Calendar::named("UTC").unwrap();
        let now = 1_795_900_416_123;
        let standing = Standing {
            account: "user:a".parse().unwrap(),
            limit: "24usd/day".parse().unwrap(),
            bump: None,
            carried: 0,
            used: 0,
            held: 0,
            resets: None,
        };
        let rule = BurnRate { pace: Pace::Even(200), last: Last(3_600_000) };
        let at = |nanos| rule.judge_limit(&standing, &spent(nanos), (&calendar, now));
        assert_eq!(at(1_999_999_999), None);
        let found = at(2_000_000_000).unwrap();
        assert!(found.says.contains("200% of an even pace"), "{}", found.says);
        assert_eq!(found.point.to_string(), "user:a usd/day");
    }
}
