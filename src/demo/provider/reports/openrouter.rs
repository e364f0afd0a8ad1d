//! OpenRouter's activity: the last thirty days that are over, by model.

use super::super::bill::Bill;
use super::super::draft::quoted;
use super::super::vendor::Vendor;
use super::query::Query;
use super::{DAY, Used, costs};
use crate::clock::{parse_time, rfc3339_seconds};
use crate::pricing::Exact;
use crate::usage::Figure;
use std::collections::BTreeMap;

const DAYS: i64 = 30;

pub(super) fn activity(query: &Query, bill: &Bill) -> Result<String, String> {
    let today = bill.clock().now().div_euclid(1000).div_euclid(DAY);
    let date = query.optional("date", |text| Some(parse_time(text)?.div_euclid(DAY * 1000)))?;
    let mut items: BTreeMap<(i64, String), (Used, Exact)> = BTreeMap::new();
    bill.shown_to(|entries| {
        for entry in entries.iter().filter(|entry| entry.vendor == Vendor::OpenRouter) {
            let day = entry.at.div_euclid(DAY * 1000);
            if day >= today || day < today - DAYS || date.is_some_and(|date| date != day) {
                continue;
            }
            let (used, cost) = items.entry((day, entry.model.to_string())).or_default();
            used.requests += 1;
            used.usage = used.usage.plus(&entry.usage());
            for (_, line) in costs::lines(entry)? {
                *cost = cost.plus(line);
            }
        }
        Ok::<_, String>(())
    })?;
    let items =
        items.iter().rev().map(|((day, model), (used, cost))| item(*day, model, used, *cost));
    Ok(format!("{{\"data\":[{}]}}", items.collect::<Vec<_>>().join(",")))
}

fn item(day: i64, model: &str, used: &Used, cost: Exact) -> String {
    let date = rfc3339_seconds(day.saturating_mul(DAY * 1000));
    let date = date.split('T').next().unwrap_or_default();
    let model = quoted(model);
    format!(
        "{{\"date\":\"{date}\",\"model\":{model},\"model_permaslug\":{model},\
         \"endpoint_id\":\"00000000-0000-4000-8000-000000000000\",\
         \"provider_name\":\"Simulated\",\"usage\":{cost},\"byok_usage_inference\":0,\
         \"requests\":{},\"prompt_tokens\":{},\"completion_tokens\":{},\"reasoning_tokens\":{}}}",
        used.requests,
        used.usage.count(Figure::InputTotal),
        used.usage.count(Figure::OutputTotal),
        used.usage.count(Figure::Reasoning)
    )
}
