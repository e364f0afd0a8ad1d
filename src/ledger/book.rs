//! All accounts, open holds and settled calls of a ledger in memory, and admission to them. Pure.
//!
//! This is the model that both back ends agree with; the embedded one runs on it. Ending a hold is
//! in `settling`.
//!
//! Invariant: a hold joins all its accounts or none.

use super::account::{AccountState, Share, Totals};
use super::attempts::Attempts;
use super::moment::Moment;
use super::once::{Once, OnceKey};
use super::order::{
    Admission, Amounts, CallFacts, Caller, Denial, Enforcement, HoldOrder, Payers, Standing,
};
use super::registry::{Account, AccountStatus};
use super::settling::Mark;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::money::NanoUsd;
use crate::secret::SecretDigest;
use foldhash::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The state of a ledger.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pub accounts: BTreeMap<AccountId, AccountState>,
    pub holds: HashMap<CallId, Hold>,
    /// How calls were ended, and when.
    pub marks: HashMap<CallId, (UnixMs, Mark)>,
    /// Posted calls by age.
    pub posted: VecDeque<(UnixMs, CallId)>,
    /// Voided and orphaned calls by age.
    pub marked: VecDeque<(UnixMs, CallId)>,
    /// What became of the keys that are charged once, and when.
    pub once: HashMap<OnceKey, (UnixMs, Once)>,
    /// These keys by age; one that was deferred and posted stands in it twice.
    pub once_ages: VecDeque<(UnixMs, OnceKey)>,
    /// Totals of deleted workspaces.
    pub deleted: Totals,
    /// What is held and counted for credentials.
    pub attempts: Attempts,
}

/// What is set aside for one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub id: CallId,
    pub payers: Payers,
    pub expected: Amounts,
    pub facts: CallFacts,
    /// Of key, user and workspace.
    pub shares: [Share; 3],
    /// When the hold expires.
    pub lease_end: UnixMs,
}

impl Hold {
    /// What was held on the user's account.
    pub fn user_held(&self) -> Amounts {
        self.shares[1].held
    }
}

/// What became of an order before anything is changed.
#[derive(Debug)]
pub enum Verdict {
    /// It is held already; the answer to the first attempt was lost.
    Known,
    /// It may be placed.
    Fresh(Box<Hold>),
}

impl Book {
    /// Checks an order on all its accounts: first whether they take calls at all, then key, user
    /// and workspace limit by limit.
    pub fn check(
        &self,
        order: &HoldOrder,
        moment: &Moment,
        default: Enforcement,
    ) -> Result<Verdict, Denial> {
        let ids = order.payers.accounts();
        if self.marks.contains_key(&order.id) {
            return Err(order.settled());
        }
        if self.holds.contains_key(&order.id) {
            return Ok(Verdict::Known);
        }
        let mut found = Vec::with_capacity(3);
        for account in &ids {
            let state = self.accounts.get(account);
            let barred = state.map_or(Some("missing"), |state| state.barred(moment.now));
            match (state, barred) {
                (Some(state), None) => found.push(state),
                (_, status) => {
                    let status = status.unwrap_or("missing").to_owned();
                    return Err(Denial::Status { account: account.clone(), status });
                }
            }
        }
        let (mut shares, demand): ([Share; 3], _) = (Default::default(), order.demand());
        for (share, state) in shares.iter_mut().zip(found) {
            *share = state.check(&demand, moment, default)?;
        }
        Ok(Verdict::Fresh(Box::new(Hold {
            id: order.id,
            payers: order.payers.clone(),
            expected: order.expected,
            facts: order.facts.clone(),
            shares,
            lease_end: 0,
        })))
    }

    /// Places a checked hold.
    pub fn place(&mut self, mut hold: Hold, lease_end: UnixMs, moment: &Moment) {
        hold.lease_end = lease_end;
        for (id, share) in hold.payers.accounts().iter().zip(&mut hold.shares) {
            match self.accounts.get_mut(id) {
                Some(state) => state.take(share, &hold.facts.model, moment),
                None => share.joined = false,
            }
        }
        self.holds.insert(hold.id, hold);
    }

    /// The answer to an order that is held: the limits that count its model.
    pub fn admission(&self, order: &HoldOrder, moment: &Moment) -> Admission {
        let held = self.holds.get(&order.id).map_or(NanoUsd::ZERO, |hold| hold.user_held().usd);
        let accounts = order.payers.accounts();
        let states = accounts.iter().filter_map(|id| self.accounts.get(id));
        let all = states.flat_map(|state| standings(state, moment));
        let standings = all.filter(|s| s.limit.counts(&order.facts.model)).collect();
        Admission::Held { held, standings }
    }

    /// Moves the end of a hold's lease.
    pub fn renew(&mut self, id: &CallId, lease_end: UnixMs) -> bool {
        match self.holds.get_mut(id) {
            Some(hold) => {
                hold.lease_end = lease_end;
                true
            }
            None => false,
        }
    }

    /// Who owns a key.
    pub fn caller(&self, digest: &SecretDigest) -> Option<Caller> {
        let state = self.accounts.get(&AccountId::key(&digest.key_id()?))?;
        let facts = state.key.as_ref().filter(|facts| facts.digest.matches(digest))?;
        let workspace = state.workspace.as_ref()?;
        let stopped = |id: &AccountId| {
            self.accounts.get(id).is_none_or(|state| state.status != AccountStatus::Active)
        };
        Some(Caller {
            payers: Payers {
                key: state.id.id.clone(),
                user: facts.user.clone(),
                workspace: workspace.clone(),
            },
            label: facts.label.clone(),
            revoked: state.status == AccountStatus::Revoked,
            suspended: state.status == AccountStatus::Suspended
                || stopped(&AccountId::user(&facts.user))
                || stopped(&AccountId::workspace(workspace)),
            expires: facts.expires,
            models: facts.models.clone(),
            reach: facts.reach.clone(),
        })
    }

    /// Takes an account out, with everything below it, and keeps its totals above it. Gives the
    /// ids of all that went.
    pub fn remove(&mut self, id: &AccountId) -> Vec<AccountId> {
        let keys_of = |book: &Self, user: &Id| -> Vec<AccountId> {
            let owned =
                |state: &&AccountState| state.key.as_ref().is_some_and(|facts| facts.user == *user);
            book.accounts.values().filter(owned).map(|state| state.id.clone()).collect()
        };
        let mut gone = match id.kind {
            AccountKind::User => keys_of(self, &id.id),
            _ => Vec::new(),
        };
        gone.push(id.clone());
        if id.kind == AccountKind::Credential {
            self.accounts.remove(id);
            self.attempts.days.retain(|key, _| key.credential != id.id);
            return gone;
        }
        for id in &gone {
            if let Some(state) = self.accounts.remove(id) {
                self.keep_totals(&state);
            }
        }
        for hold in self.holds.values_mut() {
            for (account, share) in hold.payers.accounts().iter().zip(&mut hold.shares) {
                share.joined = share.joined && !gone.contains(account);
            }
        }
        gone
    }

    /// Moves a user and its keys into another workspace. What it was charged stays where it was.
    /// Gives the ids of all that changed.
    pub fn relocate(&mut self, user: &Id, workspace: &Id) -> Vec<AccountId> {
        let id = AccountId::user(user);
        let Some(state) = self.accounts.get_mut(&id) else { return Vec::new() };
        let left = state.workspace.replace(workspace.clone());
        let part = state.totals.without(state.elsewhere);
        state.elsewhere = state.totals;
        let mut changed = vec![id];
        if let Some(left) = left.map(|left| AccountId::workspace(&left))
            && let Some(state) = self.accounts.get_mut(&left)
        {
            state.deleted.add(part);
            changed.push(left);
        }
        for state in self.accounts.values_mut() {
            if state.key.as_ref().is_some_and(|facts| facts.user == *user) {
                state.workspace = Some(workspace.clone());
                changed.push(state.id.clone());
            }
        }
        changed
    }

    /// Notes what a user is charged by way of a workspace that it is not in any more.
    pub(super) fn note_elsewhere(&mut self, payers: &Payers, charged: Totals) {
        let Some(user) = self.accounts.get_mut(&AccountId::user(&payers.user)) else { return };
        if user.workspace.as_ref() == Some(&payers.workspace) {
            return;
        }
        user.elsewhere.add(charged);
        if let Some(paid) = self.accounts.get_mut(&AccountId::workspace(&payers.workspace)) {
            paid.deleted.add(charged);
        }
    }

    fn keep_totals(&mut self, state: &AccountState) {
        let parent = match (&state.key, &state.workspace) {
            (Some(facts), _) => AccountId::user(&facts.user),
            (None, Some(workspace)) => AccountId::workspace(workspace),
            (None, None) => return self.deleted.add(state.totals),
        };
        if let Some(parent) = self.accounts.get_mut(&parent) {
            parent.deleted.add(state.totals.without(state.elsewhere));
        }
    }
}

/// Every limit of an account as it stands.
pub fn standings(state: &AccountState, moment: &Moment) -> Vec<Standing> {
    state.limits.iter().map(|&limit| state.standing(limit, moment)).collect()
}

/// An account as the control plane sees it.
pub fn view(state: &AccountState, moment: &Moment) -> Account {
    Account {
        id: state.id.clone(),
        name: state.name.clone(),
        workspace: state.workspace.clone(),
        status: state.status,
        standings: standings(state, moment),
        follows_defaults: state.follows.is_some(),
        thresholds: state.thresholds.clone(),
        enforcement: state.enforcement,
        key: state.key.clone(),
        held_usd: state.held.usd,
        month_usd: NanoUsd::new(state.used(super::slot::Slot::MONTH_USD, moment)),
        total_usd: NanoUsd::new(state.totals.usd),
        total_tokens: state.totals.tokens,
        total_requests: state.totals.requests,
        failed_requests: state.credential.failed,
        enabled: state.credential.enabled,
        revision: super::admin::revision(state),
        created: state.created,
        last: state.last,
    }
}
