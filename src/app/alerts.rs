//! Alerts as the configuration has them, over the ledger that is open.

use super::data_listener::Lane;
use super::{Books, StartError};
use crate::alert::{Alerting, Settings, Sources};
use crate::clock::Clock;
use crate::config::Config;
use secrecy::SecretString;
use std::sync::Arc;

/// What the file says of alerts.
pub(super) fn settings(config: &Config) -> Settings {
    let alerts = &config.alerts;
    Settings {
        check_every: alerts.check_every,
        renotify_after: alerts.renotify_after,
        allowed: alerts.allowed.clone(),
        channels: alerts.channels.clone(),
        thresholds: config.thresholds.clone(),
    }
}

/// Alerts that nobody makes or sends yet.
pub(super) fn open(
    books: &Books,
    config: &Config,
    token: &SecretString,
    clock: Clock,
    lane: Lane,
) -> Result<Arc<Alerting>, StartError> {
    let sources = Sources {
        registry: books.registry.clone(),
        outbox: books.outbox.clone(),
        records: books.records.clone(),
        clock,
        calendar: config.calendar.clone(),
        token: token.clone(),
        provider: Arc::new(move |credential| {
            let providers = lane.load().providers();
            let has = |name: &str| name == credential.as_str();
            let mut all = providers.iter();
            let own = all.find(|provider| provider.credentials.iter().any(|c| has(&c.name)));
            own.map(|provider| provider.name.clone())
        }),
    };
    Alerting::new(sources, settings(config)).map(Arc::new).map_err(StartError::Other)
}
