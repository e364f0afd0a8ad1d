//! The ledger that the configuration asks for, seen from both sides.

use super::StartError;
use super::hints::Hints;
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::{
    EmbeddedLedger, Ledger, Options, Outbox, Records, RedisLedger, Registry, Snapshots,
};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// One ledger: what the data path sees of it, and its administration.
pub struct Books {
    /// For calls.
    pub calls: Arc<dyn Ledger>,
    /// For accounts and history.
    pub registry: Arc<dyn Registry>,
    /// For the control plane's own documents.
    pub records: Arc<dyn Records>,
    /// For alerts.
    pub outbox: Arc<dyn Outbox>,
    /// For the history.
    pub snapshots: Arc<dyn Snapshots>,
    kind: Kind,
}

enum Kind {
    Embedded(Arc<EmbeddedLedger>),
    Redis(Arc<RedisLedger>),
}

impl Books {
    /// Opens Redis where its address is configured, else the embedded ledger. It tells `hints` what
    /// happens.
    pub(super) async fn open(
        config: &Config,
        clock: Clock,
        hints: &Hints,
    ) -> Result<Self, StartError> {
        let options = options(config, clock, hints);
        let failed = |why: &dyn std::fmt::Display| StartError::Ledger(why.to_string());
        match &config.redis_url {
            Some(url) => {
                let ledger = RedisLedger::open(url.expose_secret(), options).await;
                let ledger = ledger.map_err(|e| failed(&e))?;
                Ok(Self {
                    calls: ledger.clone(),
                    registry: ledger.clone(),
                    records: ledger.clone(),
                    outbox: ledger.clone(),
                    snapshots: ledger.clone(),
                    kind: Kind::Redis(ledger),
                })
            }
            None => {
                let ledger = EmbeddedLedger::open(&config.data_dir.join("ledger"), options)
                    .map_err(|e| failed(&e))?;
                Ok(Self {
                    calls: ledger.clone(),
                    registry: ledger.clone(),
                    records: ledger.clone(),
                    outbox: ledger.clone(),
                    snapshots: ledger.clone(),
                    kind: Kind::Embedded(ledger),
                })
            }
        }
    }

    /// Whether this is the embedded ledger.
    pub fn is_embedded(&self) -> bool {
        matches!(self.kind, Kind::Embedded(_))
    }

    /// The ledger in Redis, where it is that.
    pub(super) fn redis(&self) -> Option<Arc<RedisLedger>> {
        match &self.kind {
            Kind::Embedded(_) => None,
            Kind::Redis(ledger) => Some(ledger.clone()),
        }
    }

    /// How many settled calls of this process wait for the ledger.
    pub(super) fn waiting(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let redis = self.redis();
        move || redis.as_ref().map_or(0, |ledger| ledger.pending())
    }

    /// Writes what is pending; what cannot be written now stays in journal or log.
    pub async fn close(&self) {
        let closed = match &self.kind {
            Kind::Embedded(ledger) => ledger.close().await,
            Kind::Redis(ledger) => ledger.close().await,
        };
        if let Err(error) = closed {
            tracing::warn!(%error, "not everything was written; it will be at the next start");
        }
    }
}

fn options(config: &Config, clock: Clock, hints: &Hints) -> Options {
    Options {
        clock,
        calendar: config.calendar.clone(),
        lease_ms: i64::try_from(config.lease.as_millis()).unwrap_or(60_000),
        lost_hold: config.on_lost_hold,
        default_enforcement: config.mode,
        default_user_limits: config.user_limits.clone(),
        default_thresholds: config.thresholds.clone(),
        retention_days: config.retention_days,
        rollups: config.sums,
        journal_dir: config.data_dir.join("journal"),
        crossings: Some(hints.crossings()),
        watch: Some(hints.watch()),
        ..Options::default()
    }
}
