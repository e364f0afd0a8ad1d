//! What was served priced line by line, by a list of the provider's own: the public prices.
//!
//! Invariant: amounts are exact; nothing is rounded here, unlike in a ledger, which rounds each
//! call.

use super::super::bill::BillEntry;
use super::super::vendor::Vendor;
use crate::pricing::{Class, Exact, PriceTable, Terms};
use std::sync::LazyLock;

static PRICES: LazyLock<Option<PriceTable>> = LazyLock::new(|| PriceTable::builtin().ok());

/// The lines of what one answer costs.
pub(super) fn lines(entry: &BillEntry) -> Result<Vec<(Class, Exact)>, String> {
    let Some(prices) = &*PRICES else { return Err("There are no prices.".to_owned()) };
    let provider = match entry.vendor {
        Vendor::Anthropic => "anthropic",
        Vendor::OpenRouter => "openrouter",
        _ => "openai",
    };
    let Some(price) = prices.find(Some(provider), &entry.model) else { return Ok(Vec::new()) };
    let terms = Terms { service_tier: Some(&entry.tier), at: entry.at, ..Terms::default() };
    let lines = price.explain(&entry.usage(), &terms);
    Ok(lines.into_iter().map(|line| (line.class, line.cost)).collect())
}
