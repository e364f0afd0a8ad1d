//! Requests and tokens of the current minute and day where no limit counts them: summed from the
//! settled calls, for all accounts at once.
//!
//! Invariants: what was summed is looked up for a second; then only newer calls are read. A reading
//! that breaks off changes nothing. At most [`MOST_EVENTS`] calls are read at a time, the newest
//! first, and at most [`MOST_ACCOUNTS`] accounts are kept: what is beyond that is not counted.

use super::figure::Name;
use crate::clock::{Clock, UnixMs};
use crate::ids::{AccountId, CallId};
use crate::ledger::{EventQuery, Registry, RegistryError, Unavailable, UsageEvent};
use crate::limit::{Calendar, Meter, Period, Window};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Mutex;

const MOST_EVENTS: usize = 200_000;
const MOST_ACCOUNTS: usize = 100_000;
const FIRST_PAGE: usize = 50;
const PAGE: usize = 1_000;
const REMEMBERED_MS: i64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// The sums.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Sums>);

#[derive(Debug, Default)]
pub(super) struct Sums {
    read: Option<UnixMs>,
    /// The newest call that is counted, and when it was settled.
    newest: Option<(CallId, UnixMs)>,
    day: Period,
    counts: HashMap<AccountId, Counts>,
}

/// Of one account.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    minute: Count,
    day: Count,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    period: Period,
    requests: i64,
    tokens: i64,
}

impl Count {
    fn add(&mut self, period: Period, event: &UsageEvent) {
        if period > self.period {
            *self = Self { period, requests: 0, tokens: 0 };
        }
        if period == self.period {
            let tokens = i64::try_from(event.usage.total_tokens()).unwrap_or(i64::MAX);
            self.requests = self.requests.saturating_add(event.requests);
            self.tokens = self.tokens.saturating_add(tokens);
        }
    }
}

impl Tally {
    /// The figures of some accounts, in the order asked for. Waits for the reading of others.
    pub(super) async fn counts(
        &self,
        registry: &dyn Registry,
        (clock, calendar): (&Clock, &Calendar),
        wanted: &[(AccountId, Name)],
    ) -> Result<Vec<i64>, RegistryError> {
        let late = |_| Unavailable("its events take too long".to_owned());
        let mut sums = tokio::time::timeout(PATIENCE, self.0.lock()).await.map_err(late)?;
        let now = clock.now();
        let fresh = |at: UnixMs| (0..REMEMBERED_MS).contains(&now.saturating_sub(at));
        if !sums.read.is_some_and(fresh) {
            let read = read_new(registry, &sums, (now, calendar));
            let found = tokio::time::timeout(PATIENCE, read).await.map_err(late)??;
            sums.take(found, (now, calendar));
        }
        let figure =
            |(account, name): &(AccountId, Name)| sums.figure(account, name, now, calendar);
        Ok(wanted.iter().map(figure).collect())
    }
}

/// Today's calls that are not counted yet, the newest first.
async fn read_new(
    registry: &dyn Registry,
    sums: &Sums,
    (now, calendar): (UnixMs, &Calendar),
) -> Result<Vec<UsageEvent>, RegistryError> {
    let since = calendar.begins(Window::Day, now);
    let mut query = EventQuery { since, limit: FIRST_PAGE, ..EventQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = registry.events(&query).await?;
        for event in page.entries {
            let known = |(id, settled): (CallId, UnixMs)| event.id == id || event.settled < settled;
            if sums.newest.is_some_and(known) || found.len() >= MOST_EVENTS {
                return Ok(found);
            }
            found.push(event);
        }
        match page.next {
            Some(next) => (query.after, query.limit) = (Some(next), PAGE),
            None => return Ok(found),
        }
    }
}

impl Sums {
    fn take(&mut self, found: Vec<UsageEvent>, (now, calendar): (UnixMs, &Calendar)) {
        let today = calendar.period(Window::Day, now);
        if self.day != today {
            self.counts.clear();
            self.day = today;
        }
        for event in &found {
            let minute = calendar.period(Window::Minute, event.settled);
            let day = calendar.period(Window::Day, event.settled);
            let payers = &event.payers;
            for account in [AccountId::user(&payers.user), AccountId::workspace(&payers.workspace)]
            {
                if self.counts.len() >= MOST_ACCOUNTS && !self.counts.contains_key(&account) {
                    continue;
                }
                let counts = self.counts.entry(account).or_default();
                counts.minute.add(minute, event);
                counts.day.add(day, event);
            }
        }
        if let Some(newest) = found.first() {
            self.newest = Some((newest.id, newest.settled));
        }
        self.read = Some(now);
    }

    fn figure(&self, account: &AccountId, name: &Name, now: UnixMs, calendar: &Calendar) -> i64 {
        let Some(counts) = self.counts.get(account) else { return 0 };
        let (window, count) = match name.window {
            Some(Window::Minute) => (Window::Minute, counts.minute),
            _ => (Window::Day, counts.day),
        };
        match name.meter {
            _ if count.period != calendar.period(window, now) => 0,
            Meter::Tokens => count.tokens,
            _ => count.requests,
        }
    }
}
