//! What a report of consumption elsewhere says, read field by field.
//!
//! Invariant: nothing negative, fractional or above 2^53 gets through.

use super::super::fields::{Fields, Read};
use super::super::problem::{Fault, Problem};
use super::super::value;
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::money::NanoUsd;
use crate::usage::{Figure, Usage};
use serde_json::Value;

/// Counts are whole numbers up to 2^53, which every reader of JSON keeps.
const MOST: u64 = 1 << 53;
/// So far ahead of ours a clock may be.
const AHEAD_MS: i64 = 300_000;

/// A report, as it was sent.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Id,
    pub(super) user: Option<Id>,
    pub(super) key: Option<Id>,
    /// The credential that was used.
    pub(super) config: Option<Id>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) requests: i64,
    pub(super) characters: i64,
    /// The figures; of `tokens_used` only the sum is known.
    pub(super) usage: Usage,
    /// Whether the figures can be priced.
    pub(super) detailed: bool,
    pub(super) cost: Option<NanoUsd>,
    pub(super) success: bool,
    pub(super) occurred: UnixMs,
}

impl Asked {
    pub(super) fn read(mut fields: Fields, now: UnixMs) -> Result<Self, Problem> {
        let id = fields.required("id", value::id);
        let (user, key) = (fields.read("user", value::id), fields.read("key", value::id));
        let config = fields.read("config_id", value::id);
        let (provider, model) =
            (fields.read("provider", value::text), fields.read("model", value::text));
        let mut number = |name| fields.read(name, count).unwrap_or(0);
        let (requests, characters) = (number("request_count"), number("character_count"));
        let tokens = fields.read("tokens_used", count);
        let usage = fields.read("usage", figures);
        let cost = fields.read("cost_usd", dollars);
        let success = fields.read("success", truth).unwrap_or(true);
        let occurred = fields.read("occurred_at", value::time).unwrap_or(now);
        if user.is_none() && key.is_none() && config.is_none() {
            fields.fault("user", "give at least one of `user`, `key` and `config_id`".to_owned());
        }
        if tokens.is_some() && usage.is_some() {
            fields.fault("tokens_used", "`usage` says it already; give one of them".to_owned());
        }
        if usage.is_some() && cost.is_none() && model.is_none() {
            let detail = "`usage` has a price only with a `model`; or give `cost_usd`";
            fields.fault("model", detail.to_owned());
        }
        if occurred > now.saturating_add(AHEAD_MS) {
            fields.fault("occurred_at", "it has not come yet".to_owned());
        }
        let detailed = usage.is_some();
        let usage = usage.unwrap_or_else(|| match tokens {
            Some(tokens) => Usage::default().with(Figure::InputTotal, tokens.unsigned_abs()),
            None => Usage::default(),
        });
        let asked = id.map(|id| Self {
            id,
            user,
            key,
            config,
            provider,
            model,
            requests,
            characters,
            usage,
            detailed,
            cost,
            success,
            occurred,
        });
        fields.finish(asked)
    }

    /// Input and output together.
    pub(super) fn tokens(&self) -> i64 {
        i64::try_from(self.usage.total_tokens()).unwrap_or(i64::MAX)
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

fn whole(value: &Value) -> Result<u64, String> {
    value
        .as_u64()
        .filter(|n| *n <= MOST)
        .ok_or_else(|| format!("`{}` is not a whole number from 0 to {MOST}", shown(value)))
}

fn count(value: &Value) -> Read<i64> {
    Ok(whole(value).map(|n| i64::try_from(n).unwrap_or(i64::MAX))?)
}

fn truth(value: &Value) -> Read<bool> {
    value.as_bool().ok_or_else(|| format!("`{}` is neither true nor false", shown(value)).into())
}

/// Dollars: a decimal text, or a number as it is written.
fn dollars(value: &Value) -> Read<NanoUsd> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(format!("`{}` are not dollars", shown(other)).into()),
    };
    text.parse().map_err(|bad| format!("{bad}").into())
}

/// The figures of a usage, by their names in `/api/v1/requests`.
fn figures(value: &Value) -> Read<Usage> {
    let Some(map) = value.as_object() else {
        return Err(format!("`{}` is not an object of figures", shown(value)).into());
    };
    let mut usage = Usage::default();
    for (name, value) in map {
        let at = |detail: String| Fault { pointer: format!("/{name}"), detail };
        let Some(figure) = Figure::ALL.iter().find(|figure| figure.name() == name) else {
            let known: Vec<&str> = Figure::ALL.iter().map(|figure| figure.name()).collect();
            let name: String = name.chars().take(80).collect();
            return Err(at(format!("`{name}` is not a figure; there are {}", known.join(", "))));
        };
        let read = match figure {
            Figure::DurationMs => seconds(*figure, value),
            _ => whole(value),
        };
        usage.set(*figure, read.map_err(at)?);
    }
    for (whole, parts) in [
        (Figure::InputTotal, &[Figure::CachedRead, Figure::CacheWrite][..]),
        (Figure::OutputTotal, &[Figure::Reasoning][..]),
    ] {
        let sum = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(usage.count(*part)));
        if sum > usage.count(whole) {
            let detail = format!("its parts are {sum}, more than `{}`", whole.name());
            return Err(Fault { pointer: format!("/{}", whole.name()), detail });
        }
    }
    Ok(usage)
}

fn seconds(figure: Figure, value: &Value) -> Result<u64, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    figure
        .parse(&text)
        .filter(|n| *n <= MOST)
        .ok_or_else(|| format!("`{}` are not seconds with at most three decimals", shown(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn r021_counts_are_whole_and_not_negative() {
        for bad in [json!(-1), json!(1.5), json!("1"), json!(9_007_199_254_740_993_u64)] {
            assert!(count(&bad).unwrap_err().detail.contains(&bad.to_string()), "{bad}");
        }
        assert_eq!(count(&json!(9_007_199_254_740_992_u64)).unwrap(), 9_007_199_254_740_992);
        for bad in [json!("-1"), json!(-0.5), json!("1e3"), json!("0.0000000001"), json!(true)] {
            assert!(dollars(&bad).is_err(), "{bad}");
        }
        assert_eq!(dollars(&json!("0.0034125")).unwrap().get(), 3_412_500);
        assert_eq!(dollars(&json!(0.25)).unwrap().get(), 250_000_000);
    }

    #[test]
    fn figures_that_contradict_each_other_are_refused() {
        let good = json!({"input_tokens_total": 10, "cached_read": 4, "duration_seconds": 1.5});
        assert_eq!(figures(&good).unwrap().count(Figure::DurationMs), 1_500);
        for (bad, pointer) in [
            (json!({"input_tokens_total": 10, "cached_read": 11}), "/input_tokens_total"),
            (json!({"reasoning": 1}), "/output_tokens_total"),
            (json!({"prompt_tokens": 10}), "/prompt_tokens"),
            (json!({"images": 0.5}), "/images"),
            (json!([]), ""),
        ] {
            assert_eq!(figures(&bad).unwrap_err().pointer, pointer);
        }
    }
}
