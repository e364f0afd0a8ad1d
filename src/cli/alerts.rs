//! `farebox alerts`: the channels that alerts go to, and what was raised.

use super::accounts::One;
use super::alert_rules::{self, Rules};
use super::args;
use super::client::Client;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::table::{Cell, Table, field};
use crate::ids::AccountId;
use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Where alerts go
    #[command(subcommand)]
    Channels(Channels),
    /// What is alerted besides thresholds
    #[command(subcommand)]
    Rules(Rules),
    /// What was raised, newest first, and how far it is on each channel
    History {
        /// Only those of this account: user:alice
        #[arg(long, value_parser = args::account)]
        account: Option<AccountId>,
        /// Only those of this level
        #[arg(long, value_parser = ["warning", "critical", "exceeded", "report"])]
        level: Option<String>,
        /// How many at most
        #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Send a test to a channel, now and once
    Test(One),
}

/// What to do with channels.
#[derive(Debug, Subcommand)]
pub enum Channels {
    /// List channels
    List,
    /// Make a channel: slack ops url=https://hooks.slack.com/…
    Create {
        /// slack, webhook, email, pagerduty or twilio
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Its name
        name: String,
        /// The keys of docs/alerts.md, as KEY=VALUE; VALUE @FILE is read from a file, lists are written a,b
        #[arg(value_name = "KEY=VALUE")]
        keys: Vec<String>,
    },
    /// Delete a channel, and what is still to be sent to it
    Delete(One),
}

const CHANNELS: &str = "/api/v1/alert-channels";
/// Keys whose values are lists.
const LISTS: [&str; 3] = ["levels", "reports", "to"];
/// Keys whose values are numbers.
const NUMBERS: [&str; 2] = ["port", "daily_cap"];

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Channels(Channels::List) => {
            let channels = client.get(CHANNELS, &[]).await?["data"].take();
            if console.flags.json {
                return console.json(&channels);
            }
            console.table(&channels_table(&channels))
        }
        Action::Channels(Channels::Create { kind, name, keys }) => {
            let body = body(&kind, &name, &keys)?;
            let made = client.send(Method::POST, CHANNELS, &body.into()).await?;
            console.either(&made, |_| format!("created {kind} channel {name}"))?;
            console.hint(&format!("next: farebox alerts test {name}"));
            Ok(())
        }
        Action::Channels(Channels::Delete(One { id })) => {
            console.confirm(&format!("this deletes alert channel {id}"), id.as_str())?;
            client.delete(&format!("{CHANNELS}/{id}")).await?;
            console.either(&json!({"id": id, "deleted": true}), |_| format!("deleted channel {id}"))
        }
        Action::Rules(action) => alert_rules::run(action, client, console).await,
        Action::History { account, level, limit } => {
            let (account, limit) = (account.map(|id| id.to_string()), limit.to_string());
            let query = [
                ("account", account.as_deref()),
                ("level", level.as_deref()),
                ("limit", Some(limit.as_str())),
            ];
            let alerts = client.get("/api/v1/alerts", &query).await?["data"].take();
            if console.flags.json {
                return console.json(&alerts);
            }
            console.table(&history(&alerts))
        }
        Action::Test(One { id }) => {
            let path = format!("{CHANNELS}/{id}/test");
            let tested = client.send(Method::POST, &path, &json!({})).await?;
            if tested["delivered"] != true {
                let why =
                    format!("channel {id} did not take the test: {}", field(&tested, "error"));
                return Err(Failure::new(Exit::Failed, why));
            }
            console.either(&tested, |_| format!("channel {id} took the test"))
        }
    }
}

/// The channel that the arguments describe.
fn body(kind: &str, name: &str, keys: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    body.insert("type".to_owned(), json!(kind));
    body.insert("name".to_owned(), json!(name));
    for pair in keys {
        let Some((key, text)) = pair.split_once('=') else {
            let message = "a key of a channel is written KEY=VALUE, such as url=https://…";
            return Err(Failure::new(Exit::Usage, message));
        };
        let text = match text.strip_prefix('@') {
            Some(path) if !LISTS.contains(&key) => read(path)?,
            _ => text.to_owned(),
        };
        let value = match text.parse::<u32>() {
            Ok(number) if NUMBERS.contains(&key) => json!(number),
            _ if LISTS.contains(&key) && kind != "twilio" => {
                json!(text.split(',').map(str::trim).collect::<Vec<_>>())
            }
            _ => json!(text),
        };
        body.insert(key.to_owned(), value);
    }
    Ok(body)
}

fn read(path: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|why| Failure::new(Exit::Usage, format!("{path}: {why}")))?;
    Ok(text.trim_end().to_owned())
}

fn channels_table(channels: &Value) -> Table {
    let mut table = Table::new(&["CHANNEL", "TYPE", "LEVELS", "WORKSPACE", "SOURCE"]);
    for channel in channels.as_array().into_iter().flatten() {
        let levels = channel["levels"].as_array().into_iter().flatten().filter_map(Value::as_str);
        table.row([
            Cell::text(field(channel, "name")),
            Cell::text(field(channel, "type")),
            Cell::text(levels.collect::<Vec<_>>().join(" ")),
            Cell::text(field(channel, "workspace")),
            Cell::text(field(channel, "source")),
        ]);
    }
    table
}

fn history(alerts: &Value) -> Table {
    let mut table =
        Table::new(&["TIME", "ACCOUNT", "LIMIT/RULE", "LEVEL", "THRESHOLD", "USAGE", "DELIVERIES"]);
    for alert in alerts.as_array().into_iter().flatten() {
        table.row([
            Cell::text(field(alert, "time")),
            Cell::text(field(alert, "account")),
            Cell::text(field(alert, if alert["rule"].is_null() { "limit" } else { "rule" })),
            Cell::text(field(alert, "level")),
            Cell::figure(per_cent(&alert["threshold"])),
            Cell::figure(per_cent(&alert["usage_percent"])),
            Cell::text(deliveries(alert)),
        ]);
    }
    table
}

/// `80%`; nothing for what rules fire for.
fn per_cent(value: &Value) -> String {
    if value.is_null() { String::new() } else { format!("{value}%") }
}

/// `ops delivered, mail failed`.
fn deliveries(alert: &Value) -> String {
    if alert["suppressed"] == true {
        return "suppressed".to_owned();
    }
    let all = alert["deliveries"].as_array().into_iter().flatten();
    let each = all.map(|one| format!("{} {}", field(one, "channel"), field(one, "status")));
    each.collect::<Vec<_>>().join(", ")
}
