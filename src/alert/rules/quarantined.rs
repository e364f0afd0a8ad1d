//! `quarantined`: a provider rejected one of our credentials, and it is no longer used.

use super::super::written::{BadKey, Keys};
use super::{About, Finding, Over};
use crate::clock::UnixMs;
use crate::ids::{AccountId, Id};
use crate::limit::Calendar;
use crate::money::NanoUsd;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct Quarantined {
    pub(in crate::alert) over: Over,
}

impl Quarantined {
    pub(super) const KEYS: &[&str] = &["account", "window"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        Ok(Self { over: Over::present(keys, "day")? })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"window": self.over.to_string()})
    }

    pub(in crate::alert) fn judge(
        &self,
        credential: &Id,
        (calendar, now): (&Calendar, UnixMs),
    ) -> Finding {
        let about = About::Account(AccountId::credential(credential));
        Finding {
            period: self.over.period(calendar, now),
            says: format!(
                "QUARANTINED: the provider rejects {about} (401 or 403); calls go to other \
                 credentials or are refused"
            ),
            action: format!(
                "Put it right in the configuration, then: farebox reload, farebox providers enable \
                 {credential}"
            ),
            cost: NanoUsd::ZERO,
            tokens: 0,
            ends: self.over.ends(calendar, now),
            point: about.into(),
        }
    }
}
