//! What happened in this process that may have made room in limits. Whoever remembers a denial asks
//! whether it still holds.
//!
//! Not here: what other proxies did, or `redis-cli`. Invariants: what is told here is in the ledger
//! already, so a hold that begins afterwards sees it. Telling never waits.

use super::order::Payers;
use crate::ids::{AccountId, AccountKind, Id};
use foldhash::fast::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Accounts share these places; to take another's news for one's own only costs a question.
const PLACES: usize = 1024;

/// Wants to know whose figures moved.
pub trait Watch: Send + Sync + fmt::Debug {
    /// The figures of an account moved; its workspace, where that is known. Must not wait.
    fn moved(&self, account: &AccountId, workspace: Option<&Id>);
}

/// Counts what happened.
#[derive(Debug)]
pub struct News {
    changes: AtomicU64,
    ends: Box<[AtomicU64]>,
    hasher: RandomState,
    watch: Option<Arc<dyn Watch>>,
}

/// What had happened at one moment, as far as it concerns the payers of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    changes: u64,
    user: u64,
    workspace: u64,
}

impl Default for News {
    fn default() -> Self {
        let ends = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { changes: AtomicU64::new(0), ends, hasher: RandomState::default(), watch: None }
    }
}

impl News {
    /// News that somebody else is told of, too.
    pub(super) fn watched(watch: Option<Arc<dyn Watch>>) -> Self {
        Self { watch, ..Self::default() }
    }

    /// How often an account was changed, reset, raised or deleted.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// What has happened so far. To be asked before the hold whose answer is to be remembered.
    pub fn seen(&self, payers: &Payers) -> Seen {
        let ends = |place: Option<&AtomicU64>| place.map_or(0, |n| n.load(Ordering::Acquire));
        Seen {
            changes: self.changes(),
            user: ends(self.place(&payers.user)),
            workspace: ends(self.place(&payers.workspace)),
        }
    }

    /// The figures of an account moved, or it is new.
    pub(super) fn moved(&self, account: &AccountId, workspace: Option<&Id>) {
        if let Some(watch) = &self.watch {
            watch.moved(account, workspace);
        }
    }

    /// An account was changed, reset, raised or deleted.
    pub(super) fn changed_in(&self, account: &AccountId, workspace: Option<&Id>) {
        self.changed();
        self.moved(account, workspace);
    }

    /// Accounts were changed, reset, raised or deleted.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// A call ended: what it held is free.
    pub(crate) fn ended(&self, payers: &Payers) {
        for id in [&payers.user, &payers.workspace] {
            if let Some(place) = self.place(id) {
                place.fetch_add(1, Ordering::Release);
            }
        }
        if let Some(watch) = &self.watch {
            watch.moved(&AccountId::user(&payers.user), Some(&payers.workspace));
        }
    }

    fn place(&self, id: &Id) -> Option<&AtomicU64> {
        let places = u64::try_from(self.ends.len()).ok()?;
        let place = self.hasher.hash_one(id.as_str()).checked_rem(places)?;
        self.ends.get(usize::try_from(place).ok()?)
    }
}

impl Seen {
    /// Whether no account was changed between the two.
    pub fn same_accounts(&self, other: &Self) -> bool {
        self.changes == other.changes
    }

    /// Whether no call that an account paid for ended between the two. Keys go by their user.
    pub fn same_calls(&self, other: &Self, account: &AccountId) -> bool {
        match account.kind {
            AccountKind::Workspace => self.workspace == other.workspace,
            _ => self.user == other.user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payers(user: &str, workspace: &str) -> Payers {
        let id = |text: &str| text.parse().unwrap();
        Payers { key: id("k"), user: id(user), workspace: id(workspace) }
    }

    #[test]
    fn an_end_is_news_for_the_user_and_the_workspace() {
        let news = News::default();
        let [alice, bob] = [payers("alice", "eng"), payers("bob", "eng")];
        let (user, workspace) =
            (AccountId::user(&alice.user), AccountId::workspace(&alice.workspace));
        let before = news.seen(&alice);
        assert_eq!(news.seen(&alice), before);
        news.ended(&bob);
        let after = news.seen(&alice);
        assert!(!before.same_calls(&after, &workspace) && before.same_accounts(&after));
        news.ended(&alice);
        let own = AccountId::key(&alice.key);
        for account in [&user, &own] {
            assert!(!before.same_calls(&news.seen(&alice), account), "{account}");
        }
    }

    #[test]
    fn a_change_is_news_for_everybody() {
        let news = News::default();
        let before = news.seen(&payers("alice", "eng"));
        news.changed();
        let after = news.seen(&payers("alice", "eng"));
        assert!(!before.same_accounts(&after));
        assert!(before.same_calls(&after, &"user:alice".parse().unwrap()));
        assert_eq!(news.changes(), 1);
    }
}
