//! What every operation is given: the parts of the admin plane, and who asks.
//!
//! Invariant: what a principal does not see is refused here as if it did not exist, so that no
//! resource decides it for itself.

use super::condition::Condition;
use super::principal::Principal;
use super::problem::Problem;
use super::provenance::Provenance;
use super::{Parts, Shared};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::Account;
use axum::extract::FromRequestParts;
use axum::http::{StatusCode, request};
use std::ops::Deref;
use std::sync::Arc;

/// The parts, as one principal may use them.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    parts: Shared,
    /// Who asks.
    pub(super) by: Arc<Principal>,
    /// Which way the request came.
    pub(super) came: Provenance,
    /// What a change is for.
    pub(super) condition: Condition,
}

impl Deref for Desk {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Desk {
    /// The parts, as somebody may use them who does not ask by a request.
    pub(super) fn new(parts: Shared, by: Arc<Principal>) -> Self {
        let came = Provenance { source: "api", request: None };
        Self { parts, by, came, condition: Condition::default() }
    }

    /// An account that the principal sees, or 404.
    pub(super) async fn find(&self, id: &AccountId) -> Result<Account, Problem> {
        let found = self.registry.account(id).await?;
        found.filter(|account| self.by.sees_account(account)).ok_or_else(|| Problem::missing(id))
    }

    /// An account that the principal sees and may change, or 404 or 403.
    pub(super) async fn find_to_change(&self, id: &AccountId) -> Result<Account, Problem> {
        if let (AccountKind::Credential, Some(own)) = (id.kind, &self.by.workspace) {
            let detail =
                format!("{id} serves all workspaces, and {} is for `{own}` only", self.by.name);
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        self.find(id).await
    }

    /// Refuses a filter by a user whom the principal does not see.
    pub(super) async fn sees_users(&self, user: Option<&Id>) -> Result<(), Problem> {
        if let (Some(user), Some(_)) = (user, &self.by.workspace) {
            self.find(&AccountId::user(user)).await?;
        }
        Ok(())
    }

    /// The workspace that a list is of: the one asked for, or the principal's own.
    pub(super) fn within(&self, asked: Option<Id>) -> Result<Option<Id>, Problem> {
        match asked {
            Some(asked) if !self.by.sees(Some(&asked)) => {
                Err(Problem::missing(AccountId::workspace(&asked)))
            }
            Some(asked) => Ok(Some(asked)),
            None => Ok(self.by.workspace.clone()),
        }
    }
}

impl FromRequestParts<Shared> for Desk {
    type Rejection = Problem;

    async fn from_request_parts(
        request: &mut request::Parts,
        parts: &Shared,
    ) -> Result<Self, Problem> {
        match request.extensions.get::<Arc<Principal>>() {
            Some(by) => Ok(Self {
                parts: parts.clone(),
                by: by.clone(),
                came: Provenance::of(&request.headers, &request.extensions),
                condition: Condition::of(&request.headers)?,
            }),
            None => Err(Problem::new(StatusCode::UNAUTHORIZED, "nobody asks")),
        }
    }
}
