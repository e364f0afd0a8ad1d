//! Alerts as the configuration has them, over the ledger that is open.

use super::data_listener::Lane;
use super::{Books, StartError};
use crate::alert::{Alerting, Own, Settings, Sources};
use crate::clock::Clock;
use crate::config::Config;
use crate::provider::State;
use crate::proxy::take_unpriced;
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
        rules: alerts.rules.clone(),
        kept: config.sums,
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
    let own = own(books, clock.clone(), lane.clone());
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
        own: Arc::new(own),
    };
    Alerting::new(sources, settings(config)).map(Arc::new).map_err(StartError::Other)
}

/// What only this proxy knows.
fn own(books: &Books, clock: Clock, lane: Lane) -> impl Fn() -> Own + Send + Sync + 'static {
    let waiting = books.waiting();
    move || {
        let (providers, now) = (lane.load().providers(), clock.now());
        let all = providers.iter().flat_map(|provider| provider.conditions(now));
        let out = all.filter(|(_, condition)| condition.state == State::Quarantined);
        Own {
            pending: waiting(),
            unpriced: take_unpriced(),
            quarantined: out.filter_map(|(credential, _)| credential.name.parse().ok()).collect(),
        }
    }
}
