//! Prices: which model costs what, and what a usage costs. Pure, and exact to the last digit.
//!
//! Not here: what a budget allows (`ledger`), what an answer used (`dialect`), estimates of tokens
//! that nobody reported. Invariants: no floating point; a charge is summed exactly and rounded up
//! once; a model without a price is not found, never free.
#![deny(clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]

mod adjusted;
mod block;
mod changes;
mod charge;
mod class;
mod compared;
mod deployments;
mod document;
mod exact;
mod factor;
mod file;
mod globs;
mod hours;
pub mod import;
mod line;
mod listed;
mod lookup;
mod markup;
mod model;
mod nearest;
mod negotiated;
mod parts;
mod pattern;
mod rates;
mod reported;
mod sheet;
mod survey;
mod table;
mod tariff;
mod terms;
mod tiers;

pub use adjusted::{Adjustments, BadAdjustment};
pub use changes::{Change, Percent, changes, leaps, written};
pub use charge::{Beside, Charge};
pub use class::{Class, Side};
pub use compared::{Compared, Difference, Term, compared};
pub use deployments::{BadDeployment, Deployment};
pub use exact::{Exact, Per};
pub use factor::Factor;
pub use file::BadPricing;
pub use line::{Line, total};
pub use lookup::{Match, Rule};
pub use markup::{Markup, Payer};
pub use model::ModelPrice;
pub use negotiated::Override;
pub use reported::ProviderCost;
pub use sheet::{Condition, Long, Sheet};
pub use survey::{Coverage, Kind, Oddity};
pub use table::PriceTable;
pub use terms::{Terms, is_standard_tier};

/// A bound on the tokens of a call, all its answers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Input tokens at most.
    pub input: u64,
    /// Output tokens at most.
    pub output: u64,
}
