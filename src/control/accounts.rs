//! What users, keys and workspaces have in common: reading what is asked of them, making, finding,
//! listing, changing, deleting them.

use super::audit;
use super::condition::Tagged;
use super::desk::Desk;
use super::fields::{Body, Fields};
use super::problem::Problem;
use super::{Parts, value, view};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{
    Account, Change, Enforcement, KeyFacts, LimitsChange, ListFilter, NewAccount, Page,
    RegistryError,
};
use crate::limit::{Limit, Thresholds};
use axum::Json;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// How many entries a list has where nobody says.
pub(super) const PAGE: usize = 50;

/// How many pages are read for one of a list that is narrowed.
const MOST_PAGES: usize = 100;

/// The account of `kind` that a path names.
pub(super) fn named(kind: AccountKind, text: &str) -> Result<AccountId, Problem> {
    let id: Id = text
        .parse()
        .map_err(|e| Problem::new(StatusCode::NOT_FOUND, format!("no {}: {e}", kind.as_str())))?;
    Ok(AccountId { kind, id })
}

/// The object of an account.
pub(super) fn shown(parts: &Parts, account: &Account) -> Value {
    view::account(account, &parts.defaults, parts.clock.now())
}

/// The object of an account, with its tag.
pub(super) fn tagged(parts: &Parts, account: &Account) -> Tagged {
    Tagged::new(shown(parts, account), account)
}

/// `GET` of one.
pub(super) async fn show(
    kind: AccountKind,
    desk: Desk,
    Path(id): Path<String>,
) -> Result<Tagged, Problem> {
    Ok(tagged(&desk, &desk.find(&named(kind, &id)?).await?))
}

/// `GET` of a page of them: `?limit` and `?after`, over `filter`.
pub(super) async fn list(
    desk: &Desk,
    kind: AccountKind,
    mut fields: Fields,
    filter: ListFilter,
) -> Result<Json<Value>, Problem> {
    let limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    let after = fields.read("after", value::cursor);
    let status = fields.read("status", value::status);
    // Only users have a name to be looked for.
    let search = match kind {
        AccountKind::User => fields.read("search", value::text).map(|text| text.to_lowercase()),
        _ => None,
    };
    let filter = fields.finish(Some(ListFilter { limit, after, ..filter }))?;
    let page = match (kind, &filter.workspace) {
        (AccountKind::Workspace, Some(own)) => alone(desk, own, &filter).await?,
        _ => chosen(desk, kind, filter, &Chosen { status, search }).await?,
    };
    Ok(listed(page, |account| shown(desk, account)))
}

/// Which accounts a list is narrowed to, of what the ledger gives.
struct Chosen {
    status: Option<String>,
    /// In small letters.
    search: Option<String>,
}

impl Chosen {
    fn has(&self, account: &Account, desk: &Desk, now: UnixMs) -> bool {
        let found = |text: &String| {
            account.id.id.as_str().to_lowercase().contains(text)
                || account.name.to_lowercase().contains(text)
        };
        self.search.as_ref().is_none_or(found)
            && self.status.as_ref().is_none_or(|s| view::word(account, &desk.defaults, now) == s)
    }

    fn is_all(&self) -> bool {
        self.status.is_none() && self.search.is_none()
    }
}

/// A page of the accounts that are chosen. Where few are, the page may be short of its length and
/// still have a next one.
async fn chosen(
    desk: &Desk,
    kind: AccountKind,
    mut filter: ListFilter,
    chosen: &Chosen,
) -> Result<Page<Account>, Problem> {
    let (length, now) = (filter.limit, desk.clock.now());
    let mut kept = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = desk.registry.accounts(kind, &filter).await.map_err(bad_place)?;
        kept.extend(page.entries.into_iter().filter(|account| chosen.has(account, desk, now)));
        filter.after = page.next;
        filter.limit = length.saturating_sub(kept.len());
        if chosen.is_all() || filter.after.is_none() || filter.limit == 0 {
            break;
        }
    }
    Ok(Page { entries: kept, next: filter.after })
}

/// Of what a list is asked for, only a cursor can be wrong that could be read.
fn bad_place(error: RegistryError) -> Problem {
    match error {
        RegistryError::Invalid(why) => Problem::field("?after", why),
        error => error.into(),
    }
}

/// The workspace that a principal is limited to, as a list.
pub(super) async fn alone(
    desk: &Desk,
    own: &Id,
    filter: &ListFilter,
) -> Result<Page<Account>, Problem> {
    let later = filter.after.as_ref().is_none_or(|after| own.as_str() > after.as_str());
    let found = match later {
        true => desk.registry.account(&AccountId::workspace(own)).await?,
        false => None,
    };
    Ok(Page { entries: found.into_iter().collect(), next: None })
}

/// A list as it is answered.
pub(super) fn listed<T>(page: Page<T>, of: impl Fn(&T) -> Value) -> Json<Value> {
    Json(json!({
        "data": page.entries.iter().map(of).collect::<Vec<_>>(),
        "has_more": page.next.is_some(),
        "next_cursor": page.next,
    }))
}

/// What every new account may be given.
pub(super) struct Traits {
    name: Option<String>,
    pub(super) limits: Option<Vec<Limit>>,
    thresholds: Option<Thresholds>,
    enforcement: Option<Enforcement>,
}

impl Traits {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self {
            name: fields.read("name", value::text),
            limits: fields.read("limits", value::limits),
            thresholds: fields.read("thresholds", value::thresholds),
            enforcement: fields.read("enforcement", value::enforcement),
        }
    }

    /// The account with these traits; users and workspaces are called by their id if by nothing
    /// else.
    pub(super) fn of(
        self,
        id: AccountId,
        workspace: Option<Id>,
        key: Option<KeyFacts>,
    ) -> NewAccount {
        let called = if key.is_none() { id.id.to_string() } else { String::new() };
        NewAccount {
            id,
            name: self.name.unwrap_or(called),
            workspace,
            limits: self.limits,
            thresholds: self.thresholds,
            enforcement: self.enforcement,
            key,
        }
    }
}

/// Creates an account: 201 with its object, which shows `secret` this once, and its place.
pub(super) async fn create(
    desk: &Desk,
    new: &NewAccount,
    secret: Option<&str>,
) -> Result<Response, Problem> {
    let account = desk.registry.create(new).await?;
    audit::changed(desk, "create", &new.id, None, Some(&account)).await;
    let mut object = shown(desk, &account);
    if let Some(secret) = secret {
        object["key"] = secret.into();
    }
    let place = format!("/api/v1/{}s/{}", account.id.kind.as_str(), account.id.id);
    let object = Tagged::new(object, &account);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], object).into_response())
}

/// `PATCH` of one that has nothing but what every account has.
pub(super) async fn patch(
    kind: AccountKind,
    desk: Desk,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Tagged, Problem> {
    update(&desk, kind, &id, fields, Change::default()).await
}

/// Changes what may be changed of every account, and what only one kind has in `own`.
pub(super) async fn update(
    desk: &Desk,
    kind: AccountKind,
    id: &str,
    mut fields: Fields,
    own: Change,
) -> Result<Tagged, Problem> {
    let id = named(kind, id)?;
    let limits = match fields.nullable("limits", value::limits) {
        Some(Some(limits)) => Some(LimitsChange::Set(limits)),
        Some(None) if kind == AccountKind::User => Some(LimitsChange::FollowDefaults),
        Some(None) => Some(LimitsChange::Set(Vec::new())),
        None => None,
    };
    let asked = Change {
        name: fields.read("name", value::text),
        limits,
        thresholds: fields.nullable("thresholds", value::thresholds),
        enforcement: fields.nullable("enforcement", value::enforcement),
        ..own
    };
    let asked = fields.finish(Some(asked))?;
    let (_, after) = change(desk, &id, "update", &asked).await?;
    Ok(tagged(desk, &after))
}

/// Changes an account once its limits fit into its parents'; the account before and after.
pub(super) async fn change(
    desk: &Desk,
    id: &AccountId,
    verb: &str,
    change: &Change,
) -> Result<(Account, Account), Problem> {
    let account = desk.find_to_change(id).await?;
    if let Some(LimitsChange::Set(limits)) = &change.limits {
        fit(desk, limits, &parents(&account)).await?;
    }
    if let Some(workspace) = &change.workspace {
        let standing: Vec<Limit> = account.standings.iter().map(|s| s.limit).collect();
        let limits = match &change.limits {
            Some(LimitsChange::Set(limits)) => limits,
            _ => &standing,
        };
        fit(desk, limits, &[AccountId::workspace(workspace)]).await?;
    }
    let revision = desk.condition.revision(&account)?;
    let change = Change { revision, ..change.clone() };
    let (before, after) = desk.registry.change(id, &change).await?;
    audit::changed(desk, verb, id, Some(&before), Some(&after)).await;
    Ok((before, after))
}

/// Deletes an account: 204.
pub(super) async fn delete(desk: &Desk, id: &AccountId) -> Result<StatusCode, Problem> {
    let before = desk.find_to_change(id).await?;
    desk.condition.revision(&before)?;
    desk.registry.delete(id).await?;
    audit::changed(desk, "delete", id, Some(&before), None).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The accounts above one, nearest first.
fn parents(account: &Account) -> Vec<AccountId> {
    let user = account.key.as_ref().map(|key| AccountId::user(&key.user));
    user.into_iter().chain(account.workspace.as_ref().map(AccountId::workspace)).collect()
}

/// Refuses limits above those of the parents for the same meter and window.
pub(super) async fn fit(
    desk: &Desk,
    limits: &[Limit],
    parents: &[AccountId],
) -> Result<(), Problem> {
    for id in parents {
        let parent = desk.find(id).await?;
        for (i, limit) in limits.iter().enumerate() {
            let same = parent.standings.iter().find(|s| s.limit.name() == limit.name());
            if let Some(above) = same.filter(|s| limit.amount > s.limit.amount) {
                let detail = format!("`{limit}` is above the limit `{}` of {id}", above.limit);
                return Err(Problem::field(&format!("/limits/{i}"), detail));
            }
        }
    }
    Ok(())
}
