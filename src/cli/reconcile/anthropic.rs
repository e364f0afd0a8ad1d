//! Anthropic's usage and cost reports: usage by the hour, costs by the day, in cents.

use super::super::Failure;
use super::figures::{Figures, Tokens};
use super::number::Number;
use super::remote::Remote;
use super::span::{Range, Span, day};
use crate::clock::{parse_time, rfc3339_seconds};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Bucket<R> {
    starting_at: String,
    results: Vec<R>,
}

#[derive(Debug, Deserialize)]
struct Used {
    model: Option<String>,
    #[serde(default)]
    uncached_input_tokens: Number,
    #[serde(default)]
    cache_read_input_tokens: Number,
    #[serde(default)]
    cache_creation: Option<Written>,
    #[serde(default)]
    output_tokens: Number,
}

#[derive(Debug, Deserialize)]
struct Written {
    #[serde(default)]
    ephemeral_5m_input_tokens: Number,
    #[serde(default)]
    ephemeral_1h_input_tokens: Number,
}

#[derive(Debug, Deserialize)]
struct Cost {
    amount: Number,
    model: Option<String>,
    description: Option<String>,
    cost_type: Option<String>,
}

/// Adds what Anthropic reports.
pub(super) async fn read(
    remote: &Remote,
    span: &Span,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let (path, query) =
        ("/v1/organizations/usage_report/messages", query(&span.usage, "1h", "model", "168"));
    for bucket in remote.pages::<Bucket<Used>>(path, &query).await? {
        let Some(at) = parse_time(&bucket.starting_at) else { continue };
        for used in bucket.results.iter().filter(|_| span.usage.holds(at)) {
            let tokens = tokens(used)?;
            let pair = figures.of(day(at), used.model.as_deref().unwrap_or("(no model)"));
            pair.provider.tokens.add(&tokens);
        }
    }
    let (path, query) =
        ("/v1/organizations/cost_report", self::query(&span.costs, "1d", "description", "31"));
    for bucket in remote.pages::<Bucket<Cost>>(path, &query).await? {
        let Some(at) = parse_time(&bucket.starting_at) else { continue };
        for cost in bucket.results.iter().filter(|_| span.costs.holds(at)) {
            let dollars = cost.amount.cents("amount")?;
            let pair = figures.of(day(at), item(cost));
            pair.provider.dollars = pair.provider.dollars.plus(dollars);
        }
    }
    Ok(())
}

fn query(range: &Range, width: &str, group: &str, limit: &str) -> Vec<(&'static str, String)> {
    vec![
        ("starting_at", rfc3339_seconds(range.from)),
        ("ending_at", rfc3339_seconds(range.to)),
        ("bucket_width", width.to_owned()),
        ("group_by[]", group.to_owned()),
        ("limit", limit.to_owned()),
    ]
}

fn tokens(used: &Used) -> Result<Tokens, Failure> {
    let fresh = used.uncached_input_tokens.count("uncached_input_tokens")?;
    let cached = used.cache_read_input_tokens.count("cache_read_input_tokens")?;
    let mut cache_writes: u64 = 0;
    if let Some(written) = &used.cache_creation {
        let short = written.ephemeral_5m_input_tokens.count("ephemeral_5m_input_tokens")?;
        let long = written.ephemeral_1h_input_tokens.count("ephemeral_1h_input_tokens")?;
        cache_writes = short.saturating_add(long);
    }
    let input = fresh.saturating_add(cached).saturating_add(cache_writes);
    let output = used.output_tokens.count("output_tokens")?;
    Ok(Tokens { input, cached, cache_writes, output })
}

/// What a cost is for: its model, or what it is where that is no model.
fn item(cost: &Cost) -> &str {
    let named = [&cost.model, &cost.description, &cost.cost_type].into_iter().flatten().next();
    named.map_or("(not described)", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_all_of_its_parts() {
        let text = r#"{"uncached_input_tokens":1500,"cache_creation":{"ephemeral_1h_input_tokens":
            1000,"ephemeral_5m_input_tokens":500},"cache_read_input_tokens":200,"output_tokens":
            500,"server_tool_use":{"web_search_requests":10},"model":"claude-opus-4-6"}"#;
        let used: Used = serde_json::from_str(text).unwrap();
        let wanted = Tokens { input: 3200, cached: 200, cache_writes: 1500, output: 500 };
        assert_eq!(tokens(&used), Ok(wanted));
    }

    #[test]
    fn a_cost_of_no_model_is_named_by_its_description() {
        let text = r#"{"amount":"10","currency":"USD","cost_type":"web_search","model":null,
            "description":"Web Search Usage"}"#;
        let cost: Cost = serde_json::from_str(text).unwrap();
        assert_eq!(item(&cost), "Web Search Usage");
        assert_eq!(cost.amount.cents("amount").unwrap().to_string(), "$0.10");
    }
}
