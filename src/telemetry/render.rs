//! The text that Prometheus reads.

use super::names::{self, ALL, Metric};
use super::process;
use crate::money::NanoUsd;
use metrics_exporter_prometheus::PrometheusHandle;

/// A figure that is computed when it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of which metric.
    pub name: &'static str,
    /// All its labels. Their values need no escaping: ids and words.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: f64,
}

impl Sample {
    fn line(&self) -> String {
        let pair = |(label, value): &(&str, String)| format!("{label}=\"{value}\"");
        let labels: Vec<String> = self.labels.iter().map(pair).collect();
        format!("{}{{{}}} {}\n", self.name, labels.join(","), self.value)
    }
}

/// Renders all metrics, and the samples with them. Costs are counted in nano-dollars and shown in
/// dollars, exactly. A metric that has never moved is shown with its kind.
pub fn render(metrics: &PrometheusHandle, samples: &[Sample]) -> String {
    let mut counted = metrics.render();
    let unmoved = |metric: &&Metric| !counted.contains(&format!("# TYPE {} ", metric.name));
    let figures = process::figures();
    let rest: String =
        ALL.iter().filter(unmoved).map(|metric| shown(metric, &figures, samples)).collect();
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

/// What stands above a metric, with its figures where they are kept elsewhere.
fn shown(metric: &Metric, figures: &[(&str, f64)], samples: &[Sample]) -> String {
    let Metric { name, kind, meaning, .. } = metric;
    let mut text = format!("# HELP {name} {meaning}\n# TYPE {name} {}\n", kind.as_str());
    let head = text.len();
    if let Some((_, figure)) = figures.iter().find(|(figure, _)| figure == name) {
        text.push_str(&format!("{name} {figure}\n"));
    }
    text.extend(samples.iter().filter(|sample| sample.name == *name).map(Sample::line));
    if text.len() > head {
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

    #[test]
    fn a_metric_without_a_figure_still_has_its_kind() {
        let metric = ALL.iter().find(|metric| metric.name == names::PROCESS_CPU).unwrap();
        let head = "# HELP process_cpu_seconds_total processor time of this process\n\
                    # TYPE process_cpu_seconds_total counter\n";
        assert_eq!(shown(metric, &[], &[]), head);
        let figures = [(names::PROCESS_CPU, 1.25)];
        assert_eq!(
            shown(metric, &figures, &[]),
            format!("{head}process_cpu_seconds_total 1.25\n\n")
        );
    }
    #[test]
    fn samples_are_shown_below_their_metric() {
        let metric = ALL.iter().find(|metric| metric.name == names::QUOTA_USAGE).unwrap();
        let labels = vec![("config_id", "groq_1".to_owned()), ("provider", "groq".to_owned())];
        let sample = Sample { name: names::QUOTA_USAGE, labels, value: 81.25 };
        let text = shown(metric, &[], &[sample]);
        let line = "llm_quota_usage_percent{config_id=\"groq_1\",provider=\"groq\"} 81.25";
        assert!(text.ends_with(&format!("gauge\n{line}\n\n")), "{text}");
    }
}
