//! From hints to what live clients are shown: an account of which somebody hears is read, and put up
//! on the board.
//!
//! Invariants: one reading for all clients, and none where nobody listens. Hints that come faster
//! than accounts can be read wait in the feed, each account once.

use super::Live;
use super::audience::Of;
use super::board::{Kind, Update};
use super::status::status;
use crate::alert::Notice;
use crate::control::desk::Desk;
use crate::control::principal::Principal;
use crate::control::problem::Problem;
use crate::control::{Parts, alerts, credentials, view};
use crate::event::{Batch, Moved};
use crate::ids::{AccountId, AccountKind, Id};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::sync::{Arc, Weak};

/// So many accounts are read for each look at the feed.
const MOST: usize = 200;
/// So many at the same time.
const AT_ONCE: usize = 8;

/// Follows the feed for as long as the admin plane lives.
pub(super) async fn follow(live: Arc<Live>, parts: Weak<Parts>) {
    loop {
        live.feed.arrived().await;
        let batch = live.feed.take(MOST);
        let Some(parts) = parts.upgrade() else { return };
        if live.has_clients() {
            show(&live, &Desk::new(parts, Arc::new(Principal::configured())), batch).await;
        }
        tokio::time::sleep(live.pace.gather).await;
    }
}

async fn show(live: &Live, desk: &Desk, batch: Batch) {
    let figures = stream::iter(batch.moved).for_each_concurrent(AT_ONCE, |moved| async move {
        if let Err(problem) = moved_one(live, desk, moved).await {
            tracing::debug!(why = problem.detail, "live clients are not told of an account");
        }
    });
    figures.await;
    for id in batch.raised {
        if let Err(problem) = alert(live, desk, &id).await {
            tracing::debug!(why = problem.detail, "live clients are not told of an alert");
        }
    }
    live.tell();
}

async fn moved_one(live: &Live, desk: &Desk, moved: Moved) -> Result<(), Problem> {
    let Moved { account, workspace } = moved;
    match account.kind {
        AccountKind::User => user(live, desk, &account.id, workspace.as_ref()).await,
        AccountKind::Key => match owner(desk, &account).await? {
            (Some(id), workspace) => user(live, desk, &id, workspace.as_ref()).await,
            (None, _) => Ok(()),
        },
        // What a workspace may spend concerns everybody in it.
        AccountKind::Workspace => {
            live.refresh();
            Ok(())
        }
        AccountKind::Credential => {
            if let Some(object) = credentials::today(desk, &account.id).await? {
                let data = Bytes::from(object.to_string());
                let kind = Kind::Provider;
                let account = Some(account);
                live.put(Update { kind, account, user: None, workspace: None, data });
            }
            Ok(())
        }
    }
}

/// Shows the figures of a user, if anybody hears of it.
async fn user(live: &Live, desk: &Desk, id: &Id, workspace: Option<&Id>) -> Result<(), Problem> {
    if !live.wants(id, workspace) {
        return Ok(());
    }
    let account = AccountId::user(id);
    let Some(found) = desk.registry.account(&account).await? else {
        live.refresh();
        return Ok(());
    };
    let mut data = status(desk, &Of::User(id.clone())).await?;
    data["account"] = account.to_string().into();
    data["llm_quota"] = view::llm_quota(&found);
    live.put(Update {
        kind: Kind::Quota,
        account: Some(account),
        user: Some(id.clone()),
        workspace: found.workspace,
        data: Bytes::from(data.to_string()),
    });
    Ok(())
}

/// Shows an alert as it is kept.
async fn alert(live: &Live, desk: &Desk, id: &Id) -> Result<(), Problem> {
    let Some(kept) = desk.alerting.alert(id).await? else { return Ok(()) };
    let Ok(notice) = serde_json::from_str::<Notice>(&kept.text) else { return Ok(()) };
    let account = notice.account().cloned();
    let (user, workspace) = match &account {
        Some(account) => owner(desk, account).await?,
        None => (None, None),
    };
    // A rule of a workspace is that workspace's business, also where it is about who moved away.
    let workspace = notice.workspace.clone().or(workspace);
    let data = Bytes::from(alerts::object(&kept, &notice).to_string());
    live.put(Update { kind: Kind::Alert, account, user, workspace, data });
    Ok(())
}

/// The user and the workspace to which an account belongs.
async fn owner(desk: &Desk, account: &AccountId) -> Result<(Option<Id>, Option<Id>), Problem> {
    let id = || account.id.clone();
    match account.kind {
        AccountKind::Workspace => Ok((None, Some(id()))),
        AccountKind::Credential => Ok((None, None)),
        AccountKind::User | AccountKind::Key => {
            let Some(found) = desk.registry.account(account).await? else {
                return Ok((None, None));
            };
            let user = found.key.map_or_else(id, |key| key.user);
            Ok((Some(user), found.workspace))
        }
    }
}
