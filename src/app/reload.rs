//! Reading the configuration and the price table again while calls are in flight.
//!
//! Every thread that answers calls has a lane with the proxy of its own. A reload reads and checks
//! everything first, makes a proxy for every lane, and only then puts them in place. So a bad file
//! changes nothing, a call sees all of the old parts or all of the new ones, and what is in flight
//! ends with those that it began with. Reloads take turns.

use super::data_listener::Lane;
use super::{Books, alerts, pools, price_table, rules};
use crate::alert::Alerting;
use crate::clock::{Clock, UnixMs};
use crate::config::{BadConfig, Config};
use crate::control::{InForce, PoolsInForce, PricesInForce, Reloaded};
use crate::ledger::{BoxFuture, Registry};
use crate::pricing::PriceTable;
use crate::proxy::Proxy;
use crate::telemetry::names;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Reads the configuration as it was read at the start: the same file, variables and flags.
pub type Source = Arc<dyn Fn() -> Result<Config, BadConfig> + Send + Sync>;

/// Reads the configuration again.
pub struct Reloader {
    source: Source,
    clock: Clock,
    lanes: Vec<Lane>,
    running: ArcSwap<Running>,
    registry: Arc<dyn Registry>,
    alerting: Arc<Alerting>,
    turn: Arc<Mutex<()>>,
}

/// What is in force.
struct Running {
    config: Config,
    prices: PricesInForce,
    /// The prices before these.
    before: Option<PricesInForce>,
    pools: PoolsInForce,
}

impl Running {
    fn new(config: Config, table: Arc<PriceTable>, since: UnixMs) -> Self {
        let pools = PoolsInForce {
            providers: Arc::new(config.providers.clone()),
            terms: config.credentials.clone().into(),
        };
        let path = config.pricing.as_ref();
        let source = path.map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
        let prices = PricesInForce { table, source, since };
        Self { config, prices, before: None, pools }
    }
}

/// What is to be put in force, once the ledger knows its credentials.
struct Next {
    running: Running,
    proxies: Vec<Proxy>,
    reloaded: Reloaded,
}

impl Reloader {
    /// What was read at the start is in force, and the lanes have it.
    pub(super) fn new(
        config: &Config,
        prices: Arc<PriceTable>,
        source: Source,
        lanes: Vec<Lane>,
        (clock, alerting): (Clock, Arc<Alerting>),
        books: &Books,
    ) -> Self {
        metrics::gauge!(names::RELOAD_SUCCESS).set(1.0);
        let running = Running::new(config.clone(), prices, clock.now());
        let running = ArcSwap::from_pointee(running);
        let registry = books.registry.clone();
        Self { source, clock, lanes, running, registry, alerting, turn: Arc::default() }
    }

    /// The price table in force.
    pub fn prices(&self) -> Arc<PriceTable> {
        self.running.load().prices.table.clone()
    }

    /// Reads everything again and puts it in force. The error says why all stays as it was. Once
    /// begun it comes to its end, whether or not somebody waits for it.
    pub async fn reload(self: &Arc<Self>) -> Result<Reloaded, String> {
        let turn = self.turn.clone().lock_owned().await;
        let this = self.clone();
        let reload = tokio::spawn(async move {
            let ended = this.exchange().await;
            drop(turn);
            told(&ended);
            ended
        });
        reload.await.unwrap_or_else(|error| Err(format!("the reload broke off: {error}")))
    }

    async fn exchange(self: &Arc<Self>) -> Result<Reloaded, String> {
        let this = self.clone();
        let next = tokio::task::spawn_blocking(move || this.read()).await;
        let Next { running, proxies, reloaded } = next.map_err(|error| error.to_string())??;
        let terms = &running.config.credentials;
        pools::define(&*self.registry, terms).await.map_err(|error| error.to_string())?;
        self.alerting.set(alerts::settings(&running.config))?;
        for (lane, proxy) in self.lanes.iter().zip(proxies) {
            lane.store(Arc::new(proxy));
        }
        if let Some(lane) = self.lanes.first() {
            lane.load().announce();
        }
        self.running.store(Arc::new(running));
        Ok(reloaded)
    }

    /// Reads and checks everything, and makes a proxy for every lane.
    fn read(&self) -> Result<Next, String> {
        let running = self.running.load_full();
        let read = (self.source)().map_err(|bad| bad.to_string())?;
        let config = running.config.taking(&read);
        let prices = price_table(&config).map_err(|bad| bad.to_string())?;
        let mut changed = running.config.differences(&config);
        let old = &running.prices;
        let (since, before) = if prices.version() == old.table.version() {
            (old.since, running.before.clone())
        } else {
            changed.insert("pricing".to_owned());
            (self.clock.now(), Some(old.clone()))
        };
        let ignored = config.differences(&read);
        let reloaded = Reloaded {
            changed: changed.into_iter().collect(),
            ignored: ignored.into_iter().collect(),
        };
        let (prices, rules) = (Arc::new(prices), Arc::new(rules(&config)));
        let running = Running { before, ..Running::new(config, prices.clone(), since) };
        let providers = &running.pools.providers;
        let next =
            |lane: &Lane| lane.load().under(prices.clone(), providers.clone(), rules.clone());
        let proxies = self.lanes.iter().map(next).collect::<Result<Vec<_>, _>>()?;
        Ok(Next { running, proxies, reloaded })
    }
}

impl InForce for Arc<Reloader> {
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, String>> {
        Box::pin(Reloader::reload(self))
    }

    fn prices(&self) -> PricesInForce {
        self.running.load().prices.clone()
    }

    fn prices_before(&self) -> Option<PricesInForce> {
        self.running.load().before.clone()
    }

    fn pools(&self) -> PoolsInForce {
        self.running.load().pools.clone()
    }
}

/// Logs how a reload ended, and shows it in the metrics.
fn told(ended: &Result<Reloaded, String>) {
    let success = match ended {
        Ok(Reloaded { changed, ignored }) => {
            tracing::info!(?changed, "configuration reloaded");
            if !ignored.is_empty() {
                tracing::warn!(?ignored, "these settings changed, and need a restart");
            }
            1.0
        }
        Err(error) => {
            tracing::error!(%error, "configuration not reloaded; the running one stays in force");
            0.0
        }
    };
    metrics::gauge!(names::RELOAD_SUCCESS).set(success);
}
