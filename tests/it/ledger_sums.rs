//! R122, R123: sums of settled calls by minute, hour and day are those of their events, on both back
//! ends, whatever was corrected meanwhile, and go when they are no longer kept.

use crate::ledger_rig::{Rig, amounts, clock, contract, event, options, order, usd};
use crate::redis_server::RedisServer;
use farebox::clock::UnixMs;
use farebox::ledger::{
    Dimension, EmbeddedLedger, Ending, EventQuery, HoldOrder, Kept, RegistryError, Settlement, Sum,
    SumQuery, Tier, UsageEvent,
};
use farebox::limit::{Calendar, Window};
use farebox::money::NanoUsd;
use farebox::usage::Figure;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const ALL: [Dimension; 7] = [
    Dimension::Period,
    Dimension::User,
    Dimension::Key,
    Dimension::Workspace,
    Dimension::Provider,
    Dimension::Credential,
    Dimension::Model,
];

contract! {
    a_call_is_in_its_minute_its_hour_and_its_day,
    sums_are_kept_apart_by_what_is_asked_for,
    a_late_end_moves_a_call_from_where_its_expiry_counted_it,
    figures_that_follow_replace_the_estimate,
    calls_after_a_minute_was_folded_count_in_it_too,
    questions_for_too_much_are_refused,
}

/// Sums of all that is kept apart, by the names.
type Sums = BTreeMap<Vec<String>, Sum>;

async fn asked(rig: &Rig, query: &SumQuery) -> Sums {
    let rows = rig.ledger.sums(query).await.unwrap();
    rows.into_iter().map(|row| (row.names, row.sum)).collect()
}

fn query(tier: Tier, from: UnixMs, until: UnixMs, by: &[Dimension]) -> SumQuery {
    SumQuery { tier, from, until, only: Vec::new(), by: by.to_vec() }
}

/// The sum over all calls of a tier, from the beginning of the tests' time on.
async fn total(rig: &Rig, tier: Tier) -> Sum {
    let from = rig.at("2026-11-24T00:00:00Z");
    let sums = asked(rig, &query(tier, from, rig.clock.now() + DAY, &[])).await;
    sums.values().fold(Sum::default(), |sum, one| sum.plus(one))
}

/// What an event comes to, reckoned here.
fn reckoned(event: &UsageEvent) -> Sum {
    let count = |figure| i64::try_from(event.usage.count(figure)).unwrap();
    let lost = event.ending == Ending::Orphaned;
    let used = event.usage.reported().any(|(_, n)| n > 0);
    Sum {
        requests: 1,
        failed: i64::from(
            !lost && (event.status == 0 && event.ending != Ending::Finished || event.status >= 400),
        ),
        metered: i64::from(used || event.cost.get() > 0),
        estimated: i64::from(event.estimated),
        input: count(Figure::InputTotal),
        cached_input: count(Figure::CachedRead),
        cache_write: count(Figure::CacheWrite),
        output: count(Figure::OutputTotal),
        characters: count(Figure::Characters),
        cost: event.cost,
        estimated_cost: if event.estimated { event.cost } else { NanoUsd::ZERO },
    }
}

pub async fn events(rig: &Rig) -> Vec<UsageEvent> {
    let (mut query, mut all) = (EventQuery { limit: 1000, ..EventQuery::default() }, Vec::new());
    loop {
        let page = rig.ledger.events(&query).await.unwrap();
        all.extend(page.entries);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
    }
}

/// Every sum of every tier is that of the events in it, and there are no others.
pub async fn sums_are_those_of_the_events(rig: &Rig) {
    sums_by(rig, &Calendar::default()).await;
    rig.ledger.fold_now().await;
    sums_by(rig, &Calendar::default()).await;
}

async fn sums_by(rig: &Rig, calendar: &Calendar) {
    let events = events(rig).await;
    let Some(first) = events.iter().map(|event| event.settled).min() else { return };
    let until = rig.clock.now() + HOUR;
    for (tier, window, most) in [
        (Tier::Minute, Window::Minute, 13 * DAY),
        (Tier::Hour, Window::Hour, 800 * DAY),
        (Tier::Day, Window::Day, 3000 * DAY),
    ] {
        let from = calendar.begins(window, first.max(until - most)).unwrap();
        let mut expected = Sums::new();
        for event in events.iter().filter(|event| event.settled >= from) {
            let (payers, facts) = (&event.payers, &event.facts);
            let period = calendar.period(window, event.settled).to_string();
            let names = vec![
                period,
                payers.user.to_string(),
                payers.key.to_string(),
                payers.workspace.to_string(),
                facts.provider.clone(),
                facts.credential.clone(),
                facts.model.clone(),
            ];
            let sum = expected.entry(names).or_default();
            *sum = sum.plus(&reckoned(event));
        }
        assert_eq!(asked(rig, &query(tier, from, until, &ALL)).await, expected, "{tier:?}");
    }
}

async fn post_with(rig: &Rig, call: &HoldOrder, change: impl FnOnce(&mut UsageEvent)) {
    let charge = amounts(2);
    let mut event = event(call, charge);
    change(&mut event);
    rig.settle(Settlement::Post { charge, event: Box::new(event), once: None }).await;
}

async fn a_call_is_in_its_minute_its_hour_and_its_day(rig: &Rig) {
    let payers = rig.user("alice", &[]).await;
    let call = order(&payers, 2);
    rig.admit(&call).await;
    post_with(rig, &call, |event| {
        event.usage.set(Figure::CachedRead, 700);
        event.usage.set(Figure::CacheWrite, 50);
        event.usage.set(Figure::Characters, 8);
    })
    .await;
    let failed = order(&payers, 2);
    rig.admit(&failed).await;
    post_with(rig, &failed, |event| (event.status, event.estimated) = (503, true)).await;
    let expected = Sum {
        requests: 2,
        failed: 1,
        metered: 2,
        estimated: 1,
        input: 1800,
        cached_input: 700,
        cache_write: 50,
        output: 200,
        characters: 8,
        cost: usd(4),
        estimated_cost: usd(2),
    };
    for (tier, period) in
        [(Tier::Minute, "202611242113"), (Tier::Hour, "2026112421"), (Tier::Day, "20261124")]
    {
        let now = rig.clock.now();
        let found = asked(rig, &query(tier, now, now + 1, &[Dimension::Period])).await;
        assert_eq!(found, Sums::from([(vec![period.to_owned()], expected)]));
        assert!(asked(rig, &query(tier, now - DAY, now - DAY + 1, &[])).await.is_empty());
    }
    rig.clean().await;
}

async fn sums_are_kept_apart_by_what_is_asked_for(rig: &Rig) {
    let (alice, bob) = (rig.user("alice", &[]).await, rig.user("bob", &[]).await);
    for (payers, model) in [(&alice, "gpt-5"), (&alice, "o3\nmini"), (&bob, "gpt-5")] {
        let call = order(payers, 2);
        rig.admit(&call).await;
        post_with(rig, &call, |event| event.facts.model = model.to_owned()).await;
        rig.clock.advance(MINUTE);
    }
    let (from, until) = (rig.clock.now() - HOUR, rig.clock.now());
    let by = [Dimension::Model, Dimension::User];
    let found = asked(rig, &query(Tier::Minute, from, until, &by)).await;
    let names: Vec<String> = found.keys().map(|names| names.join(" ")).collect();
    assert_eq!(names, ["gpt-5 alice", "gpt-5 bob", "o3\nmini alice"]);
    let only = SumQuery {
        only: vec![(Dimension::Model, "gpt-5".to_owned()), (Dimension::User, "bob".to_owned())],
        ..query(Tier::Hour, from, until, &[])
    };
    let found = rig.ledger.sums(&only).await.unwrap();
    assert_eq!((found.len(), found[0].sum.requests, found[0].sum.cost), (1, 1, usd(2)));
    sums_are_those_of_the_events(rig).await;
}

async fn a_late_end_moves_a_call_from_where_its_expiry_counted_it(rig: &Rig) {
    let payers = rig.user("alice", &[]).await;
    for fold in [false, true] {
        let (posted, voided) = (order(&payers, 2), order(&payers, 3));
        rig.admit(&posted).await;
        rig.admit(&voided).await;
        let before = total(rig, Tier::Day).await;
        rig.clock.advance(MINUTE);
        rig.sweep().await;
        assert_eq!(total(rig, Tier::Day).await.requests, before.requests + 2);
        rig.clock.advance(2 * HOUR);
        if fold {
            rig.ledger.fold_now().await;
        }
        rig.post_late_to(&posted, 1).await;
        rig.void(&voided).await;
        for tier in Tier::ALL {
            let after = total(rig, tier).await;
            let (requests, cost) = (before.requests + 1, before.cost.saturating_add(usd(1)));
            assert_eq!((after.requests, after.cost), (requests, cost), "{tier:?}");
        }
        sums_are_those_of_the_events(rig).await;
        rig.clean().await;
    }
}

async fn figures_that_follow_replace_the_estimate(rig: &Rig) {
    let (alice, bob) = (rig.user("alice", &[]).await, rig.user("bob", &[]).await);
    for fold in [false, true] {
        let key = format!("resp_{fold}");
        rig.deferred(&alice, 5, &key).await;
        rig.clock.advance(29 * DAY);
        if fold {
            rig.ledger.fold_now().await;
        }
        rig.poll(&bob, 2, &key).await;
        rig.poll(&bob, 2, &key).await;
        sums_are_those_of_the_events(rig).await;
        rig.clean().await;
    }
    let sum = total(rig, Tier::Day).await;
    assert_eq!((sum.requests, sum.estimated, sum.cost), (6, 0, usd(4)));
}

async fn calls_after_a_minute_was_folded_count_in_it_too(rig: &Rig) {
    let (alice, bob) = (rig.user("alice", &[]).await, rig.user("bob", &[]).await);
    rig.call(&alice, 1).await;
    rig.clock.advance(2 * MINUTE);
    rig.ledger.fold_now().await;
    rig.clock.advance(-2 * MINUTE);
    rig.call(&alice, 1).await;
    rig.call(&bob, 1).await;
    rig.clock.advance(2 * MINUTE);
    sums_are_those_of_the_events(rig).await;
    rig.clean().await;
}

async fn questions_for_too_much_are_refused(rig: &Rig) {
    let now = rig.clock.now();
    let refused =
        rig.ledger.sums(&query(Tier::Minute, now - 30 * DAY, now, &[])).await.unwrap_err();
    let RegistryError::Invalid(why) = refused else { panic!("{refused:?}") };
    assert!(why.contains("20000 periods of a minute") && why.contains("later beginning"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_those_of_the_zone() {
    let kathmandu = Calendar::named("Asia/Kathmandu").unwrap();
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let mut options = options(&clock);
    options.calendar = kathmandu.clone();
    let server = RedisServer::start(&[]);
    let journal =
        farebox::ledger::Options { journal_dir: server.dir().join("journal"), ..options.clone() };
    let redis = crate::ledger_rig::reopened(&server, journal).await;
    let embedded = EmbeddedLedger::open(dir.path(), options).unwrap();
    let rigs = [Rig::over(clock.clone(), embedded), Rig::over(clock.clone(), redis)];
    for rig in &rigs {
        rig.user("alice", &[]).await;
    }
    for _ in 0..30 {
        for rig in &rigs {
            let payers = rig.caller("alice").await.unwrap().payers;
            rig.call(&payers, 1).await;
        }
        clock.advance(47 * MINUTE);
    }
    for rig in &rigs {
        sums_by(rig, &kathmandu).await;
        rig.ledger.fold_now().await;
        sums_by(rig, &kathmandu).await;
        rig.clean().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_ledger_drops_what_is_no_longer_kept() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let options = farebox::ledger::Options { rollups: Kept::default(), ..options(&clock) };
    let rig = Rig::over(clock, EmbeddedLedger::open(dir.path(), options.clone()).unwrap());
    let payers = rig.user("alice", &[]).await;
    rig.call(&payers, 1).await;
    rig.clock.advance(3 * DAY);
    rig.call(&payers, 1).await;
    let of = |tier| total(&rig, tier);
    let left = [of(Tier::Minute).await, of(Tier::Hour).await, of(Tier::Day).await];
    assert_eq!(left.map(|sum| sum.requests), [1, 2, 2]);
    rig.clock.advance(100 * DAY);
    rig.call(&payers, 1).await;
    let left = [of(Tier::Minute).await, of(Tier::Hour).await, of(Tier::Day).await];
    assert_eq!(left.map(|sum| sum.requests), [1, 1, 3]);
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_end_by_themselves_in_redis() {
    let server = std::sync::Arc::new(RedisServer::start(&[]));
    let rig = Rig::on(&server, "journal").await;
    let payers = rig.user("alice", &[]).await;
    rig.call(&payers, 1).await;
    let minute = "farebox:{0}:rollup:minute:202611242113";
    let ttl = |key: &str| -> i64 { server.cli(&["PTTL", key]).trim().parse().unwrap() };
    assert_eq!(ttl(minute), -1, "it is kept until it is folded");
    rig.clean().await;
    rig.clock.advance(26_000);
    rig.ledger.fold_now().await;
    assert_eq!(ttl(minute), -1, "it ended less than five seconds ago");
    rig.clock.advance(MINUTE);
    rig.ledger.fold_now().await;
    for key in [minute, "farebox:{0}:rollup:hour:2026112421", "farebox:{0}:rollup:day:20261124"] {
        assert!(ttl(key) > 3649 * DAY, "{key}");
    }
    assert_eq!(ttl("farebox:{0}:rollup:open"), -2);
    assert_eq!(ttl("farebox:{0}:rollup:turn"), -2);
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_whose_sums_are_not_those_of_its_events_is_out_of_balance() {
    let server = RedisServer::start(&[]);
    let redis = Rig::on(&server, "journal").await;
    for rig in [&redis, &Rig::embedded()] {
        let payers = rig.user("alice", &[]).await;
        for _ in 0..3 {
            rig.call(&payers, 2).await;
        }
        let minute = rig.at("2026-11-24T21:13:00Z");
        let found = async |at| farebox::ledger::imbalance(&*rig.ledger, at).await.unwrap();
        assert_eq!((found(minute).await, found(minute - MINUTE).await), (Some(0), Some(0)));
    }
    server.cli(&["DEL", "farebox:{0}:rollup:minute:202611242113"]);
    let minute = redis.at("2026-11-24T21:13:00Z");
    let found = farebox::ledger::imbalance(&*redis.ledger, minute).await.unwrap();
    assert_eq!(found, Some(usd(6).get()));
}
