//! What `farebox reconcile` says when it cannot compare: keys, addresses, patience, reports that
//! make no sense. Against a server that answers as it is told.

use crate::control_desk::{Desk, TOKEN};
use crate::reconcile_rig::{ADMIN_KEY, KINDS, Printed, Rig, verb};
use crate::world::PROVIDER_KEY;
use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri, header};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An empty report of each provider.
const EMPTY: &str = r#"{"data":[],"has_more":false,"next_page":null}"#;

/// A provider that gives `answer` the number of the request and its address.
async fn provider<F>(answer: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(usize, &Uri) -> Response + Clone + Send + Sync + 'static,
{
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let router = Router::new()
        .fallback(async move |uri: Uri| answer(count.fetch_add(1, Ordering::SeqCst), &uri));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

fn reconcile(desk: &Desk, url: &str, arguments: &[&str], key: &[(&str, &str)]) -> Printed {
    let admin = format!("http://{}", desk.at);
    let common = ["reconcile", "--provider-url", url, "--admin-url", &admin];
    let token = [("FAREBOX_ADMIN_TOKEN", TOKEN)];
    verb(&[&common, arguments].concat(), &[key, &token].concat())
}

#[track_caller]
fn failed(printed: &Printed, status: i32, words: &[&str]) {
    assert_eq!(printed.status, status, "{printed:?}");
    for word in words {
        assert!(printed.err.contains(word), "{word}: {}", printed.err);
    }
    assert_eq!(printed.out, "");
}

const OPENAI: [&str; 2] = ["--provider", "openai"];
const KEY: [(&str, &str); 1] = [("OPENAI_ADMIN_KEY", ADMIN_KEY)];

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_may_not_read_reports_are_named_and_never_shown() {
    for kind in KINDS {
        let rig = Rig::start(kind).await;
        for key in [PROVIDER_KEY, "sk-unknown"] {
            let printed = rig.reconcile_with(0, &[], key).await;
            failed(&printed, 4, &[kind.name, kind.variable, "create an admin key at https://"]);
        }
        let printed = rig.reconcile_with(0, &[], " ").await;
        failed(&printed, 4, &["there is no key", kind.variable, "create an admin key"]);
        let printed = rig.reconcile_with(0, &[], "sk-\u{1}").await;
        failed(&printed, 4, &[kind.variable, "characters that no key has"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r021_values_on_the_command_line_are_refused_by_name() {
    let desk = Desk::start().await;
    let (url, asked) = provider(|_, _| EMPTY.into_response()).await;
    for (arguments, words) in [
        (["--provider", "mistral", "--since", "1d"], ["mistral", "openai"]),
        (["--provider", "openai", "--since", "yesterday"], ["`yesterday`", "2026-11-24"]),
        (["--provider", "openai", "--since", "-1d"], ["`-1d`", "--since"]),
        (["--provider", "openai", "--until", "3d"], ["--since 24h", "before the end"]),
        (["--provider", "openai", "--tolerance", "-1"], ["`-1`", "from 0 to 100"]),
        (["--provider", "openai", "--tolerance", "1e3"], ["`1e3`", "from 0 to 100"]),
        (["--provider", "openrouter", "--since", "1m"], ["days that are over", "24h"]),
        (["--provider", "openrouter", "--since", "60d"], ["60d", "30 days are kept"]),
    ] {
        if arguments[3] == "1m" && !only_today() {
            continue;
        }
        failed(&reconcile(&desk, &url, &arguments, &KEY), 2, &words);
    }
    failed(&reconcile(&desk, "ftp://x", &OPENAI, &KEY), 2, &["`ftp://x`", "api.openai.com"]);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing was asked for");
}

/// A minute ago was today.
fn only_today() -> bool {
    farebox::clock::Clock::system().now().rem_euclid(86_400_000) > 120_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_patience_gets_it_within_bounds() {
    let desk = Desk::start().await;
    let wait = |seconds: &'static str| {
        (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], "{}").into_response()
    };
    let (url, asked) = provider(move |number, _| match number {
        0 | 2 => wait("0"),
        _ => EMPTY.into_response(),
    })
    .await;
    let printed = reconcile(&desk, &url, &OPENAI, &KEY);
    assert_eq!(printed.status, 0, "{printed:?}");
    assert!(printed.out.ends_with("difference: 0.00 % ($0.00)\n"), "{}", printed.out);
    // Five kinds of usage and the costs, and two answers that asked to come again.
    assert_eq!(asked.load(Ordering::SeqCst), 8);
    let (url, asked) = provider(move |_, _| wait("3600")).await;
    let printed = reconcile(&desk, &url, &OPENAI, &KEY);
    failed(&printed, 7, &["429", "try again in 3600 s"]);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let (url, asked) = provider(move |_, _| wait("0")).await;
    failed(&reconcile(&desk, &url, &OPENAI, &KEY), 7, &["429"]);
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_do_not_answer_or_have_no_reports() {
    let desk = Desk::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    failed(&reconcile(&desk, &away, &OPENAI, &KEY), 7, &["does not answer", "--provider-url"]);
    let (url, _) = provider(|_, _| StatusCode::NOT_FOUND.into_response()).await;
    failed(&reconcile(&desk, &url, &OPENAI, &KEY), 5, &["has no usage API", "--provider-url"]);
    let (url, asked) = provider(|_, _| EMPTY.into_response()).await;
    let lost = ["reconcile", "--provider", "openai", "--provider-url", &url, "--admin-url", &away];
    let printed = verb(&lost, &[KEY[0], ("FAREBOX_ADMIN_TOKEN", TOKEN)]);
    failed(&printed, 7, &["does not answer", "farebox serve"]);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_make_no_sense_are_refused_with_the_value() {
    let desk = Desk::start().await;
    let now = farebox::clock::Clock::system().now() / 1000;
    let usage = |fields: &str| {
        format!(
            r#"{{"data":[{{"start_time":{now},"results":[{{"model":"m",{fields}}}]}}],"has_more":false}}"#
        )
    };
    for (report, words) in [
        ("<html>".to_owned(), ["/organization/usage/completions", "expected"]),
        (r#"{"data":5}"#.to_owned(), ["/organization/usage/completions", "expected"]),
        (r#"{"data":[],"has_more":true}"#.to_owned(), ["completions", "more pages"]),
        (usage(r#""input_tokens":-5"#), ["input_tokens", "`-5`"]),
        (usage(r#""input_tokens":1.5"#), ["input_tokens", "`1.5`"]),
        (usage(r#""output_tokens":"many""#), ["output_tokens", "`many`"]),
        (usage(r#""num_model_requests":1e40"#), ["num_model_requests", "`1e40`"]),
        (usage(r#""input_cached_tokens":{}"#), ["input_cached_tokens", "`{}`"]),
    ] {
        let (url, _) = provider(move |_, _| report.clone().into_response()).await;
        failed(&reconcile(&desk, &url, &OPENAI, &KEY), 1, &words);
    }
    let costs = |amount: &str| usage(&format!(r#""amount":{amount},"line_item":"m, input""#));
    for (amount, words) in [
        (r#"{"value":"1,5","currency":"usd"}"#, ["amount.value", "`1,5`"]),
        (r#"{"value":1,"currency":"eur"}"#, ["`eur`", "usd"]),
    ] {
        let report = costs(amount);
        let (url, _) = provider(move |_, uri| match uri.path().ends_with("/costs") {
            true => report.clone().into_response(),
            false => EMPTY.into_response(),
        })
        .await;
        failed(&reconcile(&desk, &url, &OPENAI, &KEY), 1, &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_end_is_given_up() {
    let desk = Desk::start().await;
    let endless = r#"{"data":[],"has_more":true,"next_page":"again"}"#;
    let (url, asked) = provider(move |_, _| endless.into_response()).await;
    failed(&reconcile(&desk, &url, &OPENAI, &KEY), 2, &["more than 200 pages", "--since"]);
    assert_eq!(asked.load(Ordering::SeqCst), 200);
}
