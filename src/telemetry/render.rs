//! The text that Prometheus reads.

use super::names;
use crate::money::NanoUsd;
use metrics_exporter_prometheus::PrometheusHandle;

/// Renders all metrics. Costs are counted in nano-dollars and shown in dollars, exactly.
pub fn render(metrics: &PrometheusHandle) -> String {
    let mut text = String::new();
    for line in metrics.render().lines() {
        match in_dollars(line) {
            Some(line) => text.push_str(&line),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
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
}
