//! A limit's use reached a threshold: what the ledger tells of it, and what the log says.
//!
//! Not here: whom it is sent to.

use crate::ids::{AccountId, AccountKind};
use crate::limit::{Level, Limit, Meter, Period};
use crate::money::NanoUsd;
use serde::{Deserialize, Serialize};

/// A limit's use reached one of the account's thresholds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// Whose limit.
    pub account: AccountId,
    /// The limit.
    pub limit: Limit,
    /// In which period.
    pub period: Period,
    /// Per cent.
    pub threshold: u32,
    /// How grave that is.
    pub level: Level,
    /// What is used now.
    pub used: i64,
    /// What the limit allows now.
    pub allowed: i64,
}

impl Crossing {
    /// What happened, in a sentence: `QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars)`. A
    /// credential goes by its bare name, as its provider's console has it.
    pub fn sentence(&self) -> String {
        let name = self.name();
        let word = match self.level {
            Level::Warning => "WARNING",
            Level::Critical => "CRITICAL",
            Level::Exceeded => "EXCEEDED",
        };
        let (used, allowed) = (shown_amount(self.limit.meter, self.used), self.allowance());
        format!("QUOTA {word}: {name} at {}% ({used}/{allowed})", self.per_cent())
    }

    /// The account's name; a credential's is bare.
    pub fn name(&self) -> String {
        match self.account.kind {
            AccountKind::Credential => self.account.id.to_string(),
            _ => self.account.to_string(),
        }
    }

    /// What the limit allows, with its unit: `14,400 chars`, `$25`.
    pub fn allowance(&self) -> String {
        let meter = self.limit.meter;
        format!("{}{}", shown_amount(meter, self.allowed), unit(meter))
    }

    /// Used of what is allowed, in per cent with one decimal, rounded down; 100 of nothing.
    pub fn per_cent(&self) -> String {
        let allowed = i128::from(self.allowed);
        let tenths = i128::from(self.used).saturating_mul(1_000).checked_div(allowed);
        let tenths = tenths.unwrap_or(1_000);
        format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
    }

    /// Writes it to the log: a warning at the first threshold, an error at the others.
    pub(super) fn log(&self) {
        let Self { account, limit, period, threshold, level, used, .. } = self;
        let (sentence, level) = (self.sentence(), *level);
        if level == Level::Warning {
            tracing::warn!(%account, %limit, period, threshold, alert_level = level.as_str(), used, "{sentence}");
        } else {
            tracing::error!(%account, %limit, period, threshold, alert_level = level.as_str(), used, "{sentence}");
        }
    }
}

/// An amount of a meter: dollars as `$1.5`, counts with a comma at each thousand.
pub fn shown_amount(meter: Meter, amount: i64) -> String {
    if meter == Meter::Usd {
        return format!("${}", NanoUsd::new(amount));
    }
    let digits = amount.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(at);
        if at > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn unit(meter: Meter) -> &'static str {
    match meter {
        Meter::Usd => "",
        Meter::Tokens => " tokens",
        Meter::Requests => " requests",
        Meter::Characters => " chars",
        Meter::Concurrent => " at once",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(account: &str, limit: &str, used: i64, level: Level) -> Crossing {
        let limit: Limit = limit.parse().unwrap();
        Crossing {
            account: account.parse().unwrap(),
            limit,
            period: 20_261_128,
            threshold: 100,
            level,
            used,
            allowed: limit.amount,
        }
    }

    #[test]
    fn r075_the_message_at_the_limit_says_both() {
        let full = crossing("credential:groq_1", "14400characters/day", 14_400, Level::Exceeded);
        assert_eq!(full.sentence(), "QUOTA EXCEEDED: groq_1 at 100.0% (14,400/14,400 chars)");
        let over = crossing("user:alice", "25usd/month", 25_500_000_000, Level::Exceeded);
        assert_eq!(over.sentence(), "QUOTA EXCEEDED: user:alice at 102.0% ($25.5/$25)");
    }

    #[test]
    fn percentages_never_reach_100_early() {
        let near = crossing("key:k", "1000000tokens/day", 999_999, Level::Critical);
        assert_eq!(near.sentence(), "QUOTA CRITICAL: key:k at 99.9% (999,999/1,000,000 tokens)");
        let none = crossing("key:k", "0requests/day", 1, Level::Exceeded);
        assert_eq!(none.sentence(), "QUOTA EXCEEDED: key:k at 100.0% (1/0 requests)");
    }
}
