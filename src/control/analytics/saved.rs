//! What caching saved: what the cached tokens would have cost if they had not been cached, less what
//! they cost, at the standard prices in force when it is asked. What writing to a cache costs more
//! is not taken off.
//!
//! Sums say how many tokens of a model were cached, not at which version of the prices, in which
//! tier, or how long the prompts were; so this is a figure to compare by, and never a charge.

use super::super::Parts;
use super::super::problem::Problem;
use super::books;
use super::dimension::Dimension;
use super::gather::{Question, gather};
use super::metric::Figures;
use crate::clock::UnixMs;
use crate::money::NanoUsd;
use crate::pricing::{Exact, PriceTable, Terms};
use crate::usage::{Figure, Usage};
use std::collections::BTreeMap;

/// Figures of what is asked, with what caching saved where `cached` says that it is wanted.
pub(super) async fn figures(
    parts: &Parts,
    mut asked: Question,
    cached: bool,
) -> Result<BTreeMap<Vec<String>, Figures>, Problem> {
    let wanted = asked.by.len();
    if cached {
        asked.by.extend([Dimension::Provider, Dimension::Model]);
    }
    let (table, now) = (parts.in_force.prices().table, parts.clock.now());
    let mut all: BTreeMap<Vec<String>, Figures> = BTreeMap::new();
    for (mut names, sum) in gather(books(parts), &asked).await? {
        let saved = match names.get(wanted..) {
            Some([provider, model]) => saved(&table, (provider, model), sum.cached_input, now),
            _ => NanoUsd::ZERO,
        };
        names.truncate(wanted);
        let group = all.entry(names).or_default();
        group.sum = group.sum.plus(&sum);
        group.saved = group.saved.saturating_add(saved);
    }
    Ok(all)
}

/// What so many cached tokens of a model saved; nothing where it has no price.
fn saved(table: &PriceTable, (provider, model): (&str, &str), tokens: i64, now: UnixMs) -> NanoUsd {
    let tokens = u64::try_from(tokens).unwrap_or(0);
    let Some(model) = table.find(Some(provider), model).filter(|_| tokens > 0) else {
        return NanoUsd::ZERO;
    };
    let terms = Terms { at: now, ..Terms::default() };
    let cost = |cached| {
        let usage = Usage::default().with(Figure::InputTotal, 1).with(Figure::CachedRead, cached);
        let lines = model.explain_calls(&usage, 0, &terms);
        let price = lines.iter().fold(Exact::ZERO, |sum, line| sum.plus(line.cost));
        price.times(tokens).round_up()
    };
    NanoUsd::new(cost(0).get().saturating_sub(cost(1).get()).max(0))
}
