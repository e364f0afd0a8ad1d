//! Limits of some models, on both back ends: what they count, hold and refuse, and what they leave
//! alone.

use crate::ledger_rig::{Rig, contract, order, usd};
use crate::redis_server::RedisServer;
use farebox::ids::AccountId;
use farebox::ledger::{
    Admission, Amounts, Change, Denial, Enforcement, HoldOrder, LimitsChange, Payers, RegistryError,
};

contract! {
    only_calls_of_the_models_count_and_are_refused,
    what_is_held_is_that_of_the_models,
    rates_of_some_models_are_counted_and_given_back,
    the_name_that_the_caller_gave_decides,
    strict_asks_for_a_ceiling_only_where_a_limit_counts,
    an_expired_call_is_charged_to_the_limits_of_its_model,
    a_limit_that_goes_takes_its_counter_along,
    two_limits_of_one_name_are_refused,
    the_bump_of_one_limit_leaves_the_other,
    what_a_poll_finds_counts_by_the_model_that_it_finds,
    a_limit_that_comes_while_calls_are_under_way_breaks_nothing,
    holds_beyond_2_to_the_53_are_released,
}

fn call(payers: &Payers, model: &str, dollars: i64) -> HoldOrder {
    let mut call = order(payers, dollars);
    call.facts.model = model.to_owned();
    call
}

async fn used(rig: &Rig, payers: &Payers) -> Vec<(String, i64, i64)> {
    let user = rig.account(&AccountId::user(&payers.user)).await;
    let dollar = usd(1).get();
    let of = |s: &farebox::ledger::Standing| (s.limit.name(), s.used / dollar, s.held / dollar);
    user.standings.iter().map(of).collect()
}

async fn only_calls_of_the_models_count_and_are_refused(rig: &Rig) {
    let limits = ["20 usd/month", "5 usd/day @gpt-5*", "9 usd/rolling-24h@claude-?"];
    let payers = rig.user("alice", &limits).await;
    for (model, dollars) in [("gpt-5", 2), ("gpt-5-mini", 2), ("claude-4", 9), ("claude-40", 3)] {
        let call = call(&payers, model, dollars);
        rig.admit(&call).await;
        rig.post(&call, dollars).await;
    }
    let expected = [("usd/rolling-24h@claude-?", 9), ("usd/month", 16), ("usd/day@gpt-5*", 4)];
    let expected = expected.map(|(name, used)| (name.to_owned(), used, 0));
    assert_eq!(used(rig, &payers).await, expected);
    let denial = rig.refused(&call(&payers, "gpt-5.4", 2)).await;
    assert_eq!(denial.standing.limit.to_string(), "5 usd/day @gpt-5*");
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T00:00:00Z")));
    rig.refused(&call(&payers, "claude-4", 1)).await;
    let Admission::Held { standings, .. } = rig.hold(&call(&payers, "o3", 2)).await.unwrap() else {
        panic!("refused")
    };
    let names: Vec<_> = standings.iter().map(|s| s.limit.name()).collect();
    assert_eq!(names, ["usd/month"]);
    rig.clean().await;
}

async fn what_is_held_is_that_of_the_models(rig: &Rig) {
    let payers = rig.user("alice", &["20 usd/month", "5 usd/day @gpt-5*"]).await;
    let (gpt, other) = (call(&payers, "gpt-5", 3), call(&payers, "o3", 8));
    rig.admit(&other).await;
    rig.admit(&gpt).await;
    let named = |used, held| {
        [("usd/month".to_owned(), used, 11), ("usd/day@gpt-5*".to_owned(), used, held)]
    };
    assert_eq!(used(rig, &payers).await, named(0, 3));
    rig.clean().await;
    let denial = rig.refused(&call(&payers, "gpt-5", 3)).await;
    assert_eq!((denial.standing.held, denial.standing.used), (usd(3).get(), 0));
    rig.void(&gpt).await;
    let again = call(&payers, "gpt-5", 5);
    rig.admit(&again).await;
    rig.post(&again, 6).await;
    rig.post(&other, 8).await;
    rig.refused(&call(&payers, "gpt-5", 1)).await;
    let seen = used(rig, &payers).await;
    assert_eq!(seen[0], ("usd/month".to_owned(), 14, 0));
    assert_eq!(seen[1], ("usd/day@gpt-5*".to_owned(), 6, 0));
    rig.clean().await;
}

async fn rates_of_some_models_are_counted_and_given_back(rig: &Rig) {
    let payers = rig.user("alice", &["2 requests/hour@gpt*", "4000 tokens/minute@gpt*"]).await;
    let (first, second) = (call(&payers, "gpt-5", 1), call(&payers, "gpt-5", 2));
    rig.admit(&first).await;
    rig.admit(&second).await;
    rig.refused(&call(&payers, "gpt-5", 0)).await;
    rig.admit(&call(&payers, "o3", 50)).await;
    rig.void(&first).await;
    let denial = rig.refused(&call(&payers, "gpt-5", 3)).await;
    assert_eq!(denial.standing.limit.name(), "tokens/minute@gpt*");
    rig.post(&second, 1).await;
    rig.admit(&call(&payers, "gpt-5", 3)).await;
    rig.clean().await;
}

async fn the_name_that_the_caller_gave_decides(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/day @gpt-5", "9 usd/day @gpt-5-2026*"]).await;
    let mut answered = call(&payers, "gpt-5", 2);
    rig.admit(&answered).await;
    answered.facts.model = "gpt-5-2026-01-01".to_owned();
    rig.post(&answered, 2).await;
    // Without a hold, only the name in the answer is known.
    rig.post(&call(&payers, "gpt-5-2026-02-02", 4), 4).await;
    let seen = used(rig, &payers).await;
    assert_eq!(
        seen,
        [("usd/day@gpt-5-2026*".to_owned(), 4, 0), ("usd/day@gpt-5".to_owned(), 2, 0)]
    );
    rig.clean().await;
}

async fn strict_asks_for_a_ceiling_only_where_a_limit_counts(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/day @gpt-5*"]).await;
    rig.mode(&payers, Enforcement::Strict).await;
    let mut free = call(&payers, "o3", 1);
    free.ceiling = None;
    rig.admit(&free).await;
    let mut counted = call(&payers, "gpt-5", 1);
    counted.ceiling = None;
    let refused = rig.hold(&counted).await.unwrap();
    assert!(matches!(refused, Admission::Denied(Denial::Unbounded { .. })), "{refused:?}");
    rig.admit(&call(&payers, "gpt-5", 2)).await;
    rig.refused(&call(&payers, "gpt-5", 2)).await;
    rig.clean().await;
}

async fn an_expired_call_is_charged_to_the_limits_of_its_model(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/day @gpt-5*", "5 usd/day @o3"]).await;
    let lost = call(&payers, "gpt-5", 3);
    rig.admit(&lost).await;
    rig.clock.advance(61_000);
    rig.sweep().await;
    let of = |used| [("usd/day@o3".to_owned(), 0, 0), ("usd/day@gpt-5*".to_owned(), used, 0)];
    assert_eq!(used(rig, &payers).await, of(3));
    rig.post(&lost, 1).await;
    assert_eq!(used(rig, &payers).await, of(1));
    rig.clean().await;
}

async fn a_limit_that_goes_takes_its_counter_along(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/rolling-5h @gpt-5*"]).await;
    let first = call(&payers, "gpt-5", 3);
    rig.admit(&first).await;
    rig.post(&first, 3).await;
    let set = async |limits: &[&str]| {
        let limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        let change = Change { limits: Some(LimitsChange::Set(limits)), ..Change::default() };
        rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap()
    };
    set(&[]).await;
    set(&["5 usd/rolling-5h @gpt-5*"]).await;
    assert_eq!(used(rig, &payers).await, [("usd/rolling-5h@gpt-5*".to_owned(), 0, 0)]);
    // A call in flight meanwhile still ends well.
    let second = call(&payers, "gpt-5", 4);
    rig.admit(&second).await;
    set(&[]).await;
    rig.post(&second, 4).await;
    rig.clean().await;
}

async fn two_limits_of_one_name_are_refused(rig: &Rig) {
    let alice = rig.new_user("alice", &["5 usd/day@gpt-5*", "6 usd/day", "7 usd/day @gpt-5*"]);
    let Err(RegistryError::Invalid(why)) = rig.ledger.create(&alice).await else {
        panic!("created")
    };
    assert!(why.contains("5 usd/day @gpt-5*") && why.contains("7 usd/day @gpt-5*"), "{why}");
}

async fn the_bump_of_one_limit_leaves_the_other(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/day", "1 usd/day @gpt-5*"]).await;
    let user = AccountId::user(&payers.user);
    let bump =
        async |text: &str| rig.ledger.bump(&user, &text.parse().unwrap(), None).await.unwrap().1;
    let allowed = |account: farebox::ledger::Account| -> Vec<i64> {
        account.standings.iter().map(|s| s.allowed() / usd(1).get()).collect()
    };
    assert_eq!(allowed(bump("+2usd@gpt-5*").await), [3, 5]);
    assert_eq!(allowed(bump("+1usd").await), [3, 6]);
    rig.admit(&call(&payers, "gpt-5", 3)).await;
    rig.refused(&call(&payers, "gpt-5", 1)).await;
}

async fn what_a_poll_finds_counts_by_the_model_that_it_finds(rig: &Rig) {
    let payers = rig.user("alice", &["5 usd/day @gpt-5*"]).await;
    let mut poll = call(&payers, "", 0);
    rig.admit(&poll).await;
    poll.facts.model = "gpt-5".to_owned();
    rig.post(&poll, 4).await;
    assert_eq!(used(rig, &payers).await, [("usd/day@gpt-5*".to_owned(), 4, 0)]);
    rig.refused(&call(&payers, "gpt-5", 2)).await;
    rig.clean().await;
}

async fn a_limit_that_comes_while_calls_are_under_way_breaks_nothing(rig: &Rig) {
    let payers = rig.user("alice", &["99 usd/month"]).await;
    rig.mode(&payers, Enforcement::Strict).await;
    let early = call(&payers, "gpt-5", 10);
    rig.admit(&early).await;
    let limits = ["99 usd/month", "5 usd/day @gpt-5*"].map(|text| text.parse().unwrap());
    let change = Change { limits: Some(LimitsChange::Set(limits.to_vec())), ..Change::default() };
    rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap();
    let late = call(&payers, "gpt-5", 2);
    rig.admit(&late).await;
    rig.post(&early, 10).await;
    rig.clean().await;
    rig.post(&late, 2).await;
    rig.refused(&call(&payers, "gpt-5", 1)).await;
    rig.clean().await;
}

/// A figure that somebody mistyped does not keep what is held beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_releases_what_is_held_beside_a_broken_figure() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["5 usd/day @gpt-5*"]).await;
    let first = call(&payers, "gpt-5", 3);
    rig.admit(&first).await;
    let account = "farebox:{0}:user:alice";
    server.cli(&["HSET", account, "usd/day@gpt-5*.used", "3,5"]);
    rig.post(&first, 2).await;
    assert_eq!(server.cli(&["HGET", account, "usd/day@gpt-5*.held"]), "0");
}

/// What operators see with redis-cli, and that nothing of a limit stays when it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_names_the_fields_of_a_limit_with_its_models() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["5 usd/rolling-24h @gpt-5*"]).await;
    let first = call(&payers, "gpt-5", 3);
    rig.admit(&first).await;
    let field = |name: &str| {
        let name = format!("usd/rolling-24h@gpt-5*.{name}");
        server.cli(&["HGET", "farebox:{0}:user:alice", &name])
    };
    assert_eq!((field("limit"), field("held")), ("5000000000".to_owned(), "3000000000".to_owned()));
    rig.post(&first, 2).await;
    assert_eq!((field("used"), field("held")), ("2000000000".to_owned(), "0".to_owned()));
    // 21:00 UTC is when the present step begins.
    assert_eq!(field("at.1795554000"), "2000000000");
    let change = Change { limits: Some(LimitsChange::Set(vec![])), ..Change::default() };
    rig.ledger.change(&AccountId::user(&payers.user), &change).await.unwrap();
    let left = server.cli(&["HKEYS", "farebox:{0}:user:alice"]);
    assert!(!left.contains("gpt-5"), "{left}");
    rig.clean().await;
}

async fn holds_beyond_2_to_the_53_are_released(rig: &Rig) {
    let payers = rig.user("alice", &["1 usd/day@gpt-* !observe"]).await;
    let amounts = Amounts { usd: farebox::money::MAX, ..Amounts::default() };
    let large = || HoldOrder { expected: amounts, ceiling: None, ..call(&payers, "gpt-5", 0) };
    let calls = [large(), large()];
    for call in &calls {
        rig.admit(call).await;
    }
    for call in &calls {
        rig.void(call).await;
    }
    assert_eq!(used(rig, &payers).await, [("usd/day@gpt-*".to_owned(), 0, 0)]);
    rig.clean().await;
}
