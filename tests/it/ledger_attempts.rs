//! Attempts on the accounts of credentials, on both back ends: what is held, charged and refused.

use crate::ledger_attempts_rig::{
    balanced, credential, days, denied, end, ended, figures, figures_of, full, held, id, serve,
    shown, strict, totals, used,
};
use crate::ledger_rig::{Rig, contract};
use farebox::ledger::{
    AccountStatus, AttemptAdmission, AttemptOrder, AttemptOutcome, Change, Denial, Enforcement,
};
use std::sync::Arc;

const SERVED: AttemptOutcome = AttemptOutcome::Served;
const FAILED: AttemptOutcome = AttemptOutcome::Failed;
const UNSENT: AttemptOutcome = AttemptOutcome::Unsent;
const DAY: i64 = 86_400_000;

contract! {
    r063_a_day_is_used_to_its_last_character_and_no_further,
    r064_five_keys_serve_103200_characters_together,
    r077_credentials_do_not_touch_each_other,
    r078_no_characters_are_no_operation,
    a_credential_without_an_account_is_admitted_and_counted,
    r072_of_a_thousand_attempts_at_once_as_many_are_held_as_fit,
    balanced_charges_in_full_what_goes_over,
    strict_refuses_what_has_no_ceiling,
    the_order_says_the_mode_where_the_account_does_not,
    a_suspended_credential_is_refused_and_says_so,
    what_was_never_sent_is_given_back,
    an_attempt_that_ended_unsent_is_not_held_later,
    an_attempt_is_held_and_ended_once,
    the_hold_of_the_dead_is_charged_as_expected,
    a_late_end_replaces_what_the_expiry_charged,
    a_late_end_that_was_never_sent_takes_everything_back,
    a_renewed_lease_lasts,
    rates_count_at_admission_and_are_corrected,
    limits_of_some_models_hold_apart,
    concurrent_attempts_are_those_that_are_open,
    rolling_windows_say_when_there_is_room,
}

async fn r063_a_day_is_used_to_its_last_character_and_no_further(rig: &Rig) {
    credential(rig, "groq_1", &["14400 characters/day"]).await;
    for _ in 0..9 {
        serve(rig, &strict("groq_1", 1440)).await;
    }
    let last = strict("groq_1", 1440);
    let standings = held(rig, &last).await;
    assert_eq!((standings[0].used, standings[0].held, standings[0].remaining()), (12960, 1440, 0));
    let denial = full(rig, &strict("groq_1", 1)).await;
    assert_eq!((denial.standing.used, denial.standing.held, denial.wanted), (12960, 1440, 1));
    assert_eq!(denial.standing.account, id("groq_1"));
    end(rig, &last, 1440, SERVED).await;
    assert_eq!(figures(rig, "groq_1").await, (14400, 0));
    let denial = full(rig, &strict("groq_1", 1)).await;
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T00:00:00Z")));
    rig.clean().await;
    rig.clock.advance(DAY);
    assert_eq!(figures(rig, "groq_1").await, (0, 0));
    serve(rig, &strict("groq_1", 14400)).await;
    full(rig, &strict("groq_1", 1)).await;
    rig.clean().await;
}

async fn r064_five_keys_serve_103200_characters_together(rig: &Rig) {
    let pool = [("groq_1", 14_400), ("groq_2", 14_400), ("groq_3", 14_400)];
    let pool = pool.into_iter().chain([("huggingface_1", 30_000), ("huggingface_2", 30_000)]);
    let mut served = 0;
    for (name, most) in pool {
        credential(rig, name, &[&format!("{most} characters/day")]).await;
        for size in [699, 101, 13, 1] {
            let mut order = strict(name, size);
            while let AttemptAdmission::Held { .. } = rig.ledger.attempt(&order).await.unwrap() {
                end(rig, &order, size, SERVED).await;
                order = strict(name, size);
            }
        }
        assert_eq!(figures(rig, name).await, (most, 0), "{name}");
        served += shown(&days(rig, name, "2026-11-24", "2026-11-24").await)[0].1[1];
    }
    assert_eq!(served, 103_200);
    rig.clean().await;
}

async fn r077_credentials_do_not_touch_each_other(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    credential(rig, "groq_10", &["100 characters/day"]).await;
    serve(rig, &strict("groq_1", 100)).await;
    full(rig, &strict("groq_1", 1)).await;
    serve(rig, &strict("groq_10", 100)).await;
    assert_eq!(days(rig, "groq_1", "2026-11-24", "2026-11-24").await.len(), 1);
    rig.ledger.delete(&id("groq_1")).await.unwrap();
    assert!(rig.ledger.account(&id("groq_1")).await.unwrap().is_none());
    assert!(days(rig, "groq_1", "2026-11-24", "2026-11-24").await.is_empty());
    assert_eq!(figures(rig, "groq_10").await, (100, 0));
    assert_eq!(days(rig, "groq_10", "2026-11-24", "2026-11-24").await.len(), 1);
    rig.clean().await;
}

async fn r078_no_characters_are_no_operation(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    serve(rig, &strict("groq_1", 0)).await;
    assert_eq!(figures(rig, "groq_1").await, (0, 0));
    let over = balanced("groq_1", 60);
    held(rig, &over).await;
    end(rig, &over, 130, SERVED).await;
    serve(rig, &strict("groq_1", 0)).await;
    assert_eq!(figures(rig, "groq_1").await, (130, 0));
    credential(rig, "none", &["0 characters/day"]).await;
    full(rig, &strict("none", 0)).await;
    rig.clean().await;
}

async fn a_credential_without_an_account_is_admitted_and_counted(rig: &Rig) {
    assert!(held(rig, &strict("unknown", 1_000_000)).await.is_empty());
    serve(rig, &strict("unknown", 4000)).await;
    let account = rig.account(&id("unknown")).await;
    assert_eq!(totals(&account), (1, 0, 1000, 4_000_000_000));
    assert_eq!((account.name.as_str(), account.status), ("unknown", AccountStatus::Active));
    let listed = rig
        .ledger
        .accounts(farebox::ids::AccountKind::Credential, &farebox::ledger::ListFilter::default())
        .await
        .unwrap();
    assert_eq!(listed.entries.len(), 1);
    rig.clean().await;
}

async fn r072_of_a_thousand_attempts_at_once_as_many_are_held_as_fit(rig: &Rig) {
    credential(rig, "groq_1", &["1000 characters/day"]).await;
    let admitted = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let (ledger, admitted) = (rig.ledger_of(n), admitted.clone());
        tasks.spawn(async move {
            let order = strict("groq_1", 100);
            let permit = ledger.permit().unwrap();
            // Under load an answer may be too late; asking again is what the caller does.
            let admission = loop {
                if let Ok(admission) = ledger.attempt(&order).await {
                    break admission;
                }
            };
            if let AttemptAdmission::Held { .. } = admission {
                admitted.lock().push((order, permit));
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(admitted.lock().len(), 10);
    assert_eq!(figures(rig, "groq_1").await, (0, 1000));
    for (n, (order, permit)) in admitted.lock().drain(..).enumerate() {
        rig.ledger_of(n).settle(permit, ended(&order, used(100), SERVED));
    }
    rig.ledger_of(0).delivered().await;
    rig.ledger_of(1).delivered().await;
    assert_eq!(figures(rig, "groq_1").await, (1000, 0));
    rig.clean().await;
}

async fn balanced_charges_in_full_what_goes_over(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    let call = balanced("groq_1", 90);
    assert_eq!(held(rig, &call).await[0].held, 90);
    end(rig, &call, 150, SERVED).await;
    let standing = rig.account(&id("groq_1")).await.standings[0].clone();
    assert_eq!((standing.used, standing.held, standing.remaining()), (150, 0, 0));
    full(rig, &balanced("groq_1", 1)).await;
    rig.clean().await;
}

async fn strict_refuses_what_has_no_ceiling(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    credential(rig, "counted", &["10 requests/day"]).await;
    let endless = |name| AttemptOrder { ceiling: None, ..strict(name, 10) };
    assert_eq!(denied(rig, &endless("groq_1")).await, Denial::Unbounded { account: id("groq_1") });
    held(rig, &endless("counted")).await;
    held(rig, &AttemptOrder { enforcement: None, ..endless("groq_1") }).await;
}

async fn the_order_says_the_mode_where_the_account_does_not(rig: &Rig) {
    let account = credential(rig, "groq_1", &["100 characters/day"]).await;
    let default = AttemptOrder { enforcement: None, ..strict("groq_1", 100) };
    assert_eq!(held(rig, &default).await[0].held, 50);
    full(rig, &AttemptOrder { enforcement: Some(Enforcement::Strict), ..strict("groq_1", 60) })
        .await;
    let own = Change { enforcement: Some(Some(Enforcement::Observe)), ..Change::default() };
    rig.ledger.change(&account, &own).await.unwrap();
    held(rig, &strict("groq_1", 60)).await;
    rig.clean().await;
}

async fn a_suspended_credential_is_refused_and_says_so(rig: &Rig) {
    let account = credential(rig, "groq_1", &["100 characters/day"]).await;
    assert_eq!(rig.account(&account).await.enabled, None);
    let status = |status| Change { status: Some(status), ..Change::default() };
    rig.ledger.change(&account, &status(AccountStatus::Suspended)).await.unwrap();
    let suspended = Denial::Status { account: account.clone(), status: "suspended".to_owned() };
    assert_eq!(denied(rig, &strict("groq_1", 1)).await, suspended);
    let now = rig.clock.now();
    rig.ledger.change(&account, &status(AccountStatus::Active)).await.unwrap();
    assert_eq!(rig.account(&account).await.enabled, Some(now));
    serve(rig, &strict("groq_1", 1)).await;
}

async fn what_was_never_sent_is_given_back(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day", "2 requests/minute"]).await;
    let call = strict("groq_1", 100);
    held(rig, &call).await;
    end(rig, &call, 7, UNSENT).await;
    assert_eq!(figures(rig, "groq_1").await, (0, 0));
    assert_eq!(figures_of(rig, "groq_1", "requests/minute").await, (0, 0));
    assert_eq!(totals(&rig.account(&id("groq_1")).await), (0, 0, 0, 0));
    assert!(days(rig, "groq_1", "2026-11-24", "2026-11-24").await.is_empty());
    serve(rig, &strict("groq_1", 100)).await;
    rig.clean().await;
}

async fn an_attempt_that_ended_unsent_is_not_held_later(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    let call = strict("groq_1", 100);
    end(rig, &call, 0, UNSENT).await;
    let settled = Denial::Status { account: id("groq_1"), status: "settled".to_owned() };
    assert_eq!(denied(rig, &call).await, settled);
    assert_eq!(figures(rig, "groq_1").await, (0, 0));
    rig.clean().await;
}

async fn an_attempt_is_held_and_ended_once(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day", "5 requests/day"]).await;
    let call = strict("groq_1", 40);
    let first = held(rig, &call).await;
    assert_eq!(held(rig, &call).await, first);
    assert_eq!(figures(rig, "groq_1").await, (0, 40));
    for outcome in [FAILED, FAILED, SERVED, UNSENT] {
        end(rig, &call, 30, outcome).await;
    }
    let account = rig.account(&id("groq_1")).await;
    assert_eq!(totals(&account), (1, 1, 7, 30_000_000));
    assert_eq!(figures(rig, "groq_1").await, (30, 0));
    assert_eq!(figures_of(rig, "groq_1", "requests/day").await, (1, 0));
    rig.clean().await;
}

async fn the_hold_of_the_dead_is_charged_as_expected(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    held(rig, &strict("groq_1", 80)).await;
    rig.clock.advance(59_999);
    rig.sweep().await;
    assert_eq!(figures(rig, "groq_1").await, (0, 80));
    rig.clock.advance(1);
    rig.sweep().await;
    rig.sweep().await;
    assert_eq!(figures(rig, "groq_1").await, (40, 0));
    let today = days(rig, "groq_1", "2026-11-24", "2026-11-24").await;
    assert_eq!(shown(&today), [("2026-11-24".to_owned(), [1, 40, 10, 40_000_000, 0])]);
    rig.clean().await;
}

async fn a_late_end_replaces_what_the_expiry_charged(rig: &Rig) {
    let limits = ["100 characters/day", "50 tokens/minute", "3 requests/hour"];
    credential(rig, "groq_1", &limits).await;
    let call = strict("groq_1", 80);
    held(rig, &call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    for outcome in [FAILED, SERVED] {
        end(rig, &call, 72, outcome).await;
    }
    assert_eq!(figures(rig, "groq_1").await, (72, 0));
    let account = rig.account(&id("groq_1")).await;
    assert_eq!(totals(&account), (1, 1, 18, 72_000_000));
    let today = days(rig, "groq_1", "2026-11-24", "2026-11-24").await;
    assert_eq!(shown(&today), [("2026-11-24".to_owned(), [1, 72, 18, 72_000_000, 1])]);
    rig.clean().await;
}

async fn a_late_end_that_was_never_sent_takes_everything_back(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day", "3 requests/day"]).await;
    let (call, other) = (strict("groq_1", 80), strict("groq_1", 10));
    held(rig, &call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    serve(rig, &other).await;
    end(rig, &call, 80, UNSENT).await;
    let account = rig.account(&id("groq_1")).await;
    assert_eq!(figures(rig, "groq_1").await, (10, 0));
    assert_eq!(figures_of(rig, "groq_1", "requests/day").await, (1, 0));
    assert_eq!(totals(&account), (1, 0, 2, 10_000_000));
    let today = days(rig, "groq_1", "2026-11-24", "2026-11-24").await;
    assert_eq!(shown(&today), [("2026-11-24".to_owned(), [1, 10, 2, 10_000_000, 0])]);
    rig.clean().await;
}

async fn a_renewed_lease_lasts(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    let call = strict("groq_1", 80);
    held(rig, &call).await;
    for _ in 0..6 {
        rig.clock.advance(40_000);
        rig.renew().await;
        rig.sweep().await;
    }
    assert_eq!(figures(rig, "groq_1").await, (0, 80));
    end(rig, &call, 80, SERVED).await;
    assert_eq!(figures(rig, "groq_1").await, (80, 0));
    rig.clean().await;
}

async fn rates_count_at_admission_and_are_corrected(rig: &Rig) {
    credential(rig, "groq_1", &["100 tokens/minute", "3 requests/minute"]).await;
    let call = balanced("groq_1", 200);
    let standings = held(rig, &call).await;
    assert_eq!(standings.iter().map(|s| s.used).collect::<Vec<_>>(), [50, 1]);
    end(rig, &call, 320, SERVED).await;
    assert_eq!(figures_of(rig, "groq_1", "tokens/minute").await, (80, 0));
    let denial = full(rig, &balanced("groq_1", 84)).await;
    assert_eq!((denial.wanted, denial.standing.used), (21, 80));
    for _ in 0..2 {
        held(rig, &balanced("groq_1", 0)).await;
    }
    let denial = full(rig, &balanced("groq_1", 0)).await;
    assert_eq!(denial.standing.limit.to_string(), "3 requests/minute");
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-24T21:14:00Z")));
    rig.clock.advance(60_000);
    held(rig, &balanced("groq_1", 400)).await;
    rig.clean().await;
}

async fn limits_of_some_models_hold_apart(rig: &Rig) {
    let limits = ["100 characters/day @llama-*", "150 characters/day", "1 usd/day @llama-*"];
    credential(rig, "groq_1", &limits).await;
    let other = AttemptOrder { model: "whisper".to_owned(), ..strict("groq_1", 60) };
    assert_eq!(held(rig, &other).await.len(), 1);
    let call = strict("groq_1", 90);
    held(rig, &call).await;
    full(rig, &strict("groq_1", 11)).await;
    end(rig, &other, 60, SERVED).await;
    end(rig, &call, 70, SERVED).await;
    for (limit, used) in
        [("characters/day@llama-*", 70), ("characters/day", 130), ("usd/day@llama-*", 70_000_000)]
    {
        assert_eq!(figures_of(rig, "groq_1", limit).await, (used, 0), "{limit}");
    }
    rig.clean().await;
}

async fn concurrent_attempts_are_those_that_are_open(rig: &Rig) {
    credential(rig, "groq_1", &["2 concurrent"]).await;
    let (one, two) = (strict("groq_1", 1), strict("groq_1", 1));
    held(rig, &one).await;
    assert_eq!(held(rig, &two).await[0].used, 2);
    full(rig, &strict("groq_1", 1)).await;
    end(rig, &one, 1, FAILED).await;
    held(rig, &strict("groq_1", 1)).await;
    rig.clean().await;
}

async fn rolling_windows_say_when_there_is_room(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/rolling-5h"]).await;
    serve(rig, &strict("groq_1", 60)).await;
    rig.clock.advance(3_600_000);
    serve(rig, &strict("groq_1", 40)).await;
    let denial = full(rig, &strict("groq_1", 50)).await;
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T02:20:00Z")));
    rig.clock.advance(rig.at("2026-11-25T02:20:00Z") - rig.clock.now());
    serve(rig, &strict("groq_1", 50)).await;
    rig.clean().await;
}
