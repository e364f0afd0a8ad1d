//! What is written of alerts: how often they are looked after, where they may go, the channels, and
//! the rules.
//!
//! `"${NAME}"` as a whole value of a channel's key is the variable of that name. That is of the
//! file only: a channel that comes over the API is read as it is, or it could ask for secrets.

use super::BadConfig;
use super::check::{bad, expand};
use super::print::put;
use super::raw::RawAlerts;
use super::source::Environment;
use crate::alert::{Allowed, BadKey, Channel, Rule};
use crate::clock::parse_span;
use crate::ledger::{Kept, Network};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::time::Duration;

/// How many channels and rules a file may have.
const MOST_CHANNELS: usize = 100;
const MOST_RULES: usize = 200;

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
    /// Channels may run commands on this machine.
    pub allow_exec: bool,
    /// Where people find the dashboard, without a slash at the end.
    pub dashboard: Option<String>,
    /// The channels, each with a name of its own.
    pub channels: Vec<Channel>,
    /// The rules, each with a name of its own.
    pub rules: Vec<Rule>,
}

pub(super) fn read(
    raw: RawAlerts,
    environment: &Environment,
    kept: &Kept,
) -> Result<Alerts, BadConfig> {
    let mut channels = Vec::new();
    let mut networks = Vec::new();
    let mut written = raw.allow_private;
    let (mut maps, mut rules) = (raw.channels, raw.rules);
    let mut allow_exec = raw.allow_exec;
    // A line below the channels belongs to the last of them, says TOML; it means all of them.
    for map in maps.iter_mut().chain(&mut rules) {
        if let Some(list) = map.remove("allow_private") {
            let list = serde_json::from_value::<Vec<String>>(list);
            written.extend(list.map_err(|_| {
                bad("alerts.allow_private is not a list of networks, such as [\"10.0.0.0/8\"]")
            })?);
        }
        if let Some(value) = map.remove("allow_exec") {
            let allowed = value.as_bool().ok_or_else(|| bad("alerts.allow_exec: true or false"))?;
            allow_exec = allow_exec || allowed;
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
        let place = place("channels", &map, i.saturating_add(1));
        let Some(map) = expanded(&place, map, environment)? else { continue };
        let channel = Channel::read(&map, &allowed).map_err(|wrong| at(&place, &wrong))?;
        if channel.runs_command() && !allow_exec {
            let detail = "a channel that runs a command needs `allow_exec = true` in [alerts]";
            return Err(bad(format!("{place}: {detail}")));
        }
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
        allow_exec,
        dashboard: raw.dashboard_url.as_deref().map(dashboard).transpose()?,
        channels,
        rules: read_rules(rules, kept)?,
    })
}

/// An address that people open; where it leads is theirs to know.
fn dashboard(text: &str) -> Result<String, BadConfig> {
    let written = text.trim_end_matches('/');
    let uri = written.parse::<http::Uri>().ok();
    let fine = |uri: &http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.query().is_none()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    };
    match uri.as_ref().is_some_and(fine) && !written.contains('#') {
        true => Ok(written.to_owned()),
        false => Err(bad(format!(
            "alerts.dashboard_url = \"{text}\": write it like https://farebox.example.com"
        ))),
    }
}

fn read_rules(maps: Vec<Map<String, Value>>, kept: &Kept) -> Result<Vec<Rule>, BadConfig> {
    if maps.len() > MOST_RULES {
        return Err(bad(format!("alerts.rules: at most {MOST_RULES} rules")));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for (i, map) in maps.iter().enumerate() {
        let place = place("rules", map, i.saturating_add(1));
        let rule = Rule::read(map, kept, 0).map_err(|wrong| at(&place, &wrong))?;
        if rules.iter().any(|other| other.name() == rule.name()) {
            let name = rule.name();
            return Err(bad(format!("{place}: two rules are named `{name}`; rename one")));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// What is wrong, and where.
fn at(place: &str, wrong: &BadKey) -> BadConfig {
    match wrong.key.as_str() {
        "" => bad(format!("{place}: {}", wrong.detail)),
        key => bad(format!("{place}.{key}: {}", wrong.detail)),
    }
}

/// `alerts.channels.ops`, or the number of one without a usable name.
fn place(list: &str, map: &Map<String, Value>, number: usize) -> String {
    let name = map.get("name").and_then(Value::as_str);
    match name.filter(|name| name.parse::<crate::ids::Id>().is_ok()) {
        Some(name) => format!("alerts.{list}.{name}"),
        None => format!("alerts.{list}.{number}"),
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
    put(&mut table, "allow_exec", alerts.allow_exec);
    if let Some(dashboard) = &alerts.dashboard {
        put(&mut table, "dashboard_url", dashboard.as_str());
    }
    let channels = alerts.channels.iter().filter_map(|c| toml::Table::try_from(c.shown()).ok());
    put(&mut table, "channels", channels.collect::<Vec<_>>());
    let rules = alerts.rules.iter().filter_map(|r| toml::Table::try_from(r.shown()).ok());
    put(&mut table, "rules", rules.collect::<Vec<_>>());
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
