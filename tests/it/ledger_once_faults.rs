//! Charging once under faults: processes that die between deferral and poll, a Redis that forgets,
//! settlements that come again and in another order.

use crate::ledger_rig::{Rig, clock, defer, once, options, order, post_once, usd};
use crate::redis_server::RedisServer;
use farebox::ids::AccountId;
use farebox::ledger::{EmbeddedLedger, Options, Payers};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An embedded ledger that writes to its store only when told to.
fn lazy(dir: &Path, rig: &farebox::clock::Clock, retention_days: i64) -> Arc<EmbeddedLedger> {
    let options = Options { commit_ms: 3_600_000, retention_days, ..options(rig) };
    EmbeddedLedger::open(dir, options).unwrap()
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    std::fs::create_dir(to.path().join("log")).unwrap();
    for entry in ["ledger.redb", "log"] {
        let path = from.join(entry);
        let files = if path.is_dir() {
            std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect()
        } else {
            vec![path]
        };
        for file in files {
            std::fs::copy(&file, to.path().join(file.strip_prefix(from).unwrap())).unwrap();
        }
    }
    to
}

async fn total(rig: &Rig, payers: &Payers) -> i64 {
    rig.account(&AccountId::user(&payers.user)).await.total_usd.get() / 1_000_000_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_between_deferral_and_poll_knows_the_key() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let open = |dir: &Path| Rig::over(clock.clone(), lazy(dir, &clock, 30));
    for stored in [false, true] {
        let ledger = lazy(dir.path(), &clock, 30);
        let rig = Rig::over(clock.clone(), ledger.clone());
        let payers = match stored {
            false => rig.user("alice", &["100 usd/month"]).await,
            true => rig.user("bob", &["100 usd/month"]).await,
        };
        let (one, two) = (format!("{stored}.1"), format!("{stored}.2"));
        rig.deferred(&payers, 4, &one).await;
        rig.poll(&payers, 3, &two).await;
        if stored {
            ledger.flush().await.unwrap();
        }
        let crashed = copied(dir.path());
        let again = open(crashed.path());
        assert_eq!(total(&again, &payers).await, 7);
        again.poll(&payers, 1, &one).await;
        again.poll(&payers, 9, &two).await;
        assert_eq!(total(&again, &payers).await, 4);
        again.clean().await;
        drop(again);
        let again = open(crashed.path());
        again.poll(&payers, 2, &one).await;
        assert_eq!(total(&again, &payers).await, 4);
        assert_eq!(again.ledger.owner(&once(&one)).await.unwrap(), Some(payers.workspace.clone()));
        again.clean().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_last_31_days_and_events_that_are_gone_do_not_upset_the_sum() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let ledger = lazy(dir.path(), &clock, 10);
    let rig = Rig::over(clock.clone(), ledger.clone());
    let payers = rig.user("alice", &[]).await;
    let call = rig.deferred(&payers, 4, "resp_1").await;
    rig.deferred(&payers, 5, "resp_2").await;
    rig.poll(&payers, 2, "batch_1").await;
    for _ in 0..30 {
        rig.clock.advance(86_400_000);
        rig.sweep().await;
        // Something has to change for events to be dropped.
        rig.call(&payers, 0).await;
        ledger.flush().await.unwrap();
    }
    assert!(rig.ledger.event(call.id).await.unwrap().is_none(), "retention is over");
    rig.poll(&payers, 1, "resp_1").await;
    rig.poll(&payers, 9, "batch_1").await;
    assert_eq!(total(&rig, &payers).await, 1 + 5 + 2);
    rig.clean().await;
    assert_eq!(rig.ledger.event(call.id).await.unwrap().unwrap().cost, usd(1));
    rig.clock.advance(2 * 86_400_000);
    rig.sweep().await;
    assert_eq!(rig.ledger.owner(&once("batch_1")).await.unwrap(), None);
    rig.poll(&payers, 3, "batch_1").await;
    rig.poll(&payers, 3, "resp_1").await;
    assert_eq!(total(&rig, &payers).await, 1 + 5 + 2 + 3);
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_lost_deferral_and_poll_gets_them_again_in_any_order() {
    let mut server = RedisServer::start(&[]);
    let (one, two) = (Rig::on(&server, "one").await, Rig::on(&server, "two").await);
    let payers = one.user("alice", &["100 usd/month"]).await;
    server.cli(&["SAVE"]);
    let call = one.deferred(&payers, 4, "resp_1").await;
    let poll = two.poll(&payers, 1, "resp_1").await;
    assert_eq!(total(&one, &payers).await, 1);
    server.kill();
    server.restart();
    let until = Instant::now() + Duration::from_secs(10);
    while one.ledger.caller(&farebox::secret::SecretDigest::of("alice")).await.is_err()
        || two.ledger.caller(&farebox::secret::SecretDigest::of("alice")).await.is_err()
    {
        assert!(Instant::now() < until, "redis is not back");
        tokio::task::yield_now().await;
    }
    assert_eq!(total(&one, &payers).await, 0, "redis forgot");
    two.settle(post_once(&poll, 1, "resp_1")).await;
    one.settle(defer(&call, 4, "resp_1")).await;
    two.settle(post_once(&poll, 1, "resp_1")).await;
    assert_eq!(total(&one, &payers).await, 1);
    one.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_in_the_journal_of_a_dead_proxy_are_charged_once() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    let bob = rig.user("bob", &["100 usd/month"]).await;
    let (call, poll, other) = (order(&payers, 4), order(&bob, 0), order(&bob, 0));
    for order in [&call, &poll, &other] {
        rig.admit(order).await;
    }
    server.kill();
    for settlement in
        [defer(&call, 4, "resp_1"), post_once(&poll, 3, "resp_1"), post_once(&other, 3, "resp_1")]
    {
        rig.ledger.settle(rig.ledger.permit().unwrap(), settlement);
    }
    drop(rig);
    server.restart();
    for _ in 0..2 {
        let rig = Rig::on(&server, "one").await;
        rig.ledger.delivered().await;
        assert_eq!((total(&rig, &payers).await, total(&rig, &bob).await), (3, 0));
        rig.clean().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_keys_for_31_days_and_shows_no_id_of_the_provider() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.deferred(&payers, 4, "resp_secret").await;
    rig.poll(&payers, 2, "batch_secret").await;
    let month = 31 * 86_400_000_i64;
    for id in ["resp_secret", "batch_secret"] {
        let name = format!("farebox:{{0}}:once:{}", once(id));
        let left: i64 = server.cli(&["PTTL", &name]).parse().unwrap();
        assert!((month - 60_000..=month).contains(&left), "{left}");
        assert!(!server.cli(&["GET", &name]).contains("secret"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_key_charges_nothing_until_it_is_mended() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    let damages = [("a", "x"), ("b", "deferred:{"), ("c", "posted:"), ("d", "deferred:{}")];
    let name = |id: &str| format!("farebox:{{0}}:once:{}", once(id));
    for (id, text) in damages {
        server.cli(&["SET", &name(id), text]);
        rig.poll(&payers, 2, id).await;
    }
    server.cli(&["LPUSH", &name("e"), "x"]);
    rig.poll(&payers, 2, "e").await;
    assert!(rig.ledger.owner(&once("a")).await.unwrap_err().to_string().contains("damaged"));
    assert_eq!(total(&rig, &payers).await, 0);
    for id in ["a", "b", "c", "d", "e"] {
        server.cli(&["DEL", &name(id)]);
    }
    drop(rig);
    let rig = Rig::on(&server, "one").await;
    rig.ledger.delivered().await;
    assert_eq!(total(&rig, &payers).await, 10);
    rig.clean().await;
}
