//! `ledger_imbalance`: a check of the ledger's invariants found that one does not hold.

use super::super::written::{BadKey, Keys};
use super::{About, Finding, Last};
use crate::ledger::{Kept, Verification};
use crate::money::NanoUsd;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct LedgerImbalance {
    /// How often it is looked, at most.
    pub(in crate::alert) every: Last,
}

impl LedgerImbalance {
    pub(super) const KEYS: &[&str] = &["window"];

    pub(super) fn read(keys: &Keys<'_>, kept: &Kept) -> Result<Self, BadKey> {
        Ok(Self { every: Last::read(keys, "1h", kept)? })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"window": self.every.to_string()})
    }

    pub(in crate::alert) fn judge(&self, found: &Verification) -> Option<Finding> {
        let first = found.violations.first()?;
        let (many, checked) = (found.violations.len(), found.checked);
        Some(Finding {
            period: 0,
            says: format!(
                "LEDGER IMBALANCE: {many} of {checked} checks of the ledger failed: {first}"
            ),
            action: "See all of them: farebox ledger verify".to_owned(),
            cost: NanoUsd::ZERO,
            tokens: 0,
            ends: None,
            point: About::All.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r096_a_ledger_that_adds_up_is_silent() {
        let rule = LedgerImbalance { every: Last(3_600_000) };
        assert_eq!(rule.judge(&Verification { checked: 9, violations: Vec::new() }), None);
        let broken = vec!["user:a: the sum is 1 and the counter 2".to_owned()];
        let found = rule.judge(&Verification { checked: 9, violations: broken }).unwrap();
        assert!(found.says.contains("1 of 9") && found.says.contains("user:a"), "{}", found.says);
    }
}
