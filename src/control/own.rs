//! What a key may know about itself: the body of `GET /v1/key` on the data listener.

use super::Defaults;
use super::view::{self, number};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ids::Id;
use crate::ledger::{Account, EventQuery, Registry, RegistryError};
use crate::limit::{Calendar, Meter, Window};
use crate::money::NanoUsd;
use serde_json::{Value, json};

const PAGE: usize = 1_000;
const MOST_PAGES: usize = 200;
const EIGHT_DAYS: i64 = 8 * 86_400_000;

/// What a key spent in the current day and week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recent {
    /// Today.
    pub day: NanoUsd,
    /// Since Monday.
    pub week: NanoUsd,
}

impl Recent {
    /// The figures of `key`: those of its limits where it has limits for both windows, else the
    /// sum of its calls, of which at most 200,000 are read.
    pub async fn of(
        key: &Account,
        registry: &dyn Registry,
        calendar: &Calendar,
        now: UnixMs,
    ) -> Result<Self, RegistryError> {
        match (tracked(key, Window::Day), tracked(key, Window::Week)) {
            (Some(day), Some(week)) => Ok(Self { day, week }),
            _ => Self::summed(&key.id.id, registry, calendar, now).await,
        }
    }

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
        s.limit.meter == Meter::Usd && s.limit.window == Some(window)
    };
    account.standings.iter().find(of).map(|standing| NanoUsd::new(standing.used))
}

/// The body of `GET /v1/key`. `usage*` are the key's own; `limit*` are those of the fullest dollar
/// limit of key and user; `limits` has the key's, then the user's. Dollars are numbers here, as in
/// the API whose shape this is.
pub fn key_view(key: &Account, user: &Account, recent: Recent, defaults: &Defaults) -> Value {
    let usd = |amount: NanoUsd| number(&amount.to_string());
    let standings = key.standings.iter().chain(&user.standings);
    let fullest = view::fullest_in_usd(standings);
    let facts = key.key.as_ref();
    let limits = [key, user].map(|account| own_limits(account, defaults)).concat();
    json!({"data": {
        "label": facts.map(|key| key.label.as_str()),
        "user": user.id.id,
        "workspace": user.workspace,
        "limit": fullest.map(|s| usd(NanoUsd::new(s.limit.amount))),
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
