//! Holding more for an open call: one body for both back ends.

use crate::ledger_rig::{Rig, amounts, clock, contract, options, order, usd};
use farebox::ids::AccountId;
use farebox::ledger::{
    Amounts, Change, EmbeddedLedger, Enforcement, Extension, HoldOrder, LimitsChange, Unavailable,
};
use farebox::limit::Limit;
use farebox::money::NanoUsd;

contract! {
    more_is_held_on_all_accounts_and_released_by_the_end,
    more_without_room_is_refused_and_held_nowhere,
    accounts_that_hold_no_expectation_hold_no_more,
    observed_limits_and_rates_refuse_no_extension,
    a_call_that_has_ended_holds_no_more,
    limits_of_some_models_hold_the_extension_too,
    a_limit_set_meanwhile_counts,
    an_extended_hold_expires_as_a_whole,
    r021_amounts_that_make_no_sense_are_not_added,
    amounts_beside_2_to_the_53_are_added_exactly,
}

async fn extend(rig: &Rig, order: &HoldOrder, dollars: i64) -> Extension {
    rig.ledger.extend(order.id, &order.payers, amounts(dollars)).await.unwrap()
}

async fn held(rig: &Rig, order: &HoldOrder) -> [NanoUsd; 3] {
    let [key, user, workspace] = order.payers.accounts();
    [
        rig.account(&key).await.held_usd,
        rig.account(&user).await.held_usd,
        rig.account(&workspace).await.held_usd,
    ]
}

fn exhausted(extension: Extension) -> (String, i64, i64, i64) {
    match extension {
        Extension::Exhausted(denial) => {
            let standing = denial.standing;
            let limit = format!("{} {}", standing.account, standing.limit);
            (limit, standing.used, standing.held, denial.wanted)
        }
        other => panic!("not refused: {other:?}"),
    }
}

async fn more_is_held_on_all_accounts_and_released_by_the_end(rig: &Rig) {
    let payers =
        rig.user("alice", &["10 usd/day", "20000 tokens/day", "9 characters/minute"]).await;
    let call = HoldOrder { expected: Amounts { characters: 0, ..amounts(2) }, ..order(&payers, 2) };
    rig.admit(&call).await;
    let more = Amounts { characters: 4, ..amounts(3) };
    let granted = rig.ledger.extend(call.id, &payers, more).await.unwrap();
    assert_eq!(granted, Extension::Held);
    assert_eq!(held(rig, &call).await, [usd(5); 3]);
    let user = rig.account(&AccountId::user(&payers.user)).await;
    let all: Vec<_> = user.standings.iter().map(|s| (s.limit.name(), s.held)).collect();
    let dollars = usd(5).get();
    assert_eq!(
        all,
        [
            ("usd/day".to_owned(), dollars),
            ("tokens/day".to_owned(), 5000),
            ("characters/minute".to_owned(), 4)
        ]
    );
    // What is held for one call is not there for another.
    assert_eq!(rig.refused(&order(&payers, 6)).await.standing.held, dollars);
    rig.clean().await;
    rig.post(&call, 4).await;
    assert_eq!(held(rig, &call).await, [usd(0); 3]);
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.total_usd, usd(4));
    rig.clean().await;
}

async fn more_without_room_is_refused_and_held_nowhere(rig: &Rig) {
    let payers = rig.user("alice", &["6 usd/day", "9000 tokens/day"]).await;
    rig.call(&payers, 1).await;
    let call = order(&payers, 2);
    rig.admit(&call).await;
    let refused = exhausted(extend(rig, &call, 4).await);
    let of = |n: i64| usd(n).get();
    assert_eq!(refused, ("user:alice 6 usd/day".to_owned(), of(1), of(2), of(4)));
    assert_eq!(held(rig, &call).await, [usd(2); 3]);
    assert_eq!(extend(rig, &call, 3).await, Extension::Held);
    let tokens = Amounts { tokens: 5000, ..Amounts::default() };
    let refused = exhausted(rig.ledger.extend(call.id, &payers, tokens).await.unwrap());
    assert_eq!(refused, ("user:alice 9000 tokens/day".to_owned(), 1000, 5000, 5000));
    rig.post(&call, 9).await;
    rig.clean().await;
}

async fn accounts_that_hold_no_expectation_hold_no_more(rig: &Rig) {
    let payers = rig.user("alice", &["3 usd/day"]).await;
    for (mode, at_first, later) in [
        (Enforcement::Strict, 2, 2),
        (Enforcement::Postpaid, 0, 0),
        (Enforcement::Observe, 0, 0),
        (Enforcement::Balanced, 1, 3),
    ] {
        rig.mode(&payers, mode).await;
        let call = order(&payers, 1);
        rig.admit(&call).await;
        assert_eq!(held(rig, &call).await, [usd(1), usd(at_first), usd(1)]);
        assert_eq!(extend(rig, &call, 2).await, Extension::Held, "{mode:?}");
        assert_eq!(held(rig, &call).await, [usd(3), usd(later), usd(3)], "{mode:?}");
        rig.clean().await;
        rig.void(&call).await;
        assert_eq!(held(rig, &call).await, [usd(0); 3]);
    }
}

async fn observed_limits_and_rates_refuse_no_extension(rig: &Rig) {
    let limits = ["1 usd/day !observe", "1200 tokens/minute", "1 requests/day", "1 concurrent"];
    let payers = rig.user("alice", &limits).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    assert_eq!(extend(rig, &call, 5).await, Extension::Held);
    let user = rig.account(&AccountId::user(&payers.user)).await;
    let tokens = user.standings.iter().find(|s| s.limit.name() == "tokens/minute").unwrap();
    assert_eq!((tokens.used, tokens.held), (1000, 0), "rates are corrected at the end");
    rig.post(&call, 6).await;
    rig.clean().await;
}

async fn a_call_that_has_ended_holds_no_more(rig: &Rig) {
    let payers = rig.user("alice", &["9 usd/day"]).await;
    let call = order(&payers, 1);
    assert_eq!(extend(rig, &call, 1).await, Extension::Ended, "it has not begun");
    rig.admit(&call).await;
    rig.post(&call, 1).await;
    assert_eq!(extend(rig, &call, 1).await, Extension::Ended);
    assert_eq!(held(rig, &call).await, [usd(0); 3]);
    rig.clean().await;
}

async fn limits_of_some_models_hold_the_extension_too(rig: &Rig) {
    let payers = rig.user("alice", &["4 usd/day@gpt-*", "1 usd/day@claude-*"]).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    assert_eq!(extend(rig, &call, 2).await, Extension::Held);
    let (limit, _, held, _) = exhausted(extend(rig, &call, 2).await);
    assert_eq!((limit.as_str(), held), ("user:alice 4 usd/day @gpt-*", usd(3).get()));
    rig.clean().await;
    rig.post(&call, 3).await;
    assert_eq!(rig.refused(&order(&payers, 2)).await.standing.held, 0);
    rig.clean().await;
}

async fn a_limit_set_meanwhile_counts(rig: &Rig) {
    let payers = rig.user("alice", &[]).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    let limits: Vec<Limit> = vec!["2 usd/rolling-5h".parse().unwrap()];
    let change = Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() };
    rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap();
    assert_eq!(exhausted(extend(rig, &call, 2).await).0, "user:alice 2 usd/rolling-5h");
    assert_eq!(extend(rig, &call, 1).await, Extension::Held);
    rig.void(&call).await;
    rig.clean().await;
}

async fn an_extended_hold_expires_as_a_whole(rig: &Rig) {
    let payers = rig.user("alice", &["9 usd/day"]).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    assert_eq!(extend(rig, &call, 3).await, Extension::Held);
    rig.clock.advance(61_000);
    rig.sweep().await;
    assert_eq!(held(rig, &call).await, [usd(0); 3]);
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.total_usd, usd(1), "the expected cost");
    assert_eq!(extend(rig, &call, 1).await, Extension::Ended);
    rig.clean().await;
}

async fn r021_amounts_that_make_no_sense_are_not_added(rig: &Rig) {
    let payers = rig.user("alice", &["9 usd/day"]).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    let refused = rig.ledger.extend(call.id, &payers, amounts(-1)).await;
    assert!(matches!(refused, Err(Unavailable(_))), "{refused:?}");
    assert_eq!(held(rig, &call).await, [usd(1); 3]);
}

async fn amounts_beside_2_to_the_53_are_added_exactly(rig: &Rig) {
    let payers = rig.user("alice", &[]).await;
    let most = farebox::money::MAX.get();
    let call = HoldOrder {
        expected: Amounts { usd: NanoUsd::new(most), ..Amounts::default() },
        ceiling: None,
        ..order(&payers, 0)
    };
    rig.admit(&call).await;
    let more = Amounts { usd: NanoUsd::new(most - 1), ..Amounts::default() };
    assert_eq!(rig.ledger.extend(call.id, &payers, more).await.unwrap(), Extension::Held);
    assert_eq!(held(rig, &call).await, [NanoUsd::new(2 * most - 1); 3]);
    rig.clean().await;
    rig.void(&call).await;
    assert_eq!(held(rig, &call).await, [usd(0); 3]);
}

#[tokio::test]
async fn what_is_held_more_survives_a_crash() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let open = || EmbeddedLedger::open(dir.path(), options(&clock)).unwrap();
    let rig = Rig::over(clock.clone(), open());
    let payers = rig.user("alice", &["9 usd/day"]).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    assert_eq!(extend(&rig, &call, 3).await, Extension::Held);
    // A copy of the log as a crash leaves it.
    let left = tempfile::tempdir().unwrap();
    copy(dir.path(), left.path());
    let rig = Rig::over(clock.clone(), EmbeddedLedger::open(left.path(), options(&clock)).unwrap());
    assert_eq!(held(&rig, &call).await, [usd(4); 3]);
    rig.clean().await;
    rig.post(&call, 4).await;
    assert_eq!(held(&rig, &call).await, [usd(0); 3]);
    rig.clean().await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
