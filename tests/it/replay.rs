//! Replays decide as the ledger did: random calls of one user, made on a real ledger with a clock
//! moved by hand, and replayed afterwards from what they were.

use crate::ledger_rig::{Rig, event, order};
use farebox::clock::UnixMs;
use farebox::ids::AccountId;
use farebox::ledger::{
    Admission, Amounts, Denial, Enforcement, Frame, HoldOrder, PastCall, Replay, Settlement,
};
use farebox::limit::{Calendar, Limit};
use farebox::money::NanoUsd;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

const LIMITS: [&[&str]; 6] = [
    &["40 usd/day !carry", "3 concurrent"],
    &["25 usd/hour", "6 requests/minute", "900 tokens/minute"],
    &["60 usd/rolling-5h", "9 requests/hour !carry=4requests"],
    &["30 usd/day @gpt*", "12 usd/hour @o?", "5 requests/hour @gpt-5"],
    &["70 usd/total", "4000 tokens/day"],
    &["0 usd/week @o3", "9 usd/minute !carry", "20 usd/month !observe"],
];
const MODELS: [&str; 3] = ["gpt-5", "o3", "claude-4"];

#[derive(Debug, Clone)]
struct Made {
    /// After the one before.
    after: i64,
    takes: i64,
    model: usize,
    held: i64,
    cost: i64,
    tokens: i64,
}

fn made() -> impl Strategy<Value = Made> {
    let after = prop::sample::select(&[0, 1_000, 20_000, 61_000, 1_900_000, 30_000_000][..]);
    let takes = prop::sample::select(&[0, 500, 25_000, 4_000_000][..]);
    (after, takes, 0..MODELS.len(), 1..9_i64, 1..9_i64, 0..300_i64).prop_map(
        |(after, takes, model, held, cost, tokens)| Made {
            after,
            takes,
            model,
            held,
            cost,
            tokens,
        },
    )
}

#[test]
fn a_replay_refuses_what_the_ledger_refused() {
    let config = Config { cases: 80, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let modes = [Enforcement::Balanced, Enforcement::Postpaid];
    let input = (prop::collection::vec(made(), 5..60), 0..LIMITS.len(), 0..modes.len());
    let refused = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&input, |(calls, limits, mode)| {
            let limits = LIMITS[limits];
            let (seen, past) = runtime.block_on(on_the_ledger(&calls, limits, modes[mode]));
            assert_eq!(replayed(&past, limits, modes[mode]), seen, "{limits:?}");
            refused.set(refused.get() + seen.iter().flatten().count());
            Ok(())
        })
        .unwrap();
    assert!(refused.get() > 250, "only {} calls were refused", refused.get());
}

/// The names of the limits that refused, call by call, and the calls as their events would be.
async fn on_the_ledger(
    calls: &[Made],
    limits: &[&str],
    mode: Enforcement,
) -> (Vec<Option<String>>, Vec<PastCall<'static>>) {
    let rig = Rig::embedded();
    let payers = rig.user("alice", limits).await;
    rig.mode(&payers, mode).await;
    let mut running: BTreeMap<(UnixMs, usize), (HoldOrder, Amounts)> = BTreeMap::new();
    let (mut seen, mut past) = (Vec::new(), Vec::new());
    let mut started = rig.clock.now();
    for (n, made) in calls.iter().enumerate() {
        started += made.after;
        settle(&rig, &mut running, started).await;
        rig.clock.advance(started - rig.clock.now());
        let (held, cost) =
            (NanoUsd::new(made.held * 1_000_000_000), NanoUsd::new(made.cost * 1_000_000_000));
        let mut call = order(&payers, 0);
        call.facts.model = MODELS[made.model].to_owned();
        call.expected = Amounts { usd: held, tokens: made.tokens, characters: 0 };
        call.ceiling = None;
        let refused = match rig.hold(&call).await.unwrap() {
            Admission::Held { .. } => None,
            Admission::Denied(Denial::Limit(denial)) => Some(denial.standing.limit.name()),
            other @ Admission::Denied(_) => panic!("{other:?}"),
        };
        let settled = started + made.takes;
        if refused.is_none() {
            let charge = Amounts { usd: cost, tokens: made.tokens, characters: 0 };
            running.insert((settled, n), (call, charge));
        }
        seen.push(refused);
        let model = MODELS[made.model];
        past.push(PastCall { started, settled, model, held, cost, tokens: made.tokens });
    }
    (seen, past)
}

async fn settle(
    rig: &Rig,
    running: &mut BTreeMap<(UnixMs, usize), (HoldOrder, Amounts)>,
    until: UnixMs,
) {
    while let Some(entry) = running.first_entry().filter(|entry| entry.key().0 <= until) {
        let ((at, _), (call, charge)) = entry.remove_entry();
        rig.clock.advance(at - rig.clock.now());
        let event = Box::new(event(&call, charge));
        rig.settle(Settlement::Post { charge, event, once: None }).await;
    }
}

fn replayed(past: &[PastCall<'_>], limits: &[&str], mode: Enforcement) -> Vec<Option<String>> {
    let limits: Vec<Limit> = limits.iter().map(|limit| limit.parse().unwrap()).collect();
    let user: AccountId = "user:alice".parse().unwrap();
    // The user is as old as the first call.
    let since = crate::ledger_rig::clock().now();
    let frame = Frame { calendar: Calendar::default(), begin: since, since };
    let mut replay = Replay::new(&user, limits, mode, frame).unwrap();
    past.iter().map(|call| replay.admit(call).map(|limit| limit.name())).collect()
}
