//! Administration of the embedded ledger, and reading its history.

use super::super::admin;
use super::super::aside::Decided;
use super::super::attempt::{CredentialDay, CredentialSetup};
use super::super::audit::{AuditEntry, AuditQuery, Reading};
use super::super::book::{Book, view};
use super::super::order::{Settlement, Unavailable, UsageEvent};
use super::super::registry::{
    Account, Change, EventQuery, ListFilter, NewAccount, Page, Registry, RegistryError,
    Verification, settle_now,
};
use super::super::rollup::Tier;
use super::super::sums::{SumQuery, SumRow, SummedSince};
use super::super::verify::{ByDay, Evidence, day_sums, verify};
use super::super::{BoxFuture, account::AccountState};
use super::entry::Entry;
use super::store::{Snapshot, StoreError};
use super::{EmbeddedLedger, Inner};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::limit::{Increase, Window};
use jiff::civil::Date;
use std::ops::Bound;
use std::sync::Arc;

impl EmbeddedLedger {
    /// Changes one account in place.
    fn alter(
        &self,
        id: &AccountId,
        alter: impl FnOnce(
            &mut AccountState,
            &super::super::moment::Moment,
        ) -> Result<(), RegistryError>,
    ) -> Result<(Account, Account), RegistryError> {
        let options = &self.inner.options;
        let mut state = self.inner.state.lock();
        let moment = state.moment(options);
        let old = state.book.accounts.get(id).ok_or_else(|| RegistryError::Missing(id.clone()))?;
        let before = view(old, &moment);
        let mut new = old.clone();
        alter(&mut new, &moment)?;
        let after = view(&new, &moment);
        state.admit(Entry::Put { now: moment.now, state: Box::new(new) }, options)?;
        drop(state);
        self.inner.news.changed_in(id, after.workspace.as_ref());
        self.writer.wake();
        Ok((before, after))
    }

    /// Moves a user where a change says so; the user before.
    fn relocate(&self, id: &AccountId, change: &Change) -> Result<Option<Account>, RegistryError> {
        let options = &self.inner.options;
        let mut state = self.inner.state.lock();
        let moment = state.moment(options);
        let old = state.book.accounts.get(id).ok_or_else(|| RegistryError::Missing(id.clone()))?;
        let Some(to) = admin::destination(old, change, &options.default_user_limits)? else {
            return Ok(None);
        };
        let workspace = AccountId::workspace(to);
        if !state.book.accounts.contains_key(&workspace) {
            return Err(RegistryError::Missing(workspace));
        }
        let before = view(old, &moment);
        let (now, user, workspace) = (moment.now, id.id.clone(), to.clone());
        state.admit(Entry::Relocate { now, user, workspace }, options)?;
        Ok(Some(before))
    }

    /// Reads the store, with everything written first, on a thread that may wait.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot, &Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        self.writer.flush().await?;
        let inner: Arc<Inner> = self.inner.clone();
        let task = tokio::task::spawn_blocking(move || read(&inner.store.snapshot()?, &inner));
        let read = task.await.map_err(|why| Unavailable(why.to_string()))?;
        read.map_err(|why| Unavailable(format!("the ledger's store cannot be read: {why}")).into())
    }
}

impl Registry for EmbeddedLedger {
    fn create<'a>(
        &'a self,
        account: &'a NewAccount,
    ) -> BoxFuture<'a, Result<Account, RegistryError>> {
        Box::pin(async move {
            let options = &self.inner.options;
            let parent = admin::parent(account)?;
            let mut state = self.inner.state.lock();
            let moment = state.moment(options);
            let above = match &parent {
                Some(id) => {
                    let found = state.book.accounts.get(id);
                    Some(found.ok_or_else(|| RegistryError::Missing(id.clone()))?)
                }
                None => None,
            };
            if state.book.accounts.contains_key(&account.id) {
                return Err(RegistryError::Exists(account.id.clone()));
            }
            let mut new = admin::found(account, above, &options.default_user_limits, moment.now)?;
            new.begin(&moment);
            let seen = view(&new, &moment);
            state.admit(Entry::Put { now: moment.now, state: Box::new(new) }, options)?;
            self.inner.news.moved(&account.id, account.workspace.as_ref());
            self.writer.wake();
            Ok(seen)
        })
    }

    fn account<'a>(
        &'a self,
        id: &'a AccountId,
    ) -> BoxFuture<'a, Result<Option<Account>, RegistryError>> {
        Box::pin(async move {
            let mut state = self.inner.state.lock();
            let moment = state.moment(&self.inner.options);
            Ok(state.book.accounts.get(id).map(|found| view(found, &moment)))
        })
    }

    fn together<'a>(
        &'a self,
        ids: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Vec<Option<Account>>, RegistryError>> {
        Box::pin(async move {
            let mut state = self.inner.state.lock();
            let moment = state.moment(&self.inner.options);
            let found = |id| state.book.accounts.get(id).map(|found| view(found, &moment));
            Ok(ids.iter().map(found).collect())
        })
    }

    fn accounts<'a>(
        &'a self,
        kind: AccountKind,
        filter: &'a ListFilter,
    ) -> BoxFuture<'a, Result<Page<Account>, RegistryError>> {
        Box::pin(async move {
            if filter.is_sorted(kind)? {
                return self.sorted(filter);
            }
            let after = filter.after_id()?;
            let mut state = self.inner.state.lock();
            let moment = state.moment(&self.inner.options);
            let mut entries: Vec<Account> = matching(&state.book, kind, filter, after.as_ref())
                .take(filter.page_size().saturating_add(1))
                .map(|found| view(found, &moment))
                .collect();
            let more = entries.len() > filter.page_size();
            entries.truncate(filter.page_size());
            let last = entries.last().filter(|_| more).map(|account| account.id.id.to_string());
            Ok(Page { entries, next: last })
        })
    }

    fn change<'a>(
        &'a self,
        id: &'a AccountId,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        Box::pin(async move {
            let moved = self.relocate(id, change)?;
            let defaults = &self.inner.options.default_user_limits;
            let revision = change.revision.clone().filter(|_| moved.is_none());
            let change = Change { revision, ..change.clone() };
            let (before, after) = self.alter(id, |state, moment| {
                state.begin(moment);
                admin::change(state, &change, defaults, moment.now)?;
                state.begin(moment);
                Ok(())
            })?;
            Ok((moved.unwrap_or(before), after))
        })
    }

    fn delete<'a>(&'a self, id: &'a AccountId) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(async move {
            let options = &self.inner.options;
            let mut state = self.inner.state.lock();
            if !state.book.accounts.contains_key(id) {
                return Err(RegistryError::Missing(id.clone()));
            }
            let in_use = id.kind == AccountKind::Workspace
                && state.book.accounts.values().any(|a| a.workspace.as_ref() == Some(&id.id));
            let used = id.kind == AccountKind::Credential
                && state.book.accounts.get(id).is_some_and(|account| account.open > 0);
            if in_use || used {
                return Err(RegistryError::InUse(id.clone()));
            }
            let now = state.moment(options).now;
            state.admit(Entry::Delete { now, id: id.clone() }, options)?;
            self.inner.news.changed_in(id, None);
            self.writer.wake();
            Ok(())
        })
    }

    fn reset<'a>(
        &'a self,
        id: &'a AccountId,
        limit: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        Box::pin(async move {
            self.alter(id, |state, moment| {
                let slot = admin::reset_slot(state, limit)?;
                state.reset(slot, moment);
                Ok(())
            })
        })
    }

    fn bump<'a>(
        &'a self,
        id: &'a AccountId,
        increase: &'a Increase,
        until: Option<UnixMs>,
    ) -> BoxFuture<'a, Result<(Account, Account), RegistryError>> {
        Box::pin(async move {
            self.alter(id, |state, moment| {
                state.begin(moment);
                state.raise(increase, until, moment)
            })
        })
    }

    fn events<'a>(
        &'a self,
        query: &'a EventQuery,
    ) -> BoxFuture<'a, Result<Page<UsageEvent>, RegistryError>> {
        Box::pin(async move {
            let query = query.clone();
            let below = query.cursor(u64::MAX)?;
            self.read(move |snapshot, _| page(snapshot, &query, below)).await
        })
    }

    fn sums<'a>(
        &'a self,
        query: &'a SumQuery,
    ) -> BoxFuture<'a, Result<Vec<SumRow>, RegistryError>> {
        Box::pin(async move {
            let query = query.clone();
            self.read(move |seen, inner| seen.sums(&query, &inner.options)).await?
        })
    }

    fn summed_since(&self) -> BoxFuture<'_, Result<SummedSince, RegistryError>> {
        let options = &self.inner.options;
        let since = SummedSince::reckon(&options.rollups, options.clock.now(), UnixMs::MIN);
        Box::pin(async move { Ok(since) })
    }

    fn event(&self, id: CallId) -> BoxFuture<'_, Result<Option<UsageEvent>, RegistryError>> {
        Box::pin(async move { self.read(move |snapshot, _| snapshot.event(&id)).await })
    }

    fn report(&self, settlement: Settlement) -> BoxFuture<'_, Result<(), RegistryError>> {
        Box::pin(settle_now(self, settlement))
    }

    fn define<'a>(
        &'a self,
        credentials: &'a [CredentialSetup],
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(async { self.set_up(credentials) })
    }

    fn days<'a>(
        &'a self,
        credential: &'a Id,
        from: Date,
        to: Date,
    ) -> BoxFuture<'a, Result<Vec<CredentialDay>, RegistryError>> {
        Box::pin(async move { Ok(self.read_days(credential, from, to)) })
    }

    /// Its log is applied before it opens: nothing is ever put aside.
    fn decide(&self, _: bool) -> BoxFuture<'_, Result<Vec<Decided>, RegistryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn note<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(async move {
            let options = &self.inner.options;
            let now = self.inner.state.lock().moment(options).now;
            let entry = Entry::Audit { now, entry: Box::new(entry.clone()) };
            self.inner.state.lock().admit(entry, options)?;
            self.writer.wake();
            Ok(())
        })
    }

    fn audit<'a>(
        &'a self,
        query: &'a AuditQuery,
    ) -> BoxFuture<'a, Result<Page<AuditEntry>, RegistryError>> {
        Box::pin(async move {
            let (query, below) = (query.clone(), query.place()?.unwrap_or(u64::MAX));
            self.read(move |snapshot, _| {
                let mut reading = Reading::new(&query);
                snapshot.audit(below, |number, entry| reading.take(number, entry))?;
                Ok(reading.page())
            })
            .await
        })
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verification, RegistryError>> {
        Box::pin(async move { self.read(check).await })
    }
}

/// Accounts of a kind by id.
pub(super) fn of_kind<'a>(
    book: &'a Book,
    kind: AccountKind,
    after: Option<&Id>,
) -> impl Iterator<Item = &'a AccountState> {
    let start = match after {
        Some(id) => Bound::Excluded(AccountId { kind, id: id.clone() }),
        // No id is before this one.
        None => "-".parse().map_or(Bound::Unbounded, |id| Bound::Included(AccountId { kind, id })),
    };
    let all = book.accounts.range((start, Bound::Unbounded)).map(|(_, state)| state);
    all.take_while(move |state| state.id.kind == kind)
}

fn matching<'a>(
    book: &'a Book,
    kind: AccountKind,
    filter: &'a ListFilter,
    after: Option<&Id>,
) -> impl Iterator<Item = &'a AccountState> {
    of_kind(book, kind, after)
        .filter(move |state| filter.wants(state.workspace.as_ref(), state.key.as_ref()))
}

fn page(
    snapshot: &Snapshot,
    query: &EventQuery,
    below: u64,
) -> Result<Page<UsageEvent>, StoreError> {
    let size = query.page_size();
    let mut entries = Vec::new();
    let below = match query.no_later() {
        Some(at) if below == u64::MAX => snapshot.events_before(at)?,
        _ => below,
    };
    let (mut next, mut last, mut read) = (None, below, 0_usize);
    snapshot.events(below, |number, event| {
        if query.too_old(&event) {
            return false;
        }
        let wanted = query.wants(&event);
        if query.read_enough(read) || (wanted && entries.len() == size) {
            next = Some(last.to_string());
            return false;
        }
        last = number;
        read = read.saturating_add(1);
        if wanted {
            entries.push(event);
        }
        true
    })?;
    Ok(Page { entries, next })
}

/// All from one view, so calls under way disturb nothing.
fn check(snapshot: &Snapshot, inner: &Inner) -> Result<Verification, StoreError> {
    let meta = snapshot.meta()?;
    let book = snapshot.book()?;
    let (mut count, mut cost) = (meta.dropped, meta.dropped_cost);
    let (calendar, now) = (&inner.options.calendar, inner.options.clock.now());
    let mut by_day = ByDay::default();
    if let Ok(rows) = snapshot.sums(&SumQuery::days(), &inner.options)? {
        by_day.sums(rows);
    }
    let mut oldest = 0;
    snapshot.events(u64::MAX, |_, event| {
        oldest = calendar.period(Window::Day, event.settled);
        by_day.event(oldest, (event.requests, event.cost.get()));
        count = count.saturating_add(event.requests);
        cost = cost.saturating_add(event.cost.get());
        true
    })?;
    by_day.after = inner.options.rollups.oldest(Tier::Day, calendar, now);
    if meta.dropped != 0 {
        by_day.after = by_day.after.max(oldest);
    }
    Ok(verify(&Evidence {
        accounts: &book.accounts,
        holds: book.holds.values().collect(),
        attempts: book.attempts.open.values().collect(),
        days: day_sums(book.attempts.days.iter().map(|(key, day)| (&key.credential, day))),
        days_since: inner.options.days_since(),
        deleted: book.deleted,
        events: Some((count, cost)),
        by_day,
        default_enforcement: inner.options.default_enforcement,
    }))
}
