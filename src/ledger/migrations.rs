//! What versions added to a ledger, one after the other, and can take away again. Pure.
//!
//! The schema says who may open a ledger at all: a version that does not know it does not start. A
//! migration only adds; so the version before runs on what was migrated, and this one on what was
//! not: its start migrates.

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its name.
    pub name: &'static str,
    /// What it adds, and what taking it back deletes.
    pub adds: &'static str,
}

/// All steps, in their order.
pub const MIGRATIONS: [Migration; 1] =
    [Migration { name: "quota_history", adds: "snapshots of every workspace" }];

/// How a ledger stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Its schema; `None`: there is no ledger yet.
    pub schema: Option<String>,
    /// How many of [`MIGRATIONS`] it has had; more than there are, where a newer version was at work.
    pub applied: usize,
}
