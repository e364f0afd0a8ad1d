//! Delivering settlements to Redis: a queue bounded by the permits, a task that sends until Redis
//! has them, and what follows from an answer.
//!
//! Invariant: a settlement leaves the queue only when Redis has it, or when the journal has put it
//! aside because Redis cannot take it while its data are as they are.

use super::super::journal::Noted;
use super::super::options::Crossing;
use super::super::order::{Amounts, Payers, Settlement, Unavailable, UsageEvent};
use super::script::Failure;
use super::{MARK_MS, Permit, RedisLedger, Reply, fields, keys, texts};
use crate::ids::CallId;
use crate::telemetry::names;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

const IN_FLIGHT: usize = 256;
/// How often Redis is asked to take a settlement that it refuses for what it is.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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

    fn left(&self) {
        if self.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
    }
}

/// Starts the task that delivers.
pub fn start(ledger: &Arc<RedisLedger>, mut received: UnboundedReceiver<Pending>) {
    let ledger = Arc::downgrade(ledger);
    tokio::spawn(async move {
        let mut under_way = JoinSet::new();
        while let Some(pending) = received.recv().await {
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= IN_FLIGHT {
                under_way.join_next().await;
            }
            under_way.spawn(until_delivered(ledger.clone(), pending));
        }
        under_way.join_all().await;
    });
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
            ledger.queue.left();
            return;
        }
        drop(ledger);
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

impl RedisLedger {
    /// Sends a settlement once.
    pub(super) async fn deliver(&self, noted: &Noted) -> Result<(), Failure> {
        let sent = match &noted.settlement {
            Settlement::Post { charge, event } => {
                let charge = charge.sane();
                let event = UsageEvent { cost: charge.usd, ..UsageEvent::clone(event) };
                self.end("post", event.id, &event.payers, charge, Some(&event)).await
            }
            Settlement::Void { id, payers } => {
                self.end("void", *id, payers, Amounts::default(), None).await
            }
        };
        if let Err(failure) = sent {
            metrics::counter!(names::SETTLE_RETRIES).increment(1);
            let call = noted.settlement.id();
            tracing::warn!(%call, "a settlement was not delivered: {}", failure.why);
            return Err(failure);
        }
        if noted.seq != 0 {
            self.journal.lock().done(noted.seq, self.options.clock.now());
        }
        Ok(())
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

    /// Runs the script that ends a hold, and reports the thresholds that were crossed. Whether the
    /// call is ended now; not so where its lease goes on.
    pub(super) async fn end(
        &self,
        kind: &str,
        id: CallId,
        payers: &Payers,
        charge: Amounts,
        event: Option<&UsageEvent>,
    ) -> Result<bool, Failure> {
        let mut keys: Vec<String> = vec![keys::mark(&id), keys::hold(&id)];
        let shared = [keys::LEASES, keys::EVENTS, keys::UTILIZATION, keys::DELETED];
        keys.extend(shared.map(str::to_owned));
        for account in payers.accounts() {
            keys.extend([keys::account(&account), keys::holds(&account)]);
        }
        let mut arguments = vec![id.to_string(), kind.to_owned()];
        arguments.extend(texts(charge));
        arguments.extend([MARK_MS.to_string(), payers.user.to_string()]);
        let fields = event.map(UsageEvent::fields).unwrap_or_default();
        for (name, text) in fields.into_iter().filter(|(name, _)| *name != "settled") {
            arguments.extend([name.to_owned(), text]);
        }
        let on = &self.connections.settlements;
        let reply = self.scripts.settle.run(on, &self.options, &keys, &arguments).await?;
        match self.read_crossings(&reply, id, payers) {
            Ok(crossings) => self.options.report(crossings),
            Err(why) => tracing::error!(call = %id, "crossed thresholds are not known: {why}"),
        }
        Ok(reply.first().is_none_or(|word| word != "alive"))
    }

    fn read_crossings(
        &self,
        reply: &[String],
        call: CallId,
        payers: &Payers,
    ) -> Result<Vec<Crossing>, Unavailable> {
        let mut reply = Reply::new(reply);
        let mut crossings = Vec::new();
        if reply.text()? != "done" {
            return Ok(crossings);
        }
        reply.number()?;
        for _ in 0..reply.number()? {
            tracing::error!(%call, "charged without what makes no sense: {}", reply.text()?);
        }
        while !reply.parts.as_slice().is_empty() {
            let account = reply.payer(payers)?;
            let limit = reply.limit()?;
            let (period, before, used) = (reply.number()?, reply.number()?, reply.number()?);
            let own = fields::thresholds(reply.text()?);
            let thresholds = own.as_ref().unwrap_or(&self.options.default_thresholds);
            for threshold in thresholds.crossed(before, used, limit.amount) {
                let account = account.clone();
                crossings.push(Crossing { account, limit, period, threshold, used });
            }
        }
        Ok(crossings)
    }
}
