//! Readers of single values: ids, names, limits, thresholds, times. Each error names the offending
//! text and the way out.

use super::fields::Read;
use super::problem::Fault;
use super::scope::{Scope, Scopes};
use crate::clock::{UnixMs, parse_span, parse_time};
use crate::ids::{AccountId, Id};
use crate::ledger::{BadReach, Enforcement, Network, Route, Sort};
use crate::limit::{Increase, Limit, Thresholds};
use jiff::civil::Date;
use serde_json::Value;
use std::str::FromStr;

/// What the status of a user, key or workspace may be.
pub(super) const STATUSES: &str =
    "normal|warning|critical|rate_limited|quota_exceeded|suspended|revoked|expired";
const LONGEST_NAME: usize = 200;
/// Models, addresses or routes of one key.
const MOST_OF_A_KEY: usize = 100;

/// A value as it may be shown in an error.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(80).collect()
}

/// Any text without control characters.
pub(super) fn text(value: &Value) -> Read<String> {
    match value.as_str() {
        Some(text) if text.chars().count() > LONGEST_NAME => {
            Err(format!("`{}…` is longer than {LONGEST_NAME} characters", shown(value)).into())
        }
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        Some(_) => {
            Err(format!("`{}` holds control characters", shown(value).escape_debug()).into())
        }
        None => Err(format!("`{}` is not a text", shown(value)).into()),
    }
}

/// An id.
pub(super) fn id(value: &Value) -> Read<Id> {
    text(value)?.parse().map_err(|e| format!("{e}").into())
}

/// The name of an account: `user:alice`.
pub(super) fn account(value: &Value) -> Read<AccountId> {
    text(value)?.parse().map_err(|e| format!("{e}").into())
}

/// What a limit is raised by.
pub(super) fn increase(value: &Value) -> Read<Increase> {
    text(value)?.parse().map_err(|e| format!("{e}").into())
}

/// What a token may do: at least one scope.
pub(super) fn scopes(value: &Value) -> Read<Scopes> {
    let list = items(value, "users:read")?;
    if list.is_empty() {
        return Err("a token without scopes may do nothing: give at least one".to_owned().into());
    }
    let read = |(i, item): (usize, &Value)| {
        let at = |detail: String| Fault { pointer: format!("/{i}"), detail };
        let one = text(item).map_err(|fault| at(fault.detail))?;
        one.parse::<Scope>().map_err(|unknown| at(unknown.to_string()))
    };
    list.iter().enumerate().map(read).collect()
}

/// A list of limits, each meter and window at most once.
pub(super) fn limits(value: &Value) -> Read<Vec<Limit>> {
    let mut limits: Vec<Limit> = Vec::new();
    for (i, item) in items(value, "25usd/month")?.iter().enumerate() {
        let at = |detail: String| Fault { pointer: format!("/{i}"), detail };
        let text = item.as_str().ok_or_else(|| {
            at(format!("`{}` is not a limit: write a text like \"25usd/month\"", shown(item)))
        })?;
        let limit: Limit = text.parse().map_err(|e| at(format!("{e}")))?;
        if limits.iter().any(|other| other.name() == limit.name()) {
            return Err(at(format!("`{text}`: there is a limit for {} already", limit.name())));
        }
        limits.push(limit);
    }
    Ok(limits)
}

fn items<'a>(value: &'a Value, example: &str) -> Read<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| {
        format!("`{}` is not a list: write it like [\"{example}\"]", shown(value)).into()
    })
}

/// Alert thresholds.
pub(super) fn thresholds(value: &Value) -> Read<Thresholds> {
    let bad = |detail: String| Fault::from(detail);
    let list = value.as_array().map(|list| {
        list.iter().map(|item| item.as_u64().and_then(|n| u32::try_from(n).ok())).collect()
    });
    match list {
        Some(Some(list)) => {
            Thresholds::try_from(Vec::<u32>::clone(&list)).map_err(|e| bad(e.to_string()))
        }
        _ => Err(bad(format!(
            "`{}` are not thresholds: one to ten ascending whole numbers above 0 and at most 100, \
             such as [80, 90, 100]",
            shown(value)
        ))),
    }
}

/// An enforcement mode.
pub(super) fn enforcement(value: &Value) -> Read<Enforcement> {
    serde_json::from_value(value.clone()).map_err(|_| {
        format!("`{}` is not one of strict, balanced, postpaid, observe", shown(value)).into()
    })
}

/// Globs of models.
pub(super) fn models(value: &Value) -> Read<Vec<String>> {
    let list = items(value, "gpt-*")?;
    few(list)?;
    let mut globs = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = |why: String| Fault { pointer: format!("/{i}"), detail: why };
        let glob = text(item).map_err(|fault| at(fault.detail))?;
        if let Err(error) = globset::Glob::new(&glob) {
            return Err(at(format!("`{}` is not a pattern: {}", shown(item), error.kind())));
        }
        globs.push(glob);
    }
    Ok(globs)
}

fn few(list: &[Value]) -> Read<()> {
    if list.len() <= MOST_OF_A_KEY {
        return Ok(());
    }
    Err(format!("{} are too many: at most {MOST_OF_A_KEY} are kept", list.len()).into())
}

/// Addresses and networks from which a key may be used.
pub(super) fn addresses(value: &Value) -> Read<Vec<Network>> {
    reach(value, "10.0.0.0/8")
}

/// Routes that a key may use.
pub(super) fn routes(value: &Value) -> Read<Vec<Route>> {
    reach(value, "/v1/chat/*")
}

fn reach<T: FromStr<Err = BadReach>>(value: &Value, example: &str) -> Read<Vec<T>> {
    let list = items(value, example)?;
    few(list)?;
    let read = |(i, item): (usize, &Value)| {
        let at = |detail: String| Fault { pointer: format!("/{i}"), detail };
        let one = text(item).map_err(|fault| at(fault.detail))?;
        one.parse().map_err(|bad: BadReach| at(bad.to_string()))
    };
    list.iter().enumerate().map(read).collect()
}

/// A length of time in milliseconds: `90d`, `12h`, `10m`, `30s`, `2w`.
pub(super) fn span(value: &Value) -> Read<i64> {
    let bad = || {
        Fault::from(format!("`{}` is not a length of time such as 90d, 12h or 10m", shown(value)))
    };
    value.as_str().and_then(parse_span).ok_or_else(bad)
}

/// A day: `2026-11-24`.
pub(super) fn date(value: &Value) -> Read<Date> {
    let read = value.as_str().filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
    read.ok_or_else(|| format!("`{}` is not a day such as 2026-11-24", shown(value)).into())
}

/// A moment: RFC 3339, a date.
pub(super) fn time(value: &Value) -> Read<UnixMs> {
    value.as_str().and_then(parse_time).ok_or_else(|| {
        format!("`{}` is not a time such as 2026-11-24T21:13:36Z or 2026-11-24", shown(value))
            .into()
    })
}

/// A moment, or a length of time before `now`.
pub(super) fn past(now: UnixMs) -> impl Fn(&Value) -> Read<UnixMs> {
    move |value| match (time(value), span(value)) {
        (Ok(at), _) => Ok(at),
        (_, Ok(ms)) => Ok(now.saturating_sub(ms)),
        _ => Err(format!(
            "`{}` is not a time such as 2026-11-24T21:13:36Z, 2026-11-24, or 7d for seven days ago",
            shown(value)
        )
        .into()),
    }
}

/// A moment after `now`.
pub(super) fn future(now: UnixMs) -> impl Fn(&Value) -> Read<UnixMs> {
    move |value| match time(value)? {
        at if at > now => Ok(at),
        _ => Err(format!("`{}` has passed already", shown(value)).into()),
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &Value) -> Read<bool> {
    match value.as_str() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(format!("`{}` is neither true nor false", shown(value)).into()),
    }
}

/// The length of a page: 1 to 200.
pub(super) fn page_length(value: &Value) -> Read<usize> {
    match value.as_str().and_then(|text| text.parse().ok()) {
        Some(n @ 1..=200) => Ok(n),
        _ => Err(format!("`{}` is not a number from 1 to 200", shown(value)).into()),
    }
}

/// The order of a list of users.
pub(super) fn sort(value: &Value) -> Read<Sort> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown = shown(value);
        format!("`{shown}` is no order: write utilization, spent or name, with - before it for the highest first, or id").into()
    })
}

/// The status of an account in a list.
pub(super) fn status(value: &Value) -> Read<String> {
    match value.as_str() {
        Some(text) if STATUSES.split('|').any(|known| known == text) => Ok(text.to_owned()),
        _ => {
            let known = STATUSES.replace('|', ", ");
            Err(format!("`{}` is not a status; there are: {known}", shown(value)).into())
        }
    }
}

/// The cursor of a page: what `next_cursor` said.
pub(super) fn cursor(value: &Value) -> Read<String> {
    match value.as_str() {
        Some(text)
            if (1..=400).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{}` is not a cursor: use next_cursor of the page before", shown(value))
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn refused<T: std::fmt::Debug>(read: Read<T>, pointer: &str, text: &str) {
        let fault = read.unwrap_err();
        assert_eq!(fault.pointer, pointer);
        assert!(fault.detail.contains(text), "{}", fault.detail);
    }

    #[test]
    fn r021_a_bad_limit_is_named_with_its_place() {
        assert_eq!(limits(&json!(["25usd/month", "3concurrent"])).unwrap().len(), 2);
        refused(limits(&json!(["25usd/month", "-1usd/day"])), "/1", "-1usd/day");
        refused(limits(&json!(["1usd/day", "2usd/day"])), "/1", "2usd/day");
        refused(limits(&json!([5])), "/0", "`5`");
        refused(limits(&json!("5usd/day")), "", "5usd/day");
    }

    #[test]
    fn r020_bad_thresholds_are_refused() {
        for bad in [json!([0]), json!([101]), json!(["80"]), json!([80.5]), json!([-1]), json!(80)]
        {
            assert!(thresholds(&bad).is_err(), "{bad}");
        }
        refused(thresholds(&json!([90, 80])), "", "[90, 80]");
    }

    #[test]
    fn times_and_spans_are_read_and_the_rest_is_refused() {
        assert_eq!(span(&json!("90d")).unwrap(), 7_776_000_000);
        assert_eq!(past(10_000)(&json!("5s")).unwrap(), 5_000);
        for bad in ["", "d", "7", "-1d", "1.5h", "7y", "9999999d", "ä"] {
            refused(span(&json!(bad)), "", bad);
            refused(past(0)(&json!(bad)), "", bad);
        }
        refused(future(1_900_000_000_000)(&json!("2026-01-01")), "", "2026-01-01");
        for bad in ["0", "201", "x", "-1", "1e9"] {
            refused(page_length(&json!(bad)), "", bad);
        }
        assert!(flag(&json!("true")).unwrap());
        refused(flag(&json!("yes")), "", "yes");
    }

    #[test]
    fn names_and_patterns() {
        refused(text(&json!("a\u{1b}[31m")), "", "control");
        refused(text(&json!("x".repeat(201))), "", "200");
        refused(models(&json!(["gpt-*", "{a"])), "/1", "{a");
        refused(enforcement(&json!("lenient")), "", "lenient");
    }
}
