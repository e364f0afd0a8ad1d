//! Status, code and headers of refusals. Compiled under `#[cfg(test)]` only.

use super::*;
use crate::ids::AccountId;

fn denied(limit: &str, resets: Option<UnixMs>) -> Refusal {
    let standing = Standing {
        account: AccountId::user(&"alice".parse().unwrap()),
        limit: limit.parse().unwrap(),
        bump: None,
        carried: 0,
        used: 3,
        held: 1,
        resets,
    };
    Refusal::Limit(Box::new(LimitDenial { standing, wanted: 2, now: 1_000 }))
}

fn check(refusal: Refusal, status: u16, code: &str, retry: Option<&str>, after: Option<&str>) {
    let response = refusal.response(Dialect::OpenAi, CallId::new());
    let header = |name| response.headers().get(name).map(|v: &HeaderValue| v.to_str().unwrap());
    assert_eq!(response.status(), status, "{code}");
    assert_eq!(refusal.reason(), code);
    assert_eq!(header("x-should-retry"), retry, "{code}");
    assert_eq!(header("retry-after"), after, "{code}");
}

#[test]
fn r031_each_refusal_carries_what_sdks_obey() {
    check(denied("1usd/day", Some(61_500)), 429, "insufficient_quota", Some("false"), Some("61"));
    check(denied("1usd/total", None), 429, "insufficient_quota", Some("false"), None);
    check(denied("3req/minute", Some(2_000)), 429, "rate_limit_exceeded", Some("true"), Some("1"));
    check(denied("3concurrent", None), 429, "concurrency_limit_exceeded", Some("true"), Some("1"));
    check(denied("3tok/total", None), 429, "rate_limit_exceeded", Some("false"), None);
    check(Refusal::Ledger, 503, "ledger_unavailable", None, Some("2"));
    check(Refusal::Overloaded, 503, "overloaded", None, Some("1"));
    check(Refusal::Exhausted(Some(7)), 503, "provider_quota_exhausted", None, Some("7"));
    check(Refusal::Exhausted(None), 503, "provider_quota_exhausted", None, Some("30"));
    check(Refusal::Key("it is unknown"), 401, "invalid_api_key", None, None);
    check(Refusal::Timeout, 504, "upstream_timeout", None, None);
}

#[test]
fn r032_the_body_says_which_limit_and_when_it_resets() {
    let detail = denied("0.5usd/day", Some(86_400_000)).detail("insufficient_quota");
    assert_eq!(
        detail,
        json!({
            "reason": "insufficient_quota", "account": "user:alice", "limit": "0.5 usd/day",
            "used": "0.000000003", "held": "0.000000001", "wanted": "0.000000002",
            "resets_at": "1970-01-02T00:00:00Z",
        })
    );
}
