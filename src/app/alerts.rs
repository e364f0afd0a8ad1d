//! Alerts as the configuration has them, over the ledger that is open.

use super::data_listener::Lane;
use super::{Books, StartError};
use crate::alert::{Alerting, Own, Projection, ProjectionsOf, Settings, Sources};
use crate::clock::Clock;
use crate::config::Config;
use crate::event::Feed;
use crate::history::{Forecast, Forecasts};
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
        dashboard: alerts.dashboard.clone(),
    }
}

/// Alerts that nobody makes or sends yet.
pub(super) fn open(
    books: &Books,
    config: &Config,
    token: &SecretString,
    (clock, told): (Clock, Arc<Feed>),
    lane: Lane,
) -> Result<Arc<Alerting>, StartError> {
    let own = own(books, clock.clone(), lane.clone());
    let sources = Sources {
        registry: books.registry.clone(),
        outbox: books.outbox.clone(),
        records: books.records.clone(),
        clock: clock.clone(),
        calendar: config.calendar.clone(),
        token: token.clone(),
        provider: Arc::new(move |credential| {
            let providers = lane.load().providers();
            let has = |name: &str| name == credential.as_str();
            let mut all = providers.iter();
            let own = all.find(|provider| provider.credentials.iter().any(|c| has(&c.name)));
            own.map(|provider| provider.name.clone())
        }),
        projections: projections(books, config, clock),
        own: Arc::new(own),
        told: Arc::new(move |alert| told.raised(alert.clone())),
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

/// Forecasts, as far as rules look at them.
fn projections(books: &Books, config: &Config, clock: Clock) -> ProjectionsOf {
    let forecasts = Forecasts::new(books.registry.clone(), config.calendar.clone(), clock);
    Arc::new(move |accounts| {
        let forecasts = forecasts.clone();
        Box::pin(async move {
            let all = forecasts.of_all(&accounts).await.map_err(|why| why.to_string())?;
            Ok(all.into_iter().filter_map(projection).collect())
        })
    })
}

fn projection(forecast: Forecast) -> Option<Projection> {
    Some(Projection {
        account: forecast.account,
        limit: forecast.limit?,
        allowed: forecast.allowed?,
        used: forecast.used,
        projected: forecast.projected,
        exhausts: forecast.exhausts,
        ends: forecast.ends?,
    })
}
