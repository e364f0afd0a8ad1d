//! How everything stands that a connection is about: the `data` of `quota_snapshot` and
//! `status_response`, and of one user that of `quota_update`.
//!
//! Invariant: many who come at the same time cost one reading. A snapshot is at least as new as the
//! position on the board that it names.

use super::Live;
use super::audience::{Audience, Of};
use super::status::status;
use crate::control::accounts;
use crate::control::credentials;
use crate::control::desk::Desk;
use crate::control::problem::Problem;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{Account, ListFilter};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many users and credentials are shown.
const MOST: usize = 200;

/// See the module.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// What stands on the board after this is newer.
    pub(super) position: u64,
    /// JSON.
    pub(super) data: Bytes,
}

/// The snapshot for an audience: one that is being shown to others just now, or a new one.
pub(super) async fn snapshot(
    desk: &Desk,
    live: &Live,
    audience: &Audience,
) -> Result<Arc<Snapshot>, Problem> {
    if let (Of::User(id), Some(_)) = (&audience.of, &desk.by.workspace) {
        // It may have moved to another workspace.
        desk.find(&AccountId::user(id)).await?;
    }
    let name = audience.fingerprint();
    if let Some(known) = live.shared(&name) {
        return Ok(known);
    }
    let _turn = live.reading.acquire().await;
    if let Some(known) = live.shared(&name) {
        return Ok(known);
    }
    let position = live.position();
    let mut data = status(desk, &audience.of).await?;
    data["users"] = users(desk, audience).await?.into();
    data["providers"] = providers(desk, audience).await?.into();
    let snapshot = Arc::new(Snapshot { position, data: Bytes::from(data.to_string()) });
    live.snapshots.insert(name, snapshot.clone());
    Ok(snapshot)
}

/// The first users, as far as they may be seen.
async fn users(desk: &Desk, audience: &Audience) -> Result<Vec<Value>, Problem> {
    if !audience.sees_users() {
        return Ok(Vec::new());
    }
    let mut found: BTreeMap<Id, Account> = BTreeMap::new();
    if audience.filter.is_empty() {
        match &audience.of {
            Of::All => add_all(desk, None, &mut found).await?,
            Of::Workspace(own) => add_all(desk, Some(own), &mut found).await?,
            Of::User(own) => add_one(desk, own, &mut found).await?,
        }
    }
    for AccountId { kind, id } in &audience.filter {
        match kind {
            AccountKind::User => add_one(desk, id, &mut found).await?,
            AccountKind::Workspace => add_all(desk, Some(id), &mut found).await?,
            AccountKind::Key | AccountKind::Credential => {}
        }
    }
    Ok(found.values().take(MOST).map(|account| accounts::shown(desk, account)).collect())
}

async fn add_one(desk: &Desk, id: &Id, to: &mut BTreeMap<Id, Account>) -> Result<(), Problem> {
    // Whoever was deleted or moved away meanwhile is not there.
    let found = desk.registry.account(&AccountId::user(id)).await?;
    if let Some(account) = found.filter(|account| desk.by.sees_account(account)) {
        to.insert(id.clone(), account);
    }
    Ok(())
}

async fn add_all(
    desk: &Desk,
    workspace: Option<&Id>,
    to: &mut BTreeMap<Id, Account>,
) -> Result<(), Problem> {
    let filter = ListFilter { workspace: workspace.cloned(), limit: MOST, ..ListFilter::default() };
    let page = desk.registry.accounts(AccountKind::User, &filter).await?;
    to.extend(page.entries.into_iter().map(|account| (account.id.id.clone(), account)));
    Ok(())
}

/// The first credentials, as far as they may be seen.
async fn providers(desk: &Desk, audience: &Audience) -> Result<Vec<Value>, Problem> {
    if !audience.hears_providers() {
        return Ok(Vec::new());
    }
    let asked = |id: &Id| {
        audience.filter.is_empty() || audience.filter.contains(&AccountId::credential(id))
    };
    let terms = desk.in_force.pools().terms;
    let mut names: Vec<&Id> = terms.iter().map(|terms| &terms.setup.id).collect();
    names.retain(|id| asked(id));
    names.sort();
    let mut shown = Vec::new();
    for name in names.into_iter().take(MOST) {
        shown.extend(credentials::today(desk, name).await?);
    }
    Ok(shown)
}
