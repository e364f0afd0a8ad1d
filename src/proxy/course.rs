//! Where a call can go, in order, and with which credential it goes now.
//!
//! The first stop is where the call belongs; those after it stand in for it. At each stop every
//! credential is tried once at most, so a course always comes to an end.

use super::refusal::Refusal;
use super::route::{Destination, Target};
use super::tab::Pricing;
use super::{Authenticated, Proxy, Unpriced, allowed, estimate, unpriced_search};
use crate::clock::UnixMs;
use crate::dialect::{Call, Dialect, Operation};
use crate::pricing::{PriceTable, Terms};
use crate::provider::{AllOut, Fallback, Taken, Wish};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stops of a call, and where it is.
pub(super) struct Course {
    here: Destination,
    /// The stops that follow.
    later: Vec<Destination>,
    wish: Wish,
    taken: Option<Taken>,
    /// The credentials that were tried here.
    tried: Vec<String>,
    /// Who is out, as far as it was asked.
    out: AllOut,
    /// The client has hung up.
    left: Arc<AtomicBool>,
}

impl Course {
    /// Takes a credential at the first stop that has one; a refusal if none has.
    pub(super) fn begin(
        here: Destination,
        later: Vec<Destination>,
        wish: Wish,
        now: UnixMs,
    ) -> Result<Self, Refusal> {
        let out = AllOut { until: None };
        let (tried, left) = (Vec::new(), Arc::default());
        let mut course = Self { here, later, wish, taken: None, tried, out, left };
        if course.take(now) || course.move_on(now) {
            return Ok(course);
        }
        Err(course.exhausted(now))
    }

    /// Where the call goes now.
    pub(super) fn here(&self) -> &Destination {
        &self.here
    }

    /// The stops after this one.
    pub(super) fn later(&self) -> &[Destination] {
        &self.later
    }

    /// The name of the credential that it goes with, empty where the provider needs none.
    pub(super) fn credential_name(&self) -> &str {
        self.taken.as_ref().map_or("", Taken::name)
    }

    /// The credential for the attempt that is made now.
    pub(super) fn taken(&mut self) -> Option<Taken> {
        self.taken.take()
    }

    /// To be set when the client hangs up: nobody waits for another attempt then.
    pub(super) fn left(&self) -> Arc<AtomicBool> {
        self.left.clone()
    }

    /// Whether it can go on after a failure.
    pub(super) fn may_go_on(&self) -> bool {
        !self.later.is_empty() || self.here.provider.credentials.len() > self.tried.len()
    }

    /// This credential has no room until then, if that is known. Whether there is another one.
    pub(super) fn denied(&mut self, until: Option<UnixMs>, now: UnixMs) -> bool {
        self.out = self.out.or(until);
        self.take(now) || self.move_on(now)
    }

    /// The attempt failed. Whether there is another credential: first here, or first at the next
    /// stops where the fault is that of the provider.
    pub(super) fn failed(&mut self, of_credential: bool, now: UnixMs) -> bool {
        if self.left.load(Ordering::Relaxed) {
            return false;
        }
        self.wish.again = true;
        match of_credential {
            true => self.take(now) || self.move_on(now),
            false => self.move_on(now) || self.take(now),
        }
    }

    /// The refusal where nothing is left.
    pub(super) fn exhausted(&self, now: UnixMs) -> Refusal {
        let seconds = |until: UnixMs| until.saturating_sub(now).max(1).saturating_add(999) / 1000;
        Refusal::Exhausted(self.out.until.map(seconds))
    }

    fn take(&mut self, now: UnixMs) -> bool {
        match self.here.provider.take(&self.wish, &self.tried, now) {
            Ok(taken) => {
                self.tried.push(taken.name().to_owned());
                self.taken = Some(taken);
                true
            }
            Err(out) => {
                self.out = self.out.or(out.until);
                false
            }
        }
    }

    /// Goes to the first of the stops to come that has a credential. If none has, it stays.
    fn move_on(&mut self, now: UnixMs) -> bool {
        for (at, stop) in self.later.iter().enumerate() {
            match stop.provider.take(&self.wish, &[], now) {
                Ok(taken) => {
                    self.tried = vec![taken.name().to_owned()];
                    self.taken = Some(taken);
                    if let Some(here) = self.later.drain(..=at).next_back() {
                        self.here = here;
                    }
                    return true;
                }
                Err(out) => self.out = self.out.or(out.until),
            }
        }
        false
    }
}

impl Proxy {
    /// Where a call can go: to the provider that serves its model, then to those that stand in, with
    /// the model's price there.
    pub(super) fn course(
        &self,
        target: &Target,
        request: &Authenticated,
        call: &Call,
    ) -> Result<Course, Refusal> {
        let providers = &self.providers;
        let table = self.prices.clone();
        let by_model =
            || providers.for_call(target.dialect, &call.model, table.provider_of(&call.model));
        let provider = match &target.provider {
            Some(name) => providers.get(name),
            None => by_model(),
        };
        let name = provider.map(|provider| provider.name.as_str());
        let pricing = self.pricing(&table, name, call, request.started)?;
        let provider = provider.ok_or_else(|| Refusal::NoProvider(call.model.clone()))?;
        let query = request.head.uri.query();
        let first = Destination::new(provider.clone(), target, query)?;
        let first = Destination { pricing: Some(pricing), ..first };
        let fallbacks = match &target.provider {
            // Whoever names a provider wants that one.
            Some(_) => &[],
            None => providers.fallbacks(&call.model, provider),
        };
        let stand_in = |fallback| self.stand_in(fallback, &table, target, request, call);
        let later = fallbacks.iter().filter_map(stand_in).collect();
        let mut wish = Wish::new(request.caller.payers.key.as_str(), &call.model, request.id);
        wish.stored = call.input_elsewhere && call.operation == Operation::OpenAiResponses;
        Course::begin(first, later, wish, request.started)
    }

    /// The course of a call that is about what is stored at a provider, or costs nothing.
    pub(super) fn plain_course(
        &self,
        destination: Destination,
        request: &Authenticated,
    ) -> Result<Course, Refusal> {
        let wish = Wish { stored: true, ..Wish::default() };
        Course::begin(destination, Vec::new(), wish, request.started)
    }

    /// A fallback, if it can serve this call: it understands it, its model has a price there, and
    /// the key may use it.
    fn stand_in(
        &self,
        fallback: &Fallback,
        table: &Arc<PriceTable>,
        target: &Target,
        request: &Authenticated,
        call: &Call,
    ) -> Option<Destination> {
        let provider = self.providers.get(&fallback.provider)?;
        let model = fallback.model.as_deref().filter(|model| *model != call.model);
        let understands = provider.dialect == target.dialect || target.dialect == Dialect::OpenAi;
        if !understands || model.is_some() && call.model_at.is_none() {
            return None;
        }
        let there = Call { model: model.unwrap_or(&call.model).to_owned(), ..call.clone() };
        allowed(&request.caller, &there.model).ok()?;
        let pricing = self.pricing(table, Some(&provider.name), &there, request.started).ok()?;
        let stop = Destination::new(provider.clone(), target, request.head.uri.query()).ok()?;
        Some(Destination { pricing: Some(pricing), model: model.map(str::to_owned), ..stop })
    }

    /// What a call costs at a provider; a refusal where that is not known.
    fn pricing(
        &self,
        table: &Arc<PriceTable>,
        provider: Option<&str>,
        call: &Call,
        at: UnixMs,
    ) -> Result<Pricing, Refusal> {
        let model = self.price(table, provider, call, at)?;
        let terms = Terms { at, ..Terms::default() };
        let searches_free = estimate::searches_free(call, &model, &terms);
        if searches_free && self.rules.unpriced != Unpriced::Free {
            return Err(Refusal::Body(unpriced_search(&call.model)));
        }
        Ok(Pricing { table: table.clone(), model })
    }
}
