//! What is written of alerts: how often they are looked after, where they may go, and the channels.
//!
//! `"${NAME}"` as a whole value of a channel's key is the variable of that name. That is of the
//! file only: a channel that comes over the API is read as it is, or it could ask for secrets.

use super::BadConfig;
use super::check::{bad, expand};
use super::print::put;
use super::raw::RawAlerts;
use super::source::Environment;
use crate::alert::{Allowed, Channel};
use crate::clock::parse_span;
use crate::ledger::Network;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::time::Duration;

/// How many channels a file may have.
const MOST_CHANNELS: usize = 100;

const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;

/// What is configured of alerts.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// How often what a crash left is looked for.
    pub check_every: Duration,
    /// The least time between two messages of one account and threshold; zero: each is sent.
    pub renotify_after: Duration,
    /// Where channels may go.
    pub allowed: Allowed,
    /// The channels, each with a name of its own.
    pub channels: Vec<Channel>,
}

pub(super) fn read(raw: RawAlerts, environment: &Environment) -> Result<Alerts, BadConfig> {
    let mut channels = Vec::new();
    let mut networks = Vec::new();
    let mut written = raw.allow_private;
    let mut maps = raw.channels;
    // A line below the channels belongs to the last of them, says TOML; it means all of them.
    for map in &mut maps {
        if let Some(list) = map.remove("allow_private") {
            let list = serde_json::from_value::<Vec<String>>(list);
            written.extend(list.map_err(|_| {
                bad("alerts.allow_private is not a list of networks, such as [\"10.0.0.0/8\"]")
            })?);
        }
    }
    for text in &written {
        let network = text.parse::<Network>();
        networks.push(network.map_err(|why| bad(format!("alerts.allow_private: {why}")))?);
    }
    let allowed = Allowed::new(networks);
    if maps.len() > MOST_CHANNELS {
        return Err(bad(format!("alerts.channels: at most {MOST_CHANNELS} channels")));
    }
    for (i, map) in maps.into_iter().enumerate() {
        let place = place(&map, i.saturating_add(1));
        let Some(map) = expanded(&place, map, environment)? else { continue };
        let channel = Channel::read(&map, &allowed).map_err(|wrong| match wrong.key.as_str() {
            "" => bad(format!("{place}: {}", wrong.detail)),
            key => bad(format!("{place}.{key}: {}", wrong.detail)),
        })?;
        if channels.iter().any(|other: &Channel| other.name() == channel.name()) {
            let name = channel.name();
            return Err(bad(format!("{place}: two channels are named `{name}`; rename one")));
        }
        channels.push(channel);
    }
    Ok(Alerts {
        check_every: span("check_every", raw.check_every.as_deref(), "60s", SECOND)?,
        renotify_after: span("renotify_after", raw.renotify_after.as_deref(), "1h", 0)?,
        allowed,
        channels,
    })
}

/// `alerts.channels.ops`, or the number of a channel without a usable name.
fn place(map: &Map<String, Value>, number: usize) -> String {
    let name = map.get("name").and_then(Value::as_str);
    match name.filter(|name| name.parse::<crate::ids::Id>().is_ok()) {
        Some(name) => format!("alerts.channels.{name}"),
        None => format!("alerts.channels.{number}"),
    }
}

/// The channel with what its texts stand for; `None` where that is secret and is not read.
fn expanded(
    place: &str,
    mut map: Map<String, Value>,
    environment: &Environment,
) -> Result<Option<Map<String, Value>>, BadConfig> {
    for (key, value) in &mut map {
        let texts = match value {
            Value::Array(list) => list.iter_mut().collect(),
            value => vec![value],
        };
        for value in texts {
            let Value::String(text) = value else { continue };
            if !text.starts_with("${") {
                continue;
            }
            if !environment.has_secrets() {
                return Ok(None);
            }
            let meant = expand(&format!("{place}.{key}"), text, environment)?;
            *text = meant.expose_secret().to_owned();
        }
    }
    Ok(Some(map))
}

/// A length of time; `0` is none.
fn span(name: &str, written: Option<&str>, usual: &str, least: i64) -> Result<Duration, BadConfig> {
    let text = written.unwrap_or(usual);
    let most = DAY.saturating_mul(30);
    let ms = if text == "0" { Some(0) } else { parse_span(text) };
    let fits = ms.filter(|ms| (least..=most).contains(ms)).map(u64::try_from);
    match fits {
        Some(Ok(ms)) => Ok(Duration::from_millis(ms)),
        _ => {
            let least = if least == 0 { "0" } else { "1s" };
            Err(bad(format!("alerts.{name} = \"{text}\": from {least} to 30d, such as {usual}")))
        }
    }
}

pub(super) fn printed(alerts: &Alerts) -> toml::Table {
    let mut table = toml::Table::new();
    put(&mut table, "check_every", written(alerts.check_every));
    put(&mut table, "renotify_after", written(alerts.renotify_after));
    let allowed: Vec<_> = alerts.allowed.networks().iter().map(ToString::to_string).collect();
    put(&mut table, "allow_private", allowed);
    let channels = alerts.channels.iter().filter_map(|c| toml::Table::try_from(c.shown()).ok());
    put(&mut table, "channels", channels.collect::<Vec<_>>());
    table
}

/// `60s`, `1h`.
fn written(span: Duration) -> String {
    match span.as_secs() {
        0 => "0".to_owned(),
        seconds if seconds.is_multiple_of(3600) => format!("{}h", seconds.div_euclid(3600)),
        seconds => format!("{seconds}s"),
    }
}
