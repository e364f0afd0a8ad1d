//! `farebox users`: who has a budget.

use super::args::{self, Traits};
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::show;
use super::table::{Cell, Table, field};
use crate::ids::Id;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

/// Users and their budgets.
#[derive(Debug, clap::Args)]
pub struct Users {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

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
    Show {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
    },
    /// Change a user; --limit replaces all its limits
    Set {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// Follow the default limits of the configuration again
        #[arg(long, conflicts_with_all = ["limits", "no_limits"])]
        default_limits: bool,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// Stop a user's calls
    Suspend {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
    },
    /// Let a user call again
    Resume {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
    },
    /// Delete a user with all its keys
    Delete {
        /// The user's id
        #[arg(value_parser = args::id)]
        id: Id,
    },
}

const PATH: &str = "/api/v1/users";

impl Users {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        match self.action {
            Action::Create { id, workspace, traits } => {
                create(&client, console, &id, workspace, &traits).await
            }
            Action::List { workspace } => {
                let workspace = workspace.as_ref().map(Id::as_str);
                list(&client, console, workspace).await
            }
            Action::Show { id } => {
                let user = client.get(&format!("{PATH}/{id}"), &[]).await?;
                show::account(console, "user", &user)
            }
            Action::Set { id, default_limits, traits } => {
                let mut fields = traits.fields();
                if default_limits {
                    fields.insert("limits".to_owned(), Value::Null);
                }
                let user =
                    client.send(Method::PATCH, &format!("{PATH}/{id}"), &fields.into()).await?;
                console.either(&user, |_| format!("changed user {id}"))
            }
            Action::Suspend { id } => turn(&client, console, &id, "suspend").await,
            Action::Resume { id } => turn(&client, console, &id, "resume").await,
            Action::Delete { id } => {
                console
                    .confirm(&format!("this deletes user {id} with all its keys"), id.as_str())?;
                client.delete(&format!("{PATH}/{id}")).await?;
                console
                    .either(&json!({"id": id, "deleted": true}), |_| format!("deleted user {id}"))
            }
        }
    }
}

async fn create(
    client: &Client,
    console: &mut Console,
    id: &Id,
    workspace: Option<Id>,
    traits: &Traits,
) -> Result<(), Failure> {
    let mut fields = traits.fields();
    fields.insert("id".to_owned(), json!(id));
    if let Some(workspace) = workspace {
        fields.insert("workspace".to_owned(), json!(workspace));
    }
    let user = client.send(Method::POST, PATH, &fields.into()).await?;
    console.either(&user, |_| format!("created user {id}"))?;
    console.hint(&format!("next: farebox keys create --user {id}"));
    Ok(())
}

async fn turn(client: &Client, console: &mut Console, id: &Id, verb: &str) -> Result<(), Failure> {
    let user = client.send(Method::POST, &format!("{PATH}/{id}/{verb}"), &json!({})).await?;
    let done = verb.strip_suffix('e').unwrap_or(verb);
    console.either(&user, |_| format!("{done}ed user {id}"))
}

async fn list(
    client: &Client,
    console: &mut Console,
    workspace: Option<&str>,
) -> Result<(), Failure> {
    let users = client.all(PATH, &[("workspace", workspace)]).await?;
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
