//! The wiring: configuration → parts → running servers, and the order of the drain.
//!
//! Started: ledger, prices, proxy, data listener, admin listener. Stopped: readiness, new calls,
//! connections, calls in flight, ledger.

mod alerts;
mod balance;
mod books;
mod budgets;
mod data_listener;
mod first;
mod hints;
mod history;
mod pools;
mod refusals;
mod reload;
mod reports;
mod timed;

pub use books::Books;
pub use first::{admin_token, first_key, token_file};
pub use reload::{Reloader, Source};
pub use reports::Mailing;

use crate::alert::{self, Alerting, Running};
use crate::clock::Clock;
use crate::config::{self, Config, OnDisconnect, UnpricedModel};
use crate::control::{self, Check, Defaults, Identity, Live, OwnLive, Quota, SelfService};
use crate::history::Refusals;
use crate::ledger::RegistryError;
use crate::pricing::PriceTable;
use crate::proxy::{Disconnect, OnExhausted, Proxy, Recorder, Rules, Unpriced, UpstreamBounds};
use crate::secret::SecretDigest;
use crate::serve::{self, Bounds, Drain, Hands, Tls, Workers};
use crate::telemetry;
use arc_swap::ArcSwap;
use budgets::Budgets;
use data_listener::{Data, Lane};
use hints::Hints;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use pools::Pools;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use timed::Timed;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

/// Connections of operators: live clients, of which there may be 2,000, and others.
const ADMIN_CONNECTIONS: usize = 4_000;
/// So many crossings may wait to become alerts; the oldest make room for new ones.
const CROSSINGS: usize = 8_192;
/// How long the admin listener may take to finish once the data plane has.
const ADMIN_STOP: Duration = Duration::from_secs(5);

/// Why it cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// The configuration or a file that it names is wrong.
    Config(String),
    /// The ledger cannot be opened.
    Ledger(String),
    /// Anything else, such as an address in use.
    Other(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(why) | Self::Ledger(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StartError {}

/// A running proxy.
pub struct App {
    data: SocketAddr,
    admin: SocketAddr,
    books: Books,
    proxy: Proxy,
    reloader: Arc<Reloader>,
    quota: Arc<Quota>,
    pools: Arc<Pools>,
    budgets: Arc<Budgets>,
    live: Arc<Live>,
    own_live: Arc<OnceLock<OwnLive>>,
    following: Vec<AbortHandle>,
    alerting: Arc<Alerting>,
    running: Running,
    identity: Arc<Identity>,
    refusals: Arc<Refusals>,
    workers: Arc<Workers>,
    data_drain: Arc<Drain>,
    admin_drain: Drain,
    stop: Duration,
}

impl App {
    /// Opens the ledger, binds both listeners and begins to serve. `token` is the operator's;
    /// `source` reads the configuration again when that is asked for.
    pub async fn start(
        config: &Config,
        source: Source,
        token: &SecretString,
        metrics: PrometheusHandle,
    ) -> Result<Self, StartError> {
        let clock = Clock::system();
        let prices = Arc::new(price_table(config)?);
        let tls = tls(config)?;
        let data = listener(config.listen).await?;
        let admin = listener(config.admin_listen).await?;
        let hints = Hints::new();
        let books = Books::open(config, clock.clone(), &hints).await?;
        let ledger = |error: RegistryError| StartError::Ledger(error.to_string());
        pools::define(&*books.registry, &config.credentials).await.map_err(ledger)?;
        let proxy = proxy(&books, config, clock.clone(), prices.clone())?;
        let workers = Workers::start().map_err(|e| StartError::Other(e.to_string()))?;
        let data_drain = Arc::new(Drain::default());
        let first: Lane = Arc::new(ArcSwap::from_pointee(proxy.clone()));
        let ready = readiness(&books, data_drain.clone(), first.clone());
        let quota = quota(&books, config, clock.clone(), first.clone());
        let own_live: Arc<OnceLock<OwnLive>> = Arc::default();
        let shown = (own(&books, config, clock.clone()), quota.clone(), own_live.clone());
        let calls = Data::new(first.clone(), shown, ready.clone());
        let services = (0..workers.count()).map(|_| calls.with_own_connections());
        let services = services.collect::<Result<Vec<_>, _>>().map_err(StartError::Other)?;
        let told = (clock.clone(), hints.told());
        let alerting = alerts::open(&books, config, token, told, first.clone())?;
        let lanes = std::iter::once(first).chain(services.iter().map(Data::lane)).collect();
        let time = (clock.clone(), alerting.clone());
        let reloader = Arc::new(Reloader::new(config, prices, source, lanes, time, &books));
        let (pools, following) =
            Pools::start(&books, clock.clone(), defaults(config), reloader.clone(), hints.told())
                .await
                .map_err(ledger)?;
        let (sender, crossings) = broadcast::channel(CROSSINGS);
        let (live, mut tasks) = hints.start(&books, sender);
        let running = alert::start(&alerting, crossings);
        let (refusals, writing) = refusals::start(&proxy, &books);
        let (budgets, reading) = Budgets::start(&books, config.metrics_per_user);
        tasks.extend([following, reading, writing, balance::start(&books, clock.clone())]);
        tasks.extend(history::start(&books, config, &alerting, &clock));
        let app = Self {
            data: address(&data)?,
            admin: address(&admin)?,
            identity: identity(&books, config, token, &clock),
            books,
            proxy,
            reloader,
            quota,
            pools,
            budgets,
            live,
            own_live,
            following: tasks,
            alerting,
            running,
            refusals,
            workers: Arc::new(workers),
            data_drain,
            admin_drain: Drain::default(),
            stop: config.server.stop,
        };
        app.serve_admin(admin, tls.clone(), config, clock, ready, metrics);
        app.serve_data(data, tls.clone(), bounds(config), services);
        if let Some(tls) = tls {
            tokio::spawn(tls.follow_files());
        }
        Ok(app)
    }

    /// Where apps connect.
    pub fn data(&self) -> SocketAddr {
        self.data
    }

    /// Where operators connect.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The ledger.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// A link that signs one browser in as the operator, within `life`.
    pub async fn sign_in_link(&self, life: Duration) -> Result<SecretString, StartError> {
        let once = self.identity.operator_link(life).await.map_err(StartError::Ledger)?;
        let scheme = if self.identity.is_over_tls() { "https" } else { "http" };
        let place = first::reachable(self.admin);
        Ok(format!("{scheme}://{place}/login#once={}", once.expose_secret()).into())
    }

    /// What reads the configuration again.
    pub fn reloader(&self) -> &Arc<Reloader> {
        &self.reloader
    }

    /// Stops gently: calls in flight get the configured time, then are cut and charged by an
    /// estimate. Whether all of them ended by themselves.
    pub async fn stop(self) -> bool {
        self.proxy.stop();
        self.live.stop();
        self.data_drain.begin();
        let gentle = async {
            self.data_drain.finish(self.stop).await && {
                self.proxy.settled().await;
                true
            }
        };
        let all = tokio::time::timeout(self.stop, gentle).await.unwrap_or(false);
        self.proxy.recorded().await;
        self.following.iter().for_each(AbortHandle::abort);
        drop(self.running);
        refusals::last(&self.refusals).await;
        self.admin_drain.begin();
        self.admin_drain.finish(ADMIN_STOP).await;
        self.books.close().await;
        all
    }

    fn serve_data(
        &self,
        listener: TcpListener,
        tls: Option<Tls>,
        bounds: Bounds,
        services: Vec<Data>,
    ) {
        let hands = Hands::Workers(self.workers.clone(), services);
        let drain = self.data_drain.watch();
        tokio::spawn(serve::run(listener, hands, tls, Arc::new(bounds), drain));
    }

    #[allow(clippy::too_many_arguments)]
    fn serve_admin(
        &self,
        listener: TcpListener,
        tls: Option<Tls>,
        config: &Config,
        clock: Clock,
        ready: Readiness,
        metrics: PrometheusHandle,
    ) {
        tokio::spawn(keep_up(metrics.clone()));
        let (pools, budgets) = (self.pools.clone(), self.budgets.clone());
        let computed = move || [pools.samples(), budgets.samples()].concat();
        let ledger = if self.books.is_embedded() { "embedded" } else { "redis" };
        let began = control::Began { at: clock.now(), ledger };
        let parts = Arc::new(control::Parts {
            registry: self.books.registry.clone(),
            records: self.books.records.clone(),
            snapshots: self.books.snapshots.clone(),
            refusals: self.refusals.clone(),
            live: self.live.clone(),
            alerting: self.alerting.clone(),
            clock,
            calendar: config.calendar.clone(),
            identity: self.identity.clone(),
            protection: config.protection.clone(),
            defaults: defaults(config),
            quota: self.quota.clone(),
            metrics: Arc::new(move || telemetry::render(&metrics, &computed())),
            ready,
            in_force: Arc::new(self.reloader.clone()),
            began,
        });
        // It is set once: there is one admin listener.
        let _set = self.own_live.set(OwnLive::new(parts.clone()));
        let service = TowerToHyperService::new(control::router(parts));
        let drain = self.admin_drain.watch();
        let bounds = Bounds { connections: ADMIN_CONNECTIONS, ..Bounds::default() };
        tokio::spawn(serve::run(listener, Hands::Here(service), tls, Arc::new(bounds), drain));
    }
}

fn proxy(
    books: &Books,
    config: &Config,
    clock: Clock,
    prices: Arc<PriceTable>,
) -> Result<Proxy, StartError> {
    let (calls, providers) = (Timed::over(books.calls.clone()), config.providers.clone());
    let proxy = Proxy::new(calls, clock, prices, providers, rules(config));
    let proxy = proxy.map_err(StartError::Other)?;
    match &config.record {
        Some(folder) => Ok(proxy.recording(Recorder::start(folder).map_err(StartError::Config)?)),
        None => Ok(proxy),
    }
}

fn identity(books: &Books, config: &Config, token: &SecretString, clock: &Clock) -> Arc<Identity> {
    let token = SecretDigest::of(token.expose_secret());
    let (protection, tls) = (config.protection.clone(), config.tls.is_some());
    Arc::new(Identity::new(token, books.records.clone(), clock.clone(), protection, tls))
}

type Readiness = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

fn readiness(books: &Books, drain: Arc<Drain>, lane: Lane) -> Readiness {
    let ledger = books.calls.clone();
    Arc::new(move || {
        let stopping = drain.has_begun().then(|| "the proxy is stopping".to_owned());
        let no_provider = (!lane.load().has_providers())
            .then(|| "no provider is configured; set OPENAI_API_KEY".to_owned());
        vec![
            Check { name: "ledger", fault: ledger.fault() },
            Check { name: "providers", fault: no_provider },
            Check { name: "draining", fault: stopping },
        ]
    })
}

fn own(books: &Books, config: &Config, clock: Clock) -> Arc<SelfService> {
    let registry = books.registry.clone();
    Arc::new(SelfService::new(registry, clock, config.calendar.clone(), defaults(config)))
}

fn quota(books: &Books, config: &Config, clock: Clock, lane: Lane) -> Arc<Quota> {
    let providers = Arc::new(move || lane.load().providers());
    let time = (clock, config.calendar.clone());
    Arc::new(Quota::new(books.registry.clone(), time, defaults(config), providers))
}

/// Samples of histograms pile up until they are summed up, also when nobody scrapes.
async fn keep_up(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}

async fn listener(address: SocketAddr) -> Result<TcpListener, StartError> {
    serve::bind(address).await.map_err(|e| StartError::Other(e.to_string()))
}

fn address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|e| StartError::Other(e.to_string()))
}

/// The price table of the configuration, else the one that is built in; with what is agreed beside
/// it, and the configuration's deployments.
pub fn price_table(config: &Config) -> Result<PriceTable, StartError> {
    let table = match &config.pricing {
        None => PriceTable::builtin().map_err(|e| e.to_string()),
        Some(path) => read_prices(path)
            .and_then(|text| PriceTable::parse(&text).map_err(|e| e.to_string()))
            .map_err(|why| format!("{}: {why}", path.display())),
    };
    let providers: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    let table = table.map_err(StartError::Config)?.adjusted(config.prices.clone(), &providers);
    let table = table.map_err(|bad| StartError::Config(config.located(&bad).to_string()))?;
    table.with_deployments(&config.deployments).map_err(|e| StartError::Config(e.to_string()))
}

/// The certificate and key of the configuration, where it has them.
pub fn tls(config: &Config) -> Result<Option<Tls>, StartError> {
    let load = |(cert, key): &(PathBuf, PathBuf)| {
        Tls::load(cert, key).map_err(|e| StartError::Config(e.to_string()))
    };
    config.tls.as_ref().map(load).transpose()
}

/// The text of a price table. Of one that is too large only so much is read that it is refused.
pub fn read_prices(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let most = u64::try_from(PriceTable::LARGEST).unwrap_or(u64::MAX);
    let mut text = String::new();
    file.take(most.saturating_add(1)).read_to_string(&mut text).map_err(|e| e.to_string())?;
    Ok(text)
}

fn rules(config: &Config) -> Rules {
    let server = &config.server;
    Rules {
        json_bytes: server.json_bytes,
        upload_bytes: server.upload_bytes,
        body_pause: server.body,
        answer_pause: server.answer,
        upstream: UpstreamBounds {
            connect: server.connect,
            first_byte: server.first_byte,
            ..UpstreamBounds::default()
        },
        on_exhausted: match config.on_exhausted {
            config::OnExhausted::Finish => OnExhausted::Finish,
            config::OnExhausted::Stop => OnExhausted::Stop,
        },
        on_disconnect: match config.on_disconnect {
            OnDisconnect::Auto => Disconnect::Auto,
            OnDisconnect::Drain => Disconnect::Drain,
            OnDisconnect::Cancel => Disconnect::Cancel,
        },
        drain: config.drain,
        forward_unmetered: config.forward_unmetered,
        unpriced: match config.unpriced_model {
            UnpricedModel::Reject => Unpriced::Reject,
            UnpricedModel::Ceiling => Unpriced::Ceiling,
            UnpricedModel::Free => Unpriced::Free,
        },
    }
}

fn defaults(config: &Config) -> Defaults {
    Defaults { thresholds: config.thresholds.clone(), enforcement: config.mode }
}

fn bounds(config: &Config) -> Bounds {
    let server = &config.server;
    Bounds {
        handshake: server.handshake,
        header: server.header,
        write_stall: server.write_stall,
        connections: server.connections,
        ..Bounds::default()
    }
}
