//! Costs by day, from the ledger's sums. The ledger keeps the cost of a call, not of its parts, so
//! the line item is the model.

use super::super::analytics::{Books, Dimension, NoAnswer, Question, gather};
use super::super::view::number;
use super::facets::{Facet, Facets, Payer};
use super::query::Query;
use super::span::Span;
use super::{BadParameter, NoPage, Only, Sums};
use crate::clock::parse_time;
use crate::ledger::EventQuery;
use crate::money::NanoUsd;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FACETS: &[Facet] = &[Facet::Project, Facet::LineItem, Facet::User, Facet::Key];

/// What is known of a payer, in the order of [`Facets::needed`].
const PAYER: [Dimension; 4] =
    [Dimension::Workspace, Dimension::User, Dimension::Key, Dimension::Model];

pub(super) fn facets(query: &Query) -> Result<Facets, BadParameter> {
    Facets::read(query, FACETS)
}

/// The costs of each day. Days are those of UTC here; where those of the ledger are others, they
/// are made of hours.
pub(super) async fn summed(
    books: Books<'_>,
    only: Only<'_>,
    (span, facets): (&Span, &Facets),
) -> Result<Sums<NanoUsd>, NoPage> {
    let mut sums: Sums<NanoUsd> = span.buckets().map(|_| BTreeMap::new()).collect();
    let Some((since, until)) = span.bounds() else { return Ok(sums) };
    let user = only.user.or(facets.only_user()).cloned();
    let only = EventQuery { user, workspace: only.workspace.cloned(), ..EventQuery::default() };
    let day = if books.calendar.zone_name() == "UTC" { Dimension::Day } else { Dimension::Hour };
    let mut by = vec![day];
    by.extend(
        PAYER.into_iter().zip(facets.needed()).filter_map(|(of, needed)| needed.then_some(of)),
    );
    let asked = Question { since, until: Some(until), only, by };
    for (names, sum) in gather(books, &asked).await? {
        let mut names = names.iter().map(String::as_str);
        let day = names.next().unwrap_or_default();
        let mut next = |needed| if needed { names.next().unwrap_or_default() } else { "" };
        let [workspace, user, key, model] = facets.needed().map(&mut next);
        let payer = Payer { workspace, user, key, model };
        let at = parse_time(day).and_then(|at| span.place(at));
        let bucket = at.and_then(|at| sums.get_mut(at));
        if let Some(bucket) = bucket.filter(|_| sum.cost != NanoUsd::ZERO && facets.pays(&payer)) {
            let cost = bucket.entry(facets.group_of(&payer)).or_default();
            *cost = cost.saturating_add(sum.cost);
        }
    }
    Ok(sums)
}

impl From<NoAnswer> for NoPage {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::TooMuch(_, why) => BadParameter::new("limit", why).into(),
            NoAnswer::Ledger(error) => error.into(),
        }
    }
}

pub(super) fn result(sum: &NanoUsd) -> Value {
    json!({
        "object": "organization.costs.result",
        "amount": {"value": number(&sum.to_string()), "currency": "usd"},
        "quantity": null,
    })
}
