//! What a key may know about itself: `GET /v1/key` and `/v1/organization/…` on the data listener.
//!
//! Invariant: keys of users cannot wear the ledger out. Few look through the events at the same
//! time, for a bounded time, and what was found is remembered while nothing new is charged.

use super::Defaults;
use super::mirror::{self, NoPage};
use super::view::{self, number};
use crate::clock::{Clock, UnixMs, rfc3339_seconds};
use crate::ids::{AccountId, Id};
use crate::ledger::{Account, EventQuery, Registry, RegistryError, Unavailable};
use crate::limit::{Calendar, Meter, Period, Window};
use crate::money::NanoUsd;
use axum::http::Uri;
use moka::sync::Cache;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const PAGE: usize = 1_000;
const MOST_PAGES: usize = 200;
const EIGHT_DAYS: i64 = 8 * 86_400_000;
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(10);
const REMEMBERED: Duration = Duration::from_secs(60);

/// Answers keys that ask about themselves.
pub struct SelfService {
    registry: Arc<dyn Registry>,
    clock: Clock,
    calendar: Calendar,
    defaults: Defaults,
    room: Semaphore,
    seen: Cache<Id, Seen>,
}

/// What was found of a key, while it has spent so much and the day lasts.
#[derive(Debug, Clone, Copy)]
struct Seen {
    total: NanoUsd,
    today: Period,
    recent: Recent,
}

impl SelfService {
    /// Shows the accounts of a registry.
    pub fn new(
        registry: Arc<dyn Registry>,
        clock: Clock,
        calendar: Calendar,
        defaults: Defaults,
    ) -> Self {
        let seen = Cache::builder().max_capacity(10_000).time_to_live(REMEMBERED).build();
        Self { registry, clock, calendar, defaults, room: Semaphore::new(AT_ONCE), seen }
    }

    /// The body of `GET /v1/key` for a key and its user; `None` where one of them is gone.
    pub async fn key(&self, key: &Id, user: &Id) -> Result<Option<Value>, RegistryError> {
        let key = self.registry.account(&AccountId::key(key)).await?;
        let user = self.registry.account(&AccountId::user(user)).await?;
        let (Some(key), Some(user)) = (key, user) else { return Ok(None) };
        let recent = self.recent(&key).await?;
        Ok(Some(key_view(&key, &user, recent, &self.defaults)))
    }

    /// The page at a path below `/v1/organization/`, of this user's calls.
    pub async fn organization(&self, uri: &Uri, user: &Id) -> Result<Value, NoPage> {
        let _place = self.room.acquire().await;
        let only = mirror::Only { user: Some(user), ..mirror::Only::default() };
        let (registry, now) = (&*self.registry, self.clock.now());
        let books = mirror::Books { registry, calendar: &self.calendar, now };
        let page = mirror::page(books, uri, only);
        let late = |_| Unavailable("its events take too long".to_owned()).into();
        tokio::time::timeout(PATIENCE, page)
            .await
            .map_err(|late_by| NoPage::Ledger(late(late_by)))?
    }

    /// What the key spent today and this week: the figures of its limits where it has limits for
    /// both, else the sum of its calls, of which at most 200,000 are read.
    async fn recent(&self, key: &Account) -> Result<Recent, RegistryError> {
        if let (Some(day), Some(week)) = (tracked(key, Window::Day), tracked(key, Window::Week)) {
            return Ok(Recent { day, week });
        }
        let (id, total) = (&key.id.id, key.total_usd);
        let now = self.clock.now();
        let today = self.calendar.period(Window::Day, now);
        if let Some(seen) = self.seen.get(id).filter(|s| s.total == total && s.today == today) {
            return Ok(seen.recent);
        }
        let summed = async {
            let _place = self.room.acquire().await;
            Recent::summed(id, &*self.registry, &self.calendar, now).await
        };
        let summed = tokio::time::timeout(PATIENCE, summed).await;
        let recent = summed.map_err(|_| Unavailable("its events take too long".to_owned()))??;
        self.seen.insert(id.clone(), Seen { total, today, recent });
        Ok(recent)
    }
}

/// What a key spent in the current day and week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Recent {
    day: NanoUsd,
    /// Since Monday.
    week: NanoUsd,
}

impl Recent {
    async fn summed(
        key: &Id,
        registry: &dyn Registry,
        calendar: &Calendar,
        now: UnixMs,
    ) -> Result<Self, RegistryError> {
        let same = |window, at| calendar.period(window, at) >= calendar.period(window, now);
        let mut query = EventQuery {
            since: Some(now.saturating_sub(EIGHT_DAYS)),
            key: Some(key.clone()),
            limit: PAGE,
            ..EventQuery::default()
        };
        let mut recent = Self::default();
        for _ in 0..MOST_PAGES {
            let page = registry.events(&query).await?;
            for event in page.entries.iter().filter(|event| same(Window::Week, event.settled)) {
                recent.week = recent.week.saturating_add(event.cost);
                if same(Window::Day, event.settled) {
                    recent.day = recent.day.saturating_add(event.cost);
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        Ok(recent)
    }
}

/// What is used of a dollar limit of that window, where there is one.
fn tracked(account: &Account, window: Window) -> Option<NanoUsd> {
    let of = |s: &&crate::ledger::Standing| {
        s.limit.meter == Meter::Usd && s.limit.window == Some(window) && s.limit.models.is_none()
    };
    account.standings.iter().find(of).map(|standing| NanoUsd::new(standing.used))
}

/// `usage*` are the key's own; `limit*` are those of the fullest dollar
/// limit of key and user; `limits` has the key's, then the user's. Dollars are numbers here, as in
/// the API whose shape this is.
fn key_view(key: &Account, user: &Account, recent: Recent, defaults: &Defaults) -> Value {
    let usd = |amount: NanoUsd| number(&amount.to_string());
    let standings = key.standings.iter().chain(&user.standings);
    let fullest = view::fullest_in_usd(standings);
    let facts = key.key.as_ref();
    let limits = [key, user].map(|account| own_limits(account, defaults)).concat();
    json!({"data": {
        "label": facts.map(|key| key.label.as_str()),
        "user": user.id.id,
        "workspace": user.workspace,
        "limit": fullest.map(|s| usd(NanoUsd::new(s.allowed()))),
        "limit_remaining": fullest.map(|s| usd(NanoUsd::new(s.remaining()))),
        "limit_reset": fullest.and_then(|s| s.resets).map(rfc3339_seconds),
        "usage": usd(key.total_usd),
        "usage_daily": usd(recent.day),
        "usage_weekly": usd(recent.week),
        "usage_monthly": usd(key.month_usd),
        "expires_at": facts.and_then(|key| key.expires).map(rfc3339_seconds),
        "limits": limits,
    }})
}

fn own_limits(account: &Account, defaults: &Defaults) -> Vec<Value> {
    let mut limits = match view::limits(account, defaults) {
        Value::Array(limits) => limits,
        _ => Vec::new(),
    };
    for limit in &mut limits {
        limit["account"] = account.id.to_string().into();
    }
    limits
}
