//! What a session owes: each answer of the model has a tab of its own.
//!
//! Before an answer is asked for its money is held, on the way nothing waits for that, and when it
//! ends it is charged. An answer that began before its hold was there is charged all the same.
//! However a session ends, so does its open tab: charged if an answer had begun, voided if not.

use super::lane::Watch;
use super::one_answer;
use crate::clock::Stopwatch;
use crate::dialect::{Call, Conversation, Turn, Yields};
use crate::framing::websocket::Socket;
use crate::ids::CallId;
use crate::ledger::{BoxFuture, Caller, Ending};
use crate::provider::Provider;
use crate::proxy::admit::Applicant;
use crate::proxy::refusal::Refusal;
use crate::proxy::request::usable_name;
use crate::proxy::route::Destination;
use crate::proxy::tab::{Pricing, Tab};
use crate::proxy::{Authenticated, Proxy, allowed};
use crate::usage::{Figure, Reading};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;

/// How long a hold waits for the charge before it to be seen.
const CATCH_UP: Duration = Duration::from_millis(100);

/// What an estimate takes for a token.
const BYTES_PER_TOKEN: u64 = 4;

/// Who pays for the answers of a session, and where they are made.
#[derive(Clone)]
pub(super) struct Party {
    proxy: Arc<Proxy>,
    caller: Arc<Caller>,
    provider: Arc<Provider>,
    credential: String,
    id: CallId,
}

impl Party {
    pub(super) fn new(
        proxy: &Arc<Proxy>,
        request: &Authenticated,
        destination: &Destination,
        credential: &str,
    ) -> Self {
        Self {
            proxy: proxy.clone(),
            caller: request.caller.clone(),
            provider: destination.provider.clone(),
            credential: credential.to_owned(),
            id: request.id,
        }
    }

    fn applicant(&self) -> Applicant<'_> {
        Applicant {
            id: CallId::new(),
            caller: &self.caller,
            watch: Stopwatch::start(),
            started: self.proxy.clock.now(),
            provider: &self.provider.name,
            credential: &self.credential,
            stand_ins: &[],
            costs_later: false,
        }
    }

    /// Asks for the money of the next answer.
    async fn ask(self, call: Call, pricing: Pricing) -> Result<Tab, Refusal> {
        // Beyond that the charge comes too late to be counted, not to be made.
        let _ = timeout(CATCH_UP, self.proxy.ledger.caught_up()).await;
        let (tab, _) = self.proxy.admit(self.applicant(), Some((call, pricing))).await?;
        Ok(tab)
    }

    fn price(&self, call: &Call) -> Result<Pricing, Refusal> {
        usable_name(&call.model)?;
        allowed(&self.caller, &call.model)?;
        let table = self.proxy.newest.load_full();
        let now = self.proxy.clock.now();
        let model = self.proxy.price(&table, Some(&self.provider.name), call, now)?;
        Ok(Pricing { table, model })
    }
}

/// What is there for the next answer.
enum Next {
    /// The client has yet to name its model. Until then the session counts as a request.
    Unnamed { _place: Tab },
    /// Its money is being asked for.
    Asked(BoxFuture<'static, Result<Tab, Refusal>>),
    /// Its money is held.
    Held(Tab),
    /// There is to be none.
    None,
}

/// The answers of a session.
pub(super) struct Turns {
    party: Party,
    call: Call,
    pricing: Option<Pricing>,
    conversation: Conversation,
    next: Next,
    /// The client is not heard by the provider before it is admitted.
    held_back: bool,
    /// The tab knows that its answer has begun.
    begun: bool,
    /// How the session ends, by who closed it first.
    closed: Option<Ending>,
}

impl Turns {
    /// The answers of a session that was admitted with this tab.
    pub(super) fn new(party: Party, call: Call, pricing: Option<Pricing>, tab: Tab) -> Self {
        let conversation = Conversation::new(&call);
        let next = if pricing.is_some() { Next::Held(tab) } else { Next::Unnamed { _place: tab } };
        Self {
            party,
            call,
            pricing,
            conversation,
            next,
            held_back: false,
            begun: false,
            closed: None,
        }
    }

    /// The session's own id, which is that of its first answer.
    pub(super) fn id(&self) -> CallId {
        self.party.id
    }

    /// Counts that the next answer was refused.
    pub(super) fn refused(&self, refusal: &Refusal) {
        let Party { proxy, caller, id, .. } = &self.party;
        proxy.refused(*id, Some(caller), refusal);
    }

    /// Whether the provider is making an answer.
    pub(super) fn is_answering(&self) -> bool {
        self.conversation.is_answering()
    }

    /// Whether the client has to be admitted before the provider hears it.
    pub(super) fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// How the session ends, if one side has closed it.
    pub(super) fn closed(&self) -> Option<Ending> {
        self.closed
    }

    /// Ready when the next answer was admitted or refused.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        if self.held_back && self.is_unnamed() {
            self.name()?;
        }
        let Next::Asked(asked) = &mut self.next else { return Poll::Pending };
        match ready!(asked.as_mut().poll(cx)) {
            Ok(mut tab) => {
                if self.begun {
                    tab.begins();
                }
                self.next = Next::Held(tab);
                self.held_back = false;
                Poll::Ready(Ok(()))
            }
            Err(refusal) => {
                self.next = Next::None;
                Poll::Ready(Err(refusal))
            }
        }
    }

    /// The session ended. Nothing happens if it had already.
    pub(super) fn finish(&mut self, ending: Ending) {
        let left = self.conversation.finish(true);
        let next = std::mem::replace(&mut self.next, Next::None);
        if let Some(turn) = left {
            self.charge(next, turn, ending);
        }
    }

    /// The client has named its model, or has not.
    fn name(&mut self) -> Result<(), Refusal> {
        let named = self.conversation.model().unwrap_or_default();
        self.call = one_answer(self.call.operation, named);
        // The place that it took until now is given back first.
        self.next = Next::None;
        self.pricing = Some(self.party.price(&self.call)?);
        self.ask();
        Ok(())
    }

    fn ask(&mut self) {
        if self.pricing.is_none() {
            return;
        }
        // A table that was loaded since counts; one without the model leaves the session its price.
        if let Ok(newest) = self.party.price(&self.call) {
            self.pricing = Some(newest);
        }
        let Some(pricing) = self.pricing.clone() else { return };
        self.next = Next::Asked(Box::pin(self.party.clone().ask(self.call.clone(), pricing)));
    }

    fn client_said(&mut self, bytes: &[u8]) {
        self.conversation.client(bytes);
        self.held_back |= self.is_unnamed() && self.conversation.model().is_some();
    }

    fn client_ended(&mut self) {
        self.conversation.client_end();
        self.held_back |= self.is_unnamed();
    }

    fn is_unnamed(&self) -> bool {
        matches!(self.next, Next::Unnamed { .. })
    }

    fn server_ended(&mut self) {
        if let Some(turn) = self.conversation.server_end() {
            self.answered(turn);
        } else if !self.begun && self.is_answering() {
            self.begun = true;
            if let Next::Held(tab) = &mut self.next {
                tab.begins();
            }
        }
    }

    /// An answer is complete: it is charged, and the next one asked for.
    fn answered(&mut self, turn: Turn) {
        match std::mem::replace(&mut self.next, Next::None) {
            held @ Next::Held(_) => {
                self.charge(held, turn, Ending::Finished);
                if self.call.operation.yields() != Yields::Time {
                    self.ask();
                }
            }
            other => {
                self.charge(Next::None, turn, Ending::Finished);
                self.next = other;
            }
        }
        self.begun = false;
    }

    /// Charges an answer to what was held for it, if anything was.
    fn charge(&mut self, next: Next, turn: Turn, ending: Ending) {
        let reading = heard(turn.reading);
        let mut tab = match next {
            Next::Held(tab) => tab,
            _ => {
                let metered = self.pricing.clone().map(|pricing| (self.call.clone(), pricing));
                self.begun = false;
                self.party.proxy.unheld(&self.party.applicant(), metered)
            }
        };
        if !self.begun {
            tab.begins();
        }
        tab.post(ending, &reading);
        // The next answer reads the conversation again.
        if let Some(input) = reading.usage.get(Figure::InputTotal) {
            self.call.body_bytes = input.saturating_mul(BYTES_PER_TOKEN);
        }
    }
}

/// An answer is heard once and cannot be fetched again; servers may number theirs by the session.
/// Where none had begun, what was used beside answers is all that is due.
fn heard(mut reading: Reading) -> Reading {
    reading.dedupe_key = None;
    if !reading.begun && !reading.usage_present {
        reading.usage_present = true;
        reading.usage_final = true;
    }
    reading
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.finish(Ending::Left);
    }
}

/// Hears the client.
pub(super) struct Client<'a>(pub(super) &'a mut Turns);

impl Socket for Client<'_> {
    fn text(&mut self, bytes: &[u8]) {
        self.0.client_said(bytes);
    }

    fn message_end(&mut self) {
        self.0.client_ended();
    }

    fn close(&mut self, _code: Option<u16>) {
        self.0.closed.get_or_insert(Ending::Left);
    }
}

impl Watch for Client<'_> {
    fn may_pass(&self) -> bool {
        !self.0.held_back
    }
}

/// Hears the provider.
pub(super) struct Server<'a>(pub(super) &'a mut Turns);

impl Socket for Server<'_> {
    fn text(&mut self, bytes: &[u8]) {
        self.0.conversation.server(bytes);
    }

    fn message_end(&mut self) {
        self.0.server_ended();
    }

    fn close(&mut self, _code: Option<u16>) {
        self.0.closed.get_or_insert(Ending::Cut);
    }
}

impl Watch for Server<'_> {
    fn may_pass(&self) -> bool {
        true
    }
}
