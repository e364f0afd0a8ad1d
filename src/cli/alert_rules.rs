//! `farebox alerts rules`: what is alerted besides thresholds.

use super::accounts::One;
use super::client::Client;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::table::{Cell, Table, field};
use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// List rules
    List,
    /// Make a rule: spendy absolute_usd account=user:* amount=100usd window=day
    Create {
        /// Its name
        name: String,
        /// absolute_usd, burn_rate, error_rate, spike and others: see docs/alerts.md
        kind: String,
        /// The keys of docs/alerts.md, as KEY=VALUE
        #[arg(value_name = "KEY=VALUE")]
        keys: Vec<String>,
    },
    /// Delete a rule; what it fired for is over
    Delete(One),
}

const RULES: &str = "/api/v1/alert-rules";
/// Keys that every rule has, or that have a column of their own.
const SHOWN: [&str; 7] = ["id", "name", "kind", "account", "level", "workspace", "source"];

/// Runs an action.
pub(super) async fn run(
    action: Rules,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Rules::List => {
            let rules = client.get(RULES, &[]).await?["data"].take();
            if console.flags.json {
                return console.json(&rules);
            }
            console.table(&table(&rules))
        }
        Rules::Create { name, kind, keys } => {
            let body = body(&name, &kind, &keys)?;
            let made = client.send(Method::POST, RULES, &body.into()).await?;
            console.either(&made, |_| format!("created {kind} rule {name}"))?;
            console.hint("next: farebox alerts history");
            Ok(())
        }
        Rules::Delete(One { id }) => {
            console.confirm(&format!("this deletes alert rule {id}"), id.as_str())?;
            client.delete(&format!("{RULES}/{id}")).await?;
            console.either(&json!({"id": id, "deleted": true}), |_| format!("deleted rule {id}"))
        }
    }
}

/// The rule that the arguments describe.
fn body(name: &str, kind: &str, keys: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    for pair in keys {
        let Some((key, text)) = pair.split_once('=') else {
            let shown: String = pair.escape_debug().take(80).collect();
            let message = format!("`{shown}` is not KEY=VALUE, such as amount=100usd");
            return Err(Failure::new(Exit::Usage, message));
        };
        let value = text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number));
        body.insert(key.to_owned(), value);
    }
    body.insert("name".to_owned(), json!(name));
    body.insert("kind".to_owned(), json!(kind));
    Ok(body)
}

fn table(rules: &Value) -> Table {
    let mut table =
        Table::new(&["RULE", "KIND", "ACCOUNT", "FIRES AT", "LEVEL", "WORKSPACE", "SOURCE"]);
    for rule in rules.as_array().into_iter().flatten() {
        table.row([
            Cell::text(field(rule, "name")),
            Cell::text(field(rule, "kind")),
            Cell::text(field(rule, "account")),
            Cell::text(own(rule)),
            Cell::text(field(rule, "level")),
            Cell::text(field(rule, "workspace")),
            Cell::text(field(rule, "source")),
        ]);
    }
    table
}

/// `amount=100usd window=day`: as `create` takes it.
fn own(rule: &Value) -> String {
    let all = rule.as_object().into_iter().flatten();
    let own = all.filter(|(key, value)| !SHOWN.contains(&key.as_str()) && !value.is_null());
    let each = own.map(|(key, _)| format!("{key}={}", field(rule, key)));
    each.collect::<Vec<_>>().join(" ")
}
