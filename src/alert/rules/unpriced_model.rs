//! `unpriced_model`: somebody asked for a model that has no price.

use super::super::written::{BadKey, Keys};
use super::{About, Finding, Over};
use crate::clock::UnixMs;
use crate::limit::Calendar;
use crate::money::NanoUsd;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::alert) struct UnpricedModel {
    pub(in crate::alert) over: Over,
}

impl UnpricedModel {
    pub(super) const KEYS: &[&str] = &["window"];

    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, BadKey> {
        Ok(Self { over: Over::present(keys, "day")? })
    }

    pub(super) fn shown(&self) -> Value {
        json!({"window": self.over.to_string()})
    }

    pub(in crate::alert) fn judge(
        &self,
        model: &str,
        (calendar, now): (&Calendar, UnixMs),
    ) -> Finding {
        let about = About::model(model);
        Finding {
            period: self.over.period(calendar, now),
            says: format!(
                "UNPRICED MODEL: {} was asked for {} and has no price",
                about.in_words(),
                self.over.in_words()
            ),
            action: "Give it a price in [[prices.models]], or none of its calls is charged as it \
                     costs: see farebox pricing show, docs/pricing.md"
                .to_owned(),
            cost: NanoUsd::ZERO,
            tokens: 0,
            ends: self.over.ends(calendar, now),
            point: about.into(),
        }
    }
}
