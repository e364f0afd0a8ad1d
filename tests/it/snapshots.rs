//! R116, R119: snapshots are taken at every interval, by one proxy of all, with the figures of the
//! ledger.

use crate::ledger_rig::{Backend, Rig, contract, order};
use farebox::history::{Rounds, Sources, Taken};
use farebox::ids::{AccountId, Id};
use farebox::ledger::{
    Change, LimitsChange, NewAccount, RecordKind, Snapshot, SnapshotQuery, When,
};
use farebox::limit::{Calendar, Status, Thresholds};
use farebox::money::NanoUsd;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: i64 = 60_000;
const EVERY: Duration = Duration::from_secs(300);

contract! {
    r116_a_snapshot_says_how_a_workspace_stood,
    r116_a_day_and_a_month_end_with_their_last_snapshot,
    r119_of_two_proxies_one_takes_the_snapshots,
    r119_a_leader_that_dies_is_followed_and_nothing_is_there_twice,
    r119_ten_thousand_workspaces_are_taken_in_pages,
}

fn rounds(rig: &Rig, of: usize) -> Rounds {
    let ledger: Arc<dyn Backend> = rig.ledger_of(of);
    let sources = Sources {
        registry: ledger.clone(),
        records: ledger.clone(),
        snapshots: ledger,
        clock: rig.clock.clone(),
        calendar: Calendar::default(),
        thresholds: Thresholds::default(),
    };
    Rounds::new(sources, EVERY)
}

async fn snapshots(rig: &Rig, workspace: &str) -> Vec<Snapshot> {
    let workspace = Some(workspace.parse::<Id>().unwrap());
    let query = SnapshotQuery { workspace, limit: 200, ..SnapshotQuery::default() };
    rig.ledger.snapshots(&query).await.unwrap().entries
}

/// Moves the clock to a time, which is later.
fn go(rig: &Rig, time: &str) {
    rig.clock.advance(rig.at(time) - rig.clock.now());
}

/// How many it took that were not there.
async fn taken(rounds: &Rounds) -> usize {
    match rounds.take(rounds.moment()).await.unwrap() {
        Taken::Here(new) => new,
        other => panic!("{other:?}"),
    }
}

async fn r116_a_snapshot_says_how_a_workspace_stood(rig: &Rig) {
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.workspace("idle").await;
    let limits = LimitsChange::Set(vec!["10 usd/month".parse().unwrap()]);
    let change = Change { limits: Some(limits), ..Change::default() };
    rig.ledger.change(&AccountId::workspace(&"default".parse().unwrap()), &change).await.unwrap();
    let rounds = rounds(rig, 0);
    // 21:13:36, the minute before the last one, and one that is under way.
    rig.call(&payers, 2).await;
    go(rig, "2026-11-24T21:14:10Z");
    rig.call(&payers, 3).await;
    rig.call(&payers, 4).await;
    let open = order(&payers, 1);
    rig.admit(&open).await;
    go(rig, "2026-11-24T21:15:01Z");
    assert_eq!(taken(&rounds).await, 2);
    let [found] = snapshots(rig, "default").await.try_into().unwrap();
    assert_eq!(
        found,
        Snapshot {
            workspace: "default".parse().unwrap(),
            at: rig.at("2026-11-24T21:15:00Z"),
            every_ms: 300_000,
            minute_requests: 2,
            day_requests: 3,
            day_failed: 0,
            month_tokens: 3_000,
            day_cost: NanoUsd::new(9_000_000_000),
            month_cost: NanoUsd::new(9_000_000_000),
            held: found.held,
            status: Status::Critical,
        }
    );
    assert!(found.held >= NanoUsd::new(1_000_000_000), "{found:?}");
    let [idle] = snapshots(rig, "idle").await.try_into().unwrap();
    assert_eq!((idle.day_requests, idle.month_tokens, idle.status), (0, 0, Status::Normal));
    assert_ne!(idle.id(), found.id());
}

async fn r116_a_day_and_a_month_end_with_their_last_snapshot(rig: &Rig) {
    let payers = rig.user("alice", &["1000 usd/total"]).await;
    rig.call(&payers, 1).await;
    let rounds = rounds(rig, 0);
    go(rig, "2026-11-30T23:59:30Z");
    rig.call(&payers, 2).await;
    go(rig, "2026-12-01T00:00:02Z");
    // It belongs to the new day, and is not in what ended.
    rig.call(&payers, 4).await;
    taken(&rounds).await;
    go(rig, "2026-12-01T00:05:02Z");
    taken(&rounds).await;
    let found = snapshots(rig, "default").await;
    let figures = |one: &Snapshot| {
        (
            one.minute_requests,
            one.day_requests,
            one.month_tokens,
            one.month_cost.get() / 1_000_000_000,
        )
    };
    let figures: Vec<_> = found.iter().map(figures).collect();
    assert_eq!(figures, [(0, 1, 1_000, 4), (1, 1, 2_000, 3)]);
}

async fn r119_of_two_proxies_one_takes_the_snapshots(rig: &Rig) {
    let (one, other) = (rounds(rig, 0), rounds(rig, 1));
    go(rig, "2026-11-24T21:15:01Z");
    let at = one.moment();
    let (first, second) = tokio::join!(one.take(at), other.take(at));
    let both = [first.unwrap(), second.unwrap()];
    assert!(both.contains(&Taken::Here(1)), "{both:?}");
    assert!(both.contains(&Taken::Done) || both.contains(&Taken::Elsewhere), "{both:?}");
    assert_eq!(other.take(at).await.unwrap(), Taken::Done);
    assert_eq!(one.take(at).await.unwrap(), Taken::Done);
    assert_eq!(snapshots(rig, "default").await.len(), 1);
    // The next interval is anybody's.
    rig.clock.advance(5 * MINUTE);
    assert_eq!(taken(&other).await, 1);
    assert_eq!(snapshots(rig, "default").await.len(), 2);
}

async fn r119_a_leader_that_dies_is_followed_and_nothing_is_there_twice(rig: &Rig) {
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.workspace("eng").await;
    go(rig, "2026-11-24T21:15:01Z");
    let other = rounds(rig, 1);
    let at = other.moment();
    // The leader has the lease and kept half of it when it died.
    let lease: Id = format!("snapshots-{at}").parse().unwrap();
    let until = Some(rig.clock.now() + 15_000);
    let put = rig.ledger.put(RecordKind::Lease, &lease, "dead", until, When::Absent);
    assert!(put.await.unwrap());
    let half = Snapshot {
        workspace: "default".parse().unwrap(),
        at,
        every_ms: 300_000,
        minute_requests: 77,
        day_requests: 77,
        day_failed: 0,
        month_tokens: 0,
        day_cost: NanoUsd::ZERO,
        month_cost: NanoUsd::ZERO,
        held: NanoUsd::ZERO,
        status: Status::Normal,
    };
    rig.ledger.keep(std::slice::from_ref(&half)).await.unwrap();
    rig.call(&payers, 1).await;
    assert_eq!(other.take(at).await.unwrap(), Taken::Elsewhere);
    rig.clock.advance(14_999);
    assert_eq!(other.take(at).await.unwrap(), Taken::Elsewhere);
    rig.clock.advance(1);
    assert_eq!(other.take(at).await.unwrap(), Taken::Here(1));
    assert_eq!(snapshots(rig, "default").await, [half]);
    assert_eq!(snapshots(rig, "eng").await.len(), 1);
    assert_eq!(snapshots(rig, "eng").await[0].at, at);
}

async fn r119_ten_thousand_workspaces_are_taken_in_pages(rig: &Rig) {
    const MANY: usize = 10_000;
    let new = |n: usize| NewAccount {
        id: AccountId::workspace(&format!("team-{n:05}").parse().unwrap()),
        name: String::new(),
        workspace: None,
        limits: Some(Vec::new()),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    for some in (0..MANY).collect::<Vec<_>>().chunks(100) {
        let accounts: Vec<_> = some.iter().map(|n| new(*n)).collect();
        let made = accounts.iter().map(|account| rig.ledger.create(account));
        for made in futures_util::future::join_all(made).await {
            made.unwrap();
        }
    }
    go(rig, "2026-11-24T21:15:01Z");
    let rounds = rounds(rig, 0);
    let watch = std::time::Instant::now();
    assert_eq!(taken(&rounds).await, MANY + 1);
    println!("{MANY} workspaces took {:?}", watch.elapsed());
    assert_eq!(snapshots(rig, "team-09999").await.len(), 1);
    let query = SnapshotQuery { limit: 200, ..SnapshotQuery::default() };
    let page = rig.ledger.snapshots(&query).await.unwrap();
    assert_eq!(page.entries.len(), 200);
    assert_eq!(page.entries[0].workspace.as_str(), "default");
    let next = SnapshotQuery { after: page.next, ..query };
    let page = rig.ledger.snapshots(&next).await.unwrap();
    assert_eq!(page.entries[0].workspace.as_str(), "team-00199");
}
