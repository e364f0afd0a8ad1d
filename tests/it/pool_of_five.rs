//! The pool of five of `examples/groq-hf.toml` in `strict`, through the proxy, with a clock that is
//! moved by hand: a day of it is used to the last character, in order, and not one beyond.

use crate::world::{Answer, CHAT, LIMIT, rules, send};
use farebox::app::price_table;
use farebox::clock::Clock;
use farebox::config::{Config, Environment, Overrides};
use farebox::demo::provider::Simulated;
use farebox::ids::{AccountId, Id};
use farebox::ledger::{
    Crossing, EmbeddedLedger, EventQuery, KeyFacts, NewAccount, Options, Reach, Registry,
};
use farebox::proxy::Proxy;
use farebox::secret::{SecretDigest, label, new_user_key};
use farebox::serve::{Bounds, Drain, Hands, bind, run};
use hyper::service::service_fn;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};

/// 2026-11-24T08:00:00Z
const MORNING: i64 = 1_795_507_200_000;
const DAY_MS: i64 = 86_400_000;
const POOL: [(&str, i64); 5] = [
    ("groq_1", 14_400),
    ("groq_2", 14_400),
    ("groq_3", 14_400),
    ("huggingface_1", 30_000),
    ("huggingface_2", 30_000),
];

/// The proxy of the example, over a ledger with a clock of its own.
struct Five {
    addr: SocketAddr,
    key: String,
    clock: Clock,
    ledger: Arc<EmbeddedLedger>,
    proxy: Arc<Proxy>,
    crossings: Receiver<Crossing>,
    simulated: Simulated,
    _drain: Drain,
    _dir: tempfile::TempDir,
}

impl Five {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let pointed = |name: &str| (name.to_owned(), simulated.base_url());
        let upstreams = vec![pointed("groq"), pointed("huggingface")];
        let overrides = Overrides { upstreams, ..Overrides::default() };
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/groq-hf.toml");
        let config = Config::load(Some(&file), &Environment::default(), &overrides).unwrap();
        let clock = Clock::manual(MORNING);
        let (sender, crossings) = channel(100);
        let options = Options {
            clock: clock.clone(),
            default_enforcement: config.mode,
            background: false,
            crossings: Some(sender),
            ..Options::default()
        };
        let ledger = EmbeddedLedger::open(dir.path(), options).unwrap();
        let setups: Vec<_> = config.credentials.iter().map(|terms| terms.setup.clone()).collect();
        ledger.define(&setups).await.unwrap();
        let prices = Arc::new(price_table(&config).unwrap());
        let proxy =
            Proxy::new(ledger.clone(), clock.clone(), prices, config.providers.clone(), rules());
        let proxy = Arc::new(proxy.unwrap());
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answering = proxy.clone();
        let service = service_fn(move |request| {
            let proxy = answering.clone();
            async move { Ok::<_, Infallible>(proxy.answer(request).await) }
        });
        let drain = Drain::default();
        let bounds = Arc::new(Bounds::default());
        tokio::spawn(run(listener, Hands::Here(service), None, bounds, drain.watch()));
        let key = user_without_limits(&ledger).await;
        Self { addr, key, clock, ledger, proxy, crossings, simulated, _drain: drain, _dir: dir }
    }

    /// A call that uses so many characters, all that it holds: four of them are an answer of a token.
    async fn call(&self, characters: usize) -> Answer {
        call(self.addr, self.key.clone(), characters).await
    }

    /// The credentials of the calls that were served, oldest first.
    async fn served_by(&self, since: i64) -> Vec<String> {
        tokio::time::timeout(LIMIT, self.proxy.settled()).await.unwrap();
        let query = EventQuery { since: Some(since), limit: 1_000, ..EventQuery::default() };
        let events = self.ledger.events(&query).await.unwrap().entries;
        events.iter().rev().map(|event| event.facts.credential.clone()).collect()
    }

    /// What a day of each credential came to: requests and characters.
    async fn day(&self, date: &str) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        for (name, _) in POOL {
            let (id, date) = (name.parse().unwrap(), date.parse().unwrap());
            let days = self.ledger.days(&id, date, date).await.unwrap();
            all.push(days.first().map_or((0, 0), |d| (d.request_count, d.character_count)));
        }
        all
    }

    /// The thresholds that were crossed, by account.
    fn crossed(&mut self) -> BTreeMap<String, Vec<u32>> {
        let mut all: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        while let Ok(crossing) = self.crossings.try_recv() {
            all.entry(crossing.account.to_string()).or_default().push(crossing.threshold);
        }
        all
    }
}

async fn call(addr: SocketAddr, key: String, characters: usize) -> Answer {
    let said = "x".repeat(characters - 4);
    let body = format!(
        r#"{{"model":"openai/gpt-oss-20b","max_completion_tokens":1,"messages":[{{"role":"user","content":"{said}"}}]}}"#
    );
    let headers = format!(
        "authorization: Bearer {key}\r\nx-simulate: {{\"pad\":4,\"output\":1,\"chunks\":1}}\r\n"
    );
    Answer::read(send(addr, CHAT, &headers, &body).await).await
}

async fn user_without_limits(ledger: &EmbeddedLedger) -> String {
    let user: Id = "alice".parse().unwrap();
    let account = NewAccount {
        id: AccountId::user(&user),
        name: String::new(),
        workspace: Some("default".parse().unwrap()),
        limits: Some(Vec::new()),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    ledger.create(&account).await.unwrap();
    let key = new_user_key().expose_secret().to_owned();
    let digest = SecretDigest::of(&key);
    let facts = KeyFacts {
        digest,
        user,
        label: label(&key),
        models: Vec::new(),
        expires: None,
        reach: Reach::default(),
    };
    let id = AccountId::key(&digest.key_id().unwrap());
    ledger.create(&NewAccount { id, key: Some(facts), ..account }).await.unwrap();
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn r063_r064_r072_r073_a_day_is_used_to_the_last_character_and_the_next_is_new() {
    let mut five = Five::open().await;
    let mut room = POOL;
    let mut expected = Vec::new();
    for sizes in [&[1_200, 770, 310][..], &[770], &[310], &[100], &[10]] {
        for size in sizes.iter().cycle() {
            let answer = five.call(*size).await;
            let wanted = i64::try_from(*size).unwrap();
            let Some((name, left)) = room.iter_mut().find(|(_, left)| *left >= wanted) else {
                assert_eq!(answer.status(), 503, "{}", answer.text());
                assert_eq!(answer.code(), "provider_quota_exhausted");
                break;
            };
            assert_eq!(answer.status(), 200, "{size} of {left}: {}", answer.text());
            expected.push((*name).to_owned());
            *left -= wanted;
        }
    }
    assert_eq!(five.served_by(MORNING).await, expected);
    let used: Vec<i64> = five.day("2026-11-24").await.iter().map(|(_, used)| *used).collect();
    assert_eq!(used, POOL.map(|(_, all)| all));
    assert_eq!(used.iter().sum::<i64>(), 103_200);
    assert_eq!(five.simulated.bill().calls(), expected.len() as u64);
    let thrice = |(name, _): &(&str, i64)| (format!("credential:{name}"), vec![80, 90, 100]);
    assert_eq!(five.crossed(), POOL.iter().map(thrice).collect());
    let refused = five.call(10).await;
    assert_eq!(refused.header("retry-after").as_deref(), Some("57600"), "{}", refused.head);

    // The next day, two hundred at once: all that fits is served, and not one more.
    five.clock.advance(DAY_MS);
    let calls = (0..200).map(|_| tokio::spawn(call(five.addr, five.key.clone(), 1_200)));
    let mut statuses = BTreeMap::new();
    for answer in calls.collect::<Vec<_>>() {
        *statuses.entry(answer.await.unwrap().status()).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 86), (503, 114)]));
    assert_eq!(five.served_by(MORNING + DAY_MS).await.len(), 86);
    let day = five.day("2026-11-25").await;
    assert_eq!(day, [(12, 14_400), (12, 14_400), (12, 14_400), (25, 30_000), (25, 30_000)]);
    assert_eq!(five.crossed(), POOL.iter().map(thrice).collect());
    assert_eq!(five.ledger.verify().await.unwrap().violations, Vec::<String>::new());
}
