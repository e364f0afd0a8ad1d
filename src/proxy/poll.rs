//! What is charged once however often it is reported: background responses and batches, which are
//! asked for again and again until they are done.
//!
//! A poll costs nothing by itself. The first that brings final figures is charged under the
//! provider's id; where the call that began the work was charged provisionally, that charge is
//! replaced, on the account of whoever began it.

use super::tab::Pricing;
use super::{Authenticated, Proxy, Refusal, Unpriced, record};
use crate::dialect::{self, Call, Operation};
use crate::ledger::{Amounts, CallFacts, OnceKey, Settlement, UsageEvent};
use crate::pricing::{ModelPrice, PriceTable, Terms};
use crate::usage::Reading;
use std::sync::Arc;

/// What a poll needs to charge what it finds.
pub(super) struct Poll {
    pub(super) operation: Operation,
    pub(super) table: Arc<PriceTable>,
    /// What stands in for the price of a model that has none.
    pub(super) stand_in: Option<Arc<ModelPrice>>,
}

impl Poll {
    /// The reading as one of an answer that was fetched again, and the call that it is the answer
    /// to, if that is charged by it. Where the figures make no sense or have no price, a provisional
    /// charge stays as it is.
    pub(super) fn judge(
        &self,
        facts: &CallFacts,
        reading: &Reading,
    ) -> (Reading, Option<(Call, Pricing)>) {
        let mut reading = reading.clone();
        dialect::retrieved(&mut reading);
        if !reading.charge_once || reading.anomalies > 0 {
            return (reading, None);
        }
        let model = reading.model.as_deref().unwrap_or_default();
        let terms = Terms { at: facts.started, ..Terms::default() };
        let covers = |found: &&Arc<ModelPrice>| found.covers(&reading.usage, &terms);
        let mut found = self.table.find(Some(&facts.provider), model).filter(covers);
        if found.is_none() {
            found = self.stand_in.as_ref().filter(covers);
            let fate = found.map_or(Unpriced::Reject, |_| Unpriced::Ceiling);
            record::unpriced(model, fate);
        }
        let Some(found) = found else {
            tracing::warn!(model, "what was fetched has no price, so it is not charged exactly");
            return (reading, None);
        };
        let pricing = Pricing { table: self.table.clone(), model: found.clone() };
        let call = Call::plain(self.operation, model);
        (reading, Some((call, pricing)))
    }
}

/// The settlement of an event whose answer may be reported again. An estimate stands until exact
/// figures come: of work that was only begun, or of a stream that broke off and can be fetched.
pub(super) fn settlement(
    event: Box<UsageEvent>,
    charge: Amounts,
    reading: &Reading,
    charged: bool,
) -> Settlement {
    let id = reading.dedupe_key.as_deref().filter(|_| charged);
    let once = id.map(|id| OnceKey::of(&event.facts.provider, id));
    match once {
        Some(once) if event.estimated => Settlement::Defer { charge, event, once },
        once => Settlement::Post { charge, event, once },
    }
}

/// The id of something that a provider has stored, in a path that is about it.
fn stored(path: &str) -> Option<&str> {
    let mut segments = path.split('/');
    segments.find(|segment| ["responses", "batches", "interactions"].contains(segment))?;
    segments.next()
}

impl Proxy {
    /// Refuses what is about something that a member of another workspace began.
    pub(super) async fn check_owner(
        &self,
        request: &Authenticated,
        provider: &str,
    ) -> Result<(), Refusal> {
        let Some(id) = stored(request.head.uri.path()) else { return Ok(()) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{Figure, Usage};

    #[test]
    fn paths_about_something_stored() {
        for (path, id) in [
            ("/v1/responses/resp_1", Some("resp_1")),
            ("/openai/v1/responses/resp_1/input_items", Some("resp_1")),
            ("/v1/batches/batch_1/cancel", Some("batch_1")),
            ("/v1beta/interactions/int_1", Some("int_1")),
            ("/v1/batches", None),
            ("/v1/files/responses-1", None),
        ] {
            assert_eq!(stored(path), id, "{path}");
        }
    }

    #[test]
    fn a_poll_charges_only_what_is_certain() {
        let table = Arc::new(PriceTable::builtin().unwrap());
        let poll = Poll { operation: Operation::OpenAiResponses, table, stand_in: None };
        let facts = CallFacts {
            started: 1_795_554_816_123,
            provider: "openai".to_owned(),
            credential: String::new(),
            dialect: String::new(),
            model: String::new(),
            price_version: String::new(),
        };
        let tokens = Usage::default().with(Figure::InputTotal, 9).with(Figure::OutputTotal, 5);
        let done = Reading {
            usage: tokens,
            model: Some("gpt-5".to_owned()),
            usage_present: true,
            usage_final: true,
            billable: Some(true),
            dedupe_key: Some("resp_1".to_owned()),
            ..Reading::default()
        };
        let charges = |reading: Reading| poll.judge(&facts, &reading).1.is_some();
        assert!(charges(done.clone()));
        let pages = Usage::default().with(Figure::Pages, 3);
        for uncertain in [
            Reading { usage_final: false, ..done.clone() },
            Reading { billable: Some(false), ..done.clone() },
            Reading { anomalies: 1, ..done.clone() },
            Reading { dedupe_key: None, ..done.clone() },
            Reading { model: Some("nobody".to_owned()), ..done.clone() },
            Reading { model: None, ..done.clone() },
            Reading { usage: pages, ..done },
        ] {
            assert!(!charges(uncertain.clone()), "{uncertain:?}");
        }
    }
}
