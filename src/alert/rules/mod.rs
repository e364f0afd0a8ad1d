//! Rules: what an operator wants to hear of besides the thresholds of limits. A rule, its figures
//! in, what fires out; one file for each kind. Pure: who reads the figures is `figures`, and who
//! raises what fires is `ruling`, both one floor up.
//!
//! Invariants: money is compared exactly, as whole nano-dollars. A rule that says the same of the
//! same accounts has the same revision, so what it fired for is known again on every proxy.

mod absolute_usd;
mod burn_rate;
mod error_rate;
mod finding;
mod journal_backlog;
mod kind;
mod ledger_imbalance;
mod projected_exceed;
mod quarantined;
mod rule;
mod scope;
mod span;
mod spike;
mod unpriced_model;

pub use finding::Projection;
pub(super) use finding::{About, Finding, Point};
pub(super) use kind::Kind;
pub use rule::Rule;
pub(super) use rule::{alert_id, marks_begin, prefix_of};
pub(super) use scope::{Group, Scope};
pub(super) use span::{Last, Over};
