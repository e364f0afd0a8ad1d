//! Limits raised for a while, on both back ends: what counts until when, and what is refused.

use crate::ledger_rig::{Rig, contract, order, usd};
use crate::redis_server::RedisServer;
use farebox::clock::UnixMs;
use farebox::ids::AccountId;
use farebox::ledger::{Account, Bump, Change, LimitsChange, Payers, RegistryError};

const HOUR: i64 = 3_600_000;

contract! {
    a_bump_counts_until_its_end_and_lapses_by_itself,
    a_bump_without_an_end_is_for_this_period,
    a_bump_of_a_rolling_limit_lasts_as_long_as_its_window,
    the_next_bump_replaces_the_last_and_0_ends_it,
    a_bump_goes_with_its_limit,
    a_limit_of_0_takes_calls_while_it_is_raised,
    a_threshold_is_that_of_the_raised_limit,
    what_no_limit_can_mean_is_refused,
}

async fn bump(
    rig: &Rig,
    payers: &Payers,
    text: &str,
    until: Option<UnixMs>,
) -> Result<Account, RegistryError> {
    let user = AccountId::user(&payers.user);
    let (_, after) = rig.ledger.bump(&user, &text.parse().unwrap(), until).await?;
    Ok(after)
}

fn bumps(account: &Account) -> Vec<Option<Bump>> {
    account.standings.iter().map(|standing| standing.bump).collect()
}

async fn a_bump_counts_until_its_end_and_lapses_by_itself(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "500 requests/day"]).await;
    rig.call(&payers, 9).await;
    rig.refused(&order(&payers, 2)).await;
    let until = rig.clock.now() + 2 * HOUR;
    let account = bump(rig, &payers, "+5usd", Some(until)).await.unwrap();
    assert_eq!(bumps(&account), [Some(Bump { amount: usd(5).get(), until }), None]);
    assert_eq!(account.standings[0].allowed(), usd(15).get());
    assert_eq!(account.standings[0].remaining(), usd(6).get());
    assert_eq!(account.standings[0].limit.to_string(), "10 usd/month");
    rig.call(&payers, 2).await;
    let denial = rig.refused(&order(&payers, 5)).await;
    assert_eq!(denial.standing.bump, Some(Bump { amount: usd(5).get(), until }));
    let text = denial.standing.text();
    assert_eq!(text, "10 usd/month +5 usd until 2026-11-24T23:13:36Z");
    rig.clock.advance(2 * HOUR - 1);
    rig.call(&payers, 1).await;
    rig.clock.advance(1);
    let denial = rig.refused(&order(&payers, 1)).await;
    assert_eq!((denial.standing.bump, denial.standing.remaining()), (None, 0));
    rig.clean().await;
}

async fn a_bump_without_an_end_is_for_this_period(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    let account = bump(rig, &payers, "+5usd/month", None).await.unwrap();
    let until = rig.at("2026-12-01T00:00:00Z");
    assert_eq!(bumps(&account), [Some(Bump { amount: usd(5).get(), until })]);
    rig.call(&payers, 15).await;
    rig.clock.advance(until - rig.clock.now());
    rig.refused(&order(&payers, 11)).await;
    rig.call(&payers, 10).await;
    rig.clean().await;
}

async fn a_bump_of_a_rolling_limit_lasts_as_long_as_its_window(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/rolling-5h"]).await;
    let account = bump(rig, &payers, "+1usd", None).await.unwrap();
    assert_eq!(account.standings[0].bump.unwrap().until, rig.clock.now() + 5 * HOUR);
    rig.call(&payers, 11).await;
    rig.clean().await;
}

async fn the_next_bump_replaces_the_last_and_0_ends_it(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "5 requests/minute"]).await;
    bump(rig, &payers, "+5usd", None).await.unwrap();
    bump(rig, &payers, "+2requests", None).await.unwrap();
    let account = bump(rig, &payers, "+7usd", None).await.unwrap();
    let amounts: Vec<_> = bumps(&account).iter().map(|b| b.map(|b| b.amount)).collect();
    assert_eq!(amounts, [Some(usd(7).get()), Some(2)]);
    let account = bump(rig, &payers, "0usd", None).await.unwrap();
    assert_eq!(account.standings[0].bump, None);
    assert_eq!(account.standings[1].bump.unwrap().amount, 2);
    rig.refused(&order(&payers, 11)).await;
}

async fn a_bump_goes_with_its_limit(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    bump(rig, &payers, "+5usd", None).await.unwrap();
    let set = async |limits: &[&str]| {
        let limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        let change = Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() };
        rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap().1
    };
    // It stays when the amount changes.
    assert_eq!(set(&["20 usd/month"]).await.standings[0].allowed(), usd(25).get());
    set(&["3 usd/day"]).await;
    assert_eq!(set(&["20 usd/month"]).await.standings[0].bump, None);
}

async fn a_limit_of_0_takes_calls_while_it_is_raised(rig: &Rig) {
    let payers = rig.user("alice", &["0 usd/day", "1 concurrent"]).await;
    rig.refused(&order(&payers, 1)).await;
    bump(rig, &payers, "+3usd", None).await.unwrap();
    rig.call(&payers, 3).await;
    rig.refused(&order(&payers, 1)).await;
    bump(rig, &payers, "+9usd", None).await.unwrap();
    rig.admit(&order(&payers, 1)).await;
    rig.refused(&order(&payers, 1)).await;
    bump(rig, &payers, "+1concurrent", Some(rig.clock.now() + HOUR)).await.unwrap();
    rig.admit(&order(&payers, 1)).await;
}

async fn a_threshold_is_that_of_the_raised_limit(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    bump(rig, &payers, "+10usd", None).await.unwrap();
    rig.call(&payers, 15).await;
    assert_eq!(rig.crossings(), []);
    rig.call(&payers, 1).await;
    let crossed = rig.crossings();
    assert_eq!(crossed.len(), 1);
    assert_eq!((crossed[0].threshold, crossed[0].limit), (80, "10 usd/month".parse().unwrap()));
}

async fn what_no_limit_can_mean_is_refused(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month", "2 usd/day", "9 tokens/total"]).await;
    let why = async |text: &str, until| match bump(rig, &payers, text, until).await {
        Err(RegistryError::Invalid(why)) => why,
        other => panic!("{text}: {other:?}"),
    };
    assert!(why("+5usd", None).await.contains("usd/month, usd/day"));
    assert!(why("+5usd/hour", None).await.contains("no limit for `+5 usd/hour`"));
    assert!(why("+5requests", None).await.contains("usd/month"));
    assert!(why("+5tokens", None).await.contains("say until when"));
    assert!(why("+5usd/day", Some(rig.clock.now())).await.contains("passed"));
    assert!(why("+9007199usd/day", None).await.contains("too large"));
    let nobody = AccountId::user(&"nobody".parse().unwrap());
    let missing = rig.ledger.bump(&nobody, &"+1usd".parse().unwrap(), None).await;
    assert!(matches!(missing, Err(RegistryError::Missing(id)) if id == nobody));
}

/// What operators see, and may write, with redis-cli.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_shows_a_bump_and_takes_one() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["10 usd/month"]).await;
    bump(&rig, &payers, "+5usd", None).await.unwrap();
    let field = |name: &str| server.cli(&["HGET", "farebox:{0}:user:alice", name]);
    assert_eq!(field("usd/month.limit").trim(), "10000000000");
    assert_eq!(field("usd/month.bump").trim(), "5000000000");
    assert_eq!(field("usd/month.bump_until_ms").trim(), "1796083200000");
    server.cli(&["HSET", "farebox:{0}:user:alice", "usd/month.bump", "6000000000"]);
    rig.call(&payers, 16).await;
    rig.refused(&order(&payers, 1)).await;
    server.cli(&["HSET", "farebox:{0}:user:alice", "usd/month.bump_until_ms", "soon"]);
    let error = rig.hold(&order(&payers, 1)).await.unwrap_err().to_string();
    assert!(error.contains("usd/month.bump_until_ms is soon"), "{error}");
}
