//! The sweep: what was raised and is over is ended, and what should have been raised is.
//!
//! Invariant: of all proxies of a ledger one sweeps in each interval; if that one dies, the next
//! interval has another.

use super::alerting::Alerting;
use super::facts::{self, Point};
use super::ruling::Marks;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{Account, ListFilter, Mark, RecordKind, When};
use std::collections::BTreeMap;
use std::time::Duration;

/// The name of the lease.
const LEASE: &str = "alert-sweep";
/// How many accounts are read at a time.
const AT_ONCE: usize = 200;
const KINDS: [AccountKind; 4] =
    [AccountKind::Workspace, AccountKind::User, AccountKind::Key, AccountKind::Credential];

impl Alerting {
    /// Sweeps for as long as it is not stopped.
    pub(super) async fn sweep_on(&self) {
        loop {
            let every = self.settings.load().check_every;
            if let Err(why) = self.check_own().await {
                tracing::warn!(%why, "rules about this proxy were not checked; they will be");
            }
            match self.elected(every).await {
                Ok(true) => {
                    if let Err(why) = self.sweep().await {
                        tracing::warn!(%why, "alerts were not checked; they will be");
                    }
                }
                Ok(false) => {}
                Err(why) => tracing::warn!(%why, "alerts were not checked; they will be"),
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Whether this proxy sweeps in this interval.
    async fn elected(&self, every: Duration) -> Result<bool, String> {
        let Ok(name) = LEASE.parse::<Id>() else { return Ok(false) };
        let ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        // A little less than the interval, so that the one who had it may have it again.
        let most = ms.saturating_mul(9).checked_div(10).unwrap_or(ms);
        let until = self.sources.clock.now().saturating_add(most);
        let put = self.sources.records.put(RecordKind::Lease, &name, "", Some(until), When::Absent);
        put.await.map_err(|why| why.to_string())
    }

    /// Looks at every mark and every account, once.
    pub async fn sweep(&self) -> Result<(), String> {
        let mut after: Option<String> = None;
        let mut of_rules = Marks::new();
        loop {
            let page = self.sources.outbox.all_marks(after.as_deref()).await;
            let page = page.map_err(|why| why.to_string())?;
            let mut marks = Vec::new();
            for (name, mark) in page.entries {
                match Point::parse(&name) {
                    Some(point) => marks.push((point, mark)),
                    None => {
                        of_rules.insert(name, mark);
                    }
                }
            }
            self.end_what_is_over(&marks).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for kind in KINDS {
            let mut filter = ListFilter { limit: AT_ONCE, ..ListFilter::default() };
            loop {
                let page = self.sources.registry.accounts(kind, &filter).await;
                let page = page.map_err(|why| why.to_string())?;
                self.raise_what_is_missing(&page.entries).await?;
                let Some(next) = page.next.and_then(|next| next.parse().ok()) else { break };
                filter.after = Some(next);
            }
        }
        self.check_rules(&of_rules).await
    }

    async fn end_what_is_over(&self, marks: &[(Point, Mark)]) -> Result<(), String> {
        let mut ids: Vec<AccountId> =
            marks.iter().map(|(point, _)| point.account.clone()).collect();
        ids.sort();
        ids.dedup();
        let mut accounts = BTreeMap::new();
        for some in ids.chunks(AT_ONCE) {
            let found = self.sources.registry.together(some).await;
            let found = found.map_err(|why| why.to_string())?;
            accounts.extend(some.iter().cloned().zip(found));
        }
        for (point, mark) in marks {
            match accounts.get(&point.account).and_then(Option::as_ref) {
                Some(account) => self.look_at(point, *mark, account).await?,
                None => self.forget(point, *mark).await?,
            }
        }
        Ok(())
    }

    async fn look_at(&self, point: &Point, mark: Mark, account: &Account) -> Result<(), String> {
        let now = self.sources.clock.now();
        let standing = facts::standing(account, &point.limit);
        let current =
            standing.and_then(|s| facts::period(&self.sources.calendar, s.limit.window, now));
        let over = match (standing, current) {
            (Some(_), Some(current)) if mark.period < current => true,
            (Some(_), Some(current)) if mark.period > current => false,
            (Some(standing), Some(_)) => !facts::reaches(standing, point.threshold),
            _ => true,
        };
        if mark.on && over {
            return self.end(point, mark, account).await;
        }
        if facts::is_spent(mark, current, now, self.renotify_ms()) {
            return self.forget(point, mark).await;
        }
        Ok(())
    }

    async fn forget(&self, point: &Point, mark: Mark) -> Result<(), String> {
        let forgotten = self.sources.outbox.forget_mark(&point.mark(), mark).await;
        forgotten.map_err(|why| why.to_string())
    }

    async fn raise_what_is_missing(&self, accounts: &[Account]) -> Result<(), String> {
        for account in accounts {
            let now = self.sources.clock.now();
            let thresholds = self.thresholds_of(account);
            let mut reached = Vec::new();
            for standing in &account.standings {
                let window = standing.limit.window;
                if let Some(period) = facts::period(&self.sources.calendar, window, now) {
                    reached.extend(facts::reached(standing, &thresholds, period));
                }
            }
            if reached.is_empty() {
                continue;
            }
            let names: Vec<_> = reached.iter().map(|crossing| Point::of(crossing).mark()).collect();
            let marks = self.sources.outbox.marks(&names).await.map_err(|why| why.to_string())?;
            let missing = reached.iter().zip(&marks).any(|(crossing, mark)| {
                !mark.is_some_and(|mark| mark.on && mark.period >= crossing.period)
            });
            if missing {
                self.raise_again(&account.id).await?;
            }
        }
        Ok(())
    }

    /// Raises what is missing of an account, which is read again after its marks.
    async fn raise_again(&self, id: &AccountId) -> Result<(), String> {
        let account = self.sources.registry.account(id).await.map_err(|why| why.to_string())?;
        let Some(account) = account else { return Ok(()) };
        let thresholds = self.thresholds_of(&account);
        let names: Vec<_> = account.standings.iter().map(|s| s.limit.name()).collect();
        for limit in names {
            for threshold in thresholds.as_slice() {
                let point =
                    Point { account: id.clone(), limit: limit.clone(), threshold: *threshold };
                let mark = self.mark(&point).await?;
                let account = self.sources.registry.account(id).await;
                let Some(account) = account.map_err(|why| why.to_string())? else { return Ok(()) };
                let Some(standing) = facts::standing(&account, &limit) else { continue };
                let (calendar, now) = (&self.sources.calendar, self.sources.clock.now());
                let Some(period) = facts::period(calendar, standing.limit.window, now) else {
                    continue;
                };
                let on = mark.is_some_and(|mark| mark.on && mark.period >= period);
                let all = facts::reached(standing, &thresholds, period);
                let crossing = all.into_iter().find(|c| c.threshold == *threshold);
                if let Some(crossing) = crossing.filter(|_| !on) {
                    self.raise(crossing, mark, &account).await?;
                }
            }
        }
        Ok(())
    }
}
