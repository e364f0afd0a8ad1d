//! Every metric, in one place.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Settled calls by route, model, provider, status and outcome.
pub const REQUESTS: &str = "farebox_requests_total";
/// Seconds from a call's arrival to its settlement.
pub const DURATION: &str = "farebox_request_duration_seconds";
/// Seconds from a call's arrival to the head of its answer.
pub const TTFT: &str = "farebox_time_to_first_byte_seconds";
/// Tokens by model, provider and class.
pub const TOKENS: &str = "farebox_tokens_total";
/// Charged nano-dollars by model, provider and workspace; shown as [`COST_USD`].
pub const COST_NANOUSD: &str = "farebox_cost_nanousd_total";
/// Charged dollars, as Prometheus reads them.
pub const COST_USD: &str = "farebox_cost_usd_total";
/// Refusals by reason.
pub const REFUSALS: &str = "farebox_refusals_total";
/// Calls that were charged by an estimate.
pub const ESTIMATED: &str = "farebox_usage_estimated_total";
/// Complete answers without a usage block, by provider and dialect.
pub const USAGE_MISSING: &str = "farebox_usage_missing_total";
/// Contradictions inside usage blocks.
pub const ANOMALIES: &str = "farebox_usage_anomalies_total";
/// Refused calls of models without a price, by model.
pub const UNPRICED: &str = "farebox_unpriced_requests_total";
/// Holds whose proxy died, charged when their lease ran out.
pub const ORPHANS: &str = "farebox_orphans_total";
/// Deliveries of a settlement that had to be repeated.
pub const SETTLE_RETRIES: &str = "farebox_settle_retries_total";
/// Settlements in the journal that the ledger has not confirmed.
pub const JOURNAL_PENDING: &str = "farebox_journal_pending";
/// Calls that hold money now.
pub const HOLDS_OPEN: &str = "farebox_holds_open";
/// Alert thresholds that charges crossed.
pub const CROSSINGS: &str = "farebox_threshold_crossings_total";
/// Streams being relayed now.
pub const STREAMS: &str = "farebox_active_streams";
/// Open connections of clients.
pub const CONNECTIONS: &str = "farebox_connections";
/// Realtime sessions being relayed.
pub const WS_CONNECTIONS: &str = "farebox_ws_connections";
/// What runs: version.
pub const BUILD: &str = "farebox_build_info";

/// Buckets of all histograms, in seconds.
pub const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0,
];

/// Says what each metric means, and shows those without labels from the start.
pub(super) fn declare() {
    describe_counter!(REQUESTS, "settled calls");
    describe_histogram!(DURATION, "seconds from arrival to settlement");
    describe_histogram!(TTFT, "seconds from arrival to the head of the answer");
    describe_counter!(TOKENS, "tokens by class");
    describe_counter!(COST_NANOUSD, "charged nano-dollars");
    describe_counter!(REFUSALS, "refused calls");
    describe_counter!(USAGE_MISSING, "complete answers without usage");
    describe_counter!(UNPRICED, "calls of models without a price");
    for (counter, meaning) in [
        (ESTIMATED, "calls charged by an estimate"),
        (ANOMALIES, "contradictions inside usage blocks"),
        (ORPHANS, "holds whose proxy died"),
        (SETTLE_RETRIES, "repeated deliveries of settlements"),
        (CROSSINGS, "alert thresholds that charges crossed"),
    ] {
        describe_counter!(counter, meaning);
        metrics::counter!(counter).increment(0);
    }
    for (gauge, meaning) in [
        (JOURNAL_PENDING, "settlements that the ledger has not confirmed"),
        (HOLDS_OPEN, "calls that hold money"),
        (STREAMS, "streams being relayed"),
        (CONNECTIONS, "open connections of clients"),
        (WS_CONNECTIONS, "realtime sessions being relayed"),
    ] {
        describe_gauge!(gauge, meaning);
        metrics::gauge!(gauge).set(0.0);
    }
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
