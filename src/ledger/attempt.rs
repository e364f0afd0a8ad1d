//! What one attempt at a provider asks of its credential's account, what the ledger answers, and
//! what credentials are set up with. A call has one attempt, or several where one fails over.
//!
//! Not here: what a user is charged; that is the hold of the call.
//!
//! Invariants: an attempt has an id of its own, and is counted once by it. A credential without an
//! account gets one without limits with its first attempt, so nothing is refused for it and
//! nothing is uncounted.

use super::order::{Amounts, Denial, Enforcement, HoldOrder, Standing, Unavailable};
use crate::ids::{CallId, Id};
use crate::limit::{Limit, Thresholds};
use crate::money::NanoUsd;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A request to hold on the account of a credential, before a call is sent with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOrder {
    /// The attempt: an id of its own, not that of the call.
    pub id: CallId,
    /// The call that it is made for.
    pub call: CallId,
    /// The credential that it is made with.
    pub credential: Id,
    /// The most that it can use; `None` where no finite bound exists, which `strict` refuses.
    pub ceiling: Option<Amounts>,
    /// What it will probably use.
    pub expected: Amounts,
    /// It costs no dollars, whatever it uses. Without a ceiling, that bounds its dollars only.
    pub free: bool,
    /// The model that it names.
    pub model: String,
    /// The mode of credentials without one of their own; `None`: that of the ledger.
    pub enforcement: Option<Enforcement>,
}

/// The ledger's answer to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptAdmission {
    /// It may be sent: every limit of the credential that counts its model, with it counted.
    Held {
        /// In the order in which limits are checked.
        standings: Vec<Standing>,
    },
    /// It must not be sent with this credential; nothing was held.
    Denied(Denial),
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// The provider answered; counts as a request.
    Served,
    /// The provider did not answer, or with an error; counts as a request that failed.
    Failed,
    /// It was never sent: everything is given back, the request too.
    Unsent,
    /// It was made elsewhere, without a hold here.
    Reported {
        /// How many requests it stands for.
        requests: i64,
        /// How many of them failed.
        failed: i64,
    },
}

impl AttemptOutcome {
    pub(super) fn is_reported(self) -> bool {
        matches!(self, Self::Reported { .. })
    }
}

/// A credential as the configuration sets it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSetup {
    /// Its name, unique over all providers.
    pub id: Id,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Its alert thresholds; `None`: the defaults.
    pub thresholds: Option<Thresholds>,
    /// What is noted beside the figures of each day.
    pub metadata: BTreeMap<String, String>,
}

/// What a credential was used for on one day of the ledger's time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialDay {
    /// The day.
    pub date: Date,
    /// Attempts, failed ones included.
    pub request_count: i64,
    /// Unicode characters of requests and answers.
    pub character_count: i64,
    /// Input and output tokens.
    pub tokens: i64,
    /// What it cost at the provider.
    pub cost: NanoUsd,
    /// Attempts that failed.
    pub failed: i64,
    /// The metadata of the credential when it was last used that day.
    pub metadata: BTreeMap<String, String>,
}

/// What a hold asks of one account, whoever holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand<'a> {
    pub ceiling: Option<Amounts>,
    pub expected: Amounts,
    pub free: bool,
    pub model: &'a str,
}

impl HoldOrder {
    pub(super) fn demand(&self) -> Demand<'_> {
        Demand {
            ceiling: self.ceiling,
            expected: self.expected,
            free: self.free,
            model: &self.facts.model,
        }
    }
}

impl AttemptOrder {
    pub(super) fn demand(&self) -> Demand<'_> {
        Demand {
            ceiling: self.ceiling,
            expected: self.expected,
            free: self.free,
            model: &self.model,
        }
    }
}

impl Demand<'_> {
    /// Refuses amounts that no ledger may hold: negative ones and those above the largest.
    pub fn check(&self) -> Result<(), Unavailable> {
        let ceiling = self.ceiling.unwrap_or_default();
        self.expected.check()?;
        ceiling.check()
    }
}
