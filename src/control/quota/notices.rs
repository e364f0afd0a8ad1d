//! What people should know of their quota, in words. Pure.
//!
//! Invariant: a notice has the same id for as long as its cause lasts, at every proxy.

use super::super::view;
use super::digest;
use super::figure::{Member, of_limit};
use super::outage::Outage;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::control::Defaults;
use crate::ledger::{Account, AccountStatus, Enforcement, Standing};
use crate::limit::{Calendar, Meter, Status, Window};
use crate::money::NanoUsd;
use serde_json::{Value, json};

/// So many notices are given.
const MOST: usize = 200;

/// What a notice is made of.
struct Notice {
    level: Status,
    account: Option<String>,
    /// What tells causes of one level and account apart.
    cause: String,
    title: String,
    message: String,
    since: Option<UnixMs>,
}

/// The `data` of the notifications, the gravest first.
pub(super) fn notices(
    members: &[Member],
    defaults: &Defaults,
    outage: &Outage,
    (calendar, now): (&Calendar, UnixMs),
) -> Value {
    let mut all: Vec<Notice> = outage.out.iter().map(|provider| out(provider)).collect();
    for member in members {
        let stopped = |account: &&Account| account.status != AccountStatus::Active;
        all.extend(member.accounts.iter().filter(stopped).map(suspended));
        for (account, standing) in member.standings() {
            let level = of_limit(account, standing, defaults);
            if level > Status::Normal {
                let observed = standing.limit.observe
                    || view::enforcement(account, defaults) == Enforcement::Observe;
                all.push(near(account, standing, (level, observed), (calendar, now)));
            }
        }
    }
    // Stable: those of one level stay in the order of checking.
    all.sort_by_key(|notice| std::cmp::Reverse(notice.level));
    all.truncate(MOST);
    Value::Array(all.iter().map(Notice::shown).collect())
}

impl Notice {
    fn shown(&self) -> Value {
        let Self { level, account, cause, title, message, since } = self;
        let level = level.as_str();
        json!({
            "id": digest(&format!("{level}\n{}\n{cause}", account.as_deref().unwrap_or_default())),
            "level": level,
            "title": title,
            "message": message,
            "suggested_action": action(self.level),
            "since": since.map(rfc3339_seconds),
            "account": account,
        })
    }
}

/// What can be done about it.
fn action(level: Status) -> &'static str {
    match level {
        Status::Normal => "Nothing.",
        Status::Warning => {
            "Nothing needs to be done yet. Plan what is left, or ask an operator for a higher limit."
        }
        Status::Critical => {
            "Send fewer or cheaper calls, or ask an operator to raise the limit before it is used up."
        }
        Status::Degraded => {
            "Try again later, or use a model of another provider. Operators see the cause with \
             `farebox providers list`."
        }
        Status::RateLimited => {
            "Wait until there is room again and send calls more slowly, or ask an operator for a \
             higher limit."
        }
        Status::QuotaExceeded => {
            "Wait for the next period, or ask an operator to raise or reset the budget \
             (`farebox limits bump`, `farebox limits reset`)."
        }
        Status::Suspended => "Ask an operator to resume the account.",
    }
}

fn out(provider: &str) -> Notice {
    Notice {
        level: Status::Degraded,
        account: None,
        cause: provider.to_owned(),
        title: format!("Provider {provider} cannot be used now"),
        message: format!(
            "Every credential of {provider} is out of quota, cooling down or taken out; calls that \
             need it fail."
        ),
        since: None,
    }
}

fn suspended(account: &Account) -> Notice {
    let id = account.id.to_string();
    Notice {
        level: Status::Suspended,
        cause: String::new(),
        title: format!("{id} is suspended"),
        message: format!("Every call of {id} is refused until an operator resumes it."),
        account: Some(id),
        since: None,
    }
}

fn near(
    account: &Account,
    standing: &Standing,
    (level, observed): (Status, bool),
    (calendar, now): (&Calendar, UnixMs),
) -> Notice {
    let limit = &standing.limit;
    let id = account.id.to_string();
    // A rolling window has no beginning that stays.
    let window = limit.window.filter(|w| w.steps().is_none() && *w != Window::Total);
    let period = window.map_or(0, |window| calendar.period(window, now));
    let until =
        standing.resets.map_or_else(String::new, |at| format!(" until {}", rfc3339_seconds(at)));
    let used = format!("{id} has used {}", amount(standing, standing.used));
    let percent = view::percent(standing.used, standing.allowed());
    let (title, rest) = if level < Status::Degraded {
        let left = amount(standing, standing.remaining());
        (format!("{percent}% of {limit} used"), format!("{left} left{until}"))
    } else if observed {
        (format!("{limit} is used up"), "calls go on, because the limit only alerts".to_owned())
    } else {
        (format!("{limit} is used up"), format!("calls are refused{until}"))
    };
    Notice {
        level,
        cause: format!("{}\n{period}", limit.name()),
        title,
        message: format!("{used}; {rest}."),
        account: Some(id),
        since: window.and_then(|window| calendar.begins(window, now)),
    }
}

fn amount(standing: &Standing, n: i64) -> String {
    match standing.limit.meter {
        Meter::Usd => format!("${}", NanoUsd::new(n)),
        Meter::Concurrent => format!("{n} calls in flight"),
        meter => format!("{n} {}", meter.as_str()),
    }
}
