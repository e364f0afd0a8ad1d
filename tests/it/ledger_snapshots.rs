//! R116, R117, R120: snapshots are kept once, read newest first page after page, and gone after the
//! retention time, on both back ends.

use crate::ledger_rig::{Backend, Rig, clock, contract, options, reopened};
use crate::redis_server::RedisServer;
use farebox::clock::UnixMs;
use farebox::ledger::{EmbeddedLedger, Options, Snapshot, SnapshotQuery};
use farebox::limit::Status;
use farebox::money::NanoUsd;
use std::sync::Arc;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

contract! {
    r116_a_snapshot_is_kept_once_whoever_takes_it,
    r117_snapshots_are_read_newest_first_page_after_page,
    r117_what_is_written_meanwhile_moves_no_page,
}

fn snapshot(workspace: &str, at: UnixMs, n: i64) -> Snapshot {
    Snapshot {
        workspace: workspace.parse().unwrap(),
        at,
        every_ms: 5 * MINUTE,
        minute_requests: n,
        day_requests: n * 10,
        day_failed: n / 2,
        month_tokens: 9_007_199_254_740_993 + n,
        day_cost: NanoUsd::new(n * 1_000_000_007),
        month_cost: NanoUsd::new(i64::MAX - n),
        held: NanoUsd::new(n),
        status: Status::Warning,
    }
}

async fn read(rig: &Rig, query: SnapshotQuery) -> Vec<Snapshot> {
    rig.ledger.snapshots(&query).await.unwrap().entries
}

/// All pages.
async fn all(rig: &Rig, query: SnapshotQuery) -> Vec<Snapshot> {
    let (mut query, mut found) = (query, Vec::new());
    loop {
        let page = rig.ledger.snapshots(&query).await.unwrap();
        found.extend(page.entries);
        query.after = page.next;
        if query.after.is_none() {
            return found;
        }
    }
}

async fn r116_a_snapshot_is_kept_once_whoever_takes_it(rig: &Rig) {
    let at = rig.clock.now();
    let first = [snapshot("default", at, 1), snapshot("eng", at, 2)];
    assert_eq!(rig.ledger_of(0).keep(&first).await.unwrap(), 2);
    // Another process has other figures by then, and a workspace more.
    let again = [snapshot("eng", at, 7), snapshot("eng-2", at, 8)];
    assert_eq!(rig.ledger_of(1).keep(&again).await.unwrap(), 1);
    assert_eq!(rig.ledger_of(1).keep(&[]).await.unwrap(), 0);
    let found = read(rig, SnapshotQuery::default()).await;
    assert_eq!(found, [first[0].clone(), first[1].clone(), again[1].clone()]);
}

async fn r117_snapshots_are_read_newest_first_page_after_page(rig: &Rig) {
    let start = rig.clock.now();
    let mut kept = Vec::new();
    for n in 0..40 {
        let at = start + n * 5 * MINUTE;
        let mut some: Vec<_> =
            ["a", "a-b", "a.c", "b"].iter().map(|name| snapshot(name, at, n)).collect();
        // One workspace is younger than the others.
        some.retain(|one| n >= 30 || one.workspace.as_str() != "b");
        rig.ledger_of(n.unsigned_abs() as usize).keep(&some).await.unwrap();
        kept.splice(0..0, some);
    }
    rig.clock.advance(40 * 5 * MINUTE);
    let none = SnapshotQuery::default;
    for limit in [1, 3, 7, 200] {
        assert_eq!(all(rig, SnapshotQuery { limit, ..none() }).await, kept, "{limit}");
        for name in ["a", "b", "c"] {
            let own: Vec<_> = kept.iter().filter(|s| s.workspace.as_str() == name).collect();
            let query = SnapshotQuery { workspace: Some(name.parse().unwrap()), limit, ..none() };
            assert_eq!(all(rig, query).await.iter().collect::<Vec<_>>(), own, "{name} {limit}");
        }
    }
    assert_eq!(read(rig, none()).await.len(), 50);
    let (since, until) = (start + 10 * 5 * MINUTE, start + 12 * 5 * MINUTE);
    let span = SnapshotQuery { since: Some(since), until: Some(until), limit: 2, ..none() };
    let wanted: Vec<_> = kept.iter().filter(|s| (since..until).contains(&s.at)).cloned().collect();
    assert_eq!(wanted.len(), 6);
    assert_eq!(all(rig, span).await, wanted);
    for bad in ["", "x", "5", "5.", "x.a", "5.ä"] {
        let query = SnapshotQuery { after: Some(bad.to_owned()), ..none() };
        let why = rig.ledger.snapshots(&query).await.unwrap_err().to_string();
        assert!(why.contains(&format!("`{bad}`")), "{why}");
    }
}

async fn r117_what_is_written_meanwhile_moves_no_page(rig: &Rig) {
    let start = rig.clock.now();
    for n in 0..4 {
        rig.ledger.keep(&[snapshot("a", start + n * MINUTE, n)]).await.unwrap();
    }
    let query = SnapshotQuery { limit: 2, ..SnapshotQuery::default() };
    let first = rig.ledger.snapshots(&query).await.unwrap();
    rig.ledger.keep(&[snapshot("a", start + 4 * MINUTE, 4)]).await.unwrap();
    let rest = all(rig, SnapshotQuery { after: first.next, ..query }).await;
    let seen: Vec<_> = first.entries.iter().chain(&rest).map(|one| one.minute_requests).collect();
    assert_eq!(seen, [3, 2, 1, 0]);
}

/// What a month of days leaves, where thirty days are kept.
async fn after_a_month(rig: &Rig) -> Vec<i64> {
    for n in 0..32 {
        rig.ledger.keep(&[snapshot("a", rig.clock.now(), n)]).await.unwrap();
        rig.clock.advance(DAY);
    }
    let query = SnapshotQuery { limit: 200, ..SnapshotQuery::default() };
    all(rig, query).await.iter().map(|one| one.minute_requests).collect()
}

#[tokio::test]
async fn r120_a_snapshot_of_31_days_ago_is_gone() {
    let clock = clock();
    let thirty = Options { retention_days: 30, ..options(&clock) };
    let kept: Vec<i64> = (2..32).rev().collect();
    let dir = tempfile::tempdir().unwrap();
    let embedded = EmbeddedLedger::open(dir.path(), thirty.clone()).unwrap();
    let rig = Rig::over(clock.clone(), embedded as Arc<dyn Backend>);
    assert_eq!(after_a_month(&rig).await, kept);
    let server = RedisServer::start(&[]);
    let thirty = Options { journal_dir: server.dir().join("one"), ..thirty };
    let rig = Rig::over(clock, reopened(&server, thirty).await);
    assert_eq!(after_a_month(&rig).await, kept);
    // Redis itself lets each of them go, and the list of moments too.
    let keys = server.cli(&["KEYS", "farebox:{0}:snapshots*"]);
    for key in keys.lines() {
        let left: i64 = server.cli(&["PTTL", key]).parse().unwrap();
        assert!((1..=30 * DAY).contains(&left), "{key} lives {left} ms more");
    }
    let moments: usize = server.cli(&["ZCARD", "farebox:{0}:snapshots"]).parse().unwrap();
    assert_eq!((moments, keys.lines().count()), (31, 33));
}
