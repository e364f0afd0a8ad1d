//! The open obligation of one call: money may be held, and somebody is bound to end it.
//!
//! A tab exists before the ledger is asked to hold. It ends exactly once: by [`Tab::post`], by
//! [`Tab::refused`], or when it is dropped. Dropped before the call was forwarded, it voids;
//! dropped afterwards, it charges what the call probably caused. So no early return, error,
//! cancellation or panic between hold and settlement can lose a charge or leak a hold.

use super::attempt::{Attempt, Estimate};
use super::fault::Fault;
use super::learned::{Hints, Learned};
use super::open_tabs::{InFlight, OpenTabs};
use super::poll::Poll;
use super::price::Priced;
use super::route::Destination;
use super::slices::Slices;
use super::tries::Trying;
use super::{admit, bound, estimate};
use crate::clock::{Clock, Stopwatch};
use crate::dialect::Call;
use crate::ledger::{
    Amounts, CallFacts, Ending, HoldOrder, Ledger, LimitDenial, Permit, Settlement, UsageEvent,
};
use crate::money::{AttoUsd, NanoUsd};
use crate::pricing::{ModelPrice, PriceTable};
use crate::telemetry::names::{self, Present};
use crate::usage::{Figure, Reading, Usage};
use http::StatusCode;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// What a tab needs to price an answer.
#[derive(Clone)]
pub(super) struct Pricing {
    /// The table with which the hold was made; a reload in between does not change it.
    pub(super) table: Arc<PriceTable>,
    /// The price of the model that the call named.
    pub(super) model: Arc<ModelPrice>,
}

/// A call whose hold has not ended.
pub(super) struct Tab {
    open: Option<Box<Open>>,
    watch: Stopwatch,
}

struct Open {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    permit: Permit,
    order: HoldOrder,
    /// The model that the call named, whoever stands in.
    named: String,
    call: Option<Call>,
    pricing: Option<Pricing>,
    poll: Option<Poll>,
    /// Holds more while a stream runs.
    slices: Option<Slices>,
    /// Is told what the call used.
    learned: Option<Arc<Learned>>,
    /// What was sent on is the handshake of a session, which makes no answer.
    handshake: bool,
    held: NanoUsd,
    /// The attempt that is under way.
    attempt: Option<Attempt>,
    trying: Trying,
    /// Counts the hold, once there is one.
    hold: Option<Present>,
    status: Option<u16>,
    /// How long the client was waited for while it sent its request.
    waited: Duration,
    /// When the call was sent on, counted from its arrival.
    forwarded: Option<Duration>,
    ttft_ms: u64,
    in_flight: InFlight,
}

impl Tab {
    /// Opens a tab for an order. `call` and `pricing` are absent on free routes.
    pub(super) fn open(
        ledger: Arc<dyn Ledger>,
        clock: Clock,
        permit: Permit,
        order: HoldOrder,
        metered: Option<(Call, Pricing)>,
        tabs: &OpenTabs,
        watch: Stopwatch,
    ) -> Self {
        let (call, pricing) = metered.unzip();
        let open = Open {
            ledger,
            clock,
            permit,
            named: order.facts.model.clone(),
            order,
            call,
            pricing,
            poll: None,
            slices: None,
            learned: None,
            handshake: false,
            held: NanoUsd::ZERO,
            attempt: None,
            trying: Trying::default(),
            hold: None,
            status: None,
            waited: Duration::ZERO,
            forwarded: None,
            ttft_ms: 0,
            in_flight: tabs.enter(),
        };
        Self { open: Some(Box::new(open)), watch }
    }

    /// What is to be held.
    pub(super) fn order(&self) -> Option<&HoldOrder> {
        self.open.as_ref().map(|open| &open.order)
    }

    /// The call, on metered routes.
    pub(super) fn call(&self) -> Option<&Call> {
        self.open.as_ref()?.call.as_ref()
    }

    /// The call with its prices, on metered routes.
    pub(super) fn metered(&self) -> Option<(&Call, &Pricing)> {
        let open = self.open.as_ref()?;
        open.call.as_ref().zip(open.pricing.as_ref())
    }

    /// Calls like it are to know what it used, if that is known exactly.
    pub(super) fn teaches(&mut self, learned: Arc<Learned>) {
        if let Some(open) = &mut self.open {
            open.learned = Some(learned);
        }
    }

    /// It holds more while its answer runs.
    pub(super) fn extends(&mut self, slices: Option<Slices>) {
        if let Some(open) = &mut self.open {
            open.slices = slices;
        }
    }

    /// Holds more where the answer grows beyond what is held for it, and never waits for that. Gives
    /// the limit that has no room.
    pub(super) fn hold_more(
        &mut self,
        reading: &Reading,
        cx: &mut Context<'_>,
    ) -> Option<Box<LimitDenial>> {
        let Open { slices, ledger, order, call, pricing, .. } = self.open.as_deref_mut()?;
        let priced = (call.as_ref()?, pricing.as_ref()?);
        let price = |bound| admit::so_far(order, priced, bound, reading);
        slices.as_mut()?.poll(reading, ledger, order, price, cx)
    }

    /// What it finds may have to be charged.
    pub(super) fn polls(&mut self, poll: Poll) {
        if let Some(open) = &mut self.open {
            open.poll = Some(poll);
        }
    }

    /// What is sent on first is the handshake of a session: it costs nothing, whatever becomes of it.
    pub(super) fn shakes_hands(&mut self) {
        if let Some(open) = &mut self.open {
            open.handshake = true;
        }
    }

    /// Whether it has yet to end.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The ledger refused: nothing is held, so nothing has to end.
    pub(super) fn refused(&mut self) {
        self.open = None;
    }

    /// The ledger held so much on the user's account.
    pub(super) fn held(&mut self, held: NanoUsd) {
        if let Some(open) = &mut self.open {
            open.held = held;
            open.hold = Some(Present::on(names::HOLDS_OPEN));
        }
    }

    /// So long the client took to send its request, which is no overhead of ours.
    pub(super) fn waited(&mut self, waited: Duration) {
        if let Some(open) = &mut self.open {
            open.waited = waited;
        }
    }

    /// From here on the provider may have seen the call.
    pub(super) fn forwarded(&mut self) {
        if let Some(open) = &mut self.open {
            open.forwarded = Some(self.watch.elapsed());
            open.status = None;
        }
    }

    /// The provider said so much; whether that is the answer is not known yet. A client that leaves
    /// meanwhile is charged nothing for an error.
    pub(super) fn heard(&mut self, status: u16) {
        if let Some(open) = &mut self.open {
            open.status = Some(status);
        }
    }

    /// The provider has certainly not seen the call, or will not bill it. What it took until now is
    /// no overhead of ours.
    pub(super) fn never_sent(&mut self) {
        if let Some(open) = &mut self.open
            && let Some(since) = open.forwarded.take()
        {
            let took = self.watch.elapsed().saturating_sub(since);
            open.waited = open.waited.saturating_add(took);
        }
    }

    /// It is sent to this provider with this attempt, which ends with the tab or before.
    pub(super) fn attempts(&mut self, at: &Destination, credential: &str, attempt: Attempt) {
        let Some(open) = self.open.as_deref_mut() else { return };
        at.provider.name.clone_into(&mut open.order.facts.provider);
        credential.clone_into(&mut open.order.facts.credential);
        if let Some(pricing) = &at.pricing {
            pricing.table.version().clone_into(&mut open.order.facts.price_version);
            open.pricing = Some(pricing.clone());
        }
        let model = at.model.as_ref().unwrap_or(&open.named);
        if let Some(call) = &mut open.call {
            model.clone_into(&mut open.order.facts.model);
            model.clone_into(&mut call.model);
        }
        open.attempt = Some(attempt);
        open.trying.begins(self.watch.elapsed());
    }

    /// The attempt that is under way failed. Told twice, it failed once.
    pub(super) fn failed(&mut self, fault: &Fault) {
        if let Some(open) = &mut self.open {
            open.trying.failed(&open.order.facts, fault, self.watch.elapsed());
        }
    }

    /// What an attempt at this stop would hold.
    pub(super) fn estimate(&self, at: &Destination) -> Option<Estimate> {
        let open = self.open.as_ref()?;
        let metered = open.call.as_ref().zip(at.pricing.as_ref());
        let hints = open.hints(at.pricing.as_ref());
        let (ceiling, expected) = admit::at_provider(&open.order, metered, &hints);
        let free = metered.is_none();
        let model = at.model.as_ref().unwrap_or(&open.named).clone();
        Some(Estimate { call: open.order.id, ceiling, expected, free, model })
    }

    /// The attempt that is under way, which ends now.
    pub(super) fn take_attempt(&mut self) -> Option<Attempt> {
        self.open.as_mut()?.attempt.take()
    }

    /// The credential that it was sent with last.
    pub(super) fn credential(&self) -> &str {
        self.order().map_or("", |order| &order.facts.credential)
    }

    /// The provider broke off before it answered. Where it has not seen the call, the drop voids.
    pub(super) fn broke_off(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.forwarded.is_some()) {
            self.post(Ending::Cut, &Reading::default());
        }
    }

    /// The head of the answer arrived.
    pub(super) fn answered(&mut self, status: u16) {
        if let Some(open) = &mut self.open {
            open.status = Some(status);
            open.ttft_ms = self.watch.elapsed_ms();
            if let Some(attempt) = &mut open.attempt {
                attempt.answered();
            }
        }
    }

    /// The answer is ended here, and not by its provider.
    pub(super) fn stopped(&mut self) {
        if let Some(attempt) = self.open.as_mut().and_then(|open| open.attempt.as_mut()) {
            attempt.stopped();
        }
    }

    /// In a session an answer begins now, however long ago its money was held.
    pub(super) fn begins(&mut self) {
        self.watch = Stopwatch::start();
        if let Some(open) = &mut self.open {
            open.handshake = false;
            open.trying = Trying::default();
            if open.attempt.is_none() {
                let attempt = Attempt::of_session(&open.ledger, &open.clock, &open.order.facts);
                open.attempt = Some(attempt);
            }
        }
        self.forwarded();
        self.answered(StatusCode::SWITCHING_PROTOCOLS.as_u16());
    }

    /// Ends the tab with what was read; what it cost. Nothing happens if it has ended already.
    pub(super) fn post(&mut self, ending: Ending, reading: &Reading) -> Option<NanoUsd> {
        let open = self.open.take()?;
        Some(open.post(ending, reading, self.watch))
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.forwarded.is_some() {
            open.post(Ending::Left, &Reading::default(), self.watch);
        } else {
            open.void();
        }
    }
}

impl Open {
    /// What is known of calls like it at this price.
    fn hints(&self, pricing: Option<&Pricing>) -> Hints {
        let known = self.learned.as_ref().zip(pricing);
        let hints = known
            .map(|(learned, pricing)| learned.hints(&self.order.payers.key, &pricing.model.id));
        hints.unwrap_or_default()
    }

    fn void(self) {
        let settlement = Settlement::Void { id: self.order.id, payers: self.order.payers.clone() };
        self.ledger.settle(self.permit, settlement);
        drop((self.hold, self.in_flight));
    }

    /// Ends a poll with what it found, or a call with what was read.
    fn post(mut self, ending: Ending, reading: &Reading, watch: Stopwatch) -> NanoUsd {
        let Some(poll) = &self.poll else { return self.settle(ending, reading, watch) };
        let (reading, found) = poll.judge(&self.order.facts, reading);
        if let Some((call, pricing)) = found {
            self.order.facts.dialect = call.operation.name().to_owned();
            self.order.facts.price_version = pricing.table.version().to_owned();
            self.order.free = false;
            (self.call, self.pricing) = (Some(call), Some(pricing));
        }
        self.settle(ending, &reading, watch)
    }

    fn settle(mut self, ending: Ending, reading: &Reading, watch: Stopwatch) -> NanoUsd {
        let ended = watch.elapsed();
        let (usage, estimated) = self.usage(ending, reading);
        let priced = self.price(&usage, reading, estimated);
        let Priced { cost, at_provider, model, estimated, anomaly } = priced;
        let facts = CallFacts { model, ..self.order.facts.clone() };
        let trying = std::mem::take(&mut self.trying);
        let attempts = trying.of_call(&facts, self.status, ending, ended);
        let event = UsageEvent {
            id: self.order.id,
            payers: self.order.payers.clone(),
            facts,
            settled: self.clock.now(),
            service_tier: reading.service_tier.clone(),
            status: self.status.unwrap_or(0),
            ending,
            estimated,
            usage,
            cost,
            provider_cost: reading.reported_cost().map(AttoUsd::round_up),
            held: self.held,
            ttft_ms: self.ttft_ms,
            duration_ms: u64::try_from(ended.as_millis()).unwrap_or(u64::MAX),
            requests: 1,
            attempts,
        };
        let label = self.pricing.as_ref().map_or("", |pricing| &pricing.model.id);
        super::record::settled(&event, label, reading, self.poll.is_some());
        self.teach(&event, reading);
        if let Some(anomaly) = anomaly {
            super::record::cost_anomaly(&event, label, &anomaly);
        }
        let charge = Amounts {
            usd: cost,
            tokens: estimate::count(self.tokens(&usage, reading)),
            characters: estimate::count(self.characters(reading)),
        };
        let charged = self.billed(reading).is_some();
        if let Some(attempt) = self.attempt.take() {
            attempt.settle_with(&event, reading, Amounts { usd: at_provider, ..charge });
        }
        let settlement = super::poll::settlement(Box::new(event), charge, reading, charged);
        self.ledger.settle(self.permit, settlement);
        let forwarded = self.forwarded.unwrap_or(ended);
        let settling = watch.elapsed().saturating_sub(ended);
        let overhead = forwarded.saturating_sub(self.waited).saturating_add(settling);
        super::record::took(ended.saturating_sub(forwarded), overhead);
        drop((self.hold, self.in_flight));
        cost
    }

    /// Tells what an exact answer used. A poll's was made by another call.
    fn teach(&self, event: &UsageEvent, reading: &Reading) {
        let exact = !event.estimated && reading.complete && self.poll.is_none();
        let Some(learned) = self.learned.as_ref().filter(|_| exact) else { return };
        let (Some(call), Some(pricing)) = (self.billed(reading), &self.pricing) else { return };
        if let Some(lesson) = estimate::lesson(call, reading) {
            learned.learn(&event.payers.key, &pricing.model.id, &lesson);
        }
    }

    /// The call, unless it costs nothing: on free routes, in a handshake, and where it failed at the
    /// provider.
    fn billed(&self, reading: &Reading) -> Option<&Call> {
        let failed = self.status.is_some_and(|status| status >= 400);
        let free = self.handshake || failed && !self.is_filtered(reading);
        self.call.as_ref().filter(|_| reading.billable != Some(false) && !free)
    }

    /// Azure bills the prompt of a call that its filter refuses with 400. Of all errors, only the
    /// answer to that leaves it open whether it is billed.
    fn is_filtered(&self, reading: &Reading) -> bool {
        self.status == Some(400) && reading.error && reading.billable.is_none()
    }

    /// The characters to charge: what was sent, and what came back before it ended.
    fn characters(&self, reading: &Reading) -> u64 {
        let sent = self.billed(reading).map(|call| call.characters);
        sent.map_or(0, |sent| sent.saturating_add(reading.output_characters))
    }

    /// The tokens to charge, with those at another model's rate.
    fn tokens(&self, usage: &Usage, reading: &Reading) -> u64 {
        let billed = self.billed(reading).is_some();
        let beside = reading.sub_usage.iter().filter(|sub| billed && sub.billable);
        beside
            .filter(|sub| !sub.included_in_top)
            .fold(usage.total_tokens(), |sum, sub| sum.saturating_add(sub.usage.total_tokens()))
    }

    /// The usage to charge, and whether it is an estimate.
    fn usage(&self, ending: Ending, reading: &Reading) -> (Usage, bool) {
        let (Some(call), Some(pricing)) = (self.billed(reading), &self.pricing) else {
            return (Usage::default(), false);
        };
        if self.is_filtered(reading) {
            let input = estimate::expected_input(call);
            let usage = Usage::default().with(Figure::InputTotal, input);
            return (bound::capped(usage, call, &pricing.model), true);
        }
        // Old versions of Ollama leave the prompt out where it was cached.
        let lacks_prompt = reading.usage.get(Figure::InputTotal).is_none()
            && reading.usage.get(Figure::OutputTotal).is_some();
        let exact = reading.usage_present && reading.usage_final && reading.anomalies == 0;
        if exact && !lacks_prompt {
            return (estimate::with_searches(call, &pricing.model, reading.usage), false);
        }
        if reading.measured && reading.complete {
            return (reading.usage, false);
        }
        let unanswered = reading.deferred || ending == Ending::Left && self.status.is_none();
        let usage = estimate::usage(call, &pricing.model, reading, unanswered);
        (bound::capped(usage, call, &pricing.model), true)
    }

    fn price(&self, usage: &Usage, reading: &Reading, estimated: bool) -> Priced {
        match self.pricing.as_ref().filter(|_| self.billed(reading).is_some()) {
            Some(pricing) => Priced::of(&self.order, pricing, usage, reading, estimated),
            None => Priced::nothing(&self.order),
        }
    }
}
