//! Administration of accounts in Redis.

use super::super::account::AccountState;
use super::super::aside::Decided;
use super::super::attempt::{CredentialDay, CredentialSetup};
use super::super::audit::{AuditEntry, AuditQuery};
use super::super::book::view;
use super::super::order::{Settlement, Unavailable, UsageEvent};
use super::super::registry::{
    Account, Change, EventQuery, ListFilter, NewAccount, Page, Registry, RegistryError,
    Verification, settle_now,
};
use super::super::sums::{SumQuery, SumRow, SummedSince};
use super::super::{BoxFuture, OpenError, admin};
use super::{RedisLedger, fields, keys, script};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::limit::Increase;
use jiff::civil::Date;
use std::collections::BTreeMap;

const LIST_AT_ONCE: usize = 200;
/// How often a deletion is tried while the account is moved.
const DELETIONS: usize = 3;
/// Fields that an account has only where an operator wrote them.
const OPTIONAL: &[&str] =
    &["thresholds", "enforcement", "defaults", "addresses", "routes", "expires_ms"];

impl RedisLedger {
    /// Creates the default workspace, and rewrites the limits of users who follow other defaults.
    pub(super) async fn prepare(&self) -> Result<(), OpenError> {
        let fail = |why: RegistryError| OpenError(why.to_string());
        if let Some(new) = admin::first_workspace() {
            match self.found(&new).await {
                Ok(_) | Err(RegistryError::Exists(_)) => {}
                Err(why) => return Err(fail(why)),
            }
        }
        let defaults = &self.options.default_user_limits;
        let text = admin::text(defaults);
        let unranked = self.unranked().await.map_err(|e| fail(e.into()))?;
        let mut after = None;
        loop {
            let ids =
                self.ids(AccountKind::User, after.as_ref()).await.map_err(|e| fail(e.into()))?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(last.id.clone());
            if unranked {
                let users = ids.iter().map(|account| account.id.clone());
                self.rank_users(users).await.map_err(|e| fail(e.into()))?;
            }
            let states = self.sound_accounts(&ids).await.map_err(|e| fail(e.into()))?;
            for old in states {
                if old.follows.as_ref().is_some_and(|marker| *marker != text) {
                    let mut new = old.clone();
                    admin::follow(&mut new, defaults).map_err(fail)?;
                    self.write_change(&old, &new).await.map_err(fail)?;
                }
            }
        }
    }

    /// The next ids of a kind.
    pub(super) async fn ids(
        &self,
        kind: AccountKind,
        after: Option<&Id>,
    ) -> Result<Vec<AccountId>, Unavailable> {
        self.ids_in(&keys::index(kind), kind, after).await
    }

    /// The next ids of an index.
    async fn ids_in(
        &self,
        index: &str,
        kind: AccountKind,
        after: Option<&Id>,
    ) -> Result<Vec<AccountId>, Unavailable> {
        let from = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        let mut list = redis::cmd("ZRANGEBYLEX");
        list.arg(index).arg(from).arg("+").arg("LIMIT").arg(0).arg(LIST_AT_ONCE);
        let names: Vec<String> = self.read(&list).await?;
        let ids = names.into_iter().filter_map(|name| name.parse().ok());
        Ok(ids.map(|id| AccountId { kind, id }).collect())
    }

    /// Several accounts; those that make no sense are named in the log and left out.
    pub(super) async fn sound_accounts(
        &self,
        ids: &[AccountId],
    ) -> Result<Vec<AccountState>, Unavailable> {
        let (states, faults) = self.read_accounts(ids).await?;
        for fault in faults {
            tracing::warn!("an account is left out: {}", fault.0);
        }
        Ok(states)
    }

    pub(super) async fn found(&self, new: &NewAccount) -> Result<Account, RegistryError> {
        let parent = admin::parent(new)?;
        let above = match &parent {
            Some(id) => {
                let found = self.read_account(id).await?;
                Some(found.ok_or_else(|| RegistryError::Missing(id.clone()))?)
            }
            None => None,
        };
        let moment = script::moment(&self.options);
        let defaults = &self.options.default_user_limits;
        let mut state = admin::found(new, above.as_ref(), defaults, moment.now)?;
        let key = keys::account(&new.id);
        let index = keys::index(new.id.kind);
        let mut all = vec![key.clone()];
        match &parent {
            Some(parent) => all.extend([keys::account(parent), index, keys::below(parent)]),
            None if new.id.kind == AccountKind::Credential => {
                self.index_credential(&new.id.id).await?;
                all.push(key);
            }
            None => all.extend([key, index]),
        }
        let mut arguments = vec![new.id.id.to_string()];
        arguments.extend(fields::of_account(&state).into_iter().flat_map(|(k, v)| [k, v]));
        let on = &self.connections.settlements;
        let call = self.scripts.create.call(&self.options, &all, &arguments);
        let reply: Vec<String> = self.scripts.create.run(on, &call).await?;
        match (reply.first().map(String::as_str), parent) {
            (Some("done"), _) => {
                let moved = reply.get(1).and_then(|workspace| workspace.parse().ok());
                state.workspace = moved.or(state.workspace);
                self.rank_account(&new.id).await;
                self.news.moved(&new.id, new.workspace.as_ref());
                Ok(view(&state, &moment))
            }
            (Some("missing"), Some(parent)) => Err(RegistryError::Missing(parent)),
            _ => Err(RegistryError::Exists(new.id.clone())),
        }
    }

    /// Moves a user where a change says so.
    async fn relocate(&self, old: &AccountState, to: &Id) -> Result<(), RegistryError> {
        let own = old.workspace.as_ref().map(AccountId::workspace);
        let own = own.ok_or_else(|| RegistryError::Missing(old.id.clone()))?;
        let workspace = AccountId::workspace(to);
        let on = &self.connections.settlements;
        // A key that comes meanwhile is moved by the second round.
        for _ in 0..2 {
            let mut list = redis::cmd("ZRANGE");
            let ids: Vec<String> = self.read(list.arg(keys::below(&old.id)).arg(0).arg(-1)).await?;
            let its = ids.iter().filter_map(|id| id.parse().ok());
            let mut all = vec![
                keys::account(&old.id),
                keys::account(&own),
                keys::account(&workspace),
                keys::below(&own),
                keys::below(&workspace),
            ];
            all.extend(its.map(|key| keys::account(&AccountId::key(&key))));
            let arguments = [old.id.id.to_string(), to.to_string(), own.id.to_string()];
            let call = self.scripts.relocate.call(&self.options, &all, &arguments);
            let ran = self.scripts.relocate.run::<Vec<String>>(on, &call).await;
            self.news.changed();
            match ran?.first().map(String::as_str) {
                Some("done") => {}
                Some("nowhere") => return Err(RegistryError::Missing(workspace)),
                Some("changed") => return Err(RegistryError::Changed(old.id.clone())),
                _ => return Err(RegistryError::Missing(old.id.clone())),
            }
        }
        Ok(())
    }

    pub(super) async fn existing(&self, id: &AccountId) -> Result<AccountState, RegistryError> {
        self.read_account(id).await?.ok_or_else(|| RegistryError::Missing(id.clone()))
    }

    /// Writes the fields that differ.
    pub(super) async fn write_change(
        &self,
        old: &AccountState,
        new: &AccountState,
    ) -> Result<(), RegistryError> {
        self.write_change_if(old, new, false).await
    }

    /// The same; where `unchanged` is asked for, only if what an operator can change is as it was.
    async fn write_change_if(
        &self,
        old: &AccountState,
        new: &AccountState,
        unchanged: bool,
    ) -> Result<(), RegistryError> {
        let (before, after) = (fields::of_account(old), fields::of_account(new));
        let mut gone: Vec<String> =
            before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
        let kept = |slot| new.counters.iter().any(|counter| counter.slot == slot);
        let lost = old.counters.iter().filter(|counter| !kept(counter.slot));
        gone.extend(lost.flat_map(fields::of_counter));
        let mut arguments = vec![gone.len().to_string()];
        arguments.extend(gone);
        let mut kept = if unchanged { before.clone() } else { BTreeMap::new() };
        for name in OPTIONAL.iter().filter(|_| unchanged) {
            kept.entry((*name).to_owned()).or_default();
        }
        arguments.push(kept.len().saturating_mul(2).to_string());
        arguments.extend(kept.into_iter().flat_map(|(name, text)| [name, text]));
        arguments.push(old.limits.len().to_string());
        let set = after.into_iter().filter(|(name, text)| before.get(name) != Some(text));
        arguments.extend(set.flat_map(|(name, text)| [name, text]));
        for counter in new.counters.iter().filter(|counter| !old.counters.contains(counter)) {
            let admitted = counter.admitted.unwrap_or(crate::money::MAX.get());
            arguments.extend([format!("{}.admitted", counter.slot), admitted.to_string()]);
        }
        let on = &self.connections.settlements;
        let key = [keys::account(&old.id)];
        let call = self.scripts.change.call(&self.options, &key, &arguments);
        let reply = self.scripts.change.run::<Vec<String>>(on, &call).await;
        // Also where the answer was lost: it may have been written.
        self.news.changed_in(&old.id, old.workspace.as_ref());
        let reply = reply?;
        match reply.first().map(String::as_str) {
            Some("done") => Ok(()),
            Some("changed") => Err(RegistryError::Changed(old.id.clone())),
            _ => Err(RegistryError::Missing(old.id.clone())),
        }
    }

    async fn remove(&self, id: &AccountId) -> Result<(), RegistryError> {
        if id.kind == AccountKind::Credential {
            return self.forget_credential(id).await;
        }
        let state = self.existing(id).await?;
        if id.kind == AccountKind::User {
            let mut list = redis::cmd("ZRANGE");
            let keys: Vec<String> = self.read(list.arg(keys::below(id)).arg(0).arg(-1)).await?;
            for key in keys.iter().filter_map(|key| key.parse().ok()) {
                Box::pin(self.remove(&AccountId::key(&key))).await?;
            }
        }
        let owner = state.key.as_ref().map(|facts| &facts.user);
        let above = keys::above(state.workspace.as_ref(), owner);
        let index = keys::index(id.kind);
        let all = [
            keys::account(id),
            keys::holds(id),
            index.clone(),
            above.as_ref().map_or(index, keys::below),
            keys::below(id),
            keys::UTILIZATION.to_owned(),
            above.as_ref().map_or_else(|| keys::DELETED.to_owned(), keys::account),
        ];
        let workspace = state.workspace.as_ref().map(ToString::to_string).unwrap_or_default();
        let arguments = [id.id.to_string(), id.kind.as_str().to_owned(), workspace];
        let on = &self.connections.settlements;
        let call = self.scripts.delete.call(&self.options, &all, &arguments);
        let reply: Vec<String> = self.scripts.delete.run(on, &call).await?;
        match reply.first().map(String::as_str) {
            Some("done") => {
                if id.kind == AccountKind::User {
                    self.unrank(&id.id, &state.name, true).await?;
                }
                Ok(())
            }
            Some("in use") => Err(RegistryError::InUse(id.clone())),
            Some("changed") => Err(RegistryError::Changed(id.clone())),
            _ => Err(RegistryError::Missing(id.clone())),
        }
    }

    async fn list(
        &self,
        kind: AccountKind,
        filter: &ListFilter,
    ) -> Result<Page<Account>, RegistryError> {
        if filter.is_sorted(kind)? {
            return self.sorted(filter).await;
        }
        let moment = script::moment(&self.options);
        let mut entries: Vec<Account> = Vec::new();
        let mut after = filter.after_id()?;
        let index = match (kind, &filter.workspace, &filter.user) {
            (AccountKind::User, Some(workspace), _) => {
                keys::below(&AccountId::workspace(workspace))
            }
            (AccountKind::Key, _, Some(user)) => keys::below(&AccountId::user(user)),
            _ => keys::index(kind),
        };
        loop {
            let ids = self.ids_in(&index, kind, after.as_ref()).await?;
            let Some(last) = ids.last() else { return Ok(Page { entries, next: None }) };
            after = Some(last.id.clone());
            for state in self.sound_accounts(&ids).await? {
                if !filter.wants(state.workspace.as_ref(), state.key.as_ref()) {
                    continue;
                }
                if entries.len() == filter.page_size() {
                    let next = entries.last().map(|account| account.id.id.to_string());
                    return Ok(Page { entries, next });
                }
                entries.push(view(&state, &moment));
            }
        }
    }
}

impl Registry for RedisLedger {
    fn create<'a>(
        &'a self,
        account: &'a NewAccount,
    ) -> BoxFuture<'a, Result<Account, RegistryError>> {
        Box::pin(self.found(account))
    }

    fn account<'a>(
        &'a self,
        id: &'a AccountId,
    ) -> BoxFuture<'a, Result<Option<Account>, RegistryError>> {
        Box::pin(async move {
            let found = self.read_account(id).await?;
            Ok(found.map(|state| view(&state, &script::moment(&self.options))))
        })
    }

    fn together<'a>(
        &'a self,
        ids: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Vec<Option<Account>>, RegistryError>> {
        Box::pin(async move {
            let (states, faults) = self.read_accounts(ids).await?;
            if let Some(fault) = faults.into_iter().next() {
                return Err(fault.into());
            }
            let moment = script::moment(&self.options);
            let found = |id: &AccountId| states.iter().find(|state| state.id == *id);
            Ok(ids.iter().map(|id| found(id).map(|state| view(state, &moment))).collect())
        })
    }

    fn accounts<'a>(
        &'a self,
        kind: AccountKind,
        filter: &'a ListFilter,
    ) -> BoxFuture<'a, Result<Page<Account>, RegistryError>> {
        Box::pin(self.list(kind, filter))
    }

    fn change<'a>(
        &'a self,
        id: &'a AccountId,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        Box::pin(async move {
            let first = self.existing(id).await?;
            let defaults = &self.options.default_user_limits;
            let (old, change) = match admin::destination(&first, change, defaults)? {
                Some(to) => {
                    self.relocate(&first, to).await?;
                    (self.existing(id).await?, Change { revision: None, ..change.clone() })
                }
                None => (first.clone(), change.clone()),
            };
            let (mut new, moment) = (old.clone(), script::moment(&self.options));
            admin::change(&mut new, &change, defaults, moment.now)?;
            self.write_change_if(&old, &new, change.revision.is_some()).await?;
            if id.kind == AccountKind::User && old.name != new.name {
                self.unrank(&id.id, &old.name, false).await?;
            }
            self.rank_account(id).await;
            let now = self.existing(id).await?;
            Ok((view(&first, &moment), view(&now, &moment)))
        })
    }

    fn delete<'a>(&'a self, id: &'a AccountId) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(async move {
            let mut removed = self.remove(id).await;
            for _ in 1..DELETIONS {
                if !matches!(removed, Err(RegistryError::Changed(_))) {
                    break;
                }
                removed = self.remove(id).await;
            }
            self.news.changed_in(id, None);
            removed
        })
    }

    fn reset<'a>(
        &'a self,
        id: &'a AccountId,
        limit: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        Box::pin(async move {
            let old = self.existing(id).await?;
            let slot = admin::reset_slot(&old, limit)?;
            let names: Vec<String> = slot.iter().map(ToString::to_string).collect();
            let on = &self.connections.settlements;
            let key = [keys::account(id)];
            let call = self.scripts.reset.call(&self.options, &key, &names);
            let ran = self.scripts.reset.run::<()>(on, &call).await;
            self.news.changed_in(id, old.workspace.as_ref());
            ran?;
            self.rank_account(id).await;
            let moment = script::moment(&self.options);
            let now = self.existing(id).await?;
            Ok((view(&old, &moment), view(&now, &moment)))
        })
    }

    fn bump<'a>(
        &'a self,
        id: &'a AccountId,
        increase: &'a Increase,
        until: Option<UnixMs>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        Box::pin(async move {
            let old = self.existing(id).await?;
            let mut new = old.clone();
            let moment = self.moment(self.ledger_time().await?);
            new.raise(increase, until, &moment)?;
            self.write_change(&old, &new).await?;
            self.rank_account(id).await;
            let now = self.existing(id).await?;
            Ok((view(&old, &moment), view(&now, &moment)))
        })
    }

    fn events<'a>(
        &'a self,
        query: &'a EventQuery,
    ) -> BoxFuture<'a, Result<Page<UsageEvent>, RegistryError>> {
        Box::pin(self.read_events(query))
    }

    fn sums<'a>(
        &'a self,
        query: &'a SumQuery,
    ) -> BoxFuture<'a, Result<Vec<SumRow>, RegistryError>> {
        Box::pin(self.read_sums(query))
    }

    fn summed_since(&self) -> BoxFuture<'_, Result<SummedSince, RegistryError>> {
        Box::pin(async {
            let (now, first) = (self.ledger_time().await?, self.first_summed().await?);
            Ok(SummedSince::reckon(&self.options.rollups, now, first))
        })
    }

    fn event(&self, id: CallId) -> BoxFuture<'_, Result<Option<UsageEvent>, RegistryError>> {
        Box::pin(self.read_event(id))
    }

    fn report(&self, settlement: Settlement) -> BoxFuture<'_, Result<(), RegistryError>> {
        Box::pin(async {
            // Reports are repeated for longer than marks are kept; events tell of them then.
            if let Settlement::Post { event, .. } = &settlement
                && self.read_event(event.id).await?.is_some()
            {
                return Ok(());
            }
            settle_now(self, settlement).await
        })
    }

    fn define<'a>(
        &'a self,
        credentials: &'a [CredentialSetup],
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(self.set_up(credentials))
    }

    fn days<'a>(
        &'a self,
        credential: &'a Id,
        from: Date,
        to: Date,
    ) -> BoxFuture<'a, Result<Vec<CredentialDay>, RegistryError>> {
        Box::pin(self.read_days(credential, from, to))
    }

    fn decide(&self, only_look: bool) -> BoxFuture<'_, Result<Vec<Decided>, RegistryError>> {
        Box::pin(self.decide_all(only_look))
    }

    fn note<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(async { Ok(self.note_change(entry).await?) })
    }

    fn audit<'a>(
        &'a self,
        query: &'a AuditQuery,
    ) -> BoxFuture<'a, Result<Page<AuditEntry>, RegistryError>> {
        Box::pin(self.read_audit(query))
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verification, RegistryError>> {
        Box::pin(self.check())
    }
}
