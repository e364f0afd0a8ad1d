//! What was used since a time, over settled calls: in all, by model and by provider.
//!
//! Memory is bounded by the number of models and providers, and the work by a number of events;
//! above either the answer says how to ask for less.

use super::super::problem::Problem;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ledger::{Ending, EventQuery, Registry, UsageEvent};
use crate::money::NanoUsd;
use crate::usage::Figure;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const PAGE: usize = 1_000;
const MOST_GROUPS: usize = 10_000;

/// What calls used together.
#[derive(Debug, Default)]
struct Sum {
    requests: i64,
    tokens: u64,
    cost: NanoUsd,
}

impl Sum {
    fn add(&mut self, event: &UsageEvent) {
        self.requests = self.requests.saturating_add(event.requests);
        self.tokens = self.tokens.saturating_add(event.usage.total_tokens());
        self.cost = self.cost.saturating_add(event.cost);
    }

    fn fields(&self) -> Map<String, Value> {
        [
            ("total_requests", self.requests.into()),
            ("total_tokens", self.tokens.into()),
            ("cost_usd", self.cost.to_string().into()),
            ("cost_nanousd", self.cost.get().into()),
        ]
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .into_iter()
        .collect()
    }
}

#[derive(Debug, Default)]
struct Totals {
    all: Sum,
    failed: i64,
    cached: u64,
    by_model: BTreeMap<String, Sum>,
    by_provider: BTreeMap<String, Sum>,
}

impl Totals {
    fn add(&mut self, event: &UsageEvent) {
        self.all.add(event);
        if has_failed(event) {
            self.failed = self.failed.saturating_add(event.requests);
        }
        self.cached = self.cached.saturating_add(event.usage.count(Figure::CachedRead));
        self.by_model.entry(event.facts.model.clone()).or_default().add(event);
        self.by_provider.entry(event.facts.provider.clone()).or_default().add(event);
    }

    fn shown(&self, since: UnixMs) -> Value {
        let mut data = self.all.fields();
        let more = json!({
            "successful_requests": self.all.requests.saturating_sub(self.failed),
            "failed_requests": self.failed,
            "cached_input_tokens": self.cached,
            "since": rfc3339_seconds(since),
            "by_model": listed("model", &self.by_model),
            "by_provider": listed("provider", &self.by_provider),
        });
        if let Value::Object(more) = more {
            data.extend(more);
        }
        Value::Object(data)
    }
}

/// Whether the provider did not answer, or with an error, or broke off.
fn has_failed(event: &UsageEvent) -> bool {
    event.status >= 400 || event.ending == Ending::Cut
}

/// The dearest first.
fn listed(field: &str, sums: &BTreeMap<String, Sum>) -> Value {
    let mut all: Vec<_> = sums.iter().collect();
    all.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.cost));
    let shown = |(name, sum): (&String, &Sum)| {
        let mut object = sum.fields();
        object.insert(field.to_owned(), name.as_str().into());
        Value::Object(object)
    };
    Value::Array(all.into_iter().map(shown).collect())
}

/// The `data` of the usage of what `query` selects, over at most so many events.
pub(super) async fn usage(
    registry: &dyn Registry,
    mut query: EventQuery,
    most: usize,
) -> Result<Value, Problem> {
    let since = query.since.unwrap_or_default();
    query.limit = PAGE;
    let (mut totals, mut seen) = (Totals::default(), 0_usize);
    loop {
        let page = registry.events(&query).await?;
        seen = seen.saturating_add(page.entries.len());
        page.entries.iter().for_each(|event| totals.add(event));
        if seen > most || totals.by_model.len() > MOST_GROUPS {
            let detail =
                format!("more than {most} calls or {MOST_GROUPS} models: ask for a later `since`");
            return Err(Problem::field("?since", detail));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(totals.shown(since)),
        }
    }
}
