//! Accounts of credentials on both back ends: what the configuration defines, what an operator
//! changes, thresholds, and the figures of each day.

use crate::ledger_attempts_rig::{
    balanced, credential, days, end, figures, figures_of, full, held, id, serve, setup, shown,
    strict, totals,
};
use crate::ledger_rig::{Rig, contract};
use farebox::ids::AccountKind;
use farebox::ledger::{
    Account, AttemptOutcome, Change, Crossing, LimitsChange, ListFilter, NewAccount, RegistryError,
};

const SERVED: AttemptOutcome = AttemptOutcome::Served;
const FAILED: AttemptOutcome = AttemptOutcome::Failed;
const DAY: i64 = 86_400_000;

contract! {
    defining_twice_changes_nothing,
    what_an_operator_set_stays_until_the_configuration_says_something_new,
    bad_definitions_are_refused_and_named,
    r073_three_thresholds_are_crossed_once_each,
    thresholds_of_requests_are_crossed_at_admission,
    an_expiry_crosses_thresholds_too,
    r076_a_reset_frees_the_day_and_keeps_its_figures,
    a_bump_makes_room_until_it_lapses,
    an_account_with_attempts_under_way_is_not_deleted,
    r065_each_day_has_its_figures,
    r067_a_day_has_the_metadata_it_was_last_used_with,
    days_older_than_the_retention_are_not_asked_for,
    credentials_are_listed_apart_from_users,
    a_credential_has_no_workspace_and_no_defaults,
}

fn limits(account: &Account) -> Vec<String> {
    account.standings.iter().map(|standing| standing.limit.to_string()).collect()
}

fn crossed(rig: &Rig) -> Vec<(String, u32, i64)> {
    let text = |c: Crossing| (format!("{} {}", c.account, c.limit), c.threshold, c.used);
    rig.crossings().into_iter().map(text).collect()
}

async fn defining_twice_changes_nothing(rig: &Rig) {
    let defined = setup("groq_1", &["14400 characters/day"], Some(&[75, 90, 100]));
    rig.ledger.define(std::slice::from_ref(&defined)).await.unwrap();
    serve(rig, &strict("groq_1", 400)).await;
    let before = format!("{:?}", rig.account(&id("groq_1")).await);
    for n in 0..2 {
        rig.ledger_of(n).define(std::slice::from_ref(&defined)).await.unwrap();
    }
    let account = rig.account(&id("groq_1")).await;
    assert_eq!(format!("{account:?}"), before);
    assert_eq!(limits(&account), ["14400 characters/day"]);
    assert_eq!(account.thresholds.unwrap().to_string(), "75,90,100");
    rig.clean().await;
}

async fn what_an_operator_set_stays_until_the_configuration_says_something_new(rig: &Rig) {
    let account = credential(rig, "groq_1", &["100 characters/day"]).await;
    let limit = "900 characters/day".parse().unwrap();
    let change = Change {
        limits: Some(LimitsChange::Set(vec![limit])),
        thresholds: Some(Some(vec![50].try_into().unwrap())),
        ..Change::default()
    };
    rig.ledger.change(&account, &change).await.unwrap();
    serve(rig, &strict("groq_1", 600)).await;
    credential(rig, "groq_1", &["100 chars / day"]).await;
    assert_eq!(limits(&rig.account(&account).await), ["900 characters/day"]);
    let thresholds = setup("groq_1", &["100 characters/day"], Some(&[90]));
    rig.ledger.define(&[thresholds]).await.unwrap();
    let seen = rig.account(&account).await;
    assert_eq!(limits(&seen), ["900 characters/day"]);
    assert_eq!(seen.thresholds.unwrap().to_string(), "90");
    let new = ["700 characters/day", "5 requests/day"];
    credential(rig, "groq_1", &new).await;
    let seen = rig.account(&account).await;
    assert_eq!(limits(&seen), ["5 requests/day", "700 characters/day"]);
    assert_eq!((figures(rig, "groq_1").await, seen.thresholds), ((600, 0), None));
    full(rig, &strict("groq_1", 101)).await;
    rig.clean().await;
}

async fn bad_definitions_are_refused_and_named(rig: &Rig) {
    let twice = setup("groq_1", &["1 characters/day", "2 characters/day"], None);
    let why = rig.ledger.define(&[twice]).await.unwrap_err().to_string();
    assert!(why.contains("`1 characters/day` and `2 characters/day`"), "{why}");
}

async fn r073_three_thresholds_are_crossed_once_each(rig: &Rig) {
    credential(rig, "groq_1", &["14400 characters/day"]).await;
    let name = "credential:groq_1 14400 characters/day".to_owned();
    serve(rig, &strict("groq_1", 11_519)).await;
    assert_eq!(crossed(rig), []);
    serve(rig, &strict("groq_1", 1)).await;
    assert_eq!(crossed(rig), [(name.clone(), 80, 11_520)]);
    let call = strict("groq_1", 2880);
    serve(rig, &call).await;
    assert_eq!(crossed(rig), [(name.clone(), 90, 14_400), (name.clone(), 100, 14_400)]);
    end(rig, &call, 2880, SERVED).await;
    assert_eq!(crossed(rig), []);
    rig.clock.advance(DAY);
    serve(rig, &strict("groq_1", 14_400)).await;
    let again: Vec<u32> = crossed(rig).into_iter().map(|(_, threshold, _)| threshold).collect();
    assert_eq!(again, [80, 90, 100]);
    rig.clean().await;
}

async fn thresholds_of_requests_are_crossed_at_admission(rig: &Rig) {
    let four = setup("groq_1", &["4 requests/day"], Some(&[75, 100]));
    rig.ledger.define(&[four]).await.unwrap();
    let name = "credential:groq_1 4 requests/day".to_owned();
    for _ in 0..2 {
        serve(rig, &strict("groq_1", 1)).await;
    }
    assert_eq!(crossed(rig), []);
    let third = strict("groq_1", 1);
    held(rig, &third).await;
    held(rig, &third).await;
    assert_eq!(crossed(rig), [(name.clone(), 75, 3)]);
    end(rig, &third, 1, FAILED).await;
    serve(rig, &strict("groq_1", 1)).await;
    assert_eq!(crossed(rig), [(name, 100, 4)]);
    full(rig, &strict("groq_1", 1)).await;
    assert_eq!(crossed(rig), []);
    rig.clean().await;
}

async fn an_expiry_crosses_thresholds_too(rig: &Rig) {
    credential(rig, "groq_1", &["100 characters/day"]).await;
    let call = balanced("groq_1", 85);
    held(rig, &call).await;
    rig.clock.advance(60_000);
    rig.sweep().await;
    let name = "credential:groq_1 100 characters/day".to_owned();
    assert_eq!(crossed(rig), [(name.clone(), 80, 85)]);
    end(rig, &call, 95, SERVED).await;
    assert_eq!(crossed(rig), [(name, 90, 95)]);
}

async fn r076_a_reset_frees_the_day_and_keeps_its_figures(rig: &Rig) {
    let account = credential(rig, "groq_1", &["100 characters/day", "5 requests/day"]).await;
    serve(rig, &strict("groq_1", 100)).await;
    let open = strict("groq_1", 0);
    held(rig, &open).await;
    full(rig, &strict("groq_1", 1)).await;
    let (before, after) = rig.ledger.reset(&account, Some("characters/day")).await.unwrap();
    assert_eq!((before.standings[1].used, after.standings[1].used), (100, 0));
    assert_eq!(figures_of(rig, "groq_1", "requests/day").await, (2, 0));
    rig.ledger.reset(&account, None).await.unwrap();
    assert_eq!(figures_of(rig, "groq_1", "requests/day").await, (0, 0));
    end(rig, &open, 4, SERVED).await;
    serve(rig, &strict("groq_1", 96)).await;
    let today = days(rig, "groq_1", "2026-11-24", "2026-11-24").await;
    assert_eq!(shown(&today)[0].1[..2], [3, 200]);
    assert_eq!(totals(&rig.account(&account).await).0, 3);
    rig.clean().await;
}

async fn a_bump_makes_room_until_it_lapses(rig: &Rig) {
    let account = credential(rig, "groq_1", &["100 characters/day"]).await;
    serve(rig, &strict("groq_1", 100)).await;
    let more = "+50characters".parse().unwrap();
    rig.ledger.bump(&account, &more, None).await.unwrap();
    let standings = held(rig, &strict("groq_1", 30)).await;
    assert_eq!(standings[0].remaining(), 20);
    full(rig, &strict("groq_1", 21)).await;
    rig.clock.advance(DAY);
    full(rig, &strict("groq_1", 71)).await;
    serve(rig, &strict("groq_1", 70)).await;
    rig.clean().await;
}

async fn an_account_with_attempts_under_way_is_not_deleted(rig: &Rig) {
    let account = credential(rig, "groq_1", &["100 characters/day"]).await;
    let call = strict("groq_1", 10);
    held(rig, &call).await;
    let why = rig.ledger.delete(&account).await.unwrap_err();
    assert_eq!(why, RegistryError::InUse(account.clone()));
    assert!(why.to_string().contains("attempts under way"), "{why}");
    end(rig, &call, 10, SERVED).await;
    rig.ledger.delete(&account).await.unwrap();
    let why = rig.ledger.delete(&account).await.unwrap_err();
    assert_eq!(why, RegistryError::Missing(account.clone()));
    let all = rig.ledger.accounts(AccountKind::Credential, &ListFilter::default()).await.unwrap();
    assert!(all.entries.is_empty());
    // What it ended with is remembered also where it was used again since.
    end(rig, &call, 10, SERVED).await;
    serve(rig, &strict("groq_1", 3)).await;
    assert_eq!(totals(&rig.account(&account).await).0, 1);
    rig.clean().await;
}

async fn r065_each_day_has_its_figures(rig: &Rig) {
    credential(rig, "groq_1", &["14400 characters/day"]).await;
    serve(rig, &strict("groq_1", 1000)).await;
    let failed = strict("groq_1", 500);
    held(rig, &failed).await;
    end(rig, &failed, 0, FAILED).await;
    rig.clock.advance(2 * DAY);
    serve(rig, &strict("groq_1", 40)).await;
    let all = days(rig, "groq_1", "2026-11-01", "2027-01-01").await;
    let (first, third) = ([2, 1000, 250, 1_000_000_000, 1], [1, 40, 10, 40_000_000, 0]);
    assert_eq!(shown(&all), [("2026-11-24".to_owned(), first), ("2026-11-26".to_owned(), third)]);
    let one = days(rig, "groq_1", "2026-11-25", "2026-11-26").await;
    assert_eq!(one.len(), 1);
    assert!(days(rig, "groq_1", "2026-11-26", "2026-11-24").await.is_empty());
    assert!(days(rig, "other", "2026-11-24", "2026-11-26").await.is_empty());
    let all = days(rig, "groq_1", "0001-01-01", "9999-12-31").await;
    assert_eq!(all.len(), 2);
    rig.clean().await;
}

async fn r067_a_day_has_the_metadata_it_was_last_used_with(rig: &Rig) {
    let mut defined = setup("groq_1", &[], None);
    rig.ledger.define(std::slice::from_ref(&defined)).await.unwrap();
    serve(rig, &strict("groq_1", 1)).await;
    rig.clock.advance(DAY);
    defined.metadata = [("owner".to_owned(), "Zoë \"z\"".to_owned())].into();
    rig.ledger.define(std::slice::from_ref(&defined)).await.unwrap();
    serve(rig, &strict("groq_1", 1)).await;
    let all = days(rig, "groq_1", "2026-11-24", "2026-11-25").await;
    assert_eq!(all[0].metadata, [("tier".to_owned(), "free".to_owned())].into());
    assert_eq!(all[1].metadata, defined.metadata);
}

async fn days_older_than_the_retention_are_not_asked_for(rig: &Rig) {
    credential(rig, "groq_1", &[]).await;
    serve(rig, &strict("groq_1", 1)).await;
    rig.clock.advance(3652 * DAY);
    rig.sweep().await;
    serve(rig, &strict("groq_1", 1)).await;
    let all = days(rig, "groq_1", "2026-11-24", "2050-01-01").await;
    assert_eq!(shown(&all).len(), 1);
    rig.clean().await;
}

async fn credentials_are_listed_apart_from_users(rig: &Rig) {
    rig.user("groq_1", &["1 usd/day"]).await;
    for name in ["groq_1", "groq_2", "groq_3"] {
        credential(rig, name, &["100 characters/day"]).await;
    }
    let list = |kind, after: Option<&str>| {
        let after = after.map(str::to_owned);
        let filter = ListFilter { limit: 2, after, ..ListFilter::default() };
        async move { rig.ledger.accounts(kind, &filter).await.unwrap() }
    };
    let page = list(AccountKind::Credential, None).await;
    let ids: Vec<String> = page.entries.iter().map(|a| a.id.to_string()).collect();
    assert_eq!(ids, ["credential:groq_1", "credential:groq_2"]);
    assert_eq!(page.next.as_deref(), Some("groq_2"));
    let page = list(AccountKind::Credential, page.next.as_deref()).await;
    assert_eq!((page.entries.len(), page.next), (1, None));
    assert_eq!(list(AccountKind::User, None).await.entries.len(), 1);
    rig.clean().await;
}

async fn a_credential_has_no_workspace_and_no_defaults(rig: &Rig) {
    let new = NewAccount {
        id: id("groq_1"),
        name: "Groq".to_owned(),
        workspace: None,
        limits: None,
        thresholds: None,
        enforcement: None,
        key: None,
    };
    let created = rig.ledger.create(&new).await.unwrap();
    assert_eq!((created.workspace, created.follows_defaults), (None, false));
    let why = rig.ledger.create(&new).await.unwrap_err();
    assert_eq!(why, RegistryError::Exists(id("groq_1")));
    let follow = Change { limits: Some(LimitsChange::FollowDefaults), ..Change::default() };
    let why = rig.ledger.change(&id("groq_1"), &follow).await.unwrap_err().to_string();
    assert!(why.contains("it is not a user"), "{why}");
}
