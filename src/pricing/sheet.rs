//! A model's prices as people read them: one sheet for each condition and date.
//!
//! Invariant: a sheet shows what is charged. What a tier, some hours or a long prompt take over from
//! the standard price stands on their sheets, too; what a class takes from a broader one does not.

use super::class::Class;
use super::hours::Hours;
use super::line::price_text;
use super::model::ModelPrice;
use super::rates::{Card, Rates};
use crate::clock::{UnixMs, rfc3339_seconds};
use serde_json::{Value, json};

/// When prices apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'t> {
    /// Where nothing else does.
    Standard,
    /// When this tier was served.
    Tier(&'t str),
    /// At these hours.
    Hours(&'t Hours),
}

/// Prices by class, as they are usually written: for a million tokens, or for one thing or second.
pub type Prices = Vec<(Class, String)>;

/// Where long prompts begin, and what they cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Long {
    /// Input tokens.
    pub tokens: u64,
    /// Whether a prompt of exactly that many is long.
    pub inclusive: bool,
    /// What such a call costs.
    pub prices: Prices,
}

/// What a model costs under a condition from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet<'t> {
    /// The condition.
    pub condition: Condition<'t>,
    /// From when on; `None`: ever since.
    pub from: Option<UnixMs>,
    /// What a call with a prompt of usual length costs.
    pub prices: Prices,
    /// What one with a long prompt costs.
    pub long: Option<Long>,
}

impl Sheet<'_> {
    /// `{tier, hours, from, prices: {class: price}, long}`; what does not apply is null. `long` has
    /// `above` or `at_least` with the tokens where it begins, and `prices`.
    pub fn object(&self) -> Value {
        let by_class = |prices: &Prices| {
            let each = prices.iter().map(|(class, price)| (class.name().to_owned(), json!(price)));
            Value::Object(each.collect())
        };
        let mut object = json!({
            "tier": null,
            "hours": null,
            "from": self.from.map(rfc3339_seconds),
            "prices": by_class(&self.prices),
            "long": null,
        });
        match self.condition {
            Condition::Standard => {}
            Condition::Tier(tier) => object["tier"] = json!(tier),
            Condition::Hours(hours) => object["hours"] = json!(hours.to_string()),
        }
        if let Some(long) = &self.long {
            let begin = if long.inclusive { "at_least" } else { "above" };
            object["long"] = json!({ begin: long.tokens, "prices": by_class(&long.prices) });
        }
        object
    }
}

impl ModelPrice {
    /// All prices: the standard ones first, each condition's in the order of their dates. None,
    /// where the model costs nothing.
    pub fn sheets(&self) -> Vec<Sheet<'_>> {
        let of = |condition, rates: &Rates| Sheet {
            condition,
            from: Some(rates.from).filter(|from| *from > UnixMs::MIN),
            prices: prices(&rates.usual),
            long: rates.long.as_ref().map(|(threshold, card)| Long {
                tokens: threshold.tokens,
                inclusive: threshold.inclusive,
                prices: prices(card),
            }),
        };
        let schedules = self.usual.schedules();
        schedules.flat_map(|(when, schedule)| schedule.iter().map(move |r| of(when, r))).collect()
    }

    /// The regions whose tokens have other prices, with what these are multiplied by.
    pub fn region_factors(&self) -> impl Iterator<Item = (&str, String)> {
        self.regions.iter().map(|(name, factor, _)| (name.as_str(), factor.text()))
    }
}

fn prices(card: &Card) -> Prices {
    card.own().into_iter().map(|(class, price)| (class, price_text(class, price))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::PriceTable;
    use super::*;

    #[test]
    fn a_sheet_shows_what_is_charged() {
        let text = "[[model]]\nid = 'm'\nprovider = 'p'\nregions = { us = '1.10' }
            [[model.price]]\ninput = '1'\noutput = '2'\naudio_second = '0.5'
            long = { at_least = 9, input = '3' }
            [[model.price]]\nfrom = '2026-01-01'\ninput = '4'\noutput = '5'
            [[model.price]]\ntiers = ['flex']\nfrom = '2026-02-01'\ninput = '0.5'
            [[model.price]]\nhours = ['01:00-02:00']\noutput = '6'";
        let table = PriceTable::parse(text).unwrap();
        let model = table.find(None, "m").unwrap();
        let shown: Vec<_> = model.sheets().iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "Standard None input 1 output 2 audio_second 0.5 | input 3 output 2 audio_second 0.5",
                "Standard Some(1767225600000) input 4 output 5",
                "Tier(\"flex\") Some(1769904000000) input 0.5 output 5",
                "Hours None input 1 output 6 audio_second 0.5 | input 3 output 6 audio_second 0.5",
                "Hours Some(1767225600000) input 4 output 6",
            ]
        );
        let regions: Vec<_> = model.region_factors().collect();
        assert_eq!(regions, [("us", "1.1".to_owned())]);
    }

    fn shown(sheet: &Sheet<'_>) -> String {
        let line = |prices: &Prices| {
            let each = prices.iter().map(|(class, price)| format!("{} {price}", class.name()));
            each.collect::<Vec<_>>().join(" ")
        };
        let condition = match sheet.condition {
            Condition::Hours(_) => "Hours".to_owned(),
            other => format!("{other:?}"),
        };
        let long = sheet.long.as_ref().map(|long| format!(" | {}", line(&long.prices)));
        let (from, long) = (sheet.from, long.unwrap_or_default());
        format!("{condition} {from:?} {}{long}", line(&sheet.prices))
    }
}
