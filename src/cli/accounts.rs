//! What is done to users, keys and workspaces alike: show one, change one, end one.

use super::args;
use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::show;
use crate::ids::{AccountKind, Id};
use http::Method;
use serde_json::{Map, Value, json};

/// One of them.
#[derive(Debug, Clone, clap::Args)]
pub struct One {
    /// Its id
    #[arg(value_parser = args::id)]
    pub id: Id,
}

/// Where all of a kind are.
pub(super) fn all(kind: AccountKind) -> String {
    format!("/api/v1/{}s", kind.as_str())
}

/// Where one is.
pub(super) fn path(kind: AccountKind, id: &Id) -> String {
    format!("{}/{id}", all(kind))
}

/// Creates one that brings its id.
pub(super) async fn create(
    client: &Client,
    console: &mut Console,
    kind: AccountKind,
    id: &Id,
    mut fields: Map<String, Value>,
) -> Result<(), Failure> {
    fields.insert("id".to_owned(), json!(id));
    let made = client.send(Method::POST, &all(kind), &fields.into()).await?;
    console.either(&made, |_| format!("created {} {id}", kind.as_str()))
}

/// Shows one.
pub(super) async fn show(
    client: &Client,
    console: &mut Console,
    kind: AccountKind,
    id: &Id,
) -> Result<(), Failure> {
    let found = client.get(&path(kind, id), &[]).await?;
    show::account(console, kind.as_str(), &found)
}

/// Changes the fields that are given.
pub(super) async fn change(
    client: &Client,
    console: &mut Console,
    kind: AccountKind,
    id: &Id,
    fields: Map<String, Value>,
) -> Result<(), Failure> {
    let changed = client.send(Method::PATCH, &path(kind, id), &fields.into()).await?;
    console.either(&changed, |_| format!("changed {} {id}", kind.as_str()))
}

/// Ends one, once a person has agreed to the `deed`; `done` is said of it then.
pub(super) async fn end(
    client: &Client,
    console: &mut Console,
    kind: AccountKind,
    id: &Id,
    (deed, done): (&str, &str),
) -> Result<(), Failure> {
    console.confirm(deed, id.as_str())?;
    client.delete(&path(kind, id)).await?;
    console.either(&json!({"id": id, done: true}), |_| format!("{done} {} {id}", kind.as_str()))
}
