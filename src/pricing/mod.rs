//! Prices: which model costs what, and what a usage costs. Pure, and exact to the last digit.
//!
//! Not here: what a budget allows (`ledger`), what an answer used (`dialect`), estimates of tokens
//! that nobody reported. Invariants: no floating point; a charge is summed exactly and rounded up
//! once; a model without a price is not found, never free.
#![deny(clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod class;
mod document;
mod exact;
mod file;
mod model;
mod rates;
mod table;
mod tiers;

pub use class::Class;
pub use exact::{Exact, Per};
pub use file::BadPricing;
pub use model::{Line, ModelPrice};
pub use table::PriceTable;

use crate::clock::UnixMs;

/// Under which conditions a call was, or would be, served.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The served tier; `None` and `default` are the standard price.
    pub service_tier: Option<&'a str>,
    /// When the call arrived; prices change by date and hour.
    pub at: UnixMs,
}

/// A bound on the tokens of a call, all its answers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Input tokens at most.
    pub input: u64,
    /// Output tokens at most.
    pub output: u64,
}
