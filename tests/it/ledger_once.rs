//! What a provider reports again and again is charged once, on both back ends.

use crate::ledger_rig::{Rig, amounts, contract, defer, event, once, order, post_once, usd};
use farebox::ids::AccountId;
use farebox::ledger::{
    Change, EventQuery, LimitsChange, Payers, Settlement, Tried, Tries, UsageEvent,
};
use farebox::limit::Limit;
use farebox::usage::Figure;

contract! {
    the_first_poll_replaces_what_a_deferred_call_was_charged,
    later_polls_are_charged_nothing,
    a_poll_without_a_deferred_call_pays,
    a_poll_that_comes_before_the_deferral_pays,
    a_deferral_that_nobody_polls_stands,
    a_poll_in_the_next_month_leaves_the_new_month_alone,
    a_poll_by_another_user_charges_the_one_who_asked,
    a_poll_after_the_asking_key_is_gone_still_counts,
    a_late_deferral_of_an_expired_hold_is_replaced_too,
    a_late_poll_of_an_expired_hold_is_charged_once,
    a_dearer_answer_is_debt_and_crosses_thresholds_once,
    the_same_deferral_twice_is_one,
    two_deferrals_of_one_key_are_one,
    a_hundred_at_once_have_one_effect,
    keys_say_whose_they_are,
    figures_that_follow_leave_the_attempts_of_each_call_alone,
}

async fn spent(rig: &Rig, payers: &Payers) -> (i64, i64, i64) {
    let user = rig.account(&AccountId::user(&payers.user)).await;
    let dollars = |n: farebox::money::NanoUsd| n.get() / 1_000_000_000;
    (dollars(user.month_usd), dollars(user.total_usd), user.total_tokens / 1000)
}

async fn events(rig: &Rig) -> Vec<UsageEvent> {
    let mut events = rig.ledger.events(&EventQuery::default()).await.unwrap().entries;
    events.sort_by_key(|event| event.id);
    events
}

async fn the_first_poll_replaces_what_a_deferred_call_was_charged(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month", "9 requests/minute"]).await;
    let call = rig.deferred(&payers, 4, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (4, 4, 4));
    assert!(rig.ledger.event(call.id).await.unwrap().unwrap().estimated);
    rig.clean().await;
    rig.clock.advance(30_000);
    let poll = rig.poll(&payers, 1, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (1, 1, 1));
    let exact = rig.ledger.event(call.id).await.unwrap().unwrap();
    let first = event(&call, amounts(4));
    assert_eq!((exact.cost, exact.estimated), (usd(1), false));
    assert_eq!((exact.held, exact.duration_ms), (first.held, first.duration_ms));
    assert_eq!((exact.facts.started, exact.settled), (first.facts.started, rig.clock.now()));
    assert_eq!(exact.facts.model, "gpt-5-2026");
    assert_eq!(exact.usage.get(Figure::OutputTotal), Some(1));
    let free = rig.ledger.event(poll.id).await.unwrap().unwrap();
    assert_eq!((free.cost, free.usage.is_empty()), (usd(0), true));
    assert_eq!(events(rig).await.len(), 2);
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.held_usd, user.standings[1].used), (usd(0), 1), "the poll's own minute");
    rig.clean().await;
}

async fn later_polls_are_charged_nothing(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    rig.deferred(&payers, 4, "resp_1").await;
    for dollars in [2, 3, 2] {
        rig.poll(&payers, dollars, "resp_1").await;
    }
    assert_eq!(spent(rig, &payers).await, (2, 2, 2));
    let costs: Vec<_> = events(rig).await.iter().map(|event| event.cost).collect();
    assert_eq!(costs, [usd(2), usd(0), usd(0), usd(0)]);
    rig.poll(&payers, 5, "resp_2").await;
    assert_eq!(spent(rig, &payers).await.1, 7);
    rig.clean().await;
}

async fn a_poll_without_a_deferred_call_pays(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    let first = rig.poll(&payers, 3, "batch_1").await;
    rig.poll(&payers, 3, "batch_1").await;
    rig.settle(post_once(&first, 3, "batch_1")).await;
    assert_eq!(spent(rig, &payers).await, (3, 3, 3));
    assert_eq!(rig.ledger.event(first.id).await.unwrap().unwrap().cost, usd(3));
    rig.clean().await;
}

async fn a_poll_that_comes_before_the_deferral_pays(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.poll(&payers, 3, "resp_1").await;
    rig.settle(defer(&call, 4, "resp_1")).await;
    assert_eq!(spent(rig, &payers).await, (3, 3, 3));
    rig.poll(&payers, 3, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (3, 3, 3));
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.held_usd, usd(0));
    rig.clean().await;
}

async fn a_deferral_that_nobody_polls_stands(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month", "50 usd/total"]).await;
    rig.deferred(&payers, 4, "resp_1").await;
    rig.clock.advance(3_600_000);
    rig.sweep().await;
    rig.clock.advance(23 * 3_600_000);
    rig.sweep().await;
    assert_eq!(spent(rig, &payers).await, (4, 4, 4));
    rig.clean().await;
}

async fn a_poll_in_the_next_month_leaves_the_new_month_alone(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month", "50 usd/total"]).await;
    let call = rig.deferred(&payers, 4, "resp_1").await;
    rig.clock.advance(10 * 86_400_000);
    rig.sweep().await;
    rig.call(&payers, 2).await;
    rig.poll(&payers, 1, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (2, 3, 3));
    assert_eq!(rig.ledger.event(call.id).await.unwrap().unwrap().cost, usd(1));
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.standings[0].used, usd(3).get(), "of all time");
    rig.clean().await;
}

async fn a_poll_by_another_user_charges_the_one_who_asked(rig: &Rig) {
    let alice = rig.user("alice", &["50 usd/month"]).await;
    let bob = rig.user("bob", &["9 usd/month", "5 requests/minute"]).await;
    let call = rig.deferred(&alice, 4, "resp_1").await;
    let poll = rig.poll(&bob, 6, "resp_1").await;
    assert_eq!(spent(rig, &alice).await, (6, 6, 6));
    assert_eq!(spent(rig, &bob).await, (0, 0, 0));
    let exact = rig.ledger.event(call.id).await.unwrap().unwrap();
    assert_eq!((exact.payers, exact.cost), (alice.clone(), usd(6)));
    assert_eq!(rig.ledger.event(poll.id).await.unwrap().unwrap().payers, bob);
    let bobs = rig.account(&AccountId::user(&bob.user)).await;
    assert_eq!(bobs.standings[1].used, 1);
    rig.clean().await;
}

async fn a_poll_after_the_asking_key_is_gone_still_counts(rig: &Rig) {
    let alice = rig.user("alice", &["50 usd/month"]).await;
    let bob = rig.user("bob", &["9 usd/month"]).await;
    rig.deferred(&alice, 4, "resp_1").await;
    let [key, user, workspace] = alice.accounts();
    rig.ledger.delete(&key).await.unwrap();
    rig.ledger.delete(&user).await.unwrap();
    rig.poll(&bob, 6, "resp_1").await;
    assert_eq!(rig.account(&workspace).await.total_usd, usd(6));
    assert_eq!(spent(rig, &bob).await, (0, 0, 0));
    rig.clean().await;
}

async fn a_late_deferral_of_an_expired_hold_is_replaced_too(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    rig.settle(defer(&call, 5, "resp_1")).await;
    assert_eq!(spent(rig, &payers).await, (5, 5, 5));
    rig.clean().await;
    rig.poll(&payers, 2, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (2, 2, 2));
    assert_eq!(events(rig).await.len(), 2);
    rig.clean().await;
}

async fn a_late_poll_of_an_expired_hold_is_charged_once(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    let poll = order(&payers, 3);
    rig.admit(&poll).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    rig.deferred(&payers, 4, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (7, 7, 7));
    rig.settle(post_once(&poll, 1, "resp_1")).await;
    assert_eq!(spent(rig, &payers).await, (1, 1, 1));
    rig.clean().await;
}

async fn a_dearer_answer_is_debt_and_crosses_thresholds_once(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.deferred(&payers, 2, "resp_1").await;
    rig.crossings();
    for _ in 0..2 {
        rig.poll(&payers, 12, "resp_1").await;
    }
    let crossed: Vec<_> = rig.crossings().into_iter().map(|c| (c.threshold, c.used)).collect();
    let used = usd(12).get();
    assert_eq!(crossed, [(80, used), (90, used), (100, used)]);
    rig.refused(&order(&payers, 1)).await;
    // Polls cost nothing, so they are not refused.
    rig.poll(&payers, 12, "resp_1").await;
    let more: Vec<Limit> = vec!["30 usd/month".parse().unwrap()];
    let change = Change { limits: Some(LimitsChange::Set(more)), ..Change::default() };
    rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap();
    rig.call(&payers, 1).await;
    assert_eq!(spent(rig, &payers).await.1, 13);
    rig.clean().await;
}

async fn the_same_deferral_twice_is_one(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    let call = rig.deferred(&payers, 4, "resp_1").await;
    rig.settle(defer(&call, 4, "resp_1")).await;
    rig.void(&call).await;
    rig.post(&call, 9).await;
    assert_eq!(spent(rig, &payers).await, (4, 4, 4));
    rig.poll(&payers, 1, "resp_1").await;
    rig.settle(defer(&call, 4, "resp_1")).await;
    assert_eq!(spent(rig, &payers).await, (1, 1, 1));
    rig.clean().await;
}

async fn two_deferrals_of_one_key_are_one(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    let first = rig.deferred(&payers, 4, "resp_1").await;
    let second = rig.deferred(&payers, 5, "resp_1").await;
    assert_eq!(spent(rig, &payers).await, (4, 4, 4));
    rig.poll(&payers, 1, "resp_1").await;
    assert_eq!(rig.ledger.event(first.id).await.unwrap().unwrap().cost, usd(1));
    assert_eq!(rig.ledger.event(second.id).await.unwrap().unwrap().cost, usd(0));
    assert_eq!(spent(rig, &payers).await, (1, 1, 1));
    rig.clean().await;
}

async fn a_hundred_at_once_have_one_effect(rig: &Rig) {
    let alice = rig.user("alice", &["900 usd/month"]).await;
    let bob = rig.user("bob", &["900 usd/month"]).await;
    rig.deferred(&alice, 4, "resp_0").await;
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let (ledger, payers) = (rig.ledger_of(i), if i % 3 == 0 { &alice } else { &bob });
            let poll = order(payers, 0);
            let settlement: Settlement = post_once(&poll, 7, &format!("resp_{}", i % 2));
            tokio::spawn(async move {
                ledger.hold(&poll).await.unwrap();
                ledger.settle(ledger.permit().unwrap(), settlement);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for i in 0..2 {
        rig.ledger_of(i).delivered().await;
    }
    let workspace = rig.account(&AccountId::workspace(&alice.workspace)).await;
    assert_eq!(workspace.total_usd, usd(14));
    assert!(spent(rig, &alice).await.1 >= 7, "what alice asked for is hers");
    rig.clean().await;
}

async fn keys_say_whose_they_are(rig: &Rig) {
    let payers = rig.user("alice", &[]).await;
    let owner = async |key: &str| rig.ledger.owner(&once(key)).await.unwrap();
    assert_eq!(owner("resp_1").await, None);
    rig.deferred(&payers, 4, "resp_1").await;
    assert_eq!(owner("resp_1").await, Some(payers.workspace.clone()));
    rig.poll(&payers, 1, "resp_1").await;
    rig.poll(&payers, 1, "batch_1").await;
    assert_eq!(owner("resp_1").await, Some(payers.workspace.clone()));
    assert_eq!(owner("batch_1").await, Some(payers.workspace.clone()));
}

/// Two attempts, with credentials of these names.
fn tries(first: &str, second: &str) -> Tries {
    let mut tries = Tries::default();
    for (credential, status) in [(first, Some(429)), (second, None)] {
        tries.push(Tried {
            credential: credential.to_owned(),
            provider: "openai".to_owned(),
            status,
            error: Some("limited".into()),
            started_ms: 1,
            ended_ms: 2,
        });
    }
    tries
}

fn tried(mut settlement: Settlement, attempts: &Tries) -> Settlement {
    if let Settlement::Defer { event, .. } | Settlement::Post { event, .. } = &mut settlement {
        event.attempts = attempts.clone();
    }
    settlement
}

async fn figures_that_follow_leave_the_attempts_of_each_call_alone(rig: &Rig) {
    let payers = rig.user("alice", &["50 usd/month"]).await;
    for (key, of_call) in [("resp_1", tries("a", "b")), ("resp_2", Tries::default())] {
        let call = order(&payers, 4);
        rig.admit(&call).await;
        rig.settle(tried(defer(&call, 4, key), &of_call)).await;
        for of_poll in [tries("c", "d"), Tries::default()] {
            let poll = order(&payers, 0);
            rig.admit(&poll).await;
            rig.settle(tried(post_once(&poll, 1, key), &of_poll)).await;
            let told = rig.ledger.event(poll.id).await.unwrap().unwrap();
            assert_eq!((told.cost, told.attempts), (usd(0), of_poll));
            let exact = rig.ledger.event(call.id).await.unwrap().unwrap();
            assert_eq!((exact.cost, &exact.attempts), (usd(1), &of_call));
        }
    }
    rig.clean().await;
}
