//! Five proxies on one Redis, many accounts crossing 80, 90 and 100 %, two proxies killed meanwhile:
//! three alerts for each account and channel, no more and no less.
//!
//! `FAREBOX_ALERT_ACCOUNTS=10000` for the full run; `--nocapture` shows what came of it.

use crate::alert_sinks::{HttpSink, answer};
use crate::alerts::{TOKEN, admin, file, start, webhook};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, send};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PROXIES: usize = 5;
/// Accounts where nothing else is asked for.
const USUAL: usize = 60;
/// A killed proxy's claims come back after a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// Spends at some proxy that lives; the same event may be sent again.
async fn spend(proxies: &[SocketAddr], first: usize, id: &str, user: &str, dollars: u32) {
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
    let mut programs: Vec<Program> = Vec::new();
    for dir in &dirs {
        file(dir.path(), "1h", &(webhook("one", &sinks[0]) + &webhook("two", &sinks[1])));
        programs.push(start(dir.path(), &["--redis", &url]));
    }
    let proxies: Vec<SocketAddr> = programs.iter().map(|program| program.admin).collect();
    for n in 0..accounts {
        let user = json!({"id": format!("u{n}"), "limits": ["100 usd/month"]});
        let made = admin(&programs[n % PROXIES], "/api/v1/users", user).await;
        assert_eq!(made.status(), 201, "{}", made.text());
    }
    let begun = Instant::now();
    for (step, dollars) in [80_u32, 10, 10].into_iter().enumerate() {
        for n in 0..accounts {
            let (id, user) = (format!("e{n}-{step}"), format!("u{n}"));
            spend(&proxies, n + step, &id, &user, dollars).await;
            if step < 2 && n == accounts / 2 {
                programs[1 + step].kill();
            }
        }
    }
    let whole = |sink: &HttpSink| {
        let (heard, _) = heard(sink);
        heard.len() == accounts && heard.values().all(|messages| messages.len() >= 3)
    };
    while !sinks.iter().all(whole) {
        let many: Vec<_> = sinks.iter().map(|sink| heard(sink).1).collect();
        assert!(
            begun.elapsed() < PATIENCE.max(Duration::from_millis(accounts as u64 * 100)),
            "{many:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let took = begun.elapsed();
    // Two more checks of every account find nothing to add.
    tokio::time::sleep(Duration::from_secs(3)).await;
    for sink in &sinks {
        let (heard, sent) = heard(sink);
        for (account, messages) in &heard {
            let thresholds: Vec<u64> = messages.iter().map(|(threshold, _)| *threshold).collect();
            assert_eq!(thresholds, [80, 90, 100], "{account}: {messages:?}");
        }
        // What a killed proxy had sent and not written down is sent again with the same id.
        let again = sent - 3 * accounts;
        assert!(again <= 2 * 16, "{again} were sent again");
        println!("{accounts} accounts: {sent} sends, {again} again with the same id, {took:?}");
    }
    let found = admin(&programs[0], "/api/v1/ledger/verify", Value::Null).await;
    assert_eq!(found.json()["ok"], true, "{}", found.text());
}
