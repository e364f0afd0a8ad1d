//! An admin plane over a real embedded ledger, on a socket of its own, and a client for it.

use axum::body::Body;
use farebox::alert::{Alerting, Allowed, Own, Settings, Sources};
use farebox::clock::Clock;
use farebox::config::{Config, Environment, Overrides, Protection};
use farebox::control::{
    Began, Check, Defaults, Identity, InForce, Live, Pace, Parts, PoolsInForce, PricesInForce,
    Quota, Reloaded, router,
};
use farebox::event::Feed;
use farebox::history::Refusals;
use farebox::ids::{AccountId, CallId, Id};
use farebox::ledger::{
    Admission, Amounts, AttemptAdmission, AttemptOrder, AttemptOutcome, BoxFuture, CallFacts,
    EmbeddedLedger, Ending, HoldOrder, Kept, Ledger, Options, Payers, Records, Registry,
    Settlement, Snapshots, Tries, UsageEvent, Watch,
};
use farebox::limit::{Calendar, Thresholds};
use farebox::money::NanoUsd;
use farebox::pricing::PriceTable;
use farebox::secret::SecretDigest;
use farebox::usage::{Figure, Usage};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub const TOKEN: &str = "a-token-of-the-tests";
/// 2026-11-24T21:13:36.123Z
pub const NOW: i64 = 1_795_554_816_123;

/// A running admin plane.
pub struct Desk {
    pub at: SocketAddr,
    pub pools: PoolsInForce,
    pub ledger: Arc<EmbeddedLedger>,
    /// What live clients of the desk share.
    pub live: Arc<Live>,
    pub clock: Clock,
    pub dir: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The object, once the status is as expected.
    #[track_caller]
    pub fn of(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// The prices that are built in, some pools, and a configuration that nobody can read again.
struct BuiltIn(PoolsInForce);

impl InForce for BuiltIn {
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, String>> {
        Box::pin(async { Err("farebox.toml:3: there is no `limts`".to_owned()) })
    }

    fn prices(&self) -> PricesInForce {
        let table = Arc::new(PriceTable::builtin().unwrap());
        PricesInForce { table, source: "built in".to_owned(), since: NOW }
    }

    fn prices_before(&self) -> Option<PricesInForce> {
        None
    }

    fn pools(&self) -> PoolsInForce {
        self.0.clone()
    }
}

/// Serves an admin plane over `registry`, whose own documents are kept by another ledger.
pub async fn serve(registry: Arc<dyn Registry>, clock: Clock, checks: Vec<Check>) -> SocketAddr {
    serve_in(Calendar::default(), registry, clock, checks).await
}

/// The same, where days are those of a zone.
pub async fn serve_in(
    calendar: Calendar,
    registry: Arc<dyn Registry>,
    clock: Clock,
    checks: Vec<Check>,
) -> SocketAddr {
    let dir = tempfile::tempdir().unwrap().keep();
    let options = Options { clock: clock.clone(), background: false, ..Options::default() };
    let records = EmbeddedLedger::open(&dir, options).unwrap();
    let live = Live::new(Arc::default(), Pace::default());
    let bounds = Protection::default();
    serve_pools((registry, records, live), (clock, calendar), checks, pools(""), bounds).await
}

/// Tells a feed.
#[derive(Debug)]
struct Ear(Arc<Feed>);

impl Watch for Ear {
    fn moved(&self, account: &AccountId, workspace: Option<&Id>) {
        self.0.moved(account, workspace);
    }
}

/// The pools of a configuration.
fn pools(file: &str) -> PoolsInForce {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.toml");
    std::fs::write(&path, file).unwrap();
    let config = Config::load(Some(&path), &Environment::default(), &Overrides::default()).unwrap();
    PoolsInForce { providers: Arc::new(config.providers), terms: config.credentials.into() }
}

/// Alerts that nobody sends.
fn alerting(
    registry: &Arc<dyn Registry>,
    ledger: &Arc<EmbeddedLedger>,
    clock: &Clock,
) -> Arc<Alerting> {
    let sources = Sources {
        registry: registry.clone(),
        outbox: ledger.clone(),
        records: ledger.clone(),
        clock: clock.clone(),
        calendar: Calendar::default(),
        token: TOKEN.into(),
        provider: Arc::new(|_| None),
        projections: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
        own: Arc::new(Own::default),
        told: Arc::new(|_| ()),
    };
    let settings = Settings {
        check_every: Duration::from_secs(60),
        renotify_after: Duration::from_secs(3600),
        allowed: Allowed::new(Vec::new()),
        channels: Vec::new(),
        rules: Vec::new(),
        kept: Kept::default(),
        thresholds: Thresholds::default(),
        dashboard: None,
    };
    Arc::new(Alerting::new(sources, settings).unwrap())
}

async fn serve_pools(
    (registry, records, live): (Arc<dyn Registry>, Arc<EmbeddedLedger>, Arc<Live>),
    (clock, calendar): (Clock, Calendar),
    checks: Vec<Check>,
    pools: PoolsInForce,
    protection: Protection,
) -> SocketAddr {
    let token = SecretDigest::of(TOKEN);
    let alerting = alerting(&registry, &records, &clock);
    let snapshots: Arc<dyn Snapshots> = records.clone();
    let records: Arc<dyn Records> = records;
    let (its, at) = (records.clone(), clock.clone());
    let identity = Identity::new(token, its, at, protection.clone(), false);
    let providers = pools.providers.clone();
    let time = (clock.clone(), calendar.clone());
    let quota = Quota::new(
        registry.clone(),
        time,
        Defaults::default(),
        Arc::new(move || providers.clone()),
    );
    let quota = Arc::new(quota);
    let refusals = Arc::new(Refusals::new(records.clone(), Vec::new));
    let parts = Parts {
        registry,
        records,
        snapshots,
        refusals,
        live,
        alerting,
        clock,
        calendar,
        identity: Arc::new(identity),
        protection,
        defaults: Defaults::default(),
        quota,
        metrics: Arc::new(|| "farebox_build_info 1\n".to_owned()),
        ready: Arc::new(move || checks.clone()),
        in_force: Arc::new(BuiltIn(pools)),
        began: Began { at: NOW, ledger: "embedded" },
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(parts)).await });
    at
}

impl Desk {
    pub async fn start() -> Self {
        Self::with_pools("").await
    }

    /// A desk over the pools of this configuration, whose credentials have their accounts.
    pub async fn with_pools(file: &str) -> Self {
        Self::guarded(file, Protection::default()).await
    }

    /// The same, with live clients that are asked for signs of life at a pace of their own.
    pub async fn at_pace(file: &str, pace: Pace) -> Self {
        Self::started(file, Protection::default(), pace).await
    }

    /// A desk with bounds of its own.
    pub async fn guarded(file: &str, protection: Protection) -> Self {
        Self::started(file, protection, Pace::default()).await
    }

    async fn started(file: &str, protection: Protection, pace: Pace) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("admin-token"), format!("{TOKEN}\n")).unwrap();
        let clock = Clock::manual(NOW);
        let feed: Arc<Feed> = Arc::default();
        let live = Live::new(feed.clone(), pace);
        let options = Options {
            watch: Some(Arc::new(Ear(feed.clone()))),
            clock: clock.clone(),
            default_user_limits: vec!["25 usd/month".parse().unwrap()],
            background: false,
            ..Options::default()
        };
        let ledger = EmbeddedLedger::open(&dir.path().join("ledger"), options).unwrap();
        let pools = pools(file);
        let setups: Vec<_> = pools.terms.iter().map(|terms| terms.setup.clone()).collect();
        ledger.define(&setups).await.unwrap();
        let its: (Arc<dyn Registry>, _, _) = (ledger.clone(), ledger.clone(), live.clone());
        let (at, kept) = ((clock.clone(), Calendar::default()), pools.clone());
        let at = serve_pools(its, at, Vec::new(), kept, protection).await;
        Self { at, pools, ledger, live, clock, dir }
    }

    /// An attempt with a credential that used so many characters, and a hundredth of a dollar.
    pub async fn attempt(&self, credential: &str, characters: i64, outcome: AttemptOutcome) {
        let charge = Amounts { usd: NanoUsd::new(10_000_000), tokens: characters / 4, characters };
        let order = AttemptOrder {
            id: CallId::new(),
            call: CallId::new(),
            credential: credential.parse().unwrap(),
            ceiling: Some(charge),
            expected: charge,
            free: false,
            model: "m".to_owned(),
            enforcement: None,
        };
        let admission = self.ledger.attempt(&order).await.unwrap();
        assert!(matches!(admission, AttemptAdmission::Held { .. }), "{admission:?}");
        let (id, credential, model) = (order.id, order.credential, order.model);
        let end = Settlement::Attempt { id, credential, charge, outcome, model };
        self.ledger.settle(self.ledger.permit().unwrap(), end);
    }

    /// Asks with the admin token.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        raw(self.at, method, path, &[("authorization", &format!("Bearer {TOKEN}"))], body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null).await
    }

    /// A user with a key; the key's object, with its text.
    pub async fn user_with_key(&self, user: &str) -> Value {
        self.ask("POST", "/api/v1/users", json!({"id": user})).await.of(201);
        self.ask("POST", "/api/v1/keys", json!({"user": user, "name": "ci"})).await.of(201)
    }

    /// Holds for a call of that key.
    pub async fn hold(&self, key: &Value, usd: i64) -> HoldOrder {
        let id = |name: &str| -> Id { key[name].as_str().unwrap().parse().unwrap() };
        let amounts = Amounts { usd: NanoUsd::new(usd), tokens: 10, characters: 10 };
        let order = HoldOrder {
            id: CallId::new(),
            payers: Payers { key: id("id"), user: id("user"), workspace: id("workspace") },
            ceiling: Some(amounts),
            expected: amounts,
            free: false,
            facts: CallFacts {
                started: self.clock.now(),
                provider: "openai".to_owned(),
                credential: "openai-main".to_owned(),
                dialect: "openai.chat".to_owned(),
                model: "gpt-5".to_owned(),
                price_version: "test".to_owned(),
            },
        };
        let admission = self.ledger.hold(&order).await.unwrap();
        assert!(matches!(admission, Admission::Held { .. }), "{admission:?}");
        order
    }

    /// A settled call of that key.
    pub async fn call(&self, key: &Value, model: &str, usd: i64) -> CallId {
        let order = self.hold(key, usd).await;
        let usage = Usage::default()
            .with(Figure::InputTotal, 2006)
            .with(Figure::CachedRead, 1920)
            .with(Figure::OutputTotal, 300);
        let event = UsageEvent {
            id: order.id,
            payers: order.payers.clone(),
            facts: CallFacts { model: model.to_owned(), ..order.facts.clone() },
            settled: 0,
            service_tier: None,
            status: 200,
            ending: Ending::Finished,
            estimated: false,
            usage,
            cost: NanoUsd::new(usd),
            provider_cost: None,
            held: NanoUsd::new(usd),
            ttft_ms: 5,
            duration_ms: 12,
            requests: 1,
            attempts: Tries::default(),
        };
        let charge = Amounts { usd: NanoUsd::new(usd), tokens: 2306, characters: 0 };
        let post = Settlement::Post { charge, event: Box::new(event), once: None };
        self.ledger.settle(self.ledger.permit().unwrap(), post);
        order.id
    }
}

/// Asks anything of anyone.
pub async fn raw(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(format!("http://{at}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.request(request.body(body.into()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status: head.status, headers: head.headers, text }
}
