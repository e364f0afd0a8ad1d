//! One structured log line per change: who, what, before and after. Never a secret.

use super::desk::Desk;
use crate::clock::rfc3339_seconds;
use crate::ids::{AccountId, AccountKind};
use crate::ledger::{Account, Standing};
use serde_json::{Value, json};

/// Records a change. `verb` completes the action: `user.create`.
pub(super) fn changed(
    desk: &Desk,
    verb: &str,
    id: &AccountId,
    before: Option<&Account>,
    after: Option<&Account>,
) {
    let action = format!("{}.{verb}", id.kind.as_str());
    let (before, after) = differing(before.map(facts), after.map(facts));
    tracing::info!(target: "farebox::audit", actor = %desk.by.name, action, account = %id, %before, %after,
        "changed");
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
