//! Costs by day. The ledger keeps the cost of a call, not of its parts, so the line item is the
//! model.

use super::super::view::number;
use super::BadParameter;
use super::facets::{Facet, Facets};
use super::query::Query;
use crate::ledger::UsageEvent;
use crate::money::NanoUsd;
use serde_json::{Value, json};

const FACETS: &[Facet] = &[Facet::Project, Facet::LineItem, Facet::User, Facet::Key];

pub(super) fn facets(query: &Query) -> Result<Facets, BadParameter> {
    Facets::read(query, FACETS)
}

/// Whether a call cost anything.
pub(super) fn counts(event: &UsageEvent) -> bool {
    event.cost != NanoUsd::ZERO
}

pub(super) fn add(event: &UsageEvent, sum: &mut NanoUsd) {
    *sum = sum.saturating_add(event.cost);
}

pub(super) fn result(sum: &NanoUsd) -> Value {
    json!({
        "object": "organization.costs.result",
        "amount": {"value": number(&sum.to_string()), "currency": "usd"},
        "quantity": null,
    })
}
