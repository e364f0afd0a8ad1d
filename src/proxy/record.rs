//! What the data path says of itself: one log line and a few counters for each call.

use super::Unpriced;
use super::price::Anomaly;
use super::refusal::{Refusal, limit_code};
use crate::ids::CallId;
use crate::ledger::{HoldOrder, LimitDenial, Standing, UsageEvent};
use crate::limit::Meter;
use crate::telemetry::names;
use crate::usage::{Figure, Reading, Usage};
use metrics::{Counter, Histogram};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// A call was settled. `model` is the price table's name for its model: clients choose the names in
/// calls, and a metric must not grow with them. What a poll reports was or will be reported by
/// others too, so its tokens and cost are not counted.
pub(super) fn settled(event: &UsageEvent, model: &str, reading: &Reading, polled: bool) {
    Counters::of(event, model).count(event, polled);
    doubts(event, reading);
    tracing::debug!(
        request_id = %event.id,
        user = %event.payers.user,
        key = %event.payers.key,
        model = event.facts.model,
        status = event.status,
        ending = event.ending.as_str(),
        estimated = event.estimated,
        cost_usd = %event.cost,
        duration_ms = event.duration_ms,
        "settled"
    );
}

/// How many sets of labels are remembered. Operators and price tables choose them, not clients.
const REMEMBERED: usize = 10_000;

/// Reads one class of tokens off a usage.
type Class = fn(&Usage) -> u64;

/// The counters of one set of labels. Finding them by their labels costs more than counting.
struct Counters {
    requests: Counter,
    tokens: [(Class, Counter); 4],
    cost: Counter,
    duration: Histogram,
    ttft: Histogram,
}

impl Counters {
    fn of(event: &UsageEvent, model: &str) -> Arc<Self> {
        static KNOWN: LazyLock<RwLock<HashMap<String, Arc<Counters>>>> =
            LazyLock::new(RwLock::default);
        let UsageEvent { facts, payers, status, .. } = event;
        let labels = [
            facts.dialect.as_str(),
            model,
            &facts.provider,
            payers.workspace.as_str(),
            event.ending.as_str(),
        ];
        let mut name = String::with_capacity(96);
        for label in labels {
            name.push_str(label);
            name.push('\n');
        }
        name.push(char::from_u32(u32::from(*status)).unwrap_or_default());
        if let Some(known) = KNOWN.read().get(&name) {
            return known.clone();
        }
        let new = Arc::new(Self::new(event, model));
        let mut known = KNOWN.write();
        if known.len() < REMEMBERED {
            known.insert(name, new.clone());
        }
        new
    }

    fn new(event: &UsageEvent, model: &str) -> Self {
        let (model, provider) = (model.to_owned(), event.facts.provider.clone());
        let tokens = |class: &'static str| {
            let (model, provider) = (model.clone(), provider.clone());
            metrics::counter!(
                names::TOKENS, "model" => model, "provider" => provider, "class" => class,
            )
        };
        Self {
            tokens: [
                (Usage::input_uncached, tokens("input")),
                (|usage| usage.count(Figure::CachedRead), tokens("cached_input")),
                (|usage| usage.count(Figure::CacheWrite), tokens("cache_write")),
                (|usage| usage.count(Figure::OutputTotal), tokens("output")),
            ],
            requests: metrics::counter!(
                names::REQUESTS,
                "route" => event.facts.dialect.clone(),
                "model" => model.clone(),
                "provider" => provider.clone(),
                "status" => event.status.to_string(),
                "outcome" => event.ending.as_str(),
            ),
            cost: metrics::counter!(
                names::COST_NANOUSD,
                "model" => model,
                "provider" => provider,
                "workspace" => event.payers.workspace.to_string(),
            ),
            duration: metrics::histogram!(names::DURATION),
            ttft: metrics::histogram!(names::TTFT),
        }
    }

    fn count(&self, event: &UsageEvent, polled: bool) {
        self.requests.increment(1);
        if !polled {
            for (figure, counter) in &self.tokens {
                counter.increment(figure(&event.usage));
            }
            self.cost.increment(u64::try_from(event.cost.get()).unwrap_or(0));
        }
        self.duration.record(seconds(event.duration_ms));
        self.ttft.record(seconds(event.ttft_ms));
    }
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

/// How long a call took at its provider, and how long we took beside that.
pub(super) fn took(upstream: Duration, overhead: Duration) {
    static TOOK: LazyLock<[Histogram; 2]> = LazyLock::new(|| {
        [metrics::histogram!(names::UPSTREAM), metrics::histogram!(names::OVERHEAD)]
    });
    let [at_provider, here] = &*TOOK;
    at_provider.record(upstream);
    here.record(overhead);
}

/// A call is sent again, now to this provider.
pub(super) fn again(provider: &str, reason: &'static str) {
    let provider = provider.to_owned();
    metrics::counter!(names::RETRIES, "provider" => provider, "reason" => reason).increment(1);
    tracing::debug!(reason, "a call is sent again");
}

/// A call was refused.
pub(super) fn refused(id: CallId, refusal: &Refusal) {
    let reason = refusal.reason();
    metrics::counter!(names::REFUSALS, "reason" => reason).increment(1);
    if let Refusal::ModelNotPriced(model, _) = refusal {
        unpriced(model, Unpriced::Reject);
    }
    tracing::debug!(request_id = %id, reason, "refused");
}

/// A call was admitted that a limit marked `!observe` would have refused, had it no such mark.
pub(super) fn overrun(order: &HoldOrder, standings: &[Standing]) {
    let over = standings.iter().find(|standing| standing.limit.observe && full(order, standing));
    if let Some(standing) = over {
        let reason = limit_code(standing.limit.meter);
        metrics::counter!(names::SHADOW_REFUSALS, "reason" => reason).increment(1);
        tracing::debug!(request_id = %order.id, account = %standing.account, reason, "observed");
    }
}

/// Whether a limit has no room for a call that it counts already.
fn full(order: &HoldOrder, standing: &Standing) -> bool {
    let (meter, allowed) = (standing.limit.meter, standing.allowed());
    let bounded = order.ceiling.is_some_and(|ceiling| ceiling.of(meter) == 0);
    let free = order.expected.of(meter) == 0 && (bounded || order.free && meter == Meter::Usd);
    allowed == 0 || !free && standing.used.saturating_add(standing.held) > allowed
}

/// A stream was stopped because a limit has no room for more of it.
pub(super) fn stopped(denial: &LimitDenial) {
    let reason = limit_code(denial.standing.limit.meter);
    metrics::counter!(names::STOPPED, "reason" => reason).increment(1);
    let account = &denial.standing.account;
    tracing::info!(%account, limit = %denial.standing.limit, reason, "a stream was stopped");
}

/// A call met a model without a price. That it passes is logged once for each model.
pub(super) fn unpriced(model: &str, fate: Unpriced) {
    static PASSED: Names = Names::none();
    static MET: Names = Names::none();
    let (name, _) = MET.bounded(model);
    ASKED.bounded(model);
    metrics::counter!(names::UNPRICED, "model" => name).increment(1);
    let passes = match fate {
        Unpriced::Reject => return,
        Unpriced::Ceiling => "charged by the dearest prices of its provider",
        Unpriced::Free => "not charged",
    };
    if let (name, true) = PASSED.bounded(model) {
        tracing::warn!(model = name, "this model has no price; its calls are {passes}");
    }
}

/// Models without a price that were asked for since [`take_unpriced`] was called last.
static ASKED: Names = Names::none();

/// The models without a price that were asked for since this was called last: at most a hundred, the
/// rest as `other`.
pub fn take_unpriced() -> Vec<String> {
    std::mem::take(&mut *ASKED.0.lock()).into_iter().collect()
}

/// Names that clients choose. Only the first hundred are told apart, the rest is `other`.
struct Names(Mutex<BTreeSet<String>>);

impl Names {
    const fn none() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }

    /// The name as it may be shown, and whether it is seen for the first time.
    fn bounded(&self, name: &str) -> (String, bool) {
        let name: String = name.chars().take(64).collect();
        let mut seen = self.0.lock();
        let name = if seen.len() < 100 || seen.contains(&name) { name } else { "other".to_owned() };
        let new = seen.insert(name.clone());
        (name, new)
    }
}

/// The provider's own figure for a call is far from ours. `model` is as in [`settled`].
pub(super) fn cost_anomaly(event: &UsageEvent, model: &str, anomaly: &Anomaly) {
    let provider = event.facts.provider.clone();
    let labels = [("provider", provider.clone()), ("model", model.to_owned())];
    metrics::counter!(names::COST_ANOMALIES, &labels).increment(1);
    tracing::warn!(
        request_id = %event.id,
        provider,
        model = event.facts.model,
        price_version = event.facts.price_version,
        ours_usd = %anomaly.ours,
        theirs_usd = %anomaly.theirs,
        "the provider says that this call costs something else"
    );
}

/// Milliseconds as seconds, for histograms.
fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clients_choose_are_bounded() {
        let names = Names::none();
        for n in 0..100 {
            assert_eq!(names.bounded(&format!("m{n}")), (format!("m{n}"), true));
        }
        assert_eq!(names.bounded("m7"), ("m7".to_owned(), false));
        assert_eq!(names.bounded("one-more"), ("other".to_owned(), true));
        assert_eq!(names.bounded("and-more"), ("other".to_owned(), false));
        assert_eq!(Names::none().bounded(&"x".repeat(9_000)), ("x".repeat(64), true));
    }
}
