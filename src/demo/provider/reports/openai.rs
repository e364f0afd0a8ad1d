//! OpenAI's usage of an organization, by kind of endpoint, and its costs.

use super::super::bill::{Bill, BillEntry};
use super::super::draft::quoted;
use super::super::route::{Endpoint, UsageOf};
use super::super::vendor::Vendor;
use super::query::{PageSize, Paging, Query};
use super::{DAY, HOUR, Used, costs, used};
use crate::pricing::{Class, Exact};
use crate::usage::Figure;
use std::collections::BTreeMap;

const GROUPS: &[&str] =
    &["project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "size", "source"];

pub(super) fn usage(kind: UsageOf, query: &Query, bill: &Bill) -> Result<String, String> {
    let (width, size) = match query.get("bucket_width") {
        Some("1m") => (60, PageSize { usual: 60, most: 1440 }),
        Some("1h") => (HOUR, PageSize { usual: 24, most: 168 }),
        None | Some("1d") => (DAY, PageSize { usual: 7, most: 31 }),
        Some(other) => return Err(format!("Invalid value for bucket_width: '{other}'.")),
    };
    let by_model = query.groups("model", GROUPS)?;
    let paging = paging(query, width, size, bill)?;
    let buckets = used(bill, &paging, by_model, |entry| {
        entry.vendor == Vendor::OpenAi && kind_of(entry.endpoint) == kind
    });
    let results = buckets.iter().map(|models| {
        models.iter().map(|(model, used)| result(kind, model, used)).collect::<Vec<_>>().join(",")
    });
    Ok(page(&paging, results))
}

pub(super) fn costs(query: &Query, bill: &Bill) -> Result<String, String> {
    if let Some(other) = query.get("bucket_width").filter(|width| *width != "1d") {
        return Err(format!("Invalid value for bucket_width: '{other}'."));
    }
    let by_item = query.groups("line_item", &["project_id", "line_item", "api_key_id"])?;
    let paging = paging(query, DAY, PageSize { usual: 7, most: 180 }, bill)?;
    let mut buckets: Vec<BTreeMap<Option<String>, Exact>> =
        paging.buckets().map(|_| BTreeMap::new()).collect();
    bill.shown_to(|entries| {
        for entry in entries.iter().filter(|entry| entry.vendor == Vendor::OpenAi) {
            let place = paging.place(entry.at.div_euclid(1000));
            let Some(bucket) = place.and_then(|place| buckets.get_mut(place)) else { continue };
            for (class, cost) in costs::lines(entry)? {
                let item = by_item.then(|| line_item(entry, class));
                let sum = bucket.entry(item).or_default();
                *sum = sum.plus(cost);
            }
        }
        Ok::<_, String>(())
    })?;
    let results = buckets.iter().map(|items| {
        items.iter().map(|(item, cost)| cost_result(item, *cost)).collect::<Vec<_>>().join(",")
    });
    Ok(page(&paging, results))
}

fn paging(query: &Query, width: i64, size: PageSize, bill: &Bill) -> Result<Paging, String> {
    let seconds = |text: &str| text.parse().ok();
    let from = query.required("start_time", seconds)?;
    let to = query.optional("end_time", seconds)?;
    Paging::read(query, (from, to), width, size, bill.clock().now().div_euclid(1000))
}

fn page(paging: &Paging, results: impl Iterator<Item = String>) -> String {
    let buckets = paging.buckets().zip(results).map(|((from, to), results)| {
        format!(
            "{{\"object\":\"bucket\",\"start_time\":{from},\"end_time\":{to},\
             \"results\":[{results}]}}"
        )
    });
    let buckets = buckets.collect::<Vec<_>>().join(",");
    format!("{{\"object\":\"page\",\"data\":[{buckets}],{}}}", paging.end())
}

fn kind_of(endpoint: Endpoint) -> UsageOf {
    match endpoint {
        Endpoint::Embeddings => UsageOf::Embeddings,
        Endpoint::Images => UsageOf::Images,
        Endpoint::Speech => UsageOf::Speeches,
        Endpoint::Transcription => UsageOf::Transcriptions,
        _ => UsageOf::Completions,
    }
}

fn result(kind: UsageOf, model: &str, used: &Used) -> String {
    let count = |figure| used.usage.count(figure);
    let (name, figures) = match kind {
        UsageOf::Completions => (
            "completions",
            format!(
                "\"input_tokens\":{},\"output_tokens\":{},\"input_cached_tokens\":{},\
                 \"input_audio_tokens\":{},\"output_audio_tokens\":{},\"batch\":null,\
                 \"service_tier\":null",
                count(Figure::InputTotal),
                count(Figure::OutputTotal),
                count(Figure::CachedRead),
                count(Figure::AudioInput),
                count(Figure::AudioOutput)
            ),
        ),
        UsageOf::Embeddings => {
            ("embeddings", format!("\"input_tokens\":{}", count(Figure::InputTotal)))
        }
        UsageOf::Moderations => ("moderations", "\"input_tokens\":0".to_owned()),
        UsageOf::Images => (
            "images",
            format!("\"images\":{},\"size\":null,\"source\":null", count(Figure::Images)),
        ),
        UsageOf::Speeches => {
            ("audio_speeches", format!("\"characters\":{}", count(Figure::Characters)))
        }
        UsageOf::Transcriptions => {
            ("audio_transcriptions", format!("\"seconds\":{}", count(Figure::DurationMs) / 1000))
        }
    };
    let model = if model.is_empty() { "null".to_owned() } else { quoted(model) };
    format!(
        "{{\"object\":\"organization.usage.{name}.result\",{figures},\
         \"num_model_requests\":{},\"project_id\":null,\"user_id\":null,\"api_key_id\":null,\
         \"model\":{model}}}",
        used.requests
    )
}

fn cost_result(item: &Option<String>, cost: Exact) -> String {
    let item = item.as_deref().map_or_else(|| "null".to_owned(), quoted);
    format!(
        "{{\"object\":\"organization.costs.result\",\"amount\":{{\"value\":{cost},\
         \"currency\":\"usd\"}},\"line_item\":{item},\"project_id\":null,\"api_key_id\":null}}"
    )
}

/// `gpt-5.4, cached input`, as invoices have it.
fn line_item(entry: &BillEntry, class: Class) -> String {
    let model = &entry.model;
    let item = match class {
        Class::Output | Class::Reasoning => format!("{model}, output"),
        Class::AudioInput => format!("{model} audio, input"),
        Class::CachedAudio => format!("{model} audio, cached input"),
        Class::AudioOutput => format!("{model} audio, output"),
        Class::ImageInput => format!("{model} image, input"),
        Class::CachedImage => format!("{model} image, cached input"),
        Class::ImageOutput => format!("{model} image, output"),
        Class::WebSearch => "web search tool calls".to_owned(),
        other => format!("{model}, {}", other.name().replace('_', " ")),
    };
    match &*entry.tier {
        tier @ ("priority" | "flex" | "batch") => format!("{tier} | {item}"),
        _ => item,
    }
}
