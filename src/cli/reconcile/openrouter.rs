//! OpenRouter's activity: requests, tokens and dollars of the last thirty days that are over.

use super::super::Failure;
use super::figures::{Figures, Tokens};
use super::number::Number;
use super::remote::Remote;
use super::span::{Span, day};
use crate::clock::parse_time;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Activity {
    data: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    date: String,
    model: String,
    #[serde(default)]
    usage: Number,
    #[serde(default)]
    requests: Number,
    #[serde(default)]
    prompt_tokens: Number,
    #[serde(default)]
    completion_tokens: Number,
}

/// Adds what OpenRouter reports.
pub(super) async fn read(
    remote: &Remote,
    span: &Span,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let activity: Activity = remote.get("/activity", &[]).await?;
    for item in &activity.data {
        // Some answers have a time after the date.
        let Some(at) = item.date.get(..10).and_then(parse_time) else { continue };
        if span.costs.holds(at) {
            add(item, day(at), figures)?;
        }
    }
    Ok(())
}

fn add(item: &Item, day: String, figures: &mut Figures) -> Result<(), Failure> {
    let requests = item.requests.count("requests")?;
    let dollars = item.usage.dollars("usage")?;
    let tokens = Tokens {
        input: item.prompt_tokens.count("prompt_tokens")?,
        output: item.completion_tokens.count("completion_tokens")?,
        ..Tokens::default()
    };
    let provider = &mut figures.of(day, &item.model).provider;
    provider.requests = provider.requests.saturating_add(requests);
    provider.tokens.add(&tokens);
    provider.dollars = provider.dollars.plus(dollars);
    Ok(())
}
