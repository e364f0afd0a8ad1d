//! All channels dead while accounts cross all the time: calls take as long as with no channel, and
//! memory stays bounded. Two built proxies, one without channels and one with channels of which one
//! refuses and one never answers, are called by turns in one run.
//!
//! An hour is shortened to so many calls; `FAREBOX_DEAD_CALLS=20000` for more, `--nocapture` shows
//! the figures.

use crate::alerts::{SECRET, admin, start};
use crate::program::Program;
use crate::world::{CHAT, chat};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const USUAL: usize = 600;
/// Calls of one proxy before it is the other's turn.
const TURN: usize = 50;
/// Each call is one of a user's of whom nobody heard before: it crosses all thresholds at once.
const LIMIT: &str = "0.000001 usd/day";

/// A proxy, the keys of users who were not used yet, and how long its calls took.
struct Side {
    program: Program,
    keys: Vec<String>,
    took: Vec<Duration>,
    resident: Vec<f64>,
}

impl Side {
    async fn open(dir: &Path, upstream: &str, channels: &str, users: usize) -> Self {
        let text = format!(
            "[enforcement]\nmode = \"observe\"\n[alerts]\ncheck_every = \"5s\"\n\
             allow_private = [\"127.0.0.0/8\"]\n{channels}"
        );
        std::fs::write(dir.join("farebox.toml"), text).unwrap();
        let program = start(dir, &["--upstream", upstream]);
        let mut keys = Vec::new();
        for n in 0..users {
            let user = json!({"id": format!("u{n}"), "limits": [LIMIT]});
            assert_eq!(admin(&program, "/api/v1/users", user).await.status(), 201);
            let key = admin(&program, "/api/v1/keys", json!({"user": format!("u{n}")})).await;
            keys.push(key.json()["key"].as_str().unwrap().to_owned());
        }
        Self { program, keys, took: Vec::new(), resident: Vec::new() }
    }

    async fn turn(&mut self) {
        let body = chat("gpt-5", r#","max_completion_tokens":100"#);
        for _ in 0..TURN {
            let key = self.keys.pop().unwrap();
            let begun = Instant::now();
            let answer = self.program.call(&key, CHAT, "x-simulate: {}\r\n", &body).await;
            self.took.push(begun.elapsed());
            assert_eq!(answer.status(), 200, "{}", answer.text());
        }
        self.resident.push(self.figure("process_resident_memory_bytes").await / 1_048_576.0);
    }

    async fn figure(&self, name: &str) -> f64 {
        let scraped = admin(&self.program, "/metrics", Value::Null).await;
        let own = |line: &&str| {
            line.starts_with(&format!("{name} ")) || line.starts_with(&format!("{name}{{"))
        };
        scraped
            .text()
            .lines()
            .filter(own)
            .map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// The middle and the 99th of a hundred.
    fn percentiles(&mut self) -> (Duration, Duration) {
        self.took.sort_unstable();
        let at = |part: usize| self.took[self.took.len() * part / 100];
        (at(50), at(99))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p22_calls_do_not_feel_that_all_channels_are_dead() {
    let calls = std::env::var("FAREBOX_DEAD_CALLS").ok().and_then(|n| n.parse().ok());
    let calls: usize = calls.unwrap_or(USUAL);
    let simulated = Simulated::start(None).await.unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((tcp, _)) = silent.accept().await {
            kept.push(tcp);
        }
    });
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = free.local_addr().unwrap();
    drop(free);
    let channels: String = [("hanging", hanging), ("refusing", refusing)]
        .map(|(name, at)| {
            format!(
                "[[alerts.channels]]\ntype = \"webhook\"\nname = \"{name}\"\nurl = \
                 \"http://{at}/\"\nsecret = \"{SECRET}\"\n"
            )
        })
        .concat();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut none = Side::open(dirs[0].path(), &upstream, "", calls).await;
    let mut dead = Side::open(dirs[1].path(), &upstream, &channels, calls).await;
    for _ in 0..calls / TURN {
        none.turn().await;
        dead.turn().await;
    }
    let failures = dead.figure("farebox_alert_delivery_failures_total").await;
    let crossed = dead.figure("farebox_threshold_crossings_total").await;
    assert!(
        failures > 0.0 && crossed >= 3.0 * calls as f64,
        "{failures} failures, {crossed} crossings"
    );
    assert!(none.figure("farebox_alert_delivery_failures_total").await == 0.0);
    let ((none_50, none_99), (dead_50, dead_99)) = (none.percentiles(), dead.percentiles());
    println!("{calls} calls each, {crossed} crossings, {failures} failed sends");
    println!("no channel: p50 {none_50:?}, p99 {none_99:?}, MiB {:.0?}", none.resident);
    println!("all dead:   p50 {dead_50:?}, p99 {dead_99:?}, MiB {:.0?}", dead.resident);
    println!(
        "dead / none: p50 {:.3}, p99 {:.3}",
        dead_50.as_secs_f64() / none_50.as_secs_f64(),
        dead_99.as_secs_f64() / none_99.as_secs_f64()
    );
    // A machine that others use too is no scale; a call that waited for a channel took seconds.
    assert!(dead_99 < none_99 * 3 + Duration::from_millis(200), "{none_99:?} {dead_99:?}");
    let grown = dead.resident.last().unwrap() - dead.resident[0];
    assert!(grown < 64.0, "memory grew by {grown} MiB");
}
