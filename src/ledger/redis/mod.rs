//! The ledger in Redis: any number of proxies, one script for each transition.
//!
//! A hold is one round trip with a deadline; a settlement is written to the journal and delivered
//! in the background until Redis has it.
//!
//! Invariants: nothing is read, decided and written back: scripts decide. Every script is
//! idempotent by call id, so whatever got no answer is sent again.

mod attempt;
mod attempts;
mod audit;
mod connect;
mod credentials;
mod deliver;
mod end;
mod extend;
mod facts;
mod fields;
mod hints;
mod history;
mod keys;
mod migrate;
mod outbox;
mod plain;
mod ranking;
mod read;
mod records;
mod registry;
mod replaying;
mod rollups;
mod script;
mod snapshots;
mod sweep;

pub use facts::RedisFacts;

use super::account::asked;
use super::attempt::{AttemptAdmission, AttemptOrder};
use super::bump::Bump;
use super::journal::{Journal, Noted};
use super::moment::Moment;
use super::order::{
    Admission, Amounts, Caller, Denial, Enforcement, HoldOrder, LimitDenial, Payers, Settlement,
    Standing, Unavailable,
};
use super::slot::Slot;
use super::{BoxFuture, Extension, Ledger, News, OnceKey, OpenError, Options, Permit};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::limit::{Limit, Meter};
use crate::money::NanoUsd;
use crate::secret::SecretDigest;
use connect::Connections;
use deliver::Queue;
use foldhash::{HashMap, HashSet};
pub use hints::Heard;
use parking_lot::Mutex;
use plain::{Plans, Shape, Shapes};
use ranking::Ranking;
use script::{Failure, Scripts};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
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
    /// Held while what was put aside is looked at.
    replaying: tokio::sync::Mutex<()>,
    queue: Queue,
    permits: Arc<Semaphore>,
    /// Open holds of this process.
    mine: Mutex<HashMap<CallId, Payers>>,
    /// Open attempts of this process, each with its credential.
    attempts: Mutex<HashMap<CallId, Id>>,
    /// Credentials that this process has put into their index.
    indexed: Mutex<HashSet<Id>>,
    /// The last answer's.
    moment: Mutex<Moment>,
    /// Why Redis did not answer when it was last asked; asked every second.
    unreachable: Mutex<Option<String>>,
    /// Owners of keys seen lately; they never change.
    owners: moka::sync::Cache<SecretDigest, Payers>,
    news: News,
    /// What the short way of scripts is planned with.
    shapes: Shapes,
    ranking: Ranking,
    /// Alerts that this process raised.
    raised: AtomicU32,
}

impl RedisLedger {
    /// How many settlements in the journal the ledger has not taken yet.
    pub fn pending(&self) -> usize {
        self.queue.pending()
    }

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
        let moment = Mutex::new(Moment::at(&options.calendar, now));
        let news = News::watched(options.watch.clone());
        let ledger = Arc::new(Self {
            permits: Arc::new(Semaphore::new(options.settle_capacity)),
            options,
            scripts,
            connections,
            journal: Mutex::new(journal),
            replaying: tokio::sync::Mutex::default(),
            queue,
            mine: Mutex::default(),
            attempts: Mutex::default(),
            indexed: Mutex::default(),
            moment,
            unreachable: Mutex::new(None),
            owners: moka::sync::Cache::new(100_000),
            news,
            shapes: Shapes::default(),
            ranking: Ranking::default(),
            raised: AtomicU32::new(0),
        });
        ledger.prepare().await?;
        ledger.begin_sums().await.map_err(|why| OpenError(why.to_string()))?;
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

impl RedisLedger {
    fn hold_call(&self, order: &HoldOrder, plans: &Plans) -> Result<redis::Cmd, Unavailable> {
        let [key, user, workspace] = order.payers.accounts();
        let keys = [
            keys::mark(&order.id),
            keys::hold(&order.id),
            keys::LEASES.to_owned(),
            keys::account(&key),
            keys::holds(&key),
            keys::account(&user),
            keys::holds(&user),
            keys::account(&workspace),
            keys::holds(&workspace),
        ];
        let stored = serde_json::to_string(&(&order.payers, &order.facts));
        let [usd, tokens, characters] = order.ceiling.map(texts).unwrap_or_default();
        let [expected_usd, expected_tokens, expected_characters] = texts(order.expected);
        let arguments = [
            order.id.to_string(),
            self.options.lease_ms.to_string(),
            self.options.default_enforcement.as_str().to_owned(),
            usd,
            tokens,
            characters,
            expected_usd,
            expected_tokens,
            expected_characters,
            u8::from(order.free).to_string(),
            stored.map_err(|why| Unavailable(why.to_string()))?,
        ];
        let mut call = self.scripts.hold.call(&self.options, &keys, &arguments);
        call.arg(self.hold_words(plans));
        Ok(call)
    }

    fn read_admission(
        &self,
        reply: &str,
        order: &HoldOrder,
        plans: &Plans,
    ) -> Result<Admission, Unavailable> {
        let mut reply = Reply::new(reply);
        let denial = match (reply.text()?, plans) {
            ("plain", Plans::Plain { shapes, .. }) => {
                return self.read_plain(&mut reply, order, shapes);
            }
            ("held", _) => return self.read_held(&mut reply, order),
            ("status", _) => Denial::Status {
                account: reply.account(&order.payers, None)?,
                status: reply.text()?.to_owned(),
            },
            ("unbounded", _) => Denial::Unbounded { account: reply.account(&order.payers, None)? },
            ("limit", _) => {
                let now = reply.number()?;
                let moment = self.moment(now);
                let account = reply.account(&order.payers, None)?;
                let wanted = reply.number()?;
                let standing = reply.standing(&account, &moment)?;
                Denial::Limit(Box::new(LimitDenial { standing, wanted, now }))
            }
            (other, _) => {
                return Err(Unavailable(format!("redis answered `{other}` to a hold")));
            }
        };
        Ok(Admission::Denied(denial))
    }

    fn read_held(
        &self,
        reply: &mut Reply<'_>,
        order: &HoldOrder,
    ) -> Result<Admission, Unavailable> {
        let moment = self.moment(reply.number()?);
        let held = NanoUsd::new(reply.number()?);
        let mut standings = Vec::new();
        for account in order.payers.accounts() {
            for _ in 0..reply.number()? {
                standings.push(reply.standing(&account, &moment)?);
            }
        }
        self.note_clock(moment.now);
        if !reply.is_over() {
            self.learn(&order.payers, reply);
        }
        Ok(Admission::Held { held, standings })
    }

    /// The answer of the short way: each account's mode, and of each limit, it, used and held as they
    /// were before the call.
    fn read_plain(
        &self,
        reply: &mut Reply<'_>,
        order: &HoldOrder,
        shapes: &[Arc<Shape>; 3],
    ) -> Result<Admission, Unavailable> {
        let moment = self.moment(reply.number()?);
        self.note_clock(moment.now);
        let (mut standings, mut held_of_user) = (Vec::new(), NanoUsd::ZERO);
        for (account, shape) in order.payers.accounts().iter().zip(shapes) {
            let mode = reply.text()?;
            let mode = Enforcement::parse(mode)
                .ok_or_else(|| Unavailable(format!("redis answered `{mode}` for a mode")))?;
            let (wanted, set) = asked(&order.demand(), mode);
            if account.kind == AccountKind::User {
                held_of_user = set.usd;
            }
            for slot in shape.limits() {
                let limit = slot.limit(reply.number()?, None, false);
                let (mut used, mut held) = (reply.number()?, reply.number()?);
                if slot.is_rate() || limit.meter == Meter::Concurrent {
                    used = used.saturating_add(wanted.of(limit.meter));
                } else {
                    held = held.saturating_add(set.of(limit.meter));
                }
                let (account, bump) = (account.clone(), None);
                let resets = limit.window.and_then(|window| moment.ends(window));
                standings.push(Standing { account, limit, bump, carried: 0, used, held, resets });
            }
        }
        if !reply.is_over() {
            self.learn(&order.payers, reply);
        }
        Ok(Admission::Held { held: held_of_user, standings })
    }

    /// A moment of the ledger's clock; most lie in the minute of the one before.
    fn moment(&self, now: UnixMs) -> Moment {
        let mut last = self.moment.lock();
        *last = last.moved(now).unwrap_or_else(|| Moment::at(&self.options.calendar, now));
        *last
    }
}

impl Ledger for RedisLedger {
    fn caller<'a>(
        &'a self,
        digest: &'a SecretDigest,
    ) -> BoxFuture<'a, Result<Option<Caller>, Unavailable>> {
        Box::pin(self.read_caller(digest))
    }

    fn owner<'a>(&'a self, once: &'a OnceKey) -> BoxFuture<'a, Result<Option<Id>, Unavailable>> {
        Box::pin(self.read_owner(once))
    }

    fn news(&self) -> &News {
        &self.news
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
            order.demand().check()?;
            let plans = self.plans(&order.payers);
            let call = self.hold_call(order, &plans)?;
            let on = self.connections.holds().await.map_err(Failure::from)?;
            let ran = self.scripts.hold.run(&on, &call);
            let late = |_| Unavailable("redis did not answer a hold in time".to_owned());
            let reply: String = tokio::time::timeout(connect::HOLD, ran).await.map_err(late)??;
            let admission = self.read_admission(&reply, order, &plans)?;
            if matches!(admission, Admission::Held { .. }) {
                self.mine.lock().insert(order.id, order.payers.clone());
            }
            Ok(admission)
        })
    }

    fn extend<'a>(
        &'a self,
        id: CallId,
        payers: &'a Payers,
        more: Amounts,
    ) -> BoxFuture<'a, Result<Extension, Unavailable>> {
        Box::pin(self.hold_more(id, payers, more))
    }

    fn attempt<'a>(
        &'a self,
        order: &'a AttemptOrder,
    ) -> BoxFuture<'a, Result<AttemptAdmission, Unavailable>> {
        Box::pin(self.try_attempt(order))
    }

    fn caught_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.queue.empty())
    }

    fn settle(&self, permit: Permit, settlement: Settlement) {
        match &settlement {
            Settlement::Attempt { id, .. } => drop(self.attempts.lock().remove(id)),
            call => drop(self.mine.lock().remove(&call.id())),
        }
        let now = self.options.clock.now();
        let noted = self.journal.lock().note(settlement, now);
        self.queue.push(noted, permit);
    }
}

/// Dollars, tokens, characters.
fn texts(amounts: Amounts) -> [String; 3] {
    [amounts.usd.get(), amounts.tokens, amounts.characters].map(|n| n.to_string())
}

/// What a script answered, read piece by piece.
struct Reply<'a> {
    parts: std::str::Split<'a, char>,
}

impl<'a> Reply<'a> {
    fn new(reply: &'a str) -> Self {
        Self { parts: reply.split('\n') }
    }

    /// Whether there is no more.
    fn is_over(&self) -> bool {
        self.parts.clone().next().is_none()
    }

    fn text(&mut self) -> Result<&'a str, Unavailable> {
        self.parts
            .next()
            .ok_or_else(|| Unavailable("redis answered less than a script gives".to_owned()))
    }

    fn number(&mut self) -> Result<i64, Unavailable> {
        let text = self.text()?;
        text.parse().map_err(|_| Unavailable(format!("redis answered `{text}` for a number")))
    }

    /// The account with the number that follows, counted from 1: a payer of the call, or, from 4 on,
    /// of the one that it also changed.
    fn account(&mut self, own: &Payers, other: Option<&Payers>) -> Result<AccountId, Unavailable> {
        let n = self.number()?;
        let mut all =
            own.accounts().into_iter().chain(other.into_iter().flat_map(Payers::accounts));
        let at = n.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        let found = at.and_then(|at| all.nth(at));
        found.ok_or_else(|| Unavailable(format!("redis answered {n} for the number of an account")))
    }

    /// A limit, and what it carried over.
    fn limit(&mut self) -> Result<(Limit, i64), Unavailable> {
        let name = self.text()?;
        let slot = Slot::parse(name)
            .ok_or_else(|| Unavailable(format!("redis answered `{name}` for a limit")))?;
        let amount = self.number()?;
        let text = self.text()?;
        let number = |part: &str| {
            part.parse().map_err(|_| Unavailable(format!("redis answered `{text}` for a carry")))
        };
        let (observe, carry) = text.split_once(' ').unwrap_or((text, ""));
        let (carry, carried) = match carry.split_once(' ') {
            Some((most, carried)) => (Some(number(most)?), number(carried)?),
            None => (None, 0),
        };
        Ok((slot.limit(amount, carry, observe == "1"), carried))
    }

    /// What a limit is raised by: amount and end, or nothing.
    fn bump(&mut self) -> Result<Option<Bump>, Unavailable> {
        let text = self.text()?;
        let Some((amount, until)) = text.split_once(' ') else { return Ok(None) };
        let number = |part: &str| {
            part.parse().map_err(|_| Unavailable(format!("redis answered `{text}` for a bump")))
        };
        Ok(Some(Bump { amount: number(amount)?, until: number(until)? }))
    }

    fn standing(&mut self, account: &AccountId, moment: &Moment) -> Result<Standing, Unavailable> {
        let (limit, carried) = self.limit()?;
        let bump = self.bump()?;
        let (used, held) = (self.number()?, self.number()?);
        let resets = match (self.text()?, limit.window) {
            ("", window) => window.and_then(|window| moment.ends(window)),
            ("never", _) => None,
            (at, _) => Some(at.parse().map_err(|_| {
                Unavailable(format!("redis answered `{at}` for the time of a limit"))
            })?),
        };
        Ok(Standing { account: account.clone(), limit, bump, carried, used, held, resets })
    }
}
