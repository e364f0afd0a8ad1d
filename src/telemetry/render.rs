//! The text that Prometheus reads.

use super::names::{self, ALL, Metric};
use super::process;
use crate::money::NanoUsd;
use metrics_exporter_prometheus::PrometheusHandle;

/// Renders all metrics. Costs are counted in nano-dollars and shown in dollars, exactly. A metric
/// that has never moved is shown with its kind.
pub fn render(metrics: &PrometheusHandle) -> String {
    let mut counted = metrics.render();
    let unmoved = |metric: &&Metric| !counted.contains(&format!("# TYPE {} ", metric.name));
    let figures = process::figures();
    let rest: String = ALL.iter().filter(unmoved).map(|metric| shown(metric, &figures)).collect();
    counted.push_str(&rest);
    let mut text = String::with_capacity(counted.len());
    for line in counted.lines() {
        match in_dollars(line) {
            Some(line) => text.push_str(&line),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// What stands above a metric, with its figure where the system keeps it.
fn shown(metric: &Metric, figures: &[(&str, f64)]) -> String {
    let Metric { name, kind, meaning, .. } = metric;
    let head = format!("# HELP {name} {meaning}\n# TYPE {name} {}\n", kind.as_str());
    match figures.iter().find(|(figure, _)| figure == name) {
        Some((_, figure)) => format!("{head}{name} {figure}\n\n"),
        None => head,
    }
}

fn in_dollars(line: &str) -> Option<String> {
    if !line.contains(names::COST_NANOUSD) {
        return None;
    }
    let line = line.replace(names::COST_NANOUSD, names::COST_USD);
    if line.starts_with('#') {
        return Some(line.replace("nano-dollars", "dollars"));
    }
    let (name, nanos) = line.rsplit_once(' ')?;
    Some(format!("{name} {}", NanoUsd::new(nanos.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_shown_in_dollars() {
        let check = |line: &str, shown: Option<&str>| {
            assert_eq!(in_dollars(line).as_deref(), shown);
        };
        check(
            "farebox_cost_nanousd_total{model=\"gpt-5\"} 3412500",
            Some("farebox_cost_usd_total{model=\"gpt-5\"} 0.0034125"),
        );
        check(
            "# TYPE farebox_cost_nanousd_total counter",
            Some("# TYPE farebox_cost_usd_total counter"),
        );
        check("farebox_tokens_total 5", None);
    }

    #[test]
    fn a_metric_without_a_figure_still_has_its_kind() {
        let metric = ALL.iter().find(|metric| metric.name == names::PROCESS_CPU).unwrap();
        let head = "# HELP process_cpu_seconds_total processor time of this process\n\
                    # TYPE process_cpu_seconds_total counter\n";
        assert_eq!(shown(metric, &[]), head);
        let figures = [(names::PROCESS_CPU, 1.25)];
        assert_eq!(shown(metric, &figures), format!("{head}process_cpu_seconds_total 1.25\n\n"));
    }
}
