//! The administration of accounts, and reading what happened. Never on the data path.

use super::aside::Decided;
use super::attempt::{CredentialDay, CredentialSetup};
use super::audit::{AuditEntry, AuditQuery};
use super::order::{Ending, Enforcement, Settlement, Standing, Unavailable, UsageEvent};
use super::reach::{Network, Reach, Route};
use super::sorting::Sort;
use super::sums::{SumQuery, SumRow, SummedSince};
use super::{BoxFuture, Ledger};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::limit::{Increase, Limit, Thresholds};
use crate::money::NanoUsd;
use crate::secret::SecretDigest;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Whether an account may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// It may.
    Active,
    /// Stopped by an operator; can be resumed.
    Suspended,
    /// A key that no longer works.
    Revoked,
}

impl AccountStatus {
    /// The word in Redis and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads what [`AccountStatus::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// What only a key has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// The SHA-256 of its text; its first 32 digits are the key's id.
    #[serde(with = "digest_hex")]
    pub digest: SecretDigest,
    /// Who owns it.
    pub user: Id,
    /// `sk-fb-abcd…wxyz`.
    pub label: String,
    /// Globs of the models that it may use; empty: all.
    pub models: Vec<String>,
    /// When it stops working.
    pub expires: Option<UnixMs>,
    /// From where it may be used, and on which routes.
    #[serde(default)]
    pub reach: Reach,
}

/// The stored form of a digest: its hexadecimal digits.
mod digest_hex {
    use crate::secret::SecretDigest;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        digest: &SecretDigest,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digest.hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<SecretDigest, D::Error> {
        let text = String::deserialize(from)?;
        SecretDigest::from_hex(&text).ok_or_else(|| D::Error::custom("not a SHA-256"))
    }
}

/// An account to be created.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its name.
    pub id: AccountId,
    /// A text for people.
    pub name: String,
    /// The workspace of a user or key; `None` for a workspace.
    pub workspace: Option<Id>,
    /// Its limits; `None`: a user follows `[defaults.user]`, others have none.
    pub limits: Option<Vec<Limit>>,
    /// Its alert thresholds; `None`: the defaults.
    pub thresholds: Option<Thresholds>,
    /// Its enforcement; `None`: the configured one.
    pub enforcement: Option<Enforcement>,
    /// For keys.
    pub key: Option<KeyFacts>,
}

/// An account as it stands.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// A text for people.
    pub name: String,
    /// The workspace of a user or key.
    pub workspace: Option<Id>,
    /// Whether it may spend.
    pub status: AccountStatus,
    /// Every limit with its figures.
    pub standings: Vec<Standing>,
    /// Its limits are those of `[defaults.user]`.
    pub follows_defaults: bool,
    /// Its own alert thresholds.
    pub thresholds: Option<Thresholds>,
    /// Its own enforcement.
    pub enforcement: Option<Enforcement>,
    /// For keys.
    pub key: Option<KeyFacts>,
    /// Dollars held by calls in flight.
    pub held_usd: NanoUsd,
    /// Dollars spent this month.
    pub month_usd: NanoUsd,
    /// Dollars spent ever.
    pub total_usd: NanoUsd,
    /// Tokens used ever.
    pub total_tokens: i64,
    /// Calls charged ever; of a credential attempts, failed ones included.
    pub total_requests: i64,
    /// Attempts of a credential that failed ever.
    pub failed_requests: i64,
    /// When it was created.
    pub created: UnixMs,
    /// When it last settled a call.
    pub last: Option<UnixMs>,
    /// When an operator last made a credential active, also where it was.
    pub enabled: Option<UnixMs>,
    /// Names what an operator can change as it is; not what is counted.
    pub revision: String,
}

/// New limits of an account.
#[derive(Debug, Clone)]
pub enum LimitsChange {
    /// Exactly these.
    Set(Vec<Limit>),
    /// Follow `[defaults.user]` again.
    FollowDefaults,
}

/// A change of an account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The text for people.
    pub name: Option<String>,
    /// Whether it may spend.
    pub status: Option<AccountStatus>,
    /// Its limits. Counters stay.
    pub limits: Option<LimitsChange>,
    /// Its alert thresholds; `Some(None)`: the defaults.
    pub thresholds: Option<Option<Thresholds>>,
    /// Its enforcement; `Some(None)`: the configured one.
    pub enforcement: Option<Option<Enforcement>>,
    /// When a key stops working; `Some(None)`: never.
    pub expires: Option<Option<UnixMs>>,
    /// The models that a key may use.
    pub models: Option<Vec<String>>,
    /// From where a key may be used.
    pub addresses: Option<Vec<Network>>,
    /// The routes that a key may use.
    pub routes: Option<Vec<Route>>,
    /// The workspace that a user moves to, with its keys.
    pub workspace: Option<Id>,
    /// Only where this is the account's [`Account::revision`].
    pub revision: Option<String>,
}

/// Which accounts to list.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Only of this workspace.
    pub workspace: Option<Id>,
    /// Only keys of this user.
    pub user: Option<Id>,
    /// The order; only users are sorted by something else than their id.
    pub sort: Sort,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Which events to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Settled at or after.
    pub since: Option<UnixMs>,
    /// Settled before.
    pub until: Option<UnixMs>,
    /// Only of this user.
    pub user: Option<Id>,
    /// Only of this key.
    pub key: Option<Id>,
    /// Only of this workspace.
    pub workspace: Option<Id>,
    /// Only of this model.
    pub model: Option<String>,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this credential.
    pub credential: Option<String>,
    /// Only what ended like this.
    pub ending: Option<Ending>,
    /// Only what the provider answered with one of these HTTP statuses; 0 where none arrived.
    pub statuses: Option<RangeInclusive<u16>>,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// So many events are looked at for one page; one that is short by then goes on. `None`: as many
    /// as it takes.
    pub reads: Option<usize>,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// What a check of the ledger's invariants found.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// How many accounts, holds and events were looked at.
    pub checked: u64,
    /// One sentence for each broken invariant.
    pub violations: Vec<String>,
}

/// Why an administrative operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryError {
    /// There is one already.
    Exists(AccountId),
    /// There is no such account.
    Missing(AccountId),
    /// The account still has users, keys, or attempts under way.
    InUse(AccountId),
    /// The account has another revision than the change was made for.
    Changed(AccountId),
    /// The request makes no sense; the text names the value and the way out.
    Invalid(String),
    /// The ledger could not be reached.
    Unavailable(Unavailable),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(account) => write!(f, "{account} exists already"),
            Self::Missing(account) => write!(f, "{account} does not exist"),
            Self::InUse(account) if account.kind == AccountKind::Credential => {
                write!(f, "{account} still has attempts under way; try again when they ended")
            }
            Self::InUse(account) => write!(f, "{account} still has users or keys"),
            Self::Changed(account) => {
                write!(f, "{account} was changed meanwhile; read it again, then change it")
            }
            Self::Invalid(why) => f.write_str(why),
            Self::Unavailable(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for RegistryError {}

impl From<Unavailable> for RegistryError {
    fn from(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

/// How long whoever reports waits until the figures have it.
const SEEN: Duration = Duration::from_secs(1);

/// See [`Registry::report`].
pub(super) async fn settle_now(
    ledger: &impl Ledger,
    settlement: Settlement,
) -> Result<(), RegistryError> {
    let full = || Unavailable("too much waits to be settled".to_owned());
    let permit = ledger.permit().ok_or_else(full)?;
    ledger.settle(permit, settlement);
    // What is written down is settled, also where that is seen later.
    let _ = tokio::time::timeout(SEEN, ledger.caught_up()).await;
    Ok(())
}

/// Administration, on either back end.
pub trait Registry: Send + Sync + 'static {
    /// Creates an account. A user's workspace and a key's user must exist.
    fn create<'a>(
        &'a self,
        account: &'a NewAccount,
    ) -> BoxFuture<'a, Result<Account, RegistryError>>;

    /// One account as it stands.
    fn account<'a>(
        &'a self,
        id: &'a AccountId,
    ) -> BoxFuture<'a, Result<Option<Account>, RegistryError>>;

    /// Several accounts in one round trip, in the order asked for; `None` for those that are
    /// missing.
    fn together<'a>(
        &'a self,
        ids: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Vec<Option<Account>>, RegistryError>>;

    /// Accounts of one kind, a page at a time, in the order asked for.
    fn accounts<'a>(
        &'a self,
        kind: AccountKind,
        filter: &'a ListFilter,
    ) -> BoxFuture<'a, Result<Page<Account>, RegistryError>>;

    /// Changes an account; the account before and after.
    fn change<'a>(
        &'a self,
        id: &'a AccountId,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>>;

    /// Deletes an account; deleting a user deletes its keys. A workspace with users is in use.
    fn delete<'a>(&'a self, id: &'a AccountId) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// Zeroes the current period of the named limit (`usd/month`), or of all; holds survive.
    /// The account before and after.
    fn reset<'a>(
        &'a self,
        id: &'a AccountId,
        limit: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>>;

    /// Raises a limit until a time; without one, until its period ends. By 0: ends what it was
    /// raised by. The account before and after.
    fn bump<'a>(
        &'a self,
        id: &'a AccountId,
        increase: &'a Increase,
        until: Option<UnixMs>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>>;

    /// Usage events, newest first.
    fn events<'a>(
        &'a self,
        query: &'a EventQuery,
    ) -> BoxFuture<'a, Result<Page<UsageEvent>, RegistryError>>;

    /// The event of one call.
    fn event(&self, id: CallId) -> BoxFuture<'_, Result<Option<UsageEvent>, RegistryError>>;

    /// Sums of settled calls, by the names that are asked for. Periods that are no longer kept have
    /// none; a question for too many periods or groups is [`RegistryError::Invalid`].
    fn sums<'a>(&'a self, query: &'a SumQuery)
    -> BoxFuture<'a, Result<Vec<SumRow>, RegistryError>>;

    /// From when on sums tell of all calls: how long they are kept, and whether an earlier version
    /// made none.
    fn summed_since(&self) -> BoxFuture<'_, Result<SummedSince, RegistryError>>;

    /// Settles what was consumed elsewhere, without a hold, once by its id. Where it cannot be
    /// written, nothing is settled. The figures have it when this returns, unless the ledger takes
    /// longer than a second.
    fn report(&self, settlement: Settlement) -> BoxFuture<'_, Result<(), RegistryError>>;

    /// Sets credentials up as the configuration says, at the start and when it is read again. What
    /// is missing is created. Limits and thresholds are written where their text in the
    /// configuration is another than when they were last defined, so that what an operator set
    /// stays until the configuration says something new.
    fn define<'a>(
        &'a self,
        credentials: &'a [CredentialSetup],
    ) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// What a credential was used for from one day to another, both included, oldest first. A day
    /// without attempts has no entry; days are kept for the retention time.
    fn days<'a>(
        &'a self,
        credential: &'a Id,
        from: Date,
        to: Date,
    ) -> BoxFuture<'a, Result<Vec<CredentialDay>, RegistryError>>;

    /// What became of the settlements that the journal of this process put aside, because they were
    /// too old to be delivered unseen. Unless `only_look`, those that are due are charged, in the
    /// periods of now, and what is decided leaves the journal. At most 10,000 at a time.
    fn decide(&self, only_look: bool) -> BoxFuture<'_, Result<Vec<Decided>, RegistryError>>;

    /// Keeps what an operator changed, for 400 days, and of more than 100,000 changes the newest.
    fn note<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// What operators changed, newest first.
    fn audit<'a>(
        &'a self,
        query: &'a AuditQuery,
    ) -> BoxFuture<'a, Result<Page<AuditEntry>, RegistryError>>;

    /// Checks the invariants of PROMISES.md.
    fn verify(&self) -> BoxFuture<'_, Result<Verification, RegistryError>>;
}
