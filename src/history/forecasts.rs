//! Forecasts of the ledger's accounts: their hours from the sums, their limits as they stand.
//!
//! Invariants: work and memory are bounded by the page of accounts that is asked about and by eight
//! weeks of hours; where the ledger has too many groups for one question, it is asked in parts. Of
//! several limits in dollars, that is told of which is reached first, else the one that is nearest to
//! it.

use super::forecast::{Backtest, Method, Outlook, Question, Spent, Tested, backtest, outlook};
use crate::clock::{Clock, UnixMs};
use crate::ids::{AccountId, AccountKind};
use crate::ledger::{
    Account, Dimension, Registry, RegistryError, Standing, SumQuery, SumRow, Tier,
};
use crate::limit::{Calendar, Limit, Meter, Window};
use crate::money::NanoUsd;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// What is learned from.
const LEARNED: i64 = 56 * DAY;
/// For how long hours are kept where nobody says otherwise.
const KEPT: i64 = 90 * DAY;
/// How much is asked for at a time, of many accounts.
const AT_ONCE: i64 = 7 * DAY;

/// What an account will have spent when its period ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Whose.
    pub account: AccountId,
    /// The limit that it is about; `None`: the account has none in dollars, and it is about the month.
    pub limit: Option<Limit>,
    /// What that limit allows now.
    pub allowed: Option<NanoUsd>,
    /// The window.
    pub window: Window,
    /// What was used in the period.
    pub used: NanoUsd,
    /// What will have been used when the period ends, whether it is allowed or not.
    pub projected: NanoUsd,
    /// In one of ten cases it is less.
    pub low: NanoUsd,
    /// In one of ten cases it is more.
    pub high: NanoUsd,
    /// When the limit will be reached; now, where it is; `None`: not in this period.
    pub exhausts: Option<UnixMs>,
    /// When the period ends; `None`: it does not, the window rolls or is `total`.
    pub ends: Option<UnixMs>,
    /// How it was found.
    pub method: Method,
}

/// How an account's forecasts were in the past.
#[derive(Debug, Clone)]
pub struct Review {
    /// The limit that was asked about, as it is today.
    pub limit: Option<Limit>,
    /// The window.
    pub window: Window,
    /// How they were.
    pub result: Backtest,
}

/// Hours of accounts.
type Past = BTreeMap<AccountId, Vec<Spent>>;

/// Makes forecasts.
#[derive(Clone)]
pub struct Forecasts {
    registry: Arc<dyn Registry>,
    calendar: Calendar,
    clock: Clock,
}

impl Forecasts {
    /// Over a ledger; `calendar` has its time zone.
    pub fn new(registry: Arc<dyn Registry>, calendar: Calendar, clock: Clock) -> Self {
        Self { registry, calendar, clock }
    }

    /// The forecast of an account; `None`: there is no such account.
    pub async fn of(&self, id: &AccountId) -> Result<Option<Forecast>, RegistryError> {
        let Some(account) = self.registry.account(id).await? else { return Ok(None) };
        Ok(self.of_all(std::slice::from_ref(&account)).await?.pop())
    }

    /// The forecasts of accounts, in their order.
    pub async fn of_all(&self, accounts: &[Account]) -> Result<Vec<Forecast>, RegistryError> {
        let now = self.clock.now();
        let past = self.past(accounts, now.saturating_sub(LEARNED), now).await?;
        Ok(accounts.iter().map(|account| self.forecast(account, &past, now)).collect())
    }

    /// The forecasts of an account since a time, beside what came.
    pub async fn review(&self, account: &Account, since: UnixMs) -> Result<Review, RegistryError> {
        let now = self.clock.now();
        let known = now.saturating_sub(KEPT);
        let past = self.past(std::slice::from_ref(account), known, now).await?;
        let Forecast { limit, allowed, window, .. } = self.forecast(account, &past, now);
        let tested = Tested {
            past: of(&past, account),
            known,
            since,
            now,
            calendar: &self.calendar,
            window,
            allowed: allowed.map(NanoUsd::get),
        };
        Ok(Review { limit, window, result: backtest(&tested) })
    }

    fn forecast(&self, account: &Account, past: &Past, now: UnixMs) -> Forecast {
        let of_window = |window: Window, used: i64, allowed: Option<i64>| {
            let past = of(past, account);
            let calendar = &self.calendar;
            outlook(&Question { past, now, calendar, window, used, allowed })
        };
        let told = |window: Window, standing: Option<&Standing>, used: i64| {
            let allowed = standing.map(Standing::allowed);
            let Outlook { projected, low, high, exhausts, method } =
                of_window(window, used, allowed);
            Forecast {
                account: account.id.clone(),
                limit: standing.map(|standing| standing.limit),
                allowed: allowed.map(NanoUsd::new),
                window,
                used: NanoUsd::new(used),
                projected: NanoUsd::new(projected),
                low: NanoUsd::new(low),
                high: NanoUsd::new(high),
                exhausts,
                ends: self.calendar.ends(window, now),
                method,
            }
        };
        let in_dollars = |standing: &&Standing| {
            standing.limit.meter == Meter::Usd && standing.limit.models.is_none()
        };
        let all = account.standings.iter().filter(in_dollars);
        let all = all.filter_map(|s| Some(told(s.limit.window?, Some(s), s.used)));
        all.min_by(sooner).unwrap_or_else(|| told(Window::Month, None, account.month_usd.get()))
    }

    /// The hours of accounts from one time to another; those without spend are missing.
    async fn past(
        &self,
        accounts: &[Account],
        from: UnixMs,
        until: UnixMs,
    ) -> Result<Past, RegistryError> {
        let mut past = Past::new();
        for kind in
            [AccountKind::Key, AccountKind::User, AccountKind::Workspace, AccountKind::Credential]
        {
            let ids = accounts.iter().map(|account| &account.id).filter(|id| id.kind == kind);
            let ids: Vec<&AccountId> = ids.collect();
            match ids.as_slice() {
                [] => {}
                [one] => self.read_one(one, (from, until), &mut past).await?,
                some => self.read_some(kind, some, (from, until), &mut past).await?,
            }
        }
        Ok(past)
    }

    async fn read_one(
        &self,
        id: &AccountId,
        (from, until): (UnixMs, UnixMs),
        past: &mut Past,
    ) -> Result<(), RegistryError> {
        let only = vec![(dimension(id.kind), id.id.to_string())];
        let query = SumQuery { tier: Tier::Hour, from, until, only, by: vec![Dimension::Period] };
        let rows = self.registry.sums(&query).await?;
        let hours = self.hours(from, until);
        let spent = |row: &SumRow| {
            let begins = *hours.get(row.names.first()?.as_str())?;
            Some(Spent { begins, nanos: row.sum.cost.get() })
        };
        let mut spent: Vec<Spent> = rows.iter().filter_map(spent).collect();
        spent.sort_by_key(|hour| hour.begins);
        past.insert(id.clone(), spent);
        Ok(())
    }

    /// All accounts of a kind are read, and those that are asked for are kept. The ledger refuses
    /// too many groups; less is asked for then.
    async fn read_some(
        &self,
        kind: AccountKind,
        ids: &[&AccountId],
        (from, until): (UnixMs, UnixMs),
        past: &mut Past,
    ) -> Result<(), RegistryError> {
        let hours = self.hours(from, until);
        let by_name: HashMap<&str, &AccountId> =
            ids.iter().map(|id| (id.id.as_str(), *id)).collect();
        let by = vec![dimension(kind), Dimension::Period];
        let (mut at, mut step) = (from, AT_ONCE);
        while at < until {
            let end = at.saturating_add(step).min(until);
            let query =
                SumQuery { tier: Tier::Hour, from: at, until: end, only: vec![], by: by.clone() };
            let rows = match self.registry.sums(&query).await {
                Err(RegistryError::Invalid(_)) if step > HOUR => {
                    step = (step / 2).div_euclid(HOUR).max(1).saturating_mul(HOUR);
                    continue;
                }
                rows => rows?,
            };
            for row in &rows {
                let [name, period] = row.names.as_slice() else { continue };
                let (id, begins) = (by_name.get(name.as_str()), hours.get(period.as_str()));
                let (Some(id), Some(begins)) = (id, begins) else { continue };
                let nanos = row.sum.cost.get();
                past.entry((*id).clone()).or_default().push(Spent { begins: *begins, nanos });
            }
            at = end.div_euclid(HOUR).saturating_mul(HOUR).max(at.saturating_add(1));
            if end == until {
                break;
            }
        }
        for spent in past.values_mut() {
            spent.sort_by_key(|hour| hour.begins);
            spent.dedup_by_key(|hour| hour.begins);
        }
        Ok(())
    }

    /// When hours begin, by the id of their period.
    fn hours(&self, from: UnixMs, until: UnixMs) -> HashMap<String, UnixMs> {
        let first = from.div_euclid(HOUR).saturating_mul(HOUR);
        let all = std::iter::successors(Some(first), |at| at.checked_add(HOUR));
        let named = |at: UnixMs| (self.calendar.period(Window::Hour, at).to_string(), at);
        all.take_while(|at| *at < until).map(named).collect()
    }
}

fn of<'a>(past: &'a Past, account: &Account) -> &'a [Spent] {
    past.get(&account.id).map(Vec::as_slice).unwrap_or_default()
}

const fn dimension(kind: AccountKind) -> Dimension {
    match kind {
        AccountKind::Key => Dimension::Key,
        AccountKind::User => Dimension::User,
        AccountKind::Workspace => Dimension::Workspace,
        AccountKind::Credential => Dimension::Credential,
    }
}

/// Which limit is reached first; of those that are not, the one that is nearest to it.
fn sooner(one: &Forecast, other: &Forecast) -> std::cmp::Ordering {
    let at = |forecast: &Forecast| forecast.exhausts.unwrap_or(UnixMs::MAX);
    let part = |a: &Forecast, b: &Forecast| {
        let allowed = b.allowed.map_or(i128::MAX, |allowed| allowed.get().into());
        i128::from(a.projected.get()).saturating_mul(allowed)
    };
    at(one).cmp(&at(other)).then_with(|| part(other, one).cmp(&part(one, other)))
}
