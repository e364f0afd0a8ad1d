//! What the ledger's tests share: a back end with a clock moved by hand, users, calls.

use crate::redis_server::RedisServer;
use farebox::clock::{Clock, UnixMs, parse_time};
use farebox::ids::{AccountId, CallId};
use farebox::ledger::{
    Account, Admission, Amounts, BoxFuture, CallFacts, Caller, Change, Crossing, Denial,
    EmbeddedLedger, Ending, Enforcement, HoldOrder, Kept, KeyFacts, Ledger, LimitDenial,
    NewAccount, OnceKey, Options, Outbox, Payers, Reach, Records, RedisLedger, Registry,
    Settlement, Snapshots, Tries, Unavailable, UsageEvent,
};
use farebox::limit::Limit;
use farebox::money::NanoUsd;
use farebox::secret::SecretDigest;
use farebox::usage::{Figure, Usage};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Makes one test of each back end from each function.
macro_rules! contract {
    ($($name:ident,)+) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&crate::ledger_rig::Rig::embedded()).await; })+
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&crate::ledger_rig::Rig::redis().await).await; })+
        }
    };
}
pub(crate) use contract;

/// Both halves of a back end, and what tests do to it.
pub trait Backend: Ledger + Registry + Records + Outbox + Snapshots {
    fn sweep_now(&self) -> BoxFuture<'_, ()>;
    fn renew_now(&self) -> BoxFuture<'_, ()>;
    fn delivered(&self) -> BoxFuture<'_, ()>;
    /// Does what makes coarse sums of fine ones.
    fn fold_now(&self) -> BoxFuture<'_, ()>;
}

impl Backend for EmbeddedLedger {
    fn sweep_now(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.sweep() })
    }
    fn renew_now(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.renew() })
    }
    fn delivered(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn fold_now(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Backend for RedisLedger {
    fn sweep_now(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.sweep().await.unwrap() })
    }
    fn renew_now(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.renew().await.unwrap() })
    }
    fn delivered(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.drain(Duration::from_secs(10)).await.unwrap() })
    }
    fn fold_now(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.fold().await.unwrap() })
    }
}

pub struct Rig {
    pub clock: Clock,
    pub ledger: Arc<dyn Backend>,
    /// A second process on the same ledger, where the back end can have one.
    other: Option<Arc<dyn Backend>>,
    crossed: Mutex<Receiver<Crossing>>,
    _surroundings: Box<dyn std::any::Any + Send + Sync>,
}

const TEN_YEARS: i64 = 3650 * 86_400_000;

/// Options for tests: a clock moved by hand, no background, one default limit.
pub fn options(clock: &Clock) -> Options {
    Options {
        clock: clock.clone(),
        default_user_limits: vec!["7usd/month".parse().unwrap()],
        background: false,
        retention_days: 3650,
        rollups: Kept { minutes: TEN_YEARS, hours: TEN_YEARS, days: TEN_YEARS },
        ..Options::default()
    }
}

pub fn clock() -> Clock {
    Clock::manual(parse_time("2026-11-24T21:13:36Z").unwrap())
}

impl Rig {
    pub fn embedded() -> Self {
        let clock = clock();
        let dir = tempfile::tempdir().unwrap();
        let (sender, crossed) = tokio::sync::mpsc::channel(1000);
        let options = Options { crossings: Some(sender), ..options(&clock) };
        let ledger = EmbeddedLedger::open(dir.path(), options).unwrap();
        Self {
            clock,
            ledger,
            other: None,
            crossed: Mutex::new(crossed),
            _surroundings: Box::new(dir),
        }
    }

    /// Two processes on one Redis.
    pub async fn redis() -> Self {
        Self::sharing(&Arc::new(RedisServer::start(&[]))).await
    }

    /// Two processes on a Redis of the test.
    pub async fn sharing(server: &Arc<RedisServer>) -> Self {
        let clock = clock();
        let (sender, crossed) = tokio::sync::mpsc::channel(1000);
        let options = |journal: &str| Options {
            crossings: Some(sender.clone()),
            journal_dir: server.dir().join(journal),
            ..options(&clock)
        };
        let ledger = RedisLedger::open(&server.url(), options("one")).await.unwrap();
        let other = RedisLedger::open(&server.url(), options("two")).await.unwrap();
        Self {
            clock,
            ledger,
            other: Some(other),
            crossed: Mutex::new(crossed),
            _surroundings: Box::new(server.clone()),
        }
    }

    /// A ledger opened by the test.
    pub fn over(clock: Clock, ledger: Arc<dyn Backend>) -> Self {
        let (_, crossed) = tokio::sync::mpsc::channel(1);
        let crossed = Mutex::new(crossed);
        Self { clock, ledger, other: None, crossed, _surroundings: Box::new(()) }
    }

    /// One process, with a journal of that name, on a Redis of the test.
    pub async fn on(server: &RedisServer, journal: &str) -> Self {
        let clock = clock();
        let options = Options { journal_dir: server.dir().join(journal), ..options(&clock) };
        Self::over(clock, reopened(server, options).await)
    }

    pub fn at(&self, time: &str) -> UnixMs {
        parse_time(time).unwrap()
    }

    pub fn ledger_of(&self, i: usize) -> Arc<dyn Backend> {
        match &self.other {
            Some(other) if i % 2 == 1 => other.clone(),
            _ => self.ledger.clone(),
        }
    }

    pub fn new_user(&self, name: &str, limits: &[&str]) -> NewAccount {
        let limits: Vec<Limit> = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        new_account(&format!("user:{name}"), Some(limits), None)
    }

    /// A user with a key, in the default workspace.
    pub async fn user(&self, name: &str, limits: &[&str]) -> Payers {
        self.create(name, self.new_user(name, limits)).await
    }

    pub async fn workspace(&self, id: &str) {
        let new = new_account(&format!("workspace:{id}"), Some(Vec::new()), None);
        self.ledger.create(&new).await.unwrap();
    }

    /// A user with the default limits.
    pub async fn follower(&self, name: &str) -> Payers {
        self.create(name, new_account(&format!("user:{name}"), None, None)).await
    }

    async fn create(&self, name: &str, user: NewAccount) -> Payers {
        self.ledger.create(&user).await.unwrap();
        let digest = SecretDigest::of(name);
        let key = digest.key_id().unwrap();
        let facts = KeyFacts {
            digest,
            user: name.parse().unwrap(),
            label: "sk-fb-abcd…wxyz".to_owned(),
            models: vec!["gpt-*".to_owned()],
            expires: None,
            reach: Reach::default(),
        };
        let new = new_account(&format!("key:{key}"), None, Some(facts));
        self.ledger.create(&new).await.unwrap();
        self.caller(name).await.unwrap().payers
    }

    pub async fn caller(&self, name: &str) -> Option<Caller> {
        self.ledger.caller(&SecretDigest::of(name)).await.unwrap()
    }

    pub async fn mode(&self, payers: &Payers, mode: Enforcement) {
        let change = Change { enforcement: Some(Some(mode)), ..Change::default() };
        self.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap();
    }

    pub async fn account(&self, id: &AccountId) -> Account {
        self.ledger.account(id).await.unwrap().unwrap()
    }

    pub async fn hold(&self, order: &HoldOrder) -> Result<Admission, Unavailable> {
        self.ledger.hold(order).await
    }

    pub async fn admit(&self, order: &HoldOrder) {
        let admission = self.hold(order).await.unwrap();
        assert!(matches!(admission, Admission::Held { .. }), "{admission:?}");
    }

    pub async fn refused(&self, order: &HoldOrder) -> LimitDenial {
        match self.hold(order).await.unwrap() {
            Admission::Denied(Denial::Limit(denial)) => *denial,
            other => panic!("not refused by a limit: {other:?}"),
        }
    }

    /// One call from hold to post.
    pub async fn call(&self, payers: &Payers, dollars: i64) -> CallId {
        let call = order(payers, dollars);
        self.admit(&call).await;
        self.post(&call, dollars).await;
        call.id
    }

    pub async fn post(&self, order: &HoldOrder, dollars: i64) {
        self.post_amounts(order, amounts(dollars)).await;
    }

    /// A post that arrives within the lifetime of the orphan's mark, however far the clock went.
    pub async fn post_late_to(&self, order: &HoldOrder, dollars: i64) {
        self.post(order, dollars).await;
    }

    pub async fn post_amounts(&self, order: &HoldOrder, charge: Amounts) {
        let event = Box::new(event(order, charge));
        self.settle(Settlement::Post { charge, event, once: None }).await;
    }

    pub async fn void(&self, order: &HoldOrder) {
        self.settle(Settlement::Void { id: order.id, payers: order.payers.clone() }).await;
    }

    /// A call whose figures follow under a key, from hold to its provisional charge.
    pub async fn deferred(&self, payers: &Payers, dollars: i64, key: &str) -> HoldOrder {
        let call = order(payers, dollars);
        self.admit(&call).await;
        self.settle(defer(&call, dollars, key)).await;
        call
    }

    /// A poll that brings figures under a key; holds nothing.
    pub async fn poll(&self, payers: &Payers, dollars: i64, key: &str) -> HoldOrder {
        let call = order(payers, 0);
        self.admit(&call).await;
        self.settle(post_once(&call, dollars, key)).await;
        call
    }

    pub async fn settle(&self, settlement: Settlement) {
        self.ledger.settle(self.ledger.permit().unwrap(), settlement);
        self.ledger.delivered().await;
    }

    pub async fn sweep(&self) {
        self.ledger.sweep_now().await;
    }

    pub async fn renew(&self) {
        self.ledger.renew_now().await;
    }

    pub fn crossings(&self) -> Vec<Crossing> {
        let mut crossed = self.crossed.lock();
        std::iter::from_fn(|| crossed.try_recv().ok()).collect()
    }

    /// No invariant is broken.
    pub async fn clean(&self) {
        let verification = self.ledger.verify().await.unwrap();
        assert_eq!(verification.violations, Vec::<String>::new());
        assert!(verification.checked > 0);
    }
}

/// Opens a ledger whose journal an earlier one of this test may be about to let go.
pub async fn reopened(server: &RedisServer, options: Options) -> Arc<RedisLedger> {
    let until = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        match RedisLedger::open(&server.url(), options.clone()).await {
            Ok(ledger) => return ledger,
            Err(why) => {
                let locked = why.to_string().contains("another process");
                assert!(locked && std::time::Instant::now() < until, "{why}");
                tokio::task::yield_now().await;
            }
        }
    }
}

fn new_account(id: &str, limits: Option<Vec<Limit>>, key: Option<KeyFacts>) -> NewAccount {
    NewAccount {
        id: id.parse().unwrap(),
        name: "for people".to_owned(),
        workspace: None,
        limits,
        thresholds: None,
        enforcement: None,
        key,
    }
}

/// The key of what the provider calls so.
pub fn once(id: &str) -> OnceKey {
    OnceKey::of("openai", id)
}

pub fn defer(order: &HoldOrder, dollars: i64, key: &str) -> Settlement {
    let charge = amounts(dollars);
    let mut event = event(order, charge);
    event.estimated = true;
    Settlement::Defer { charge, event: Box::new(event), once: once(key) }
}

pub fn post_once(order: &HoldOrder, dollars: i64, key: &str) -> Settlement {
    let charge = amounts(dollars);
    let mut event = event(order, charge);
    event.facts.model = "gpt-5-2026".to_owned();
    event.usage.set(Figure::OutputTotal, u64::try_from(dollars).unwrap());
    event.duration_ms = 7;
    Settlement::Post { charge, event: Box::new(event), once: Some(once(key)) }
}

pub fn usd(dollars: i64) -> NanoUsd {
    NanoUsd::new(dollars * 1_000_000_000)
}

/// So many dollars, a thousand tokens for each.
pub fn amounts(dollars: i64) -> Amounts {
    Amounts { usd: usd(dollars), tokens: dollars * 1000, characters: dollars * 10 }
}

/// A call that is expected to cost so much, and at most twice that.
pub fn order(payers: &Payers, dollars: i64) -> HoldOrder {
    HoldOrder {
        id: CallId::new(),
        payers: payers.clone(),
        ceiling: Some(amounts(dollars * 2)),
        expected: amounts(dollars),
        free: false,
        facts: CallFacts {
            started: parse_time("2026-11-24T21:13:36Z").unwrap(),
            provider: "openai".to_owned(),
            credential: "openai-main".to_owned(),
            dialect: "openai.chat".to_owned(),
            model: "gpt-5".to_owned(),
            price_version: "1".to_owned(),
        },
    }
}

pub fn event(order: &HoldOrder, charge: Amounts) -> UsageEvent {
    UsageEvent {
        id: order.id,
        payers: order.payers.clone(),
        facts: order.facts.clone(),
        settled: 0,
        service_tier: Some("default".to_owned()),
        status: 200,
        ending: Ending::Finished,
        estimated: false,
        usage: Usage::default().with(Figure::InputTotal, 900).with(Figure::OutputTotal, 100),
        cost: charge.usd,
        provider_cost: None,
        held: order.expected.usd,
        ttft_ms: 12,
        duration_ms: 345,
        requests: 1,
        attempts: Tries::default(),
    }
}
