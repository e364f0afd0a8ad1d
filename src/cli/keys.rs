//! `farebox keys`: what apps authenticate with. The text of a key is printed once, alone on
//! standard output.

use super::accounts::{self, One};
use super::args::{self, Traits};
use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::ids::{AccountKind, Id};
use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

/// What only keys have.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KeyTraits {
    /// The models that it may use: 'gpt-*,text-embedding-3-small'
    #[arg(long, value_name = "GLOBS", value_delimiter = ',')]
    pub models: Option<Vec<String>>,
    /// From where it may be used: '10.0.0.0/8,2001:db8::7'; any: from everywhere
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',', allow_hyphen_values = true)]
    pub addresses: Option<Vec<String>>,
    /// The paths that it may call: '/v1/chat/*,/v1/embeddings'; any: all
    #[arg(long, value_name = "GLOBS", value_delimiter = ',', allow_hyphen_values = true)]
    pub routes: Option<Vec<String>>,
    /// When it stops working: 90d, or a time
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub expires: Option<String>,
}

impl KeyTraits {
    fn add_to(&self, fields: &mut Map<String, Value>) {
        if let Some(models) = &self.models {
            let models: Vec<&str> =
                models.iter().map(|glob| glob.trim()).filter(|glob| !glob.is_empty()).collect();
            fields.insert("models".to_owned(), json!(models));
        }
        for (name, list) in [("addresses", &self.addresses), ("routes", &self.routes)] {
            let Some(list) = list else { continue };
            let list: Vec<&str> = list.iter().map(|one| one.trim()).collect();
            let any = list == ["any"];
            fields.insert(name.to_owned(), if any { json!([]) } else { json!(list) });
        }
        match self.expires.as_deref().map(str::trim) {
            Some("never") => fields.insert("expires_at".to_owned(), Value::Null),
            Some(at) if crate::clock::parse_time(at).is_some() => {
                fields.insert("expires_at".to_owned(), json!(at))
            }
            Some(span) => fields.insert("expires_in".to_owned(), json!(span)),
            None => None,
        };
    }
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Create a key and print it once
    Create {
        /// Who owns it
        #[arg(long, value_parser = args::id)]
        user: Id,
        /// Its own.
        #[command(flatten)]
        own: KeyTraits,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// List keys
    List {
        /// Only those of this user
        #[arg(long, value_parser = args::id)]
        user: Option<Id>,
        /// Only those of this workspace
        #[arg(long, value_parser = args::id)]
        workspace: Option<Id>,
    },
    /// Show a key
    Show(One),
    /// Change a key; --limit replaces all its limits, --expires never removes the expiry
    Set {
        /// The key's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// Its own.
        #[command(flatten)]
        own: KeyTraits,
        /// Its traits.
        #[command(flatten)]
        traits: Traits,
    },
    /// Replace a key by a new one and print that once
    Rotate {
        /// The key's id
        #[arg(value_parser = args::id)]
        id: Id,
        /// How long the old key still works
        #[arg(long, value_name = "TIME", default_value = "0s", allow_hyphen_values = true)]
        grace: String,
    },
    /// Stop a key for ever
    Revoke(One),
}

const KIND: AccountKind = AccountKind::Key;

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Create { user, own, traits } => {
            let mut fields = traits.fields();
            fields.insert("user".to_owned(), json!(user));
            own.add_to(&mut fields);
            let key = client.send(Method::POST, &accounts::all(KIND), &fields.into()).await?;
            made(console, &key)
        }
        Action::List { user, workspace } => list(client, console, user, workspace).await,
        Action::Show(One { id }) => accounts::show(client, console, KIND, &id).await,
        Action::Set { id, own, traits } => {
            let mut fields = traits.fields();
            own.add_to(&mut fields);
            accounts::change(client, console, KIND, &id, fields).await
        }
        Action::Rotate { id, grace } => {
            let path = format!("{}/rotate", accounts::path(KIND, &id));
            let key = client.send(Method::POST, &path, &json!({"grace": grace.trim()})).await?;
            made(console, &key)
        }
        Action::Revoke(One { id }) => {
            let deed = format!("this stops key {id} for ever");
            accounts::end(client, console, KIND, &id, (&deed, "revoked")).await
        }
    }
}

/// Prints a new key.
fn made(console: &mut Console, key: &Value) -> Result<(), Failure> {
    console.either(key, |key| field(key, "key"))?;
    let (id, user) = (field(key, "id"), field(key, "user"));
    console.hint(&format!("created key {id} of user {user}; it is not shown again"));
    console.hint("next: export OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=…");
    Ok(())
}

async fn list(
    client: &Client,
    console: &mut Console,
    user: Option<Id>,
    workspace: Option<Id>,
) -> Result<(), Failure> {
    let user = user.as_ref().map(Id::as_str);
    let workspace = workspace.as_ref().map(Id::as_str);
    let keys =
        client.all(&accounts::all(KIND), &[("user", user), ("workspace", workspace)]).await?;
    if console.flags.json {
        return console.json(&keys.into());
    }
    let mut table =
        Table::new(&["KEY", "LABEL", "USER", "NAME", "STATUS", "SPENT", "EXPIRES", "LAST USED"]);
    for key in &keys {
        table.row([
            Cell::text(field(key, "id")),
            Cell::text(field(key, "label")),
            Cell::text(field(key, "user")),
            Cell::text(field(key, "name")),
            Cell::text(field(key, "status")),
            Cell::figure(format!("${}", field(key, "spent_usd"))),
            Cell::text(field(key, "expires_at")),
            Cell::text(field(key, "last_used")),
        ]);
    }
    console.table(&table)
}
