//! Who hears what: the scope of a connection, its filter, and the rights of whoever opened it.
//! Pure.
//!
//! Invariant: nothing of another workspace is ever heard, whatever the filter says.

use super::board::{Kind, Update};
use crate::control::principal::Principal;
use crate::control::scope::{Resource, Scope};
use crate::ids::{AccountId, Id};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a connection is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// Everything.
    All,
    /// One workspace.
    Workspace(Id),
    /// One user.
    User(Id),
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Audience {
    /// Whoever opened the connection.
    pub(super) by: Arc<Principal>,
    pub(super) of: Of,
    /// The accounts that it asked for; all where there are none.
    pub(super) filter: BTreeSet<AccountId>,
}

impl Audience {
    /// Everything that `by` may hear of.
    pub(super) fn new(by: Arc<Principal>, of: Of) -> Self {
        Self { by, of, filter: BTreeSet::new() }
    }

    /// Whether it hears of an update.
    pub(super) fn hears(&self, update: &Update) -> bool {
        let within = match &self.of {
            Of::All => true,
            Of::Workspace(own) => update.workspace.as_ref() == Some(own),
            Of::User(own) => update.user.as_ref() == Some(own),
        };
        // A user may have moved to a workspace that the opener does not see.
        let seen = self.by.sees(update.workspace.as_ref());
        within && seen && self.may(update.kind) && self.asked(update)
    }

    /// Whether it hears of credentials.
    pub(super) fn hears_providers(&self) -> bool {
        self.of == Of::All && self.by.scopes.allows(Scope::Read(Resource::Providers))
    }

    /// Whether it is shown users.
    pub(super) fn sees_users(&self) -> bool {
        self.by.scopes.allows(Scope::Read(Resource::Users))
    }

    fn may(&self, kind: Kind) -> bool {
        match kind {
            Kind::Quota => true,
            Kind::Alert => self.by.scopes.allows(Scope::Read(Resource::Alerts)),
            Kind::Provider => self.hears_providers(),
        }
    }

    fn asked(&self, update: &Update) -> bool {
        let named = |account: AccountId| self.filter.contains(&account);
        self.filter.is_empty()
            || update.account.as_ref().is_some_and(|account| self.filter.contains(account))
            || update.user.as_ref().is_some_and(|id| named(AccountId::user(id)))
            || update.workspace.as_ref().is_some_and(|id| named(AccountId::workspace(id)))
    }

    /// A text that is the same for connections that are shown the same.
    pub(super) fn fingerprint(&self) -> String {
        let filter: Vec<String> = self.filter.iter().map(ToString::to_string).collect();
        let (users, providers) = (self.sees_users(), self.hears_providers());
        let (of, by) = (&self.of, &self.by.workspace);
        format!("{of:?} {by:?} {users} {providers} {}", filter.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    fn update(kind: Kind, account: &str, user: Option<&str>, workspace: Option<&str>) -> Update {
        Update {
            kind,
            account: account.parse().ok(),
            user: user.map(id),
            workspace: workspace.map(id),
            data: Bytes::new(),
        }
    }

    #[test]
    fn a_connection_hears_of_its_scope_only() {
        let alice = update(Kind::Quota, "user:alice", Some("alice"), Some("eng"));
        let bob = update(Kind::Quota, "user:bob", Some("bob"), Some("ops"));
        let groq = update(Kind::Provider, "credential:groq", None, None);
        let spent = update(Kind::Alert, "credential:groq", None, None);
        let heard = |of: Of| {
            let audience = Audience::new(Arc::new(Principal::configured()), of);
            [&alice, &bob, &groq, &spent].map(|update| audience.hears(update))
        };
        assert_eq!(heard(Of::All), [true, true, true, true]);
        assert_eq!(heard(Of::Workspace(id("eng"))), [true, false, false, false]);
        assert_eq!(heard(Of::User(id("bob"))), [false, true, false, false]);
    }

    #[test]
    fn a_filter_narrows_and_never_widens() {
        let alice = update(Kind::Quota, "user:alice", Some("alice"), Some("eng"));
        let key = update(Kind::Alert, "key:k", Some("alice"), Some("eng"));
        let bob = update(Kind::Quota, "user:bob", Some("bob"), Some("ops"));
        let mut audience =
            Audience::new(Arc::new(Principal::configured()), Of::Workspace(id("eng")));
        audience.filter = ["user:alice", "user:bob"].map(|text| text.parse().unwrap()).into();
        assert!(audience.hears(&alice) && audience.hears(&key) && !audience.hears(&bob));
        audience.filter = ["workspace:ops".parse().unwrap()].into();
        assert!(!audience.hears(&alice) && !audience.hears(&bob));
    }

    #[test]
    fn a_user_who_moves_away_is_not_heard_of_any_more() {
        let by = Principal { workspace: Some(id("eng")), ..Principal::configured() };
        let audience = Audience::new(Arc::new(by), Of::User(id("alice")));
        assert!(audience.hears(&update(Kind::Quota, "user:alice", Some("alice"), Some("eng"))));
        assert!(!audience.hears(&update(Kind::Quota, "user:alice", Some("alice"), Some("ops"))));
    }

    #[test]
    fn rights_decide_what_is_heard() {
        let scopes = [Scope::Read(Resource::Usage)].into_iter().collect();
        let by = Principal { scopes, ..Principal::configured() };
        let audience = Audience::new(Arc::new(by), Of::All);
        assert!(audience.hears(&update(Kind::Quota, "user:alice", Some("alice"), Some("eng"))));
        assert!(!audience.hears(&update(Kind::Alert, "user:alice", Some("alice"), Some("eng"))));
        assert!(!audience.hears(&update(Kind::Provider, "credential:groq", None, None)));
        assert!(!audience.sees_users());
    }
}
