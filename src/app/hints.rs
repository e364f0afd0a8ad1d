//! Hints of what happened: from the ledger to the live clients of this proxy, and to those of all
//! other proxies on the same Redis.
//!
//! Invariants: the ledger tells and waits for nothing. Hints leave at most so often a second, each
//! account once, after the ledger has what they are about. A proxy that hears nothing, not even
//! itself, subscribes again, and its clients are shown how everything stands.

use super::Books;
use crate::control::{Live, Pace};
use crate::event::{Batch, Feed};
use crate::ids::{AccountId, CallId, Id};
use crate::ledger::{Crossing, Heard, RedisLedger, Watch};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::task::AbortHandle;

/// How often hints are published at most.
const EVERY: Duration = Duration::from_millis(150);
/// So many accounts in one message.
const MOST: usize = 500;
/// A sign of life, where there is nothing to tell.
const QUIET: Duration = Duration::from_secs(5);
/// So many crossings may wait for a moment.
const CROSSINGS: usize = 1_000;

/// What the ledger is opened with, and what follows from it.
pub(super) struct Hints {
    /// What happened here.
    told: Arc<Feed>,
    crossings: Option<mpsc::Receiver<Crossing>>,
    sender: mpsc::Sender<Crossing>,
    /// Tells proxies apart.
    own: CallId,
}

/// What proxies tell each other.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    from: CallId,
    #[serde(flatten)]
    batch: Batch,
}

/// Hears the ledger.
#[derive(Debug)]
struct Ear(Arc<Feed>);

impl Watch for Ear {
    fn moved(&self, account: &AccountId, workspace: Option<&Id>) {
        self.0.moved(account, workspace);
    }
}

impl Hints {
    pub(super) fn new() -> Self {
        let (sender, crossings) = mpsc::channel(CROSSINGS);
        let (told, own) = (Arc::default(), CallId::new());
        Self { told, crossings: Some(crossings), sender, own }
    }

    /// For the ledger: whom it tells whose figures moved.
    pub(super) fn watch(&self) -> Arc<dyn Watch> {
        Arc::new(Ear(self.told.clone()))
    }

    /// For the ledger: whom it tells of crossed thresholds.
    pub(super) fn crossings(&self) -> mpsc::Sender<Crossing> {
        self.sender.clone()
    }

    /// Where what happens here is told.
    pub(super) fn told(&self) -> Arc<Feed> {
        self.told.clone()
    }

    /// Brings hints to live clients, here and elsewhere, until the tasks are aborted.
    pub(super) fn start(
        mut self,
        books: &Books,
        alerts: broadcast::Sender<Crossing>,
    ) -> (Arc<Live>, Vec<AbortHandle>) {
        let mut tasks = Vec::new();
        if let Some(crossings) = self.crossings.take() {
            let passing = pass_on(crossings, alerts);
            tasks.push(tokio::spawn(passing).abort_handle());
        }
        let Some(redis) = books.redis() else {
            return (Live::new(self.told, Pace::default()), tasks);
        };
        let heard: Arc<Feed> = Arc::default();
        let live = Live::new(heard.clone(), Pace::default());
        let hearing = hear(self.own, heard.clone(), live.clone());
        let listening = RedisLedger::listen(Arc::downgrade(&redis), hearing);
        tasks.push(tokio::spawn(listening).abort_handle());
        tasks.push(
            tokio::spawn(publish(self.told, self.own, heard, Arc::downgrade(&redis)))
                .abort_handle(),
        );
        (live, tasks)
    }
}

/// Passes crossings on to alerts, which lose the oldest where they do not keep
/// up and find them when accounts are checked.
async fn pass_on(mut crossings: mpsc::Receiver<Crossing>, alerts: broadcast::Sender<Crossing>) {
    while let Some(crossing) = crossings.recv().await {
        let _stopped = alerts.send(crossing);
    }
}

/// Hands on what happened here: to the clients of this proxy at once, to others through Redis. What
/// cannot be published is lost to them.
async fn publish(told: Arc<Feed>, own: CallId, heard: Arc<Feed>, redis: Weak<RedisLedger>) {
    loop {
        let batch = match tokio::time::timeout(QUIET, told.arrived()).await {
            Ok(()) => told.take(MOST),
            Err(_) => Batch::default(),
        };
        heard.extend(batch.clone());
        let Some(redis) = redis.upgrade() else { return };
        let letter = serde_json::to_string(&Letter { from: own, batch });
        let published = match letter {
            Ok(letter) => redis.publish(&letter).await.map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        if let Err(why) = published {
            tracing::debug!(why, "other proxies are not told what happened here");
        }
        drop(redis);
        tokio::time::sleep(EVERY).await;
    }
}

/// What is done with what a subscription brings.
fn hear(own: CallId, heard: Arc<Feed>, live: Arc<Live>) -> impl FnMut(Heard) + Send {
    move |what| match what {
        Heard::Subscribed => live.refresh(),
        Heard::Text(text) => match serde_json::from_str::<Letter>(&text) {
            Ok(letter) if letter.from == own => {}
            Ok(letter) => heard.extend(letter.batch),
            Err(error) => tracing::debug!(%error, "a hint of another proxy is not readable"),
        },
    }
}
