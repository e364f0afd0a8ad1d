//! The place of a counter in an account: a meter over a window, of all models or of some, named as
//! in limits and in Redis fields (`usd/month`, `usd/day@gpt-5*`, `concurrent`). Pure.
//!
//! Invariant: limits of an account are checked in the order of their slots, which both back ends
//! share: by name, descending, so that a spent budget is named before a full rate window.

use crate::limit::{Limit, Meter, Models, Steps, Window, is_rate};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::fmt;

/// A meter over a window; `None` for `concurrent` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slot {
    /// What is counted.
    pub meter: Meter,
    /// Over which window.
    pub window: Option<Window>,
    /// Of which models; `None`: of all.
    pub models: Option<Models>,
}

impl Slot {
    /// Dollars of the month, which every account counts even without a limit.
    pub const MONTH_USD: Self =
        Self { meter: Meter::Usd, window: Some(Window::Month), models: None };

    /// The slot of a limit.
    pub const fn of(limit: &Limit) -> Self {
        Self { meter: limit.meter, window: limit.window, models: limit.models }
    }

    /// The limit of so much in this slot, of which so much may be carried over.
    pub const fn limit(self, amount: i64, carry: Option<i64>, observe: bool) -> Limit {
        let Self { meter, window, models } = self;
        Limit { meter, window, models, amount, carry, observe }
    }

    /// Reads `usd/month`, `usd/day@gpt-5*` or `concurrent`.
    pub fn parse(name: &str) -> Option<Self> {
        let (name, models) = match name.split_once('@') {
            Some((name, models)) => (name, Some(models.parse().ok()?)),
            None => (name, None),
        };
        let (meter, window) = match name.split_once('/') {
            Some((meter, window)) => (meter, Some(window)),
            None => (name, None),
        };
        let meter = [Meter::Usd, Meter::Tokens, Meter::Requests, Meter::Characters]
            .into_iter()
            .chain([Meter::Concurrent])
            .find(|m| m.as_str() == meter)?;
        let window = match window {
            Some(word) => Some(Window::ALL.into_iter().find(|w| w.as_str() == word)?),
            None => None,
        };
        let sound = match meter {
            Meter::Concurrent => window.is_none() && models.is_none(),
            _ => window.is_some(),
        };
        sound.then_some(Self { meter, window, models })
    }

    /// Whether it is counted at admission rather than held.
    pub fn is_rate(self) -> bool {
        self.window.is_some_and(|window| is_rate(self.meter, window))
    }

    /// How it is counted, if over a rolling window.
    pub fn steps(self) -> Option<Steps> {
        self.window.and_then(Window::steps)
    }

    /// Whether it counts calls of a model.
    pub fn counts(&self, model: &str) -> bool {
        self.models.is_none_or(|models| models.match_model(model))
    }

    /// Whether its holds are summed apart from those of the account: where it counts only some of
    /// them.
    pub fn holds_apart(&self) -> bool {
        self.models.is_some() && !self.is_rate()
    }

    /// What limits are sorted by.
    pub fn rank(self) -> impl Ord {
        Reverse((self.meter.as_str(), self.window.map(Window::as_str), self.models))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.meter.as_str())?;
        if let Some(window) = self.window {
            write!(f, "/{}", window.as_str())?;
        }
        self.models.map_or(Ok(()), |models| write!(f, "@{models}"))
    }
}

impl TryFrom<String> for Slot {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name).ok_or_else(|| format!("`{name}` is not a meter over a window"))
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            "usd/month",
            "tokens/minute",
            "requests/total",
            "usd/rolling-24h",
            "usd/day@gpt-5*",
            "concurrent",
        ] {
            assert_eq!(Slot::parse(name).map(String::from).as_deref(), Some(name));
        }
        for bad in [
            "usd",
            "concurrent/day",
            "usd/year",
            "eur/month",
            "usd/day@",
            "concurrent@a",
            "usd@a",
            "",
        ] {
            assert_eq!(Slot::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_spent_budget_is_named_before_a_full_rate() {
        let rank = |name| Slot::parse(name).map(Slot::rank);
        assert!(rank("usd/month") < rank("tokens/minute"));
        assert!(rank("tokens/minute") < rank("requests/minute"));
        assert!(rank("requests/day") < rank("concurrent"));
    }
}
