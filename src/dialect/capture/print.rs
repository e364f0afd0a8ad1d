//! A reading as JSON, with the keys that captures expect.

use crate::dialect::conversation::Turn;
use crate::dialect::{Call, Operation};
use crate::money::AttoUsd;
use crate::usage::{Reading, SubUsage, Usage};
use serde_json::{Map, Value, json};

/// What an answer amounts to.
pub(super) fn reading(call: &Call, by_path: bool, reading: &Reading) -> Value {
    let mut out = object(reading.usage.to_json());
    let asked = Some(&call.model).filter(|model| !model.is_empty() && reading.model.is_none());
    // Where only errors or counts come back, the model that was asked for is no model that answered.
    let asked = asked.filter(|_| call.operation != Operation::OpenAiModels);
    let source = if by_path { "path" } else { "request" };
    put(&mut out, "model", reading.model.as_ref().or(asked).cloned().into());
    put(&mut out, "model_source", asked.map(|_| source).into());
    put(&mut out, "dedupe_key", reading.dedupe_key.as_deref().into());
    put(&mut out, "charge_once", reading.charge_once.into());
    facts(&mut out, reading);
    Value::Object(out)
}

fn facts(out: &mut Map<String, Value>, reading: &Reading) {
    put(out, "service_tier", reading.service_tier.as_deref().into());
    put(out, "complete", reading.complete.into());
    put(out, "usage_present", reading.usage_present.into());
    put(out, "usage_final", reading.usage_final.into());
    put(out, "billable", reading.billable.map_or_else(|| json!("unknown"), Value::from));
    put(out, "error", reading.error.into());
    put(out, "truncated", reading.truncated.into());
    put(out, "done_marker", reading.done_marker.into());
    put(out, "lenient_eof", reading.lenient_eof.into());
    put(out, "deferred", reading.deferred.into());
    put(out, "incomplete_reason", reading.incomplete_reason.as_deref().into());
    put(out, "stop_reason", reading.stop_reason.as_deref().into());
    put(out, "blocked", reading.blocked.into());
    put(out, "traffic_type", reading.traffic_type.as_deref().into());
    put(out, "inference_geo", reading.inference_geo.as_deref().into());
    put(out, "speed", reading.speed.as_deref().into());
    put(out, "search_context_size", reading.search_context_size.as_deref().into());
    put(out, "provider_cost_usd", dollars(reading.provider_cost));
    put(out, "upstream_cost_usd", dollars(reading.upstream_cost));
    put(out, "anomalies", reading.anomalies.into());
    put(out, "output_bytes", reading.output_bytes.into());
    put(out, "output_characters", reading.output_characters.into());
    let sub: Vec<Value> = reading.sub_usage.iter().map(sub_usage).collect();
    put(out, "sub_usage", if sub.is_empty() { Value::Null } else { sub.into() });
}

/// What the answers of a session amount to: their sum, and each for itself.
pub(super) fn conversation(call: &Call, turns: &[Turn]) -> Value {
    let sum = turns.iter().fold(Usage::default(), |sum, turn| sum.plus(&turn.reading.usage));
    let all = |judge: fn(&Reading) -> bool| turns.iter().all(|turn| judge(&turn.reading));
    let any = |judge: fn(&Reading) -> bool| turns.iter().any(|turn| judge(&turn.reading));
    let unknown = any(|r| r.billable.is_none());
    let billable = (!unknown).then(|| any(|r| r.billable == Some(true)));
    let total = Reading {
        usage: sum,
        model: turns.iter().rev().find_map(|turn| turn.reading.model.clone()),
        usage_present: any(|r| r.usage_present),
        usage_final: !turns.is_empty() && all(|r| r.usage_final),
        complete: !turns.is_empty() && all(|r| r.complete),
        truncated: any(|r| r.truncated),
        error: any(|r| r.error),
        billable,
        sub_usage: turns.iter().flat_map(|turn| turn.reading.sub_usage.clone()).collect(),
        ..Reading::default()
    };
    let mut out = object(reading(call, false, &total));
    if turns.iter().any(|turn| turn.from_setup) {
        put(&mut out, "model_source", "setup".into());
    }
    let each: Vec<Value> = turns.iter().filter_map(one_turn).collect();
    put(&mut out, "per_response", if each.is_empty() { Value::Null } else { each.into() });
    Value::Object(out)
}

fn one_turn(turn: &Turn) -> Option<Value> {
    let id = turn.reading.dedupe_key.as_deref();
    let mut out = object(turn.reading.usage.to_json());
    put(&mut out, "id", id.into());
    (!out.is_empty()).then_some(Value::Object(out))
}

fn sub_usage(sub: &SubUsage) -> Value {
    let mut out = object(sub.usage.to_json());
    put(&mut out, "type", sub.kind.as_str().into());
    put(&mut out, "model", sub.model.as_deref().into());
    put(&mut out, "included_in_top", sub.included_in_top.into());
    put(&mut out, "billable", sub.billable.into());
    Value::Object(out)
}

fn dollars(cost: Option<AttoUsd>) -> Value {
    let text = cost.map(|cost| cost.round_up().to_string());
    let number = text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    number.into()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn put(out: &mut Map<String, Value>, key: &str, value: Value) {
    if !value.is_null() {
        out.insert(key.to_owned(), value);
    }
}
