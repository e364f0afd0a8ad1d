//! Built proxies and Redis killed with `kill -9` in the middle of load: afterwards the sums of
//! minutes, hours and days, the events and the accounts agree to the nano-dollar, and so says
//! `farebox ledger verify`. And what is 31 days old is gone.
//!
//! `FAREBOX_KILLED_CALLS=5000` for more load; `--nocapture` shows what came of it.

use crate::ledger_rig::{Backend, Rig, clock, options};
use crate::ledger_sums::{events, sums_are_those_of_the_events};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat, send};
use farebox::clock::Clock;
use farebox::demo::provider::Simulated;
use farebox::ids::AccountKind;
use farebox::ledger::{
    EmbeddedLedger, Kept, ListFilter, NewAlert, Options, Raised, RedisLedger, SumQuery, Tier,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const USUAL: usize = 400;
const CLIENTS: usize = 16;
const USERS: usize = 5;
const TOKEN: &str = "a-token-for-tests-only";
/// Orphans are charged when their lease of five seconds has run out.
const PATIENCE: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400_000;

/// Starts a proxy in its directory, once more after a kill.
fn start(dir: &Path, arguments: &[&str]) -> Program {
    let environment = [
        ("FAREBOX_ADMIN_TOKEN", TOKEN),
        ("OPENAI_API_KEY", "sk-of-nobody"),
        ("FAREBOX_LEDGER__LEASE_SECONDS", "5"),
    ];
    Program::serve(dir, arguments, &environment)
}

async fn admin(at: SocketAddr, path: &str, body: Value) -> Answer {
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Answer::read(send(at, path, &headers, &body).await).await
}

/// Keys of some users.
async fn keys(at: SocketAddr) -> Vec<String> {
    let mut keys = Vec::new();
    for n in 0..USERS {
        let user = json!({"id": format!("u{n}"), "limits": ["1000 usd/month"]});
        assert_eq!(admin(at, "/api/v1/users", user).await.status(), 201);
        let key = admin(at, "/api/v1/keys", json!({"user": format!("u{n}")})).await;
        assert_eq!(key.status(), 201, "{}", key.text());
        keys.push(key.json()["key"].as_str().unwrap().to_owned());
    }
    keys
}

/// Clients that call until so many calls were served; where a proxy is away they try again.
struct Load {
    served: Arc<AtomicUsize>,
    clients: tokio::task::JoinSet<()>,
}

impl Load {
    fn start(proxies: &Arc<Mutex<Vec<SocketAddr>>>, keys: &[String], calls: usize) -> Self {
        let (begun, served) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            let (begun, served, proxies) = (begun.clone(), served.clone(), proxies.clone());
            let key = keys[client % keys.len()].clone();
            clients.spawn(async move {
                while served.load(Ordering::SeqCst) < calls {
                    let call = begun.fetch_add(1, Ordering::SeqCst);
                    let proxy = {
                        let proxies = proxies.lock();
                        proxies[call % proxies.len()]
                    };
                    if one(proxy, &key, call).await {
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        Self { served, clients }
    }

    /// Waits until so many calls were served.
    async fn reaches(&self, calls: usize) {
        let (mut seen, mut until) = (0, Instant::now() + PATIENCE);
        while seen < calls {
            let now = self.served.load(Ordering::SeqCst);
            if now > seen {
                (seen, until) = (now, Instant::now() + PATIENCE);
            }
            assert!(Instant::now() < until, "the load stands still");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> usize {
        self.clients.join_all().await;
        self.served.load(Ordering::SeqCst)
    }
}

/// One call, streamed or not; whether it was served to its end.
async fn one(proxy: SocketAddr, key: &str, call: usize) -> bool {
    let script =
        format!(r#"{{"input":{},"output":{},"chunks":4}}"#, 100 + call % 37, 50 + call % 11);
    let headers = format!("authorization: Bearer {key}\r\nx-simulate: {script}\r\n");
    let more = r#","stream":true,"max_completion_tokens":60"#;
    let body =
        chat("gpt-5", if call.is_multiple_of(2) { more } else { r#","max_completion_tokens":60"# });
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(proxy).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let Ok(Ok(answer)) = tokio::time::timeout(LIMIT, asked).await else {
        // Somebody restarts it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        return false;
    };
    let whole: &[u8] = if call.is_multiple_of(2) { b"[DONE]\n\n\r\n0\r\n\r\n" } else { b"}" };
    answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(whole)
}

/// Waits until nothing is open or on its way any more.
async fn quiet(at: SocketAddr) {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = admin(at, "/metrics", Value::Null).await.text().to_owned();
        let zero = |name: &str| text.lines().any(|line| line == format!("{name} 0"));
        if zero("farebox_journal_pending") && zero("farebox_holds_open") {
            return;
        }
        assert!(Instant::now() < until, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// No hold of anybody is open any more: those of proxies that died ran out and were charged.
async fn no_holds(rig: &Rig) {
    let until = Instant::now() + PATIENCE;
    loop {
        rig.sweep().await;
        let page = rig.ledger.accounts(AccountKind::Workspace, &all()).await.unwrap();
        if page.entries.iter().all(|account| account.held_usd.get() == 0) {
            return;
        }
        assert!(Instant::now() < until, "{page:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn all() -> ListFilter {
    ListFilter { limit: 200, ..ListFilter::default() }
}

/// Sums of all tiers = events = accounts.
async fn agree(rig: &Rig, served: usize, what: &str) {
    sums_are_those_of_the_events(rig).await;
    let events = events(rig).await;
    let cost: i64 = events.iter().map(|event| event.cost.get()).sum();
    for kind in [AccountKind::Workspace, AccountKind::User, AccountKind::Key] {
        let page = rig.ledger.accounts(kind, &all()).await.unwrap();
        let total: i64 = page.entries.iter().map(|account| account.total_usd.get()).sum();
        assert_eq!(total, cost, "{kind:?}");
    }
    let whole = events.iter().filter(|event| event.status == 200 && !event.estimated).count();
    assert!(whole >= served, "{served} were served, {whole} are in the ledger");
    let verified = rig.ledger.verify().await.unwrap();
    assert_eq!(verified.violations, Vec::<String>::new());
    println!(
        "{what}: {served} served, {} events, {cost} nano-dollars in events, sums and accounts",
        events.len()
    );
}

fn calls() -> usize {
    std::env::var("FAREBOX_KILLED_CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(USUAL)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r123_two_proxies_and_redis_are_killed_and_sums_events_and_accounts_agree() {
    let mut redis = RedisServer::start(&["--appendonly", "yes"]);
    let simulated = Simulated::start(None).await.unwrap();
    let (upstream, url) = (format!("openai={}", simulated.base_url()), redis.url());
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let arguments = ["--redis", &url, "--upstream", &upstream];
    let mut programs = dirs.each_ref().map(|dir| start(dir.path(), &arguments));
    let keys = keys(programs[0].admin).await;
    let proxies = Arc::new(Mutex::new(programs.each_ref().map(|program| program.data).to_vec()));
    let load = Load::start(&proxies, &keys, calls());
    for (part, victim) in [(1, Some(0)), (2, None), (3, Some(1))] {
        load.reaches(calls() * part / 4).await;
        match victim {
            Some(victim) => {
                programs[victim].kill();
                programs[victim] = start(dirs[victim].path(), &arguments);
                proxies.lock()[victim] = programs[victim].data;
            }
            None => {
                redis.kill();
                redis.restart();
            }
        }
    }
    let served = load.end().await;
    for program in &programs {
        quiet(program.admin).await;
    }
    let options =
        Options { background: false, journal_dir: redis.dir().join("third"), ..Options::default() };
    let third = RedisLedger::open(&url, options).await.unwrap();
    let rig = Rig::over(Clock::system(), third);
    no_holds(&rig).await;
    for program in &programs {
        quiet(program.admin).await;
    }
    agree(&rig, served, "two proxies on one Redis").await;
    let url = format!("http://{}", programs[0].admin);
    let environment = [("FAREBOX_ADMIN_TOKEN", TOKEN), ("FAREBOX_ADMIN_URL", &url)];
    let verified = crate::program::farebox(&["ledger", "verify"], &environment);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{said}");
    println!("{}", said.trim_end());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r123_one_proxy_is_killed_and_sums_events_and_accounts_agree() {
    let simulated = Simulated::start(None).await.unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--upstream", &upstream];
    let mut program = start(dir.path(), &arguments);
    let keys = keys(program.admin).await;
    let proxies = Arc::new(Mutex::new(vec![program.data]));
    let load = Load::start(&proxies, &keys, calls());
    for part in [1, 2] {
        load.reaches(calls() * part / 3).await;
        program.kill();
        program = start(dir.path(), &arguments);
        proxies.lock()[0] = program.data;
    }
    let served = load.end().await;
    quiet(program.admin).await;
    let url = format!("http://{}", program.admin);
    let environment = [("FAREBOX_ADMIN_TOKEN", TOKEN), ("FAREBOX_ADMIN_URL", &url)];
    let verified = crate::program::farebox(&["ledger", "verify"], &environment);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{said}");
    program.kill();
    let options = Options { background: false, ..Options::default() };
    let place = dir.path().join("farebox-data/ledger");
    let rig = Rig::over(Clock::system(), EmbeddedLedger::open(&place, options).unwrap());
    no_holds(&rig).await;
    agree(&rig, served, "one proxy, embedded").await;
}

/// An alert and a call, then 31 days: neither is seen any more, but what was charged stays.
async fn is_gone(rig: &Rig) {
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.call(&payers, 1).await;
    let alert = NewAlert {
        id: "080-old".parse().unwrap(),
        mark: "user:alice|usd/month|80".to_owned(),
        period: 202_611,
        arm: 0,
        ends: false,
        renotify_ms: 0,
        text: "{}".to_owned(),
        channels: Vec::new(),
    };
    let raised = rig.ledger.raise(&alert).await.unwrap();
    assert!(matches!(raised, Raised::Now { .. }), "{raised:?}");
    let begun = rig.clock.now();
    let seen = async || {
        let alerts = rig.ledger.alerts(None, 10).await.unwrap().entries.len();
        let (from, until) = (begun - 60_000, begun + 60_000);
        let query = SumQuery { tier: Tier::Minute, from, until, only: Vec::new(), by: Vec::new() };
        (alerts, rig.ledger.sums(&query).await.unwrap().len())
    };
    assert_eq!(seen().await, (1, 1));
    rig.clock.advance(31 * DAY);
    assert_eq!(seen().await, (0, 0));
    rig.call(&payers, 1).await;
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r123_what_is_31_days_old_is_gone() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let kept = Options { rollups: Kept::default(), retention_days: 30, ..options(&clock) };
    let embedded = EmbeddedLedger::open(dir.path(), kept.clone()).unwrap();
    is_gone(&Rig::over(clock.clone(), embedded)).await;
    let server = RedisServer::start(&[]);
    let kept = Options { journal_dir: server.dir().join("one"), ..kept };
    let ledger: Arc<dyn Backend> = RedisLedger::open(&server.url(), kept).await.unwrap();
    is_gone(&Rig::over(clock, ledger)).await;
    let left = server.cli(&["PTTL", "farebox:{0}:alert:080-old"]).parse::<i64>().unwrap();
    assert!((1..=30 * DAY).contains(&left), "Redis drops it by itself: {left}");
}
