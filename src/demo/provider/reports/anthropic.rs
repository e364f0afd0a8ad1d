//! Anthropic's usage of the messages API, and its costs, which are in cents.

use super::super::bill::{Bill, BillEntry};
use super::super::draft::quoted;
use super::super::vendor::Vendor;
use super::query::{PageSize, Paging, Query};
use super::{DAY, HOUR, Used, costs, used};
use crate::clock::{parse_time, rfc3339_seconds};
use crate::pricing::{Class, Exact};
use crate::usage::Figure;
use std::collections::BTreeMap;

const GROUPS: &[&str] =
    &["api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo"];

pub(super) fn usage(query: &Query, bill: &Bill) -> Result<String, String> {
    let (width, size) = match query.get("bucket_width") {
        Some("1m") => (60, PageSize { usual: 60, most: 1440 }),
        Some("1h") => (HOUR, PageSize { usual: 24, most: 168 }),
        None | Some("1d") => (DAY, PageSize { usual: 7, most: 31 }),
        Some(other) => return Err(format!("bucket_width: '{other}' is not supported")),
    };
    let by_model = query.groups("model", GROUPS)?;
    let paging = paging(query, width, size, bill)?;
    let buckets = used(bill, &paging, by_model, of_anthropic);
    let results = buckets.iter().map(|models| {
        models.iter().map(|(model, used)| result(model, used)).collect::<Vec<_>>().join(",")
    });
    Ok(page(&paging, results))
}

pub(super) fn costs(query: &Query, bill: &Bill) -> Result<String, String> {
    if let Some(other) = query.get("bucket_width").filter(|width| *width != "1d") {
        return Err(format!("bucket_width: '{other}' is not supported"));
    }
    let described = query.groups("description", &["workspace_id", "description"])?;
    let paging = paging(query, DAY, PageSize { usual: 7, most: 31 }, bill)?;
    let mut buckets: Vec<BTreeMap<String, Exact>> =
        paging.buckets().map(|_| BTreeMap::new()).collect();
    bill.shown_to(|entries| {
        for entry in entries.iter().filter(|entry| of_anthropic(entry)) {
            let place = paging.place(entry.at.div_euclid(1000));
            let Some(bucket) = place.and_then(|place| buckets.get_mut(place)) else { continue };
            for (class, cost) in costs::lines(entry)? {
                let item =
                    if described { description(entry, class) } else { UNDESCRIBED.to_owned() };
                let sum = bucket.entry(item).or_default();
                *sum = sum.plus(cost);
            }
        }
        Ok::<_, String>(())
    })?;
    let results = buckets.iter().map(|items| {
        let results = items.iter().map(|(item, cost)| {
            let cents = cost.times(100);
            format!("{{\"currency\":\"USD\",\"amount\":\"{cents}\",\"workspace_id\":null,{item}}}")
        });
        results.collect::<Vec<_>>().join(",")
    });
    Ok(page(&paging, results))
}

const UNDESCRIBED: &str = "\"description\":null,\"cost_type\":null,\"context_window\":null,\
    \"model\":null,\"service_tier\":null,\"token_type\":null";

fn of_anthropic(entry: &BillEntry) -> bool {
    entry.vendor == Vendor::Anthropic
}

fn paging(query: &Query, width: i64, size: PageSize, bill: &Bill) -> Result<Paging, String> {
    let seconds = |text: &str| Some(parse_time(text)?.div_euclid(1000));
    let from = query.required("starting_at", seconds)?;
    let to = query.optional("ending_at", seconds)?;
    Paging::read(query, (from, to), width, size, bill.clock().now().div_euclid(1000))
}

fn page(paging: &Paging, results: impl Iterator<Item = String>) -> String {
    let time = |seconds: i64| rfc3339_seconds(seconds.saturating_mul(1000));
    let buckets = paging.buckets().zip(results).map(|((from, to), results)| {
        format!(
            "{{\"starting_at\":\"{}\",\"ending_at\":\"{}\",\"results\":[{results}]}}",
            time(from),
            time(to)
        )
    });
    let buckets = buckets.collect::<Vec<_>>().join(",");
    format!("{{\"data\":[{buckets}],{}}}", paging.end())
}

fn result(model: &str, used: &Used) -> String {
    let usage = &used.usage;
    let hour = usage.count(Figure::CacheWrite1h);
    let model = if model.is_empty() { "null".to_owned() } else { quoted(model) };
    format!(
        "{{\"uncached_input_tokens\":{},\"cache_creation\":{{\"ephemeral_1h_input_tokens\":{hour},\
         \"ephemeral_5m_input_tokens\":{}}},\"cache_read_input_tokens\":{},\"output_tokens\":{},\
         \"server_tool_use\":{{\"web_search_requests\":{}}},\"api_key_id\":null,\
         \"workspace_id\":null,\"model\":{model},\"service_tier\":null,\"context_window\":null}}",
        usage.input_uncached(),
        usage.count(Figure::CacheWrite).saturating_sub(hour),
        usage.count(Figure::CachedRead),
        usage.count(Figure::OutputTotal),
        usage.count(Figure::WebSearchRequests)
    )
}

/// The fields of a cost that tell what it is for.
fn description(entry: &BillEntry, class: Class) -> String {
    let (title, kind) = match class {
        Class::WebSearch => {
            return "\"description\":\"Web Search Usage\",\"cost_type\":\"web_search\",\
                    \"context_window\":null,\"model\":null,\"service_tier\":null,\
                    \"token_type\":null"
                .to_owned();
        }
        Class::CachedInput => ("Input Tokens, Cache Hit", "cache_read_input_tokens"),
        Class::CacheWrite1h => {
            ("Input Tokens, Cache Write 1h", "cache_creation.ephemeral_1h_input_tokens")
        }
        Class::CacheWrite | Class::CacheWrite5m => {
            ("Input Tokens, Cache Write 5m", "cache_creation.ephemeral_5m_input_tokens")
        }
        Class::Output | Class::Reasoning => ("Output Tokens", "output_tokens"),
        _ => ("Input Tokens", "uncached_input_tokens"),
    };
    let model = quoted(&entry.model);
    let title = quoted(&format!("{} Usage - {title}", entry.model));
    format!(
        "\"description\":{title},\"cost_type\":\"tokens\",\"context_window\":\"0-200k\",\
         \"model\":{model},\"service_tier\":{},\"token_type\":\"{kind}\"",
        quoted(&entry.tier)
    )
}
