//! Admission: what to hold, for whom, and the tab that is bound to end it.

use super::bound::output_ceiling;
use super::course::Course;
use super::learned::Hints;
use super::refusal::Refusal;
use super::route::Destination;
use super::slices::{Expectation, Slices};
use super::tab::{Pricing, Tab};
use super::{Authenticated, Proxy, advice, bound, estimate, record};
use crate::clock::{Stopwatch, UnixMs};
use crate::dialect::{Call, Yields};
use crate::ids::CallId;
use crate::ledger::{
    Admission, Amounts, CallFacts, Caller, Denial, HoldOrder, Payers, Permit, Standing,
};
use crate::pricing::{Bound, Payer, PriceTable, Terms};
use crate::usage::Reading;

/// A call as it asks to be admitted.
pub(super) struct Applicant<'a> {
    pub(super) id: CallId,
    pub(super) caller: &'a Caller,
    pub(super) watch: Stopwatch,
    pub(super) started: UnixMs,
    pub(super) provider: &'a str,
    pub(super) credential: &'a str,
    /// Who may stand in for the provider.
    pub(super) stand_ins: &'a [Destination],
    /// It costs something later, which nothing bounds.
    pub(super) costs_later: bool,
}

impl Proxy {
    /// Holds on all accounts of the caller, or refuses. The tab exists before the ledger is asked,
    /// so whatever happens here, somebody is bound to end the hold.
    pub(super) async fn admit(
        &self,
        applicant: Applicant<'_>,
        metered: Option<(Call, Pricing)>,
    ) -> Result<(Tab, Vec<Standing>), Refusal> {
        let hints = self.hints(&applicant, metered.as_ref());
        let order = order(&applicant, metered.as_ref(), &hints);
        if let Some(denial) = self.denials.of(&order, self.ledger.news()) {
            let metered = metered.as_ref().map(|(call, pricing)| (call, pricing));
            return Err(refused(&applicant, metered, denial));
        }
        let seen = self.ledger.news().seen(&order.payers);
        let permit = self.ledger.permit().ok_or(Refusal::Overloaded)?;
        let mut tab = self.tab(permit, order, applicant.watch, metered, &hints);
        let Some(order) = tab.order() else { return Err(Refusal::Overloaded) };
        match self.ledger.hold(order).await {
            Ok(Admission::Held { held, standings }) => {
                self.denials.disproved(order);
                record::overrun(order, &standings);
                tab.held(held);
                Ok((tab, standings))
            }
            Ok(Admission::Denied(denial)) => {
                self.denials.remember(order, &denial, seen);
                let refusal = refused(&applicant, tab.metered(), denial);
                tab.refused();
                Err(refusal)
            }
            Err(error) => {
                tracing::warn!(%error, request_id = %applicant.id, "cannot hold");
                Err(Refusal::Ledger)
            }
        }
    }

    /// A tab without a hold, for what a provider made unasked: it is charged all the same, also
    /// where too much is unsettled already.
    pub(super) fn unheld(
        &self,
        applicant: &Applicant<'_>,
        metered: Option<(Call, Pricing)>,
    ) -> Tab {
        let permit = self.ledger.permit().unwrap_or(Permit::unbounded());
        let hints = self.hints(applicant, metered.as_ref());
        let order = order(applicant, metered.as_ref(), &hints);
        self.tab(permit, order, applicant.watch, metered, &hints)
    }

    /// What calls like this one used before.
    fn hints(&self, applicant: &Applicant<'_>, metered: Option<&(Call, Pricing)>) -> Hints {
        let learned = |(_, Pricing { model, .. }): &(Call, Pricing)| {
            self.learned.hints(&applicant.caller.payers.key, &model.id)
        };
        metered.map(learned).unwrap_or_default()
    }

    fn tab(
        &self,
        permit: Permit,
        order: HoldOrder,
        watch: Stopwatch,
        metered: Option<(Call, Pricing)>,
        hints: &Hints,
    ) -> Tab {
        let slices =
            metered.as_ref().and_then(|(call, pricing)| slices(&order, call, pricing, hints));
        let mut tab = Tab::open(
            self.ledger.clone(),
            self.clock.clone(),
            permit,
            order,
            metered,
            &self.tabs,
            watch,
        );
        tab.teaches(self.learned.clone());
        tab.extends(slices);
        tab
    }
}

impl<'a> Applicant<'a> {
    pub(super) fn new(request: &'a Authenticated, course: &'a Course) -> Self {
        Self {
            id: request.id,
            caller: &request.caller,
            watch: request.watch,
            started: request.started,
            provider: &course.here().provider.name,
            credential: course.credential_name(),
            stand_ins: course.later(),
            costs_later: false,
        }
    }
}

/// What comes of a denial, with what would help.
fn refused(
    applicant: &Applicant<'_>,
    metered: Option<(&Call, &Pricing)>,
    denial: Denial,
) -> Refusal {
    let Some((call, pricing)) = metered else { return advice::later(denial.into()) };
    let others = applicant.stand_ins.iter().filter_map(stand_in);
    let all: Vec<_> = others.map(|(_, other)| other).chain([pricing]).collect();
    advice::advised(denial.into(), call, &all, payer(&applicant.caller.payers))
}

/// What the event of a free route says instead of a dialect.
const FREE: &str = "free";

fn order(applicant: &Applicant<'_>, metered: Option<&(Call, Pricing)>, hints: &Hints) -> HoldOrder {
    let facts = CallFacts {
        started: applicant.started,
        provider: applicant.provider.to_owned(),
        credential: applicant.credential.to_owned(),
        dialect: metered.map_or(FREE, |(call, _)| call.operation.name()).to_owned(),
        model: metered.map_or_else(String::new, |(call, _)| call.model.clone()),
        price_version: metered
            .map_or_else(String::new, |(_, pricing)| pricing.table.version().to_owned()),
    };
    let payers = &applicant.caller.payers;
    let is_free = |(_, Pricing { table, model }): &(Call, Pricing)| {
        table.is_free(payer(payers), model, applicant.provider)
    };
    let mut free = metered.map_or(!applicant.costs_later, is_free);
    let ceiling = Some(Amounts::default()).filter(|_| !applicant.costs_later);
    let (mut ceiling, mut expected) = (ceiling, Amounts::default());
    if let Some((call, pricing)) = metered {
        let payer = payer(payers);
        let marked_up = |amounts: Amounts| marked_up(&pricing.table, payer, amounts);
        (ceiling, expected) = amounts(call, pricing, applicant.started, hints, marked_up);
        // Whoever serves it in the end, it was held for.
        for (provider, pricing) in applicant.stand_ins.iter().filter_map(stand_in) {
            let (most, usual) = amounts(call, pricing, applicant.started, hints, marked_up);
            ceiling = ceiling.zip(most).map(|(one, other)| one.dearest(other));
            expected = expected.dearest(usual);
            free &= pricing.table.is_free(payer, &pricing.model, provider);
        }
    }
    HoldOrder { id: applicant.id, payers: payers.clone(), ceiling, expected, free, facts }
}

/// Who stands in, and what it costs there.
fn stand_in(destination: &Destination) -> Option<(&str, &Pricing)> {
    Some((&destination.provider.name, destination.pricing.as_ref()?))
}

/// What an attempt would use of a credential's quota: what the call costs at its provider, without
/// anybody's mark-up.
pub(super) fn at_provider(
    order: &HoldOrder,
    metered: Option<(&Call, &Pricing)>,
    hints: &Hints,
) -> (Option<Amounts>, Amounts) {
    match metered {
        None => (order.ceiling, order.expected),
        Some((call, pricing)) => {
            amounts(call, pricing, order.facts.started, hints, |amounts| amounts)
        }
    }
}

/// For whom a call is marked up.
pub(super) fn payer(payers: &Payers) -> Payer<'_> {
    Payer { workspace: payers.workspace.as_str(), user: payers.user.as_str() }
}

/// The conditions that a call asks for.
fn asked(call: &Call, at: UnixMs) -> Terms<'_> {
    Terms { service_tier: call.service_tier.as_deref(), at, ..Terms::default() }
}

/// What holds more for the answer to a call while it runs; `None` where the call is no stream.
fn slices(order: &HoldOrder, call: &Call, pricing: &Pricing, hints: &Hints) -> Option<Slices> {
    let model = &pricing.model;
    let expectation = Expectation {
        expected: estimate::expected(call, model, hints),
        most: output_ceiling(call, model).map(|one| one.saturating_mul(call.answers)),
        said: estimate::said(hints),
        held: order.expected,
    };
    let grows = call.stream && call.operation.yields() == Yields::Text;
    grows.then(|| Slices::new(&expectation))
}

/// What an answer has cost that came to so many tokens.
pub(super) fn so_far(
    order: &HoldOrder,
    (call, pricing): (&Call, &Pricing),
    bound: Bound,
    reading: &Reading,
) -> Amounts {
    let terms = asked(call, order.facts.started);
    let cost = estimate::so_far_amounts(call, bound, &pricing.model, &terms, reading);
    marked_up(&pricing.table, payer(&order.payers), cost)
}

/// The ceiling and the expectation of a call, marked up; the expectation is never above the ceiling.
fn amounts(
    call: &Call,
    pricing: &Pricing,
    at: UnixMs,
    hints: &Hints,
    marked_up: impl Fn(Amounts) -> Amounts,
) -> (Option<Amounts>, Amounts) {
    let model = &pricing.model;
    let terms = asked(call, at);
    let expected = estimate::expected(call, model, hints);
    let expected = marked_up(estimate::expected_amounts(call, expected, model, &terms));
    let ceiling = bound::ceiling(call, model).ok().map(marked_up);
    let expected = ceiling.map_or(expected, |ceiling| Amounts {
        usd: expected.usd.min(ceiling.usd),
        tokens: expected.tokens.min(ceiling.tokens),
        characters: expected.characters.min(ceiling.characters),
    });
    (ceiling, expected)
}

/// What a payer is charged for what costs so much. Rounded up before the mark-up too, so that a
/// ceiling stays one.
pub(super) fn marked_up(table: &PriceTable, payer: Payer<'_>, amounts: Amounts) -> Amounts {
    Amounts { usd: table.charged(payer, amounts.usd.into()), ..amounts }
}
