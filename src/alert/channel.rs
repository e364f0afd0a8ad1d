//! A channel: where alerts go, of which levels, and of which workspace.
//!
//! Read from TOML and from JSON by the same code; shown without its secrets. A new kind of channel
//! is one file and one line in each `match` here.

use super::address::Allowed;
use super::email::Email;
use super::exec::Exec;
use super::message::Message;
use super::notice::{Notice, State};
use super::pagerduty::PagerDuty;
use super::slack::Slack;
use super::twilio::Twilio;
use super::webhook::Webhook;
use super::written::{BadKey, Keys, LEVELS, bad};
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::ledger::Rate;
use crate::limit::Level;
use serde_json::{Map, Value, json};

/// The words of a channel's `type`.
const KINDS: [&str; 6] = ["slack", "webhook", "email", "pagerduty", "twilio", "exec"];

/// What every kind of channel has.
const SHARED: [&str; 4] = ["type", "name", "levels", "workspace"];

/// What a channel may ask for beside alerts; only those that have room for it.
const REPORTS: [&str; 2] = ["daily", "weekly"];

/// What stands for a secret.
pub(super) const HIDDEN: &str = "***";

/// Where alerts go.
#[derive(Debug, Clone)]
pub struct Channel {
    name: Id,
    levels: Vec<Level>,
    workspace: Option<Id>,
    reports: Vec<&'static str>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Slack(Slack),
    Webhook(Webhook),
    Email(Email),
    PagerDuty(PagerDuty),
    Twilio(Twilio),
    Exec(Exec),
}

impl Channel {
    /// Reads a channel as it was written: the keys of docs/alerts.md. A channel without a name has
    /// that of its type. Addresses that are written as numbers must be public or allowed.
    pub fn read(map: &Map<String, Value>, allowed: &Allowed) -> Result<Self, BadKey> {
        let word = match map.get("type") {
            Some(Value::String(word)) => word.as_str(),
            _ => return Err(bad("type", format!("it is missing: one of {}", KINDS.join(", ")))),
        };
        let own = match word {
            "slack" => Slack::KEYS,
            "webhook" => Webhook::KEYS,
            "email" => Email::KEYS,
            "pagerduty" => PagerDuty::KEYS,
            "twilio" => Twilio::KEYS,
            "exec" => Exec::KEYS,
            _ => {
                let shown: String = word.escape_debug().take(40).collect();
                let kinds = KINDS.join(", ");
                return Err(bad("type", format!("`{shown}` is not one of {kinds}")));
            }
        };
        let roomy: &[&str] = match word {
            "slack" | "webhook" | "email" => &["reports"],
            _ => &[],
        };
        let known = [&SHARED, roomy, own].concat();
        let keys = Keys::of(map, &format!("{word} channel"), &known, allowed)?;
        let kind = match word {
            "slack" => Kind::Slack(Slack::read(&keys)?),
            "webhook" => Kind::Webhook(Webhook::read(&keys)?),
            "email" => Kind::Email(Email::read(&keys)?),
            "pagerduty" => Kind::PagerDuty(PagerDuty::read(&keys)?),
            "exec" => Kind::Exec(Exec::read(&keys)?),
            _ => Kind::Twilio(Twilio::read(&keys)?),
        };
        let name = match keys.parsed("name")? {
            Some(name) => name,
            None => word.parse().map_err(|why| bad("name", format!("{why}")))?,
        };
        let (levels, reports) = (levels(&keys)?, reports(&keys)?);
        Ok(Self { name, levels, workspace: keys.parsed("workspace")?, reports, kind })
    }

    /// Its name, which is its own.
    pub fn name(&self) -> &Id {
        &self.name
    }

    /// The word of its type.
    pub fn kind(&self) -> &'static str {
        match &self.kind {
            Kind::Slack(_) => "slack",
            Kind::Webhook(_) => "webhook",
            Kind::Email(_) => "email",
            Kind::PagerDuty(_) => "pagerduty",
            Kind::Twilio(_) => "twilio",
            Kind::Exec(_) => "exec",
        }
    }

    /// The workspace whose alerts it gets; `None`: all.
    pub fn workspace(&self) -> Option<&Id> {
        self.workspace.as_ref()
    }

    /// The reports that it asks for: `daily`, `weekly`.
    pub fn reports(&self) -> &[&'static str] {
        &self.reports
    }

    /// Whether a notice is for it: its level and its workspace are wanted; and that something is
    /// over is told to those who keep it open until then, which is PagerDuty. A report is for those
    /// that ask for it, and of exactly their workspace, or of all.
    pub fn wants(&self, notice: &Notice) -> bool {
        if let Some(digest) = notice.digest() {
            let asked = self.reports.contains(&digest.kind.as_str());
            return asked && self.workspace == notice.workspace;
        }
        let told = notice.state == State::Triggered || matches!(self.kind, Kind::PagerDuty(_));
        let ours = self.workspace.is_none() || self.workspace == notice.workspace;
        told && ours && self.levels.contains(&notice.level())
    }

    /// What is sent for a notice. `id` is the same for every try of one alert on this channel;
    /// `now` is the time of this try.
    pub fn message(&self, notice: &Notice, id: &str, now: UnixMs) -> Result<Message, String> {
        match &self.kind {
            Kind::Slack(slack) => Ok(Message::Post(slack.post(notice))),
            Kind::Webhook(webhook) => webhook.post(notice, id, now).map(Message::Post),
            Kind::Email(email) => {
                email.mail(notice, id, now).map(|mail| Message::Mail(Box::new(mail)))
            }
            Kind::PagerDuty(pagerduty) => Ok(Message::Post(pagerduty.post(notice))),
            Kind::Twilio(twilio) => twilio.post(notice).map(Message::Post),
            Kind::Exec(exec) => Ok(Message::Run(exec.run(notice))),
        }
    }

    /// Whether it runs a command on this machine.
    pub fn runs_command(&self) -> bool {
        matches!(self.kind, Kind::Exec(_))
    }

    /// How fast it may be used.
    pub fn rate(&self) -> Rate {
        match &self.kind {
            Kind::Slack(_) => Slack::RATE,
            Kind::Twilio(twilio) => twilio.rate(),
            Kind::Webhook(_) | Kind::Email(_) | Kind::PagerDuty(_) | Kind::Exec(_) => {
                Rate::default()
            }
        }
    }

    /// The channel with `***` for its secrets.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("type".to_owned(), self.kind().into());
        shown.insert("name".to_owned(), self.name.as_str().into());
        let levels: Vec<_> = self.levels.iter().map(|level| level.as_str()).collect();
        shown.insert("levels".to_owned(), json!(levels));
        if let Some(workspace) = &self.workspace {
            shown.insert("workspace".to_owned(), workspace.as_str().into());
        }
        if !self.reports.is_empty() {
            shown.insert("reports".to_owned(), json!(self.reports));
        }
        let own = match &self.kind {
            Kind::Slack(slack) => slack.shown(),
            Kind::Webhook(webhook) => webhook.shown(),
            Kind::Email(email) => email.shown(),
            Kind::PagerDuty(pagerduty) => pagerduty.shown(),
            Kind::Twilio(twilio) => twilio.shown(),
            Kind::Exec(exec) => exec.shown(),
        };
        if let Value::Object(own) = own {
            shown.extend(own);
        }
        shown
    }

    /// Whether another one is the same, secrets included.
    pub fn is_same(&self, other: &Self) -> bool {
        let kinds = match (&self.kind, &other.kind) {
            (Kind::Slack(one), Kind::Slack(other)) => one.is_same(other),
            (Kind::Webhook(one), Kind::Webhook(other)) => one.is_same(other),
            (Kind::Email(one), Kind::Email(other)) => one.is_same(other),
            (Kind::PagerDuty(one), Kind::PagerDuty(other)) => one.is_same(other),
            (Kind::Twilio(one), Kind::Twilio(other)) => one.is_same(other),
            (Kind::Exec(one), Kind::Exec(other)) => one == other,
            _ => false,
        };
        kinds && self.shown() == other.shown()
    }
}

fn levels(keys: &Keys<'_>) -> Result<Vec<Level>, BadKey> {
    let Some(list) = keys.list("levels", LEVELS.len())? else { return Ok(LEVELS.to_vec()) };
    let read = |word: &str| keys.level("levels", word);
    let mut levels = list.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    levels.sort();
    levels.dedup();
    Ok(levels)
}

fn reports(keys: &Keys<'_>) -> Result<Vec<&'static str>, BadKey> {
    let Some(list) = keys.list("reports", REPORTS.len())? else { return Ok(Vec::new()) };
    if let Some(unknown) = list.iter().find(|word| !REPORTS.contains(word)) {
        let shown: String = unknown.escape_debug().take(40).collect();
        return Err(bad("reports", format!("`{shown}` is not one of daily, weekly")));
    }
    Ok(REPORTS.into_iter().filter(|word| list.contains(word)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::notice::samples::{at, report};
    use super::*;

    const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

    fn read(text: &str) -> Result<Channel, String> {
        let map: Map<String, Value> = serde_json::from_str(text).unwrap();
        Channel::read(&map, &Allowed::default()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn toml_and_json_are_read_alike() {
        let toml = format!(
            "type = 'webhook'\nname = 'ops'\nurl = 'https://example.com/x'\nsecret = '{SECRET}'\n\
             levels = ['exceeded', 'critical', 'exceeded']\nworkspace = 'team'"
        );
        let written: Map<String, Value> = toml::from_str(&toml).unwrap();
        let channel = Channel::read(&written, &Allowed::default()).unwrap();
        let json = format!(
            r#"{{"type": "webhook", "name": "ops", "url": "https://example.com/x",
            "secret": "{SECRET}", "levels": ["critical", "exceeded"], "workspace": "team"}}"#
        );
        assert!(channel.is_same(&read(&json).unwrap()));
        assert!(!channel.is_same(&read(&json.replace("MDEy", "MDEz")).unwrap()));
        let shown = Value::Object(channel.shown()).to_string();
        assert!(!shown.contains("MDEy") && shown.contains(r#""levels":["critical","exceeded"]"#));
        let debug = format!("{channel:?}");
        assert!(!debug.contains("MDEy") && !debug.contains("/x"), "{debug}");
    }

    #[test]
    fn a_channel_gets_what_it_wants() {
        let channel = |more: &str| {
            read(&format!(r#"{{"type": "slack", "url": "https://example.com/x"{more}}}"#)).unwrap()
        };
        let warning = at("user:alice", "1usd/month", 1, 80);
        let exceeded = at("user:alice", "1usd/month", 1, 100);
        let all = channel("");
        assert_eq!((all.name().as_str(), all.kind()), ("slack", "slack"));
        assert!(all.wants(&warning) && all.wants(&exceeded));
        assert!(!channel(r#", "levels": ["exceeded"]"#).wants(&warning));
        assert!(channel(r#", "workspace": "default""#).wants(&warning));
        assert!(!channel(r#", "workspace": "other""#).wants(&warning));
        let over = Notice { state: State::Resolved, ..warning };
        assert!(!all.wants(&over));
        assert!(read(r#"{"type": "pagerduty", "routing_key": "k"}"#).unwrap().wants(&over));
    }

    #[test]
    fn a_report_is_for_who_asks_for_it() {
        let channel = |more: &str| {
            read(&format!(r#"{{"type": "slack", "url": "https://example.com/x"{more}}}"#)).unwrap()
        };
        let all = report();
        let mut of_team = report();
        of_team.workspace = Some("team".parse().unwrap());
        assert!(!channel("").wants(&all));
        assert!(!channel(r#", "reports": ["weekly"]"#).wants(&all));
        let daily = channel(r#", "reports": ["weekly", "daily"]"#);
        assert_eq!(daily.reports(), ["daily", "weekly"]);
        assert!(daily.wants(&all) && !daily.wants(&of_team));
        let team = channel(r#", "reports": ["daily"], "workspace": "team""#);
        assert!(team.wants(&of_team) && !team.wants(&all));
        let pager = r#"{"type": "pagerduty", "routing_key": "k", "reports": ["daily"]}"#;
        assert!(read(pager).unwrap_err().contains("unknown key `reports`"));
        let monthly = r#"{"type": "slack", "url": "https://x.com/x", "reports": ["monthly"]}"#;
        assert!(read(monthly).unwrap_err().contains("`monthly` is not one of daily, weekly"));
    }

    #[test]
    fn mistakes_are_named_with_the_way_out_and_without_secrets() {
        for (text, why) in [
            (r#"{}"#, "type: it is missing: one of slack, webhook"),
            (r#"{"type": "pager"}"#, "type: `pager` is not one of slack"),
            (r#"{"type": "slack"}"#, "url: it is missing"),
            (r#"{"type": "slack", "ulr": "https://x.com/S"}"#, "did you mean `url`?"),
            (r#"{"type": "slack", "routing_key": "S"}"#, "a slack channel has type, name"),
            (r#"{"type": "slack", "url": 7}"#, "url: it is not a text"),
            (r#"{"type": "slack", "url": "https://10.0.0.1/S"}"#, "allow_private"),
            (r#"{"type": "slack", "url": "https://x.com/S", "levels": []}"#, "0 entries"),
            (r#"{"type": "slack", "url": "https://x.com/S", "levels": ["bad"]}"#, "`bad`"),
            (r#"{"type": "slack", "url": "https://x.com/S", "name": "a b"}"#, "name: `a b`"),
            (r#"{"type": "webhook", "url": "https://x.com/"}"#, "secret: it is missing"),
            (r#"{"type": "webhook", "url": "https://x.com/", "secret": "S"}"#, "whsec_"),
            (r#"{"type": "webhook", "url": "https://x.com/", "secret": "whsec_UzEy"}"#, "24 bytes"),
            (r#"{"type": "webhook", "url": "https://x.com/", "secret": "whsec_S*"}"#, "base64"),
            (r#"{"type": "email", "host": "x.com", "from": "S", "to": ["a@b.c"]}"#, "from: "),
            (r#"{"type": "email", "host": "x.com", "from": "a@b.c", "to": []}"#, "to: "),
            (
                r#"{"type": "email", "host": "x.com", "from": "a@b.c", "to": ["a@b.c"], "tls": "ssl"}"#,
                "`ssl` is not one of none, starttls, implicit",
            ),
            (
                r#"{"type": "email", "host": "x.com", "from": "a@b.c", "to": ["a@b.c"], "port": 0}"#,
                "port: ",
            ),
            (
                r#"{"type": "email", "host": "x.com", "from": "a@b.c", "to": ["a@b.c"], "username": "u"}"#,
                "password: it is missing",
            ),
            (
                r#"{"type": "email", "host": "127.0.0.1", "from": "a@b.c", "to": ["a@b.c"]}"#,
                "host: 127.0.0.1",
            ),
            (r#"{"type": "pagerduty", "routing_key": "S S"}"#, "routing_key: "),
            (
                r#"{"type": "twilio", "account_sid": "A/C", "auth_token": "S", "from": "+15005550006", "to": "+1"}"#,
                "account_sid: ",
            ),
            (
                r#"{"type": "twilio", "account_sid": "AC1", "auth_token": "S", "from": "+15005550006", "to": "alice"}"#,
                "to: `alice`",
            ),
            (
                r#"{"type": "twilio", "account_sid": "AC1", "auth_token": "S", "from": "+15005550006", "to": "+15005550001", "daily_cap": -1}"#,
                "daily_cap: ",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains('S'), "{text}: {error}");
        }
    }
}
