//! `absolute_usd`: so much was spent in a window.

use super::super::written::{BadKey, Keys, bad};
use super::finding::spend_action;
use super::{About, Finding, Over};
use crate::clock::UnixMs;
use crate::ledger::{Kept, Sum};
use crate::limit::Calendar;
use crate::money::NanoUsd;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct AbsoluteUsd {
    pub(in crate::alert) amount: NanoUsd,
    pub(in crate::alert) over: Over,
}

impl AbsoluteUsd {
    pub(super) const KEYS: &[&str] = &["account", "amount", "window"];

    pub(super) fn read(keys: &Keys<'_>, kept: &Kept) -> Result<Self, BadKey> {
        let amount = keys.dollars("amount")?.ok_or_else(|| {
            bad("amount", "it is missing: from how many dollars on it fires, such as 100usd")
        })?;
        Ok(Self { amount, over: Over::read(keys, "day", kept)? })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"amount": format!("{}usd", self.amount), "window": self.over.to_string()})
    }

    pub(in crate::alert) fn judge(
        &self,
        about: About,
        sum: &Sum,
        (calendar, now): (&Calendar, UnixMs),
    ) -> Option<Finding> {
        let spent = sum.cost;
        (spent >= self.amount).then(|| Finding {
            period: self.over.period(calendar, now),
            says: format!(
                "COST ALERT: {} spent ${spent} {}, the rule fires at ${}",
                about.in_words(),
                self.over.in_words(),
                self.amount
            ),
            action: spend_action(&about),
            cost: spent,
            tokens: sum.tokens(),
            ends: self.over.ends(calendar, now),
            point: about.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Window;

    #[test]
    fn r096_it_fires_at_the_amount_and_not_a_nano_dollar_below() {
        let calendar = Calendar::named("UTC").unwrap();
        let amount = NanoUsd::new(100_000_000_000);
        let rule = AbsoluteUsd { amount, over: Over::Present(Window::Day) };
        let at = |nanos| {
            let sum = Sum { cost: NanoUsd::new(nanos), ..Sum::default() };
            rule.judge(About::All, &sum, (&calendar, 1_795_900_416_123))
        };
        assert_eq!(at(99_999_999_999), None);
        let found = at(100_000_000_000).unwrap();
        assert_eq!((found.period, found.ends), (20_261_128, Some(1_795_910_400_000)));
        assert_eq!(
            found.says,
            "COST ALERT: all accounts together spent $100 this day, the rule fires at $100"
        );
    }
}
