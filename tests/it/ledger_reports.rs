//! What was consumed elsewhere, on both back ends: settled without a hold, as many requests as it
//! says, once by its id.

use crate::ledger_attempts_rig::{credential, days, figures_of, id, shown, totals, used};
use crate::ledger_rig::{Rig, amounts, clock, contract, event, options, order};
use crate::redis_server::RedisServer;
use farebox::ids::{AccountId, CallId};
use farebox::ledger::{
    Account, Admission, AttemptOutcome, Denial, EmbeddedLedger, EventQuery, HoldOrder, Payers,
    RegistryError, Settlement,
};

contract! {
    r062_a_report_counts_all_its_requests_and_crosses_thresholds,
    r062_a_report_is_settled_once_by_its_id,
    r062_a_report_without_a_key_is_the_users,
    r062_a_report_is_not_refused_and_the_next_call_is,
    r062_a_report_counts_on_a_credential_as_often_as_it_says,
    several_accounts_are_read_at_once_in_the_order_asked_for,
    a_call_that_ended_long_ago_is_not_held_again,
}

/// What so many dollars bought elsewhere, in so many requests.
fn report(payers: &Payers, dollars: i64, requests: i64) -> Settlement {
    let HoldOrder { id, .. } = order(payers, dollars);
    let mut event = event(&order(payers, dollars), amounts(dollars));
    (event.id, event.requests) = (id, requests);
    Settlement::Post { charge: amounts(dollars), event: Box::new(event), once: None }
}

async fn reported(rig: &Rig, settlement: &Settlement) {
    rig.ledger.report(settlement.clone()).await.unwrap();
}

fn used_of(account: &Account) -> Vec<(String, i64)> {
    account.standings.iter().map(|s| (s.limit.name(), s.used)).collect()
}

fn named(list: &[(&str, i64)]) -> Vec<(String, i64)> {
    list.iter().map(|(name, used)| ((*name).to_owned(), *used)).collect()
}

async fn r062_a_report_counts_all_its_requests_and_crosses_thresholds(rig: &Rig) {
    let limits = ["10usd/month", "9000tokens/minute", "20requests/day", "20requests/minute"];
    let payers = rig.user("alice", &limits).await;
    reported(rig, &report(&payers, 9, 12)).await;
    let expected = [
        ("usd/month", 9_000_000_000),
        ("tokens/minute", 9_000),
        ("requests/minute", 12),
        ("requests/day", 12),
    ];
    for account in payers.accounts() {
        let account = rig.account(&account).await;
        assert_eq!((account.total_requests, account.month_usd.get()), (12, 9_000_000_000));
        assert_eq!(account.held_usd.get(), 0);
        if account.id == AccountId::user(&payers.user) {
            assert_eq!(used_of(&account), named(&expected));
        }
    }
    let crossed = rig.crossings().into_iter().map(|c| (c.limit.name(), c.threshold));
    let mut crossed: Vec<_> = crossed.collect();
    crossed.sort();
    let of = |name: &str, list: &[u32]| -> Vec<_> {
        list.iter().map(|threshold| (name.to_owned(), *threshold)).collect()
    };
    assert_eq!(crossed, [of("tokens/minute", &[80, 90, 100]), of("usd/month", &[80, 90])].concat());
    let seen = rig.ledger.events(&EventQuery::default()).await.unwrap().entries;
    assert_eq!(seen.iter().map(|event| event.requests).collect::<Vec<_>>(), [12]);
    // Beside it, calls still are one request each; and a report may be of none.
    rig.clock.advance(60_000);
    rig.call(&payers, 1).await;
    reported(rig, &report(&payers, 0, 0)).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.total_requests, 13);
    assert_eq!(used_of(&user).last(), Some(&("requests/day".to_owned(), 13)));
    rig.clean().await;
}

async fn r062_a_report_is_settled_once_by_its_id(rig: &Rig) {
    let payers = rig.user("alice", &["10usd/month"]).await;
    let once = report(&payers, 2, 5);
    for n in 0..3 {
        rig.ledger_of(n).report(once.clone()).await.unwrap();
    }
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.total_requests, user.total_usd.get()), (5, 2_000_000_000));
    rig.clean().await;
}

async fn r062_a_report_without_a_key_is_the_users(rig: &Rig) {
    let known = rig.user("alice", &["10usd/month"]).await;
    let payers = Payers::without_key(known.user.clone(), known.workspace.clone());
    assert_eq!((payers.used_key(), known.used_key()), (None, Some(&known.key)));
    rig.call(&known, 1).await;
    reported(rig, &report(&payers, 3, 2)).await;
    let key = rig.account(&AccountId::key(&known.key)).await;
    let user = rig.account(&AccountId::user(&known.user)).await;
    assert_eq!((key.total_requests, key.total_usd.get()), (1, 1_000_000_000));
    assert_eq!((user.total_requests, user.total_usd.get()), (3, 4_000_000_000));
    let query = EventQuery { user: Some(known.user), ..EventQuery::default() };
    assert_eq!(rig.ledger.events(&query).await.unwrap().entries.len(), 2);
    rig.clean().await;
}

async fn r062_a_report_is_not_refused_and_the_next_call_is(rig: &Rig) {
    let payers = rig.user("alice", &["10usd/month"]).await;
    reported(rig, &report(&payers, 25, 1)).await;
    let denial = rig.refused(&order(&payers, 1)).await;
    assert_eq!(denial.standing.used, 25_000_000_000);
    rig.clean().await;
}

async fn r062_a_report_counts_on_a_credential_as_often_as_it_says(rig: &Rig) {
    let limits = ["14400 characters/day", "100 requests/day", "100 requests/minute"];
    let account = credential(rig, "groq_1", &limits).await;
    let settlement = |requests, failed| Settlement::Attempt {
        id: CallId::new(),
        credential: "groq_1".parse().unwrap(),
        charge: used(1000),
        outcome: AttemptOutcome::Reported { requests, failed },
        model: "llama-3".to_owned(),
    };
    let served = settlement(40, 0);
    for n in 0..2 {
        rig.ledger_of(n).report(served.clone()).await.unwrap();
    }
    reported(rig, &settlement(2, 2)).await;
    reported(rig, &settlement(0, 0)).await;
    assert_eq!(figures_of(rig, "groq_1", "requests/day").await, (42, 0));
    assert_eq!(figures_of(rig, "groq_1", "requests/minute").await, (42, 0));
    assert_eq!(figures_of(rig, "groq_1", "characters/day").await, (3000, 0));
    assert_eq!(totals(&rig.account(&account).await), (42, 2, 750, 3_000_000_000));
    let day = days(rig, "groq_1", "2026-11-24", "2026-11-24").await;
    assert_eq!(shown(&day), [("2026-11-24".to_owned(), [42, 3000, 750, 3_000_000_000, 2])]);
    rig.clean().await;
}

async fn several_accounts_are_read_at_once_in_the_order_asked_for(rig: &Rig) {
    let payers = rig.user("alice", &["10usd/month"]).await;
    let [key, user, workspace] = payers.accounts();
    let ids = [workspace, id("nobody"), key, user];
    let found = rig.ledger.together(&ids).await.unwrap();
    let names: Vec<_> = found.iter().map(|a| a.as_ref().map(|a| a.id.clone())).collect();
    let [workspace, _, key, user] = ids;
    assert_eq!(names, [Some(workspace), None, Some(key), Some(user)]);
    let none: Result<_, RegistryError> = rig.ledger.together(&[]).await;
    assert_eq!(none.unwrap().len(), 0);
}

async fn a_call_that_ended_long_ago_is_not_held_again(rig: &Rig) {
    let payers = rig.user("alice", &["10usd/month"]).await;
    let call = order(&payers, 2);
    rig.admit(&call).await;
    rig.post(&call, 2).await;
    rig.clean().await;
    rig.clock.advance(3_600_000);
    rig.sweep().await;
    let again = rig.hold(&call).await.unwrap();
    let Admission::Denied(Denial::Status { status, .. }) = &again else {
        panic!("{again:?}");
    };
    assert_eq!(status, "settled");
    rig.post(&call, 2).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.total_requests, user.held_usd.get()), (1, 0));
    rig.clean().await;
}

/// Whoever reports again because it does not know whether the first time worked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_settled_once_also_by_another_process_of_the_directory() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let open = || {
        let ledger = EmbeddedLedger::open(dir.path(), options(&clock)).unwrap();
        Rig::over(clock.clone(), ledger)
    };
    let rig = open();
    let payers = rig.user("alice", &["10usd/month"]).await;
    let account = credential(&rig, "groq_1", &["100 requests/day"]).await;
    let of_credential = Settlement::Attempt {
        id: CallId::new(),
        credential: "groq_1".parse().unwrap(),
        charge: used(1000),
        outcome: AttemptOutcome::Reported { requests: 5, failed: 1 },
        model: "llama-3".to_owned(),
    };
    let of_user = report(&payers, 2, 5);
    for settlement in [&of_user, &of_credential] {
        reported(&rig, settlement).await;
    }
    rig.clean().await;
    drop(rig);
    let rig = open();
    rig.clock.advance(3_600_000);
    rig.sweep().await;
    for settlement in [&of_user, &of_credential] {
        reported(&rig, settlement).await;
    }
    let user = rig.account(&AccountId::user(&payers.user)).await;
    let credential = rig.account(&account).await;
    assert_eq!((user.total_requests, credential.total_requests), (5, 5));
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_settled_once_also_after_its_mark_is_gone() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["10usd/month"]).await;
    let once = report(&payers, 2, 5);
    reported(&rig, &once).await;
    let mark = format!("farebox:{{0}}:settled:{}", once.id());
    assert_eq!(server.cli(&["DEL", &mark]).trim(), "1");
    reported(&rig, &once).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!((user.total_requests, user.total_usd.get()), (5, 2_000_000_000));
    rig.clean().await;
}
