//! Taking snapshots: at every interval one of each workspace, by one of all proxies of a ledger.
//!
//! Moments are the multiples of the interval since the epoch, so that all proxies have the same. The
//! figures are those of the minute, day and month that the moment ends or interrupts: at 12:05:00
//! the minute is that from 12:04:00 on, and at midnight the day is the one that ended.
//!
//! Invariants: who takes a moment's snapshots has its lease, of 15 seconds, and extends it while at
//! work; if it dies, another one goes on within that time, and what is there already stays. A moment
//! that nobody took in time is not made up for. Accounts are read a page at a time.

use crate::clock::{Clock, UnixMs};
use crate::ids::{AccountKind, Id};
use crate::ledger::{
    Account, AccountStatus, Dimension, ListFilter, RecordKind, Records, Registry, Snapshot,
    Snapshots, Standing, Sum, SumQuery, Tier, When,
};
use crate::limit::{Calendar, Status, Thresholds, Window};
use crate::telemetry::names;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a proxy that died keeps others from its work.
const LEASE_MS: i64 = 15_000;
/// So long after a moment its snapshots may still be taken: a lease, and time to notice.
const IN_TIME_MS: i64 = 30_000;
/// So long a moment is known to be done.
const KNOWN_MS: i64 = 45_000;
/// What was settled just before a moment is in the sums so long after it.
const SETTLED_MS: i64 = 1_000;
/// How often a proxy asks whether another one that is at work has died.
const ASK_MS: i64 = 2_000;
/// A clock may be set while this waits.
const LONGEST_WAIT_MS: i64 = 30_000;
/// How long the sums of the earlier days of a month are taken for true: corrections change them.
const EARLIER_MS: i64 = 3_600_000;
/// How many accounts are read at a time.
const AT_ONCE: usize = 200;
const DONE: &str = "done";

/// What snapshots are made of, and where they go.
#[derive(Clone)]
pub struct Sources {
    /// Accounts and sums.
    pub registry: Arc<dyn Registry>,
    /// Leases.
    pub records: Arc<dyn Records>,
    /// Where snapshots are kept.
    pub snapshots: Arc<dyn Snapshots>,
    /// The time.
    pub clock: Clock,
    /// The ledger's days and months.
    pub calendar: Calendar,
    /// The thresholds of workspaces that have none of their own.
    pub thresholds: Thresholds,
}

/// Takes snapshots, round after round.
pub struct Rounds {
    sources: Sources,
    every_ms: i64,
    /// Who this is, in leases.
    me: String,
    earlier: Mutex<Option<Earlier>>,
}

type Sums = HashMap<String, Sum>;

/// The sums of the days of a month before one of them.
struct Earlier {
    day: UnixMs,
    read: UnixMs,
    sums: Arc<Sums>,
}

/// The sums that the snapshots of a moment show.
struct Figures {
    minute: Sums,
    day: Sums,
    earlier: Arc<Sums>,
}

/// What became of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// This proxy took so many snapshots that were not there.
    Here(usize),
    /// It is done already.
    Done,
    /// Another proxy is at work.
    Elsewhere,
}

impl Rounds {
    /// Rounds at every multiple of `every`, which is at least a second.
    pub fn new(sources: Sources, every: Duration) -> Self {
        let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1_000);
        let me = uuid::Uuid::now_v7().to_string();
        Self { sources, every_ms, me, earlier: Mutex::default() }
    }

    /// Takes snapshots for as long as it is not stopped.
    pub async fn run(self) {
        let mut done = None;
        loop {
            let (now, at) = (self.sources.clock.now(), self.moment());
            let due = at.saturating_add(SETTLED_MS.min(self.every_ms / 2));
            let in_time = now < at.saturating_add(IN_TIME_MS);
            let mut wait = ASK_MS.min(self.every_ms);
            if now < due {
                wait = due.saturating_sub(now);
            } else if done == Some(at) || !in_time {
                wait = due.saturating_add(self.every_ms).saturating_sub(now);
            } else {
                match self.take(at).await {
                    Ok(Taken::Here(_) | Taken::Done) => {
                        done = Some(at);
                        continue;
                    }
                    Ok(Taken::Elsewhere) => {}
                    Err(why) => tracing::warn!(%why, "snapshots were not taken; trying again"),
                }
            }
            let wait = u64::try_from(wait.clamp(10, LONGEST_WAIT_MS)).unwrap_or(1_000);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }

    /// The last moment.
    pub fn moment(&self) -> UnixMs {
        let now = self.sources.clock.now();
        now.saturating_sub(now.rem_euclid(self.every_ms))
    }

    /// Takes the snapshots of a moment, unless another proxy does or did.
    pub async fn take(&self, at: UnixMs) -> Result<Taken, String> {
        let name = format!("snapshots-{at}").parse::<Id>().map_err(|why| why.to_string())?;
        if !self.lease(&name, &self.me, LEASE_MS, When::Absent).await? {
            let held = self.sources.records.get(RecordKind::Lease, &name).await;
            let held = held.map_err(|why| why.to_string())?;
            return match held.as_deref() {
                Some(DONE) => Ok(Taken::Done),
                Some(me) if *me == self.me => self.take_with(&name, at).await,
                _ => Ok(Taken::Elsewhere),
            };
        }
        self.take_with(&name, at).await
    }

    async fn take_with(&self, name: &Id, at: UnixMs) -> Result<Taken, String> {
        let figures = self.figures(at).await?;
        let mut filter = ListFilter { limit: AT_ONCE, ..ListFilter::default() };
        let mut new = 0;
        loop {
            if !self.lease(name, &self.me, LEASE_MS, When::Is(&self.me)).await? {
                return Ok(Taken::Elsewhere);
            }
            let page = self.sources.registry.accounts(AccountKind::Workspace, &filter).await;
            let page = page.map_err(|why| why.to_string())?;
            let shots: Vec<_> =
                page.entries.iter().map(|account| self.shot(at, account, &figures)).collect();
            let kept = self.sources.snapshots.keep(&shots).await;
            new += kept.map_err(|why| why.to_string())?;
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        self.lease(name, DONE, KNOWN_MS, When::Is(&self.me)).await?;
        metrics::counter!(names::SNAPSHOTS).increment(u64::try_from(new).unwrap_or(0));
        Ok(Taken::Here(new))
    }

    async fn lease(&self, name: &Id, text: &str, ms: i64, when: When<'_>) -> Result<bool, String> {
        let until = self.sources.clock.now().saturating_add(ms);
        let put = self.sources.records.put(RecordKind::Lease, name, text, Some(until), when).await;
        put.map_err(|why| why.to_string())
    }

    async fn figures(&self, at: UnixMs) -> Result<Figures, String> {
        let within = at.saturating_sub(1);
        let begins = |window| self.sources.calendar.begins(window, within).unwrap_or(within);
        let (day, month) = (begins(Window::Day), begins(Window::Month));
        Ok(Figures {
            minute: self.sums(Tier::Minute, within, at).await?,
            day: self.sums(Tier::Day, day, at).await?,
            earlier: self.earlier(month, day).await?,
        })
    }

    /// The sums of a month until one of its days.
    async fn earlier(&self, month: UnixMs, day: UnixMs) -> Result<Arc<Sums>, String> {
        let now = self.sources.clock.now();
        let mut kept = self.earlier.lock().await;
        let fresh = |one: &&Earlier| {
            one.day == day && (0..EARLIER_MS).contains(&now.saturating_sub(one.read))
        };
        if let Some(one) = kept.as_ref().filter(fresh) {
            return Ok(one.sums.clone());
        }
        let sums = Arc::new(self.sums(Tier::Day, month, day).await?);
        *kept = Some(Earlier { day, read: now, sums: sums.clone() });
        Ok(sums)
    }

    /// The sums of some periods by workspace.
    async fn sums(&self, tier: Tier, from: UnixMs, until: UnixMs) -> Result<Sums, String> {
        let by = vec![Dimension::Workspace];
        let query = SumQuery { tier, from, until, only: Vec::new(), by };
        let rows = self.sources.registry.sums(&query).await.map_err(|why| why.to_string())?;
        Ok(rows.into_iter().map(|row| (row.names.concat(), row.sum)).collect())
    }

    fn shot(&self, at: UnixMs, account: &Account, figures: &Figures) -> Snapshot {
        let of = |sums: &Sums| sums.get(account.id.id.as_str()).copied().unwrap_or_default();
        let (minute, day) = (of(&figures.minute), of(&figures.day));
        let month = of(&figures.earlier).plus(&day);
        Snapshot {
            workspace: account.id.id.clone(),
            at,
            every_ms: self.every_ms,
            minute_requests: minute.requests,
            day_requests: day.requests,
            day_failed: day.failed,
            month_tokens: month.tokens(),
            day_cost: day.cost,
            month_cost: month.cost,
            held: account.held_usd,
            status: self.status(account),
        }
    }

    /// The gravest word of a workspace's limits.
    fn status(&self, account: &Account) -> Status {
        if account.status != AccountStatus::Active {
            return Status::Suspended;
        }
        let thresholds = account.thresholds.as_ref().unwrap_or(&self.sources.thresholds);
        let of = |s: &Standing| Status::of(s.limit.meter, s.used, s.allowed(), thresholds);
        account.standings.iter().map(of).max().unwrap_or(Status::Normal)
    }
}
