//! Metrics: what is asked about sums, and how it is written. Pure.
//!
//! Every row has the figures; a metric decides the order, and adds what it is derived from. Money is
//! whole nano-dollars, shares are numbers with four places.

use super::super::fields::Read;
use super::super::value;
use super::super::view::number;
use super::Row;
use crate::ledger::Sum;
use crate::money::NanoUsd;
use serde_json::Value;

/// What is asked about sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Cost,
    Requests,
    Tokens,
    CostPer1kTokens,
    CacheHitRatio,
    CacheSaved,
    EstimatedShare,
    FailedShare,
}

/// What calls came to, and what caching saved of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub(super) sum: Sum,
    pub(super) saved: NanoUsd,
}

/// The fields that every row has, in their order.
pub(super) const FIGURES: [&str; 4] = ["requests", "tokens", "cost_usd", "cost_nanousd"];
const CACHE: [&str; 6] = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_hit_ratio",
    "cache_saved_usd",
    "cache_saved_nanousd",
];
const ESTIMATED: [&str; 4] =
    ["estimated_requests", "estimated_usd", "estimated_nanousd", "estimated_share"];

impl Metric {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Cost, "cost"),
        (Self::Requests, "requests"),
        (Self::Tokens, "tokens"),
        (Self::CostPer1kTokens, "cost_per_1k_tokens"),
        (Self::CacheHitRatio, "cache_hit_ratio"),
        (Self::CacheSaved, "cache_saved"),
        (Self::EstimatedShare, "estimated_share"),
        (Self::FailedShare, "failed_share"),
    ];

    pub(super) fn read(value: &Value) -> Read<Self> {
        let word = value::text(value)?;
        let found = Self::ALL.iter().find(|(_, name)| *name == word);
        found.map(|(metric, _)| *metric).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
            format!("`{word}` is not one of {}", known.join(", ")).into()
        })
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(metric, _)| *metric == self).map_or("", |(_, name)| *name)
    }

    /// Whether it needs to know what caching saved, for which prices are needed.
    pub(super) const fn of_cache(self) -> bool {
        matches!(self, Self::CacheHitRatio | Self::CacheSaved)
    }

    /// The higher, the further up.
    pub(super) fn rank(self, figures: &Figures) -> i128 {
        let Figures { sum, saved } = figures;
        match self {
            Self::Cost => sum.cost.get().into(),
            Self::Requests => sum.requests.into(),
            Self::Tokens => sum.tokens().into(),
            Self::CostPer1kTokens => ratio(sum.cost.get(), sum.tokens()),
            Self::CacheHitRatio => ratio(sum.cached_input, sum.input),
            Self::CacheSaved => saved.get().into(),
            Self::EstimatedShare => ratio(sum.estimated, sum.requests),
            Self::FailedShare => ratio(sum.failed, sum.requests),
        }
    }

    /// The names of the fields that it writes, in their order.
    pub(super) fn columns(self) -> Vec<&'static str> {
        let more: &[&str] = match self {
            Self::Cost | Self::Requests | Self::Tokens => &[],
            Self::CostPer1kTokens => &["cost_per_1k_tokens_usd", "cost_per_1k_tokens_nanousd"],
            Self::CacheHitRatio | Self::CacheSaved => &CACHE,
            Self::EstimatedShare => &ESTIMATED,
            Self::FailedShare => &["failed_requests", "failed_share"],
        };
        FIGURES.iter().chain(more).copied().collect()
    }

    /// Writes its fields into a row.
    pub(super) fn write(self, figures: &Figures, row: &mut Row) {
        let Figures { sum, saved } = figures;
        write_figures(sum, row);
        let mut put = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
        match self {
            Self::Cost | Self::Requests | Self::Tokens => {}
            Self::CostPer1kTokens => {
                let each = per_thousand(sum);
                put("cost_per_1k_tokens_usd", each.map(|each| each.to_string()).into());
                put("cost_per_1k_tokens_nanousd", each.map(NanoUsd::get).into());
            }
            Self::CacheHitRatio | Self::CacheSaved => {
                put("input_tokens", sum.input.into());
                put("cached_input_tokens", sum.cached_input.into());
                put("cache_write_tokens", sum.cache_write.into());
                put("cache_hit_ratio", share(sum.cached_input, sum.input));
                put("cache_saved_usd", saved.to_string().into());
                put("cache_saved_nanousd", saved.get().into());
            }
            Self::EstimatedShare => {
                put("estimated_requests", sum.estimated.into());
                put("estimated_usd", sum.estimated_cost.to_string().into());
                put("estimated_nanousd", sum.estimated_cost.get().into());
                put("estimated_share", share(sum.estimated, sum.requests));
            }
            Self::FailedShare => {
                put("failed_requests", sum.failed.into());
                put("failed_share", share(sum.failed, sum.requests));
            }
        }
    }
}

/// The fields of a metric by its name, in their order; of one that is not known, those that every
/// row has.
pub fn metric_columns(name: &str) -> Vec<&'static str> {
    let known = Metric::ALL.iter().find(|(_, word)| *word == name);
    known.map_or(Metric::Cost, |(metric, _)| *metric).columns()
}

/// Writes what every row has.
pub(super) fn write_figures(sum: &Sum, row: &mut Row) {
    let values: [Value; 4] = [
        sum.requests.into(),
        sum.tokens().into(),
        sum.cost.to_string().into(),
        sum.cost.get().into(),
    ];
    row.extend(FIGURES.map(str::to_owned).into_iter().zip(values));
}

/// Comparable; nothing of nothing is least.
fn ratio(part: i64, whole: i64) -> i128 {
    const SCALE: i128 = 1_000_000_000_000;
    let scaled = i128::from(part).saturating_mul(SCALE);
    scaled.checked_div(whole.into()).unwrap_or(-1)
}

/// A share as a number with four places, to the nearest; null of nothing.
fn share(part: i64, whole: i64) -> Value {
    let (part, whole) = (i128::from(part), i128::from(whole));
    match nearest(part.saturating_mul(10_000), whole) {
        Some(share) if share >= 0 => number(&format!("{}.{:04}", share / 10_000, share % 10_000)),
        _ => Value::Null,
    }
}

/// What a thousand tokens cost, to the nearest nano-dollar.
fn per_thousand(sum: &Sum) -> Option<NanoUsd> {
    let cost = i128::from(sum.cost.get()).saturating_mul(1_000);
    nearest(cost, sum.tokens().into()).map(|each| NanoUsd::new(each.try_into().unwrap_or(i64::MAX)))
}

/// The quotient of what is not negative, halves upwards; `None` of nothing.
fn nearest(part: i128, whole: i128) -> Option<i128> {
    part.saturating_mul(2).saturating_add(whole).checked_div(whole.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figures() -> Figures {
        let sum = Sum {
            requests: 3,
            failed: 1,
            estimated: 2,
            input: 3_000,
            cached_input: 2_000,
            output: 500,
            cost: NanoUsd::new(3_347_501),
            estimated_cost: NanoUsd::new(5),
            ..Sum::default()
        };
        Figures { sum, saved: NanoUsd::new(7) }
    }

    #[test]
    fn r125_shares_and_prices_are_rounded_to_the_nearest() {
        let written = |metric: Metric, figures: &Figures| {
            let mut row = Row::new();
            metric.write(figures, &mut row);
            for name in metric.columns() {
                assert!(row.contains_key(name), "{name}");
            }
            assert_eq!(row.len(), metric.columns().len());
            Value::Object(row)
        };
        let row = written(Metric::CacheHitRatio, &figures());
        assert_eq!(
            (&row["cache_hit_ratio"], &row["cache_saved_nanousd"]),
            (&json!(0.6667), &json!(7))
        );
        assert_eq!(written(Metric::FailedShare, &figures())["failed_share"], json!(0.3333));
        assert_eq!(written(Metric::EstimatedShare, &figures())["estimated_share"], json!(0.6667));
        // 3347501 / 3.5 = 956428.857…
        let row = written(Metric::CostPer1kTokens, &figures());
        assert_eq!(row["cost_per_1k_tokens_nanousd"], 956_429);
        assert_eq!(row["cost_per_1k_tokens_usd"], "0.000956429");
        for (metric, name) in [
            (Metric::CostPer1kTokens, "cost_per_1k_tokens_usd"),
            (Metric::CacheHitRatio, "cache_hit_ratio"),
            (Metric::FailedShare, "failed_share"),
        ] {
            assert_eq!(written(metric, &Figures::default())[name], Value::Null);
        }
    }

    #[test]
    fn nothing_of_nothing_is_last() {
        let hit = Metric::CacheHitRatio;
        assert!(hit.rank(&Figures::default()) < hit.rank(&figures()));
        let mut none = figures();
        none.sum.cached_input = 0;
        assert!(hit.rank(&Figures::default()) < hit.rank(&none));
        assert!(Metric::read(&"colour".into()).unwrap_err().detail.contains("cost, requests"));
        assert_eq!(Metric::read(&"tokens".into()).unwrap().name(), "tokens");
    }
}
