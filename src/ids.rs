//! Names of things: ids that operators choose, account names, and the id of a call.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use uuid::Uuid;

/// An id matching `[A-Za-z0-9._-]{1,64}`. Nothing else ever reaches a Redis key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(Arc<str>);

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadId(String);

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an id: 1 to 64 of the characters A-Z a-z 0-9 . _ -", self.0)
    }
}

impl std::error::Error for BadId {}

impl Id {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Stands where an id is needed and nobody is meant: `-`. No key has it.
    pub fn nobody() -> Self {
        Self("-".into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Id {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(BadId(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Id {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// What the ledger keeps figures for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// One key of a user.
    Key,
    /// A user, who has the budget.
    User,
    /// A team or tenant.
    Workspace,
    /// One API key of ours at a provider.
    Credential,
}

impl AccountKind {
    /// The word in account names and Redis keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::User => "user",
            Self::Workspace => "workspace",
            Self::Credential => "credential",
        }
    }
}

/// The name of an account, written `user:alice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId {
    /// What kind of account.
    pub kind: AccountKind,
    /// Which one of that kind.
    pub id: Id,
}

impl AccountId {
    /// The account of a user.
    pub fn user(id: &Id) -> Self {
        Self { kind: AccountKind::User, id: id.clone() }
    }

    /// The account of a key.
    pub fn key(id: &Id) -> Self {
        Self { kind: AccountKind::Key, id: id.clone() }
    }

    /// The account of a workspace.
    pub fn workspace(id: &Id) -> Self {
        Self { kind: AccountKind::Workspace, id: id.clone() }
    }

    /// The account of a credential.
    pub fn credential(id: &Id) -> Self {
        Self { kind: AccountKind::Credential, id: id.clone() }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

/// A text that is not the name of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAccount(String);

impl fmt::Display for BadAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an account: write user:ID, key:ID, workspace:ID or credential:ID",
            self.0
        )
    }
}

impl std::error::Error for BadAccount {}

impl FromStr for AccountId {
    type Err = BadAccount;

    fn from_str(text: &str) -> Result<Self, BadAccount> {
        let bad = || BadAccount(text.chars().take(80).collect());
        let (kind, id) = text.split_once(':').ok_or_else(bad)?;
        let kind = match kind {
            "key" => AccountKind::Key,
            "user" => AccountKind::User,
            "workspace" => AccountKind::Workspace,
            "credential" => AccountKind::Credential,
            _ => return Err(bad()),
        };
        Ok(Self { kind, id: id.parse().map_err(|_| bad())? })
    }
}

impl TryFrom<String> for AccountId {
    type Error = BadAccount;

    fn try_from(text: String) -> Result<Self, BadAccount> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.to_string()
    }
}

/// The id of one call: a UUID v7, so ids sort by time. It is the id of the usage event, of the
/// hold, and the value of `x-farebox-request-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Uuid);

impl CallId {
    /// A new id, larger than those made before by this process.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for CallId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for CallId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Ok(Self(text.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_out_what_could_break_a_redis_key() {
        for good in ["alice", "a", "A-1_b.c", &"x".repeat(64)] {
            assert_eq!(good.parse::<Id>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "a{0}", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<Id>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn accounts_are_written_as_kind_and_id() {
        let account: AccountId = "user:alice".parse().unwrap();
        assert_eq!(account, AccountId::user(&"alice".parse().unwrap()));
        assert_eq!(account.to_string(), "user:alice");
        for bad in ["alice", "user:", "group:x", "user:a:b", "User:a"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn call_ids_sort_by_time() {
        let (a, b) = (CallId::new(), CallId::new());
        assert!(a < b);
        assert_eq!(a.to_string().parse::<CallId>().unwrap(), a);
    }
}
