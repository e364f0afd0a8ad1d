//! Limits such as `25 usd/month`: what is counted, over which window, up to which amount. Pure.
//!
//! `grammar` reads and writes the text form, `increase` that of a raise, `window` computes periods, `level` turns a
//! utilisation into a status word.

#![deny(clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod glob;
mod grammar;
mod increase;
mod level;
mod models;
mod window;

pub use glob::glob_matches;
pub use grammar::BadLimit;
pub use increase::Increase;
pub use level::{Level, Status, Thresholds};
pub use models::Models;
pub use window::{Calendar, Period, Steps, Window, date_of, day_of, is_rate};

use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Money, in nano-dollars.
    Usd,
    /// Input and output tokens, cached ones included.
    Tokens,
    /// Calls that were admitted.
    Requests,
    /// Unicode characters of request and answer.
    Characters,
    /// Calls in flight at the same moment. Has no window.
    Concurrent,
}

impl Meter {
    /// The word in limits, fields and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Characters => "characters",
            Self::Concurrent => "concurrent",
        }
    }
}

/// One limit. Text form and serialised form: `25 usd/month`, `3 concurrent`,
/// `10000 requests/day !observe`, `25 usd/month !carry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Limit {
    /// What is counted.
    pub meter: Meter,
    /// Over which window; `None` for `concurrent` only.
    pub window: Option<Window>,
    /// Of which models; `None`: of all.
    pub models: Option<Models>,
    /// The most that is allowed: nano-dollars for `usd`, else a count. 0 refuses everything.
    pub amount: i64,
    /// At most so much of what was not used of a period is added to the next one; `None`: nothing.
    /// Only for windows of the calendar but `total`.
    pub carry: Option<i64>,
    /// Only alert, never refuse.
    pub observe: bool,
}

impl Limit {
    /// The limit's name without its amount: `usd/month`, `usd/day@gpt-5*`, or `concurrent`. Names
    /// the fields of an account in Redis.
    pub fn name(&self) -> String {
        let mut name = self.meter.as_str().to_owned();
        if let Some(window) = self.window {
            name.push('/');
            name.push_str(window.as_str());
        }
        if let Some(models) = &self.models {
            name.push('@');
            name.push_str(models.as_str());
        }
        name
    }

    /// The most that is carried into a period: never more than the limit itself, also where another
    /// program wrote more, and nothing into a rolling window.
    pub fn most_carried(&self) -> i64 {
        let rolling = self.window.is_some_and(|window| window.steps().is_some());
        self.carry.filter(|_| !rolling).map_or(0, |most| most.min(self.amount).max(0))
    }

    /// Whether it counts calls of a model.
    pub fn counts(&self, model: &str) -> bool {
        self.models.is_none_or(|models| models.match_model(model))
    }
}
