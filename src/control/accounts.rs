//! What users, keys and workspaces have in common: finding, listing, changing, deleting them.

use super::audit;
use super::fields::Fields;
use super::problem::Problem;
use super::value;
use super::{Parts, view};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{Account, Change, LimitsChange, ListFilter, NewAccount, Page};
use crate::limit::Limit;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const PAGE: usize = 50;

/// The account of `kind` that a path names.
pub(super) fn named(kind: AccountKind, text: &str) -> Result<AccountId, Problem> {
    let id: Id = text
        .parse()
        .map_err(|e| Problem::new(StatusCode::NOT_FOUND, format!("no {}: {e}", kind.as_str())))?;
    Ok(AccountId { kind, id })
}

/// The account, or 404.
pub(super) async fn find(parts: &Parts, id: &AccountId) -> Result<Account, Problem> {
    parts.registry.account(id).await?.ok_or_else(|| Problem::missing(id))
}

/// The object of an account.
pub(super) fn shown(parts: &Parts, account: &Account) -> Value {
    view::account(account, &parts.defaults, parts.clock.now())
}

/// `GET` of one.
pub(super) async fn show(parts: &Parts, id: &AccountId) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(parts, &find(parts, id).await?)))
}

/// `?limit` and `?after` of a list of accounts, over `filter`.
pub(super) fn page_of(fields: &mut Fields, mut filter: ListFilter) -> ListFilter {
    filter.limit = fields.read("limit", value::page_length).unwrap_or(PAGE);
    filter.after = fields.read("after", value::id);
    filter
}

/// A list as it is answered.
pub(super) fn listed<T>(page: Page<T>, of: impl Fn(&T) -> Value) -> Json<Value> {
    Json(json!({
        "data": page.entries.iter().map(of).collect::<Vec<_>>(),
        "has_more": page.next.is_some(),
        "next_cursor": page.next,
    }))
}

/// Creates an account, and answers 201 with `object`'s view of it.
pub(super) async fn create(parts: &Parts, new: &NewAccount) -> Result<Account, Problem> {
    let account = parts.registry.create(new).await?;
    audit::changed("create", &new.id, None, Some(&account));
    Ok(account)
}

/// 201 with the place of the new object.
pub(super) fn created(id: &AccountId, object: Value) -> Response {
    let place = format!("/api/v1/{}s/{}", id.kind.as_str(), id.id);
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(object)).into_response()
}

/// What may be changed of every account. Fields that only one kind has are read before.
pub(super) fn read_change(fields: &mut Fields, kind: AccountKind) -> Change {
    let limits = match fields.nullable("limits", value::limits) {
        Some(Some(limits)) => Some(LimitsChange::Set(limits)),
        Some(None) if kind == AccountKind::User => Some(LimitsChange::FollowDefaults),
        Some(None) => Some(LimitsChange::Set(Vec::new())),
        None => None,
    };
    Change {
        name: fields.read("name", value::text),
        limits,
        thresholds: fields.nullable("thresholds", value::thresholds),
        enforcement: fields.nullable("enforcement", value::enforcement),
        ..Change::default()
    }
}

/// Changes an account once its limits fit into its parents'; the account before and after.
pub(super) async fn change(
    parts: &Parts,
    id: &AccountId,
    verb: &str,
    change: &Change,
) -> Result<(Account, Account), Problem> {
    if let Some(LimitsChange::Set(limits)) = &change.limits {
        let account = find(parts, id).await?;
        fit(parts, limits, &parents(&account)).await?;
    }
    let (before, after) = parts.registry.change(id, change).await?;
    audit::changed(verb, id, Some(&before), Some(&after));
    Ok((before, after))
}

/// Deletes an account: 204.
pub(super) async fn delete(parts: &Parts, id: &AccountId) -> Result<StatusCode, Problem> {
    let before = find(parts, id).await?;
    parts.registry.delete(id).await?;
    audit::changed("delete", id, Some(&before), None);
    Ok(StatusCode::NO_CONTENT)
}

/// The accounts above one, nearest first.
fn parents(account: &Account) -> Vec<AccountId> {
    let user = account.key.as_ref().map(|key| AccountId::user(&key.user));
    user.into_iter().chain(account.workspace.as_ref().map(AccountId::workspace)).collect()
}

/// Refuses limits above those of the parents for the same meter and window.
pub(super) async fn fit(
    parts: &Parts,
    limits: &[Limit],
    parents: &[AccountId],
) -> Result<(), Problem> {
    for id in parents {
        let parent = find(parts, id).await?;
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
