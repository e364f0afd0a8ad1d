//! `journal_backlog`: a proxy has settled calls that the ledger has not taken yet.

use super::super::written::{BadKey, Keys, bad};
use super::{About, Finding, Over};
use crate::clock::UnixMs;
use crate::limit::Calendar;
use crate::money::NanoUsd;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct JournalBacklog {
    pub(in crate::alert) pending: u32,
    pub(in crate::alert) over: Over,
}

impl JournalBacklog {
    pub(super) const KEYS: &[&str] = &["pending", "window"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        let pending = keys.number("pending", u32::MAX)?.unwrap_or(1000);
        if pending == 0 {
            return Err(bad("pending", "0 waiting settlements are no backlog: 1 or more"));
        }
        Ok(Self { pending, over: Over::present(keys, "hour")? })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"pending": self.pending, "window": self.over.to_string()})
    }

    pub(in crate::alert) fn judge(
        &self,
        waiting: usize,
        (calendar, now): (&Calendar, UnixMs),
    ) -> Option<Finding> {
        (u32::try_from(waiting).unwrap_or(u32::MAX) >= self.pending).then(|| Finding {
            period: self.over.period(calendar, now),
            says: format!(
                "JOURNAL BACKLOG: {waiting} settled calls of a proxy wait for the ledger, the rule \
                 fires at {}; nothing is lost while its disk lives",
                self.pending
            ),
            action: "See whether Redis is slow or away: farebox doctor".to_owned(),
            cost: NanoUsd::ZERO,
            tokens: 0,
            ends: self.over.ends(calendar, now),
            point: About::All.into(),
        })
    }
}
