//! Whoever keeps the history: snapshots and reports, where the configuration wants them.

use super::{Books, reports};
use crate::alert::Alerting;
use crate::clock::Clock;
use crate::config::Config;
use crate::history::{Rounds, Sources};
use std::sync::Arc;
use tokio::task::AbortHandle;

/// Begins to take snapshots, and to send reports.
pub(super) fn start(
    books: &Books,
    config: &Config,
    alerting: &Arc<Alerting>,
    clock: &Clock,
) -> impl Iterator<Item = AbortHandle> {
    let sending = reports::start(books, config, alerting.clone(), clock.clone());
    snapshots(books, config, clock.clone()).into_iter().chain(sending)
}

fn snapshots(books: &Books, config: &Config, clock: Clock) -> Option<AbortHandle> {
    let terms = config.snapshots;
    let sources = Sources {
        registry: books.registry.clone(),
        records: books.records.clone(),
        snapshots: books.snapshots.clone(),
        clock,
        calendar: config.calendar.clone(),
        thresholds: config.thresholds.clone(),
    };
    let rounds = Rounds::new(sources, terms.every);
    terms.persistence.then(|| tokio::spawn(rounds.run()).abort_handle())
}
