//! The recorder of metrics: installed once for the process, with every metric declared.

use super::names::{self, ALL, Kind};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Buckets of what providers and networks take, in seconds.
const LONG: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0,
];

/// Buckets of what happens on this machine or beside it, in seconds.
const SHORT: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 1.0,
];

/// Installs the recorder of metrics and declares them all. Only the first call of a process
/// installs one; the error says so.
pub fn start_metrics() -> Result<PrometheusHandle, String> {
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LONG)
        .map_err(|e| e.to_string())?;
    for short in [names::OVERHEAD, names::LEDGER_DURATION] {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(short.to_owned()), SHORT)
            .map_err(|e| e.to_string())?;
    }
    let handle = builder.install_recorder().map_err(|e| e.to_string())?;
    declare();
    Ok(handle)
}

/// Says what each metric means, and shows those without labels from the start.
fn declare() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.meaning),
            Kind::Gauge => describe_gauge!(metric.name, metric.meaning),
            Kind::Histogram => describe_histogram!(metric.name, metric.meaning),
        }
        let counted_here = metric.labels.is_empty() && !metric.name.starts_with("process_");
        match metric.kind {
            Kind::Counter if counted_here => metrics::counter!(metric.name).increment(0),
            Kind::Gauge if counted_here => metrics::gauge!(metric.name).set(0.0),
            _ => {}
        }
    }
    metrics::gauge!(names::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
