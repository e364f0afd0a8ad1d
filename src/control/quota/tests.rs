//! Figures, words, checks and notices of accounts that are made here.
//! Compiled under `#[cfg(test)]` only.

use super::figure::{self, Member};
use super::outage::Outage;
use super::{availability, is_known, member, notices, tag};
use crate::clock::UnixMs;
use crate::control::Defaults;
use crate::ids::AccountId;
use crate::ledger::{Account, AccountStatus, Enforcement, Standing};
use crate::limit::{Calendar, Status};
use crate::money::NanoUsd;
use serde_json::{Value, json};

const NOW: UnixMs = 1_794_000_000_500;
/// Half an hour later.
const LATER: UnixMs = 1_794_001_800_000;

fn standing(limit: &str, used: i64, held: i64) -> Standing {
    Standing {
        account: "user:alice".parse().unwrap(),
        limit: limit.parse().unwrap(),
        bump: None,
        carried: 0,
        used,
        held,
        resets: (!limit.contains("total") && !limit.contains("concurrent")).then_some(LATER),
    }
}

fn account(id: &str, standings: Vec<Standing>) -> Account {
    Account {
        id: id.parse().unwrap(),
        name: String::new(),
        workspace: None,
        status: AccountStatus::Active,
        standings,
        follows_defaults: false,
        thresholds: None,
        enforcement: None,
        key: None,
        held_usd: NanoUsd::ZERO,
        month_usd: NanoUsd::new(7_000_000_000),
        total_usd: NanoUsd::ZERO,
        total_tokens: 0,
        total_requests: 0,
        failed_requests: 0,
        created: 0,
        last: None,
        enabled: None,
        revision: String::new(),
    }
}

fn alone(id: &str, standings: Vec<Standing>) -> Member {
    let owner: AccountId = id.parse().unwrap();
    member(vec![account(id, standings)], 1, &owner)
}

fn status(members: &[Member]) -> Value {
    let word = figure::word(members, &Defaults::default(), false);
    figure::status(members, word, &|_, _| 3)
}

fn check(member: Member, outage: &Outage) -> (bool, Value, Value) {
    let data = availability::check(&[member], &Defaults::default(), outage, NOW);
    let open = data["available"].as_bool().unwrap();
    (open, data["reason"].clone(), data["retry_after"].clone())
}

#[test]
fn r026_a_name_is_the_tightest_limit_that_counts_every_model() {
    let one = alone(
        "user:alice",
        vec![
            standing("100usd/month", 10_000_000_000, 0),
            standing("4usd/day", 1_000_000_000, 500_000_000),
            standing("1usd/day@gpt-5*", 1_000_000_000, 0),
            standing("9requests/hour", 9, 0),
        ],
    );
    let data = status(&[one]);
    assert_eq!(data["budget"]["limit"], "4");
    assert_eq!(
        (&data["budget"]["current"], &data["budget"]["remaining"]),
        (&json!("1"), &json!("2.5"))
    );
    // No limit by minute or day: what was counted.
    assert_eq!(data["requests_per_day"]["current"], 3);
    assert_eq!(data["requests_per_day"]["limit"], Value::Null);
    // The word knows every limit, also those without a name.
    assert_eq!(data["status"], "quota_exceeded");
}

#[test]
fn several_members_are_added_up_and_their_limits_where_they_are_the_same() {
    let with = |id, limit, used| alone(id, vec![standing(limit, used, 0)]);
    let same = [with("workspace:a", "10requests/day", 2), with("workspace:b", "10requests/day", 9)];
    let day = status(&same)["requests_per_day"].clone();
    assert_eq!(
        (&day["current"], &day["limit"], &day["remaining"]),
        (&json!(11), &json!(20), &json!(9))
    );
    assert_eq!(day["percentage"], 55);
    let differ = [
        with("workspace:a", "10requests/day", 2),
        with("workspace:b", "20requests/day", 9),
        alone("workspace:c", Vec::new()),
    ];
    let data = status(&differ);
    assert_eq!(data["requests_per_day"]["current"], 14);
    assert_eq!(data["requests_per_day"]["limit"], Value::Null);
    let budgets = [
        with("workspace:a", "10usd/day", 2_000_000_000),
        with("workspace:b", "10usd/month", 3_000_000_000),
    ];
    // Days and months are not added up: what both spent this month.
    assert_eq!(status(&budgets)["budget"]["current"], "14");
    assert_eq!(status(&budgets)["budget"]["limit"], Value::Null);
}

#[test]
fn r041_a_check_names_the_first_reason_and_the_longest_wait() {
    let fine = Outage::default();
    let of = |standings| check(alone("user:alice", standings), &fine);
    let full = json!("rate_limit_exceeded");
    assert_eq!(of(vec![standing("9requests/day", 8, 0)]), (true, Value::Null, Value::Null));
    assert_eq!(of(vec![standing("9requests/day", 9, 0)]), (false, full.clone(), json!(1_800)));
    assert_eq!(of(vec![standing("9requests/total", 9, 0)]), (false, full.clone(), Value::Null));
    assert_eq!(of(vec![standing("0tokens/day", 0, 0)]), (false, full, Value::Null));
    let concurrent = json!("concurrency_limit_exceeded");
    assert_eq!(of(vec![standing("2concurrent", 2, 0)]), (false, concurrent, json!(1)));
    let spent = json!("insufficient_quota");
    let held = standing("1usd/day", 400_000_000, 600_000_000);
    assert_eq!(of(vec![held.clone()]), (false, spent.clone(), json!(1)));
    let both = vec![held, standing("9requests/day", 9, 0)];
    assert_eq!(of(both), (false, spent, json!(1_800)));
    for observed in ["1usd/day !observe", "1usd/day@gpt-5*"] {
        assert!(of(vec![standing(observed, 1_000_000_000, 0)]).0, "{observed}");
    }
    let mut lenient = account("user:alice", vec![standing("1usd/day", 400_000_000, 600_000_000)]);
    lenient.enforcement = Some(Enforcement::Postpaid);
    assert!(check(member(vec![lenient], 1, &"user:alice".parse().unwrap()), &fine).0);
}

#[test]
fn r029_an_outage_of_all_providers_is_a_reason_and_of_some_only_a_word() {
    let some = Outage { out: vec!["groq".to_owned()], all: None };
    let every = Outage { all: Some(Some(NOW + 1_500)), ..some.clone() };
    let gone = Outage { all: Some(None), ..some.clone() };
    let one = || alone("user:alice", vec![standing("9requests/day", 8, 0)]);
    assert!(check(one(), &some).0);
    let out = json!("provider_quota_exhausted");
    assert_eq!(check(one(), &every), (false, out.clone(), json!(2)));
    assert_eq!(check(one(), &gone), (false, out, Value::Null));
    let word = |standings, degraded| {
        figure::word(&[alone("user:alice", standings)], &Defaults::default(), degraded)
    };
    assert_eq!(word(vec![standing("10requests/day", 9, 0)], true), Status::Degraded);
    assert_eq!(word(vec![standing("10requests/day", 10, 0)], true), Status::RateLimited);
    assert_eq!(word(Vec::new(), true), Status::Degraded);
}

#[test]
fn r039_a_notice_keeps_its_id_while_the_figure_moves() {
    let of = |limit: &str, used, now| {
        let one = [alone("user:alice", vec![standing(limit, used, 0)])];
        let time = (&Calendar::default(), now);
        let data = notices::notices(&one, &Defaults::default(), &Outage::default(), time);
        (data[0]["id"].clone(), data[0]["since"].clone())
    };
    let day = of("100requests/day", 80, NOW);
    assert_eq!(day.1, "2026-11-06T00:00:00Z");
    assert_eq!(day, of("100requests/day", 89, LATER));
    assert_ne!(day.0, of("100requests/day", 90, NOW).0);
    assert_ne!(day.0, of("100requests/day", 80, NOW + 86_400_000).0);
    assert_ne!(day.0, of("100requests/hour", 80, NOW).0);
    let rolling = of("100requests/rolling-24h", 80, NOW);
    assert_eq!(rolling, of("100requests/rolling-24h", 85, NOW + 7_200_000));
    assert_eq!(rolling.1, Value::Null);
}

#[test]
fn r054_a_tag_covers_the_data_and_is_found_in_lists() {
    let tag_of = |n: i64| tag(&json!({"current": n}));
    assert_eq!(tag_of(1), tag_of(1));
    assert_ne!(tag_of(1), tag_of(2));
    let known = tag_of(1);
    for list in [known.clone(), format!("W/{known}"), format!("\"a\", {known}"), "*".to_owned()] {
        assert!(is_known(Some(&list), &known), "{list}");
    }
    assert!(!is_known(Some("\"a\""), &known) && !is_known(None, &known));
}
