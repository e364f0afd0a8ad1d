//! Whoever keeps the history: snapshots, where the configuration wants them.

use super::Books;
use crate::clock::Clock;
use crate::config::Config;
use crate::history::{Rounds, Sources};
use tokio::task::AbortHandle;

/// Begins to take snapshots.
pub(super) fn start(books: &Books, config: &Config, clock: Clock) -> Option<AbortHandle> {
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
