//! Delivering settlements to Redis: a queue bounded by the permits, a task that sends until Redis
//! has them, and what follows from an answer.
//!
//! Invariant: a settlement leaves the queue only when Redis has it, or when the journal has put it
//! aside because Redis cannot take it while its data are as they are.

use super::super::journal::Noted;
use super::super::order::Unavailable;
use super::end::{End, Ended, Work};
use super::script::Failure;
use super::{Permit, RedisLedger};
use crate::ids::CallId;
use crate::telemetry::names::{self, Present};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

const AT_ONCE: usize = 64;
/// How long the first of a batch waits for others; holds stand until then.
const GATHER: Duration = Duration::from_millis(2);
/// How often Redis is asked to take a settlement that it refuses for what it is.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A settlement on its way, with the place it takes in the queue.
pub struct Pending {
    noted: Noted,
    _permit: Option<Permit>,
    _counted: Present,
}

/// The sending end; the permits bound it.
pub struct Queue {
    sender: UnboundedSender<Pending>,
    pending: AtomicUsize,
    emptied: Notify,
}

impl Queue {
    /// A queue with its receiving end.
    pub fn new() -> (Self, UnboundedReceiver<Pending>) {
        let (sender, receiver) = unbounded_channel();
        (Self { sender, pending: AtomicUsize::new(0), emptied: Notify::new() }, receiver)
    }

    /// Takes a settlement.
    pub fn push(&self, noted: Noted, permit: Permit) {
        self.take(noted, Some(permit));
    }

    /// Takes one again that was delivered before.
    pub fn again(&self, noted: Noted) {
        self.take(noted, None);
    }

    /// How many are not delivered.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Acquire)
    }

    /// Waits until all are delivered.
    pub async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.pending() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn take(&self, noted: Noted, permit: Option<Permit>) {
        self.pending.fetch_add(1, Ordering::AcqRel);
        let counted = Present::on(names::JOURNAL_PENDING);
        // The receiver ends with the ledger; what it does not get is in the journal.
        let _ = self.sender.send(Pending { noted, _permit: permit, _counted: counted });
    }

    fn left(&self, count: usize) {
        if self.pending.fetch_sub(count, Ordering::AcqRel) == count {
            self.emptied.notify_waiters();
        }
    }
}

/// Starts the task that delivers: what is queued goes out in one write, and what Redis took is
/// acknowledged in one record.
pub fn start(ledger: &Arc<RedisLedger>, mut received: UnboundedReceiver<Pending>) {
    let ledger = Arc::downgrade(ledger);
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(AT_ONCE);
        let mut refused = JoinSet::new();
        let mut pause = FIRST_PAUSE;
        while gather(&mut received, &mut batch).await {
            while refused.try_join_next().is_some() {}
            let Some(owner) = ledger.upgrade() else { return };
            match owner.deliver_all(&mut batch).await {
                Ok(again) => {
                    pause = FIRST_PAUSE;
                    for pending in again {
                        refused.spawn(until_delivered(ledger.clone(), pending));
                    }
                }
                Err(why) => {
                    let count = batch.len();
                    metrics::counter!(names::SETTLE_RETRIES)
                        .increment(u64::try_from(count).unwrap_or(0));
                    tracing::warn!(count, "settlements were not delivered, trying again: {why}");
                    drop(owner);
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
        }
        refused.join_all().await;
    });
}

/// Fills a batch, unless one is to be sent again; false when nothing will ever come.
async fn gather(received: &mut UnboundedReceiver<Pending>, batch: &mut Vec<Pending>) -> bool {
    if !batch.is_empty() {
        return true;
    }
    if received.recv_many(batch, AT_ONCE).await == 0 {
        return false;
    }
    if batch.len() < AT_ONCE {
        tokio::time::sleep(GATHER).await;
        while batch.len() < AT_ONCE
            && let Ok(pending) = received.try_recv()
        {
            batch.push(pending);
        }
    }
    true
}

/// Sends one settlement until Redis has it, refuses it for good, or the ledger is gone.
async fn until_delivered(ledger: Weak<RedisLedger>, pending: Pending) {
    let (mut pause, mut refused) = (FIRST_PAUSE, 0_u32);
    loop {
        let Some(ledger) = ledger.upgrade() else { return };
        let left = match ledger.deliver(&pending.noted).await {
            Ok(()) => true,
            Err(Failure { why, alone }) => {
                refused = refused.saturating_add(u32::from(alone));
                refused >= TRIES && ledger.put_aside(&pending.noted, &why)
            }
        };
        if left {
            drop(pending);
            ledger.queue.left(1);
            return;
        }
        drop(ledger);
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

fn not_delivered(call: CallId, failure: &Failure) {
    metrics::counter!(names::SETTLE_RETRIES).increment(1);
    tracing::warn!(%call, "a settlement was not delivered: {}", failure.why);
}

impl RedisLedger {
    /// Sends a settlement once, and again where Redis names the call that it also changes.
    pub(super) async fn deliver(&self, noted: &Noted) -> Result<(), Failure> {
        let sent = match Work::of(&noted.settlement) {
            Work::Call(end) => self.end_of_all(&end).await,
            Work::Attempt(end) => self.end_attempt(&end).await.map(|_| ()),
        };
        match &sent {
            Ok(()) if noted.seq != 0 => {
                self.journal.lock().done(&[noted.seq], self.options.clock.now());
            }
            Ok(()) => {}
            Err(failure) => not_delivered(noted.settlement.id(), failure),
        }
        sent
    }

    async fn end_of_all(&self, end: &End<'_>) -> Result<(), Failure> {
        let mut owner = None;
        for _ in 0..2 {
            match self.end(end, owner.as_ref()).await? {
                Ended::Owned(found) => owner = Some(found),
                Ended::Now | Ended::Before | Ended::Alive => return Ok(()),
            }
        }
        let why = "the call that a settlement also changes became another".to_owned();
        Err(Failure { why: Unavailable(why), alone: false })
    }

    /// Sends a batch in one write and empties it; gives back what Redis refused, and what has to
    /// name another call. Where Redis does not answer, the batch stays as it is.
    async fn deliver_all(&self, batch: &mut Vec<Pending>) -> redis::RedisResult<Vec<Pending>> {
        let mut calls = redis::Pipeline::with_capacity(batch.len());
        for pending in batch.iter() {
            calls.add_command(match Work::of(&pending.noted.settlement) {
                Work::Call(end) => self.end_call(&end, None),
                Work::Attempt(end) => self.attempt_end_call(&end),
            });
        }
        let mut on = self.connections.settlements.clone();
        let replies: Vec<redis::RedisResult<String>> =
            calls.ignore_errors().query_async(&mut on).await?;
        let (mut again, mut done) = (Vec::new(), Vec::with_capacity(batch.len()));
        for (pending, reply) in batch.drain(..).zip(replies) {
            let work = Work::of(&pending.noted.settlement);
            let ended = reply.map_err(Failure::from).and_then(|reply| match &work {
                Work::Call(end) => self.ended(&reply, end, None),
                Work::Attempt(end) => self.attempt_ended(&reply, end),
            });
            match ended {
                Ok(Ended::Now | Ended::Before | Ended::Alive) => done.push(pending.noted.seq),
                Ok(Ended::Owned(_)) => again.push(pending),
                Err(failure) => {
                    not_delivered(pending.noted.settlement.id(), &failure);
                    again.push(pending);
                }
            }
        }
        self.journal.lock().done(&done, self.options.clock.now());
        self.queue.left(done.len());
        Ok(again)
    }

    /// Gives up on a settlement until the next start; whether the journal has put it aside.
    fn put_aside(&self, noted: &Noted, why: &Unavailable) -> bool {
        let call = noted.settlement.id();
        match self.journal.lock().refuse(noted, self.options.clock.now()) {
            Ok(file) => {
                tracing::error!(
                    %call,
                    "redis cannot take a settlement: {why}; it stands in {} and is tried again at \
                     the next start, within 23 hours",
                    file.display()
                );
                true
            }
            Err(disk) => {
                tracing::error!(%call, "a settlement cannot be put aside: {disk}");
                false
            }
        }
    }
}
