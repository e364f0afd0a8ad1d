//! Small documents of the control plane that every proxy of a ledger must see at once: admin tokens,
//! logins, one-time tickets, answers that are repeated. Never on the data path.
//!
//! Invariants: a record is there until it expires or is deleted, and is never seen after. Every
//! operation is one step for all who share the ledger. Texts are opaque here; they never reach an
//! error or a log.

use super::BoxFuture;
use super::order::Unavailable;
use super::registry::Page;
use crate::clock::UnixMs;
use crate::ids::Id;
use std::fmt;

/// The most bytes of a record's text.
pub const TEXT_BYTES: usize = 256 << 10;
/// The most entries of a page.
const PAGE: usize = 200;

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A token of an operator, by its id.
    AdminToken,
    /// A login of a browser.
    Session,
    /// The answer to a request that may be sent again.
    Idempotency,
    /// What opens one connection for live updates.
    Ticket,
    /// What signs one browser in.
    SignInLink,
    /// What was consumed elsewhere, and is charged once.
    UsageEvent,
    /// A channel of alerts that was made over the API, sealed.
    AlertChannel,
    /// A rule of alerts that was made over the API.
    AlertRule,
    /// How an operator wants the dashboard.
    Preferences,
    /// Who of all proxies does what one of them does at a time.
    Lease,
    /// What one proxy refused within an hour, counted.
    Refusals,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::AdminToken,
        Self::Session,
        Self::Idempotency,
        Self::Ticket,
        Self::SignInLink,
        Self::UsageEvent,
        Self::AlertChannel,
        Self::AlertRule,
        Self::Preferences,
        Self::Lease,
        Self::Refusals,
    ];

    /// The word in the names of keys and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdminToken => "admin-token",
            Self::Session => "session",
            Self::Idempotency => "idempotency",
            Self::Ticket => "ticket",
            Self::SignInLink => "sign-in-link",
            Self::UsageEvent => "usage-event",
            Self::AlertChannel => "alert-channel",
            Self::AlertRule => "alert-rule",
            Self::Preferences => "preferences",
            Self::Lease => "lease",
            Self::Refusals => "refusals",
        }
    }

    /// How many there may be at a time.
    pub const fn at_most(self) -> u64 {
        match self {
            Self::AdminToken | Self::SignInLink => 1_000,
            Self::Session | Self::Ticket => 10_000,
            Self::Idempotency | Self::Refusals => 100_000,
            Self::UsageEvent => 1_000_000,
            Self::Preferences => 2_000,
            Self::AlertRule => 200,
            Self::AlertChannel | Self::Lease => 100,
        }
    }
}

/// What must be there for a record to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When<'a> {
    /// Anything.
    Always,
    /// Nothing.
    Absent,
    /// A record with exactly this text: what was read before still holds.
    Is(&'a str),
}

/// Why an operation on a record failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// The text is too long: so many bytes.
    TooLong(usize),
    /// There are as many of this kind as there may be.
    Full(RecordKind),
    /// The ledger could not be reached.
    Unavailable(Unavailable),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                write!(f, "a record of {bytes} bytes is too long: {TEXT_BYTES} at most")
            }
            Self::Full(kind) => write!(
                f,
                "there are {} records of the kind {} already, which is the most; delete some, or \
                 wait until they expire",
                kind.at_most(),
                kind.as_str()
            ),
            Self::Unavailable(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<Unavailable> for RecordError {
    fn from(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

/// Records, on either back end.
pub trait Records: Send + Sync + 'static {
    /// Writes a record in place of the one with its id, if `when` holds; whether it did. At
    /// `expires` (the ledger's clock) it is gone.
    fn put<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
        text: &'a str,
        expires: Option<UnixMs>,
        when: When<'a>,
    ) -> BoxFuture<'a, Result<bool, RecordError>>;

    /// The text of a record.
    fn get<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<Option<String>, RecordError>>;

    /// Gets a record and deletes it: of all who ask, one gets it.
    fn take<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<Option<String>, RecordError>>;

    /// Deletes a record; whether it was there.
    fn remove<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<bool, RecordError>> {
        Box::pin(async move { Ok(self.take(kind, id).await?.is_some()) })
    }

    /// Ids and texts of a kind, by id, those after one; from 1 to 200 at a time.
    fn list<'a>(
        &'a self,
        kind: RecordKind,
        after: Option<&'a Id>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<(Id, String)>, RecordError>>;
}

/// Refuses a text that is too long.
pub(super) fn check(text: &str) -> Result<(), RecordError> {
    if text.len() > TEXT_BYTES { Err(RecordError::TooLong(text.len())) } else { Ok(()) }
}

/// The page of a list, of entries of which there may be one more than was asked for.
pub(super) fn page(mut entries: Vec<(Id, String)>, limit: usize) -> Page<(Id, String)> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|(id, _)| id.to_string());
    Page { entries, next }
}

/// How many entries a page has.
pub(super) fn page_size(limit: usize) -> usize {
    limit.clamp(1, PAGE)
}
