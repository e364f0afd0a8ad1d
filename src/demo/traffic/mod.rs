//! Demo traffic: a handful of users who call a proxy over and over, as apps do, and count what
//! came of it. They read every answer to its end. Not a benchmark.

mod players;
mod tunes;

pub use players::{PLAYERS, Player, WORKSPACES};
pub use tunes::Tune;

use tunes::SHORT_CHAT;

use crate::demo::provider::SCRIPT_HEADER;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longest that one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// The pause between two calls of a player who is not brisk any more.
const CALM: Duration = Duration::from_secs(4);

/// A player with a key.
#[derive(Debug, Clone)]
pub struct Rider {
    /// Who it is and what is played.
    pub player: Player,
    /// The key.
    pub key: SecretString,
    /// What came of it.
    pub tally: Arc<Tally>,
}

/// What came of one user's calls.
#[derive(Debug, Default)]
pub struct Tally {
    calls: AtomicU64,
    admitted: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
}

/// The figures of a [`Tally`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that were made and have ended.
    pub calls: u64,
    /// Calls that were answered with success.
    pub admitted: u64,
    /// Calls that were refused with 429.
    pub refused: u64,
    /// Calls that failed otherwise.
    pub failed: u64,
    /// Bytes of answers.
    pub bytes: u64,
}

impl Tally {
    /// The figures now.
    pub fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Ordering::Relaxed),
            admitted: self.admitted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn count(&self, outcome: &Outcome) {
        let (column, bytes) = match outcome {
            Outcome::Admitted(bytes) => (&self.admitted, *bytes),
            Outcome::Refused => (&self.refused, 0),
            Outcome::Failed => (&self.failed, 0),
        };
        column.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

enum Outcome {
    Admitted(u64),
    Refused,
    Failed,
}

/// Running traffic.
#[derive(Debug)]
pub struct Traffic {
    hands: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Traffic {
    /// Starts the riders' calls against the proxy at `url` (`http://127.0.0.1:8080`); they end by
    /// themselves after `calls` calls, where that is given.
    pub fn start(url: &str, riders: &[Rider], calls: Option<u64>) -> Self {
        let stop = watch::Sender::new(false);
        let left = Arc::new(AtomicU64::new(calls.unwrap_or(u64::MAX)));
        let mut hands = JoinSet::new();
        for rider in riders {
            for offset in 0..rider.player.hands {
                let hand = Hand {
                    url: url.to_owned(),
                    rider: rider.clone(),
                    client: client(),
                    left: Arc::clone(&left),
                    stop: stop.clone(),
                };
                hands.spawn(hand.play(offset));
            }
        }
        Self { hands, stop }
    }

    /// Waits until all riders ended by themselves.
    pub async fn ended(&mut self) {
        while self.hands.join_next().await.is_some() {}
    }

    /// Lets the calls in flight end and begins no more.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build_http()
}

/// One of a rider's hands: makes one call at a time.
struct Hand {
    url: String,
    rider: Rider,
    client: HttpClient,
    left: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
}

impl Hand {
    async fn play(self, offset: usize) {
        let player = self.rider.player;
        let mut stopped = self.stop.subscribe();
        for (made, tune) in (0_u64..).zip(player.tunes.iter().cycle().skip(offset)) {
            let one_less = |left: u64| left.checked_sub(1);
            if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
                // Nobody else needs to wait out his pause.
                self.stop.send_replace(true);
                return;
            }
            let (tune, pause) = match made < player.brisk {
                true => (tune, player.pace),
                false => (&SHORT_CHAT, CALM),
            };
            let outcome = tokio::time::timeout(CALL_LIMIT, self.call(tune)).await;
            self.rider.tally.count(&outcome.unwrap_or(Outcome::Failed));
            let stopped = stopped.wait_for(|stop| *stop);
            if tokio::time::timeout(pause, stopped).await.is_ok() {
                return;
            }
        }
    }

    async fn call(&self, tune: &Tune) -> Outcome {
        let mut request = Request::post(format!("{}{}", self.url, tune.path))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.rider.key.expose_secret()));
        if !tune.script.is_empty() {
            request = request.header(SCRIPT_HEADER, tune.script);
        }
        let Ok(request) = request.body(Full::from(tune.body)) else { return Outcome::Failed };
        let Ok(answer) = self.client.request(request).await else { return Outcome::Failed };
        let status = answer.status();
        let mut body = answer.into_body();
        let mut bytes = 0_u64;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Outcome::Failed };
            let length = frame.data_ref().map_or(0, Bytes::len);
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(0));
        }
        match status {
            StatusCode::OK => Outcome::Admitted(bytes),
            StatusCode::TOO_MANY_REQUESTS => Outcome::Refused,
            _ => Outcome::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::provider::Simulated;

    fn rider(player: Player, key: &str) -> Rider {
        Rider { player, key: key.to_owned().into(), tally: Arc::default() }
    }

    #[tokio::test]
    async fn every_tune_is_served_and_billed() {
        let simulated = Simulated::start(Some("sk-x")).await.unwrap();
        let riders = PLAYERS.map(|player| rider(Player { pace: Duration::ZERO, ..player }, "sk-x"));
        let url = format!("http://{}", simulated.addr());
        let mut traffic = Traffic::start(&url, &riders, Some(60));
        tokio::time::timeout(CALL_LIMIT, traffic.ended()).await.unwrap();
        let calls: u64 = riders.iter().map(|rider| rider.tally.counts().calls).sum();
        let admitted: u64 = riders.iter().map(|rider| rider.tally.counts().admitted).sum();
        assert_eq!((calls, admitted), (60, 60));
        assert_eq!(simulated.bill().entries().len(), 60);
    }

    #[tokio::test]
    async fn stopping_lets_calls_in_flight_end() {
        let simulated = Simulated::start(None).await.unwrap();
        let riders = [rider(PLAYERS[0], "sk-x")];
        let url = format!("http://{}", simulated.addr());
        let traffic = Traffic::start(&url, &riders, None);
        assert!(riders[0].tally.counts().calls == 0);
        traffic.stop().await;
        let counts = riders[0].tally.counts();
        assert_eq!((counts.calls, counts.failed), (2, 0));
        assert!(simulated.bill().entries().iter().all(|entry| entry.finished));
    }
}
