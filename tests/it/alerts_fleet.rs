//! Five proxies on one Redis, many accounts crossing 80, 90 and 100 %, two proxies killed meanwhile:
//! three alerts for each account and channel, no more and no less.
//!
//! `FAREBOX_ALERT_ACCOUNTS=10000` for the full run; `--nocapture` shows what came of it.

use crate::alert_sinks::{HttpSink, answer};
use crate::alerts::{TOKEN, admin, start, webhook};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, send};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PROXIES: usize = 5;
/// So many requests are under way at a time.
const AT_ONCE: usize = 32;
/// Accounts where nothing else is asked for.
const USUAL: usize = 60;
/// A killed proxy's claims come back after a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// Spends at some proxy that lives; the same event may be sent again.
async fn spend(proxies: Vec<SocketAddr>, first: usize, id: String, user: String, dollars: u32) {
    let body = json!({"id": id, "user": user, "cost_usd": dollars.to_string()}).to_string();
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    for at in 0..proxies.len() * 4 {
        let proxy = proxies[(first + at) % proxies.len()];
        if tokio::net::TcpStream::connect(proxy).await.is_err() {
            continue;
        }
        let sent = tokio::spawn({
            let (headers, body) = (headers.clone(), body.clone());
            async move {
                let stream = send(proxy, "/api/v1/usage-events", &headers, &body).await;
                Answer::read(stream).await.status()
            }
        });
        if matches!(sent.await, Ok(200 | 201)) {
            return;
        }
    }
    panic!("nobody took {id}");
}

/// Does something for each number below `many`, some at a time.
async fn for_each<F: Future<Output = ()> + Send + 'static>(
    numbers: std::ops::Range<usize>,
    what: impl Fn(usize) -> F,
) {
    let mut under_way = tokio::task::JoinSet::new();
    for n in numbers {
        if under_way.len() >= AT_ONCE {
            under_way.join_next().await.unwrap().unwrap();
        }
        under_way.spawn(what(n));
    }
    under_way.join_all().await;
}

/// When some proxy last checked the accounts, in seconds since 1970.
async fn checked(programs: &[&Program]) -> f64 {
    let mut last = 0.0_f64;
    for program in programs {
        let text = admin(program, "/metrics", Value::Null).await;
        let line = text.text().lines().find(|l| l.starts_with("farebox_alert_check_time_seconds "));
        let at = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        last = last.max(at.unwrap_or(0.0));
    }
    last
}

/// What a sink heard of each account: thresholds by the id of the message, and how often it was sent.
fn heard(sink: &HttpSink) -> (BTreeMap<String, BTreeSet<(u64, String)>>, usize) {
    let mut heard: BTreeMap<String, BTreeSet<(u64, String)>> = BTreeMap::new();
    let got = sink.got.lock();
    for one in got.iter() {
        let body: Value = serde_json::from_str(&one.body).unwrap();
        let account = body["account"].as_str().unwrap().to_owned();
        let message = (body["threshold"].as_u64().unwrap(), one.headers["webhook-id"].clone());
        heard.entry(account).or_default().insert(message);
    }
    (heard, got.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p22_three_alerts_an_account_and_channel_though_two_proxies_are_killed() {
    let asked = std::env::var("FAREBOX_ALERT_ACCOUNTS").ok().and_then(|n| n.parse().ok());
    let accounts: usize = asked.unwrap_or(USUAL);
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let sinks = [
        HttpSink::start(&[&answer("200 OK", "")]).await,
        HttpSink::start(&[&answer("200 OK", "")]).await,
    ];
    let dirs: Vec<_> = (0..PROXIES).map(|_| tempfile::tempdir().unwrap()).collect();
    let url = redis.url();
    let every = if accounts > 1_000 { 10 } else { 1 };
    let mut programs: Vec<Program> = Vec::new();
    for dir in &dirs {
        let text = format!(
            "[alerts]\ncheck_every = \"{every}s\"\nallow_private = [\"127.0.0.0/8\"]\n{}{}",
            webhook("one", &sinks[0]),
            webhook("two", &sinks[1])
        );
        std::fs::write(dir.path().join("farebox.toml"), text).unwrap();
        programs.push(start(dir.path(), &["--redis", &url]));
    }
    let proxies: Vec<SocketAddr> = programs.iter().map(|program| program.admin).collect();
    for_each(0..accounts, |n| {
        let user = json!({"id": format!("u{n}"), "limits": ["100 usd/month"]}).to_string();
        let proxy = proxies[n % PROXIES];
        async move {
            let headers = format!("authorization: Bearer {TOKEN}\r\n");
            let made = Answer::read(send(proxy, "/api/v1/users", &headers, &user).await).await;
            assert_eq!(made.status(), 201, "{}", made.text());
        }
    })
    .await;
    let begun = Instant::now();
    for (step, dollars) in [80_u32, 10, 10].into_iter().enumerate() {
        let one = |n: usize| {
            let (id, user) = (format!("e{n}-{step}"), format!("u{n}"));
            spend(proxies.clone(), n + step, id, user, dollars)
        };
        for_each(0..accounts / 2, one).await;
        if step < 2 {
            programs[1 + step].kill();
        }
        for_each(accounts / 2..accounts, one).await;
    }
    let spent = begun.elapsed();
    while !sinks.iter().all(|sink| sink.got.lock().len() >= 3 * accounts) {
        let many: Vec<_> = sinks.iter().map(|sink| sink.got.lock().len()).collect();
        assert!(
            begun.elapsed() < PATIENCE.max(Duration::from_millis(accounts as u64 * 100)),
            "{many:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let whole = |sink: &HttpSink| {
        let (heard, _) = heard(sink);
        heard.len() == accounts && heard.values().all(|messages| messages.len() >= 3)
    };
    while !sinks.iter().all(whole) {
        assert!(begun.elapsed() < PATIENCE.max(Duration::from_millis(accounts as u64 * 100)));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let took = begun.elapsed();
    // Two more checks of every account find nothing to add.
    let alive = [&programs[0], &programs[3], &programs[4]];
    let now = checked(&alive).await;
    while checked(&alive).await < now + f64::from(2 * every) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for sink in &sinks {
        let (heard, sent) = heard(sink);
        for (account, messages) in &heard {
            let thresholds: Vec<u64> = messages.iter().map(|(threshold, _)| *threshold).collect();
            assert_eq!(thresholds, [80, 90, 100], "{account}: {messages:?}");
        }
        // What a killed proxy had sent and not written down is sent again with the same id.
        let again = sent - 3 * accounts;
        assert!(again <= 2 * 16, "{again} were sent again");
        println!(
            "{accounts} accounts: charged in {spent:?}, {sent} sends in {took:?}, {again} again with \
             the same id"
        );
    }
    let found = admin(&programs[0], "/api/v1/ledger/verify", Value::Null).await;
    assert_eq!(found.json()["ok"], true, "{}", found.text());
}
