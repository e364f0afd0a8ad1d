//! Random attempts on the embedded ledger, which runs on the pure model, and on Redis: both give
//! the same answers, the same figures and the same crossings, and no invariant breaks.

use crate::ledger_attempts_rig::{days, ended, id, setup, strict, used};
use crate::ledger_rig::Rig;
use farebox::ledger::{
    AccountStatus, AttemptOrder, AttemptOutcome, Change, Crossing, Enforcement, LimitsChange,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[derive(Debug, Clone)]
enum Step {
    Try { credential: usize, characters: i64, bounded: bool, mode: usize },
    TryAgain { attempt: usize },
    End { attempt: usize, characters: i64, outcome: usize },
    Advance { ms: i64 },
    Sweep,
    Renew,
    Define { credential: usize, limits: usize, thresholds: usize },
    Limit { credential: usize, limits: usize },
    Mode { credential: usize, mode: usize },
    Status { credential: usize, suspended: bool },
    Reset { credential: usize },
    Bump { credential: usize, bump: usize, hours: i64 },
    Delete { credential: usize },
}

const NAMES: [&str; 3] = ["groq_1", "huggingface.2", "none"];
const LIMITS: [&[&str]; 8] = [
    &[],
    &["300 characters/day", "3 concurrent"],
    &["100 characters/hour", "5 requests/minute", "60 tokens/minute"],
    &["0 characters/day"],
    &["400 characters/total !observe", "90 tokens/day", "8 requests/rolling-24h"],
    &["200 characters/rolling-5h", "1 usd/month", "60 tokens/rolling-7d"],
    &["120 characters/day @llama*", "1 usd/day @whisper-?", "4 requests/hour @*3"],
    &["2 requests/day", "250 characters/week"],
];
const THRESHOLDS: [Option<&[u32]>; 3] = [None, Some(&[75, 90, 100]), Some(&[1, 50])];
const MODELS: [&str; 3] = ["llama-3", "whisper-1", "gpt-5"];
const BUMPS: [&str; 4] = ["+50characters", "+3requests", "0characters", "+1usd"];
const MODES: [Option<Enforcement>; 5] = [
    None,
    Some(Enforcement::Strict),
    Some(Enforcement::Balanced),
    Some(Enforcement::Postpaid),
    Some(Enforcement::Observe),
];
const OUTCOMES: [AttemptOutcome; 3] =
    [AttemptOutcome::Served, AttemptOutcome::Failed, AttemptOutcome::Unsent];
const ADVANCES: [i64; 8] = [1, 20_000, 59_000, 700_000, 3_600_000, 18_000_000, 86_400_000, -30_000];

fn step() -> impl Strategy<Value = Step> {
    let (credential, attempt) = (0..NAMES.len(), 0..40_usize);
    prop_oneof![
        9 => (credential.clone(), 0..90_i64, any::<bool>(), 0..MODES.len()).prop_map(
            |(credential, characters, bounded, mode)| Step::Try {
                credential, characters, bounded, mode
            }
        ),
        1 => attempt.clone().prop_map(|attempt| Step::TryAgain { attempt }),
        9 => (attempt, 0..120_i64, 0..OUTCOMES.len()).prop_map(
            |(attempt, characters, outcome)| Step::End { attempt, characters, outcome }
        ),
        3 => prop::sample::select(&ADVANCES[..]).prop_map(|ms| Step::Advance { ms }),
        2 => Just(Step::Sweep),
        1 => Just(Step::Renew),
        2 => (credential.clone(), 0..LIMITS.len(), 0..THRESHOLDS.len()).prop_map(
            |(credential, limits, thresholds)| Step::Define { credential, limits, thresholds }
        ),
        1 => (credential.clone(), 0..LIMITS.len())
            .prop_map(|(credential, limits)| Step::Limit { credential, limits }),
        1 => (credential.clone(), 0..MODES.len())
            .prop_map(|(credential, mode)| Step::Mode { credential, mode }),
        1 => (credential.clone(), any::<bool>())
            .prop_map(|(credential, suspended)| Step::Status { credential, suspended }),
        1 => credential.clone().prop_map(|credential| Step::Reset { credential }),
        1 => (credential.clone(), 0..BUMPS.len(), 0..30_i64)
            .prop_map(|(credential, bump, hours)| Step::Bump { credential, bump, hours }),
        1 => credential.prop_map(|credential| Step::Delete { credential }),
    ]
}

#[test]
fn both_back_ends_agree_on_random_attempts() {
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
        let setups = [setup(NAMES[0], LIMITS[1], None), setup(NAMES[1], LIMITS[6], THRESHOLDS[1])];
        rig.ledger.define(&setups).await.unwrap();
    }
    let mut attempts: Vec<AttemptOrder> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        if let Step::Try { credential, characters, bounded, mode } = step {
            let mut order = strict(NAMES[*credential], *characters);
            order.ceiling = order.ceiling.filter(|_| *bounded);
            order.free = n % 5 == 0;
            order.enforcement = MODES[*mode];
            order.model = MODELS[n % MODELS.len()].to_owned();
            attempts.push(order);
        }
        // Redis forgets how an attempt ended by its own clock, and the other by that of the test.
        if matches!(step, Step::Advance { ms } if *ms >= 600_000) {
            attempts.clear();
        }
        let one = apply(&rigs[0], step, &attempts).await;
        let two = apply(&rigs[1], step, &attempts).await;
        assert_eq!(one, two, "step {n}: {step:?}");
    }
    for name in NAMES {
        let [one, two] = [seen(&rigs[0], name).await, seen(&rigs[1], name).await];
        assert_eq!(one, two);
    }
    for rig in &rigs {
        rig.clean().await;
    }
}

async fn apply(rig: &Rig, step: &Step, attempts: &[AttemptOrder]) -> String {
    let some = |n: &usize| (!attempts.is_empty()).then(|| &attempts[n % attempts.len()]);
    match step {
        Step::Try { .. } => {
            let admission = rig.ledger.attempt(attempts.last().unwrap()).await;
            format!("{admission:?} {}", crossings(rig))
        }
        Step::TryAgain { attempt } => match some(attempt) {
            Some(order) => format!("{:?} {}", rig.ledger.attempt(order).await, crossings(rig)),
            None => String::new(),
        },
        Step::End { attempt, characters, outcome } => {
            if let Some(order) = some(attempt) {
                let end = ended(order, used(*characters), OUTCOMES[*outcome]);
                rig.settle(end.clone()).await;
                rig.settle(end).await;
            }
            crossings(rig)
        }
        Step::Advance { ms } => {
            rig.clock.advance(*ms);
            String::new()
        }
        Step::Sweep => {
            rig.sweep().await;
            crossings(rig)
        }
        Step::Renew => {
            rig.renew().await;
            String::new()
        }
        _ => administer(rig, step).await,
    }
}

async fn administer(rig: &Rig, step: &Step) -> String {
    let changed = |credential: usize, change: Change| async move {
        format!("{:?}", rig.ledger.change(&id(NAMES[credential]), &change).await)
    };
    match step {
        Step::Define { credential, limits, thresholds } => {
            let setup = setup(NAMES[*credential], LIMITS[*limits], THRESHOLDS[*thresholds]);
            format!("{:?}", rig.ledger.define(&[setup]).await)
        }
        Step::Limit { credential, limits } => {
            let limits = LIMITS[*limits].iter().map(|limit| limit.parse().unwrap()).collect();
            let limits = Some(LimitsChange::Set(limits));
            changed(*credential, Change { limits, ..Change::default() }).await
        }
        Step::Mode { credential, mode } => {
            let enforcement = Some(MODES[*mode]);
            changed(*credential, Change { enforcement, ..Change::default() }).await
        }
        Step::Status { credential, suspended } => {
            let status = if *suspended { AccountStatus::Suspended } else { AccountStatus::Active };
            changed(*credential, Change { status: Some(status), ..Change::default() }).await
        }
        Step::Reset { credential } => {
            format!("{:?}", rig.ledger.reset(&id(NAMES[*credential]), None).await)
        }
        Step::Bump { credential, bump, hours } => {
            let until = (*hours > 0).then(|| rig.clock.now() + hours * 3_600_000);
            let increase = BUMPS[*bump].parse().unwrap();
            format!("{:?}", rig.ledger.bump(&id(NAMES[*credential]), &increase, until).await)
        }
        Step::Delete { credential } => {
            format!("{:?}", rig.ledger.delete(&id(NAMES[*credential])).await)
        }
        other => panic!("{other:?} is no administration"),
    }
}

fn crossings(rig: &Rig) -> String {
    let mut crossings: Vec<Crossing> = rig.crossings();
    crossings.sort_by_key(|c| (c.account.clone(), c.limit, c.threshold, c.used));
    format!("{crossings:?}")
}

async fn seen(rig: &Rig, name: &str) -> String {
    let account = rig.ledger.account(&id(name)).await.unwrap();
    format!("{account:?} {:?}", days(rig, name, "2026-11-01", "2027-11-01").await)
}
