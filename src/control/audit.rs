//! Who changed what: kept in the ledger and named in the log, and `/api/v1/audit`. Never a secret.
//!
//! Invariant: what has happened is answered as done, also where the entry cannot be written; the log
//! has it then.

use super::accounts::listed;
use super::desk::Desk;
use super::fields::Params;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use super::value;
use crate::clock::{rfc3339, rfc3339_seconds};
use crate::ids::{AccountId, AccountKind, Id};
use crate::ledger::{Account, AuditEntry, AuditQuery, Standing};
use axum::Json;
use serde_json::{Value, json};

const PAGE: usize = 50;

pub(super) fn operations() -> Operations {
    Operations::default()
        .get("/api/v1/audit", Scope::Read(Resource::Audit), list)
        .says("Lists who changed what, newest first", 200, "[AuditEntry]")
        .asks(&["account", "actor", "action", "since", "until", "workspace", "limit", "after"])
}

async fn list(desk: Desk, Params(mut fields): Params) -> Result<Json<Value>, Problem> {
    let now = desk.clock.now();
    let query = AuditQuery {
        account: fields.read("account", value::text),
        actor: fields.read("actor", value::text),
        action: fields.read("action", value::text),
        since: fields.read("since", value::past(now)),
        until: fields.read("until", value::past(now)),
        workspace: fields.read("workspace", value::id),
        limit: fields.read("limit", value::page_length).unwrap_or(PAGE),
        after: fields.read("after", value::cursor),
    };
    let query = fields.finish(Some(query))?;
    let query = AuditQuery { workspace: desk.within(query.workspace.clone())?, ..query };
    Ok(listed(desk.registry.audit(&query).await?, object))
}

fn object(entry: &AuditEntry) -> Value {
    json!({
        "id": entry.id,
        "time": rfc3339(entry.time),
        "actor": entry.actor,
        "action": entry.action,
        "account": entry.account,
        "before": entry.before,
        "after": entry.after,
        "source": entry.source,
        "request_id": entry.request_id,
    })
}

/// What was done to something that is not an account, or to one.
pub(super) struct Done<'a> {
    /// `user.create`
    pub(super) action: String,
    /// `user:alice`
    pub(super) account: String,
    /// The workspace that may see it.
    pub(super) workspace: Option<&'a Id>,
    /// What differs, as it was and as it is.
    pub(super) change: (Value, Value),
}

/// Keeps a change of an account. `verb` completes the action: `user.create`.
pub(super) async fn changed(
    desk: &Desk,
    verb: &str,
    id: &AccountId,
    before: Option<&Account>,
    after: Option<&Account>,
) {
    let workspace = match id.kind {
        AccountKind::Workspace => Some(&id.id),
        _ => after.or(before).and_then(|account| account.workspace.as_ref()),
    };
    let action = format!("{}.{verb}", id.kind.as_str());
    let change = differing(before.map(facts), after.map(facts));
    done(desk, Done { action, account: id.to_string(), workspace, change }).await;
}

/// Keeps any change.
pub(super) async fn done(desk: &Desk, done: Done<'_>) {
    let Done { action, account, workspace, change: (before, after) } = done;
    let entry = AuditEntry {
        id: uuid::Uuid::now_v7().to_string(),
        time: desk.clock.now(),
        actor: desk.by.name.clone(),
        action,
        account,
        workspace: workspace.cloned(),
        before,
        after,
        source: desk.came.source.to_owned(),
        request_id: desk.came.request.as_deref().map(str::to_owned),
    };
    let AuditEntry { actor, action, account, before, after, source, .. } = &entry;
    tracing::info!(target: "farebox::audit", %actor, action, account, %before, %after, source,
        "changed");
    if let Err(why) = desk.registry.note(&entry).await {
        tracing::error!(action, account, "the audit misses a change: {why}");
    }
}

/// Keeps the end of something that this version cannot read, so that nobody can say what it was.
pub(super) async fn unread(desk: &Desk, kind: &str, name: &Id) {
    let (action, account) = (format!("{kind}.delete"), format!("{kind}:{name}"));
    done(desk, Done { action, account, workspace: None, change: (Value::Null, Value::Null) }).await;
}

/// What an operator can change, and what a reset changes.
fn facts(account: &Account) -> Value {
    let limits: Vec<String> = account.standings.iter().map(Standing::text).collect();
    let used: Vec<String> =
        account.standings.iter().map(|s| format!("{} {}", s.used, s.limit.name())).collect();
    let mut facts = json!({
        "name": account.name,
        "workspace": account.workspace,
        "status": account.status.as_str(),
        "limits": limits,
        "used": used,
        "thresholds": account.thresholds,
        "enforcement": account.enforcement,
    });
    if account.id.kind == AccountKind::Key
        && let Some(key) = &account.key
    {
        facts["user"] = json!(key.user);
        facts["models"] = json!(key.models);
        facts["addresses"] = json!(key.reach.addresses);
        facts["routes"] = json!(key.reach.routes);
        facts["expires_at"] = key.expires.map(rfc3339_seconds).into();
    }
    facts
}

/// Both without what is the same in both.
fn differing(before: Option<Value>, after: Option<Value>) -> (Value, Value) {
    let mut before = before.unwrap_or_default();
    let mut after = after.unwrap_or_default();
    if let (Some(b), Some(a)) = (before.as_object_mut(), after.as_object_mut()) {
        let names: Vec<String> = b.keys().cloned().collect();
        for name in names {
            if b.get(&name) == a.get(&name) {
                b.remove(&name);
                a.remove(&name);
            }
        }
    }
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let (before, after) = differing(
            Some(json!({"name": "a", "limits": ["1 usd/day"]})),
            Some(json!({"name": "a", "limits": ["2 usd/day"]})),
        );
        assert_eq!(before, json!({"limits": ["1 usd/day"]}));
        assert_eq!(after, json!({"limits": ["2 usd/day"]}));
        assert_eq!(differing(None, Some(json!({"name": "a"}))).0, Value::Null);
    }
}
