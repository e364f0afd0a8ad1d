//! The users of the demonstration. Two of them have budgets that do not last.

use super::tunes::{
    CACHED_CHAT, EMBEDDINGS, RESPONSE, SHORT_CHAT, SILENT_STREAM, STREAMED_CHAT, STREAMED_RESPONSE,
    Tune,
};
use std::time::Duration;

/// A user who calls over and over.
#[derive(Debug, Clone, Copy)]
pub struct Player {
    /// The user's id.
    pub name: &'static str,
    /// The user's limits; the first one is the budget.
    pub limits: &'static [&'static str],
    /// Pause between two calls.
    pub pace: Duration,
    /// Calls in flight at most.
    pub hands: usize,
    /// What is asked for, in turn.
    pub tunes: &'static [Tune],
}

/// Everyone in the demonstration.
pub const PLAYERS: [Player; 5] = [
    Player {
        name: "ada",
        limits: &["25usd/month", "600requests/minute"],
        pace: Duration::from_millis(150),
        hands: 2,
        tunes: &[CACHED_CHAT, STREAMED_CHAT, RESPONSE],
    },
    Player {
        name: "ben",
        limits: &["0.02usd/day"],
        pace: Duration::from_millis(250),
        hands: 1,
        tunes: &[CACHED_CHAT, SILENT_STREAM],
    },
    Player {
        name: "cleo",
        limits: &["5usd/month", "100000tokens/minute"],
        pace: Duration::from_millis(120),
        hands: 2,
        tunes: &[SILENT_STREAM, EMBEDDINGS, SHORT_CHAT, STREAMED_RESPONSE],
    },
    Player {
        name: "dan",
        limits: &["0.004usd/month"],
        pace: Duration::from_millis(200),
        hands: 1,
        tunes: &[SHORT_CHAT, EMBEDDINGS, SILENT_STREAM],
    },
    Player {
        name: "eve",
        limits: &["10usd/month", "30requests/minute"],
        pace: Duration::from_millis(300),
        hands: 1,
        tunes: &[STREAMED_RESPONSE, STREAMED_CHAT, RESPONSE],
    },
];
