//! Who asks: what was granted, and for which workspace.

use super::scope::Scopes;
use crate::ids::{AccountKind, Id};
use crate::ledger::Account;

/// Who asks the admin plane for something. It travels in the request's extensions, behind an `Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What the audit calls it; never a secret.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The only workspace it sees; `None`: all.
    pub workspace: Option<Id>,
}

impl Principal {
    /// Whoever has the configured token.
    pub fn configured() -> Self {
        Self { name: "admin".to_owned(), scopes: Scopes::admin(), workspace: None }
    }

    /// Whether what belongs to `workspace` exists for it. What belongs to none is for all.
    pub fn sees(&self, workspace: Option<&Id>) -> bool {
        self.workspace.is_none() || workspace.is_none() || self.workspace.as_ref() == workspace
    }

    /// Whether an account exists for it. Credentials belong to no workspace.
    pub fn sees_account(&self, account: &Account) -> bool {
        match account.id.kind {
            AccountKind::Workspace => self.sees(Some(&account.id.id)),
            AccountKind::User | AccountKind::Key => self.sees(account.workspace.as_ref()),
            AccountKind::Credential => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_sees_itself_and_what_belongs_to_none() {
        let (own, other): (Id, Id) = ("eng".parse().unwrap(), "ops".parse().unwrap());
        let limited = Principal { workspace: Some(own.clone()), ..Principal::configured() };
        assert!(limited.sees(Some(&own)) && limited.sees(None) && !limited.sees(Some(&other)));
        assert!(Principal::configured().sees(Some(&other)));
    }
}
