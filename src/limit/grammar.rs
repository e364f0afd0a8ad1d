//! The text form of limits: `AMOUNT METER/WINDOW`, spaces optional.
//!
//! Also `$25/month`, `tok`, `req`, `chars`, the suffixes `k` and `M`, `3 concurrent`, and at the end
//! `@gpt-5*` (of these models only), `!carry` or `!carry=10usd` (what was not used is carried over)
//! and `!observe`. Pure.

use super::{Limit, Meter, Models, Window};
use crate::money::NanoUsd;
use std::fmt;
use std::str::FromStr;

/// A text that is not a limit, or no increase of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLimit {
    text: String,
    why: String,
    wanted: &'static str,
}

impl BadLimit {
    fn limit(text: &str, why: String) -> Self {
        let wanted = "a limit: {}; write it like 25usd/month, 60requests/minute or 3concurrent";
        Self { text: text.chars().take(80).collect(), why, wanted }
    }

    pub(super) fn increase(text: &str, why: String) -> Self {
        let wanted = "an increase: {}; write it like +10usd, +10usd/month or +2concurrent";
        Self { text: text.chars().take(80).collect(), why, wanted }
    }
}

impl fmt::Display for BadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.text, self.wanted.replace("{}", &self.why))
    }
}

impl std::error::Error for BadLimit {}

impl FromStr for Limit {
    type Err = BadLimit;

    fn from_str(text: &str) -> Result<Self, BadLimit> {
        let bad = |why: String| BadLimit::limit(text, why);
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (body, tags) = match squeezed.split_once('!') {
            Some((body, tags)) => (body, Some(tags)),
            None => (squeezed.as_str(), None),
        };
        let (body, models) = models(body).map_err(bad)?;
        let (meter, amount, word) = counted(body).map_err(bad)?;
        let window = window(meter, word).map_err(bad)?;
        if window.is_none() && models.is_some() {
            return Err(bad("`concurrent` counts calls of all models".to_owned()));
        }
        let limit = Self { meter, window, models, amount, carry: None, observe: false };
        tagged(limit, tags).map_err(bad)
    }
}

/// Reads what follows a `!`.
fn tagged(mut limit: Limit, tags: Option<&str>) -> Result<Limit, String> {
    for tag in tags.into_iter().flat_map(|tags| tags.split('!')) {
        let most =
            tag.strip_prefix("carry").filter(|most| most.is_empty() || most.starts_with('='));
        match most {
            Some(most) if limit.carry.is_none() => {
                limit.carry = Some(carry(&limit, tag, most.strip_prefix('='))?);
            }
            None if tag == "observe" && !limit.observe => limit.observe = true,
            _ => return Err(format!("`!{tag}` is not !observe or !carry, each once")),
        }
    }
    Ok(limit)
}

/// How much is carried over: what is said, or as much as the limit.
fn carry(limit: &Limit, tag: &str, most: Option<&str>) -> Result<i64, String> {
    let calendar = [Window::Minute, Window::Hour, Window::Day, Window::Week, Window::Month];
    if !limit.window.is_some_and(|window| calendar.contains(&window)) {
        return Err(format!(
            "`!{tag}` needs a window of {}",
            calendar.map(Window::as_str).join(", ")
        ));
    }
    let most = match most.map(counted) {
        None => limit.amount,
        Some(Ok((meter, most, None))) if meter == limit.meter => most,
        Some(_) => {
            let meter = limit.meter.as_str();
            return Err(format!("`!{tag}` does not say how much; write it like !carry=10{meter}"));
        }
    };
    if most == 0 {
        return Err(format!("`!{tag}` would carry nothing"));
    }
    if most > limit.amount {
        return Err(format!("`!{tag}` is more than the limit itself"));
    }
    if limit.amount.checked_add(most).is_none_or(|sum| sum > crate::money::MAX.get()) {
        return Err("the amount with what is carried is too large".to_owned());
    }
    Ok(most)
}

/// Takes the models off the end.
pub(super) fn models(body: &str) -> Result<(&str, Option<Models>), String> {
    match body.split_once('@') {
        Some((body, models)) => models.parse().map(|models| (body, Some(models))),
        None => Ok((body, None)),
    }
}

/// Reads `25usd/month`, or without a window: meter, amount, and the word for the window.
pub(super) fn counted(body: &str) -> Result<(Meter, i64, Option<&str>), String> {
    let (dollars, body) = match body.strip_prefix('$') {
        Some(rest) => (true, rest),
        None => (false, body),
    };
    let (counted, window) = match body.split_once('/') {
        Some((counted, window)) => (counted, Some(window)),
        None => (body, None),
    };
    let (number, unit) = split_number(counted);
    let (factor, unit) = split_factor(unit);
    let meter = meter(dollars, unit)?;
    Ok((meter, amount(meter, number, factor)?, window))
}

fn split_number(text: &str) -> (&str, &str) {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | ',');
    let end = text.find(|c| !number(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn split_factor(unit: &str) -> (i64, &str) {
    if let Some(rest) = unit.strip_prefix('k') {
        (1_000, rest)
    } else if let Some(rest) = unit.strip_prefix('M') {
        (1_000_000, rest)
    } else {
        (1, unit)
    }
}

fn meter(dollars: bool, unit: &str) -> Result<Meter, String> {
    match unit {
        "" if dollars => Ok(Meter::Usd),
        _ if dollars => Err(format!("`{unit}` does not go with `$`")),
        "usd" => Ok(Meter::Usd),
        "tokens" | "token" | "tok" => Ok(Meter::Tokens),
        "requests" | "request" | "req" => Ok(Meter::Requests),
        "characters" | "character" | "chars" | "char" => Ok(Meter::Characters),
        "concurrent" => Ok(Meter::Concurrent),
        _ => {
            Err(format!("`{unit}` is not a meter (usd, tokens, requests, characters, concurrent)"))
        }
    }
}

pub(super) fn window(meter: Meter, window: Option<&str>) -> Result<Option<Window>, String> {
    match (meter, window) {
        (Meter::Concurrent, None) => Ok(None),
        (Meter::Concurrent, Some(_)) => Err("`concurrent` has no window".to_owned()),
        (_, None) => Err(format!("the window is missing ({})", windows())),
        (_, Some(word)) => match Window::ALL.into_iter().find(|w| w.as_str() == word) {
            Some(window) => Ok(Some(window)),
            None => Err(format!("`{word}` is not a window ({})", windows())),
        },
    }
}

fn windows() -> String {
    Window::ALL.map(Window::as_str).join(", ")
}

fn amount(meter: Meter, number: &str, factor: i64) -> Result<i64, String> {
    if number.starts_with('-') {
        return Err("the amount must not be negative".to_owned());
    }
    if number.starts_with('+') {
        return Err(format!("`{number}` is not an amount"));
    }
    let largest = crate::money::MAX.get();
    let scaled = match meter {
        Meter::Usd => {
            let amount: NanoUsd = number.parse().map_err(|e| format!("{e}"))?;
            amount.get().checked_mul(factor)
        }
        _ => {
            let whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            if !whole {
                return Err(format!("`{number}` is not a whole number"));
            }
            number.parse::<i64>().ok().and_then(|n| n.checked_mul(factor))
        }
    };
    match scaled {
        Some(n) if n <= largest => Ok(n),
        _ => Err("the amount is too large".to_owned()),
    }
}

/// Writes dollars for `usd`, else the count.
pub(super) fn write_amount(f: &mut fmt::Formatter<'_>, meter: Meter, n: i64) -> fmt::Result {
    match meter {
        Meter::Usd => fmt::Display::fmt(&NanoUsd::new(n), f),
        _ => fmt::Display::fmt(&n, f),
    }
}

/// The canonical form: `25 usd/month`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_amount(f, self.meter, self.amount)?;
        let bare = Self { models: None, ..*self };
        write!(f, " {}", bare.name())?;
        if let Some(models) = &self.models {
            write!(f, " @{models}")?;
        }
        match self.carry {
            Some(most) if most == self.amount => f.write_str(" !carry")?,
            Some(most) => {
                f.write_str(" !carry=")?;
                write_amount(f, self.meter, most)?;
                f.write_str(self.meter.as_str())?;
            }
            None => {}
        }
        if self.observe { f.write_str(" !observe") } else { Ok(()) }
    }
}

impl TryFrom<String> for Limit {
    type Error = BadLimit;

    fn try_from(text: String) -> Result<Self, BadLimit> {
        text.parse()
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_and_writes_the_canonical_one() {
        for (text, canonical) in [
            ("25 usd/month", "25 usd/month"),
            ("25usd/month", "25 usd/month"),
            ("$0.5/day", "0.5 usd/day"),
            ("$1k/total", "1000 usd/total"),
            ("100ktok/day", "100000 tokens/day"),
            ("2Mtokens/week", "2000000 tokens/week"),
            ("60 req/minute", "60 requests/minute"),
            ("14400 chars/day", "14400 characters/day"),
            ("3 concurrent", "3 concurrent"),
            ("5usd/day@gpt-5*", "5 usd/day @gpt-5*"),
            ("$5/day @ @cf/meta/* !observe", "5 usd/day @@cf/meta/* !observe"),
            ("9 requests/rolling-24h @*claude*", "9 requests/rolling-24h @*claude*"),
            ("0usd/month", "0 usd/month"),
            ("5usd/rolling-24h", "5 usd/rolling-24h"),
            ("3kreq/rolling-5h", "3000 requests/rolling-5h"),
            ("1Mtok/rolling-7d !observe", "1000000 tokens/rolling-7d !observe"),
            ("5 usd/day !observe", "5 usd/day !observe"),
            ("25usd/month!carry", "25 usd/month !carry"),
            ("25 usd/month !carry=25usd", "25 usd/month !carry"),
            ("25 usd/month !carry = $10", "25 usd/month !carry=10usd"),
            (
                "1Mtok/day !observe !carry=250ktok",
                "1000000 tokens/day !carry=250000tokens !observe",
            ),
            ("9req/week @gpt-5* !carry", "9 requests/week @gpt-5* !carry"),
            ("9chars/minute !carry", "9 characters/minute !carry"),
        ] {
            let limit: Limit = text.parse().unwrap();
            assert_eq!(limit.to_string(), canonical);
            assert_eq!(canonical.parse::<Limit>().unwrap(), limit);
        }
    }

    #[test]
    fn r021_refuses_what_makes_no_sense_and_names_it() {
        for text in [
            "",
            "25",
            "usd/month",
            "-1usd/month",
            "NaNusd/month",
            "infusd/month",
            "1e3usd/day",
            "1,5usd/day",
            "1.5requests/minute",
            "5usd",
            "5usd/year",
            "5usd/0",
            "5usd/rolling",
            "5usd/day@",
            "5usd/day@a,b",
            "5usd/day!observe@gpt-5",
            "5usd/day!observe!observe",
            "5usd/day!observe=1",
            "5usd/day!",
            "5usd/day!rollover",
            "5usd/day!carry!carry",
            "5usd/day!carry=",
            "5usd/day!carry=5tokens",
            "5usd/day!carry=5usd/day",
            "5usd/day!carry=6usd",
            "5usd/day!carry=0usd",
            "5usd/day!carry=-1usd",
            "0usd/day!carry",
            "5usd/total!carry",
            "5usd/rolling-24h!carry",
            "5concurrent!carry",
            "9007199usd/day!carry",
            "3concurrent@gpt-5",
            "5usd/rolling-6h",
            "5usd/rolling-24",
            "3concurrent/day",
            "5eur/month",
            "$5tokens/day",
            "99999999999usd/month",
            "9223372036854775807tokens/day",
            "9223372036854775808tokens/day",
            "9007199254740992tokens/day",
            "9999999Musd/day",
            "1.0000000001usd/day",
        ] {
            let error = text.parse::<Limit>().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
