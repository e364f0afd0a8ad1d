//! Whether a call would be taken now, why not, and when again. Pure.
//!
//! Invariant: it says what the ledger would decide of a call that costs next to nothing. A call that
//! needs more than is left may still be refused.

use super::super::view;
use super::figure::Member;
use super::outage::Outage;
use crate::clock::UnixMs;
use crate::control::Defaults;
use crate::ledger::{Account, AccountStatus, Enforcement, Standing};
use crate::limit::Meter;
use serde_json::{Value, json};

/// What is in the way of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    /// The code of the refusal.
    reason: &'static str,
    /// Whole seconds until it is gone; `None` where it does not go by itself.
    wait: Option<i64>,
}

impl Block {
    fn shown(block: Option<Self>) -> Value {
        json!({
            "available": block.is_none(),
            "reason": block.map(|block| block.reason),
            "retry_after": block.and_then(|block| block.wait),
        })
    }
}

/// The `data` of a check where the ledger does not answer.
pub(super) fn unknown() -> Value {
    Block::shown(Some(Block { reason: "ledger_unavailable", wait: Some(2) }))
}

/// The `data` of a check. Of several members one that may call is enough.
pub(super) fn check(
    members: &[Member],
    defaults: &Defaults,
    outage: &Outage,
    now: UnixMs,
) -> Value {
    let blocks = members.iter().map(|member| blocked(member, defaults, now));
    // The first member's, unless one is free.
    let of_limits = blocks.reduce(|first, next| if next.is_none() { None } else { first });
    let provider = outage.all.map(|until| Block {
        reason: "provider_quota_exhausted",
        wait: until.map(|until| seconds(now, until)),
    });
    Block::shown(of_limits.flatten().or(provider))
}

/// The first reason in the order of checking, and the longest wait of all.
fn blocked(member: &Member, defaults: &Defaults, now: UnixMs) -> Option<Block> {
    let suspended = member.accounts.iter().filter(|a| a.status != AccountStatus::Active);
    let suspended = suspended.map(|_| Block { reason: "account_suspended", wait: None });
    let full = member.standings().filter_map(|(account, s)| full(account, s, defaults, now));
    suspended.chain(full).reduce(|first, next| {
        let wait = first.wait.zip(next.wait).map(|(a, b)| a.max(b));
        Block { wait, ..first }
    })
}

fn full(account: &Account, standing: &Standing, defaults: &Defaults, now: UnixMs) -> Option<Block> {
    let mode = view::enforcement(account, defaults);
    let limit = &standing.limit;
    if limit.observe || mode == Enforcement::Observe || limit.models.is_some() {
        return None;
    }
    let allowed = standing.allowed();
    let spent = allowed == 0 || standing.used >= allowed;
    if !spent && (mode == Enforcement::Postpaid || standing.remaining() > 0) {
        return None;
    }
    let reason = match limit.meter {
        Meter::Usd => "insufficient_quota",
        Meter::Concurrent => "concurrency_limit_exceeded",
        Meter::Tokens | Meter::Requests | Meter::Characters => "rate_limit_exceeded",
    };
    let wait = match standing.resets {
        _ if allowed == 0 => None,
        // What only calls in flight hold may be free at any time.
        _ if !spent || limit.meter == Meter::Concurrent => Some(1),
        resets => resets.map(|at| seconds(now, at)),
    };
    Some(Block { reason, wait })
}

/// Whole seconds, at least one.
fn seconds(now: UnixMs, until: UnixMs) -> i64 {
    until.saturating_sub(now).saturating_add(999).div_euclid(1_000).max(1)
}
