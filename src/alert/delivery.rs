//! Delivers what is due: a worker for each channel, which claims a few deliveries at a time.
//!
//! Invariants: a channel that hangs keeps its own worker busy and nobody else. What is claimed is
//! small and bounded; what waits, waits in the ledger. Two alerts of one account go to a channel in
//! the order in which they are due. A send that could outlive its claim is not begun.

use super::alerting::Alerting;
use super::channel::Channel;
use super::notice::Notice;
use super::outcome::{Next, Outcome};
use crate::clock::Stopwatch;
use crate::ids::Id;
use crate::ledger::{Claimed, Crossing, Delivery, DeliveryStatus};
use crate::telemetry::names;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::task::{AbortHandle, JoinSet};

/// How many deliveries a worker has at a time.
const AT_ONCE: usize = 16;
/// For how long they are its own.
const LEASE_MS: i64 = 60_000;
/// No send begins later than so long after the claim.
const BEGUN_WITHIN: f64 = 20.0;
/// How often it is looked whether something is due, and which channels there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest reason that is kept.
const REASON: usize = 300;

/// What makes and delivers alerts until it is dropped.
pub struct Running {
    tasks: Vec<AbortHandle>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Begins to make alerts of crossings, to look after them, and to deliver them.
pub fn start(alerting: &Arc<Alerting>, crossings: Receiver<Crossing>) -> Running {
    let (hints, sweeps, sends) = (alerting.clone(), alerting.clone(), alerting.clone());
    let tasks = vec![
        tokio::spawn(async move { hints.listen(crossings).await }).abort_handle(),
        tokio::spawn(async move { sweeps.sweep_on().await }).abort_handle(),
        tokio::spawn(deliver(sends)).abort_handle(),
    ];
    Running { tasks }
}

/// Keeps one worker for each channel there is.
async fn deliver(alerting: Arc<Alerting>) {
    let mut workers = JoinSet::new();
    let mut running: BTreeMap<Id, (Channel, AbortHandle)> = BTreeMap::new();
    loop {
        if let Err(why) = alerting.refresh().await {
            tracing::debug!(%why, "channels of alerts were not read");
        }
        let all = alerting.channels();
        running.retain(|_, (old, worker)| {
            let stays = all.iter().any(|listed| listed.channel.is_same(old));
            if !stays {
                worker.abort();
            }
            stays
        });
        for listed in all.iter() {
            let channel = &listed.channel;
            if !running.contains_key(channel.name()) {
                let worker = workers.spawn(work(alerting.clone(), channel.clone()));
                running.insert(channel.name().clone(), (channel.clone(), worker));
            }
        }
        while workers.try_join_next().is_some() {}
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Delivers to one channel.
async fn work(alerting: Arc<Alerting>, channel: Channel) {
    loop {
        let due = alerting.due.notified();
        let claimed =
            alerting.sources.outbox.claim(channel.name(), channel.rate(), LEASE_MS, AT_ONCE);
        let claimed = claimed.await.unwrap_or_else(|why| {
            tracing::debug!(channel = %channel.name(), %why, "alerts were not claimed");
            Vec::new()
        });
        if claimed.is_empty() {
            let _ = tokio::time::timeout(LOOK_EVERY, due).await;
            continue;
        }
        let since = Stopwatch::start();
        let mut sends = JoinSet::new();
        let (queues, unreadable) = by_account(claimed);
        for claimed in unreadable {
            let why = "this version cannot read it".to_owned();
            record(&alerting, &channel, claimed, &Outcome::TryAgain { why, after: None }).await;
        }
        for queue in queues {
            sends.spawn(send_all(alerting.clone(), channel.clone(), queue, since));
        }
        sends.join_all().await;
    }
}

/// Deliveries apart by whom they are about, each in its order; and those of a newer version, which
/// may have them until they are given up.
fn by_account(claimed: Vec<Claimed>) -> (Vec<Vec<(Notice, Claimed)>>, Vec<Claimed>) {
    let mut queues: BTreeMap<String, Vec<(Notice, Claimed)>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for one in claimed {
        match serde_json::from_str::<Notice>(&one.text) {
            Ok(notice) => queues.entry(notice.config_id()).or_default().push((notice, one)),
            Err(why) => {
                tracing::error!(id = %one.id, %why, "an alert cannot be read");
                unreadable.push(one);
            }
        }
    }
    (queues.into_values().collect(), unreadable)
}

/// Sends one after the other. After one that is to be tried again the others wait too, until the
/// claim ends.
async fn send_all(
    alerting: Arc<Alerting>,
    channel: Channel,
    queue: Vec<(Notice, Claimed)>,
    since: Stopwatch,
) {
    for (mut notice, claimed) in queue {
        if since.elapsed().as_secs_f64() > BEGUN_WITHIN {
            return;
        }
        notice.link = alerting.page_of(&notice);
        let delivered = send(&alerting, &channel, &notice, claimed).await;
        if !delivered {
            return;
        }
    }
}

/// Sends one, and writes how that went; whether the next one may be sent.
async fn send(alerting: &Alerting, channel: &Channel, notice: &Notice, claimed: Claimed) -> bool {
    let now = alerting.sources.clock.now();
    let outcome = match channel.message(notice, claimed.id.as_str(), now) {
        Ok(message) => alerting.outgoing.load_full().send(&message).await,
        Err(why) => Outcome::Failed { why },
    };
    let (id, delivery, next) = record(alerting, channel, claimed, &outcome).await;
    told(channel, notice, &id, &delivery, next);
    !matches!(next, Next::At(_))
}

/// Writes how a send went, and what comes next.
async fn record(
    alerting: &Alerting,
    channel: &Channel,
    claimed: Claimed,
    outcome: &Outcome,
) -> (Id, Delivery, Next) {
    let Claimed { id, mut delivery, .. } = claimed;
    let name = channel.name();
    delivery.attempts = delivery.attempts.saturating_add(1);
    delivery.last_error = outcome.why().map(|why| why.chars().take(REASON).collect());
    let now = alerting.sources.clock.now();
    let next = outcome.next(delivery.attempts, now);
    let again = match next {
        Next::Done => {
            delivery.status = DeliveryStatus::Delivered;
            delivery.delivered_at = Some(now);
            None
        }
        Next::GiveUp => {
            delivery.status = DeliveryStatus::Failed;
            None
        }
        Next::At(at) => Some(at.saturating_sub(now)),
    };
    if let Err(why) = alerting.sources.outbox.record_delivery(&id, name, &delivery, again).await {
        tracing::warn!(channel = %name, %id, %why, "it is not known how an alert was delivered; it \
            may be sent again with the same id");
    }
    (id, delivery, next)
}

/// Counts and logs how a send went.
fn told(channel: &Channel, notice: &Notice, id: &Id, delivery: &Delivery, next: Next) {
    let (name, level) = (channel.name(), notice.grade());
    let labels = [("channel", name.to_string()), ("level", level.to_owned())];
    let (attempts, why) = (delivery.attempts, delivery.last_error.as_deref().unwrap_or(""));
    match next {
        Next::Done => {
            metrics::counter!(names::ALERTS, &labels).increment(1);
            tracing::info!(channel = %name, %id, alert_level = level, attempts, "alert delivered");
            return;
        }
        Next::At(_) => {
            tracing::warn!(channel = %name, %id, attempts, why, "alert not delivered; it will be \
                tried again");
        }
        Next::GiveUp => {
            tracing::error!(channel = %name, %id, attempts, why, "alert not delivered and given up");
        }
    }
    metrics::counter!(names::ALERT_FAILURES, "channel" => name.to_string()).increment(1);
}
