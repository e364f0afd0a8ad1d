//! What both back ends are opened with, and the threshold crossings that they report.
//!
//! Invariant: reporting a crossing never waits; what the receiver cannot take is logged only.

use super::crossing::Crossing;
use super::news::Watch;
use super::order::{Enforcement, LostHold};
use super::rollup::Kept;
use crate::clock::{Clock, UnixMs};
use crate::limit::{Calendar, Limit, Thresholds};
use crate::telemetry::names;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The ledger's clock. A manual one also replaces that of Redis.
    pub clock: Clock,
    /// The calendar that windows are aligned to.
    pub calendar: Calendar,
    /// How long a hold lives without being renewed.
    pub lease_ms: i64,
    /// What an expired hold is charged.
    pub lost_hold: LostHold,
    /// The mode of accounts without one of their own.
    pub default_enforcement: Enforcement,
    /// The limits of users that have none of their own.
    pub default_user_limits: Vec<Limit>,
    /// The thresholds of accounts without some of their own.
    pub default_thresholds: Thresholds,
    /// Where the journal of the Redis back end lives.
    pub journal_dir: PathBuf,
    /// How many settlements may be under way.
    pub settle_capacity: usize,
    /// How long events are kept by the embedded back end, and the days of credentials and snapshots
    /// by both.
    pub retention_days: i64,
    /// For how long sums are kept.
    pub rollups: Kept,
    /// For how long the embedded back end gathers changes before it commits them.
    pub commit_ms: u64,
    /// Renew and sweep in the background. Off in tests that move the clock by hand.
    pub background: bool,
    /// Who wants to know of crossed thresholds.
    pub crossings: Option<Sender<Crossing>>,
    /// Who wants to know whose figures moved.
    pub watch: Option<Arc<dyn Watch>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            calendar: Calendar::default(),
            lease_ms: 60_000,
            lost_hold: LostHold::default(),
            default_enforcement: Enforcement::default(),
            default_user_limits: Vec::new(),
            default_thresholds: Thresholds::default(),
            journal_dir: PathBuf::from("farebox-data/journal"),
            settle_capacity: 20_000,
            retention_days: 30,
            rollups: Kept::default(),
            commit_ms: 250,
            background: true,
            crossings: None,
            watch: None,
        }
    }
}

impl Options {
    /// Since when no day of a credential is dropped.
    pub(super) fn days_since(&self) -> UnixMs {
        let kept = self.retention_days.saturating_mul(86_400_000);
        self.clock.now().saturating_sub(kept)
    }

    /// How long snapshots are kept, in milliseconds.
    pub(super) fn snapshots_ms(&self) -> i64 {
        self.retention_days.saturating_mul(86_400_000)
    }

    /// Logs crossings and passes them on.
    pub(super) fn report(&self, crossings: Vec<Crossing>) {
        for crossing in crossings {
            metrics::counter!(names::CROSSINGS).increment(1);
            crossing.log();
            if let Some(sender) = &self.crossings
                && sender.try_send(crossing).is_err()
            {
                metrics::counter!(names::ALERT_HINTS_DROPPED).increment(1);
                tracing::warn!("a crossed threshold was not passed on: the receiver is behind");
            }
        }
    }
}
