//! Every metric, in one place: its name, its kind, its labels, what it means.
//!
//! Nothing is counted here. A test compares this file with the places that count and with
//! `docs/metrics.md`.

use metrics::Gauge;

/// Settled calls by route, model, provider, status and outcome.
pub const REQUESTS: &str = "farebox_requests_total";
/// Seconds from a call's arrival to its settlement.
pub const DURATION: &str = "farebox_request_duration_seconds";
/// Seconds from a call's arrival to the head of its answer.
pub const TTFT: &str = "farebox_time_to_first_byte_seconds";
/// Seconds from sending a call to its provider to the end of the answer.
pub const UPSTREAM: &str = "farebox_upstream_duration_seconds";
/// Seconds that Farebox itself added to a call.
pub const OVERHEAD: &str = "farebox_overhead_seconds";
/// Tokens by model, provider and class.
pub const TOKENS: &str = "farebox_tokens_total";
/// Charged nano-dollars by model, provider and workspace; shown as [`COST_USD`].
pub const COST_NANOUSD: &str = "farebox_cost_nanousd_total";
/// Charged dollars, as Prometheus reads them.
pub const COST_USD: &str = "farebox_cost_usd_total";
/// Refusals by reason.
pub const REFUSALS: &str = "farebox_refusals_total";
/// Calls that passed although a limit marked `!observe` had no room, by the reason it would have had.
pub const SHADOW_REFUSALS: &str = "farebox_shadow_refusals_total";
/// Streams that were stopped because a limit had no room for more, by reason.
pub const STOPPED: &str = "farebox_streams_stopped_total";
/// Calls that were sent again before their answer began, by provider and reason.
pub const RETRIES: &str = "farebox_upstream_retries_total";
/// Calls that were charged by an estimate.
pub const ESTIMATED: &str = "farebox_usage_estimated_total";
/// Complete answers without a usage block, by provider and dialect.
pub const USAGE_MISSING: &str = "farebox_usage_missing_total";
/// Contradictions inside usage blocks.
pub const ANOMALIES: &str = "farebox_usage_anomalies_total";
/// Costs that a provider reports and that are far from ours, by provider and model.
pub const COST_ANOMALIES: &str = "farebox_provider_cost_anomalies_total";
/// Calls of models without a price, by model.
pub const UNPRICED: &str = "farebox_unpriced_requests_total";
/// Holds whose proxy died, charged when their lease ran out.
pub const ORPHANS: &str = "farebox_orphans_total";
/// Deliveries of a settlement that had to be repeated.
pub const SETTLE_RETRIES: &str = "farebox_settle_retries_total";
/// Seconds that the ledger took, by operation.
pub const LEDGER_DURATION: &str = "farebox_ledger_duration_seconds";
/// Settlements in the journal that the ledger has not confirmed.
pub const JOURNAL_PENDING: &str = "farebox_journal_pending";
/// Calls that were admitted and are not settled.
pub const HOLDS_OPEN: &str = "farebox_holds_open";
/// Alert thresholds that charges crossed.
pub const CROSSINGS: &str = "farebox_threshold_crossings_total";
/// Alerts that were delivered, by channel and level.
pub const ALERTS: &str = "farebox_alerts_total";
/// Sends of alerts that failed, by channel.
pub const ALERT_FAILURES: &str = "farebox_alert_delivery_failures_total";
/// Snapshots of workspaces that were kept.
pub const SNAPSHOTS: &str = "farebox_snapshots_total";
/// Crossings that wait to become alerts.
pub const ALERT_HINTS: &str = "farebox_alert_hints_waiting";
/// Crossings that came too fast; the next check finds them.
pub const ALERT_HINTS_DROPPED: &str = "farebox_alert_hints_dropped_total";
/// When accounts were last checked for alerts, in seconds since 1970.
pub const ALERT_CHECK: &str = "farebox_alert_check_time_seconds";
/// How much of a budget in dollars is used.
pub const BUDGET: &str = "farebox_budget_utilization_ratio";
/// By how much the sums of minutes and their events differ, in nano-dollars.
pub const IMBALANCE: &str = "farebox_ledger_imbalance_nanousd";
/// What happened and live clients will not be told of, because too much waited.
pub const EVENTS_DROPPED: &str = "farebox_events_dropped_total";
/// How much of a credential's quota is used, in per cent.
pub const QUOTA_USAGE: &str = "llm_quota_usage_percent";
/// What a credential is: 1 for its word, 0 for the others.
pub const CREDENTIAL_STATE: &str = "farebox_credential_state";
/// Streams being relayed now.
pub const STREAMS: &str = "farebox_active_streams";
/// Open connections to both listeners.
pub const CONNECTIONS: &str = "farebox_connections";
/// Open WebSockets: realtime sessions being relayed, and live clients.
pub const WS_CONNECTIONS: &str = "farebox_ws_connections";
/// Whether the configuration in force is the one in the files: 1, or 0 after a failed reload.
pub const RELOAD_SUCCESS: &str = "farebox_config_reload_success";
/// What runs: version.
pub const BUILD: &str = "farebox_build_info";

/// Seconds of processor time of this process.
pub const PROCESS_CPU: &str = "process_cpu_seconds_total";
/// Bytes of this process in memory.
pub const PROCESS_RESIDENT: &str = "process_resident_memory_bytes";
/// Bytes that this process has reserved.
pub const PROCESS_VIRTUAL: &str = "process_virtual_memory_bytes";
/// When this process was started, in seconds since 1970.
pub const PROCESS_START: &str = "process_start_time_seconds";
/// Files and sockets that this process has open.
pub const PROCESS_FDS: &str = "process_open_fds";
/// Files and sockets that this process may have open.
pub const PROCESS_MAX_FDS: &str = "process_max_fds";
/// Threads of this process.
pub const PROCESS_THREADS: &str = "process_threads";

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Samples by size.
    Histogram,
}

impl Kind {
    /// As Prometheus writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What is said of a metric before it moves.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// One of the names above.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, always all of them.
    pub labels: &'static [&'static str],
    /// Its `# HELP`.
    pub meaning: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, labels, meaning }
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, meaning }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, meaning }
}

/// All metrics.
pub const ALL: &[Metric] = &[
    counter(REQUESTS, &["route", "model", "provider", "status", "outcome"], "settled calls"),
    histogram(DURATION, &[], "seconds from arrival to settlement"),
    histogram(TTFT, &[], "seconds from arrival to the head of the answer"),
    histogram(UPSTREAM, &[], "seconds from sending a call to the end of its answer"),
    histogram(OVERHEAD, &[], "seconds that Farebox itself added"),
    counter(TOKENS, &["model", "provider", "class"], "tokens by class"),
    counter(COST_NANOUSD, &["model", "provider", "workspace"], "charged nano-dollars"),
    counter(REFUSALS, &["reason"], "refused calls"),
    counter(SHADOW_REFUSALS, &["reason"], "calls that an observed limit would have refused"),
    counter(STOPPED, &["reason"], "streams stopped because a limit had no room for more"),
    counter(RETRIES, &["provider", "reason"], "calls that were sent again"),
    counter(ESTIMATED, &[], "calls charged by an estimate"),
    counter(USAGE_MISSING, &["provider", "dialect"], "complete answers without usage"),
    counter(ANOMALIES, &[], "contradictions inside usage blocks"),
    counter(COST_ANOMALIES, &["provider", "model"], "reported costs that are far from ours"),
    counter(UNPRICED, &["model"], "calls of models without a price"),
    counter(ORPHANS, &[], "holds whose proxy died"),
    counter(SETTLE_RETRIES, &[], "repeated deliveries of settlements"),
    histogram(LEDGER_DURATION, &["operation"], "seconds that the ledger took"),
    gauge(JOURNAL_PENDING, &[], "settlements that the ledger has not confirmed"),
    gauge(HOLDS_OPEN, &[], "calls that are admitted and not settled"),
    counter(CROSSINGS, &[], "alert thresholds that charges crossed"),
    counter(ALERTS, &["channel", "level"], "alerts that a channel took"),
    counter(ALERT_FAILURES, &["channel"], "sends of alerts that failed"),
    counter(SNAPSHOTS, &[], "snapshots of workspaces that this process kept"),
    gauge(ALERT_HINTS, &[], "crossings that wait to become alerts"),
    counter(ALERT_HINTS_DROPPED, &[], "crossings that came too fast for hints"),
    gauge(ALERT_CHECK, &[], "last check of accounts, seconds since 1970"),
    gauge(BUDGET, &["account"], "used of a budget in dollars"),
    gauge(IMBALANCE, &[], "nano-dollars by which sums and events differ"),
    counter(EVENTS_DROPPED, &[], "what live clients are not told of"),
    gauge(QUOTA_USAGE, &["config_id", "provider"], "used of a credential's quota in per cent"),
    gauge(CREDENTIAL_STATE, &["provider", "credential", "state"], "1 for what a credential is"),
    gauge(STREAMS, &[], "streams being relayed"),
    gauge(CONNECTIONS, &[], "open connections to both listeners"),
    gauge(WS_CONNECTIONS, &[], "realtime sessions and live clients"),
    gauge(RELOAD_SUCCESS, &[], "1 unless the last reload failed"),
    gauge(BUILD, &["version"], "what runs"),
    counter(PROCESS_CPU, &[], "processor time of this process"),
    gauge(PROCESS_RESIDENT, &[], "memory of this process"),
    gauge(PROCESS_VIRTUAL, &[], "address space of this process"),
    gauge(PROCESS_START, &[], "start of this process, seconds since 1970"),
    gauge(PROCESS_FDS, &[], "open files and sockets"),
    gauge(PROCESS_MAX_FDS, &[], "files and sockets that may be open"),
    gauge(PROCESS_THREADS, &[], "threads"),
];

/// One more of something, for as long as this lives.
pub struct Present(Gauge);

impl Present {
    /// Counts one more on a gauge.
    pub fn on(gauge: &'static str) -> Self {
        let gauge = metrics::gauge!(gauge);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
