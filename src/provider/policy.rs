//! How a provider's pool is used, as the operator wrote it.

use super::breaker::BreakerBounds;

/// In which order the credentials of a pool are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// The first that can be used, in the order of the file.
    #[default]
    Priority,
    /// In proportion to their weights.
    Weighted,
    /// The one whose quota is used least; where one has no quota, the one with the fewest calls.
    LeastUsed,
    /// One after the other.
    RoundRobin,
}

impl Choose {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Weighted => "weighted",
            Self::LeastUsed => "least_used",
            Self::RoundRobin => "round_robin",
        }
    }
}

/// How a pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The order.
    pub choose: Choose,
    /// Calls of one key for one model stay on one credential while it can be used. Says nothing
    /// where the order is `priority`, which is so anyway.
    pub sticky: bool,
    /// When a credential is taken out for a while.
    pub breaker: BreakerBounds,
    /// How often one call may be sent again after a failure.
    pub retries: u32,
    /// How many of a hundred calls may be.
    pub retry_budget_percent: u32,
    /// Send a call again that the provider may have billed already.
    pub retry_billed: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            choose: Choose::Priority,
            sticky: false,
            breaker: BreakerBounds::default(),
            retries: 1,
            retry_budget_percent: 10,
            retry_billed: false,
        }
    }
}
