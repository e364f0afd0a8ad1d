//! Random operations on the embedded ledger, which runs on the pure model, and on Redis: both give
//! the same answers, the same figures and the same crossings, and no invariant breaks.

use crate::ledger_rig::{Rig, amounts, defer, event, once, order, post_once};
use crate::ledger_sums::sums_are_those_of_the_events;
use farebox::ids::AccountId;
use farebox::ledger::{
    Change, Crossing, Enforcement, EventQuery, HoldOrder, LimitsChange, Payers, Settlement,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[derive(Debug, Clone)]
pub enum Step {
    Hold { user: usize, dollars: i64, bounded: bool },
    HoldAgain { call: usize },
    Extend { call: usize, dollars: i64 },
    Post { call: usize, dollars: i64 },
    Void { call: usize },
    Defer { call: usize, dollars: i64, key: usize },
    PostOnce { call: usize, dollars: i64, key: usize },
    Owner { key: usize },
    Advance { ms: i64 },
    Sweep,
    Renew,
    Limit { user: usize, limits: usize },
    Mode { user: usize, mode: usize },
    Reset { user: usize },
    Bump { user: usize, bump: usize, hours: i64 },
    DeleteKey { user: usize },
    Move { user: usize, workspace: &'static str },
}

const LIMITS: [&[&str]; 11] = [
    &[],
    &["20 usd/month", "3 concurrent"],
    &["9 usd/day", "30 usd/total", "5 requests/minute", "20000 tokens/minute"],
    &["0 usd/week"],
    &["7 usd/hour !observe", "40000 tokens/day", "300 characters/month"],
    &["4 requests/hour", "0 concurrent !observe", "2000000 tokens/total"],
    &["9 usd/rolling-5h", "8 requests/rolling-24h"],
    &["40000 tokens/rolling-7d", "15 usd/rolling-30d !observe", "20 usd/month"],
    &["9 usd/rolling-5h @gpt*", "6 usd/day@claude-?", "4 requests/hour@*5", "30 usd/week"],
    &["6 usd/day !carry", "5 requests/hour !carry=2requests", "20 usd/month !carry"],
    &["9 usd/hour@gpt* !carry", "30000 tokens/week !carry=9000tokens", "6000 tokens/minute !carry"],
];
const MODELS: [&str; 3] = ["gpt-5", "claude-4", "o3"];
const BUMPS: [&str; 5] = ["+5usd", "+3requests", "0usd", "+9usd/rolling-5h", "+1concurrent"];
/// Keys that are charged once.
const KEYS: usize = 5;
const MODES: [Enforcement; 4] =
    [Enforcement::Strict, Enforcement::Balanced, Enforcement::Postpaid, Enforcement::Observe];
const ADVANCES: [i64; 9] =
    [1, 20_000, 59_000, 700_000, 3_600_000, 18_000_000, 86_400_000, -30_000, 700_000_000];

pub fn step() -> impl Strategy<Value = Step> {
    let (user, call) = (0..4_usize, 0..40_usize);
    prop_oneof![
        8 => (user.clone(), 0..6_i64, any::<bool>())
            .prop_map(|(user, dollars, bounded)| Step::Hold { user, dollars, bounded }),
        1 => call.clone().prop_map(|call| Step::HoldAgain { call }),
        4 => (call.clone(), 0..5_i64).prop_map(|(call, dollars)| Step::Extend { call, dollars }),
        6 => (call.clone(), 0..8_i64).prop_map(|(call, dollars)| Step::Post { call, dollars }),
        2 => call.clone().prop_map(|call| Step::Void { call }),
        4 => (call.clone(), 0..8_i64, 0..KEYS)
            .prop_map(|(call, dollars, key)| Step::Defer { call, dollars, key }),
        4 => (call, 0..8_i64, 0..KEYS)
            .prop_map(|(call, dollars, key)| Step::PostOnce { call, dollars, key }),
        1 => (0..KEYS).prop_map(|key| Step::Owner { key }),
        3 => prop::sample::select(&ADVANCES[..]).prop_map(|ms| Step::Advance { ms }),
        2 => Just(Step::Sweep),
        1 => Just(Step::Renew),
        1 => (user.clone(), 0..LIMITS.len()).prop_map(|(user, limits)| Step::Limit { user, limits }),
        1 => (user.clone(), 0..MODES.len()).prop_map(|(user, mode)| Step::Mode { user, mode }),
        1 => user.clone().prop_map(|user| Step::Reset { user }),
        2 => (user.clone(), 0..BUMPS.len(), 0..30_i64)
            .prop_map(|(user, bump, hours)| Step::Bump { user, bump, hours }),
        1 => user.clone().prop_map(|user| Step::DeleteKey { user }),
        2 => (user, prop::sample::select(&["default", "eng"][..]))
            .prop_map(|(user, workspace)| Step::Move { user, workspace }),
    ]
}

#[test]
fn both_back_ends_agree_under_random_operations() {
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let steps = prop::collection::vec(step(), 20..90);
    TestRunner::new(config)
        .run(&steps, |steps| {
            runtime.block_on(agree(&steps));
            Ok(())
        })
        .unwrap();
}

async fn agree(steps: &[Step]) {
    let rigs = [Rig::embedded(), Rig::redis().await];
    for rig in &rigs {
        rig.workspace("eng").await;
    }
    let mut payers: Vec<Payers> = Vec::new();
    for (name, limits) in
        [("alice", LIMITS[1]), ("bob", LIMITS[6]), ("carol", LIMITS[8]), ("dora", LIMITS[9])]
    {
        rigs[0].user(name, limits).await;
        payers.push(rigs[1].user(name, limits).await);
    }
    let (mut calls, mut held_at): (Vec<HoldOrder>, Vec<i64>) = (Vec::new(), Vec::new());
    let mut month = 0_i64;
    for (n, step) in steps.iter().enumerate() {
        if let Step::Hold { user, dollars, bounded } = step {
            let mut call = order(&payers[*user], *dollars);
            call.ceiling = call.ceiling.filter(|_| *bounded);
            call.free = *dollars == 0 && *user != 1;
            call.facts.model = MODELS[n % MODELS.len()].to_owned();
            calls.push(call);
            held_at.push(month);
        }
        // The embedded ledger knows for ten minutes that a call was posted, and asks its store only
        // when it is settled again.
        if let Step::HoldAgain { call } = step
            && !calls.is_empty()
            && month - held_at[call % calls.len()] > 600_000
        {
            continue;
        }
        // Redis forgets how a call ended by its own clock, so no call is ended again days later.
        if matches!(step, Step::Advance { ms } if *ms >= 86_400_000) {
            calls.clear();
            held_at.clear();
        }
        // It forgets keys by its own clock too, so none is used for longer than they last.
        if let Step::Advance { ms } = step {
            month += ms;
        }
        let keys = format!("{}", month / (20 * 86_400_000));
        let one = apply(&rigs[0], step, &calls, &payers, &keys).await;
        let two = apply(&rigs[1], step, &calls, &payers, &keys).await;
        // A call that was posted long ago and whose key is gone since is refused by both, by Redis
        // because it remembers the call and by the other because of the key.
        let refused = |answer: &str| answer.contains("Denied(Status");
        if !(refused(&one) && refused(&two)) {
            assert_eq!(one, two, "step {n}: {step:?}");
        }
    }
    let [one, two] = [seen(&rigs[0], &payers).await, seen(&rigs[1], &payers).await];
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one, two);
    }
    for rig in &rigs {
        rig.clean().await;
        sums_are_those_of_the_events(rig).await;
    }
}

pub async fn apply(
    rig: &Rig,
    step: &Step,
    calls: &[HoldOrder],
    payers: &[Payers],
    keys: &str,
) -> String {
    let some = |call: &usize| (!calls.is_empty()).then(|| &calls[call % calls.len()]);
    match step {
        Step::Hold { .. } => format!("{:?}", rig.hold(calls.last().unwrap()).await),
        Step::HoldAgain { call } => match some(call) {
            Some(call) => format!("{:?}", rig.hold(call).await),
            None => String::new(),
        },
        Step::Extend { call, dollars } => match some(call) {
            Some(call) => {
                let more = amounts(*dollars);
                format!("{:?}", rig.ledger.extend(call.id, &call.payers, more).await)
            }
            None => String::new(),
        },
        Step::Post { call, dollars } => {
            if let Some(call) = some(call) {
                let charge = amounts(*dollars);
                let post =
                    Settlement::Post { charge, event: Box::new(event(call, charge)), once: None };
                rig.settle(post.clone()).await;
                rig.settle(post).await;
            }
            crossings(rig)
        }
        Step::Void { call } => {
            if let Some(call) = some(call) {
                rig.void(call).await;
            }
            String::new()
        }
        Step::Defer { call, dollars, key } => {
            if let Some(call) = some(call) {
                rig.settle(defer(call, *dollars, &format!("{keys}.{key}"))).await;
            }
            crossings(rig)
        }
        Step::PostOnce { call, dollars, key } => {
            if let Some(call) = some(call) {
                let post = post_once(call, *dollars, &format!("{keys}.{key}"));
                rig.settle(post.clone()).await;
                rig.settle(post).await;
            }
            crossings(rig)
        }
        Step::Owner { key } => {
            format!("{:?}", rig.ledger.owner(&once(&format!("{keys}.{key}"))).await)
        }
        Step::Advance { ms } => {
            rig.clock.advance(*ms);
            String::new()
        }
        Step::Sweep => {
            rig.sweep().await;
            rig.ledger.fold_now().await;
            crossings(rig)
        }
        Step::Renew => {
            rig.renew().await;
            String::new()
        }
        Step::Limit { user, limits } => {
            let limits = LIMITS[*limits].iter().map(|limit| limit.parse().unwrap()).collect();
            let change = Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() };
            changed(rig, &payers[*user], &change).await
        }
        Step::Mode { user, mode } => {
            let change = Change { enforcement: Some(Some(MODES[*mode])), ..Change::default() };
            changed(rig, &payers[*user], &change).await
        }
        Step::Reset { user } => {
            let user = AccountId::user(&payers[*user].user);
            format!("{:?}", rig.ledger.reset(&user, None).await)
        }
        Step::Move { user, workspace } => {
            let workspace = Some(workspace.parse().unwrap());
            let change = Change { workspace, ..Change::default() };
            format!("{:?}", rig.ledger.change(&AccountId::user(&payers[*user].user), &change).await)
        }
        Step::Bump { user, bump, hours } => {
            let user = AccountId::user(&payers[*user].user);
            let until = (*hours > 0).then(|| rig.clock.now() + hours * 3_600_000);
            format!("{:?}", rig.ledger.bump(&user, &BUMPS[*bump].parse().unwrap(), until).await)
        }
        Step::DeleteKey { user } => {
            format!("{:?}", rig.ledger.delete(&AccountId::key(&payers[*user].key)).await)
        }
    }
}

async fn changed(rig: &Rig, payers: &Payers, change: &Change) -> String {
    format!("{:?}", rig.ledger.change(&AccountId::user(&payers.user), change).await)
}

fn crossings(rig: &Rig) -> String {
    let mut crossings: Vec<Crossing> = rig.crossings();
    crossings.sort_by_key(|c| (c.account.clone(), c.limit, c.threshold, c.used));
    format!("{crossings:?}")
}

async fn seen(rig: &Rig, payers: &[Payers]) -> Vec<String> {
    let mut seen = Vec::new();
    for payers in payers {
        for account in payers.accounts() {
            seen.push(format!("{:?}", rig.ledger.account(&account).await.unwrap()));
        }
    }
    let query = EventQuery { limit: 1000, ..EventQuery::default() };
    let mut events = rig.ledger.events(&query).await.unwrap().entries;
    events.sort_by_key(|event| event.id);
    seen.extend(events.iter().map(|event| format!("{event:?}")));
    seen
}
