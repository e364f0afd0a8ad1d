//! The ledger's side, as the admin API adds it up: by model and hour of UTC.

use super::super::Failure;
use super::super::client::Client;
use super::amount::Amount;
use super::figures::{Figures, Tokens};
use super::span::{Span, day};
use crate::clock::{parse_time, rfc3339_seconds};
use crate::money::NanoUsd;
use serde_json::Value;

/// Adds what the ledger has of the provider that is called `provider` there.
pub(super) async fn read(
    client: &Client,
    provider: &str,
    span: &Span,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let (from, to) = (rfc3339_seconds(span.costs.from), rfc3339_seconds(span.costs.to));
    let query = [
        ("provider", Some(provider)),
        ("since", Some(from.as_str())),
        ("until", Some(to.as_str())),
        ("group_by", Some("model,hour")),
        ("detail", Some("true")),
    ];
    let mut answer = client.get("/api/v1/analytics/usage", &query).await?;
    let Value::Array(rows) = answer["data"].take() else { return Ok(()) };
    for row in &rows {
        add(row, span, figures);
    }
    Ok(())
}

fn add(row: &Value, span: &Span, figures: &mut Figures) {
    let Some(hour) = row["hour"].as_str().and_then(parse_time) else { return };
    let count = |name: &str| row[name].as_u64().unwrap_or(0);
    let dollars = |name: &str| Amount::of(NanoUsd::new(row[name].as_i64().unwrap_or(0)));
    let pair = figures.of(day(hour), row["model"].as_str().unwrap_or_default());
    let calls = count("metered_requests");
    pair.ledger.dollars = pair.ledger.dollars.plus(dollars("cost_nanousd"));
    pair.charges = pair.charges.saturating_add(calls);
    pair.estimated = pair.estimated.saturating_add(count("estimated_requests"));
    pair.estimated_dollars = pair.estimated_dollars.plus(dollars("estimated_nanousd"));
    if span.usage.holds(hour) {
        pair.ledger.requests = pair.ledger.requests.saturating_add(calls);
        pair.ledger.tokens.add(&Tokens {
            input: count("input_tokens"),
            cached: count("cached_input_tokens"),
            cache_writes: count("cache_write_tokens"),
            output: count("output_tokens"),
        });
    }
}
