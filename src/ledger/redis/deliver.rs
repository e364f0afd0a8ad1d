//! Delivering settlements to Redis: a queue bounded by the permits, a task that sends until Redis
//! has them, and what follows from an answer.
//!
//! Invariant: a settlement leaves the queue only when Redis has it, or when the journal has put it
//! aside because Redis cannot take it while its data are as they are.

use super::super::journal::Noted;
use super::super::once::{ONCE_MS, OnceKey, uncharged};
use super::super::options::Crossing;
use super::super::order::{Amounts, Payers, Settlement, Unavailable, UsageEvent};
use super::script::Failure;
use super::{MARK_MS, Permit, RedisLedger, Reply, fields, keys, texts};
use crate::ids::CallId;
use crate::money::NanoUsd;
use crate::telemetry::names;
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
/// Where in the script's arguments, counted from 1, the event begins.
const EVENT_AT: usize = 10;

/// A settlement on its way, with the place it takes in the queue.
pub struct Pending {
    noted: Noted,
    _permit: Option<Permit>,
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
        self.pending.fetch_add(1, Ordering::AcqRel);
        // The receiver ends with the ledger; what it does not get is in the journal.
        let _ = self.sender.send(Pending { noted, _permit: Some(permit) });
    }

    /// Takes one again that was delivered before.
    pub fn again(&self, noted: Noted) {
        self.pending.fetch_add(1, Ordering::AcqRel);
        let _ = self.sender.send(Pending { noted, _permit: None });
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

/// What the script that ends a hold is called with.
pub(super) struct End<'a> {
    pub kind: &'static str,
    pub id: CallId,
    pub payers: &'a Payers,
    pub charge: Amounts,
    pub event: Option<&'a UsageEvent>,
    pub once: Option<OnceKey>,
}

/// The call that deferred what another one posts.
pub(super) struct Owner {
    id: CallId,
    payers: Payers,
}

/// What became of a hold.
pub(super) enum Ended {
    /// It is ended.
    Now,
    /// Its lease goes on.
    Alive,
    /// Nothing, until the script is told of this call, which it has to change too.
    Owned(Owner),
}

impl<'a> End<'a> {
    fn of(settlement: &'a Settlement) -> Self {
        let (id, payers) = (settlement.id(), settlement.payers());
        let (kind, charge, event, once) = match settlement {
            Settlement::Post { charge, event, once } => ("post", *charge, Some(&**event), *once),
            Settlement::Defer { charge, event, once } => {
                ("defer", *charge, Some(&**event), Some(*once))
            }
            Settlement::Void { .. } => ("void", Amounts::default(), None, None),
        };
        Self { kind, id, payers, charge: charge.sane(), event, once }
    }
}

impl Owner {
    fn read(reply: &mut Reply<'_>) -> Result<Self, Unavailable> {
        let strange = |text: &str| Unavailable(format!("redis answered `{text}` for an owner"));
        let id = reply.text()?;
        let id = id.parse().map_err(|_| strange(id))?;
        let mut next = || reply.text().and_then(|text| text.parse().map_err(|_| strange(text)));
        Ok(Self { id, payers: Payers { key: next()?, user: next()?, workspace: next()? } })
    }
}

/// Adds the names and texts of an event, of which the first is the argument with this number; gives
/// the number after the last.
fn add_event(
    call: &mut redis::Cmd,
    event: Option<&UsageEvent>,
    cost: NanoUsd,
    mut at: usize,
) -> usize {
    if let Some(event) = event {
        event.each_field(cost, |name, text| {
            call.arg(name).arg(text);
            at = at.saturating_add(2);
        });
    }
    at
}

impl RedisLedger {
    /// Sends a settlement once, and again where Redis names the call that it also changes.
    pub(super) async fn deliver(&self, noted: &Noted) -> Result<(), Failure> {
        let (id, payers) = (noted.settlement.id(), noted.settlement.payers());
        let mut owner = None;
        for _ in 0..2 {
            let end = End::of(&noted.settlement);
            let call = self.end_call(&end, owner.as_ref());
            match self.end(&call, id, payers, owner.as_ref()).await {
                Ok(Ended::Owned(found)) => owner = Some(found),
                Ok(_) => {
                    if noted.seq != 0 {
                        self.journal.lock().done(&[noted.seq], self.options.clock.now());
                    }
                    return Ok(());
                }
                Err(failure) => {
                    not_delivered(id, &failure);
                    return Err(failure);
                }
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
            calls.add_command(self.end_call(&End::of(&pending.noted.settlement), None));
        }
        let mut on = self.connections.settlements.clone();
        let replies: Vec<redis::RedisResult<String>> =
            calls.ignore_errors().query_async(&mut on).await?;
        let (mut again, mut done) = (Vec::new(), Vec::with_capacity(batch.len()));
        for (pending, reply) in batch.drain(..).zip(replies) {
            let settlement = &pending.noted.settlement;
            match reply {
                Ok(reply) => match self.ended(&reply, settlement.id(), settlement.payers(), None) {
                    Ended::Owned(_) => again.push(pending),
                    Ended::Now | Ended::Alive => done.push(pending.noted.seq),
                },
                Err(error) => {
                    not_delivered(settlement.id(), &error.into());
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
        let (call, user) = (noted.settlement.id(), &noted.settlement.payers().user);
        match self.journal.lock().refuse(noted, self.options.clock.now()) {
            Ok(file) => {
                tracing::error!(
                    %call, %user,
                    "redis cannot take a settlement: {why}; it stands in {} and is tried again at \
                     the next start, within 23 hours",
                    file.display()
                );
                true
            }
            Err(disk) => {
                tracing::error!(%call, %user, "a settlement cannot be put aside: {disk}");
                false
            }
        }
    }

    /// A call of the script that ends a hold.
    pub(super) fn end_call(&self, end: &End<'_>, owner: Option<&Owner>) -> redis::Cmd {
        let mut keys = vec![
            keys::mark(&end.id),
            keys::hold(&end.id),
            keys::LEASES.to_owned(),
            keys::EVENTS.to_owned(),
            keys::UTILIZATION.to_owned(),
            keys::DELETED.to_owned(),
        ];
        for account in end.payers.accounts() {
            keys.extend([keys::account(&account), keys::holds(&account)]);
        }
        keys.extend(end.once.as_ref().map(keys::once));
        if let Some(owner) = owner {
            keys.extend(owner.payers.accounts().iter().map(keys::account));
            keys.push(keys::mark(&owner.id));
        }
        let [usd, tokens, characters] = texts(end.charge);
        let (id, kind, mark) = (end.id.to_string(), end.kind.to_owned(), MARK_MS.to_string());
        let arguments = [id, kind, usd, tokens, characters, mark, end.payers.user.to_string()];
        let mut call = self.scripts.settle.call(&self.options, &keys, &arguments);
        let last = add_event(&mut call, end.event, end.charge.usd, EVENT_AT);
        if end.once.is_some() {
            let nothing = end.event.map(uncharged);
            add_event(&mut call, nothing.as_ref(), NanoUsd::ZERO, last);
            call.arg(ONCE_MS).arg(last.saturating_sub(1));
        }
        call
    }

    /// Makes a call of that script, and reports the thresholds that were crossed.
    pub(super) async fn end(
        &self,
        call: &redis::Cmd,
        id: CallId,
        payers: &Payers,
        owner: Option<&Owner>,
    ) -> Result<Ended, Failure> {
        let on = &self.connections.settlements;
        let reply: String = self.scripts.settle.run(on, call).await?;
        Ok(self.ended(&reply, id, payers, owner))
    }

    /// Reads what the script answered, and reports the thresholds that were crossed.
    fn ended(&self, reply: &str, id: CallId, payers: &Payers, owner: Option<&Owner>) -> Ended {
        match self.read_end(reply, id, payers, owner) {
            Ok((ended, crossings)) => {
                self.options.report(crossings);
                ended
            }
            Err(why) => {
                tracing::error!(call = %id, "crossed thresholds are not known: {why}");
                Ended::Now
            }
        }
    }

    fn read_end(
        &self,
        reply: &str,
        call: CallId,
        payers: &Payers,
        owner: Option<&Owner>,
    ) -> Result<(Ended, Vec<Crossing>), Unavailable> {
        let mut reply = Reply::new(reply);
        let mut crossings = Vec::new();
        match reply.text()? {
            "done" => {}
            "alive" => return Ok((Ended::Alive, crossings)),
            "owner" => return Ok((Ended::Owned(Owner::read(&mut reply)?), crossings)),
            _ => return Ok((Ended::Now, crossings)),
        }
        reply.number()?;
        for _ in 0..reply.number()? {
            tracing::error!(%call, "charged without what makes no sense: {}", reply.text()?);
        }
        while !reply.is_over() {
            let account = reply.account(payers, owner.map(|owner| &owner.payers))?;
            let limit = reply.limit()?;
            let (period, before, used) = (reply.number()?, reply.number()?, reply.number()?);
            let own = fields::thresholds(reply.text()?);
            let thresholds = own.as_ref().unwrap_or(&self.options.default_thresholds);
            for threshold in thresholds.crossed(before, used, limit.amount) {
                let account = account.clone();
                crossings.push(Crossing { account, limit, period, threshold, used });
            }
        }
        Ok((Ended::Now, crossings))
    }
}
