//! What is repeated of a denial, for how long, and for whom. Compiled under `#[cfg(test)]` only.

use super::*;
use crate::clock::UnixMs;
use crate::ids::CallId;
use crate::ledger::{Amounts, CallFacts};
use crate::money::NanoUsd;

/// 2026-11-24T21:13:36.123Z
const NOW: UnixMs = 1_795_554_816_123;

fn order(usd: i64, tokens: i64) -> HoldOrder {
    let id = |text: &str| text.parse().unwrap();
    let amounts = |usd, tokens| Amounts { usd: NanoUsd::new(usd), tokens, characters: 0 };
    HoldOrder {
        id: CallId::new(),
        payers: Payers { key: id("k"), user: id("alice"), workspace: id("eng") },
        ceiling: Some(amounts(usd * 2, tokens * 2)),
        expected: amounts(usd, tokens),
        free: false,
        facts: CallFacts {
            started: NOW,
            provider: "openai".to_owned(),
            credential: String::new(),
            dialect: "openai.chat".to_owned(),
            model: "gpt-5".to_owned(),
            price_version: String::new(),
        },
    }
}

/// What the ledger says under a limit with so much used and held.
fn denied(limit: &str, used: i64, held: i64, resets: Option<UnixMs>, wanted: i64) -> Denial {
    let standing = Standing {
        account: "user:alice".parse().unwrap(),
        limit: limit.parse().unwrap(),
        bump: None,
        carried: 0,
        used,
        held,
        resets,
    };
    Denial::Limit(Box::new(LimitDenial { standing, wanted, now: NOW }))
}

/// Whether `next` is refused so many milliseconds after `denial` was said to `asked`.
fn again(asked: &HoldOrder, denial: &Denial, next: &HoldOrder, ms: u64) -> Option<LimitDenial> {
    let seen = News::default().seen(&asked.payers);
    let one = Remembered::new(asked, denial, seen);
    one.asked_again.store(true, Ordering::Relaxed);
    match one.repeated(next, &seen, Duration::from_millis(ms))? {
        Denial::Limit(denial) => Some(*denial),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_needs_more_than_was_left_is_refused_and_what_would_fit_is_not() {
    let asked = order(50, 0);
    let denial = denied("0.0000001usd/day", 60, 0, Some(NOW + 9_000), 50);
    for (usd, refused) in [(50, true), (41, true), (40, false), (1, false), (0, false)] {
        assert_eq!(again(&asked, &denial, &order(usd, 0), 999).is_some(), refused, "{usd}");
    }
    // `strict` asked for the ceiling, and asks for it again.
    let denial = denied("0.0000001usd/day", 60, 0, Some(NOW + 9_000), 100);
    assert!(again(&asked, &denial, &order(21, 0), 1).is_some());
    assert!(again(&asked, &denial, &order(20, 0), 1).is_none());
}

#[test]
fn a_denial_lasts_a_second_and_not_beyond_its_window() {
    let asked = order(50, 0);
    let limit = "0.0000001usd/day";
    for (resets, last) in [(None, 999), (Some(NOW + 9_000), 999), (Some(NOW + 250), 249)] {
        let denial = denied(limit, 60, 0, resets, 50);
        assert!(again(&asked, &denial, &asked, last).is_some(), "{resets:?}");
        assert!(again(&asked, &denial, &asked, last + 1).is_none(), "{resets:?}");
    }
    let later = again(&asked, &denied(limit, 60, 0, Some(NOW + 9_000), 50), &asked, 700);
    assert_eq!(later.unwrap().now, NOW + 700);
}

#[test]
fn what_others_hold_or_may_give_back_is_remembered_for_a_tenth_of_a_second() {
    let asked = order(50, 70);
    for (denial, last) in [
        (denied("0.0000001usd/day", 40, 20, None, 50), 99),
        (denied("0.0000001usd/day", 60, 20, None, 50), 999),
        (denied("100tokens/minute", 90, 0, Some(NOW + 9_000), 70), 99),
        (denied("100tokens/day", 90, 0, Some(NOW + 9_000), 70), 999),
        (denied("2concurrent", 2, 0, None, 1), 99),
        (denied("2requests/day", 2, 0, None, 1), 999),
    ] {
        assert!(again(&asked, &denial, &asked, last).is_some(), "{denial:?}");
        assert!(again(&asked, &denial, &asked, last + 1).is_none(), "{denial:?}");
    }
}

#[test]
fn a_rolling_window_is_remembered_until_its_step_ends_and_for_the_same_amount() {
    let asked = order(50, 0);
    let mut denial = denied("0.0000001usd/rolling-5h", 60, 0, Some(NOW + 7_200_000), 50);
    assert!(again(&asked, &denial, &asked, 999).is_some());
    assert!(again(&asked, &denial, &order(60, 0), 1).is_none());
    let Denial::Limit(limit) = &mut denial else { panic!() };
    limit.now = NOW - NOW % 600_000 + 599_700;
    assert!(again(&asked, &denial, &asked, 299).is_some());
    assert!(again(&asked, &denial, &asked, 300).is_none());
}

#[test]
fn news_ends_what_it_may_have_changed() {
    let asked = order(50, 0);
    let payers = &asked.payers;
    let refused = |denial: &Denial, happens: fn(&News, &Payers)| {
        let news = News::default();
        let one = Remembered::new(&asked, denial, news.seen(payers));
        happens(&news, payers);
        one.repeated(&asked, &news.seen(payers), Duration::ZERO).is_some()
    };
    let spent = denied("0.0000001usd/day", 60, 0, None, 50);
    let busy = denied("0.0000001usd/day", 40, 20, None, 50);
    let counted = denied("2requests/day", 2, 0, None, 1);
    for (denial, stays) in [(&spent, true), (&busy, false), (&counted, false)] {
        assert!(refused(denial, |_, _| {}));
        assert!(!refused(denial, |news, _| news.changed()), "{denial:?}");
        assert_eq!(refused(denial, |news, payers| news.ended(payers)), stays, "{denial:?}");
    }
}

#[test]
fn one_call_asks_again_before_the_end_and_the_others_do_not() {
    let asked = order(50, 0);
    let denial = denied("2requests/day", 2, 0, None, 1);
    let seen = News::default().seen(&asked.payers);
    let one = Remembered::new(&asked, &denial, seen);
    let late = Duration::from_millis(900);
    assert!(one.of_any(None, &seen, Duration::from_millis(899)).is_some());
    assert!(one.of_any(None, &seen, late).is_none());
    assert!(one.repeated(&asked, &seen, late).is_none());
    assert!(one.repeated(&asked, &seen, late).is_some());
    assert!(one.of_any(None, &seen, late).is_some());
}

#[test]
fn only_what_is_certain_is_refused_at_sight() {
    let chat = Some(Operation::OpenAiChat);
    let speech = Some(Operation::OpenAiSpeech);
    let asked = order(50, 70);
    for (limit, used, charged, refused) in [
        ("0.0000001usd/day", 99, chat, false),
        ("0.0000001usd/day", 100, chat, true),
        ("0.0000001usd/day", 100, speech, false),
        ("0.0000001usd/day", 101, speech, true),
        ("0.0000001usd/day", 101, None, false),
        ("0.0000001usd/day@gpt-5*", 101, chat, false),
        ("100tokens/day", 100, chat, true),
        ("100tokens/day", 200, speech, false),
        ("100characters/day", 200, chat, false),
        ("0characters/day", 0, None, true),
        ("2requests/day", 2, None, true),
        ("2concurrent", 2, None, true),
    ] {
        let denial = denied(limit, used, 0, None, 50);
        let seen = News::default().seen(&asked.payers);
        let one = Remembered::new(&asked, &denial, seen);
        let found = one.of_any(charged, &seen, Duration::ZERO);
        assert_eq!(found.is_some(), refused, "{limit} {used}");
    }
}

#[test]
fn four_denials_of_a_key_are_remembered_each_limit_once() {
    let (denials, news) = (Denials::new(), News::default());
    let asked = order(50, 70);
    let seen = news.seen(&asked.payers);
    let remember = |limit: &str| {
        denials.remember(&asked, &denied(limit, 0, 0, None, 50), seen);
        denials.of_keys.get(&asked.payers.key).unwrap().len()
    };
    assert_eq!(remember("0usd/day"), 1);
    assert_eq!(remember("0usd/day"), 1);
    for (limit, count) in [("0usd/week", 2), ("0usd/month", 3), ("0usd/total", 4)] {
        assert_eq!(remember(limit), count);
    }
    assert_eq!(remember("0tokens/total"), 4);
    assert!(denials.of(&asked, &news).is_some());
    denials.disproved(&order(0, 0));
    assert_eq!(denials.of_keys.get(&asked.payers.key).unwrap().len(), 0);
    remember("0tokens/total");
    let gone = Denial::Status { account: "user:alice".parse().unwrap(), status: String::new() };
    let other =
        HoldOrder { payers: Payers { key: "x".parse().unwrap(), ..asked.payers.clone() }, ..asked };
    denials.remember(&other, &gone, seen);
    assert!(denials.of(&other, &news).is_none());
}
