//! The ledger in Redis: any number of proxies, one script for each transition.
//!
//! A hold is one round trip with a deadline; a settlement is written to the journal and delivered
//! in the background until Redis has it.
//!
//! Invariants: nothing is read, decided and written back: scripts decide. Every script is
//! idempotent by call id, so whatever got no answer is sent again.

mod connect;
mod deliver;
mod fields;
mod history;
mod keys;
mod read;
mod registry;
mod script;
mod sweep;

use super::journal::{Journal, Noted};
use super::moment::Moment;
use super::order::{
    Admission, Amounts, Caller, Denial, HoldOrder, LimitDenial, Payers, Settlement, Standing,
    Unavailable,
};
use super::slot::Slot;
use super::{BoxFuture, Ledger, OpenError, Options, Permit};
use crate::ids::{AccountId, CallId};
use crate::limit::Limit;
use crate::money::NanoUsd;
use crate::secret::SecretDigest;
use connect::Connections;
use deliver::Queue;
use parking_lot::Mutex;
use script::{Failure, Scripts};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// For how long Redis remembers how a call ended.
const MARK_MS: i64 = 86_400_000;
/// Settlements older than this are not delivered blindly.
const REPLAY_MS: i64 = 82_800_000;

/// The ledger shared by all proxies on one Redis.
pub struct RedisLedger {
    options: Options,
    scripts: Scripts,
    connections: Connections,
    journal: Mutex<Journal>,
    queue: Queue,
    permits: Arc<Semaphore>,
    /// Open holds of this process.
    mine: Mutex<HashMap<CallId, Payers>>,
    /// Why Redis did not answer when it was last asked; asked every second.
    unreachable: Mutex<Option<String>>,
    /// Owners of keys seen lately; they never change.
    owners: moka::sync::Cache<SecretDigest, Payers>,
}

impl RedisLedger {
    /// Connects, replays the journal, and starts the background where `options.background` is on.
    pub async fn open(url: &str, options: Options) -> Result<Arc<Self>, OpenError> {
        let scripts = Scripts::new();
        let connections = Connections::open(url, &scripts).await?;
        let identity = connect::identity(&connections.reading)
            .await
            .map_err(|why| OpenError(format!("redis does not say who it is: {why}")))?;
        let now = options.clock.now();
        let (journal, again) = Journal::open(&options.journal_dir, now, REPLAY_MS)?;
        let (queue, received) = Queue::new();
        let ledger = Arc::new(Self {
            permits: Arc::new(Semaphore::new(options.settle_capacity)),
            options,
            scripts,
            connections,
            journal: Mutex::new(journal),
            queue,
            mine: Mutex::new(HashMap::new()),
            unreachable: Mutex::new(None),
            owners: moka::sync::Cache::new(100_000),
        });
        ledger.prepare().await?;
        ledger.catch_up(again).await;
        deliver::start(&ledger, received);
        if ledger.options.background {
            sweep::start(&ledger, identity);
        }
        Ok(ledger)
    }

    /// Delivers what an earlier process did not; what fails is tried again in the background.
    async fn catch_up(&self, again: Vec<Noted>) {
        let mut away = false;
        for noted in again {
            let delivered = if away { None } else { Some(self.deliver(&noted).await) };
            away = away || matches!(delivered, Some(Err(Failure { alone: false, .. })));
            if !matches!(delivered, Some(Ok(()))) {
                self.queue.again(noted);
            }
        }
    }

    /// Waits until Redis has every settlement, at most so long.
    pub async fn drain(&self, at_most: Duration) -> Result<(), Unavailable> {
        let waited = tokio::time::timeout(at_most, self.queue.empty()).await;
        waited.map_err(|_| {
            let left = self.queue.pending();
            Unavailable(format!("{left} settlements are not delivered; the journal keeps them"))
        })
    }

    /// Waits for what is pending, at the end of the process, at most ten seconds.
    pub async fn close(&self) -> Result<(), Unavailable> {
        self.drain(Duration::from_secs(10)).await
    }
}

impl Ledger for RedisLedger {
    fn caller<'a>(
        &'a self,
        digest: &'a SecretDigest,
    ) -> BoxFuture<'a, Result<Option<Caller>, Unavailable>> {
        Box::pin(self.read_caller(digest))
    }

    fn fault(&self) -> Option<String> {
        let journal = self.journal.lock().writable().err().map(|why| why.to_string());
        journal.or_else(|| self.unreachable.lock().clone())
    }

    fn permit(&self) -> Option<Permit> {
        self.journal.lock().writable().ok()?;
        self.permits.clone().try_acquire_owned().ok().map(|permit| Permit(Some(permit)))
    }

    fn hold<'a>(&'a self, order: &'a HoldOrder) -> BoxFuture<'a, Result<Admission, Unavailable>> {
        Box::pin(async move {
            order.check()?;
            let (keys, arguments) = hold_call(order, &self.options)?;
            let on = &self.connections.holds;
            let ran = self.scripts.hold.run(on, &self.options, &keys, &arguments);
            let late = |_| Unavailable("redis did not answer a hold in time".to_owned());
            let reply = tokio::time::timeout(connect::HOLD, ran).await.map_err(late)??;
            let admission = read_admission(&reply, order, &self.options)?;
            if matches!(admission, Admission::Held { .. }) {
                self.mine.lock().insert(order.id, order.payers.clone());
            }
            Ok(admission)
        })
    }

    fn settle(&self, permit: Permit, settlement: Settlement) {
        self.mine.lock().remove(&settlement.id());
        let now = self.options.clock.now();
        let noted = self.journal.lock().note(settlement, now);
        self.queue.push(noted, permit);
    }
}

fn hold_call(
    order: &HoldOrder,
    options: &Options,
) -> Result<(Vec<String>, Vec<String>), Unavailable> {
    let mut keys = vec![keys::mark(&order.id), keys::hold(&order.id), keys::LEASES.to_owned()];
    for id in order.payers.accounts() {
        keys.extend([keys::account(&id), keys::holds(&id)]);
    }
    let mut arguments = vec![
        order.id.to_string(),
        options.lease_ms.to_string(),
        options.default_enforcement.as_str().to_owned(),
    ];
    match order.ceiling {
        Some(ceiling) => arguments.extend(texts(ceiling)),
        None => arguments.extend([String::new(), String::new(), String::new()]),
    }
    arguments.extend(texts(order.expected));
    let stored = serde_json::to_string(&(&order.payers, &order.facts));
    arguments.push(stored.map_err(|why| Unavailable(why.to_string()))?);
    Ok((keys, arguments))
}

/// Dollars, tokens, characters.
fn texts(amounts: Amounts) -> [String; 3] {
    [amounts.usd.get(), amounts.tokens, amounts.characters].map(|n| n.to_string())
}

/// What a script answered, read piece by piece.
struct Reply<'a> {
    parts: std::slice::Iter<'a, String>,
}

impl<'a> Reply<'a> {
    fn new(reply: &'a [String]) -> Self {
        Self { parts: reply.iter() }
    }

    fn text(&mut self) -> Result<&'a str, Unavailable> {
        let part = self.parts.next().map(String::as_str);
        part.ok_or_else(|| Unavailable("redis answered less than a script gives".to_owned()))
    }

    fn number(&mut self) -> Result<i64, Unavailable> {
        let text = self.text()?;
        text.parse().map_err(|_| Unavailable(format!("redis answered `{text}` for a number")))
    }

    /// The payer with the number that follows, counted from 1.
    fn payer(&mut self, payers: &Payers) -> Result<AccountId, Unavailable> {
        let [key, user, workspace] = payers.accounts();
        match self.number()? {
            1 => Ok(key),
            2 => Ok(user),
            3 => Ok(workspace),
            n => Err(Unavailable(format!("redis answered {n} for one of three accounts"))),
        }
    }

    fn limit(&mut self) -> Result<Limit, Unavailable> {
        let name = self.text()?;
        let slot = Slot::parse(name)
            .ok_or_else(|| Unavailable(format!("redis answered `{name}` for a limit")))?;
        let amount = self.number()?;
        let observe = self.text()? == "1";
        Ok(Limit { meter: slot.meter, window: slot.window, amount, observe })
    }

    fn standing(&mut self, account: &AccountId, moment: &Moment) -> Result<Standing, Unavailable> {
        let limit = self.limit()?;
        Ok(Standing {
            account: account.clone(),
            limit,
            used: self.number()?,
            held: self.number()?,
            resets: limit.window.and_then(|window| moment.ends(window)),
        })
    }
}

fn read_admission(
    reply: &[String],
    order: &HoldOrder,
    options: &Options,
) -> Result<Admission, Unavailable> {
    let mut reply = Reply::new(reply);
    let denial = match reply.text()? {
        "held" => return read_held(&mut reply, order, options),
        "status" => Denial::Status {
            account: reply.payer(&order.payers)?,
            status: reply.text()?.to_owned(),
        },
        "unbounded" => Denial::Unbounded { account: reply.payer(&order.payers)? },
        "limit" => {
            let now = reply.number()?;
            let moment = Moment::at(&options.calendar, now);
            let account = reply.payer(&order.payers)?;
            let wanted = reply.number()?;
            let standing = reply.standing(&account, &moment)?;
            Denial::Limit(LimitDenial { standing, wanted, now })
        }
        other => return Err(Unavailable(format!("redis answered `{other}` to a hold"))),
    };
    Ok(Admission::Denied(denial))
}

fn read_held(
    reply: &mut Reply<'_>,
    order: &HoldOrder,
    options: &Options,
) -> Result<Admission, Unavailable> {
    let moment = Moment::at(&options.calendar, reply.number()?);
    let held = NanoUsd::new(reply.number()?);
    let mut standings = Vec::new();
    for account in order.payers.accounts() {
        for _ in 0..reply.number()? {
            standings.push(reply.standing(&account, &moment)?);
        }
    }
    Ok(Admission::Held { held, standings })
}
