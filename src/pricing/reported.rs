//! What a provider itself says a call cost: whether that is the charge, and when it is too far
//! from ours.
//!
//! Invariant: whole numbers only; a difference that rounding explains is none.

use crate::money::NanoUsd;
use serde::{Deserialize, Serialize};

/// What a provider's own figure is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderCost {
    /// It stands beside the charge, which is made by the table.
    #[default]
    Record,
    /// It is the charge.
    Charge,
}

impl ProviderCost {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Charge => "charge",
        }
    }
}

/// Whether our figure is off theirs by more than so many per cent of theirs. Both were rounded up,
/// so that one nano-dollar tells nothing.
pub fn differs(ours: NanoUsd, theirs: NanoUsd, percent: u32) -> bool {
    let (ours, theirs) = (i128::from(ours.get()), i128::from(theirs.get()));
    let difference = ours.saturating_sub(theirs).saturating_abs();
    let allowed = theirs.saturating_mul(i128::from(percent));
    difference > 1 && difference.saturating_mul(100) > allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_one_beyond_the_percentage_of_theirs() {
        let check = |ours, theirs, percent, expected| {
            let found = differs(NanoUsd::new(ours), NanoUsd::new(theirs), percent);
            assert_eq!(found, expected, "{ours} {theirs} {percent}");
        };
        check(105, 100, 5, false);
        check(106, 100, 5, true);
        check(95, 100, 5, false);
        check(94, 100, 5, true);
        check(102, 100, 0, true);
        check(101, 100, 0, false);
        check(2, 1, 5, false);
        check(0, 0, 5, false);
        check(1_000, 0, 1_000, true);
        check(0, 1_000, 99, true);
        check(0, 1_000, 100, false);
        check(i64::MAX, 1, 1_000, true);
    }
}
