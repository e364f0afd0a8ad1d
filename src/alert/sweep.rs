//! The sweep: what was raised and is over is ended, and what should have been raised is.
//!
//! Every account is read once, together with the marks of its limits. What looks missing or over is
//! then read again, the mark first. Marks of accounts, limits and thresholds that are gone are found
//! by a walk over all marks, some pages in each sweep.
//!
//! Invariant: of all proxies of a ledger one sweeps at a time; if that one dies, another one does
//! after [`WHILE_SWEEPING`] or the rest of the interval.

use super::alerting::Alerting;
use super::facts::{self, Point};
use super::ruling::Judged;
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use crate::ledger::{Account, ListFilter, Mark, RecordKind, When};
use crate::telemetry::names;
use std::collections::BTreeMap;
use std::time::Duration;

/// The name of the lease.
const LEASE: &str = "alert-sweep";
/// For how long the lease is taken while a sweep is under way; each page takes it again.
const WHILE_SWEEPING: i64 = 30_000;
/// For how long while rules are checked, one of which may check the whole ledger.
const WHILE_CHECKING: i64 = 180_000;
/// How many accounts are read at a time.
const AT_ONCE: usize = 200;
/// How many pages of marks one sweep looks at; the next one goes on from there.
const PAGES_OF_MARKS: usize = 4;
const KINDS: [AccountKind; 4] =
    [AccountKind::Workspace, AccountKind::User, AccountKind::Key, AccountKind::Credential];

/// Accounts were checked, here or by another proxy.
fn watched(at: UnixMs) {
    let seconds = u32::try_from(at.div_euclid(1000)).unwrap_or(u32::MAX);
    metrics::gauge!(names::ALERT_CHECK).set(seconds);
}

/// The right of one proxy to sweep.
struct Turn {
    name: Id,
    /// Tells it from the others'.
    own: String,
}

impl Alerting {
    /// Sweeps for as long as it is not stopped.
    pub(super) async fn sweep_on(&self) {
        let Ok(name) = LEASE.parse::<Id>() else { return };
        let turn = Turn { name, own: CallId::new().to_string() };
        loop {
            let every = self.settings.load().check_every;
            if let Err(why) = self.check_own().await {
                tracing::warn!(%why, "rules about this proxy were not checked; they will be");
            }
            if let Err(why) = self.sweep_once(&turn, every).await {
                tracing::warn!(%why, "alerts were not checked; they will be");
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Sweeps unless another proxy does, or did in this interval.
    async fn sweep_once(&self, turn: &Turn, every: Duration) -> Result<(), String> {
        let begun = self.sources.clock.now();
        if !self.take(turn, begun.saturating_add(WHILE_SWEEPING), When::Absent).await? {
            watched(begun);
            return Ok(());
        }
        self.sweep_as(Some(turn)).await?;
        watched(self.sources.clock.now());
        let ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        // A little less than the interval, so that the one who had it may have it again.
        let most = ms.saturating_mul(9).checked_div(10).unwrap_or(ms);
        let until = begun.saturating_add(most).max(self.sources.clock.now().saturating_add(1));
        self.take(turn, until, When::Is(&turn.own)).await.map(|_| ())
    }

    async fn take(&self, turn: &Turn, until: UnixMs, when: When<'_>) -> Result<bool, String> {
        let records = &self.sources.records;
        let taken = records.put(RecordKind::Lease, &turn.name, &turn.own, Some(until), when);
        taken.await.map_err(|why| why.to_string())
    }

    /// Looks at every account, and at the next marks, once.
    pub async fn sweep(&self) -> Result<(), String> {
        self.sweep_as(None).await
    }

    async fn sweep_as(&self, turn: Option<&Turn>) -> Result<(), String> {
        for kind in KINDS {
            let mut filter = ListFilter { limit: AT_ONCE, ..ListFilter::default() };
            loop {
                let page = self.sources.registry.accounts(kind, &filter).await;
                let page = page.map_err(|why| why.to_string())?;
                self.look_at_all(&page.entries).await?;
                if !self.goes_on(turn, WHILE_SWEEPING).await? {
                    return Ok(());
                }
                let Some(next) = page.next else { break };
                filter.after = Some(next);
            }
        }
        if !self.goes_on(turn, WHILE_CHECKING).await? {
            return Ok(());
        }
        let judged = self.check_rules().await?;
        // What another proxy raised meanwhile was not judged here.
        match self.goes_on(turn, WHILE_SWEEPING).await? {
            true => self.walk_marks(&judged).await,
            false => Ok(()),
        }
    }

    /// Whether the turn is still this proxy's; it has it for so long again.
    async fn goes_on(&self, turn: Option<&Turn>, ms: i64) -> Result<bool, String> {
        let Some(turn) = turn else { return Ok(true) };
        let until = self.sources.clock.now().saturating_add(ms);
        self.take(turn, until, When::Is(&turn.own)).await
    }

    /// Accounts with the marks of their limits: looks closer at those that do not fit each other.
    async fn look_at_all(&self, accounts: &[Account]) -> Result<(), String> {
        let points: Vec<Vec<Point>> = accounts.iter().map(|account| self.points(account)).collect();
        let names: Vec<String> = points.iter().flatten().map(Point::mark).collect();
        let marks = self.sources.outbox.marks(&names).await.map_err(|why| why.to_string())?;
        let mut marks = marks.into_iter();
        for (account, points) in accounts.iter().zip(&points) {
            let own: Vec<Option<Mark>> = marks.by_ref().take(points.len()).collect();
            let odd = |(point, mark): (&Point, &Option<Mark>)| self.is_odd(point, *mark, account);
            if points.iter().zip(&own).any(odd) {
                self.look_closer(&account.id).await?;
            }
        }
        Ok(())
    }

    /// Each threshold of each limit.
    pub(super) fn points(&self, account: &Account) -> Vec<Point> {
        let thresholds = self.thresholds_of(account);
        let limits = account.standings.iter().map(|standing| standing.limit.name());
        let each = limits.flat_map(|limit| {
            let all = thresholds.as_slice().iter();
            let all = all.map(|threshold| Point {
                account: account.id.clone(),
                limit: limit.clone(),
                threshold: *threshold,
            });
            all.collect::<Vec<_>>()
        });
        each.collect()
    }

    /// Whether something is to be raised, ended or forgotten.
    fn is_odd(&self, point: &Point, mark: Option<Mark>, account: &Account) -> bool {
        let Some(standing) = facts::standing(account, &point.limit) else { return false };
        let now = self.sources.clock.now();
        let current = facts::period(&self.sources.calendar, standing.limit.window, now);
        let reached = facts::reaches(standing, point.threshold);
        match (mark, current) {
            (None, current) => reached && current.is_some(),
            (Some(mark), None) => mark.on,
            (Some(mark), Some(period)) => {
                let on = mark.on && mark.period >= period;
                (reached && !on)
                    || facts::is_over(mark, Some(period), reached)
                    || facts::is_spent(mark, current, now, self.renotify_ms())
            }
        }
    }

    /// Raises what is missing of an account, and ends and forgets what is over, of what its marks
    /// are and what it is after they were read.
    async fn look_closer(&self, id: &AccountId) -> Result<(), String> {
        let Some(account) = self.account(id).await? else { return Ok(()) };
        let points = self.points(&account);
        let names: Vec<String> = points.iter().map(Point::mark).collect();
        let marks = self.sources.outbox.marks(&names).await.map_err(|why| why.to_string())?;
        let Some(account) = self.account(id).await? else { return Ok(()) };
        let thresholds = self.thresholds_of(&account);
        for (point, mark) in points.iter().zip(marks) {
            let standing = facts::standing(&account, &point.limit);
            let (calendar, now) = (&self.sources.calendar, self.sources.clock.now());
            let missing = standing.and_then(|standing| {
                let period = facts::period(calendar, standing.limit.window, now)?;
                let on = mark.is_some_and(|mark| mark.on && mark.period >= period);
                let mut all = facts::reached(standing, &thresholds, period).into_iter();
                all.find(|crossing| crossing.threshold == point.threshold && !on)
            });
            match (missing, mark) {
                (Some(crossing), mark) => self.raise(crossing, mark, &account).await?,
                (None, Some(mark)) => self.look_at(point, mark, &account).await?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Looks at the next marks, those of accounts, limits and thresholds that are gone too.
    async fn walk_marks(&self, judged: &Judged) -> Result<(), String> {
        for _ in 0..PAGES_OF_MARKS {
            let after = self.walked.lock().clone();
            let page = self.sources.outbox.all_marks(after.as_deref()).await;
            let page = page.map_err(|why| why.to_string())?;
            let mut marks = Vec::new();
            for (name, mark) in page.entries {
                match Point::parse(&name) {
                    Some(point) => marks.push((point, mark)),
                    None => self.look_at_rule(&name, mark, judged).await?,
                }
            }
            self.end_what_is_over(&marks).await?;
            let through = page.next.is_none();
            *self.walked.lock() = page.next;
            if through {
                break;
            }
        }
        Ok(())
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

    /// Ends or forgets a mark that was read before the account was.
    async fn look_at(&self, point: &Point, mark: Mark, account: &Account) -> Result<(), String> {
        let now = self.sources.clock.now();
        let standing = facts::standing(account, &point.limit);
        let current =
            standing.and_then(|s| facts::period(&self.sources.calendar, s.limit.window, now));
        let reached = standing.is_some_and(|s| facts::reaches(s, point.threshold));
        if facts::is_over(mark, current, reached) {
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
}
