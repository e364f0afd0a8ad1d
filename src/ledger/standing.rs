//! A limit as it stands: what is used and held of it, and what it allows now. Pure.
//!
//! Invariant: what it allows is its amount, what came over from the period before, and its bump.

use super::bump::Bump;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ids::AccountId;
use crate::limit::{Increase, Limit};

/// One limit of one account, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose limit.
    pub account: AccountId,
    /// The limit.
    pub limit: Limit,
    /// By how much it is raised now, if it is.
    pub bump: Option<Bump>,
    /// What was carried over from the period before, if the limit carries anything.
    pub carried: i64,
    /// Used in the current period, without what is held. Nano-dollars for `usd`.
    pub used: i64,
    /// Held by calls in flight.
    pub held: i64,
    /// When the current period ends; of a rolling window, when there is more room again. `None` for
    /// `total` and `concurrent`, and where nothing of a rolling window is used.
    pub resets: Option<UnixMs>,
}

impl Standing {
    /// By how much less must be used so that so much more fits; at least 1.
    pub(super) fn excess(&self, more: i64) -> i64 {
        let owed = self.used.saturating_add(self.held).saturating_add(more);
        owed.saturating_sub(self.allowed()).max(1)
    }

    /// What the limit allows now.
    pub fn allowed(&self) -> i64 {
        let more = self.bump.map_or(0, |bump| bump.amount);
        self.limit.amount.saturating_add(self.carried).saturating_add(more)
    }

    /// The limit with what is added to it:
    /// `25 usd/month !carry +7.5 usd carried +10 usd until 2026-12-01T00:00:00Z`.
    pub fn text(&self) -> String {
        let more =
            |amount| Increase { meter: self.limit.meter, window: None, models: None, amount };
        let mut text = self.limit.to_string();
        if self.carried > 0 {
            text.push_str(&format!(" {} carried", more(self.carried)));
        }
        if let Some(Bump { amount, until }) = self.bump {
            text.push_str(&format!(" {} until {}", more(amount), rfc3339_seconds(until)));
        }
        text
    }

    /// What is left, never below 0.
    pub fn remaining(&self) -> i64 {
        self.allowed().saturating_sub(self.used).saturating_sub(self.held).max(0)
    }
}
