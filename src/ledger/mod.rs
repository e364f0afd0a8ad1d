//! The ledger: what is held, what was charged, and who may still spend.
//!
//! [`Ledger`] is all that the data path sees. [`Registry`] is the administration of accounts and
//! the reading of history; the data path never touches it. Two back ends implement both and agree
//! with one pure model (`account`). [`Records`] keeps the control plane's own small documents.
//!
//! Invariants: `hold` may be refused, `settle` never is. Every operation is idempotent by call id.
//! A late post replaces what an expired hold was charged. What a provider reports again and again is
//! charged once for each [`OnceKey`].
//! What a call costs its payers and what an attempt at a provider uses of a credential's quota are
//! held and settled apart.

#![deny(clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod account;
mod admin;
mod aside;
mod attempt;
mod attempts;
mod audit;
mod balance;
mod book;
mod bump;
mod carry;
mod counter;
mod crossing;
mod define;
mod embedded;
mod extending;
mod journal;
mod log;
mod migrations;
mod moment;
mod news;
mod once;
mod options;
mod order;
mod outbox;
mod pace;
mod query;
mod reach;
mod records;
mod redis;
mod registry;
mod replay;
mod rollup;
mod settling;
mod slot;
mod snapshots;
mod sorting;
mod standing;
mod sums;
mod tried;
mod verify;

pub use aside::{Decided, Verdict};
pub use attempt::{AttemptAdmission, AttemptOrder, AttemptOutcome, CredentialDay, CredentialSetup};
pub use audit::{AuditEntry, AuditQuery};
pub use balance::imbalance;
pub use bump::Bump;
pub use crossing::{Crossing, shown_amount};
pub use embedded::EmbeddedLedger;
pub use extending::Extension;
pub use migrations::{MIGRATIONS, Migrated, Migration};
pub use news::{News, Seen, Watch};
pub use once::{BadOnceKey, OnceKey};
pub use options::Options;
pub use order::{
    Admission, Amounts, CallFacts, Caller, Denial, Ending, Enforcement, HoldOrder, LimitDenial,
    LostHold, Payers, Settlement, Standing, Unavailable, UsageEvent,
};
pub use outbox::{Claimed, Delivery, DeliveryStatus, KeptAlert, Mark, NewAlert, Outbox, Raised};
pub use pace::{Pace, Rate};
pub use reach::{BadReach, Network, Reach, Route};
pub use records::{RecordError, RecordKind, Records, When};
pub use redis::{Heard, RedisFacts, RedisLedger};
pub use registry::{
    Account, AccountStatus, Change, EventQuery, KeyFacts, LimitsChange, ListFilter, NewAccount,
    Page, Registry, RegistryError, Verification,
};
pub use replay::{Frame, PastCall, Peak, Replay};
pub use rollup::{Kept, Sum, Tier};
pub use snapshots::{Snapshot, SnapshotQuery, Snapshots};
pub use sorting::{Sort, SortBy};
pub use sums::{Dimension, SumQuery, SumRow, SummedSince};
pub use tried::{Tried, Tries};

use crate::ids::{CallId, Id};
use crate::secret::SecretDigest;
use std::future::Future;
use std::pin::Pin;

/// A boxed future that may be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The right to settle one call: a place in the bounded settlement queue. Dropping it unused gives
/// the place back.
#[derive(Debug)]
pub struct Permit(#[allow(dead_code)] Option<tokio::sync::OwnedSemaphorePermit>);

impl Permit {
    /// The right to settle where nothing has to be waited for.
    pub const fn unbounded() -> Self {
        Self(None)
    }
}

/// Why a ledger could not be opened; the text names what was tried and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenError(pub String);

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// The ledger as the data path uses it.
pub trait Ledger: Send + Sync + 'static {
    /// Who owns the key with this digest, with the state of key, user and workspace. `None` where
    /// there is no such key.
    fn caller<'a>(
        &'a self,
        digest: &'a SecretDigest,
    ) -> BoxFuture<'a, Result<Option<Caller>, Unavailable>>;

    /// Reserves the right to settle; taken before [`Ledger::hold`], so that there is no moment in
    /// which money is held and nobody is bound to release it. `None` when too much is unsettled.
    fn permit(&self) -> Option<Permit>;

    /// Checks every limit of all payers and holds on all of them or on none. The hold's lease is
    /// renewed by the back end until [`Ledger::settle`] ends it or this process dies.
    fn hold<'a>(&'a self, order: &'a HoldOrder) -> BoxFuture<'a, Result<Admission, Unavailable>>;

    /// Holds so much more for an open call, on all accounts that hold its expected cost or on none;
    /// for an answer that costs more than was expected. Not idempotent: where the answer was lost,
    /// asking again may hold twice. [`Ledger::settle`] releases all that is held, and a call that
    /// has ended holds nothing more.
    fn extend<'a>(
        &'a self,
        id: CallId,
        payers: &'a Payers,
        more: Amounts,
    ) -> BoxFuture<'a, Result<Extension, Unavailable>>;
    /// Checks every limit of a credential and holds on its account, before a call is sent with it.
    /// The right to settle it is reserved before, as for [`Ledger::hold`]; its lease is renewed
    /// until [`Settlement::Attempt`] ends it or this process dies.
    fn attempt<'a>(
        &'a self,
        order: &'a AttemptOrder,
    ) -> BoxFuture<'a, Result<AttemptAdmission, Unavailable>>;

    /// Resolves when a hold sees everything that was settled before. Whoever waits sets a limit.
    fn caught_up(&self) -> BoxFuture<'_, ()>;

    /// The workspace that pays for what has this key; `None` where the key is not known. So that
    /// nobody polls what belongs to others.
    fn owner<'a>(&'a self, once: &'a OnceKey) -> BoxFuture<'a, Result<Option<Id>, Unavailable>>;

    /// What happened in this process that may have made room in limits.
    fn news(&self) -> &News;

    /// What keeps this ledger from admitting calls now; for readiness, without waiting.
    fn fault(&self) -> Option<String>;

    /// Ends the hold of a call. Synchronous and infallible for the caller: when it returns, the
    /// settlement survives a crash of this process (journal or log written). Also right for a hold
    /// whose answer was never received.
    fn settle(&self, permit: Permit, settlement: Settlement);
}
