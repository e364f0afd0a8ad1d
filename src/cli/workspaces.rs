//! `farebox workspaces`: teams or tenants.

use super::args::{self, Traits};
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::show;
use super::table::{Cell, Table, field};
use crate::ids::Id;
use clap::Subcommand;
use http::Method;
use serde_json::json;

/// Teams or tenants.
#[derive(Debug, clap::Args)]
pub struct Workspaces {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with workspaces.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Create a workspace
    Create {
        /// The workspace's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// List workspaces
    List,
    /// Show a workspace
    Show {
        /// The workspace's id
        #[arg(value_parser = args::id)]
        id: Id,
    },
    /// Change a workspace; --limit replaces all its limits
    Set {
        /// The workspace's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// Delete a workspace that has no users
    Delete {
        /// The workspace's id
        #[arg(value_parser = args::id)]
        id: Id,
    },
}

const PATH: &str = "/api/v1/workspaces";

impl Workspaces {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        match self.action {
            Action::Create { id, traits } => {
                let mut fields = traits.fields();
                fields.insert("id".to_owned(), json!(id));
                let made = client.send(Method::POST, PATH, &fields.into()).await?;
                console.either(&made, |_| format!("created workspace {id}"))?;
                console.hint(&format!("next: farebox users create NAME --workspace {id}"));
                Ok(())
            }
            Action::List => list(&client, console).await,
            Action::Show { id } => {
                let found = client.get(&format!("{PATH}/{id}"), &[]).await?;
                show::account(console, "workspace", &found)
            }
            Action::Set { id, traits } => {
                let fields = traits.fields().into();
                let changed = client.send(Method::PATCH, &format!("{PATH}/{id}"), &fields).await?;
                console.either(&changed, |_| format!("changed workspace {id}"))
            }
            Action::Delete { id } => {
                console.confirm(&format!("this deletes workspace {id}"), id.as_str())?;
                client.delete(&format!("{PATH}/{id}")).await?;
                let deleted = json!({"id": id, "deleted": true});
                console.either(&deleted, |_| format!("deleted workspace {id}"))
            }
        }
    }
}

async fn list(client: &Client, console: &mut Console) -> Result<(), Failure> {
    let workspaces = client.all(PATH, &[]).await?;
    if console.flags.json {
        return console.json(&workspaces.into());
    }
    let mut table = Table::new(&["WORKSPACE", "NAME", "STATUS", "SPENT", "CREATED"]);
    for workspace in &workspaces {
        table.row([
            Cell::text(field(workspace, "id")),
            Cell::text(field(workspace, "name")),
            Cell::text(field(workspace, "status")),
            Cell::figure(format!("${}", field(workspace, "spent_usd"))),
            Cell::text(field(workspace, "created")),
        ]);
    }
    console.table(&table)
}
