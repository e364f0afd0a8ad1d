//! `farebox workspaces`: teams or tenants.

use super::accounts::{self, One};
use super::args::{self, Traits};
use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::ids::{AccountKind, Id};
use clap::Subcommand;

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
    Show(One),
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
    Delete(One),
}

const KIND: AccountKind = AccountKind::Workspace;

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Create { id, traits } => {
            accounts::create(client, console, KIND, &id, traits.fields()).await?;
            console.hint(&format!("next: farebox users create NAME --workspace {id}"));
            Ok(())
        }
        Action::List => list(client, console).await,
        Action::Show(One { id }) => accounts::show(client, console, KIND, &id).await,
        Action::Set { id, traits } => {
            accounts::change(client, console, KIND, &id, traits.fields()).await
        }
        Action::Delete(One { id }) => {
            let deed = format!("this deletes workspace {id}");
            accounts::end(client, console, KIND, &id, (&deed, "deleted")).await
        }
    }
}

async fn list(client: &Client, console: &mut Console) -> Result<(), Failure> {
    let workspaces = client.all(&accounts::all(KIND), &[]).await?;
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
