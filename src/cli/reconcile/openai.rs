//! OpenAI's organization API: usage by the hour for each kind of endpoint, costs by the day.

use super::super::{Exit, Failure};
use super::figures::{Figures, Tokens};
use super::number::Number;
use super::remote::Remote;
use super::span::{Range, Span, day};
use serde::Deserialize;

/// The kinds of endpoints whose calls the ledger has; moderations are free. The second says whether
/// tokens are told.
const KINDS: [(&str, bool); 5] = [
    ("completions", true),
    ("embeddings", true),
    ("images", false),
    ("audio_speeches", false),
    ("audio_transcriptions", false),
];

#[derive(Debug, Deserialize)]
struct Bucket<R> {
    start_time: i64,
    results: Vec<R>,
}

#[derive(Debug, Deserialize)]
struct Used {
    model: Option<String>,
    #[serde(default)]
    num_model_requests: Number,
    #[serde(default)]
    input_tokens: Number,
    #[serde(default)]
    input_cached_tokens: Number,
    #[serde(default)]
    output_tokens: Number,
}

#[derive(Debug, Deserialize)]
struct Cost {
    amount: Money,
    line_item: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Money {
    value: Number,
    currency: Option<String>,
}

/// Adds what OpenAI reports.
pub(super) async fn read(
    remote: &Remote,
    span: &Span,
    figures: &mut Figures,
) -> Result<(), Failure> {
    for (kind, tokens_told) in KINDS {
        let path = format!("/organization/usage/{kind}");
        let query = query(&span.usage, "1h", "model", "168");
        for bucket in remote.pages::<Bucket<Used>>(&path, &query).await? {
            let at = bucket.start_time.saturating_mul(1000);
            for used in bucket.results.iter().filter(|_| span.usage.holds(at)) {
                add_usage(used, day(at), tokens_told, figures)?;
            }
        }
    }
    let query = query(&span.costs, "1d", "line_item", "180");
    for bucket in remote.pages::<Bucket<Cost>>("/organization/costs", &query).await? {
        let at = bucket.start_time.saturating_mul(1000);
        for cost in bucket.results.iter().filter(|_| span.costs.holds(at)) {
            add_cost(cost, day(at), figures)?;
        }
    }
    Ok(())
}

fn query(range: &Range, width: &str, group: &str, limit: &str) -> Vec<(&'static str, String)> {
    vec![
        ("start_time", range.from.div_euclid(1000).to_string()),
        ("end_time", range.to.div_euclid(1000).to_string()),
        ("bucket_width", width.to_owned()),
        ("group_by[]", group.to_owned()),
        ("limit", limit.to_owned()),
    ]
}

fn add_usage(
    used: &Used,
    day: String,
    tokens_told: bool,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let requests = used.num_model_requests.count("num_model_requests")?;
    let tokens = Tokens {
        input: used.input_tokens.count("input_tokens")?,
        cached: used.input_cached_tokens.count("input_cached_tokens")?,
        cache_writes: 0,
        output: used.output_tokens.count("output_tokens")?,
    };
    let pair = figures.of(day, used.model.as_deref().unwrap_or("(no model)"));
    pair.provider.requests = pair.provider.requests.saturating_add(requests);
    pair.provider.tokens.add(&tokens);
    pair.tokens_untold |= !tokens_told && requests > 0;
    Ok(())
}

fn add_cost(cost: &Cost, day: String, figures: &mut Figures) -> Result<(), Failure> {
    let currency = cost.amount.currency.as_deref().unwrap_or("usd");
    if !currency.eq_ignore_ascii_case("usd") {
        let currency: String = currency.chars().filter(|c| !c.is_control()).take(20).collect();
        let message = format!("costs are in `{currency}`, the ledger is in usd");
        return Err(Failure::new(Exit::Failed, message).hint("they cannot be compared"));
    }
    let dollars = cost.amount.value.dollars("amount.value")?;
    let pair = figures.of(day, model_of(cost.line_item.as_deref().unwrap_or("(no line item)")));
    pair.provider.dollars = pair.provider.dollars.plus(dollars);
    Ok(())
}

/// The model of a line item: `gpt-5.4` of `priority | gpt-5.4, cached input, long context` and of
/// `gpt-5.4 image, output`. An item without a comma is for no model and is a row of its own.
fn model_of(item: &str) -> &str {
    let named = item.split_once(" | ").map_or(item, |(_, rest)| rest);
    match named.split_once(',') {
        Some((name, _)) => name.split_whitespace().next().unwrap_or(item),
        None => item,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_items_name_their_model() {
        for (item, model) in [
            ("gpt-5.5-2026-04-23, input", "gpt-5.5-2026-04-23"),
            ("priority | gpt-5.6-sol, output, long context", "gpt-5.6-sol"),
            ("gpt-image-2.5-flare image, output", "gpt-image-2.5-flare"),
            ("ft:gpt-4o:acme::x1, cached input", "ft:gpt-4o:acme::x1"),
            ("web search tool calls", "web search tool calls"),
            (", input", ", input"),
        ] {
            assert_eq!(model_of(item), model);
        }
    }

    #[test]
    fn amounts_are_read_as_numbers_and_as_texts_in_dollars_only() {
        let mut figures = Figures::default();
        for value in ["0.06", "\"0.0600000000\"", "6e-2"] {
            let text = format!(
                r#"{{"amount":{{"value":{value},"currency":"usd"}},"line_item":"m, input"}}"#
            );
            add_cost(&serde_json::from_str(&text).unwrap(), "d".to_owned(), &mut figures).unwrap();
        }
        assert_eq!(figures.of("d".to_owned(), "m").provider.dollars.to_string(), "$0.18");
        let euros = r#"{"amount":{"value":1,"currency":"eur"},"line_item":null}"#;
        let failure = add_cost(&serde_json::from_str(euros).unwrap(), "d".to_owned(), &mut figures);
        assert!(failure.unwrap_err().message.contains("`eur`"));
    }
}
