//! What a call is charged: by the price table or by its provider's own figure, with its payer's
//! mark-up.
//!
//! Not here: what an answer used (`tab`, `estimate`). Invariants: nothing but the end result is
//! rounded; a usage that has no price is not free.

use super::admit::payer;
use super::tab::Pricing;
use crate::ledger::HoldOrder;
use crate::money::NanoUsd;
use crate::pricing::{ProviderCost, Terms};
use crate::usage::{Reading, Usage};

/// What a usage costs.
pub(super) struct Priced {
    pub(super) cost: NanoUsd,
    /// What the provider takes for it, without anybody's mark-up.
    pub(super) at_provider: NanoUsd,
    /// The model whose price it is.
    pub(super) model: String,
    /// It is not known what was used, or what that costs.
    pub(super) estimated: bool,
    /// The provider's own figure is too far from ours.
    pub(super) anomaly: Option<Anomaly>,
}

/// Two figures for one call that should agree.
pub(super) struct Anomaly {
    /// By the price table, without a mark-up.
    pub(super) ours: NanoUsd,
    /// By the provider.
    pub(super) theirs: NanoUsd,
}

impl Priced {
    /// A call that costs nothing.
    pub(super) fn nothing(order: &HoldOrder) -> Self {
        let model = order.facts.model.clone();
        Self {
            cost: NanoUsd::ZERO,
            at_provider: NanoUsd::ZERO,
            model,
            estimated: false,
            anomaly: None,
        }
    }

    /// The cost of a usage: what the provider itself says, where that counts and is final; else by
    /// the model that the answer names, where that has a price for it; else by the one that the
    /// call named. Where neither has, it costs what was expected. What was admitted as free is.
    pub(super) fn of(
        order: &HoldOrder,
        pricing: &Pricing,
        usage: &Usage,
        reading: &Reading,
        estimated: bool,
    ) -> Self {
        let Pricing { table, model: asked } = pricing;
        let terms = terms(order, reading);
        let named = reading.model.as_deref().filter(|named| !named.is_empty());
        let answered = |name| table.find_answered(&order.facts.provider, asked, name);
        let found = named.and_then(|name| Some((name, answered(name)?)));
        let (name, model) = match found.filter(|(_, model)| model.covers(usage, &terms)) {
            Some(found) => found,
            None => (order.facts.model.as_str(), asked),
        };
        let charge = table.charge(model, usage, &reading.sub_usage, &terms);
        let told = charge.cost > NanoUsd::ZERO || model.covers(usage, &terms);
        let theirs = reading.reported_cost().filter(|_| !estimated);
        let counts = table.provider_cost(&order.facts.provider) == ProviderCost::Charge;
        let payer = payer(&order.payers);
        let (cost, at_provider, estimated) = match theirs.filter(|_| counts) {
            Some(theirs) => (table.charged(payer, theirs.into()), theirs.round_up(), false),
            None if told => (table.charged(payer, charge.exact()), charge.cost, estimated),
            None => (order.expected.usd, order.expected.usd, true),
        };
        // No budget could refuse it, so none is charged for it.
        let cost = if order.free { NanoUsd::ZERO } else { cost };
        let comparable = theirs.filter(|_| told && model.listed);
        let anomaly = comparable.and_then(|theirs| table.anomaly(&charge, theirs));
        let anomaly = anomaly.map(|(ours, theirs)| Anomaly { ours, theirs });
        Self { cost, at_provider, model: name.to_owned(), estimated, anomaly }
    }
}

fn terms<'a>(order: &HoldOrder, reading: &'a Reading) -> Terms<'a> {
    Terms {
        service_tier: reading.service_tier.as_deref(),
        speed: reading.speed.as_deref(),
        traffic_type: reading.traffic_type.as_deref(),
        search_context: reading.search_context_size.as_deref(),
        region: reading.inference_geo.as_deref(),
        at: order.facts.started,
    }
}
