//! The names of all keys in Redis. Only ids that were validated become part of one.
//!
//! Invariant: every key but `farebox:meta` carries the shard's tag, so all keys of a call share a
//! slot; or that of a credential, so all keys of an attempt do.

use super::super::once::OnceKey;
use super::super::records::RecordKind;
use super::super::rollup::Tier;
use super::super::sorting::SortBy;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::limit::Period;

/// Open holds of all calls by the end of their lease.
pub const LEASES: &str = "farebox:{0}:leases";
/// Usage events.
pub const EVENTS: &str = "farebox:{0}:events";
/// What operators changed.
pub const AUDIT: &str = "farebox:{0}:audit";
/// Users by their highest utilisation.
pub const UTILIZATION: &str = "farebox:{0}:utilization";
/// Whose turn it is to look at the next users.
pub const WALK: &str = "farebox:{0}:users:walk";
/// Totals of deleted workspaces.
pub const DELETED: &str = "farebox:{0}:deleted";
/// Versions.
pub const META: &str = "farebox:meta";
/// Alerts that were raised, by when.
pub const ALERTS: &str = "farebox:{0}:alerts";
/// What is remembered of accounts, limits and thresholds that fired.
pub const ALERT_MARKS: &str = "farebox:{0}:alert-marks";
/// How fast channels were used lately.
pub const ALERT_PACES: &str = "farebox:{0}:alert-paces";
/// What the names of sums begin with.
pub const ROLLUP: &str = "farebox:{0}:rollup:";
/// Minutes whose sums are not folded yet, by how many rows are not.
pub const ROLLUP_OPEN: &str = "farebox:{0}:rollup:open";
/// Who folds them has it.
pub const ROLLUP_TURN: &str = "farebox:{0}:rollup:turn";
/// The moments of which there are snapshots.
pub const SNAPSHOTS: &str = "farebox:{0}:snapshots";
/// The channel of hints between proxies; no key.
pub const HINTS: &str = "farebox:{0}:hints";
/// What all keys begin with.
pub const PREFIX: &str = "farebox:";
const SHARD: &str = "farebox:{0}:";
const RECORD: &str = "farebox:{0}:record:";

/// The account.
pub fn account(id: &AccountId) -> String {
    match id.kind {
        AccountKind::Credential => ["farebox:{credential:", id.id.as_str(), "}"].concat(),
        _ => [SHARD, id.kind.as_str(), ":", id.id.as_str()].concat(),
    }
}

/// The open holds of an account, by the end of their lease.
pub fn holds(id: &AccountId) -> String {
    account(id) + ":holds"
}

/// What is set aside for an attempt.
pub fn attempt(credential: &Id, id: &CallId) -> String {
    format!("farebox:{{credential:{credential}}}:hold:{id}")
}

/// How an attempt ended.
pub fn attempt_mark(credential: &Id, id: &CallId) -> String {
    format!("farebox:{{credential:{credential}}}:settled:{id}")
}

/// What the names of the days of a credential begin with.
pub fn days(credential: &Id) -> String {
    format!("farebox:{{credential:{credential}}}:day:")
}

/// The sums of a period of a tier.
pub fn rollup(tier: Tier, period: Period) -> String {
    format!("{ROLLUP}{}:{period}", tier.as_str())
}

/// The snapshots of a moment.
pub fn snapshots(at: UnixMs) -> String {
    format!("{SNAPSHOTS}:{at}")
}

/// What is set aside for a call.
pub fn hold(id: &CallId) -> String {
    format!("farebox:{{0}}:hold:{id}")
}

/// How a call was ended.
pub fn mark(id: &CallId) -> String {
    format!("farebox:{{0}}:settled:{id}")
}

/// What became of a key that is charged once.
pub fn once(key: &OnceKey) -> String {
    format!("farebox:{{0}}:once:{key}")
}

/// The ids of all accounts of a kind.
pub fn index(kind: AccountKind) -> String {
    format!("farebox:{{0}}:{}s", kind.as_str())
}

/// Users in an order.
pub fn ranked(by: SortBy) -> String {
    let order = match by {
        SortBy::Id => return index(AccountKind::User),
        SortBy::Utilization => "by-utilization",
        SortBy::Spent => "by-spent",
        SortBy::Name => "by-name",
    };
    format!("farebox:{{0}}:users:{order}")
}

/// The ids of the keys of a user, or of the users of a workspace.
pub fn below(id: &AccountId) -> String {
    let children = if id.kind == AccountKind::Workspace { "users" } else { "keys" };
    format!("farebox:{{0}}:{id}:{children}")
}

/// A small document.
pub fn record(kind: RecordKind, id: &Id) -> String {
    format!("{RECORD}{}:{id}", kind.as_str())
}

/// What [`record`] is the name of.
pub fn parse_record(name: &str) -> Option<(RecordKind, &str)> {
    let (word, id) = name.strip_prefix(RECORD)?.split_once(':')?;
    let kind = RecordKind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
    Some((kind, id))
}

/// An alert.
pub fn alert(id: &Id) -> String {
    format!("farebox:{{0}}:alert:{id}")
}

/// What is to be sent to a channel, by when.
pub fn alerts_due(channel: &Id) -> String {
    format!("farebox:{{0}}:alerts-due:{channel}")
}

/// The ids of all records of a kind.
pub fn records(kind: RecordKind) -> String {
    format!("farebox:{{0}}:records:{}", kind.as_str())
}

/// The records of a kind that expire, by when they do.
pub fn record_expiries(kind: RecordKind) -> String {
    records(kind) + ":expiries"
}

/// The account above one, and the index of what is below that.
pub fn above(workspace: Option<&Id>, owner: Option<&Id>) -> Option<AccountId> {
    owner.map(AccountId::user).or_else(|| workspace.map(AccountId::workspace))
}
