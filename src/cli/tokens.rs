//! `farebox tokens`: admin tokens with fewer rights than the configured one. The text of a token is
//! printed once, alone on standard output.

use super::accounts::One;
use super::args;
use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::ids::Id;
use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

/// What to do with admin tokens.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Create a token and print it once
    Create {
        /// What people call it
        name: String,
        /// What it may do: 'users:read,keys:write', or admin for everything
        #[arg(long = "scope", value_name = "SCOPES", value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// The only workspace that it sees
        #[arg(long, value_parser = args::id)]
        workspace: Option<Id>,
        /// When it stops working: 90d, or a time
        #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
        expires: Option<String>,
    },
    /// List tokens
    List {
        /// Only those of this workspace
        #[arg(long, value_parser = args::id)]
        workspace: Option<Id>,
    },
    /// Show a token
    Show(One),
    /// Give a token a new text and print that once
    Rotate {
        /// The token's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// How long the old text still works
        #[arg(long, value_name = "TIME", default_value = "0s", allow_hyphen_values = true)]
        grace: String,
    },
    /// Stop a token for ever
    Revoke(One),
}

const ALL: &str = "/api/v1/admin-tokens";

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Create { name, scopes, workspace, expires } => {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.trim()).collect();
            let mut fields = Map::new();
            fields.insert("name".to_owned(), json!(name));
            fields.insert("scopes".to_owned(), json!(scopes));
            if let Some(workspace) = workspace {
                fields.insert("workspace".to_owned(), json!(workspace));
            }
            if let Some(when) = expires.as_deref().map(str::trim) {
                let is_time = crate::clock::parse_time(when).is_some();
                let field = if is_time { "expires_at" } else { "expires_in" };
                fields.insert(field.to_owned(), json!(when));
            }
            let token = client.send(Method::POST, ALL, &fields.into()).await?;
            made(console, &token)
        }
        Action::List { workspace } => list(client, console, workspace.as_ref()).await,
        Action::Show(One { id }) => {
            let token = client.get(&format!("{ALL}/{id}"), &[]).await?;
            if console.flags.json {
                return console.json(&token);
            }
            console.table(&table(&[token]))
        }
        Action::Rotate { id, grace } => {
            let path = format!("{ALL}/{id}/rotate");
            let token = client.send(Method::POST, &path, &json!({"grace": grace.trim()})).await?;
            made(console, &token)
        }
        Action::Revoke(One { id }) => {
            console.confirm(&format!("this stops admin token {id} for ever"), id.as_str())?;
            client.delete(&format!("{ALL}/{id}")).await?;
            console.either(&json!({"id": id, "revoked": true}), |_| format!("revoked token {id}"))
        }
    }
}

/// Prints a new text.
fn made(console: &mut Console, token: &Value) -> Result<(), Failure> {
    console.either(token, |token| field(token, "token"))?;
    let (id, scopes) = (field(token, "id"), listed(token));
    console.hint(&format!("admin token {id} may {scopes}; it is not shown again"));
    console.hint("next: export FAREBOX_ADMIN_TOKEN=…");
    Ok(())
}

async fn list(
    client: &Client,
    console: &mut Console,
    workspace: Option<&Id>,
) -> Result<(), Failure> {
    let tokens = client.all(ALL, &[("workspace", workspace.map(Id::as_str))]).await?;
    if console.flags.json {
        return console.json(&tokens.into());
    }
    console.table(&table(&tokens))
}

fn table(tokens: &[Value]) -> Table {
    let mut table =
        Table::new(&["TOKEN", "NAME", "SCOPES", "WORKSPACE", "STATUS", "CREATED", "EXPIRES"]);
    for token in tokens {
        table.row([
            Cell::text(field(token, "id")),
            Cell::text(field(token, "name")),
            Cell::text(listed(token)),
            Cell::text(field(token, "workspace")),
            Cell::text(field(token, "status")),
            Cell::text(field(token, "created")),
            Cell::text(field(token, "expires_at")),
        ]);
    }
    table
}

fn listed(token: &Value) -> String {
    let scopes = token["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    scopes.collect::<Vec<_>>().join(" ")
}
