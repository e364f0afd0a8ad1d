//! Which headers go on, in which direction, and which are added.

use super::authenticate::carries_a_key;
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::ids::CallId;
use crate::ledger::Standing;
use crate::limit::Meter;
use crate::money::NanoUsd;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that concern one connection only (RFC 9110 section 7.6.1), and what proxies add.
const HOP_BY_HOP: [&str; 15] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
    "content-length",
];

/// What a client says about itself to a provider account that is not its own.
const OF_THE_CLIENT: [&str; 4] =
    ["openai-organization", "openai-project", "x-goog-user-project", "cookie"];

/// What a provider says about our account, or sets in the client.
const OF_THE_PROVIDER: [&str; 3] = ["openai-organization", "openai-project", "set-cookie"];

/// The headers of a request as they go to the provider, without a credential.
pub(super) fn to_provider(headers: &HeaderMap, identity_only: bool) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut out = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        let text = name.as_str();
        let dropped = HOP_BY_HOP.contains(&text)
            || OF_THE_CLIENT.contains(&text)
            || text.starts_with("x-forwarded-")
            || carries_a_key(text)
            || named.contains(name);
        if !dropped {
            out.append(name.clone(), value.clone());
        }
    }
    if identity_only {
        out.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    out
}

/// The headers of an answer as they go to the client. `keep_length`: the body goes on unchanged.
pub(super) fn to_client(headers: &HeaderMap, keep_length: bool) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut out = HeaderMap::with_capacity(headers.len() + 8);
    for (name, value) in headers {
        let text = name.as_str();
        let length = text == "content-length" && keep_length;
        let dropped = (HOP_BY_HOP.contains(&text) && !length)
            || OF_THE_PROVIDER.contains(&text)
            || text.starts_with("x-ratelimit-")
            || named.contains(name);
        if !dropped {
            out.append(name.clone(), value.clone());
        }
    }
    out
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lists = headers.get_all(header::CONNECTION).iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-farebox-request-id");
const COST: HeaderName = HeaderName::from_static("x-farebox-cost-usd");
const BUDGET_LIMIT: HeaderName = HeaderName::from_static("x-farebox-budget-limit-usd");
const BUDGET_REMAINING: HeaderName = HeaderName::from_static("x-farebox-budget-remaining-usd");
const BUDGET_RESET: HeaderName = HeaderName::from_static("x-farebox-budget-reset");

/// The names under which OpenAI's clients look for a rate: limit, remaining, reset.
const RATES: [(Meter, [HeaderName; 3]); 2] = [
    (
        Meter::Requests,
        [
            HeaderName::from_static("x-ratelimit-limit-requests"),
            HeaderName::from_static("x-ratelimit-remaining-requests"),
            HeaderName::from_static("x-ratelimit-reset-requests"),
        ],
    ),
    (
        Meter::Tokens,
        [
            HeaderName::from_static("x-ratelimit-limit-tokens"),
            HeaderName::from_static("x-ratelimit-remaining-tokens"),
            HeaderName::from_static("x-ratelimit-reset-tokens"),
        ],
    ),
];

/// Adds the call's id.
pub(super) fn add_id(headers: &mut HeaderMap, id: CallId) {
    put(headers, REQUEST_ID, id.to_string());
}

/// Adds what the call cost.
pub(super) fn add_cost(headers: &mut HeaderMap, cost: NanoUsd) {
    put(headers, COST, cost.to_string());
}

/// Adds the caller's tightest dollar, request and token limits, after admission.
pub(super) fn add_standings(headers: &mut HeaderMap, standings: &[Standing], now: UnixMs) {
    if let Some(budget) = tightest(standings, Meter::Usd) {
        put(headers, BUDGET_LIMIT, NanoUsd::new(budget.allowed()).to_string());
        put(headers, BUDGET_REMAINING, NanoUsd::new(budget.remaining()).to_string());
        if let Some(at) = budget.resets {
            put(headers, BUDGET_RESET, rfc3339_seconds(at));
        }
    }
    for (meter, [limit, remaining, reset]) in RATES {
        let Some(rate) = tightest(standings, meter) else { continue };
        headers.insert(limit, HeaderValue::from(rate.allowed()));
        headers.insert(remaining, HeaderValue::from(rate.remaining()));
        if let Some(at) = rate.resets {
            put(headers, reset, span(at.saturating_sub(now)));
        }
    }
}

fn tightest(standings: &[Standing], meter: Meter) -> Option<&Standing> {
    let of_meter = standings.iter().filter(|s| s.limit.meter == meter && !s.limit.observe);
    of_meter.min_by_key(|s| s.remaining())
}

/// A span as OpenAI writes it: `1h2m3s`, `12s`, `250ms`.
fn span(ms: i64) -> String {
    let ms = ms.max(0);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{}ms", ms % 1000),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn keys_hops_and_the_clients_own_account_stay_here() {
        let sent = to_provider(
            &map(&[
                ("authorization", "Bearer sk-fb-x"),
                ("x-api-key", "sk-fb-x"),
                ("connection", "keep-alive, x-private"),
                ("x-private", "1"),
                ("x-forwarded-for", "10.0.0.1"),
                ("cookie", "a=b"),
                ("openai-organization", "org"),
                ("x-goog-user-project", "p"),
                ("content-type", "application/json"),
                ("x-stainless-lang", "python"),
                ("accept-encoding", "gzip"),
            ]),
            true,
        );
        let kept = map(&[
            ("content-type", "application/json"),
            ("x-stainless-lang", "python"),
            ("accept-encoding", "identity"),
        ]);
        assert_eq!(sent, kept);
    }

    #[test]
    fn the_providers_account_stays_hidden() {
        let headers = map(&[
            ("x-ratelimit-limit-requests", "5000"),
            ("openai-organization", "org"),
            ("set-cookie", "a=b"),
            ("content-length", "5"),
            ("x-request-id", "req_1"),
        ]);
        assert_eq!(to_client(&headers, false), map(&[("x-request-id", "req_1")]));
        assert!(to_client(&headers, true).contains_key("content-length"));
    }

    #[test]
    fn spans_are_written_as_openai_does() {
        for (ms, text) in
            [(250, "250ms"), (12_000, "12s"), (360_000, "6m0s"), (3_723_999, "1h2m3s"), (-5, "0ms")]
        {
            assert_eq!(span(ms), text);
        }
    }
}
