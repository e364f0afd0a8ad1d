//! Admission: what to hold, for whom, and the tab that is bound to end it.

use super::refusal::Refusal;
use super::route::Destination;
use super::tab::{Pricing, Tab};
use super::{Authenticated, Proxy, estimate, record};
use crate::clock::{Stopwatch, UnixMs};
use crate::dialect::Call;
use crate::ids::CallId;
use crate::ledger::{Admission, Amounts, CallFacts, Caller, HoldOrder, Payers, Permit, Standing};
use crate::money::NanoUsd;
use crate::pricing::{Payer, Terms};

/// A call as it asks to be admitted.
pub(super) struct Applicant<'a> {
    pub(super) id: CallId,
    pub(super) caller: &'a Caller,
    pub(super) watch: Stopwatch,
    pub(super) started: UnixMs,
    pub(super) provider: &'a str,
    pub(super) credential: &'a str,
}

impl Proxy {
    /// Holds on all accounts of the caller, or refuses. The tab exists before the ledger is asked,
    /// so whatever happens here, somebody is bound to end the hold.
    pub(super) async fn admit(
        &self,
        applicant: Applicant<'_>,
        metered: Option<(Call, Pricing)>,
    ) -> Result<(Tab, Vec<Standing>), Refusal> {
        let order = order(&applicant, metered.as_ref());
        if let Some(denial) = self.denials.of(&order, self.ledger.news()) {
            return Err(denial.into());
        }
        let seen = self.ledger.news().seen(&order.payers);
        let permit = self.ledger.permit().ok_or(Refusal::Overloaded)?;
        let mut tab = self.tab(permit, order, applicant.watch, metered);
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
                tab.refused();
                Err(denial.into())
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
        self.tab(permit, order(applicant, metered.as_ref()), applicant.watch, metered)
    }

    fn tab(
        &self,
        permit: Permit,
        order: HoldOrder,
        watch: Stopwatch,
        metered: Option<(Call, Pricing)>,
    ) -> Tab {
        Tab::open(
            self.ledger.clone(),
            self.clock.clone(),
            permit,
            order,
            metered,
            &self.tabs,
            watch,
        )
    }
}

impl<'a> Applicant<'a> {
    pub(super) fn new(request: &'a Authenticated, destination: &'a Destination) -> Self {
        Self {
            id: request.id,
            caller: &request.caller,
            watch: request.watch,
            started: request.started,
            provider: &destination.provider.name,
            credential: destination.credential_name(),
        }
    }
}

/// What the event of a free route says instead of a dialect.
const FREE: &str = "free";

fn order(applicant: &Applicant<'_>, metered: Option<&(Call, Pricing)>) -> HoldOrder {
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
    let (ceiling, expected) = match metered {
        None => (Some(Amounts::default()), Amounts::default()),
        Some((call, pricing)) => amounts(call, pricing, payer(payers), applicant.started),
    };
    let is_free = |(_, Pricing { table, model }): &(Call, Pricing)| {
        table.is_free(payer(payers), model, applicant.provider)
    };
    HoldOrder {
        id: applicant.id,
        payers: payers.clone(),
        ceiling,
        expected,
        free: metered.is_none_or(is_free),
        facts,
    }
}

/// For whom a call is marked up.
pub(super) fn payer(payers: &Payers) -> Payer<'_> {
    Payer { workspace: payers.workspace.as_str(), user: payers.user.as_str() }
}

/// The ceiling and the expectation of a call, with its payer's mark-up; the expectation is never
/// above the ceiling.
fn amounts(
    call: &Call,
    pricing: &Pricing,
    payer: Payer<'_>,
    at: UnixMs,
) -> (Option<Amounts>, Amounts) {
    let model = &pricing.model;
    let terms = Terms { service_tier: call.service_tier.as_deref(), at, ..Terms::default() };
    // Rounded up before the mark-up too, so that a ceiling stays one.
    let marked_up = |cost: NanoUsd| pricing.table.charged(payer, cost.into());
    let marked_up = |amounts: Amounts| Amounts { usd: marked_up(amounts.usd), ..amounts };
    let expected = estimate::expected(call, model);
    let expected = marked_up(estimate::expected_amounts(call, expected, model, &terms));
    let ceiling = estimate::bound(call, model);
    let ceiling = ceiling.map(|bound| marked_up(estimate::ceiling_amounts(call, bound, model)));
    let expected = ceiling.map_or(expected, |ceiling| Amounts {
        usd: expected.usd.min(ceiling.usd),
        tokens: expected.tokens.min(ceiling.tokens),
        characters: expected.characters.min(ceiling.characters),
    });
    (ceiling, expected)
}
