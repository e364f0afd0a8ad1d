//! A provider's pool: which credential a call goes with, what its answer does to the credential,
//! and where the call goes then.

use crate::pool_rig::{BROKE, FAILING, LIMITED, NOW, Pool, REJECTED, order};
use crate::world::rules;
use farebox::provider::{Choose, Policy, Quota};
use farebox::proxy::{Rules, UpstreamBounds};
use std::time::Duration;

const PRIORITY: Policy = Policy {
    choose: Choose::Priority,
    sticky: false,
    breaker: farebox::provider::BreakerBounds { failures: 5, pause_ms: 30_000 },
    retries: 1,
    retry_budget_percent: 10,
    retry_billed: false,
};

#[tokio::test]
async fn r081_the_order_of_a_pool_is_the_operators() {
    let pool = Pool::of(&["a", "b"], order(Choose::Priority)).await;
    assert_eq!(pool.served(3).await, ["a", "a", "a"]);
    let pool = Pool::of(&["a", "b"], order(Choose::RoundRobin)).await;
    assert_eq!(pool.served(4).await, ["a", "b", "a", "b"]);
    let pool = Pool::of(&["a", "b"], order(Choose::LeastUsed)).await;
    assert_eq!(pool.served(4).await, ["a", "b", "a", "b"]);
    let used = Quota { utilization: Some(1), ..Quota::default() };
    pool.provider.told("a", used);
    pool.provider.told("b", Quota { utilization: Some(2), ..used });
    assert_eq!(pool.served(2).await, ["a", "a"]);
    let sticky = Policy { sticky: true, ..order(Choose::Weighted) };
    let pool = Pool::of(&["a", "b", "c", "d"], sticky).await;
    let first = pool.served(1).await.remove(0);
    assert!(pool.served(5).await.iter().all(|by| *by == first), "one key, one model");
    pool.provider
        .credential(&first)
        .unwrap()
        .health
        .told(Quota { disabled: true, ..Quota::default() });
    assert_ne!(pool.served(1).await, [first]);
    pool.balanced().await;
}

/// What one credential is told, what it is then, and who serves the call.
#[tokio::test]
async fn r037_r082_what_a_provider_says_of_a_credential_takes_it_out() {
    for (script, state, returns) in [
        (REJECTED, "quarantined", None),
        (r#"{"status":403}"#, "quarantined", None),
        (BROKE, "disabled", None),
        (r#"{"status":402}"#, "disabled", None),
        (LIMITED, "cooling_down", Some(7_000)),
        (r#"{"status":429}"#, "cooling_down", Some(30_000)),
        (r#"{"status":429,"retry_after":1000000}"#, "cooling_down", Some(600_000)),
        (r#"{"status":429,"retry_after":0}"#, "cooling_down", Some(1_000)),
        (r#"{"status":503,"retry_after":9}"#, "cooling_down", Some(9_000)),
    ] {
        let pool = Pool::of(&["a", "b"], PRIORITY).await;
        pool.play("a", script);
        assert_eq!(pool.served(1).await, ["b"], "{script}");
        assert_eq!(pool.states(), [state, "available"], "{script}");
        assert_eq!(pool.counted("a").await, (1, 1), "{script}");
        assert_eq!(pool.served(2).await, ["b", "b"], "{script}");
        assert_eq!(pool.counted("a").await, (1, 1), "it is not asked again: {script}");
        pool.works("a");
        pool.clock.advance(returns.unwrap_or(86_400_000));
        let again = if returns.is_some() { "a" } else { "b" };
        assert_eq!(pool.served(1).await, [again], "{script}");
        pool.balanced().await;
    }
}

#[tokio::test]
async fn r082_five_failures_open_the_breaker_and_one_probe_closes_it() {
    let pool = Pool::of(&["a", "b"], PRIORITY).await;
    pool.play("a", FAILING);
    assert_eq!(pool.served(7).await, ["b"; 7]);
    assert_eq!(pool.counted("a").await, (5, 5), "it is left alone after five failures");
    assert_eq!(pool.states(), ["cooling_down", "available"]);
    pool.clock.advance(30_000);
    assert_eq!(pool.served(2).await, ["b"; 2]);
    assert_eq!(pool.counted("a").await, (6, 6), "one probe, which failed");
    pool.works("a");
    pool.clock.advance(30_000);
    assert_eq!(pool.served(2).await, ["a"; 2]);
    assert_eq!(pool.states(), ["available", "available"]);
    pool.balanced().await;
}

#[tokio::test]
async fn r082_a_success_that_is_an_error_counts_as_a_failure() {
    let pool = Pool::of(&["a", "b"], PRIORITY).await;
    pool.play("a", r#"{"status":200,"error":"server_error"}"#);
    for _ in 0..5 {
        let answer = pool.chat().await;
        assert_eq!((answer.status(), answer.code().as_str()), (200, "server_error"), "{answer:?}");
        pool.world.events().await;
    }
    assert_eq!(pool.states(), ["cooling_down", "available"]);
    assert_eq!(pool.served(1).await, ["b"]);
    assert_eq!(pool.counted("a").await, (5, 5));
}

#[tokio::test]
async fn when_all_are_out_the_refusal_says_when_to_return() {
    let pool = Pool::of(&["a", "b", "c"], PRIORITY).await;
    pool.play("a", r#"{"status":429,"retry_after":90}"#);
    pool.play("b", r#"{"status":429,"retry_after":7}"#);
    pool.play("c", REJECTED);
    let first = pool.chat().await;
    assert_eq!((first.status(), first.code().as_str()), (502, "upstream_credential_rejected"));
    pool.clock.advance(4_500);
    let answer = pool.chat().await;
    assert_eq!((answer.status(), answer.code().as_str()), (503, "provider_quota_exhausted"));
    assert_eq!(answer.header("retry-after").as_deref(), Some("3"), "2.5 seconds, rounded up");
    assert_eq!(answer.header("x-should-retry"), None);
    assert_eq!(pool.world.simulated.bill().refused(), 3, "nobody is asked in vain");
    pool.works("b");
    pool.clock.advance(2_500);
    assert_eq!(pool.served(1).await, ["b"]);
    pool.balanced().await;
}

/// The last word of a provider goes to the client as it is, unless it may show a piece of our key.
#[tokio::test]
async fn the_answer_of_the_last_credential_passes() {
    for (script, status, code) in [
        (LIMITED, 429, ""),
        (FAILING, 500, ""),
        (BROKE, 429, "insufficient_quota"),
        (REJECTED, 502, "upstream_credential_rejected"),
    ] {
        let pool = Pool::of(&["a"], PRIORITY).await;
        pool.play("a", script);
        let answer = pool.chat().await;
        assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{script}");
        assert!(!answer.text().contains("sk-provider"), "{answer:?}");
        if script == LIMITED {
            assert_eq!(answer.header("retry-after").as_deref(), Some("7"));
            assert!(answer.text().contains("Rate limit reached for requests."), "{answer:?}");
        }
        let event = pool.world.only_event().await;
        assert_eq!(event.cost.get(), 0, "{script}");
        assert_eq!(pool.counted("a").await, (1, 1), "{script}");
    }
}

/// A refusal of what a call names is no word about the credential.
#[tokio::test]
async fn a_model_that_is_not_for_the_account_quarantines_nobody() {
    let pool = Pool::of(&["a", "b"], PRIORITY).await;
    pool.play("a", r#"{"status":403,"error":"model_not_found"}"#);
    assert_eq!(pool.served(1).await, ["b"]);
    assert_eq!(pool.states(), ["available", "available"]);
}

#[tokio::test]
async fn enabling_by_hand_lifts_a_quarantine() {
    let pool = Pool::of(&["a", "b"], PRIORITY).await;
    pool.provider.told("a", Quota::default());
    pool.play("a", REJECTED);
    assert_eq!(pool.served(1).await, ["b"]);
    pool.works("a");
    pool.provider.told("a", Quota::default());
    assert_eq!(pool.served(1).await, ["b"]);
    pool.provider.told("a", Quota { enabled_at: Some(NOW), ..Quota::default() });
    assert_eq!(pool.served(1).await, ["a"]);
}

/// Of a call whose answer did not begin in time the provider may have made the answer.
#[tokio::test]
async fn a_call_that_may_have_been_billed_is_not_sent_twice_unless_configured() {
    let upstream =
        UpstreamBounds { first_byte: Duration::from_millis(300), ..UpstreamBounds::default() };
    let rules = Rules { upstream, ..rules() };
    const LATE: &str = r#"{"first_delay_ms":60000}"#;
    let pool = Pool::with(&["a", "b"], PRIORITY, rules.clone()).await;
    pool.play("a", LATE);
    let answer = pool.chat().await;
    assert_eq!((answer.status(), answer.code().as_str()), (504, "upstream_timeout"));
    assert_eq!(pool.world.simulated.bill().calls(), 1);
    let event = pool.world.only_event().await;
    assert!(event.estimated && event.cost.get() > 0, "{event:?}");
    let account = pool.account("a").await;
    assert_eq!((account.total_requests, account.failed_requests), (1, 1));
    assert_eq!(account.total_usd, event.cost);

    let again = Policy { retry_billed: true, ..PRIORITY };
    let pool = Pool::with(&["a", "b"], again, rules).await;
    pool.play("a", LATE);
    assert_eq!(pool.served(1).await, ["b"]);
    let event = pool.world.only_event().await;
    assert!(!event.estimated, "whoever calls pays for the answer that came: {event:?}");
    assert!(pool.account("a").await.total_usd.get() > 0, "and the credential for both");
    assert_eq!(pool.account("b").await.total_usd, event.cost);
}

#[tokio::test]
async fn r081_one_retry_a_call_and_ten_for_a_hundred_calls() {
    let pool = Pool::of(&["a", "b", "c"], order(Choose::RoundRobin)).await;
    for name in ["a", "b", "c"] {
        pool.play(name, FAILING);
    }
    let answer = pool.chat().await;
    assert_eq!(answer.status(), 500, "the third is not tried");
    assert_eq!(pool.world.simulated.bill().refused(), 2);

    let patient = farebox::provider::BreakerBounds { failures: 1000, pause_ms: 1000 };
    let policy = Policy { breaker: patient, ..order(Choose::Priority) };
    let pool = Pool::of(&["a", "b"], policy).await;
    pool.play("a", FAILING);
    pool.play("b", FAILING);
    // Few enough that their failures make no rate.
    for _ in 0..9 {
        assert_eq!(pool.chat().await.status(), 500);
    }
    assert_eq!(pool.world.simulated.bill().refused(), 18, "a quiet proxy may retry");
    let never = Policy { retries: 0, ..order(Choose::Priority) };
    let pool = Pool::of(&["a", "b"], never).await;
    pool.play("a", FAILING);
    assert_eq!(pool.chat().await.status(), 500);
    assert_eq!(pool.world.simulated.bill().refused(), 1);
}

#[tokio::test]
async fn r072_a_credential_out_of_quota_is_passed_over_until_its_window_turns() {
    let never = Policy { retries: 0, ..order(Choose::Priority) };
    let pool = Pool::of(&["a", "b"], never).await;
    pool.limit("a", &["2 requests/day"]).await;
    pool.limit("b", &["1 requests/day"]).await;
    assert_eq!(pool.served(3).await, ["a", "a", "b"], "no retry is needed for that");
    assert_eq!(pool.states(), ["disabled", "available"], "the ledger said so of the first");
    let answer = pool.chat().await;
    assert_eq!((answer.status(), answer.code().as_str()), (503, "provider_quota_exhausted"));
    assert_eq!(answer.header("retry-after").as_deref(), Some("43200"), "at midnight");
    assert_eq!(pool.states(), ["disabled", "disabled"]);
    assert_eq!((pool.counted("a").await, pool.counted("b").await), ((2, 0), (1, 0)));
    pool.clock.advance(43_200_000);
    assert_eq!(pool.served(1).await, ["a"]);
    pool.balanced().await;
}
