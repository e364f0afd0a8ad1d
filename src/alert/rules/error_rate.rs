//! `error_rate`: of the calls of a window, so many per cent came to no answer, or to one of status
//! 400 and above.

use super::super::written::{BadKey, Keys, bad};
use super::{About, Finding, Last};
use crate::ledger::{Kept, Sum};
use serde_json::{Value, json};

/// Of fewer calls than that nothing is said, unless the rule says another number.
const LEAST: u32 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct ErrorRate {
    pub(in crate::alert) percent: u32,
    pub(in crate::alert) minimum_requests: u32,
    pub(in crate::alert) last: Last,
}

impl ErrorRate {
    pub(super) const KEYS: &[&str] = &["account", "percent", "window", "minimum_requests"];

    pub(super) fn read(keys: &Keys<'_>, kept: &Kept) -> Result<Self, BadKey> {
        let percent = keys.percent("percent")?.ok_or_else(|| {
            bad("percent", "it is missing: from how many per cent on it fires, such as 10")
        })?;
        if percent > 100 {
            return Err(bad("percent", format!("{percent} is more than all: 1 to 100")));
        }
        let minimum = keys.number("minimum_requests", u32::MAX)?.unwrap_or(LEAST);
        if minimum == 0 {
            return Err(bad("minimum_requests", "0 calls have no rate: 1 or more"));
        }
        let last = Last::read(keys, "15m", kept)?;
        Ok(Self { percent, minimum_requests: minimum, last })
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "percent": self.percent,
            "minimum_requests": self.minimum_requests,
            "window": self.last.to_string(),
        })
    }

    pub(in crate::alert) fn judge(&self, about: About, sum: &Sum) -> Option<Finding> {
        let (failed, all) = (i128::from(sum.failed), i128::from(sum.requests));
        let enough = all > 0 && all >= i128::from(self.minimum_requests);
        let fires = failed.saturating_mul(100) >= all.saturating_mul(self.percent.into());
        if !enough || !fires {
            return None;
        }
        let tenths = failed.saturating_mul(1000).checked_div(all).unwrap_or_default();
        let (whole, rest) = (tenths.div_euclid(10), tenths.rem_euclid(10));
        Some(Finding {
            period: 0,
            says: format!(
                "ERROR RATE: {whole}.{rest}% of the calls of {} failed, {failed} of {all} in the \
                 last {}; the rule fires at {}%",
                about.in_words(),
                self.last,
                self.percent
            ),
            action: action(&about),
            cost: sum.cost,
            tokens: sum.tokens(),
            ends: None,
            point: about.into(),
        })
    }
}

fn action(about: &About) -> String {
    match about {
        About::Provider(name) => format!(
            "See with which answers: farebox tail --provider {name}. Its credentials: farebox \
             providers show {name}"
        ),
        _ => "See with which answers: farebox tail".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r096_a_rate_needs_enough_calls() {
        let rule = ErrorRate { percent: 10, minimum_requests: 20, last: Last(900_000) };
        let at = |failed, requests| {
            rule.judge(
                About::Provider("openai".to_owned()),
                &Sum { failed, requests, ..Sum::default() },
            )
        };
        assert_eq!(at(19, 19), None);
        assert_eq!(at(1, 20), None);
        let found = at(3, 21).unwrap();
        assert!(found.says.contains("14.2% of the calls of provider:openai"), "{}", found.says);
        assert!(found.action.contains("farebox providers show openai"));
    }
}
