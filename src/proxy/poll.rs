//! What is charged once however often it is reported: background responses and batches, which are
//! asked for again and again until they are done.
//!
//! A poll costs nothing by itself. The first that brings final figures is charged under the
//! provider's id; where the call that began the work was charged provisionally, that charge is
//! replaced, on the account of whoever began it.

use super::tab::Pricing;
use super::{Authenticated, Proxy, Refusal};
use crate::dialect::{self, Call, Operation};
use crate::ledger::{OnceKey, Settlement, UsageEvent};
use crate::pricing::PriceTable;
use crate::usage::Reading;
use std::sync::Arc;

/// What a poll needs to charge what it finds.
pub(super) struct Poll {
    pub(super) operation: Operation,
    pub(super) table: Arc<PriceTable>,
}

impl Poll {
    /// The reading as one of an answer that was fetched again, and the call that it is the answer
    /// to, if that is charged by it. A model without a price leaves the provisional charge as it is.
    pub(super) fn judge(
        &self,
        provider: &str,
        reading: &Reading,
    ) -> (Reading, Option<(Call, Pricing)>) {
        let mut reading = reading.clone();
        dialect::retrieved(&mut reading);
        let model = reading.model.as_deref().unwrap_or_default();
        let found = self.table.find(Some(provider), model).filter(|_| reading.charge_once);
        let call = found.map(|found| {
            let pricing = Pricing { table: self.table.clone(), model: found.clone() };
            (Call::plain(self.operation, model), pricing)
        });
        (reading, call)
    }
}

/// The settlement of an event whose answer may be reported again.
pub(super) fn settlement(
    event: Box<UsageEvent>,
    charge: crate::ledger::Amounts,
    reading: &Reading,
    charged: bool,
) -> Settlement {
    let id = reading.dedupe_key.as_deref().filter(|_| charged);
    let once = id.map(|id| OnceKey::of(&event.facts.provider, id));
    match once {
        Some(once) if reading.deferred => Settlement::Defer { charge, event, once },
        once => Settlement::Post { charge, event, once },
    }
}

impl Proxy {
    /// Refuses to fetch what a member of another workspace began.
    pub(super) async fn check_owner(
        &self,
        request: &Authenticated,
        provider: &str,
    ) -> Result<(), Refusal> {
        let id = request.head.uri.path().rsplit('/').next().unwrap_or_default();
        let owner = self.ledger.owner(&OnceKey::of(provider, id)).await.map_err(|error| {
            tracing::warn!(%error, "cannot look up whose a response is");
            Refusal::Ledger
        })?;
        match owner {
            Some(workspace) if workspace != request.caller.payers.workspace => {
                Err(Refusal::Foreign(super::route::shown(id)))
            }
            _ => Ok(()),
        }
    }
}
