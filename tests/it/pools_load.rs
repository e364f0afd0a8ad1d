//! A pool under load, while credentials of it die and run out: no client notices, and every attempt
//! is billed once.

use crate::pool_rig::{BROKE, FAILING, LIMITED, Pool, REJECTED, order};
use farebox::provider::{Choose, Policy};
use std::sync::Arc;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Calls that are made at the same time, again and again; how many there are in all.
async fn load(pool: &Arc<Pool>, rounds: usize, at_once: usize) -> usize {
    let clients = (0..at_once).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for _ in 0..rounds {
                let answer = pool.chat().await;
                assert_eq!(answer.status(), 200, "{answer:?}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    rounds * at_once
}

/// Attempts with all credentials, and how many of them failed.
async fn attempts(pool: &Pool) -> (i64, i64) {
    let mut sum = (0, 0);
    for name in NAMES {
        let (requests, failed) = pool.counted(name).await;
        sum = (sum.0 + requests, sum.1 + failed);
    }
    sum
}

async fn three_of_five_die(choose: Choose, deaths: [&'static str; 3]) {
    let pool = Arc::new(Pool::of(&NAMES, order(choose)).await);
    for name in NAMES {
        pool.limit(name, &[]).await;
    }
    let mut calls = load(&pool, 5, 20).await;
    for (name, death) in NAMES.iter().zip(deaths) {
        pool.play(name, death);
    }
    calls += load(&pool, 30, 20).await;
    pool.balanced().await;
    let (all, failed) = attempts(&pool).await;
    let calls = i64::try_from(calls).unwrap();
    assert_eq!(all, calls + failed, "each call was served by one attempt, and each is counted");
    assert!(failed > 0 && failed * 10 <= calls, "{choose:?}: {failed} retries for {calls} calls");
    println!("{choose:?}: {calls} calls, {all} attempts, {failed} retries, no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r081_p21_three_of_five_credentials_die_and_no_client_notices() {
    for choose in [Choose::Priority, Choose::RoundRobin, Choose::LeastUsed, Choose::Weighted] {
        three_of_five_die(choose, [REJECTED, BROKE, LIMITED]).await;
    }
}

/// Where keys fail as a provider does, one retry a call is not enough for three bad ones of five.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r081_p21_failing_credentials_are_found_with_three_retries() {
    let policy = Policy { retries: 3, ..order(Choose::RoundRobin) };
    let pool = Arc::new(Pool::of(&NAMES, policy).await);
    for name in NAMES {
        pool.limit(name, &[]).await;
    }
    load(&pool, 20, 10).await;
    for name in &NAMES[..3] {
        pool.play(name, FAILING);
    }
    let calls = 200 + load(&pool, 60, 1).await;
    let (all, failed) = attempts(&pool).await;
    assert_eq!(all, i64::try_from(calls).unwrap() + failed);
    println!("{calls} calls, {all} attempts, {failed} retries, no error");
    pool.balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r072_p21_quotas_run_out_one_after_the_other_and_no_client_notices() {
    let pool = Arc::new(Pool::of(&NAMES, order(Choose::Priority)).await);
    for name in &NAMES[..3] {
        pool.limit(name, &["60 requests/day"]).await;
    }
    for name in &NAMES[3..] {
        pool.limit(name, &[]).await;
    }
    let calls = load(&pool, 15, 20).await;
    let (all, failed) = attempts(&pool).await;
    assert_eq!((all, failed), (i64::try_from(calls).unwrap(), 0), "nothing was sent in vain");
    for name in &NAMES[..3] {
        assert_eq!(pool.counted(name).await, (60, 0), "used up, and never beyond");
    }
    assert_eq!(pool.states(), ["disabled", "disabled", "disabled", "available", "available"]);
    pool.balanced().await;
}
