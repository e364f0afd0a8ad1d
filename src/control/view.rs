//! Accounts as JSON objects. Pure.
//!
//! Money is a decimal string, percentages are numbers with at most four decimals that never show
//! 100 before it is reached, and counters are shown, never read back.

use super::Defaults;
use crate::clock::{UnixMs, rfc3339, rfc3339_seconds};
use crate::ids::AccountKind;
use crate::ledger::{Account, AccountStatus, Enforcement, Standing};
use crate::limit::{Meter, Status, Thresholds};
use crate::money::NanoUsd;
use serde_json::{Value, json};

/// The object of a user, key or workspace.
pub(super) fn account(account: &Account, defaults: &Defaults, now: UnixMs) -> Value {
    let mut object = json!({
        "id": account.id.id,
        "name": account.name,
        "status": word(account, defaults, now),
        "limits": limits(account, defaults),
        "thresholds": thresholds(account, defaults),
        "enforcement": enforcement(account, defaults),
        "spent_usd": account.total_usd.to_string(),
        "spent_nanousd": account.total_usd,
        "created": rfc3339_seconds(account.created),
    });
    match account.id.kind {
        AccountKind::User => {
            object["workspace"] = json!(account.workspace);
            object["follows_defaults"] = account.follows_defaults.into();
            object["llm_quota"] = llm_quota(account);
            object["total_requests"] = account.total_requests.into();
            object["last_seen"] = moment(account.last);
        }
        AccountKind::Workspace | AccountKind::Credential => {
            object["last_seen"] = moment(account.last)
        }
        AccountKind::Key => add_key(&mut object, account),
    }
    object
}

fn add_key(object: &mut Value, account: &Account) {
    object["workspace"] = json!(account.workspace);
    object["last_used"] = moment(account.last);
    if let Some(key) = &account.key {
        object["user"] = json!(key.user);
        object["prefix"] = key.label.split('…').next().into();
        object["label"] = key.label.as_str().into();
        object["models"] = json!(key.models);
        object["addresses"] = json!(key.reach.addresses);
        object["routes"] = json!(key.reach.routes);
        object["expires_at"] = key.expires.map(rfc3339_seconds).into();
    }
}

fn moment(at: Option<UnixMs>) -> Value {
    at.map(rfc3339).into()
}

/// The status word of an account; of a key also `revoked` and `expired`.
pub(super) fn word(account: &Account, defaults: &Defaults, now: UnixMs) -> &'static str {
    let expired = account.key.as_ref().and_then(|key| key.expires).is_some_and(|at| at <= now);
    match account.status {
        AccountStatus::Revoked => "revoked",
        AccountStatus::Suspended => Status::Suspended.as_str(),
        AccountStatus::Active if expired => "expired",
        AccountStatus::Active => {
            let thresholds = thresholds(account, defaults);
            let of = |s: &Standing| Status::of(s.limit.meter, s.used, s.allowed(), thresholds);
            account.standings.iter().map(of).max().unwrap_or(Status::Normal).as_str()
        }
    }
}

pub(super) fn thresholds<'a>(account: &'a Account, defaults: &'a Defaults) -> &'a Thresholds {
    account.thresholds.as_ref().unwrap_or(&defaults.thresholds)
}

pub(super) fn enforcement(account: &Account, defaults: &Defaults) -> Enforcement {
    account.enforcement.unwrap_or(defaults.enforcement)
}

/// Every limit of an account with its figures: the array that `limits[]` means everywhere.
pub(super) fn limits(account: &Account, defaults: &Defaults) -> Value {
    let of = |standing| limit(standing, account, defaults);
    Value::Array(account.standings.iter().map(of).collect())
}

fn limit(standing: &Standing, account: &Account, defaults: &Defaults) -> Value {
    let limit = &standing.limit;
    let shown = |n: i64| amount(limit.meter, n);
    let thresholds = thresholds(account, defaults);
    let mode = if limit.observe { Enforcement::Observe } else { enforcement(account, defaults) };
    json!({
        "text": limit.to_string(),
        "limit": shown(standing.allowed()),
        "meter": limit.meter.as_str(),
        "window": limit.window.map(|window| window.as_str()),
        "models": limit.models.map(|models| models.to_string()),
        "bump": standing.bump.map(|bump| json!({
            "amount": shown(bump.amount),
            "until": rfc3339_seconds(bump.until),
        })),
        "carried": limit.carry.map(|_| shown(standing.carried)),
        "used": shown(standing.used),
        "held": shown(standing.held),
        "remaining": shown(standing.remaining()),
        "usage_percent": percent(standing.used, standing.allowed()),
        "resets_at": standing.resets.map(rfc3339_seconds),
        "status": Status::of(limit.meter, standing.used, standing.allowed(), thresholds).as_str(),
        "mode": mode,
    })
}

/// An amount of a meter: a decimal string in dollars, else a whole number.
pub(super) fn amount(meter: Meter, n: i64) -> Value {
    match meter {
        Meter::Usd => Value::from(NanoUsd::new(n).to_string()),
        _ => Value::from(n),
    }
}

/// The dollar limit with the highest utilisation, in the words of `llm_quota`.
pub(super) fn llm_quota(account: &Account) -> Value {
    let Some(standing) = fullest_in_usd(account.standings.iter()) else {
        return json!({
            "dollars_per_period": null,
            "period": null,
            "dollars_used": account.month_usd.to_string(),
            "dollars_held": null,
            "utilization_percent": null,
            "resets_at": null,
        });
    };
    json!({
        "dollars_per_period": NanoUsd::new(standing.allowed()).to_string(),
        "period": standing.limit.window.map(|window| window.as_str()),
        "dollars_used": NanoUsd::new(standing.used).to_string(),
        "dollars_held": NanoUsd::new(standing.held).to_string(),
        "utilization_percent": percent(standing.used, standing.allowed()),
        "resets_at": standing.resets.map(rfc3339_seconds),
    })
}

/// The dollar limit for all models of which most is used; the first of equals.
pub(super) fn fullest_in_usd<'a>(
    standings: impl Iterator<Item = &'a Standing>,
) -> Option<&'a Standing> {
    fullest(standings.filter(|s| s.limit.meter == Meter::Usd && s.limit.models.is_none()))
}

/// The limit of which most is used; the first of equals.
pub(super) fn fullest<'a>(standings: impl Iterator<Item = &'a Standing>) -> Option<&'a Standing> {
    standings.reduce(|a, b| if is_fuller(b, a) { b } else { a })
}

/// Whether more of `a` is used than of `b`; a limit of 0 is fully used.
fn is_fuller(a: &Standing, b: &Standing) -> bool {
    let part = |standing: &Standing| match standing.allowed() {
        0 => (1, 1),
        amount => (i128::from(standing.used), i128::from(amount)),
    };
    let ((used, of), (other, its)) = (part(a), part(b));
    used * its > other * of
}

/// `used` in per cent of `amount`, at most four decimals; 100 of nothing.
pub(super) fn percent(used: i64, amount: i64) -> Value {
    if amount <= 0 {
        return Value::from(100);
    }
    let (used, amount) = (i128::from(used), i128::from(amount));
    let mut parts = (used * 2_000_000 + amount).div_euclid(amount * 2);
    if used < amount {
        parts = parts.min(999_999);
    }
    let (whole, rest) = (parts.div_euclid(10_000), parts.rem_euclid(10_000));
    match i64::try_from(whole) {
        Ok(whole) if rest == 0 => Value::from(whole),
        _ => number(&format!("{whole}.{rest:04}")),
    }
}

/// A decimal text as a JSON number.
pub(super) fn number(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => whole.into(),
        (_, Ok(decimal)) => decimal.into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountId;
    use crate::limit::Limit;

    fn standing(limit: &str, used: i64, held: i64) -> Standing {
        Standing {
            account: "user:alice".parse().unwrap(),
            limit: limit.parse::<Limit>().unwrap(),
            bump: None,
            carried: 0,
            used,
            held,
            resets: Some(1_794_000_000_000),
        }
    }

    fn alice(standings: Vec<Standing>) -> Account {
        Account {
            id: "user:alice".parse::<AccountId>().unwrap(),
            name: "Alice".to_owned(),
            workspace: Some("eng".parse().unwrap()),
            status: AccountStatus::Active,
            standings,
            follows_defaults: false,
            thresholds: None,
            enforcement: None,
            key: None,
            held_usd: NanoUsd::ZERO,
            month_usd: NanoUsd::new(7),
            total_usd: NanoUsd::new(3_412_500),
            total_tokens: 0,
            total_requests: 0,
            failed_requests: 0,
            revision: String::new(),
            created: 0,
            last: None,
            enabled: None,
        }
    }

    #[test]
    fn r026_percentages_are_exact_and_never_reach_100_early() {
        for (used, amount, text) in [
            (0, 5, "0"),
            (45, 100, "45"),
            (1, 3, "33.3333"),
            (2, 3, "66.6667"),
            (104, 100, "104"),
            (99_999_999_999, 100_000_000_000, "99.9999"),
            (9_007_199_254_740_991, 1, "900719925474099100"),
        ] {
            assert_eq!(percent(used, amount).to_string(), text);
        }
    }

    #[test]
    fn r027_a_limit_of_zero_is_full_and_no_limit_is_null() {
        assert_eq!(percent(0, 0), json!(100));
        let none = account(&alice(vec![]), &Defaults::default(), 0);
        assert_eq!(none["llm_quota"]["utilization_percent"], Value::Null);
        assert_eq!(none["llm_quota"]["dollars_used"], "0.000000007");
        assert_eq!(none["status"], "normal");
    }

    #[test]
    fn r018_a_user_shows_its_fullest_dollar_limit() {
        let user = alice(vec![
            standing("25usd/month", 3_412_500, 1_000_000_000),
            standing("0.01usd/day", 3_412_500, 0),
            standing("10requests/minute", 10, 0),
        ]);
        let shown = account(&user, &Defaults::default(), 0);
        let quota = &shown["llm_quota"];
        assert_eq!(quota["dollars_per_period"], "0.01");
        assert_eq!(quota["period"], "day");
        assert_eq!(quota["dollars_used"], "0.0034125");
        assert_eq!(quota["utilization_percent"], json!(34.125));
        assert_eq!(quota["resets_at"], "2026-11-06T21:20:00Z");
        assert_eq!(shown["status"], "rate_limited");
        assert_eq!(shown["limits"][0]["remaining"], "23.9965875");
        assert_eq!(shown["limits"][2]["remaining"], 0);
        assert_eq!(shown["limits"][2]["mode"], "balanced");
    }

    #[test]
    fn r028_the_suspended_word_comes_first() {
        let mut user = alice(vec![standing("1usd/day", 2_000_000_000, 0)]);
        assert_eq!(word(&user, &Defaults::default(), 0), "quota_exceeded");
        user.status = AccountStatus::Suspended;
        assert_eq!(word(&user, &Defaults::default(), 0), "suspended");
    }

    #[test]
    fn r028_the_worst_limit_decides_whichever_its_meter_and_window() {
        for (limits, expected) in [
            (vec![], "normal"),
            (vec![("100requests/minute", 79), ("100requests/day", 79)], "normal"),
            (vec![("100requests/minute", 10), ("100requests/day", 80)], "warning"),
            (vec![("100requests/day", 10), ("100tokens/minute", 90)], "critical"),
            (vec![("100requests/minute", 90), ("100tokens/minute", 100)], "rate_limited"),
            (vec![("100requests/minute", 100), ("100requests/day", 1)], "rate_limited"),
            (vec![("100requests/day", 250)], "rate_limited"),
            (vec![("1usd/day", 900_000_000), ("100requests/day", 3)], "critical"),
            (vec![("1usd/day", 1_000_000_000), ("100tokens/minute", 100)], "quota_exceeded"),
        ] {
            let standings = limits.iter().map(|(limit, used)| standing(limit, *used, 0));
            let user = alice(standings.collect());
            assert_eq!(word(&user, &Defaults::default(), 0), expected, "{limits:?}");
        }
    }
}
