//! The named figures of a quota status, and its word. Pure.
//!
//! Invariants: a figure is that of the tightest limit of its meter and window. Figures of several
//! members are added up; their limits are, too, where all have the same, and null where they differ.

use super::super::view;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::control::Defaults;
use crate::ids::AccountId;
use crate::ledger::{Account, AccountStatus, Standing};
use crate::limit::{Meter, Status, Window};
use crate::money::NanoUsd;
use serde_json::{Value, json};

/// A figure that a status has, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name {
    field: &'static str,
    pub(super) meter: Meter,
    /// `None`: any.
    pub(super) window: Option<Window>,
}

pub(super) const NAMES: [Name; 4] = [
    Name { field: "requests_per_minute", meter: Meter::Requests, window: Some(Window::Minute) },
    Name { field: "requests_per_day", meter: Meter::Requests, window: Some(Window::Day) },
    Name { field: "tokens_per_minute", meter: Meter::Tokens, window: Some(Window::Minute) },
    Name { field: "budget", meter: Meter::Usd, window: None },
];

/// Accounts whose limits hold together: those that one call is charged to.
#[derive(Debug)]
pub(in crate::control) struct Member {
    /// All of them, in the order in which limits are checked.
    pub(super) accounts: Vec<Account>,
    /// The limits of so many of them, from the first on, have figures.
    pub(super) named: usize,
    /// Whose figures are shown where there is no limit.
    pub(super) owner: AccountId,
    /// What that account spent this month.
    pub(super) month: NanoUsd,
}

/// How much is used of what.
#[derive(Debug)]
struct Figure {
    meter: Meter,
    current: i64,
    bound: Option<Bound>,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    allowed: i64,
    remaining: i64,
    resets: Option<UnixMs>,
}

impl Member {
    /// All its limits.
    pub(super) fn standings(&self) -> impl Iterator<Item = (&Account, &Standing)> {
        self.accounts.iter().flat_map(|account| account.standings.iter().map(move |s| (account, s)))
    }

    /// The tightest limit with this name.
    fn tightest(&self, name: &Name) -> Option<&Standing> {
        let named = |standing: &&Standing| {
            let limit = &standing.limit;
            let window = name.window.is_none() || limit.window == name.window;
            limit.meter == name.meter && window && limit.models.is_none()
        };
        let accounts = self.accounts.iter().take(self.named);
        view::fullest(accounts.flat_map(|account| &account.standings).filter(named))
    }

    /// Whether a figure needs sums that no limit has.
    pub(super) fn lacks_a_count(&self) -> bool {
        let counts = NAMES.iter().filter(|name| name.meter != Meter::Usd);
        counts.into_iter().any(|name| self.tightest(name).is_none())
    }
}

impl Figure {
    fn of(name: &Name, members: &[Member], counted: &dyn Fn(&AccountId, &Name) -> i64) -> Self {
        let meter = name.meter;
        let found: Vec<Option<&Standing>> = members.iter().map(|m| m.tightest(name)).collect();
        if let Some(bound) = common(&found) {
            let used = found.iter().flatten().map(|standing| standing.used);
            return Self { meter, current: sum(used), bound: Some(bound) };
        }
        let current = members.iter().zip(found).map(|(member, standing)| match (meter, standing) {
            (Meter::Usd, _) => member.month.get(),
            (_, Some(standing)) => standing.used,
            (_, None) => counted(&member.owner, name),
        });
        Self { meter, current: sum(current), bound: None }
    }

    fn shown(&self) -> Value {
        let Self { meter, current, bound } = *self;
        let amount = |n: i64| view::amount(meter, n);
        json!({
            "current": amount(current),
            "limit": bound.map(|bound| amount(bound.allowed)),
            "percentage": bound.map(|bound| view::percent(current, bound.allowed)),
            "remaining": bound.map(|bound| amount(bound.remaining)),
            "resets_at": bound.and_then(|bound| bound.resets).map(rfc3339_seconds),
        })
    }
}

fn sum(numbers: impl Iterator<Item = i64>) -> i64 {
    numbers.fold(0, i64::saturating_add)
}

/// What all members have, added up; nothing where they differ.
fn common(found: &[Option<&Standing>]) -> Option<Bound> {
    let all: Vec<&Standing> = found.iter().copied().collect::<Option<_>>()?;
    let (first, rest) = all.split_first()?;
    let same = |other: &&Standing| {
        (other.allowed(), other.limit.window) == (first.allowed(), first.limit.window)
    };
    rest.iter().all(same).then(|| Bound {
        allowed: sum(all.iter().map(|standing| standing.allowed())),
        remaining: sum(all.iter().map(|standing| standing.remaining())),
        resets: all.iter().filter_map(|standing| standing.resets).min(),
    })
}

/// The `data` of a status.
pub(super) fn status(
    members: &[Member],
    word: Status,
    counted: &dyn Fn(&AccountId, &Name) -> i64,
) -> Value {
    let mut data = json!({"status": word.as_str()});
    for name in &NAMES {
        data[name.field] = Figure::of(name, members, counted).shown();
    }
    data
}

/// The gravest word of all accounts and limits.
pub(super) fn word(members: &[Member], defaults: &Defaults, degraded: bool) -> Status {
    let outage = if degraded { Status::Degraded } else { Status::Normal };
    let accounts = members.iter().flat_map(|member| &member.accounts);
    accounts.map(|account| of_account(account, defaults)).max().unwrap_or(outage).max(outage)
}

fn of_account(account: &Account, defaults: &Defaults) -> Status {
    if account.status != AccountStatus::Active {
        return Status::Suspended;
    }
    let of = |standing: &Standing| of_limit(account, standing, defaults);
    account.standings.iter().map(of).max().unwrap_or(Status::Normal)
}

/// The word for one limit of an account.
pub(super) fn of_limit(account: &Account, standing: &Standing, defaults: &Defaults) -> Status {
    let thresholds = view::thresholds(account, defaults);
    Status::of(standing.limit.meter, standing.used, standing.allowed(), thresholds)
}
