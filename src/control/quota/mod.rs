//! The quota API: how much is used of what, whether a call would be taken, and what people should
//! know of it. The same for operators, of whatever they may see, and for keys, of themselves.
//!
//! `figure`, `availability`, `notices` and `outage` are pure; `totals` and `tally` sum over settled
//! calls; `operations` is the admin listener's side of it, `own` the data listener's.
//!
//! Invariants: nothing here is a call: nothing is counted or held, and a spent budget or a suspended
//! user changes nothing of what may be asked. A question costs one round trip to the ledger, unless
//! it needs sums that no limit has.

mod availability;
mod figure;
mod notices;
mod operations;
mod outage;
mod own;
mod tally;
#[cfg(test)]
mod tests;
mod totals;

pub(super) use operations::operations;
pub use own::PREFIX as QUOTA;

use super::Defaults;
use super::answer;
use super::problem::Problem;
use crate::clock::{Clock, UnixMs};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{Account, ListFilter, Payers, Registry, RegistryError};
use crate::limit::Calendar;
use crate::provider::Providers;
use figure::{Member, NAMES};
use moka::sync::Cache;
use outage::Outage;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use tokio::sync::Semaphore;

/// So many workspaces are added up.
const MOST_WORKSPACES: usize = 10_000;
/// So many users are looked through for notices.
const MOST_USERS: usize = 1_000;
/// So many users' workspaces are remembered.
const HOMES: u64 = 100_000;
const HOMES_FOR: Duration = Duration::from_secs(600);
/// So many keys' questions read the history at the same time.
const AT_ONCE: usize = 4;

/// The providers in force.
pub type ProvidersInForce = Arc<dyn Fn() -> Arc<Providers> + Send + Sync>;

/// Answers questions about quotas, on both listeners.
pub struct Quota {
    registry: Arc<dyn Registry>,
    clock: Clock,
    calendar: Calendar,
    defaults: Defaults,
    providers: ProvidersInForce,
    tally: Tally,
    /// In which workspace a user was last, so that both are read at once.
    homes: Cache<Id, Id>,
    room: Semaphore,
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

/// Whom a question is about.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// A key: its limits, its user's and its workspace's.
    Key(Payers),
    /// A user.
    User(Id),
    /// A workspace.
    Workspace(Id),
    /// All workspaces.
    All,
}

impl Quota {
    /// Answers from the accounts of a registry.
    pub fn new(
        registry: Arc<dyn Registry>,
        (clock, calendar): (Clock, Calendar),
        defaults: Defaults,
        providers: ProvidersInForce,
    ) -> Self {
        let homes = Cache::builder().max_capacity(HOMES).time_to_live(HOMES_FOR).build();
        let (tally, room) = (Tally::default(), Semaphore::new(AT_ONCE));
        Self { registry, clock, calendar, defaults, providers, tally, homes, room }
    }

    /// The accounts that a question is about, as they stand.
    pub(super) async fn members(&self, about: &About) -> Result<Vec<Member>, RegistryError> {
        match about {
            About::Key(payers) => {
                let found = self.registry.together(&payers.accounts()).await?;
                let all = payers.accounts().into_iter().zip(found);
                let all = all.map(|(id, found)| found.ok_or(RegistryError::Missing(id)));
                let accounts: Vec<Account> = all.collect::<Result<_, _>>()?;
                Ok(vec![member(accounts, 3, &AccountId::user(&payers.user))])
            }
            About::User(user) => Ok(vec![self.user(user).await?]),
            About::Workspace(id) => {
                let id = AccountId::workspace(id);
                let found = self.registry.account(&id).await?;
                let account = found.ok_or_else(|| RegistryError::Missing(id.clone()))?;
                Ok(vec![member(vec![account], 1, &id)])
            }
            About::All => {
                let filter = ListFilter { limit: MOST_WORKSPACES, ..ListFilter::default() };
                let all = self.registry.accounts(AccountKind::Workspace, &filter).await?.entries;
                Ok(all.into_iter().map(alone).collect())
            }
        }
    }

    /// The users of a question that is about many, each alone.
    pub(super) async fn users(&self, about: &About) -> Result<Vec<Member>, RegistryError> {
        let workspace = match about {
            About::Key(_) | About::User(_) => return Ok(Vec::new()),
            About::Workspace(id) => Some(id.clone()),
            About::All => None,
        };
        let filter = ListFilter { workspace, limit: MOST_USERS, ..ListFilter::default() };
        let users = self.registry.accounts(AccountKind::User, &filter).await?.entries;
        Ok(users.into_iter().map(alone).collect())
    }

    /// A user, with the workspace, whose limits have no figures here but refuse calls too.
    async fn user(&self, user: &Id) -> Result<Member, RegistryError> {
        let id = AccountId::user(user);
        let guess = self.homes.get(user);
        let mut ids = vec![id.clone()];
        ids.extend(guess.as_ref().map(AccountId::workspace));
        let mut found = self.registry.together(&ids).await?.into_iter();
        let account = found.next().flatten().ok_or_else(|| RegistryError::Missing(id.clone()))?;
        let home = account.workspace.clone();
        let mut above = found.next().flatten();
        if home != guess {
            above = match &home {
                Some(home) => self.registry.account(&AccountId::workspace(home)).await?,
                None => None,
            };
            if let Some(home) = home {
                self.homes.insert(user.clone(), home);
            }
        }
        Ok(member([account].into_iter().chain(above).collect(), 1, &id))
    }

    fn outage(&self) -> Outage {
        Outage::of(&(self.providers)(), self.clock.now())
    }

    /// The `data` of a status.
    pub(super) async fn status(&self, members: &[Member]) -> Result<Value, RegistryError> {
        let word = figure::word(members, &self.defaults, !self.outage().out.is_empty());
        let lacking = members.iter().filter(|member| member.lacks_a_count());
        let wanted: Vec<_> = lacking
            .flat_map(|member| NAMES.iter().map(|name| (member.owner.clone(), *name)))
            .collect();
        let mut counted = HashMap::new();
        if !wanted.is_empty() {
            let time = (&self.clock, &self.calendar);
            let counts = self.tally.counts(&*self.registry, time, &wanted).await?;
            counted.extend(wanted.into_iter().zip(counts));
        }
        let of = |owner: &AccountId, name: &figure::Name| {
            counted.get(&(owner.clone(), *name)).copied().unwrap_or(0)
        };
        Ok(figure::status(members, word, &of))
    }

    /// The `data` of a check.
    pub(super) fn check(&self, members: &[Member]) -> Value {
        availability::check(members, &self.defaults, &self.outage(), self.clock.now())
    }

    /// The `data` of the notifications.
    pub(super) fn notices(&self, members: &[Member]) -> Value {
        let time = (&self.calendar, self.clock.now());
        notices::notices(members, &self.defaults, &self.outage(), time)
    }

    /// `data` in its envelope, as text.
    fn enveloped(&self, data: Value) -> String {
        answer::envelope(self.clock.now(), data, Value::Null).to_string()
    }

    fn now(&self) -> UnixMs {
        self.clock.now()
    }
}

fn member(accounts: Vec<Account>, named: usize, owner: &AccountId) -> Member {
    let month = accounts.iter().find(|account| account.id == *owner).map(|a| a.month_usd);
    Member { accounts, named, owner: owner.clone(), month: month.unwrap_or_default() }
}

fn alone(account: Account) -> Member {
    let id = account.id.clone();
    member(vec![account], 1, &id)
}

/// 32 hexadecimal digits that stand for a text.
fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The entity tag of a status, which its timestamp does not change.
fn tag(data: &Value) -> String {
    format!("\"{}\"", digest(&data.to_string()))
}

/// Whether `If-None-Match` names a tag.
fn is_known(asked: Option<&str>, tag: &str) -> bool {
    let weak = |one: &str| one.trim().trim_start_matches("W/").to_owned();
    asked.is_some_and(|list| list.split(',').map(weak).any(|one| one == tag || one == "*"))
}

/// A question that has no answer in time or at all.
fn late() -> Problem {
    Problem::from(RegistryError::from(crate::ledger::Unavailable(
        "its events take too long".to_owned(),
    )))
}
