//! `/v1/organization/usage/…` and `/v1/organization/costs`: the figures of the ledger in the shape
//! of OpenAI's administration API, so that scripts written for it run unchanged. A workspace is a
//! project there.
//!
//! On the admin listener they show all, on the data listener what is of a key's user. Costs are made
//! from the ledger's sums; usage from pages of events, because sums tell neither the kind of a call
//! nor its tier or batch. Memory is bounded by the number of results, and the work by a number of
//! events.
//!
//! Invariant: what is refused is refused as OpenAI does it, and names the parameter.

mod costs;
mod facets;
mod query;
mod span;
mod usage;

use super::Parts;
pub(super) use super::analytics::Books;
use super::desk::Desk;
use super::operation::Operations;
use super::problem::Problem;
use super::scope::{Resource, Scope};
use crate::ids::Id;
use crate::ledger::{EventQuery, Registry, RegistryError, UsageEvent};
use axum::Json;
use axum::http::Uri;
use facets::{Facets, Group};
use query::Query;
use serde_json::{Value, json};
use span::Span;
use std::collections::BTreeMap;
use usage::Kind;

/// What all its paths begin with.
pub const PREFIX: &str = "/v1/organization/";

/// The parameters that both take; lists and filters are in OpenAI's documentation.
const QUERY: &[&str] = &["start_time", "end_time", "bucket_width", "page"];

const PAGE: usize = 1_000;
const MOST_EVENTS: usize = 2_000_000;
const MOST_RESULTS: usize = 50_000;

pub(super) fn operations() -> Operations {
    let read = Scope::Read(Resource::Usage);
    Operations::default()
        .get("/v1/organization/usage/{kind}", read, all)
        .says("Usage by bucket, as OpenAI's administration API tells it", 200, "Buckets")
        .asks(QUERY)
        .get("/v1/organization/costs", read, all)
        .says("Costs by day, as OpenAI's administration API tells them", 200, "Buckets")
        .asks(QUERY)
}

/// A parameter that is refused: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadParameter {
    /// Its name; `None` where the whole query is meant.
    pub name: Option<&'static str>,
    /// What is wrong, with the way out.
    pub message: String,
}

/// Why there is no page.
#[derive(Debug)]
pub enum NoPage {
    /// There is nothing at this path.
    Unknown,
    /// The query is refused.
    Bad(BadParameter),
    /// The ledger does not answer.
    Ledger(RegistryError),
}

impl BadParameter {
    fn new(name: &'static str, message: String) -> Self {
        Self { name: Some(name), message }
    }
}

impl From<BadParameter> for NoPage {
    fn from(bad: BadParameter) -> Self {
        Self::Bad(bad)
    }
}

impl From<RegistryError> for NoPage {
    fn from(error: RegistryError) -> Self {
        match error {
            // More groups or periods than the ledger tells at once.
            RegistryError::Invalid(why) => BadParameter::new("limit", why).into(),
            error => Self::Ledger(error),
        }
    }
}

impl From<NoPage> for Problem {
    fn from(none: NoPage) -> Self {
        match none {
            NoPage::Unknown => Self::missing("this kind of usage"),
            NoPage::Bad(bad) => Self::parameter(bad.name, bad.message),
            NoPage::Ledger(error) => error.into(),
        }
    }
}

async fn all(desk: Desk, uri: Uri) -> Result<Json<Value>, Problem> {
    let Parts { registry, clock, calendar, .. } = &*desk;
    let books = Books { registry: &**registry, calendar, now: clock.now() };
    let only = Only { workspace: desk.by.workspace.as_ref(), user: None };
    Ok(Json(page(books, &uri, only).await?))
}

/// Whose figures are shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Only<'a> {
    /// Of one workspace.
    pub(super) workspace: Option<&'a Id>,
    /// Of one user.
    pub(super) user: Option<&'a Id>,
}

/// The page at a path below [`PREFIX`].
pub(super) async fn page(books: Books<'_>, uri: &Uri, only: Only<'_>) -> Result<Value, NoPage> {
    let (query, now) = (Query::read(uri)?, books.now);
    match uri.path().strip_prefix(PREFIX).unwrap_or_default() {
        "costs" => {
            let (span, facets) = (Span::of_costs(&query, now)?, costs::facets(&query)?);
            let sums = costs::summed(books, only, (&span, &facets)).await?;
            Ok(written(&span, &facets, sums, costs::result))
        }
        path => {
            let kind =
                path.strip_prefix("usage/").and_then(Kind::of_name).ok_or(NoPage::Unknown)?;
            let (span, facets) = (Span::of_usage(&query, now)?, kind.facets(&query)?);
            let counts = |event: &UsageEvent| kind.counts(event);
            let sums = summed(books.registry, only, (&span, &facets), (counts, Kind::add));
            Ok(written(&span, &facets, sums.await?, |sum| kind.result(sum)))
        }
    }
}

/// The sums of each bucket, by group.
type Sums<S> = Vec<BTreeMap<Group, S>>;

async fn summed<S: Default>(
    registry: &dyn Registry,
    only: Only<'_>,
    (span, facets): (&Span, &Facets),
    (counts, add): (impl Fn(&UsageEvent) -> bool, impl Fn(&UsageEvent, &mut S)),
) -> Result<Sums<S>, NoPage> {
    let mut sums: Sums<S> = span.buckets().map(|_| BTreeMap::new()).collect();
    let Some((since, until)) = span.bounds() else { return Ok(sums) };
    let mut query = EventQuery {
        since: Some(since),
        until: Some(until),
        user: only.user.or(facets.only_user()).cloned(),
        workspace: only.workspace.cloned(),
        limit: PAGE,
        ..EventQuery::default()
    };
    let (mut seen, mut results) = (0_usize, 0_usize);
    loop {
        let page = registry.events(&query).await?;
        seen = seen.saturating_add(page.entries.len());
        for event in page.entries.iter().filter(|event| counts(event) && facets.take(event)) {
            let Some(bucket) = span.place(event.settled).and_then(|at| sums.get_mut(at)) else {
                continue;
            };
            let before = bucket.len();
            add(event, bucket.entry(facets.group(event)).or_default());
            results = results.saturating_add(bucket.len().saturating_sub(before));
        }
        if seen > MOST_EVENTS || results > MOST_RESULTS {
            let why = format!(
                "more than {MOST_EVENTS} calls or {MOST_RESULTS} results: ask for fewer buckets \
                 (`limit`), or group by less"
            );
            return Err(BadParameter::new("limit", why).into());
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(sums),
        }
    }
}

fn written<S>(span: &Span, facets: &Facets, sums: Sums<S>, result: impl Fn(&S) -> Value) -> Value {
    let buckets = span.buckets().zip(sums).map(|((from, to), groups)| {
        let results = groups.iter().map(|(group, sum)| {
            let mut result = result(sum);
            for (field, value) in facets.fields(group) {
                result[field] = value;
            }
            result
        });
        let results: Vec<Value> = results.collect();
        json!({"object": "bucket", "start_time": from, "end_time": to, "results": results})
    });
    let buckets: Vec<Value> = buckets.collect();
    let next = span.next_page();
    json!({"object": "page", "data": buckets, "has_more": next.is_some(), "next_page": next})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ledger_finds_too_much_is_the_fault_of_the_query() {
        let why = RegistryError::Invalid("more than 20000 groups".to_owned());
        let NoPage::Bad(bad) = NoPage::from(why) else { panic!("not refused") };
        assert_eq!((bad.name, bad.message.as_str()), (Some("limit"), "more than 20000 groups"));
    }
}
