//! The ledger's contract: one body for both back ends, with a clock that is moved by hand.

use crate::ledger_rig::{Rig, amounts, contract, order, usd};
use farebox::ids::{AccountId, CallId};
use farebox::ledger::{
    AccountStatus, Admission, Change, Denial, Ending, Enforcement, EventQuery, LimitsChange,
    ListFilter, RegistryError,
};
use farebox::limit::{Limit, Meter};

contract! {
    r017_a_hold_answers_with_every_limit_counted,
    r015_posting_charges_all_payers_once,
    r012_requests_count_at_admission_and_a_void_gives_them_back,
    r013_windows_turn_with_the_clock_and_never_back,
    r013_at_midnight_minute_and_day_are_counted_apart,
    r018_money_is_refused_before_it_is_overspent,
    r021_amounts_that_make_no_sense_are_not_held,
    r027_a_limit_of_zero_always_refuses,
    a_call_that_takes_nothing_of_a_meter_is_not_refused_for_it,
    r016_a_limit_beside_2_to_the_53_is_exact,
    a_repeated_hold_counts_once,
    a_void_before_its_hold_refuses_the_hold,
    a_post_without_a_hold_still_charges_once,
    a_post_beyond_the_limit_is_charged_and_the_next_hold_refused,
    an_expired_hold_is_charged_as_expected_and_flagged,
    a_late_post_replaces_the_expired_charge,
    a_late_void_takes_the_expired_charge_back,
    a_late_post_in_the_next_month_leaves_the_new_month_alone,
    a_renewed_hold_lives_on,
    strict_holds_the_ceiling_and_refuses_what_has_none,
    postpaid_admits_below_the_limit_and_holds_nothing,
    observe_never_refuses,
    token_rates_are_corrected_within_their_minute_only,
    concurrent_calls_are_the_open_holds,
    calls_of_a_dead_proxy_leave_concurrent_with_their_leases,
    status_is_checked_before_any_limit,
    an_expired_key_is_refused,
    crossed_thresholds_are_reported_once,
    changed_limits_bind_the_next_hold_and_keep_the_counters,
    a_user_without_limits_follows_the_defaults,
    accounts_are_created_listed_and_deleted,
    a_user_deleted_in_flight_leaves_the_workspace_exact,
    a_user_created_again_owes_nothing_of_the_old_one,
    a_reset_zeroes_the_period_and_keeps_holds,
    events_are_read_newest_first_by_cursor,
    r015_a_thousand_at_once_get_money_for_ten,
}

async fn r017_a_hold_answers_with_every_limit_counted(rig: &Rig) {
    let payers = rig.user("alice", &["25 usd/month", "60 requests/minute", "3 concurrent"]).await;
    let Admission::Held { held, standings } = rig.hold(&order(&payers, 2)).await.unwrap() else {
        panic!("refused");
    };
    assert_eq!(held, usd(2));
    let seen: Vec<_> = standings.iter().map(|s| (s.limit.name(), s.used, s.held)).collect();
    let dollars = usd(2).get();
    assert_eq!(
        seen,
        [
            ("usd/month".to_owned(), 0, dollars),
            ("requests/minute".to_owned(), 1, 0),
            ("concurrent".to_owned(), 1, 0)
        ]
    );
    assert_eq!(standings[0].resets, Some(rig.at("2026-12-01T00:00:00Z")));
}

async fn r015_posting_charges_all_payers_once(rig: &Rig) {
    let payers = rig.user("alice", &["25 usd/month"]).await;
    let call = order(&payers, 2);
    rig.admit(&call).await;
    for _ in 0..3 {
        rig.post(&call, 1).await;
    }
    rig.void(&call).await;
    for account in payers.accounts() {
        let account = rig.account(&account).await;
        assert_eq!(
            (account.month_usd, account.total_usd, account.held_usd),
            (usd(1), usd(1), usd(0))
        );
        assert_eq!(account.total_tokens, 1000);
    }
    let event = rig.ledger.event(call.id).await.unwrap().unwrap();
    assert_eq!((event.cost, event.held, event.settled), (usd(1), usd(2), rig.clock.now()));
    rig.clean().await;
}

async fn r012_requests_count_at_admission_and_a_void_gives_them_back(rig: &Rig) {
    let payers = rig.user("alice", &["2 requests/minute"]).await;
    let (first, second) = (order(&payers, 1), order(&payers, 1));
    rig.admit(&first).await;
    rig.admit(&second).await;
    let denial = rig.refused(&order(&payers, 1)).await;
    assert_eq!(
        (denial.standing.limit.name().as_str(), denial.standing.used),
        ("requests/minute", 2)
    );
    rig.post(&first, 1).await;
    rig.refused(&order(&payers, 1)).await;
    rig.void(&second).await;
    rig.admit(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn r013_windows_turn_with_the_clock_and_never_back(rig: &Rig) {
    let payers = rig.user("alice", &["2 requests/minute", "3 requests/day"]).await;
    for _ in 0..2 {
        rig.call(&payers, 1).await;
    }
    rig.refused(&order(&payers, 1)).await;
    rig.clock.advance(60_000);
    rig.call(&payers, 1).await;
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.limit.name(), "requests/day");
    rig.clock.advance(86_400_000);
    rig.call(&payers, 1).await;
    rig.call(&payers, 1).await;
    rig.clock.advance(-3_600_000);
    let denial = rig.refused(&order(&payers, 1)).await;
    assert_eq!(denial.standing.limit.name(), "requests/minute");
    rig.clock.advance(3_600_000 + 30 * 86_400_000);
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.month_usd, usd(0));
    rig.clean().await;
}

async fn r013_at_midnight_minute_and_day_are_counted_apart(rig: &Rig) {
    rig.clock.advance(rig.at("2026-11-25T00:00:00Z") - rig.clock.now());
    let payers = rig.user("alice", &["9 requests/day", "3 requests/minute"]).await;
    let used = async || {
        let user = rig.account(&AccountId::user(&payers.user)).await;
        let of = |name: &str| user.standings.iter().find(|s| s.limit.name() == name).unwrap().used;
        (of("requests/minute"), of("requests/day"))
    };
    for n in 1..=3 {
        rig.call(&payers, 1).await;
        assert_eq!(used().await, (n, n));
    }
    let denial = rig.refused(&order(&payers, 1)).await;
    assert_eq!(denial.standing.limit.name(), "requests/minute");
    rig.clock.advance(60_000);
    rig.call(&payers, 1).await;
    assert_eq!(used().await, (1, 4));
    rig.clean().await;
}

async fn r018_money_is_refused_before_it_is_overspent(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.call(&payers, 6).await;
    let open = order(&payers, 3);
    rig.admit(&open).await;
    let denial = rig.refused(&order(&payers, 2)).await;
    assert_eq!(denial.standing.account, AccountId::user(&payers.user));
    assert_eq!(
        (denial.standing.used, denial.standing.held, denial.wanted),
        (usd(6).get(), usd(3).get(), usd(2).get())
    );
    rig.admit(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn r021_amounts_that_make_no_sense_are_not_held(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    for wrong in [-1, 1 << 53, i64::MAX] {
        let mut call = order(&payers, 1);
        call.expected.tokens = wrong;
        assert!(rig.hold(&call).await.unwrap_err().to_string().contains(&wrong.to_string()));
    }
    let call = order(&payers, 1);
    rig.admit(&call).await;
    rig.post_amounts(&call, amounts(-5)).await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.total_usd, usd(0));
    rig.clean().await;
}

async fn r027_a_limit_of_zero_always_refuses(rig: &Rig) {
    for (name, limit) in [
        ("a", "0 usd/month"),
        ("b", "0 requests/day"),
        ("c", "0 concurrent"),
        ("d", "0 tokens/day"),
    ] {
        let payers = rig.user(name, &[limit]).await;
        assert_eq!(rig.refused(&order(&payers, 0)).await.standing.limit.amount, 0, "{limit}");
    }
    rig.clean().await;
}

async fn a_call_that_takes_nothing_of_a_meter_is_not_refused_for_it(rig: &Rig) {
    let limits = ["10 usd/month", "9000 tokens/day", "9000 tokens/minute", "90 characters/month"];
    for mode in [Enforcement::Strict, Enforcement::Balanced, Enforcement::Postpaid] {
        let payers = rig.user(mode.as_str(), &limits).await;
        rig.mode(&payers, mode).await;
        rig.post(&order(&payers, 4), 30).await;
        rig.refused(&order(&payers, 1)).await;
        rig.call(&payers, 0).await;
        let mut unpriced = order(&payers, 1);
        unpriced.expected.usd = usd(0);
        unpriced.ceiling = Some(unpriced.expected);
        assert_eq!(rig.refused(&unpriced).await.standing.limit.meter, Meter::Tokens, "{mode:?}");
        let mut uncertain = order(&payers, 0);
        uncertain.ceiling = Some(amounts(1));
        rig.refused(&uncertain).await;
        uncertain.ceiling = None;
        let answer = rig.hold(&uncertain).await.unwrap();
        assert!(matches!(answer, Admission::Denied(_)), "{mode:?}: {answer:?}");
    }
    for limit in ["0 usd/month", "0 tokens/minute", "0 characters/day"] {
        let payers = rig.user(&limit[2..5], &[limit]).await;
        rig.refused(&order(&payers, 0)).await;
    }
    let payers = rig.user("counted", &["1 requests/day"]).await;
    rig.call(&payers, 0).await;
    rig.refused(&order(&payers, 0)).await;
    rig.clean().await;
}

async fn r016_a_limit_beside_2_to_the_53_is_exact(rig: &Rig) {
    let largest = farebox::money::MAX;
    let payers = rig.user("alice", &[&format!("{largest} usd/total")]).await;
    let mut call = order(&payers, 0);
    call.expected.usd = largest;
    rig.admit(&call).await;
    let mut one = order(&payers, 0);
    one.expected.usd = farebox::money::NanoUsd::new(1);
    assert_eq!(rig.refused(&one).await.standing.held, largest.get());
    rig.post_amounts(&call, call.expected).await;
    rig.refused(&one).await;
    let two_more =
        farebox::ledger::Amounts { usd: farebox::money::NanoUsd::new(2), ..one.expected };
    rig.post_amounts(&order(&payers, 0), two_more).await;
    let total = rig.account(&AccountId::user(&payers.user)).await.total_usd;
    assert_eq!(total.get(), 9_007_199_254_740_993);
    rig.clean().await;
}

async fn a_repeated_hold_counts_once(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "60 requests/minute"]).await;
    let call = order(&payers, 4);
    let first = rig.hold(&call).await.unwrap();
    assert_eq!(rig.hold(&call).await.unwrap(), first);
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.held_usd, usd(4));
    rig.clean().await;
}

async fn a_void_before_its_hold_refuses_the_hold(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let call = order(&payers, 4);
    rig.void(&call).await;
    let Admission::Denied(Denial::Status { status, .. }) = rig.hold(&call).await.unwrap() else {
        panic!("admitted");
    };
    assert_eq!(status, "settled");
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.held_usd, usd(0));
    rig.clean().await;
}

async fn a_post_without_a_hold_still_charges_once(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "60 requests/minute"]).await;
    let call = order(&payers, 4);
    rig.post(&call, 3).await;
    rig.post(&call, 3).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.month_usd, user.standings[1].used), (usd(3), 1));
    rig.clean().await;
}

async fn a_post_beyond_the_limit_is_charged_and_the_next_hold_refused(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.post(&call, 30).await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.month_usd, usd(30));
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn an_expired_hold_is_charged_as_expected_and_flagged(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.clock.advance(59_999);
    rig.sweep().await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.held_usd, usd(4));
    rig.clock.advance(1);
    rig.sweep().await;
    rig.sweep().await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.held_usd, user.month_usd), (usd(0), usd(4)));
    let query = EventQuery { ending: Some(Ending::Orphaned), ..EventQuery::default() };
    let orphans = rig.ledger.events(&query).await.unwrap().entries;
    assert_eq!(orphans.len(), 1);
    let orphan = &orphans[0];
    assert_eq!((orphan.id, orphan.ending, orphan.estimated), (call.id, Ending::Orphaned, true));
    assert_eq!((orphan.cost, orphan.held, orphan.duration_ms), (usd(4), usd(4), 60_000));
    assert_eq!(orphan.facts, call.facts);
    rig.clean().await;
}

async fn a_late_post_replaces_the_expired_charge(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "9000 tokens/minute", "9 requests/day"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    for _ in 0..3 {
        rig.post(&call, 1).await;
    }
    for account in payers.accounts() {
        let account = rig.account(&account).await;
        assert_eq!(
            (account.month_usd, account.total_usd, account.held_usd),
            (usd(1), usd(1), usd(0))
        );
        assert_eq!(account.total_tokens, 1000);
    }
    let event = rig.ledger.event(call.id).await.unwrap().unwrap();
    assert_eq!((event.ending, event.cost), (Ending::Finished, usd(1)));
    assert_eq!(rig.ledger.events(&EventQuery::default()).await.unwrap().entries.len(), 1);
    rig.clean().await;
}

async fn a_late_void_takes_the_expired_charge_back(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "9 requests/day"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    rig.void(&call).await;
    rig.post(&call, 1).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.month_usd, user.total_usd, user.standings[1].used), (usd(0), usd(0), 0));
    assert!(rig.ledger.event(call.id).await.unwrap().is_none());
    rig.clean().await;
}

async fn a_late_post_in_the_next_month_leaves_the_new_month_alone(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    rig.clock.advance(10 * 86_400_000);
    rig.call(&payers, 2).await;
    rig.post_late_to(&call, 1).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.month_usd, user.total_usd), (usd(2), usd(3)));
    rig.clean().await;
}

async fn a_renewed_hold_lives_on(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    for _ in 0..5 {
        rig.clock.advance(40_000);
        rig.renew().await;
        rig.sweep().await;
    }
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.held_usd, usd(4));
    rig.post(&call, 1).await;
    rig.clean().await;
}

async fn strict_holds_the_ceiling_and_refuses_what_has_none(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.mode(&payers, Enforcement::Strict).await;
    let call = order(&payers, 3);
    rig.admit(&call).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.held_usd, usd(6), "the ceiling is twice the expected cost");
    assert_eq!(rig.refused(&order(&payers, 3)).await.wanted, usd(6).get());
    let mut endless = order(&payers, 1);
    endless.ceiling = None;
    let account = AccountId::user(&payers.user);
    assert_eq!(rig.hold(&endless).await.unwrap(), Admission::Denied(Denial::Unbounded { account }));
    rig.post(&call, 6).await;
    rig.clean().await;
}

async fn postpaid_admits_below_the_limit_and_holds_nothing(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.mode(&payers, Enforcement::Postpaid).await;
    let (first, second) = (order(&payers, 50), order(&payers, 50));
    rig.admit(&first).await;
    rig.admit(&second).await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.held_usd, usd(0));
    rig.post(&first, 9).await;
    rig.admit(&order(&payers, 1)).await;
    rig.post(&second, 1).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn observe_never_refuses(rig: &Rig) {
    let payers = rig.user("alice", &["1 usd/month", "1 requests/day"]).await;
    rig.mode(&payers, Enforcement::Observe).await;
    rig.call(&payers, 5).await;
    rig.call(&payers, 5).await;
    let payers = rig.user("bob", &["0 usd/month !observe", "1 requests/day !observe"]).await;
    rig.call(&payers, 5).await;
    rig.call(&payers, 5).await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.month_usd, usd(10));
    rig.clean().await;
}

async fn token_rates_are_corrected_within_their_minute_only(rig: &Rig) {
    let payers = rig.user("alice", &["10000 tokens/minute"]).await;
    let used = async || rig.account(&AccountId::user(&payers.user)).await.standings[0].used;
    let (first, second) = (order(&payers, 4), order(&payers, 4));
    rig.admit(&first).await;
    rig.admit(&second).await;
    assert_eq!(used().await, 8000);
    rig.refused(&order(&payers, 4)).await;
    rig.post(&first, 1).await;
    assert_eq!(used().await, 5000);
    rig.clock.advance(60_000);
    rig.admit(&order(&payers, 2)).await;
    rig.post(&second, 1).await;
    assert_eq!(used().await, 2000);
    rig.clean().await;
}

async fn concurrent_calls_are_the_open_holds(rig: &Rig) {
    let payers = rig.user("alice", &["2 concurrent"]).await;
    let (first, second) = (order(&payers, 1), order(&payers, 1));
    rig.admit(&first).await;
    rig.admit(&second).await;
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.used, 2);
    rig.post(&first, 1).await;
    rig.admit(&order(&payers, 1)).await;
    rig.refused(&order(&payers, 1)).await;
    rig.void(&second).await;
    rig.admit(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn calls_of_a_dead_proxy_leave_concurrent_with_their_leases(rig: &Rig) {
    let payers = rig.user("alice", &["2 concurrent"]).await;
    rig.admit(&order(&payers, 1)).await;
    rig.clock.advance(40_000);
    rig.admit(&order(&payers, 1)).await;
    rig.clock.advance(19_999);
    rig.sweep().await;
    rig.refused(&order(&payers, 1)).await;
    rig.clock.advance(1);
    rig.sweep().await;
    let third = order(&payers, 1);
    rig.admit(&third).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clock.advance(40_000);
    rig.sweep().await;
    rig.admit(&order(&payers, 1)).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn status_is_checked_before_any_limit(rig: &Rig) {
    let payers = rig.user("alice", &["0 usd/month"]).await;
    let [key, user, workspace] = payers.accounts();
    let status = |status| Change { status: Some(status), ..Change::default() };
    for (account, change, word) in [
        (&workspace, AccountStatus::Suspended, "suspended"),
        (&user, AccountStatus::Suspended, "suspended"),
        (&key, AccountStatus::Revoked, "revoked"),
    ] {
        rig.ledger.change(account, &status(change)).await.unwrap();
        let denial = Denial::Status { account: account.clone(), status: word.to_owned() };
        assert_eq!(rig.hold(&order(&payers, 1)).await.unwrap(), Admission::Denied(denial));
    }
    let caller = rig.caller("alice").await.unwrap();
    assert!(caller.revoked && caller.suspended);
    let mut strange = order(&payers, 1);
    strange.payers.key = "nobody".parse().unwrap();
    let denial =
        Denial::Status { account: "key:nobody".parse().unwrap(), status: "missing".into() };
    assert_eq!(rig.hold(&strange).await.unwrap(), Admission::Denied(denial));
    rig.clean().await;
}

async fn an_expired_key_is_refused(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let at = rig.clock.now() + 1000;
    let change = Change { expires: Some(Some(at)), ..Change::default() };
    let [key, ..] = payers.accounts();
    rig.ledger.change(&key, &change).await.unwrap();
    assert_eq!(rig.caller("alice").await.unwrap().expires, Some(at));
    rig.call(&payers, 1).await;
    rig.clock.advance(1000);
    let denial = Denial::Status { account: key, status: "expired".into() };
    assert_eq!(rig.hold(&order(&payers, 1)).await.unwrap(), Admission::Denied(denial));
}

async fn crossed_thresholds_are_reported_once(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    for _ in 0..11 {
        let call = order(&payers, 0);
        rig.admit(&call).await;
        rig.post(&call, 1).await;
        rig.post(&call, 1).await;
    }
    let crossed: Vec<_> = rig
        .crossings()
        .into_iter()
        .map(|c| (c.account.to_string(), c.threshold, c.period))
        .collect();
    let alice = |threshold| ("user:alice".to_owned(), threshold, 202_611);
    assert_eq!(crossed, [alice(80), alice(90), alice(100)]);
}

async fn changed_limits_bind_the_next_hold_and_keep_the_counters(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let user = AccountId::user(&payers.user);
    rig.call(&payers, 6).await;
    let set = |limit: &str| {
        let limits: Vec<Limit> = vec![limit.parse().unwrap()];
        Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() }
    };
    let (before, after) = rig.ledger.change(&user, &set("5usd/month")).await.unwrap();
    assert_eq!(before.standings[0].limit.amount, usd(10).get());
    assert_eq!((after.standings[0].used, after.month_usd), (usd(6).get(), usd(6)));
    rig.refused(&order(&payers, 1)).await;
    rig.ledger.change(&user, &set("50usd/month")).await.unwrap();
    rig.call(&payers, 30).await;
    let twice = vec!["1usd/day".parse().unwrap(), "2usd/day".parse().unwrap()];
    let change = Change { limits: Some(LimitsChange::Set(twice)), ..Change::default() };
    let error = rig.ledger.change(&user, &change).await.unwrap_err();
    assert!(error.to_string().contains("usd/day"), "{error}");
    rig.clean().await;
}

async fn a_user_without_limits_follows_the_defaults(rig: &Rig) {
    let payers = rig.follower("alice").await;
    let user = AccountId::user(&payers.user);
    let account = rig.account(&user).await;
    assert!(account.follows_defaults);
    assert_eq!(account.standings[0].limit.to_string(), "7 usd/month");
    let none = Change { limits: Some(LimitsChange::Set(Vec::new())), ..Change::default() };
    assert!(!rig.ledger.change(&user, &none).await.unwrap().1.follows_defaults);
    rig.call(&payers, 8).await;
    let again = Change { limits: Some(LimitsChange::FollowDefaults), ..Change::default() };
    assert_eq!(rig.ledger.change(&user, &again).await.unwrap().1.standings[0].used, usd(8).get());
    rig.refused(&order(&payers, 1)).await;
}

async fn accounts_are_created_listed_and_deleted(rig: &Rig) {
    for name in ["alice", "bob", "carol"] {
        rig.user(name, &[]).await;
    }
    let again = rig.ledger.create(&rig.new_user("bob", &[])).await.unwrap_err();
    assert_eq!(again, RegistryError::Exists("user:bob".parse().unwrap()));
    let filter = ListFilter { limit: 2, ..ListFilter::default() };
    let kind = farebox::ids::AccountKind::User;
    let page = rig.ledger.accounts(kind, &filter).await.unwrap();
    assert_eq!((page.entries.len(), page.next.as_deref()), (2, Some("bob")));
    let filter = ListFilter { limit: 2, after: Some("bob".parse().unwrap()), ..filter };
    let page = rig.ledger.accounts(kind, &filter).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (1, None));
    let eng = "workspace:default".parse().unwrap();
    assert_eq!(rig.ledger.delete(&eng).await, Err(RegistryError::InUse(eng)));
    let keys = farebox::ids::AccountKind::Key;
    let of_bob = ListFilter { user: Some("bob".parse().unwrap()), ..ListFilter::default() };
    assert_eq!(rig.ledger.accounts(keys, &of_bob).await.unwrap().entries.len(), 1);
    let bob: AccountId = "user:bob".parse().unwrap();
    rig.ledger.delete(&bob).await.unwrap();
    assert_eq!(rig.ledger.delete(&bob).await, Err(RegistryError::Missing(bob.clone())));
    assert!(rig.ledger.account(&bob).await.unwrap().is_none());
    assert!(rig.caller("bob").await.is_none());
    assert_eq!(rig.ledger.accounts(keys, &of_bob).await.unwrap().entries.len(), 0);
    assert!(rig.caller("alice").await.is_some());
    rig.clean().await;
}

async fn a_user_deleted_in_flight_leaves_the_workspace_exact(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.call(&payers, 1).await;
    let (posted, expired) = (order(&payers, 4), order(&payers, 2));
    rig.admit(&posted).await;
    rig.admit(&expired).await;
    let [key, user, workspace] = payers.accounts();
    rig.ledger.delete(&key).await.unwrap();
    rig.clean().await;
    rig.ledger.delete(&user).await.unwrap();
    rig.post(&posted, 3).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    let left = rig.account(&workspace).await;
    assert_eq!((left.held_usd, left.total_usd), (usd(0), usd(6)));
    rig.post(&expired, 1).await;
    assert_eq!(rig.account(&workspace).await.total_usd, usd(5));
    rig.clean().await;
}

async fn a_user_created_again_owes_nothing_of_the_old_one(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "5 requests/day", "5 concurrent"]).await;
    let call = order(&payers, 4);
    rig.admit(&call).await;
    rig.ledger.delete(&AccountId::user(&payers.user)).await.unwrap();
    rig.clock.advance(1);
    let payers = rig.user("alice", &["10 usd/month", "5 requests/day", "5 concurrent"]).await;
    rig.void(&call).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.standings.iter().map(|s| (s.used, s.held)).max(), Some((0, 0)));
    assert_eq!(user.standings.iter().map(|s| (s.used, s.held)).min(), Some((0, 0)));
    rig.clean().await;
}

async fn a_reset_zeroes_the_period_and_keeps_holds(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "9 requests/day"]).await;
    let user = AccountId::user(&payers.user);
    rig.call(&payers, 6).await;
    rig.admit(&order(&payers, 2)).await;
    let error = rig.ledger.reset(&user, Some("usd/day")).await.unwrap_err().to_string();
    assert!(error.contains("usd/day") && error.contains("usd/month"), "{error}");
    let (before, after) = rig.ledger.reset(&user, Some("usd/month")).await.unwrap();
    assert_eq!((before.month_usd, after.month_usd, after.held_usd), (usd(6), usd(0), usd(2)));
    assert_eq!((after.total_usd, after.standings[1].used), (usd(6), 2));
    let (_, after) = rig.ledger.reset(&user, None).await.unwrap();
    assert_eq!(after.standings[1].used, 0);
    rig.clean().await;
}

async fn events_are_read_newest_first_by_cursor(rig: &Rig) {
    let (alice, bob) = (rig.user("alice", &[]).await, rig.user("bob", &[]).await);
    let mut ids = Vec::<CallId>::new();
    for i in 0..7 {
        rig.clock.advance(1000);
        ids.push(rig.call(if i == 3 { &bob } else { &alice }, 1).await);
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut query = EventQuery { limit: 3, ..EventQuery::default() };
    loop {
        let page = rig.ledger.events(&query).await.unwrap();
        assert!(page.entries.len() <= 3);
        seen.extend(page.entries.iter().map(|event| event.id));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let of_bob = EventQuery { user: Some(bob.user.clone()), ..EventQuery::default() };
    assert_eq!(rig.ledger.events(&of_bob).await.unwrap().entries.len(), 1);
    // One of seven fits. It is found page by page, each of which looked at three.
    let mut few = EventQuery { reads: Some(3), ..of_bob.clone() };
    let mut pages = Vec::new();
    loop {
        let page = rig.ledger.events(&few).await.unwrap();
        pages.push(page.entries.len());
        few.after = page.next;
        if few.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [0, 1, 0]);
    let now = rig.clock.now();
    let recent = EventQuery { since: Some(now - 1000), until: Some(now), ..EventQuery::default() };
    assert_eq!(rig.ledger.events(&recent).await.unwrap().entries[0].id, ids[1]);
    let wrong = EventQuery { after: Some("x y".into()), ..EventQuery::default() };
    assert!(rig.ledger.events(&wrong).await.unwrap_err().to_string().contains("x y"));
}

async fn r015_a_thousand_at_once_get_money_for_ten(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.mode(&payers, Enforcement::Strict).await;
    let calls: Vec<_> = (0..1000)
        .map(|i| {
            let (ledger, mut call) = (rig.ledger_of(i), order(&payers, 1));
            call.ceiling = Some(call.expected);
            tokio::spawn(async move { ledger.hold(&call).await.unwrap() })
        })
        .collect();
    let mut admitted = 0;
    for call in calls {
        admitted += usize::from(matches!(call.await.unwrap(), Admission::Held { .. }));
    }
    assert_eq!(admitted, 10);
    rig.clean().await;
}
