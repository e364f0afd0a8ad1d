//! R122: answers that are made from sums are those that the events give, on both back ends, in any
//! zone, for any span, filter and group.

use crate::control_desk::{TOKEN, raw, serve_in};
use crate::dice::Dice;
use crate::ledger_rig::{Rig, amounts, clock, event, options, order, reopened};
use crate::ledger_sums::events;
use crate::redis_server::RedisServer;
use farebox::clock::{UnixMs, rfc3339, rfc3339_seconds};
use farebox::ledger::{EmbeddedLedger, Kept, Options, Payers, Registry, Settlement, UsageEvent};
use farebox::limit::Calendar;
use farebox::usage::Figure;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const DIMENSIONS: [&str; 8] =
    ["user", "key", "workspace", "provider", "credential", "model", "day", "hour"];
/// Minutes go after two days, hours after six; days stay.
const KEPT: Kept = Kept { minutes: 2 * DAY, hours: 6 * DAY, days: 3650 * DAY };

/// What a call is kept apart by.
fn name(event: &UsageEvent, by: &str, calendar: &Calendar) -> String {
    let (payers, facts) = (&event.payers, &event.facts);
    match by {
        "user" => payers.user.to_string(),
        "key" => payers.key.to_string(),
        "workspace" => payers.workspace.to_string(),
        "provider" => facts.provider.clone(),
        "credential" => facts.credential.clone(),
        "model" => facts.model.clone(),
        "day" => calendar.date(event.settled).to_string(),
        _ => rfc3339_seconds(event.settled.div_euclid(HOUR) * HOUR),
    }
}

/// The rows of the events, reckoned here.
fn reckoned(events: &[&UsageEvent], by: &[&str], calendar: &Calendar) -> Value {
    let mut groups: BTreeMap<Vec<String>, [i64; 8]> = BTreeMap::new();
    for event in events {
        let names = by.iter().map(|by| name(event, by, calendar)).collect();
        let count = |figure| i64::try_from(event.usage.count(figure)).unwrap();
        let [input, output] = [count(Figure::InputTotal), count(Figure::OutputTotal)];
        let estimate = if event.estimated { event.cost.get() } else { 0 };
        let more = [
            event.requests,
            input + output,
            event.cost.get(),
            input,
            count(Figure::CachedRead),
            output,
            event.estimated.into(),
            estimate,
        ];
        let sum = groups.entry(names).or_default();
        sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    let row = |(names, sum): (Vec<String>, [i64; 8])| {
        let mut row = json!({
            "requests": sum[0],
            "tokens": sum[1],
            "cost_nanousd": sum[2],
            "input_tokens": sum[3],
            "cached_input_tokens": sum[4],
            "output_tokens": sum[5],
            "estimated_requests": sum[6],
            "estimated_nanousd": sum[7],
        });
        by.iter().zip(names).for_each(|(by, name)| row[*by] = name.into());
        row
    };
    groups.into_iter().map(row).collect()
}

/// The rows that are answered, without the fields that say the same again.
async fn answered(at: SocketAddr, query: &str) -> Value {
    let path = format!("/api/v1/analytics/usage?detail=true&{query}");
    let bearer = format!("Bearer {TOKEN}");
    let mut rows =
        raw(at, "GET", &path, &[("authorization", &bearer)], "").await.of(200)["data"].take();
    for row in rows.as_array_mut().unwrap() {
        let row = row.as_object_mut().unwrap();
        for name in ["cost_usd", "estimated_usd", "metered_requests", "cache_write_tokens"] {
            row.remove(name).unwrap();
        }
    }
    rows
}

async fn some_calls(rig: &Rig, dice: &mut Dice) {
    rig.workspace("eng").await;
    let mut callers = Vec::new();
    for user in ["alice", "bob", "carol"] {
        callers.push(rig.user(user, &[]).await);
    }
    for n in 0..220 {
        let payers: &Payers = &callers[dice.below(3)];
        let dollars = i64::try_from(dice.below(4)).unwrap();
        let mut call = order(payers, dollars);
        call.facts.model = ["gpt-5", "o3\nmini", "claude-4"][dice.below(3)].to_owned();
        call.facts.provider = ["openai", "anthropic"][dice.below(2)].to_owned();
        call.facts.credential = ["main", "spare"][dice.below(2)].to_owned();
        rig.admit(&call).await;
        let charge = amounts(dollars);
        let mut event = event(&call, charge);
        event.usage.set(Figure::CachedRead, u64::try_from(dice.below(900)).unwrap());
        event.estimated = dice.below(5) == 0;
        event.status = if dice.below(6) == 0 { 503 } else { 200 };
        rig.settle(Settlement::Post { charge, event: Box::new(event), once: None }).await;
        let ms = [1, 7_000, 45_000, 11 * MINUTE, 3 * HOUR, 5 * HOUR + 61_001][dice.below(6)];
        rig.clock.advance(ms);
        if n % 40 == 13 {
            rig.ledger.fold_now().await;
        }
    }
}

/// A time of the last 20 days, often one where a period begins, or just beside.
fn moment(dice: &mut Dice, now: UnixMs) -> UnixMs {
    let back = i64::try_from(dice.below(usize::try_from(20 * DAY).unwrap())).unwrap();
    let at = now - [back, back / 10, back / 300][dice.below(3)];
    let unit = [1, MINUTE, HOUR, DAY][dice.below(4)];
    at.div_euclid(unit) * unit + [0, 0, 1, -1][dice.below(4)]
}

async fn asked_at_random(rig: &Rig, calendar: Calendar) {
    let mut dice = Dice(122);
    some_calls(rig, &mut dice).await;
    let registry: Arc<dyn Registry> = rig.ledger.clone();
    let at = serve_in(calendar.clone(), registry, rig.clock.clone(), Vec::new()).await;
    let (all, now) = (events(rig).await, rig.clock.now());
    let mut found = 0;
    for n in 0..150 {
        let (one, other) = (moment(&mut dice, now), moment(&mut dice, now));
        let (since, until) = (one.min(other), one.max(other));
        let by: Vec<&str> = DIMENSIONS.into_iter().filter(|_| dice.below(4) == 0).collect();
        let only = DIMENSIONS[dice.below(6)];
        let wanted = &all[dice.below(all.len())];
        let filtered = dice.below(3) == 0;
        let open = dice.below(4) == 0;
        let mut query = format!("since={}", rfc3339(since));
        if !open {
            query.push_str(&format!("&until={}", rfc3339(until)));
        }
        let only =
            Some(only).filter(|only| filtered && !name(wanted, only, &calendar).contains('\n'));
        if let Some(only) = only {
            query.push_str(&format!("&{only}={}", name(wanted, only, &calendar)));
        }
        if !by.is_empty() {
            query.push_str(&format!("&group_by={}", by.join(",")));
        }
        let within: Vec<&UsageEvent> = all
            .iter()
            .filter(|event| event.settled >= since && (open || event.settled < until))
            .filter(|event| {
                let same = |only| name(event, only, &calendar) == name(wanted, only, &calendar);
                only.is_none_or(same)
            })
            .collect();
        found += within.len();
        assert_eq!(answered(at, &query).await, reckoned(&within, &by, &calendar), "{n}: {query}");
    }
    assert!(found > 1_000, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r122_sums_and_events_give_the_same_answers_embedded() {
    for zone in ["UTC", "Asia/Kathmandu"] {
        let calendar = Calendar::named(zone).unwrap();
        let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
        let options = Options { rollups: KEPT, calendar: calendar.clone(), ..options(&clock) };
        let rig = Rig::over(clock, EmbeddedLedger::open(dir.path(), options).unwrap());
        asked_at_random(&rig, calendar).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r122_sums_and_events_give_the_same_answers_on_redis() {
    for zone in ["UTC", "America/New_York"] {
        let calendar = Calendar::named(zone).unwrap();
        let (clock, server) = (clock(), RedisServer::start(&[]));
        let options = Options {
            rollups: KEPT,
            calendar: calendar.clone(),
            journal_dir: server.dir().join("journal"),
            ..options(&clock)
        };
        let rig = Rig::over(clock, reopened(&server, options).await);
        asked_at_random(&rig, calendar).await;
    }
}

/// How long questions take, printed. `FAREBOX_ANALYTICS_CALLS=1000000` makes it a million.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r122_how_long_questions_take() {
    let calls = std::env::var("FAREBOX_ANALYTICS_CALLS").ok();
    let calls: usize = calls.map_or(1_000, |calls| calls.parse().unwrap());
    let server = Arc::new(RedisServer::start(&[]));
    let rig = Rig::on(&server, "journal").await;
    let mut callers = Vec::new();
    for user in 0..50 {
        callers.push(rig.user(&format!("u{user}"), &[]).await);
    }
    for n in 0..calls {
        let mut call = order(&callers[n % 50], 1);
        call.facts.model = ["gpt-5", "gpt-4.1", "o3"][n % 3].to_owned();
        rig.admit(&call).await;
        let event = Box::new(event(&call, amounts(1)));
        let post = Settlement::Post { charge: amounts(1), event, once: None };
        rig.ledger.settle(rig.ledger.permit().unwrap(), post);
        if n % 100 == 99 {
            rig.clock.advance(i64::try_from(20 * 3_600_000 / (calls / 100)).unwrap());
            rig.ledger.delivered().await;
        }
    }
    rig.ledger.delivered().await;
    rig.ledger.fold_now().await;
    let registry: Arc<dyn Registry> = rig.ledger.clone();
    let at = serve_in(Calendar::default(), registry, rig.clock.clone(), Vec::new()).await;
    let bearer = format!("Bearer {TOKEN}");
    for question in [
        "usage?group_by=user,model&since=2d",
        "top?by=user&metric=cache_saved&since=2d",
        "series?bucket=hour&start_time=24h&group_by=user,model",
        "series?bucket=minute&start_time=24h",
        "latency?since=2d",
    ] {
        let begun = std::time::Instant::now();
        let path = format!("/api/v1/analytics/{question}");
        let answer = raw(at, "GET", &path, &[("authorization", &bearer)], "").await.of(200);
        let took = begun.elapsed();
        println!("{calls} calls: {question}: {took:?}");
        if question.starts_with("top") {
            assert_eq!(answer["total"]["requests"], calls);
        }
    }
}
