//! The audit in Redis: a stream with flat fields, for `redis-cli` too.
//!
//! Invariant: it is bounded by count and by age.

use super::super::audit::{AuditEntry, AuditQuery, KEPT, KEPT_MS, Reading};
use super::super::order::Unavailable;
use super::super::registry::{Page, RegistryError};
use super::fields::Fields;
use super::history::Cursor;
use super::{RedisLedger, keys};
use serde_json::Value;

const AT_ONCE: usize = 500;

impl RedisLedger {
    pub(super) async fn note_change(&self, entry: &AuditEntry) -> Result<(), Unavailable> {
        let oldest = self.options.clock.now().saturating_sub(KEPT_MS).max(0);
        let mut both = redis::pipe();
        let add = both.cmd("XADD").arg(keys::AUDIT).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
        for (name, text) in fields(entry) {
            add.arg(name).arg(text);
        }
        both.cmd("XTRIM").arg(keys::AUDIT).arg("MINID").arg("~").arg(oldest).ignore();
        self.read_all::<(String,)>(&both).await?;
        Ok(())
    }

    pub(super) async fn read_audit(
        &self,
        query: &AuditQuery,
    ) -> Result<Page<AuditEntry>, RegistryError> {
        let start: Option<Cursor> = query.place()?;
        let mut from = start.map_or_else(|| "+".to_owned(), |start| format!("({}", start.0));
        let mut reading = Reading::new(query);
        loop {
            let mut range = redis::cmd("XREVRANGE");
            range.arg(keys::AUDIT).arg(&from).arg("-").arg("COUNT").arg(AT_ONCE);
            let batch: Vec<(String, Fields)> = self.read(&range).await?;
            let Some((oldest, _)) = batch.last() else { return Ok(reading.page()) };
            from = format!("({oldest}");
            for (id, fields) in batch {
                let wanted = entry(&fields).is_none_or(|entry| reading.take(id, entry));
                if !wanted {
                    return Ok(reading.page());
                }
            }
        }
    }
}

fn fields(entry: &AuditEntry) -> [(&'static str, String); 10] {
    [
        ("id", entry.id.clone()),
        ("time_ms", entry.time.to_string()),
        ("actor", entry.actor.clone()),
        ("action", entry.action.clone()),
        ("account", entry.account.clone()),
        ("workspace", entry.workspace.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("before", entry.before.to_string()),
        ("after", entry.after.to_string()),
        ("source", entry.source.clone()),
        ("request_id", entry.request_id.clone().unwrap_or_default()),
    ]
}

/// Reads what [`fields`] wrote; `None` where it did not.
fn entry(fields: &Fields) -> Option<AuditEntry> {
    let text = |name: &str| fields.get(name).cloned();
    let filled = |name: &str| text(name).filter(|text| !text.is_empty());
    let json = |name: &str| serde_json::from_str::<Value>(fields.get(name)?).ok();
    Some(AuditEntry {
        id: text("id")?,
        time: fields.get("time_ms")?.parse().ok()?,
        actor: text("actor")?,
        action: text("action")?,
        account: text("account")?,
        workspace: filled("workspace").and_then(|id| id.parse().ok()),
        before: json("before")?,
        after: json("after")?,
        source: text("source")?,
        request_id: filled("request_id"),
    })
}
