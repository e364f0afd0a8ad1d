//! Damage in one place of the ledger in Redis: a field set wrongly by hand, a key of the wrong
//! type, a proxy whose clock is wrong. All other accounts go on.

use crate::ledger_rig::{Rig, amounts, clock, event, options, order, usd};
use crate::redis_server::RedisServer;
use farebox::clock::Clock;
use farebox::ids::AccountId;
use farebox::ledger::{HoldOrder, ListFilter, Options, Payers, RedisLedger, Settlement};
use std::time::Duration;

const ALICE: &str = "farebox:{0}:user:alice";

/// Ends a call without waiting until Redis has it.
fn end(rig: &Rig, settlement: Settlement) {
    rig.ledger.settle(rig.ledger.permit().unwrap(), settlement);
}

fn post(call: &HoldOrder, dollars: i64) -> Settlement {
    let charge = amounts(dollars);
    Settlement::Post { charge, event: Box::new(event(call, charge)), once: None }
}

async fn spent(rig: &Rig, payers: &Payers) -> farebox::money::NanoUsd {
    rig.account(&AccountId::user(&payers.user)).await.month_usd
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_limit_of_one_user_is_nobody_elses_trouble() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let alice = rig.user("alice", &["25 usd/month"]).await;
    let bob = rig.user("bob", &["25 usd/month"]).await;
    let admitted = order(&alice, 2);
    rig.admit(&admitted).await;
    server.cli(&["HSET", ALICE, "usd/month.limit", "50.5"]);
    for _ in 0..300 {
        let call = order(&alice, 1);
        let error = rig.hold(&call).await.unwrap_err().to_string();
        assert!(error.contains("user:alice") && error.contains("50.5"), "{error}");
        end(&rig, Settlement::Void { id: call.id, payers: alice.clone() });
    }
    let call = order(&bob, 3);
    rig.admit(&call).await;
    end(&rig, post(&call, 3));
    end(&rig, post(&admitted, 1));
    rig.ledger.delivered().await;
    assert_eq!(spent(&rig, &bob).await, usd(3));
    let field = |name: &str| server.cli(&["HGET", ALICE, name]);
    assert_eq!(field("usd/month.used"), usd(1).get().to_string());
    assert_eq!((field("usd.held").as_str(), field("tokens.total").as_str()), ("0", "1000"));
    let users = ListFilter { limit: 10, ..ListFilter::default() };
    let listed = rig.ledger.accounts(farebox::ids::AccountKind::User, &users).await.unwrap();
    assert_eq!(listed.entries.len(), 1);
    let found = rig.ledger.verify().await.unwrap().violations.join("\n");
    assert!(found.contains("user:alice") && found.contains("50.5"), "{found}");
    drop(rig);
    let rig = Rig::on(&server, "one").await;
    rig.call(&bob, 1).await;
    assert_eq!(spent(&rig, &bob).await, usd(4));
    server.cli(&["HSET", ALICE, "usd/month.limit", "50000000000"]);
    rig.call(&alice, 1).await;
    assert_eq!(spent(&rig, &alice).await, usd(2));
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_left_out_and_the_rest_is_charged_once() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["90 usd/month", "90 usd/day", "90 requests/day"]).await;
    let counted = ["usd/month.used", "usd/day.used", "usd.total", "requests.total"];
    let field = |name: &str| server.cli(&["HGET", ALICE, name]);
    let workspace = |name: &str| server.cli(&["HGET", "farebox:{0}:workspace:default", name]);
    for (damaged, bad, lost) in [
        ("usd/month.limit", "50.5", None),
        ("usd/month.limit", "-1", None),
        ("usd/fortnight.limit", "1", None),
        ("thresholds", "high", None),
        ("usd/month.used", "12.5", Some("usd/month.used")),
        ("usd/month.used", "007", Some("usd/month.used")),
        ("usd/month.period", "x", Some("usd/month.used")),
        ("usd.total", "99999999999999999999", Some("usd.total")),
        ("usd.held", "1e9", None),
        ("usd.debt", "much", None),
        ("requests/day.used", "", None),
    ] {
        let call = order(&payers, 2);
        rig.admit(&call).await;
        let before = counted.map(field);
        let (kept, above) = (field(damaged), workspace("usd.total"));
        server.cli(&["HSET", ALICE, damaged, bad]);
        for _ in 0..3 {
            rig.post(&call, 1).await;
        }
        for (name, before) in counted.into_iter().zip(&before) {
            let more = if name.starts_with("requests") { 1 } else { usd(1).get() };
            let before: i64 = before.parse().unwrap_or(0);
            if lost != Some(name) {
                assert_eq!(field(name), (before + more).to_string(), "{name} beside {damaged}");
            }
        }
        let above: i64 = above.parse().unwrap_or(0);
        assert_eq!(workspace("usd.total"), (above + usd(1).get()).to_string(), "{damaged}");
        assert_eq!(rig.ledger.event(call.id).await.unwrap().unwrap().cost, usd(1), "{damaged}");
        server.cli(&["HDEL", ALICE, damaged]);
        if damaged == "usd.held" {
            server.cli(&["HSET", ALICE, damaged, "0"]);
        } else if !kept.is_empty() {
            server.cli(&["HSET", ALICE, damaged, &kept]);
        }
        rig.call(&payers, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_cannot_take_is_put_aside_and_tried_at_the_next_start() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let alice = rig.user("alice", &["25 usd/month"]).await;
    let bob = rig.user("bob", &["25 usd/month"]).await;
    let calls: Vec<_> = (0..300).map(|_| order(&alice, 0)).collect();
    for call in &calls {
        rig.admit(call).await;
    }
    server.cli(&["RENAME", ALICE, "aside"]);
    server.cli(&["SET", ALICE, "not a hash"]);
    for call in &calls {
        end(&rig, post(call, 1));
    }
    let call = order(&bob, 3);
    rig.admit(&call).await;
    end(&rig, post(&call, 3));
    rig.ledger.delivered().await;
    assert_eq!(spent(&rig, &bob).await, usd(3));
    let refused = server.dir().join("one/refused.jsonl");
    let aside = std::fs::read_to_string(&refused).unwrap();
    assert!(calls.iter().all(|call| aside.contains(&call.id.to_string())));
    drop(rig);
    let rig = Rig::on(&server, "one").await;
    rig.call(&bob, 1).await;
    rig.ledger.delivered().await;
    assert_eq!(std::fs::read_to_string(&refused).unwrap().lines().count(), 300);
    drop(rig);
    server.cli(&["RENAME", "aside", ALICE]);
    let rig = Rig::on(&server, "one").await;
    rig.ledger.delivered().await;
    assert_eq!(spent(&rig, &alice).await, usd(300));
    assert!(!refused.exists());
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_goes_past_holds_that_it_cannot_end() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["25 usd/month"]).await;
    for _ in 0..450 {
        rig.admit(&order(&payers, 0)).await;
    }
    let damage = "for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do \
                  redis.call('HSET', 'farebox:{0}:hold:' .. id, 'order', '{') end \
                  redis.call('ZADD', KEYS[1], 1, 'nobody')";
    server.cli(&["EVAL", damage, "1", "farebox:{0}:leases"]);
    rig.clock.advance(1);
    let last = order(&payers, 2);
    rig.admit(&last).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    assert_eq!(spent(&rig, &payers).await, usd(2));
    assert!(rig.ledger.event(last.id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_whose_clock_is_ahead_neither_expires_nor_spins() {
    let server = RedisServer::start(&[]);
    let options = Options {
        clock: Clock::skewed(120_000),
        lease_ms: 60_000,
        journal_dir: server.dir().join("one"),
        ..options(&clock())
    };
    let ledger = RedisLedger::open(&server.url(), options).await.unwrap();
    let rig = Rig::over(clock(), ledger.clone());
    let payers = rig.user("alice", &["25 usd/month"]).await;
    for _ in 0..250 {
        rig.admit(&order(&payers, 0)).await;
    }
    let commands = || {
        let stats = server.cli(&["INFO", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let before = commands();
    tokio::time::timeout(Duration::from_secs(5), ledger.sweep()).await.unwrap().unwrap();
    let ran = commands() - before;
    assert!(ran < 10, "{ran} commands");
    assert_eq!(server.cli(&["ZCARD", "farebox:{0}:leases"]), "250");
    rig.clean().await;
}
