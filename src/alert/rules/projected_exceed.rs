//! `projected_exceed`: at the end of its period a limit will be passed, if it goes on like that.
//! What is expected is computed elsewhere; here it is compared.

use super::super::written::{BadKey, Keys};
use super::{About, Finding, Point, Projection};
use crate::clock::rfc3339_seconds;
use crate::limit::Calendar;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct ProjectedExceed {
    pub(in crate::alert) percent: u32,
}

impl ProjectedExceed {
    pub(super) const KEYS: &[&str] = &["account", "percent"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        Ok(Self { percent: keys.percent("percent")?.unwrap_or(100) })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"percent": self.percent})
    }

    pub(in crate::alert) fn judge(
        &self,
        expected: &Projection,
        calendar: &Calendar,
    ) -> Option<Finding> {
        let Projection { account, limit, allowed, used, projected, .. } = expected;
        let part = i128::from(allowed.get()).checked_mul(self.percent.into())?;
        if i128::from(projected.get()).checked_mul(100)? <= part {
            return None;
        }
        let when = match expected.exhausts {
            Some(at) => format!("; it is used up at {}", rfc3339_seconds(at)),
            None => String::new(),
        };
        Some(Finding {
            period: calendar.period(limit.window?, expected.ends.checked_sub(1)?),
            says: format!(
                "FORECAST: {account} has spent ${used} of ${allowed} ({limit}), and will have spent \
                 ${projected} at {}{when}; the rule fires above {}%",
                rfc3339_seconds(expected.ends),
                self.percent
            ),
            action: format!(
                "See what it spends on: farebox usage --group-by user,model. To raise the limit: \
                 farebox limits set {account} LIMIT"
            ),
            cost: *used,
            tokens: 0,
            ends: Some(expected.ends),
            point: Point { about: About::Account(account.clone()), limit: Some(limit.name()) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::NanoUsd;

    #[test]
    fn r097_it_fires_above_the_limit_and_says_when_it_is_used_up() {
        let of = |projected| {
            let expected = Projection {
                account: "user:alice".parse().unwrap(),
                limit: "25usd/month".parse().unwrap(),
                allowed: NanoUsd::new(25_000_000_000),
                used: NanoUsd::new(10_000_000_000),
                projected: NanoUsd::new(projected),
                exhausts: Some(1_795_900_416_123),
                ends: 1_796_083_200_000,
            };
            ProjectedExceed { percent: 100 }.judge(&expected, &Calendar::default())
        };
        assert_eq!(of(25_000_000_000), None);
        let found = of(25_000_000_001).unwrap();
        assert!(found.says.contains("used up at 2026-11-28T21:13:36Z"), "{}", found.says);
        assert_eq!(found.period, 202_611);
        assert_eq!(found.point.to_string(), "user:alice usd/month");
    }
}
