//! Values on the command line that several verbs take.

use crate::clock::{Clock, UnixMs, parse_span, parse_time};
use crate::ids::{AccountId, Id};
use crate::ledger::Enforcement;
use crate::limit::{Increase, Limit, Thresholds};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::time::Duration;

/// How strictly limits are enforced.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Mode {
    /// Hold the most that a call can cost
    Strict,
    /// Hold what a call will probably cost
    Balanced,
    /// Hold nothing
    Postpaid,
    /// Never refuse
    Observe,
}

impl From<Mode> for Enforcement {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Strict => Self::Strict,
            Mode::Balanced => Self::Balanced,
            Mode::Postpaid => Self::Postpaid,
            Mode::Observe => Self::Observe,
        }
    }
}

/// What every account has: a name, limits, thresholds, a mode.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Traits {
    /// A name for people
    #[arg(long)]
    pub name: Option<String>,
    /// A limit such as 25usd/month; may be repeated
    #[arg(long = "limit", value_name = "LIMIT", allow_hyphen_values = true, value_parser = limit)]
    pub limits: Vec<Limit>,
    /// No limits at all
    #[arg(long, conflicts_with = "limits")]
    pub no_limits: bool,
    /// Alert thresholds in per cent: 80,90,100
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = thresholds)]
    pub thresholds: Option<Thresholds>,
    /// How strictly the limits are enforced
    #[arg(long, value_name = "MODE")]
    pub enforcement: Option<Mode>,
}

impl Traits {
    /// The fields of a request body that were given.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(name) = &self.name {
            fields.insert("name".to_owned(), json!(name));
        }
        if !self.limits.is_empty() || self.no_limits {
            fields.insert("limits".to_owned(), json!(self.limits));
        }
        if let Some(thresholds) = &self.thresholds {
            fields.insert("thresholds".to_owned(), json!(thresholds));
        }
        if let Some(mode) = self.enforcement {
            fields.insert("enforcement".to_owned(), json!(Enforcement::from(mode)));
        }
        fields
    }
}

/// Reads a limit.
pub fn limit(text: &str) -> Result<Limit, String> {
    text.trim().parse().map_err(|e| format!("{e}"))
}

/// Reads what a limit is raised by.
pub fn increase(text: &str) -> Result<Increase, String> {
    text.trim().parse().map_err(|e| format!("{e}"))
}

/// Reads thresholds.
pub fn thresholds(text: &str) -> Result<Thresholds, String> {
    let numbers = text.split(',').map(|n| n.trim().trim_end_matches('%').parse::<u32>());
    let numbers: Result<Vec<u32>, _> = numbers.collect();
    let numbers = numbers.map_err(|_| format!("`{text}` is not a list such as 80,90,100"))?;
    Thresholds::try_from(numbers).map_err(|e| e.to_string())
}

/// Reads a time, or so long ago.
pub fn past(text: &str) -> Result<UnixMs, String> {
    let text = text.trim();
    let ago = |span| Clock::system().now().saturating_sub(span);
    parse_time(text).or_else(|| parse_span(text).map(ago)).ok_or_else(|| {
        "write a time such as 2026-11-24T21:13:36Z or 2026-11-24, or 24h for so long ago".to_owned()
    })
}

/// Reads how often something is done: from a second to an hour.
pub fn interval(text: &str) -> Result<Duration, String> {
    let ms = parse_span(text.trim()).filter(|ms| (1_000..=3_600_000).contains(ms));
    let ms = ms.and_then(|ms| u64::try_from(ms).ok());
    ms.map(Duration::from_millis).ok_or_else(|| "write a time from 1s to 1h, such as 2s".to_owned())
}

/// Reads an id.
pub fn id(text: &str) -> Result<Id, String> {
    text.parse().map_err(|e| format!("{e}"))
}

/// Reads the name of an account.
pub fn account(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|e| format!("{e}"))
}

/// The arguments with a space before whatever begins like a negative amount: `-1usd/month` is a
/// value that is to be refused as one, not an option. Readers of values trim.
pub fn negative_as_value(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let spaced = |arg: OsString| match arg.to_str().and_then(|text| text.strip_prefix('-')) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '$')) => {
            OsString::from(format!(" -{rest}"))
        }
        _ => arg,
    };
    args.into_iter().map(spaced).collect()
}
