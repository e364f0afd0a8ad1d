//! A ledger that says how long it took. Adds nothing else and changes nothing.

use crate::clock::Stopwatch;
use crate::ids::{CallId, Id};
use crate::ledger::{
    Admission, Amounts, AttemptAdmission, AttemptOrder, BoxFuture, Caller, Extension, HoldOrder,
    Ledger, News, OnceKey, Payers, Permit, Settlement, Unavailable,
};
use crate::secret::SecretDigest;
use crate::telemetry::names;
use metrics::Histogram;
use std::sync::Arc;

/// See the module.
pub(super) struct Timed {
    ledger: Arc<dyn Ledger>,
    caller: Histogram,
    hold: Histogram,
    extend: Histogram,
    attempt: Histogram,
    settle: Histogram,
}

impl Timed {
    /// Times what is asked of `ledger` by calls.
    pub(super) fn over(ledger: Arc<dyn Ledger>) -> Arc<dyn Ledger> {
        let took = |operation: &'static str| {
            let labels = [("operation", operation)];
            metrics::histogram!(names::LEDGER_DURATION, &labels)
        };
        let (caller, hold) = (took("caller"), took("hold"));
        let (extend, attempt, settle) = (took("extend"), took("attempt"), took("settle"));
        Arc::new(Self { ledger, caller, hold, extend, attempt, settle })
    }
}

impl Ledger for Timed {
    fn caller<'a>(
        &'a self,
        digest: &'a SecretDigest,
    ) -> BoxFuture<'a, Result<Option<Caller>, Unavailable>> {
        Box::pin(async move {
            let watch = Stopwatch::start();
            let found = self.ledger.caller(digest).await;
            self.caller.record(watch.elapsed());
            found
        })
    }

    fn owner<'a>(&'a self, once: &'a OnceKey) -> BoxFuture<'a, Result<Option<Id>, Unavailable>> {
        self.ledger.owner(once)
    }

    fn permit(&self) -> Option<Permit> {
        self.ledger.permit()
    }

    fn hold<'a>(&'a self, order: &'a HoldOrder) -> BoxFuture<'a, Result<Admission, Unavailable>> {
        Box::pin(async move {
            let watch = Stopwatch::start();
            let admission = self.ledger.hold(order).await;
            self.hold.record(watch.elapsed());
            admission
        })
    }

    fn extend<'a>(
        &'a self,
        id: CallId,
        payers: &'a Payers,
        more: Amounts,
    ) -> BoxFuture<'a, Result<Extension, Unavailable>> {
        Box::pin(async move {
            let watch = Stopwatch::start();
            let extension = self.ledger.extend(id, payers, more).await;
            self.extend.record(watch.elapsed());
            extension
        })
    }

    fn attempt<'a>(
        &'a self,
        order: &'a AttemptOrder,
    ) -> BoxFuture<'a, Result<AttemptAdmission, Unavailable>> {
        Box::pin(async move {
            let watch = Stopwatch::start();
            let admission = self.ledger.attempt(order).await;
            self.attempt.record(watch.elapsed());
            admission
        })
    }

    fn caught_up(&self) -> BoxFuture<'_, ()> {
        self.ledger.caught_up()
    }

    fn news(&self) -> &News {
        self.ledger.news()
    }

    fn fault(&self) -> Option<String> {
        self.ledger.fault()
    }

    fn settle(&self, permit: Permit, settlement: Settlement) {
        let watch = Stopwatch::start();
        self.ledger.settle(permit, settlement);
        self.settle.record(watch.elapsed());
    }
}
