//! `farebox users`: who has a budget.

use super::accounts::{self, One};
use super::args::{self, Traits};
use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::ids::{AccountKind, Id};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Create a user: users create alice --workspace eng --limit 25usd/month
    Create {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// The user's workspace
        #[arg(long, value_parser = args::id)]
        workspace: Option<Id>,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// List users
    List {
        /// Only those of this workspace
        #[arg(long, value_parser = args::id)]
        workspace: Option<Id>,
    },
    /// Show a user
    Show(One),
    /// Change a user; --limit replaces all its limits
    Set {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// Move the user with its keys; what it spent stays with its present workspace
        #[arg(long, value_parser = args::id)]
        workspace: Option<Id>,
        /// Follow the default limits of the configuration again
        #[arg(long, conflicts_with_all = ["limits", "no_limits"])]
        default_limits: bool,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// Stop a user's calls
    Suspend(One),
    /// Let a user call again
    Resume(One),
    /// Delete a user with all its keys
    Delete(One),
}

const KIND: AccountKind = AccountKind::User;

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Create { id, workspace, traits } => {
            let mut fields = traits.fields();
            if let Some(workspace) = workspace {
                fields.insert("workspace".to_owned(), json!(workspace));
            }
            accounts::create(client, console, KIND, &id, fields).await?;
            console.hint(&format!("next: farebox keys create --user {id}"));
            Ok(())
        }
        Action::List { workspace } => {
            list(client, console, workspace.as_ref().map(Id::as_str)).await
        }
        Action::Show(One { id }) => accounts::show(client, console, KIND, &id).await,
        Action::Set { id, workspace, default_limits, traits } => {
            let mut fields = traits.fields();
            if let Some(workspace) = workspace {
                fields.insert("workspace".to_owned(), json!(workspace));
            }
            if default_limits {
                fields.insert("limits".to_owned(), Value::Null);
            }
            accounts::change(client, console, KIND, &id, fields).await
        }
        Action::Suspend(One { id }) => turn(client, console, &id, "suspend").await,
        Action::Resume(One { id }) => turn(client, console, &id, "resume").await,
        Action::Delete(One { id }) => {
            let deed = format!("this deletes user {id} with all its keys");
            accounts::end(client, console, KIND, &id, (&deed, "deleted")).await
        }
    }
}

async fn turn(client: &Client, console: &mut Console, id: &Id, verb: &str) -> Result<(), Failure> {
    let user = client
        .send(Method::POST, &format!("{}/{verb}", accounts::path(KIND, id)), &json!({}))
        .await?;
    let done = verb.strip_suffix('e').unwrap_or(verb);
    console.either(&user, |_| format!("{done}ed user {id}"))
}

async fn list(
    client: &Client,
    console: &mut Console,
    workspace: Option<&str>,
) -> Result<(), Failure> {
    let users = client.all(&accounts::all(KIND), &[("workspace", workspace)]).await?;
    if console.flags.json {
        return console.json(&users.into());
    }
    let heads =
        ["USER", "WORKSPACE", "STATUS", "BUDGET", "UTILISATION", "SPENT", "RESETS", "LAST SEEN"];
    let mut table = Table::new(&heads);
    for user in &users {
        let quota = &user["llm_quota"];
        table.row([
            Cell::text(field(user, "id")),
            Cell::text(field(user, "workspace")),
            Cell::text(field(user, "status")),
            Cell::figure(budget(quota)),
            Cell::bar(&quota["utilization_percent"]),
            Cell::figure(format!("${}", field(quota, "dollars_used"))),
            Cell::text(field(quota, "resets_at")),
            Cell::text(field(user, "last_seen")),
        ]);
    }
    if users.is_empty() {
        console.hint("there are no users yet: farebox users create alice --limit 25usd/month");
    }
    console.table(&table)
}

/// `$25/month`, or `-`.
fn budget(quota: &Value) -> String {
    match quota["dollars_per_period"].as_str() {
        Some(amount) => format!("${amount}/{}", field(quota, "period")),
        None => "-".to_owned(),
    }
}
