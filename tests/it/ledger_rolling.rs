//! Rolling windows on both back ends: what is used leaves step by step, and never too early.

use crate::ledger_rig::{Rig, amounts, contract, defer, once, order, post_once, usd};
use farebox::ids::AccountId;
use farebox::ledger::{Admission, Enforcement};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

contract! {
    a_true_window_never_has_more_than_the_limit,
    what_was_used_leaves_step_by_step,
    a_refusal_says_when_the_call_fits,
    a_call_that_waits_only_for_holds_is_told_the_longest_wait,
    requests_of_a_rolling_window_are_given_back_by_a_void,
    a_late_figure_corrects_its_own_step,
    a_reset_empties_every_step,
    a_clock_that_steps_back_forgets_nothing,
    postpaid_says_when_it_is_below_the_limit_again,
}

/// A call every eleven minutes for two days, all of them as large as fits.
async fn a_true_window_never_has_more_than_the_limit(rig: &Rig) {
    let payers = rig.user("alice", &["20 usd/rolling-5h"]).await;
    let mut charged: Vec<(i64, i64)> = Vec::new();
    for n in 0..260_i64 {
        let dollars = 1 + n % 3;
        let call = order(&payers, dollars);
        if let Admission::Held { .. } = rig.hold(&call).await.unwrap() {
            rig.post(&call, dollars).await;
            charged.push((rig.clock.now(), dollars));
        }
        let now = rig.clock.now();
        let within = charged.iter().filter(|(at, _)| *at > now - 5 * HOUR);
        assert!(within.map(|(_, n)| n).sum::<i64>() <= 20);
        rig.clock.advance(11 * MINUTE);
    }
    // The window and one step of it let through 20 dollars each time.
    let all: i64 = charged.iter().map(|(_, n)| n).sum();
    assert!(all > 20 * 8, "{all}");
    rig.clean().await;
}

async fn what_was_used_leaves_step_by_step(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/rolling-24h"]).await;
    rig.call(&payers, 4).await;
    rig.clock.advance(2 * HOUR);
    rig.call(&payers, 5).await;
    let user = AccountId::user(&payers.user);
    let seen = async || {
        let standing = &rig.account(&user).await.standings[0];
        (standing.used, standing.resets)
    };
    // The calls were at 21:13 and 23:13; their steps are whole hours.
    assert_eq!(seen().await, (usd(9).get(), Some(rig.at("2026-11-25T22:00:00Z"))));
    rig.clock.advance(22 * HOUR);
    assert_eq!(seen().await.0, usd(9).get());
    rig.clock.advance(HOUR);
    assert_eq!(seen().await, (usd(5).get(), Some(rig.at("2026-11-26T00:00:00Z"))));
    rig.call(&payers, 3).await;
    rig.clock.advance(2 * HOUR);
    assert_eq!(seen().await, (usd(3).get(), Some(rig.at("2026-11-26T23:00:00Z"))));
    rig.clock.advance(40 * HOUR);
    assert_eq!(seen().await, (0, None));
    rig.clean().await;
}

async fn a_refusal_says_when_the_call_fits(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/rolling-24h"]).await;
    for _ in 0..3 {
        rig.call(&payers, 3).await;
        rig.clock.advance(HOUR);
    }
    // 9 of 10 dollars are used, 3 in each hour from 21:00 on.
    for (dollars, fits) in [(4, "2026-11-25T22:00:00Z"), (5, "2026-11-25T23:00:00Z")] {
        let denial = rig.refused(&order(&payers, dollars)).await;
        assert_eq!(denial.standing.resets, Some(rig.at(fits)), "{dollars}");
        assert_eq!(denial.wanted, usd(dollars).get());
    }
    let denial = rig.refused(&order(&payers, 4)).await;
    rig.clock.advance(denial.standing.resets.unwrap() - denial.now - 1);
    rig.refused(&order(&payers, 4)).await;
    rig.clock.advance(1);
    rig.admit(&order(&payers, 4)).await;
}

async fn a_call_that_waits_only_for_holds_is_told_the_longest_wait(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/rolling-5h"]).await;
    rig.admit(&order(&payers, 8)).await;
    let denial = rig.refused(&order(&payers, 3)).await;
    assert_eq!((denial.standing.used, denial.standing.held), (0, usd(8).get()));
    // 21:10 is the present step.
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T02:20:00Z")));
}

async fn requests_of_a_rolling_window_are_given_back_by_a_void(rig: &Rig) {
    let payers = rig.user("alice", &["2 requests/rolling-5h"]).await;
    let (first, second) = (order(&payers, 1), order(&payers, 1));
    rig.admit(&first).await;
    rig.clock.advance(HOUR);
    let Admission::Held { standings, .. } = rig.hold(&second).await.unwrap() else {
        panic!("refused")
    };
    assert_eq!((standings[0].used, standings[0].held), (2, 0));
    assert_eq!(standings[0].resets, Some(rig.at("2026-11-25T02:20:00Z")));
    rig.refused(&order(&payers, 1)).await;
    rig.void(&first).await;
    let third = order(&payers, 1);
    rig.admit(&third).await;
    let denial = rig.refused(&order(&payers, 1)).await;
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T03:20:00Z")));
    rig.void(&second).await;
    rig.void(&third).await;
    rig.clean().await;
}

async fn a_late_figure_corrects_its_own_step(rig: &Rig) {
    let payers = rig.user("alice", &["100 usd/rolling-24h"]).await;
    rig.deferred(&payers, 5, "response").await;
    rig.clock.advance(3 * HOUR);
    rig.call(&payers, 2).await;
    rig.poll(&payers, 9, "response").await;
    let user = AccountId::user(&payers.user);
    assert_eq!(rig.account(&user).await.standings[0].used, usd(11).get());
    rig.clock.advance(22 * HOUR);
    assert_eq!(rig.account(&user).await.standings[0].used, usd(2).get());
    // What comes after its step has left corrects nothing that counts.
    let call = order(&payers, 1);
    rig.admit(&call).await;
    rig.settle(defer(&call, 1, "second")).await;
    rig.clock.advance(26 * HOUR);
    rig.call(&payers, 1).await;
    let poll = order(&payers, 0);
    rig.admit(&poll).await;
    rig.settle(post_once(&poll, 50, "second")).await;
    assert_eq!(rig.account(&user).await.standings[0].used, usd(1).get());
    assert!(rig.ledger.owner(&once("second")).await.unwrap().is_some());
    rig.clean().await;
}

async fn a_reset_empties_every_step(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/rolling-7d", "5 requests/rolling-5h"]).await;
    rig.call(&payers, 4).await;
    rig.clock.advance(7 * HOUR);
    rig.call(&payers, 5).await;
    let user = AccountId::user(&payers.user);
    rig.ledger.reset(&user, Some("usd/rolling-7d")).await.unwrap();
    let account = rig.account(&user).await;
    let used: Vec<_> = account.standings.iter().map(|s| (s.limit.name(), s.used)).collect();
    assert_eq!(used, [("usd/rolling-7d".to_owned(), 0), ("requests/rolling-5h".to_owned(), 1)]);
    rig.call(&payers, 10).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn a_clock_that_steps_back_forgets_nothing(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/rolling-5h"]).await;
    rig.call(&payers, 6).await;
    rig.clock.advance(-3 * HOUR);
    rig.call(&payers, 4).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clock.advance(3 * HOUR + 5 * HOUR);
    rig.refused(&order(&payers, 1)).await;
    rig.clock.advance(HOUR);
    rig.admit(&order(&payers, 10)).await;
}

async fn postpaid_says_when_it_is_below_the_limit_again(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/rolling-5h"]).await;
    rig.mode(&payers, Enforcement::Postpaid).await;
    rig.call(&payers, 3).await;
    rig.clock.advance(HOUR);
    rig.call(&payers, 4).await;
    let denial = rig.refused(&order(&payers, 9)).await;
    assert_eq!(denial.standing.used, amounts(7).usd.get());
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T02:20:00Z")));
    rig.clock.advance(denial.standing.resets.unwrap() - denial.now);
    rig.admit(&order(&payers, 9)).await;
}
