//! What the data path says of itself: one log line and a few counters for each call.

use super::refusal::Refusal;
use crate::ids::CallId;
use crate::ledger::UsageEvent;
use crate::telemetry::names;
use crate::usage::{Figure, Reading};
use parking_lot::Mutex;
use std::collections::BTreeSet;

/// A call was settled.
pub(super) fn settled(event: &UsageEvent, reading: &Reading) {
    let facts = &event.facts;
    let (model, provider) = (facts.model.clone(), facts.provider.clone());
    metrics::counter!(
        names::REQUESTS,
        "route" => facts.dialect.clone(),
        "model" => model.clone(),
        "provider" => provider.clone(),
        "status" => event.status.to_string(),
        "outcome" => event.ending.as_str(),
    )
    .increment(1);
    for (figure, class) in [
        (event.usage.input_uncached(), "input"),
        (event.usage.count(Figure::CachedRead), "cached_input"),
        (event.usage.count(Figure::CacheWrite), "cache_write"),
        (event.usage.count(Figure::OutputTotal), "output"),
    ] {
        if figure > 0 {
            metrics::counter!(
                names::TOKENS,
                "model" => model.clone(), "provider" => provider.clone(), "class" => class,
            )
            .increment(figure);
        }
    }
    let workspace = event.payers.workspace.to_string();
    let cost = u64::try_from(event.cost.get()).unwrap_or(0);
    metrics::counter!(
        names::COST_NANOUSD,
        "model" => model, "provider" => provider, "workspace" => workspace,
    )
    .increment(cost);
    metrics::histogram!(names::DURATION).record(seconds(event.duration_ms));
    metrics::histogram!(names::TTFT).record(seconds(event.ttft_ms));
    doubts(event, reading);
    tracing::debug!(
        request_id = %event.id,
        user = %event.payers.user,
        key = %event.payers.key,
        model = facts.model,
        status = event.status,
        ending = event.ending.as_str(),
        estimated = event.estimated,
        cost_usd = %event.cost,
        duration_ms = event.duration_ms,
        "settled"
    );
}

/// What the reading could not tell for certain.
fn doubts(event: &UsageEvent, reading: &Reading) {
    if event.estimated {
        metrics::counter!(names::ESTIMATED).increment(1);
        tracing::info!(
            request_id = %event.id,
            ending = event.ending.as_str(),
            anomalies = reading.anomalies,
            "no final usage; the charge is an estimate"
        );
    }
    if event.estimated && reading.complete {
        let (provider, dialect) = (event.facts.provider.clone(), event.facts.dialect.clone());
        metrics::counter!(names::USAGE_MISSING, "provider" => provider, "dialect" => dialect)
            .increment(1);
    }
    if reading.anomalies > 0 {
        metrics::counter!(names::ANOMALIES).increment(u64::from(reading.anomalies));
    }
}

/// A call was refused.
pub(super) fn refused(id: CallId, refusal: &Refusal) {
    let reason = refusal.reason();
    metrics::counter!(names::REFUSALS, "reason" => reason).increment(1);
    if let Refusal::ModelNotPriced(model, _) = refusal {
        metrics::counter!(names::UNPRICED, "model" => bounded(model)).increment(1);
    }
    tracing::debug!(request_id = %id, reason, "refused");
}

/// A model's name as a label. Clients choose these names, so only the first hundred are told apart.
fn bounded(model: &str) -> String {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let name: String = model.chars().take(64).collect();
    let mut seen = SEEN.lock();
    if seen.len() < 100 {
        seen.insert(name.clone());
    }
    if seen.contains(&name) { name } else { "other".to_owned() }
}

/// Milliseconds as seconds, for histograms.
fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
