//! The short way of the scripts, for accounts that are plain, and the long way, for all others, do
//! the same: the same random operations leave the same in Redis, to the last field.

use crate::ledger_random::{Step, apply, step};
use crate::ledger_rig::{Rig, amounts, contract, order, usd};
use crate::redis_server::RedisServer;
use farebox::ids::AccountId;
use farebox::ledger::{Amounts, Change, Enforcement, HoldOrder, LimitsChange, Payers};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::sync::Arc;

contract! {
    a_limit_that_takes_the_place_of_another_counts_calls_under_way,
    a_limit_that_comes_as_the_mode_goes_counts_calls_under_way,
    a_limit_that_comes_as_routes_or_addresses_of_a_key_go_binds,
}

/// A field that no script knows: accounts that have it are not plain.
const STRANGE: &str = "bench.note";

/// How often a command ran, in scripts too.
fn runs(server: &RedisServer, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let prefix = format!("cmdstat_{command}:calls=");
    let found = stats.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or("0,");
    found.split(',').next().unwrap().parse().unwrap()
}

fn hash(server: &RedisServer, key: &str) -> BTreeSet<(String, String)> {
    let all = server.cli(&["--json", "HGETALL", key]);
    let fields: std::collections::BTreeMap<String, String> = serde_json::from_str(&all).unwrap();
    fields.into_iter().filter(|(name, _)| name != STRANGE).collect()
}

/// Everything that scripts write, but for ids of events and what has them.
fn left(server: &RedisServer, payers: &[Payers], calls: &[HoldOrder]) -> Vec<String> {
    let mut left = Vec::new();
    for account in payers.iter().flat_map(Payers::accounts) {
        let key = format!("farebox:{{0}}:{account}");
        left.push(format!("{key} {:?}", hash(server, &key)));
        let holds = server.cli(&["ZRANGE", &format!("{key}:holds"), "0", "-1", "WITHSCORES"]);
        left.push(format!("{key}:holds {holds}"));
    }
    for call in calls {
        let hold = hash(server, &format!("farebox:{{0}}:hold:{}", call.id));
        let amounts: Vec<_> = hold.iter().filter(|(name, _)| name != "shares").collect();
        left.push(format!("{amounts:?}"));
        let mark = server.cli(&["GET", &format!("farebox:{{0}}:settled:{}", call.id)]);
        left.push(mark.split([':', '{']).next().unwrap_or_default().to_owned());
    }
    for set in ["leases", "utilization"] {
        let key = format!("farebox:{{0}}:{set}");
        left.push(server.cli(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]));
    }
    left
}

#[test]
fn both_ways_leave_the_same() {
    let config = Config { cases: 15, failure_persistence: None, ..Config::default() };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let often_plain = step().prop_filter_map("not plain", |step| match step {
        Step::Bump { .. } | Step::Defer { .. } | Step::Move { .. } => None,
        Step::Limit { user, limits } => Some(Step::Limit { user, limits: limits % 4 }),
        step => Some(step),
    });
    let steps = prop::collection::vec(often_plain, 60..160);
    let short = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&steps, |steps| {
            short.set(short.get() + runtime.block_on(agree(&steps)));
            Ok(())
        })
        .unwrap();
    assert!(short.get() > 200, "the short way read {} accounts", short.get());
}

/// How many accounts the short way read.
async fn agree(steps: &[Step]) -> u64 {
    let servers = [0, 1].map(|_| Arc::new(RedisServer::start(&[])));
    let rigs = [Rig::sharing(&servers[0]).await, Rig::sharing(&servers[1]).await];
    let before = [0, 1].map(|n| runs(&servers[n], "hmget"));
    let mut payers: Vec<Payers> = Vec::new();
    for (name, limits) in [
        ("alice", &["20 usd/month", "3 concurrent"][..]),
        ("bob", &["9 usd/day", "30 usd/total", "5 requests/minute", "20000 tokens/minute"]),
        ("carol", &["40000 tokens/day", "90 requests/day", "90 usd/month"]),
        ("dora", &["60 usd/week", "8 requests/hour"]),
    ] {
        rigs[0].user(name, limits).await;
        payers.push(rigs[1].user(name, limits).await);
    }
    for account in payers.iter().flat_map(Payers::accounts) {
        servers[1].cli(&["HSET", &format!("farebox:{{0}}:{account}"), STRANGE, "1"]);
    }
    let mut calls: Vec<HoldOrder> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        if let Step::Hold { user, dollars, bounded } = step {
            let mut call = order(&payers[*user], *dollars);
            call.ceiling = call.ceiling.filter(|_| *bounded);
            calls.push(call);
        }
        let one = apply(&rigs[0], step, &calls, &payers, "k").await;
        let two = apply(&rigs[1], step, &calls, &payers, "k").await;
        assert_eq!(one, two, "step {n}: {step:?}");
        if let (Step::Hold { dollars, .. }, true) = (step, n % 2 == 0) {
            let post = Step::Post { call: calls.len() - 1, dollars: dollars + 2 - n as i64 % 5 };
            let one = apply(&rigs[0], &post, &calls, &payers, "k").await;
            assert_eq!(one, apply(&rigs[1], &post, &calls, &payers, "k").await, "{n}: {post:?}");
        }
    }
    let [one, two] = [0, 1].map(|n| left(&servers[n], &payers, &calls));
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one, two);
    }
    let read = [0, 1].map(|n| runs(&servers[n], "hmget") - before[n]);
    assert_eq!(read[1], 0);
    read[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_set_by_hand_bind_the_next_call() {
    let server = Arc::new(RedisServer::start(&[]));
    let rig = Rig::sharing(&server).await;
    let payers = rig.user("alice", &["25 usd/month"]).await;
    let key = "farebox:{0}:user:alice";
    for _ in 0..4 {
        rig.call(&payers, 1).await;
    }
    let before = runs(&server, "hmget");
    rig.call(&payers, 1).await;
    assert_eq!(runs(&server, "hmget") - before, 6, "the short way reads each account twice");
    server.cli(&["HSET", key, "usd/month.limit", "5500000000"]);
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.limit.amount, 5_500_000_000);
    server.cli(&["HSET", key, "usd/month.limit", "25000000000", "requests/day.limit", "1"]);
    rig.call(&payers, 1).await;
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.limit.name(), "requests/day");
    server.cli(&["HDEL", key, "requests/day.limit"]);
    rig.call(&payers, 1).await;
    server.cli(&["HSET", key, "status", "suspended"]);
    assert!(format!("{:?}", rig.hold(&order(&payers, 1)).await).contains("suspended"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_in_the_place_of_another_field_is_seen() {
    let server = Arc::new(RedisServer::start(&[]));
    let rig = Rig::sharing(&server).await;
    let payers = rig.follower("alice").await;
    for _ in 0..4 {
        rig.call(&payers, 1).await;
    }
    let key = "farebox:{0}:user:alice";
    // As many fields as before, by a change of the program and by hand.
    server.cli(&["HDEL", key, "defaults"]);
    server.cli(&["HSET", key, "requests/day.limit", "1"]);
    rig.call(&payers, 1).await;
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.limit.name(), "requests/day");
    server.cli(&["HDEL", key, "requests/day.limit"]);
    for _ in 0..2 {
        rig.call(&payers, 0).await;
    }
    server.cli(&["HDEL", key, "name"]);
    server.cli(&["HSET", key, "usd/day.limit", "1"]);
    rig.clock.advance(61_000);
    rig.call(&payers, 0).await;
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.limit.name(), "usd/day");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_beyond_2_to_the_53_are_exact() {
    let server = Arc::new(RedisServer::start(&[]));
    let rig = Rig::sharing(&server).await;
    let payers = rig.user("alice", &["9000000 usd/month"]).await;
    let key = "farebox:{0}:user:alice";
    for _ in 0..4 {
        rig.call(&payers, 1).await;
    }
    server.cli(&["HSET", key, "usd.total", "9007199254740993", "tokens.held", "9007199254740991"]);
    let call = order(&payers, 3);
    rig.admit(&call).await;
    assert_eq!(server.cli(&["HGET", key, "tokens.held"]), "9007199254743991");
    rig.post_amounts(&call, amounts(2)).await;
    assert_eq!(server.cli(&["HGET", key, "tokens.held"]), "9007199254740991");
    assert_eq!(server.cli(&["HGET", key, "usd.total"]), "9007201254740993");
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.month_usd, usd(6));
}

/// What a user has used of dollars a day after a change while a call of three dollars is under way.
async fn counted_after(rig: &Rig, payers: &Payers, change: &Change) -> i64 {
    let user = AccountId::user(&payers.user);
    for _ in 0..4 {
        rig.call(payers, 1).await;
    }
    let call = order(payers, 3);
    rig.admit(&call).await;
    rig.ledger.change(&user, change).await.unwrap();
    rig.post(&call, 3).await;
    let found = rig.account(&user).await.standings;
    found.iter().find(|standing| standing.limit.name() == "usd/day").unwrap().used
}

fn limited(limits: &[&str]) -> Change {
    let limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
    Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() }
}

async fn a_limit_that_takes_the_place_of_another_counts_calls_under_way(rig: &Rig) {
    for (name, gone) in [("alice", "90 requests/day"), ("bob", "9 concurrent")] {
        let payers = rig.user(name, &["90 usd/month", gone]).await;
        let change = limited(&["90 usd/month", "9 usd/day"]);
        assert_eq!(counted_after(rig, &payers, &change).await, usd(3).get(), "{gone}");
    }
    rig.clean().await;
}

async fn a_limit_that_comes_as_the_mode_goes_counts_calls_under_way(rig: &Rig) {
    let payers = rig.user("alice", &["90 usd/month"]).await;
    let mode = |mode| Change { enforcement: Some(mode), ..Change::default() };
    let user = AccountId::user(&payers.user);
    rig.ledger.change(&user, &mode(Some(Enforcement::Strict))).await.unwrap();
    let change = Change { enforcement: Some(None), ..limited(&["90 usd/month", "9 usd/day"]) };
    assert_eq!(counted_after(rig, &payers, &change).await, usd(3).get());
    rig.clean().await;
}

async fn a_limit_that_comes_as_routes_or_addresses_of_a_key_go_binds(rig: &Rig) {
    let routes = |list: &[&str]| Change {
        routes: Some(list.iter().map(|route| route.parse().unwrap()).collect()),
        ..Change::default()
    };
    let addresses = |list: &[&str]| Change {
        addresses: Some(list.iter().map(|network| network.parse().unwrap()).collect()),
        ..Change::default()
    };
    let both = [
        ("alice", routes(&["/v1/*"]), routes(&[])),
        ("bob", addresses(&["10.0.0.0/8"]), addresses(&[])),
    ];
    for (name, before, after) in both {
        let payers = rig.user(name, &["90 usd/month"]).await;
        let key = AccountId::key(&payers.key);
        rig.ledger.change(&key, &before).await.unwrap();
        for _ in 0..4 {
            rig.call(&payers, 1).await;
        }
        let limits = limited(&["1 usd/day"]).limits;
        rig.ledger.change(&key, &Change { limits, ..after }).await.unwrap();
        let denial = rig.refused(&order(&payers, 2)).await;
        assert_eq!(denial.standing.limit.name(), "usd/day", "{name}");
    }
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_sum_beyond_2_to_the_53_is_exact() {
    let server = Arc::new(RedisServer::start(&[]));
    let rig = Rig::sharing(&server).await;
    let payers = rig.user("alice", &["9000000 usd/month"]).await;
    let key = "farebox:{0}:user:alice";
    for _ in 0..4 {
        rig.call(&payers, 1).await;
    }
    let call = order(&payers, 3);
    rig.admit(&call).await;
    server.cli(&["HSET", key, "usd.total", "0", "tokens.total", "0", "usd/month.used", "0"]);
    server.cli(&["HSET", key, "tokens.held", "9007199254740993"]);
    rig.post_amounts(&call, Amounts::default()).await;
    assert_eq!(server.cli(&["HGET", key, "tokens.held"]), "9007199254737993");
}
