//! `farebox providers`: our credentials at providers, what is left of their quotas, and whether
//! they are used.

use super::args;
use super::capacity;
use super::client::Client;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::show;
use super::table::{Cell, Table, field};
use crate::ids::Id;
use clap::{ArgGroup, Subcommand};
use http::Method;
use serde_json::{Value, json};

const CREDENTIALS: &str = "/api/v1/credentials";
const PROVIDERS: &str = "/api/v1/providers";

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List credentials with what is left of their quotas
    List {
        /// With the figures of this day, such as 2026-11-24
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
    },
    /// Show a credential, or a provider with its pool
    Show {
        /// The name of a credential or a provider
        #[arg(value_parser = args::id)]
        name: Id,
        /// With the figures of this day, such as 2026-11-24
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
    },
    /// Show what a credential was used for, day by day
    Days {
        /// The name of a credential
        #[arg(value_parser = args::id)]
        name: Id,
        /// From this day, such as 2026-11-24 (default: the last 30)
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// To this day (default: today)
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
    },
    /// Use a credential again, whatever it was taken out by
    Enable {
        /// The name of a credential
        #[arg(value_parser = args::id)]
        name: Id,
    },
    /// Take a credential out until it is enabled
    Disable {
        /// The name of a credential
        #[arg(value_parser = args::id)]
        name: Id,
    },
    /// Zero what is used of a credential's quotas in their current periods
    #[command(group(ArgGroup::new("whose").required(true).args(["name", "all"])))]
    Reset {
        /// The name of a credential or, for its whole pool, of a provider
        #[arg(value_parser = args::id)]
        name: Option<Id>,
        /// Of all credentials
        #[arg(long)]
        all: bool,
    },
    /// Show what all credentials can do together, for each meter and window
    Capacity {
        /// Only those of this provider
        #[arg(value_parser = args::id)]
        provider: Option<Id>,
    },
}

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::List { date } => list(client, console, date.as_deref()).await,
        Action::Show { name, date } => show(client, console, &name, date.as_deref()).await,
        Action::Days { name, from, to } => {
            let query = [("from", from.as_deref()), ("to", to.as_deref())];
            days(client, console, &name, &query).await
        }
        Action::Enable { name } => turn(client, console, &name, "enable").await,
        Action::Disable { name } => turn(client, console, &name, "disable").await,
        Action::Reset { name, .. } => reset(client, console, name.as_ref()).await,
        Action::Capacity { provider } => {
            let providers = match &provider {
                Some(name) => vec![client.get(&format!("{PROVIDERS}/{name}"), &[]).await?],
                None => client.all(PROVIDERS, &[]).await?,
            };
            capacity::print(console, &capacity::of(&providers))
        }
    }
}

fn path(name: &Id) -> String {
    format!("{CREDENTIALS}/{name}")
}

async fn list(client: &Client, console: &mut Console, date: Option<&str>) -> Result<(), Failure> {
    let credentials = client.all(CREDENTIALS, &[("date", date)]).await?;
    if console.flags.json {
        return console.json(&credentials.into());
    }
    let providers = client.all(PROVIDERS, &[]).await?;
    let heads = [
        "CREDENTIAL",
        "PROVIDER",
        "STATUS",
        "QUOTA",
        "REMAINING",
        "UTILISATION",
        "RESETS",
        "REQUESTS",
        "CHARACTERS",
        "TOKENS",
    ];
    let mut table = Table::new(&heads);
    for one in &credentials {
        table.row([
            Cell::text(field(one, "config_id")),
            Cell::text(field(one, "provider")),
            Cell::text(status(one)),
            Cell::figure(quota(one)),
            Cell::figure(field(one, "quota_remaining")),
            Cell::bar(&one["usage_percent"]),
            Cell::text(field(one, "reset_at")),
            Cell::figure(field(one, "request_count")),
            Cell::figure(field(one, "character_count")),
            Cell::figure(field(one, "tokens")),
        ]);
    }
    console.table(&table)?;
    let bare = providers.iter().filter(|one| one["credentials"] == json!([]));
    for provider in bare {
        console.hint(&format!(
            "provider {} has no credential: see [[providers.{0}.credentials]]",
            field(provider, "id")
        ));
    }
    if providers.is_empty() {
        console.hint("there are no providers yet: set OPENAI_API_KEY, or write [providers.NAME]");
    }
    Ok(())
}

/// The word, and until when where that ends by itself.
fn status(one: &Value) -> String {
    let word = field(one, "status");
    match one["available_at"].as_str() {
        Some(at) => format!("{word} until {at}"),
        None => word,
    }
}

/// `14400 characters/day`, or `-`.
fn quota(one: &Value) -> String {
    match (&one["quota_meter"], &one["quota_window"]) {
        (Value::Null, _) => "-".to_owned(),
        (_, Value::Null) => format!("{} {}", field(one, "quota_limit"), field(one, "quota_meter")),
        _ => {
            let (limit, meter) = (field(one, "quota_limit"), field(one, "quota_meter"));
            format!("{limit} {meter}/{}", field(one, "quota_window"))
        }
    }
}

/// What is shown of a credential, in this order.
const FIELDS: [&str; 14] = [
    "provider",
    "status",
    "available_at",
    "remaining_percentage",
    "thresholds",
    "date",
    "request_count",
    "failed",
    "character_count",
    "tokens",
    "cost_usd",
    "total_requests",
    "total_tokens",
    "last_updated",
];

/// A credential, else the provider of that name.
async fn show(
    client: &Client,
    console: &mut Console,
    name: &Id,
    date: Option<&str>,
) -> Result<(), Failure> {
    let found = match client.get(&path(name), &[("date", date)]).await {
        Err(failure) if failure.exit == Exit::NotFound => {
            match client.get(&format!("{PROVIDERS}/{name}"), &[]).await {
                Ok(provider) => return show_provider(console, &provider),
                Err(_) => return Err(failure),
            }
        }
        found => found?,
    };
    if console.flags.json {
        return console.json(&found);
    }
    console.line(&format!("{:<21} {name}", "credential"))?;
    for name in FIELDS {
        console.line(&format!("{name:<21} {}", field(&found, name)))?;
    }
    for (name, text) in found["metadata"].as_object().into_iter().flatten() {
        console.line(&format!(
            "{:<21} {}",
            format!("  {name}"),
            field(&json!({"t": text}), "t")
        ))?;
    }
    let limits = found["limits"].as_array().map(Vec::as_slice).unwrap_or_default();
    if limits.is_empty() {
        console
            .hint(&format!("no limits: farebox limits set credential:{name} 14400characters/day"));
        return Ok(());
    }
    console.line("")?;
    console.table(&show::limits(limits))
}

fn show_provider(console: &mut Console, provider: &Value) -> Result<(), Failure> {
    if console.flags.json {
        return console.json(provider);
    }
    for (title, name) in [
        ("provider", "id"),
        ("dialect", "dialect"),
        ("base_url", "base_url"),
        ("choose", "choose"),
        ("credentials", "credentials"),
    ] {
        console.line(&format!("{title:<12} {}", field(provider, name)))?;
    }
    let capacity = capacity::of(std::slice::from_ref(provider));
    if capacity.is_empty() {
        return Ok(());
    }
    console.line("")?;
    capacity::print(console, &capacity)
}

async fn days(
    client: &Client,
    console: &mut Console,
    name: &Id,
    query: &[(&str, Option<&str>)],
) -> Result<(), Failure> {
    let found = client.get(&format!("{}/days", path(name)), query).await?;
    if console.flags.json {
        return console.json(&found["data"]);
    }
    let mut table =
        Table::new(&["DATE", "REQUESTS", "FAILED", "CHARACTERS", "TOKENS", "COST", "METADATA"]);
    for day in found["data"].as_array().into_iter().flatten() {
        let notes = day["metadata"].as_object().into_iter().flatten();
        let notes = notes.map(|(name, text)| format!("{name}={}", text.as_str().unwrap_or("")));
        table.row([
            Cell::text(field(day, "date")),
            Cell::figure(field(day, "request_count")),
            Cell::figure(field(day, "failed")),
            Cell::figure(field(day, "character_count")),
            Cell::figure(field(day, "tokens")),
            Cell::figure(format!("${}", field(day, "cost_usd"))),
            Cell::text(notes.collect::<Vec<_>>().join(" ")),
        ]);
    }
    console.table(&table)
}

async fn turn(
    client: &Client,
    console: &mut Console,
    name: &Id,
    verb: &str,
) -> Result<(), Failure> {
    let before = client.get(&path(name), &[]).await?;
    let after = client.send(Method::POST, &format!("{}/{verb}", path(name)), &json!({})).await?;
    console.either(&after, |after| format!("{name}  {} → {}", status(&before), status(after)))?;
    match verb {
        "disable" => console.hint(&format!("next: farebox providers enable {name}")),
        _ if after["status"] == "disabled" => console.hint(&format!(
            "its quota is used up: farebox providers reset {name}, or limits bump credential:{name}"
        )),
        _ => {}
    }
    Ok(())
}

/// Zeroes one credential, the pool of a provider, or all.
async fn reset(client: &Client, console: &mut Console, name: Option<&Id>) -> Result<(), Failure> {
    let before = client.all(CREDENTIALS, &[]).await?;
    let is = |what: &str| name.is_some_and(|name| name.as_str() == what);
    let one = before.iter().any(|credential| is(&field(credential, "config_id")));
    let wanted = |credential: &&Value| match one {
        true => is(&field(credential, "config_id")),
        false => name.is_none() || is(&field(credential, "provider")),
    };
    let wanted: Vec<&Value> = before.iter().filter(wanted).collect();
    if let (Some(name), true) = (name, wanted.is_empty()) {
        client.get(&format!("{PROVIDERS}/{name}"), &[]).await.map_err(|failure| {
            let message = format!("there is no credential or provider `{name}`");
            if failure.exit == Exit::NotFound {
                Failure::new(failure.exit, message)
            } else {
                failure
            }
        })?;
    }
    let whose = name.map_or("all".to_owned(), ToString::to_string);
    let count = wanted.len();
    console.confirm(&format!("this zeroes what {count} credentials used"), &whose)?;
    let mut changed = Vec::new();
    for old in wanted {
        let name = field(old, "config_id");
        let path = format!("{CREDENTIALS}/{name}/reset");
        let new = client.send(Method::POST, &path, &json!({})).await?;
        if !console.flags.json {
            print_reset(console, &name, old, &new)?;
        }
        changed.push(new);
    }
    match (console.flags.json, one) {
        (false, _) => Ok(()),
        (true, true) => console.json(changed.first().unwrap_or(&Value::Null)),
        (true, false) => console.json(&changed.into()),
    }
}

/// A line for each limit of which something was used.
fn print_reset(console: &mut Console, name: &str, old: &Value, new: &Value) -> Result<(), Failure> {
    for after in new["limits"].as_array().into_iter().flatten() {
        let mut limits = old["limits"].as_array().into_iter().flatten();
        let before = limits.find(|limit| limit["text"] == after["text"]);
        let used = before.map_or_else(|| "0".to_owned(), |limit| field(limit, "used"));
        let (text, now) = (field(after, "text"), field(after, "used"));
        console.line(&format!("{name}  {text}: used {used} → {now}"))?;
    }
    Ok(())
}
