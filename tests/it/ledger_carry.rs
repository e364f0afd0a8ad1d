//! What was not used of a period and counts in the next one, on both back ends.

use crate::ledger_rig::{Rig, amounts, contract, order, usd};
use crate::redis_server::RedisServer;
use farebox::ids::AccountId;
use farebox::ledger::{Account, Amounts, Change, Enforcement, LimitsChange, Payers};

const DAY: i64 = 24 * 3_600_000;

contract! {
    what_is_left_is_added_to_the_next_period_and_lasts_for_that_one,
    never_more_than_the_limit_is_carried_nor_less_than_nothing,
    a_cap_is_the_most_that_is_carried,
    rates_tokens_and_characters_are_carried_like_dollars,
    carrying_begins_with_the_period_in_which_it_is_set,
    what_is_carried_goes_by_the_limit_as_it_was,
    a_reset_gives_the_period_back_with_what_was_carried,
    a_bump_is_not_carried,
    thresholds_are_those_of_the_raised_amount,
    a_clock_that_steps_back_carries_nothing_twice,
    strict_accounts_spend_what_is_carried_and_not_more,
}

async fn set(rig: &Rig, payers: &Payers, limits: &[&str]) -> Account {
    let limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
    let change = Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() };
    rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap().1
}

async fn user(rig: &Rig, payers: &Payers) -> Account {
    rig.account(&AccountId::user(&payers.user)).await
}

/// What is carried into the present period of the first limit, in dollars.
async fn carried(rig: &Rig, payers: &Payers) -> i64 {
    user(rig, payers).await.standings[0].carried / usd(1).get()
}

fn go(rig: &Rig, to: &str) {
    rig.clock.advance(rig.at(to) - rig.clock.now());
}

async fn what_is_left_is_added_to_the_next_period_and_lasts_for_that_one(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    rig.call(&payers, 4).await;
    rig.refused(&order(&payers, 7)).await;
    go(rig, "2026-12-01T00:00:00Z");
    let standing = user(rig, &payers).await.standings.remove(0);
    assert_eq!((standing.carried, standing.allowed()), (usd(6).get(), usd(16).get()));
    assert_eq!((standing.used, standing.remaining()), (0, usd(16).get()));
    assert_eq!(standing.limit.to_string(), "10 usd/month !carry");
    assert_eq!(standing.text(), "10 usd/month !carry +6 usd carried");
    rig.call(&payers, 9).await;
    let denial = rig.refused(&order(&payers, 8)).await;
    assert_eq!(
        (denial.standing.carried, denial.standing.remaining()),
        (usd(6).get(), usd(7).get())
    );
    rig.call(&payers, 7).await;
    rig.refused(&order(&payers, 1)).await;
    go(rig, "2027-01-31T23:59:59Z");
    assert_eq!(carried(rig, &payers).await, 0);
    rig.refused(&order(&payers, 11)).await;
    rig.call(&payers, 10).await;
    rig.clean().await;
}

async fn never_more_than_the_limit_is_carried_nor_less_than_nothing(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/day !carry"]).await;
    rig.call(&payers, 4).await;
    rig.clock.advance(DAY);
    // Six are carried and used first, one of them is left over: that one is gone tomorrow.
    rig.call(&payers, 5).await;
    rig.clock.advance(DAY);
    assert_eq!(carried(rig, &payers).await, 10);
    rig.call(&payers, 1).await;
    // A call that costs more than was expected leaves nothing, and no debt for tomorrow.
    let call = order(&payers, 2);
    rig.admit(&call).await;
    rig.post(&call, 40).await;
    rig.clock.advance(DAY);
    assert_eq!(carried(rig, &payers).await, 0);
    rig.call(&payers, 10).await;
    // After a day in which nothing was used there is one day's worth, however long it was.
    rig.clock.advance(2 * DAY);
    assert_eq!(carried(rig, &payers).await, 10);
    rig.clock.advance(20 * DAY);
    assert_eq!(carried(rig, &payers).await, 10);
    rig.call(&payers, 20).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn a_cap_is_the_most_that_is_carried(rig: &Rig) {
    let payers =
        rig.user("alice", &["10 usd/week !carry=3usd", "9 usd/day @gpt* !carry=1usd"]).await;
    rig.call(&payers, 2).await;
    // Monday.
    go(rig, "2026-11-30T12:00:00Z");
    let standings = user(rig, &payers).await.standings;
    let limits: Vec<_> = standings.iter().map(|s| (s.limit.to_string(), s.carried)).collect();
    let week = ("10 usd/week !carry=3usd".to_owned(), usd(3).get());
    assert_eq!(limits, [week, ("9 usd/day @gpt* !carry=1usd".to_owned(), usd(1).get())]);
    rig.call(&payers, 10).await;
    rig.refused(&order(&payers, 4)).await;
    rig.clean().await;
}

async fn rates_tokens_and_characters_are_carried_like_dollars(rig: &Rig) {
    let limits = [
        "3 requests/minute !carry",
        "5000 tokens/minute !carry",
        "9000 tokens/hour !carry",
        "50 characters/hour !carry",
    ];
    let payers = rig.user("alice", &limits).await;
    rig.call(&payers, 2).await;
    rig.clock.advance(60_000);
    let figures = async || {
        let standings = user(rig, &payers).await.standings;
        let figures = |s: &farebox::ledger::Standing| (s.limit.name(), s.carried);
        standings.iter().map(figures).collect::<Vec<_>>()
    };
    let name = |name: &str, n: i64| (name.to_owned(), n);
    let minute = [name("tokens/minute", 3000), name("tokens/hour", 0)];
    let rest = [name("requests/minute", 2), name("characters/hour", 0)];
    assert_eq!(figures().await, [minute, rest].concat());
    for _ in 0..5 {
        rig.call(&payers, 0).await;
    }
    assert_eq!(rig.refused(&order(&payers, 0)).await.standing.limit.name(), "requests/minute");
    go(rig, "2026-11-24T22:00:00Z");
    let minute = [name("tokens/minute", 5000), name("tokens/hour", 7000)];
    let rest = [name("requests/minute", 3), name("characters/hour", 30)];
    assert_eq!(figures().await, [minute, rest].concat());
    // All that fits: eight thousand of sixteen thousand tokens, eighty characters.
    rig.call(&payers, 8).await;
    assert_eq!(rig.refused(&order(&payers, 1)).await.standing.limit.name(), "characters/hour");
    rig.clean().await;
}

async fn carrying_begins_with_the_period_in_which_it_is_set(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month"]).await;
    rig.call(&payers, 1).await;
    for _ in 0..3 {
        rig.call(&payers, 0).await;
    }
    go(rig, "2026-12-01T00:00:00Z");
    // Nothing was carried over in November, also where December has no calls yet.
    let account = set(rig, &payers, &["10 usd/month !carry"]).await;
    assert_eq!(account.standings[0].carried, 0);
    assert_eq!(carried(rig, &payers).await, 0);
    // December passes on what was left, though no call was made in it.
    go(rig, "2027-01-15T00:00:00Z");
    assert_eq!(carried(rig, &payers).await, 10);
    rig.call(&payers, 20).await;
    // A new user who makes no call either.
    let other = rig.user("bob", &["5 usd/month !carry"]).await;
    assert_eq!(carried(rig, &other).await, 0);
    go(rig, "2027-02-01T00:00:00Z");
    assert_eq!((carried(rig, &other).await, carried(rig, &payers).await), (5, 0));
    // Taken away and given back, it begins anew with the next period.
    set(rig, &other, &["5 usd/month"]).await;
    assert_eq!(carried(rig, &other).await, 0);
    rig.refused(&order(&other, 6)).await;
    rig.clean().await;
}

async fn what_is_carried_goes_by_the_limit_as_it_was(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    rig.call(&payers, 3).await;
    go(rig, "2026-12-01T00:00:00Z");
    // Seven are left of November's ten, not of forty.
    assert_eq!(
        set(rig, &payers, &["40 usd/month !carry"]).await.standings[0].carried,
        usd(7).get()
    );
    rig.call(&payers, 46).await;
    go(rig, "2027-01-01T00:00:00Z");
    assert_eq!(carried(rig, &payers).await, 1);
    // No more than the limit as it is now.
    go(rig, "2027-02-01T00:00:00Z");
    assert_eq!(set(rig, &payers, &["5 usd/month !carry"]).await.standings[0].carried, usd(5).get());
    rig.clean().await;
}

async fn a_reset_gives_the_period_back_with_what_was_carried(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    rig.call(&payers, 8).await;
    go(rig, "2026-12-05T00:00:00Z");
    rig.call(&payers, 11).await;
    let user = AccountId::user(&payers.user);
    let (before, after) = rig.ledger.reset(&user, None).await.unwrap();
    let figures = |account: &Account| (account.standings[0].used, account.standings[0].carried);
    assert_eq!(figures(&before), (usd(11).get(), usd(2).get()));
    assert_eq!(figures(&after), (0, usd(2).get()));
    rig.call(&payers, 12).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn a_bump_is_not_carried(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    let user = AccountId::user(&payers.user);
    rig.ledger.bump(&user, &"+5usd".parse().unwrap(), None).await.unwrap();
    rig.call(&payers, 7).await;
    let standing = self::user(rig, &payers).await.standings.remove(0);
    assert_eq!((standing.allowed(), standing.remaining()), (usd(15).get(), usd(8).get()));
    go(rig, "2026-12-05T00:00:00Z");
    assert_eq!(carried(rig, &payers).await, 3);
    // What was used by way of a bump leaves nothing.
    rig.ledger.bump(&user, &"+5usd".parse().unwrap(), None).await.unwrap();
    rig.call(&payers, 18).await;
    rig.refused(&order(&payers, 1)).await;
    go(rig, "2027-01-05T00:00:00Z");
    assert_eq!(carried(rig, &payers).await, 0);
    let too_much = rig.ledger.bump(&user, &"+9007190usd".parse().unwrap(), None).await;
    assert!(too_much.unwrap_err().to_string().contains("too large"));
}

async fn thresholds_are_those_of_the_raised_amount(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    go(rig, "2026-12-05T00:00:00Z");
    rig.call(&payers, 15).await;
    assert_eq!(rig.crossings(), []);
    rig.call(&payers, 1).await;
    let crossed = rig.crossings();
    assert_eq!(crossed.len(), 1);
    let limit = "10 usd/month !carry".parse().unwrap();
    assert_eq!((crossed[0].threshold, crossed[0].limit, crossed[0].period), (80, limit, 202_612));
}

async fn a_clock_that_steps_back_carries_nothing_twice(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    rig.call(&payers, 4).await;
    go(rig, "2026-12-01T00:00:00Z");
    rig.call(&payers, 1).await;
    rig.clock.advance(-60_000);
    let standing = user(rig, &payers).await.standings.remove(0);
    assert_eq!((standing.used, standing.carried), (usd(1).get(), usd(6).get()));
    rig.call(&payers, 15).await;
    rig.refused(&order(&payers, 1)).await;
    rig.clock.advance(60_000);
    rig.refused(&order(&payers, 1)).await;
    rig.clean().await;
}

async fn strict_accounts_spend_what_is_carried_and_not_more(rig: &Rig) {
    let payers = rig.user("alice", &["10 usd/month !carry"]).await;
    rig.mode(&payers, Enforcement::Strict).await;
    rig.call(&payers, 4).await;
    // It began in November, and is charged in December: what it held counts there.
    let open = order(&payers, 3);
    rig.admit(&open).await;
    go(rig, "2026-12-01T00:00:00Z");
    assert_eq!(carried(rig, &payers).await, 6);
    rig.call(&payers, 5).await;
    rig.refused(&order(&payers, 3)).await;
    rig.post_amounts(&open, Amounts { tokens: 1, ..amounts(6) }).await;
    rig.call(&payers, 2).await;
    rig.refused(&order(&payers, 2)).await;
    rig.clean().await;
}

/// What operators see, and may write, with redis-cli.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_shows_what_is_carried_and_takes_other_figures() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["10 usd/month !carry=8usd"]).await;
    let field = |name: &str| {
        server
            .cli(&["HGET", "farebox:{0}:user:alice", &format!("usd/month.{name}")])
            .trim()
            .to_owned()
    };
    let write = |name: &str, text: &str| {
        server.cli(&["HSET", "farebox:{0}:user:alice", &format!("usd/month.{name}"), text]);
    };
    assert_eq!((field("limit"), field("carry")), ("10000000000".into(), "8000000000".into()));
    rig.call(&payers, 4).await;
    go(&rig, "2026-12-01T00:00:00Z");
    rig.call(&payers, 1).await;
    assert_eq!((field("carried"), field("period")), ("6000000000".into(), "202612".into()));
    write("carried", "2000000000");
    assert_eq!(carried(&rig, &payers).await, 2);
    rig.refused(&order(&payers, 12)).await;
    // More than the limit is not carried, whatever is written.
    write("carry", "90000000000");
    write("carried", "90000000000");
    assert_eq!(carried(&rig, &payers).await, 10);
    rig.call(&payers, 19).await;
    rig.refused(&order(&payers, 1)).await;
    // What makes no sense refuses by its name, and settling goes on.
    let open = order(&payers, 0);
    rig.admit(&open).await;
    go(&rig, "2027-01-01T00:00:00Z");
    write("carried", "much");
    let error = rig.hold(&order(&payers, 1)).await.unwrap_err().to_string();
    assert!(error.contains("usd/month.carried is much"), "{error}");
    rig.post(&open, 1).await;
    assert_eq!((field("used"), field("carried")), ("1000000000".into(), "much".into()));
    write("carried", "0");
    set(&rig, &payers, &["10 usd/month"]).await;
    assert_eq!(field("carry"), "");
}
