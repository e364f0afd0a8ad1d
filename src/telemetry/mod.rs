//! Logs and metrics. Secrets, prompts and completions never reach either.

mod log;
pub mod names;
mod render;

pub use log::{LogFormat, start_log};
pub use render::render;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Installs the recorder of metrics and declares them all. Only the first call of a process
/// installs one; the error says so.
pub fn start_metrics() -> Result<PrometheusHandle, String> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), names::SECONDS)
        .map_err(|e| e.to_string())?
        .install_recorder()
        .map_err(|e| e.to_string())?;
    names::declare();
    Ok(handle)
}
