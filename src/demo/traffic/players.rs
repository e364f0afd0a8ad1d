//! The users of the demonstration: after a few seconds their budgets are used to different degrees,
//! and stay so while they make small calls only. One spends more than he has, because nothing is held
//! for him, and is refused then; one has no limit.

use super::tunes::{
    CACHED_CHAT, EMBEDDINGS, MESSAGE, RESPONSE, SHORT_CHAT, SILENT_STREAM, STREAMED_CHAT,
    STREAMED_MESSAGE, STREAMED_RESPONSE, Tune,
};
use crate::ledger::Enforcement;
use std::time::Duration;

/// A user who calls over and over.
#[derive(Debug, Clone, Copy)]
pub struct Player {
    /// The user's id.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The workspace that it belongs to.
    pub workspace: &'static str,
    /// The user's limits; the first one is the budget.
    pub limits: &'static [&'static str],
    /// What is enforced before a call goes out.
    pub enforcement: Enforcement,
    /// Pause between two calls.
    pub pace: Duration,
    /// Calls in flight at most.
    pub hands: usize,
    /// What is asked for, in turn.
    pub tunes: &'static [Tune],
    /// So many calls of each hand are from `tunes`; those after are small and far between.
    pub brisk: u64,
}

/// The workspaces of the players, besides the one that is always there.
pub const WORKSPACES: [(&str, &str); 3] =
    [("research", "Research"), ("platform", "Platform"), ("support", "Support")];

/// A player who never tires.
const ALWAYS: u64 = u64::MAX;

/// Everyone in the demonstration.
pub const PLAYERS: [Player; 7] = [
    Player {
        id: "ada",
        name: "Ada Moreau",
        workspace: "research",
        limits: &["10usd/month", "600requests/minute"],
        enforcement: Enforcement::Balanced,
        pace: Duration::from_millis(250),
        hands: 2,
        tunes: &[CACHED_CHAT, STREAMED_CHAT, RESPONSE],
        brisk: 29,
    },
    Player {
        id: "ben",
        name: "Ben Okafor",
        workspace: "platform",
        limits: &["0.25usd/day"],
        enforcement: Enforcement::Postpaid,
        pace: Duration::from_millis(150),
        hands: 2,
        tunes: &[STREAMED_CHAT],
        brisk: 14,
    },
    Player {
        id: "cleo",
        name: "Cleo Lindqvist",
        workspace: "platform",
        limits: &["5usd/month", "10000000tokens/minute"],
        enforcement: Enforcement::Balanced,
        pace: Duration::from_millis(200),
        hands: 2,
        tunes: &[STREAMED_MESSAGE, EMBEDDINGS, MESSAGE, STREAMED_RESPONSE],
        brisk: 46,
    },
    Player {
        id: "dan",
        name: "Dan Petrov",
        workspace: "support",
        limits: &["2usd/week"],
        enforcement: Enforcement::Balanced,
        pace: Duration::from_millis(300),
        hands: 1,
        tunes: &[STREAMED_MESSAGE, MESSAGE, STREAMED_CHAT],
        brisk: 29,
    },
    Player {
        id: "eve",
        name: "Eve Nakamura",
        workspace: "support",
        limits: &["20usd/month", "30requests/minute"],
        enforcement: Enforcement::Balanced,
        pace: Duration::from_millis(600),
        hands: 1,
        tunes: &[STREAMED_RESPONSE, STREAMED_CHAT, RESPONSE],
        brisk: ALWAYS,
    },
    Player {
        id: "finn",
        name: "Finn Walsh",
        workspace: "research",
        limits: &["5usd/month"],
        enforcement: Enforcement::Balanced,
        pace: Duration::from_millis(350),
        hands: 1,
        tunes: &[MESSAGE, RESPONSE],
        brisk: 20,
    },
    Player {
        id: "ci",
        name: "CI",
        workspace: "platform",
        limits: &[],
        enforcement: Enforcement::Balanced,
        pace: Duration::from_millis(500),
        hands: 1,
        tunes: &[SHORT_CHAT, STREAMED_MESSAGE, EMBEDDINGS, SILENT_STREAM],
        brisk: ALWAYS,
    },
];
