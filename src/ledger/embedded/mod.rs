//! The embedded ledger: one process, its state in memory, a log for crashes, redb for keeps.
//!
//! Holding and settling take the lock, write one record and return. A thread of its own commits
//! what changed to the store in groups and drops the log that is covered.
//!
//! Invariant: what `settle` returned from survives `kill -9` of this process.

mod attempts;
mod audit;
mod credentials;
mod dirty;
mod entry;
mod migrate;
mod outbox;
mod ranking;
mod records;
mod registry;
mod rollups;
mod snapshots;
mod state;
mod store;
mod writer;

use super::attempt::{AttemptAdmission, AttemptOrder};
use super::order::{Admission, Amounts, Caller, HoldOrder, Payers, Settlement, Unavailable};
use super::settling::Settled;
use super::{
    BoxFuture, Extension, Ledger, MIGRATIONS, News, OnceKey, OpenError, Options, Permit, admin,
};
use crate::ids::{AccountId, CallId, Id};
use crate::secret::SecretDigest;
use crate::telemetry::names;
use entry::Entry;
use parking_lot::Mutex;
use state::State;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use writer::Writer;

/// The ledger of a single process.
pub struct EmbeddedLedger {
    inner: Arc<Inner>,
    writer: Writer,
}

/// What the ledger and its writer share.
struct Inner {
    options: Options,
    store: Store,
    state: Mutex<State>,
    news: News,
}

impl EmbeddedLedger {
    /// Opens or creates the ledger of a directory. Must be called within a tokio runtime where
    /// `options.background` is on.
    pub fn open(dir: &Path, options: Options) -> Result<Arc<Self>, OpenError> {
        std::fs::create_dir_all(dir)
            .map_err(|why| OpenError(format!("cannot create {}: {why}", dir.display())))?;
        let store = Store::open(dir)?;
        store.sum_up(&options.calendar).map_err(OpenError)?;
        store.migrate(MIGRATIONS.len()).map_err(OpenError)?;
        let mut state = State::open(dir, &store, &options)?;
        prepare(&mut state, &options)?;
        let background = options.background;
        let news = News::watched(options.watch.clone());
        let inner = Arc::new(Inner { options, store, state: Mutex::new(state), news });
        inner.commit().map_err(OpenError)?;
        let writer = Writer::start(inner.clone())?;
        let ledger = Arc::new(Self { inner, writer });
        if background {
            ledger.tend();
        }
        Ok(ledger)
    }

    /// Ends all holds whose lease has run out; the background does so every few seconds.
    pub fn sweep(&self) {
        let settled = self.inner.state.lock().sweep(&self.inner.options);
        let ended = settled.iter().filter(|settled| settled.applied).count();
        metrics::counter!(names::ORPHANS).increment(u64::try_from(ended).unwrap_or(0));
        if ended > 0 {
            self.inner.news.changed();
        }
        self.writer.tidy();
        let attempts = self.inner.state.lock().sweep_attempts(&self.inner.options);
        for settled in settled.into_iter().chain(attempts) {
            if let Some(event) = settled.event.as_ref().filter(|_| settled.applied) {
                let payers = &event.payers;
                self.inner.news.moved(&AccountId::user(&payers.user), Some(&payers.workspace));
            }
            self.settled(settled);
        }
    }

    /// Renews the lease of every open hold of this process; the background does so three times in
    /// a lease.
    pub fn renew(&self) {
        self.inner.state.lock().renew(&self.inner.options);
        self.writer.wake();
    }

    /// Writes everything to the store.
    pub async fn flush(&self) -> Result<(), Unavailable> {
        self.writer.flush().await
    }

    /// Writes everything to the store, at the end of the process.
    pub async fn close(&self) -> Result<(), Unavailable> {
        self.flush().await
    }

    fn settled(&self, settled: Settled) {
        if settled.applied {
            self.inner.options.report(settled.crossings);
            self.writer.wake();
        }
    }

    fn tend(self: &Arc<Self>) {
        let lease = Duration::from_millis(u64::try_from(self.inner.options.lease_ms).unwrap_or(0));
        let third = lease.checked_div(3).unwrap_or(lease).max(Duration::from_millis(100));
        repeat(self, third, Self::renew);
        repeat(self, lease.clamp(Duration::from_millis(100), Duration::from_secs(5)), Self::sweep);
    }
}

impl Ledger for EmbeddedLedger {
    fn caller<'a>(
        &'a self,
        digest: &'a SecretDigest,
    ) -> BoxFuture<'a, Result<Option<Caller>, Unavailable>> {
        Box::pin(async move { Ok(self.inner.state.lock().book.caller(digest)) })
    }

    fn owner<'a>(&'a self, once: &'a OnceKey) -> BoxFuture<'a, Result<Option<Id>, Unavailable>> {
        Box::pin(async move {
            let now = self.inner.options.clock.now();
            let state = self.inner.state.lock();
            Ok(state.book.known(once, now).map(|once| once.workspace().clone()))
        })
    }

    fn news(&self) -> &News {
        &self.inner.news
    }

    fn fault(&self) -> Option<String> {
        self.inner.state.lock().broken.clone()
    }

    fn permit(&self) -> Option<Permit> {
        self.inner.state.lock().broken.is_none().then(Permit::unbounded)
    }

    fn hold<'a>(&'a self, order: &'a HoldOrder) -> BoxFuture<'a, Result<Admission, Unavailable>> {
        Box::pin(async move {
            order.demand().check()?;
            let Inner { store, options, .. } = &*self.inner;
            let admission = self.inner.state.lock().hold(order, store, options)?;
            self.writer.wake();
            Ok(admission)
        })
    }

    fn extend<'a>(
        &'a self,
        id: CallId,
        _payers: &'a Payers,
        more: Amounts,
    ) -> BoxFuture<'a, Result<Extension, Unavailable>> {
        Box::pin(async move {
            more.check()?;
            let extension = self.inner.state.lock().extend(id, more, &self.inner.options)?;
            self.writer.wake();
            Ok(extension)
        })
    }

    fn attempt<'a>(
        &'a self,
        order: &'a AttemptOrder,
    ) -> BoxFuture<'a, Result<AttemptAdmission, Unavailable>> {
        Box::pin(async move {
            order.demand().check()?;
            let options = &self.inner.options;
            let (admission, crossings) = self.inner.state.lock().attempt(order, options)?;
            options.report(crossings);
            self.writer.wake();
            Ok(admission)
        })
    }

    fn caught_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn settle(&self, _permit: Permit, settlement: Settlement) {
        let Inner { state, store, options, news } = &*self.inner;
        let whose = match &settlement {
            Settlement::Post { event, .. } | Settlement::Defer { event, .. } => {
                Ok(event.payers.clone())
            }
            Settlement::Void { payers, .. } => Ok(payers.clone()),
            Settlement::Attempt { credential, .. } => Err(AccountId::credential(credential)),
        };
        let settled = state.lock().settle(settlement, store, options);
        match whose {
            Ok(payers) => news.ended(&payers),
            Err(credential) => news.moved(&credential, None),
        }
        self.settled(settled);
    }
}

impl Inner {
    /// Writes what is dirty to the store.
    fn commit(&self) -> Result<(), String> {
        let batch = {
            let mut state = self.state.lock();
            if state.dirty.is_empty() && state.broken.is_none() {
                return Ok(());
            }
            state.batch(&self.options)
        };
        let written = self.store.commit(&batch);
        let mut state = self.state.lock();
        match written {
            Ok(()) => {
                state.dirty.written(&batch);
                state.covered(batch.seq, batch.posts);
                Ok(())
            }
            Err(why) => {
                state.dirty.restore(batch);
                Err(format!("the ledger's store cannot be written: {why}"))
            }
        }
    }
}

/// Creates the default workspace, and rewrites the limits of users who follow other defaults.
fn prepare(state: &mut State, options: &Options) -> Result<(), OpenError> {
    let fail = |why: &dyn std::fmt::Display| OpenError(why.to_string());
    let moment = state.moment(options);
    let now = moment.now;
    let mut changed = Vec::new();
    for account in state.book.accounts.values() {
        let stale = account
            .follows
            .as_ref()
            .is_some_and(|text| *text != admin::text(&options.default_user_limits));
        if stale {
            let mut account = account.clone();
            account.begin(&moment);
            admin::follow(&mut account, &options.default_user_limits).map_err(|e| fail(&e))?;
            account.begin(&moment);
            changed.push(account);
        }
    }
    if let Some(new) = admin::first_workspace()
        && !state.book.accounts.contains_key(&new.id)
    {
        changed.push(admin::found(&new, None, &[], now).map_err(|e| fail(&e))?);
    }
    for account in changed {
        let entry = Entry::Put { now, state: Box::new(account) };
        state.admit(entry, options).map_err(|e| fail(&e))?;
    }
    Ok(())
}

/// Does something at an interval for as long as the ledger lives.
fn repeat(ledger: &Arc<EmbeddedLedger>, every: Duration, what: fn(&EmbeddedLedger)) {
    let ledger = Arc::downgrade(ledger);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            match ledger.upgrade() {
                Some(ledger) => what(&ledger),
                None => break,
            }
        }
    });
}
