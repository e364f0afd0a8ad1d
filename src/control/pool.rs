//! Credentials and their pools as JSON objects, and what the pools are told of the quotas. Pure.
//!
//! Invariants: figures of different meters or windows are never added up. A share lies between 0
//! and 1. A key is in no object.

use super::Defaults;
use super::view::{self, percent};
use crate::clock::{UnixMs, rfc3339, rfc3339_seconds};
use crate::config::CredentialTerms;
use crate::ledger::{Account, AccountStatus, CredentialDay, Standing};
use crate::limit::{Meter, Status, Thresholds, Window};
use crate::money::NanoUsd;
use crate::provider::{Condition, Provider, Quota, Spent, State};
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One credential with all that is known of it.
pub(super) struct Known<'a> {
    /// What the configuration says.
    pub(super) terms: &'a CredentialTerms,
    /// How it stands.
    pub(super) account: &'a Account,
    /// How the pool sees it.
    pub(super) condition: Condition,
    /// What applies where the account says nothing.
    pub(super) defaults: &'a Defaults,
    /// When a message of an alert about it was last made.
    pub(super) last_sent: Option<UnixMs>,
}

/// Which day's figures are shown.
pub(super) struct Shown<'a> {
    /// The day.
    pub(super) date: Date,
    /// Whether it is the current one.
    pub(super) today: bool,
    /// What was counted; `None`: nothing.
    pub(super) figures: Option<&'a CredentialDay>,
}

/// The object of a credential.
pub(super) fn credential(known: &Known<'_>, shown: &Shown<'_>) -> Value {
    let Known { terms, account, condition, defaults, last_sent } = known;
    let thresholds = thresholds(account, defaults);
    let quota = quota(terms, account, shown);
    let mut object = json!({
        "config_id": account.id.id,
        "provider_name": account.id.id,
        "provider": terms.provider,
        "status": word(account, condition.state, thresholds),
        "available_at": condition.until.map(rfc3339_seconds),
        "total_requests": account.total_requests,
        "successful_requests": account.total_requests.saturating_sub(account.failed_requests),
        "failed_requests": account.failed_requests,
        "total_tokens": account.total_tokens,
        "alert_threshold_percent": thresholds.as_slice().first(),
        "alert_triggered": account.standings.iter().any(|standing| alerts(standing, thresholds)),
        "last_updated": account.last.map(rfc3339),
        "last_alert_sent": last_sent.map(rfc3339),
        "metadata": terms.setup.metadata,
        "thresholds": thresholds,
        "limits": view::limits(account, defaults),
    });
    if let Some(object) = object.as_object_mut() {
        object.extend(quota);
        object.extend(figures(shown.date, shown.figures));
    }
    object
}

fn thresholds<'a>(account: &'a Account, defaults: &'a Defaults) -> &'a Thresholds {
    account.thresholds.as_ref().unwrap_or(&defaults.thresholds)
}

fn alerts(standing: &Standing, thresholds: &Thresholds) -> bool {
    let status = Status::of(standing.limit.meter, standing.used, standing.allowed(), thresholds);
    status > Status::Normal
}

/// The word for a credential: the pool's, unless that can use it; then how near its limits are.
pub fn word(account: &Account, state: State, thresholds: &Thresholds) -> &'static str {
    let spent = spent(account) != Spent::No || account.status != AccountStatus::Active;
    let state = if spent { state.max(State::Disabled) } else { state };
    if state != State::Available {
        return state.as_str();
    }
    let of = |s: &Standing| Status::of(s.limit.meter, s.used, s.allowed(), thresholds);
    match account.standings.iter().map(of).max().unwrap_or(Status::Normal) {
        Status::Normal => State::Available.as_str(),
        Status::Warning => Status::Warning.as_str(),
        _ => Status::Critical.as_str(),
    }
}

/// The first limit of a credential, in the order of the configuration; the ledger's where an
/// operator gave it others.
pub fn first<'a>(terms: &CredentialTerms, account: &'a Account) -> Option<&'a Standing> {
    let named = |name: String| account.standings.iter().find(move |s| s.limit.name() == name);
    let written = terms.setup.limits.iter().find_map(|limit| named(limit.name()));
    written.or(account.standings.first())
}

/// How much of the first limit is used, in per cent; `None` where there is no limit.
pub fn usage_percent(terms: &CredentialTerms, account: &Account) -> Option<f64> {
    let standing = first(terms, account)?;
    percent(standing.used, standing.allowed()).as_f64()
}

/// The fields that belong to the first limit. Of a day that is over there are figures for a limit
/// by day only.
fn quota(terms: &CredentialTerms, account: &Account, shown: &Shown<'_>) -> Map<String, Value> {
    let standing = first(terms, account);
    let figures = standing.and_then(|standing| {
        let (used, held) = match shown.today {
            true => (standing.used, standing.held),
            false => (of_day(standing, shown.figures)?, 0),
        };
        let left = standing.allowed().saturating_sub(used).saturating_sub(held).max(0);
        Some((used, left, standing.allowed()))
    });
    let amount = |n: i64| standing.map_or(Value::Null, |s| view::amount(s.limit.meter, n));
    let resets = standing.filter(|_| shown.today).and_then(|standing| standing.resets);
    [
        ("quota_meter", standing.map(|s| s.limit.meter.as_str()).into()),
        ("quota_window", standing.and_then(|s| s.limit.window).map(Window::as_str).into()),
        ("quota_limit", standing.map_or(Value::Null, |s| amount(s.allowed()))),
        ("quota_remaining", figures.map_or(Value::Null, |(_, left, _)| amount(left))),
        ("usage_percent", figures.map_or(Value::Null, |(used, _, all)| percent(used, all))),
        ("remaining_percentage", figures.map_or(Value::Null, |(_, left, all)| share(left, all))),
        ("reset_at", resets.map(rfc3339_seconds).into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// What was used of a limit by day on a day.
fn of_day(standing: &Standing, day: Option<&CredentialDay>) -> Option<i64> {
    let limit = &standing.limit;
    if limit.window != Some(Window::Day) || limit.models.is_some() {
        return None;
    }
    let Some(day) = day else { return Some(0) };
    match limit.meter {
        Meter::Usd => Some(day.cost.get()),
        Meter::Tokens => Some(day.tokens),
        Meter::Requests => Some(day.request_count),
        Meter::Characters => Some(day.character_count),
        Meter::Concurrent => None,
    }
}

/// A part from 0 to 1 with three places, a half to the even neighbour; 0 of nothing.
fn share(left: i64, all: i64) -> Value {
    if all <= 0 {
        return Value::from(0);
    }
    let (left, all) = (i128::from(left.clamp(0, all)) * 1000, i128::from(all));
    let (whole, rest) = (left / all, left % all);
    let up = match (rest * 2).cmp(&all) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => whole % 2 == 1,
        std::cmp::Ordering::Less => false,
    };
    let parts = whole + i128::from(up);
    match parts {
        0 => Value::from(0),
        1000 => Value::from(1),
        parts => view::number(&format!("0.{parts:03}")),
    }
}

/// The figures of a day.
pub(super) fn figures(date: Date, day: Option<&CredentialDay>) -> Map<String, Value> {
    let count = |of: fn(&CredentialDay) -> i64| Value::from(day.map_or(0, of));
    let cost = day.map_or(NanoUsd::ZERO, |day| day.cost);
    [
        ("date", date.to_string().into()),
        ("request_count", count(|day| day.request_count)),
        ("character_count", count(|day| day.character_count)),
        ("tokens", count(|day| day.tokens)),
        ("failed", count(|day| day.failed)),
        ("cost_usd", cost.to_string().into()),
        ("cost_nanousd", cost.get().into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// The object of a provider, whose credentials have these accounts.
pub(super) fn provider(provider: &Provider, accounts: &[&Account]) -> Value {
    let names: Vec<&str> = provider.credentials.iter().map(|one| one.name.as_str()).collect();
    json!({
        "id": provider.name,
        "dialect": provider.dialect.name(),
        "base_url": provider.base_url(),
        "choose": provider.policy.choose.as_str(),
        "credentials": names,
        "capacity": capacity(accounts),
    })
}

/// What the credentials can do together, for each meter and window. Limits that only alert, and
/// those of some models, are no capacity.
fn capacity(accounts: &[&Account]) -> Value {
    let mut sums: BTreeMap<String, (Meter, [i64; 3])> = BTreeMap::new();
    let standings = accounts.iter().flat_map(|account| &account.standings);
    for standing in standings.filter(|s| !s.limit.observe && s.limit.models.is_none()) {
        let empty = (standing.limit.meter, [0; 3]);
        let (_, sum) = sums.entry(standing.limit.name()).or_insert(empty);
        let more = [standing.allowed(), standing.used, standing.remaining()];
        for (sum, more) in sum.iter_mut().zip(more) {
            *sum = sum.saturating_add(more);
        }
    }
    let shown = |(name, (meter, [limit, used, remaining])): (String, (Meter, [i64; 3]))| {
        let amount = |n| view::amount(meter, n);
        let entry = json!({
            "limit": amount(limit), "used": amount(used), "remaining": amount(remaining),
        });
        (name, entry)
    };
    Value::Object(sums.into_iter().map(shown).collect())
}

/// What a pool is told of a credential's quota.
pub fn told(terms: &CredentialTerms, account: &Account) -> Quota {
    Quota {
        spent: spent(account),
        disabled: account.status != AccountStatus::Active,
        enabled_at: account.enabled,
        turns: first(terms, account).and_then(|standing| standing.resets),
        utilization: enforced(account).map(utilization).max(),
    }
}

/// The limits that refuse calls of every model.
fn enforced(account: &Account) -> impl Iterator<Item = &Standing> {
    account.standings.iter().filter(|s| !s.limit.observe && s.limit.models.is_none())
}

/// Whether a limit is used up, and until when the last of them is.
fn spent(account: &Account) -> Spent {
    let of = |standing: &Standing| match standing.resets {
        _ if standing.limit.meter == Meter::Concurrent => None,
        _ if standing.used < standing.allowed() => None,
        // A limit of 0 is none that a new window would fill again.
        Some(at) if standing.allowed() > 0 => Some(Spent::Until(at)),
        _ => Some(Spent::ForGood),
    };
    let ends = |spent: &Spent| match spent {
        Spent::No => UnixMs::MIN,
        Spent::Until(at) => *at,
        Spent::ForGood => UnixMs::MAX,
    };
    enforced(account).filter_map(of).max_by_key(ends).unwrap_or_default()
}

/// How much of a limit is used or held, in ten-thousandths; all of nothing.
fn utilization(standing: &Standing) -> u32 {
    let taken = i128::from(standing.used) + i128::from(standing.held);
    match i128::from(standing.allowed()) {
        0 => 10_000,
        all => u32::try_from((taken * 10_000 / all).max(0)).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Overrides};
    use crate::ids::AccountId;

    const TURN: UnixMs = 1_795_564_800_000;

    fn standing(limit: &str, used: i64) -> Standing {
        Standing {
            account: "credential:groq-main".parse().unwrap(),
            limit: limit.parse().unwrap(),
            bump: None,
            carried: 0,
            used,
            held: 0,
            resets: (!limit.contains("total")).then_some(TURN),
        }
    }

    fn account(standings: &[(&str, i64)]) -> Account {
        Account {
            id: "credential:groq-main".parse::<AccountId>().unwrap(),
            name: String::new(),
            workspace: None,
            status: AccountStatus::Active,
            standings: standings.iter().map(|(limit, used)| standing(limit, *used)).collect(),
            follows_defaults: false,
            thresholds: None,
            enforcement: None,
            key: None,
            held_usd: NanoUsd::ZERO,
            month_usd: NanoUsd::ZERO,
            total_usd: NanoUsd::ZERO,
            total_tokens: 0,
            total_requests: 0,
            failed_requests: 0,
            revision: String::new(),
            created: 0,
            last: None,
            enabled: Some(5),
        }
    }

    /// The terms of a credential that has these limits in the file.
    fn terms(limits: &[&str]) -> CredentialTerms {
        let environment = Environment::from([("GROQ_API_KEY", "k")]);
        let config = Config::without_file(&environment, &Overrides::default()).unwrap();
        let mut terms = config.credentials[0].clone();
        terms.setup.limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        terms
    }

    #[test]
    fn r069_a_share_has_three_places_with_a_half_to_the_even_one() {
        for (left, all, text) in [
            (13_400, 14_400, "0.931"),
            (0, 14_400, "0"),
            (-1, 14_400, "0"),
            (14_400, 14_400, "1"),
            (14_399, 14_400, "1"),
            (1, 2_000, "0"),
            (3, 2_000, "0.002"),
            (5, 2_000, "0.002"),
            (1, 3, "0.333"),
            (2, 3, "0.667"),
            (0, 0, "0"),
            (i64::MAX, i64::MAX, "1"),
        ] {
            assert_eq!(share(left, all).to_string(), text, "{left} of {all}");
        }
    }

    #[test]
    fn the_quota_is_the_first_limit_of_the_file_that_still_is_one() {
        let account = account(&[("5usd/day", 0), ("9 requests/day", 0), ("7chars/day", 0)]);
        let name = |limits: &[&str]| first(&terms(limits), &account).unwrap().limit.name();
        assert_eq!(name(&["9characters/day", "9requests/day"]), "characters/day");
        assert_eq!(name(&["9tokens/day", "9requests/day"]), "requests/day");
        assert_eq!(name(&[]), "usd/day");
    }

    #[test]
    fn r072_a_pool_hears_until_when_a_quota_is_used_up() {
        let terms = terms(&[]);
        for (standings, spent, utilization) in [
            (vec![], Spent::No, None),
            (vec![("10chars/day", 9)], Spent::No, Some(9_000)),
            (vec![("10chars/day", 10)], Spent::Until(TURN), Some(10_000)),
            (vec![("10chars/day", 12), ("10chars/total", 10)], Spent::ForGood, Some(12_000)),
            (vec![("0chars/day", 0)], Spent::ForGood, Some(10_000)),
            (vec![("10chars/day !observe", 10)], Spent::No, None),
            (vec![("10chars/day @gpt-5*", 10)], Spent::No, None),
            (vec![("2concurrent", 2)], Spent::No, Some(10_000)),
        ] {
            let told = told(&terms, &account(&standings));
            assert_eq!((told.spent, told.utilization), (spent, utilization), "{standings:?}");
            assert_eq!((told.disabled, told.enabled_at), (false, Some(5)));
        }
    }

    #[test]
    fn r071_the_word_is_the_pools_unless_that_can_use_it() {
        let thresholds = Thresholds::default();
        let of = |used, state| word(&account(&[("100chars/day", used)]), state, &thresholds);
        for state in [State::CoolingDown, State::Disabled, State::Quarantined] {
            assert_eq!(of(85, state), state.as_str());
        }
        assert_eq!(of(85, State::Available), "warning");
        assert_eq!(of(100, State::CoolingDown), "disabled");
        assert_eq!(of(100, State::Quarantined), "quarantined");
        let mut stopped = account(&[]);
        stopped.status = AccountStatus::Suspended;
        assert_eq!(word(&stopped, State::Available, &thresholds), "disabled");
    }
}
