//! Alerts as real servers get them over HTTP: the format of each channel, the signature as the
//! public library verifies it, and what becomes of answers that are not good.

use crate::alert_sinks::{
    FixedNames, HttpSink, NO_CONTENT, answer, certificate, channel, groq, message, outgoing,
};
use farebox::alert::{Channel, Message, Next, Notice, Outcome, State};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LOOPBACK: &[&str] = &["127.0.0.0/8"];
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn send(channel: &Channel, notice: &Notice) -> Outcome {
    outgoing(LOOPBACK).send(&message(channel, notice)).await
}

fn slack(sink: &HttpSink) -> Channel {
    channel(json!({"type": "slack", "url": sink.url("/services/T0/B0/hook")}))
}

#[tokio::test]
async fn r089_slack_gets_text_and_blocks() {
    let sink = HttpSink::start(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]).await;
    assert_eq!(send(&slack(&sink), &groq()).await, Outcome::Delivered);
    let got = sink.only();
    assert_eq!(got.path, "/services/T0/B0/hook");
    assert_eq!(got.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(got.headers["host"], sink.address.to_string());
    assert!(got.headers["user-agent"].starts_with("farebox/"));
    let body: Value = serde_json::from_str(&got.body).unwrap();
    assert!(body["text"].as_str().unwrap().starts_with("Quota Alert: groq_1"));
    assert!(got.body.contains("QUOTA EXCEEDED") && got.body.contains("100%"));
    let facts = body["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(facts.contains("*Tokens:* 3,600 / 14,400 chars"), "{facts}");
}

#[tokio::test]
async fn r090_a_webhook_is_signed_as_the_public_library_verifies() {
    let sink = HttpSink::start(&[&answer("503 Busy", ""), NO_CONTENT]).await;
    let hook = channel(json!({"type": "webhook", "url": sink.url("/hook?a=b"), "secret": SECRET}));
    assert!(matches!(send(&hook, &groq()).await, Outcome::TryAgain { .. }));
    assert_eq!(send(&hook, &groq()).await, Outcome::Delivered);
    let library = standardwebhooks::Webhook::new(SECRET).unwrap();
    let other = standardwebhooks::Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx").unwrap();
    for got in sink.got.lock().iter() {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, got.headers[name].parse().unwrap());
        }
        assert_eq!((got.path.as_str(), &got.headers["webhook-id"][..]), ("/hook?a=b", "al_42"));
        library.verify(got.body.as_bytes(), &headers).unwrap();
        assert!(other.verify(got.body.as_bytes(), &headers).is_err());
        assert!(library.verify(got.body.replace("groq", "gorq").as_bytes(), &headers).is_err());
        let body: Value = serde_json::from_str(&got.body).unwrap();
        for field in [
            "alert_type",
            "config_id",
            "provider",
            "usage_percent",
            "total_tokens",
            "quota_limit",
            "timestamp",
        ] {
            assert!(!body[field].is_null(), "{field}");
        }
    }
}

#[tokio::test]
async fn r092_pagerduty_gets_a_trigger_and_its_resolve() {
    let sink = HttpSink::start(&[&answer("202 Accepted", "")]).await;
    let pagerduty =
        channel(json!({"type": "pagerduty", "routing_key": "R0UTE", "url": sink.url("")}));
    let notice = groq();
    assert_eq!(send(&pagerduty, &notice).await, Outcome::Delivered);
    let over = Notice { state: State::Resolved, ..notice };
    assert!(pagerduty.wants(&over));
    assert_eq!(send(&pagerduty, &over).await, Outcome::Delivered);
    let got = sink.got.lock().clone();
    let body = |i: usize| serde_json::from_str::<Value>(&got[i].body).unwrap();
    assert_eq!((got[0].path.as_str(), got[1].path.as_str()), ("/v2/enqueue", "/v2/enqueue"));
    assert_eq!(
        (&body(0)["event_action"], &body(1)["event_action"]),
        (&json!("trigger"), &json!("resolve"))
    );
    assert_eq!(body(0)["dedup_key"], "farebox/credential:groq_1/20261128");
    assert_eq!(body(0)["dedup_key"], body(1)["dedup_key"]);
}

#[tokio::test]
async fn r091_twilio_gets_a_form_with_its_password() {
    let sink = HttpSink::start(&[&answer("201 Created", "")]).await;
    let twilio = channel(json!({
        "type": "twilio", "account_sid": "AC123", "auth_token": "t0ken", "from": "+15005550006",
        "to": "+15005550001", "url": sink.url("/prefix/"), "daily_cap": 3,
    }));
    assert_eq!(twilio.rate().per_day, Some(3));
    assert_eq!(send(&twilio, &groq()).await, Outcome::Delivered);
    let got = sink.only();
    assert_eq!(got.path, "/prefix/2010-04-01/Accounts/AC123/Messages.json");
    assert_eq!(got.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(got.headers["authorization"], "Basic QUMxMjM6dDBrZW4=");
    assert!(
        got.body.starts_with("To=%2B15005550001&From=%2B15005550006&Body=QUOTA%20EXCEEDED%3A"),
        "{}",
        got.body
    );
}

#[tokio::test]
async fn an_answer_decides_what_comes_next() {
    let ask = answer("429 Too Many Requests", "retry-after: 30\r\n");
    for (answer, next) in [
        (ask.as_str(), Next::At(30_000)),
        (&answer("500 Oops", ""), Next::At(5_000)),
        (&answer("408 Slow", ""), Next::At(5_000)),
        (&answer("404 Gone", ""), Next::GiveUp),
        (&answer("400 Bad", ""), Next::GiveUp),
        ("HTTP/1.1 200 OK\r\n\r\n", Next::Done),
        // An end in the middle of the head, no HTTP at all, nothing.
        ("HTTP/1.1 200 OK\r\nx", Next::At(5_000)),
        ("220 mail.example.com ESMTP\r\n", Next::At(5_000)),
    ] {
        let sink = HttpSink::start(&[answer]).await;
        let outcome = send(&slack(&sink), &groq()).await;
        assert_eq!(outcome.next(1, 0), next, "{answer:?}: {outcome:?}");
        let why = outcome.why().unwrap_or_default();
        assert!(!why.contains("hook") || why.contains("hook was removed"), "{why}");
    }
    let gone = HttpSink::start(&[NO_CONTENT]).await.address;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    assert_ne!(gone, free);
    let refused = channel(json!({"type": "slack", "url": format!("http://{free}/hook")}));
    let outcome = send(&refused, &groq()).await;
    assert!(
        matches!(&outcome, Outcome::TryAgain { why, .. } if why.contains("refused")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_hook_that_hangs_or_floods_costs_ten_seconds_at_most() {
    async fn hook(behave: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            assert!(tcp.read(&mut [0; 4096]).await.unwrap() > 0);
            if behave != "silent" {
                tcp.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
            }
            match behave {
                "head" => while tcp.write_all(&[b'x'; 1000]).await.is_ok() {},
                "body" => {
                    tcp.write_all(b"\r\n").await.unwrap();
                    while tcp.write_all(&[b'x'; 1000]).await.is_ok() {}
                }
                "stuck" => tcp.write_all(b"content-length: 9\r\n\r\nx").await.unwrap(),
                _ => {}
            }
            std::future::pending::<()>().await;
        });
        address
    }
    let sent = async |behave, scheme: &str| {
        let url = format!("{scheme}://{}/hook", hook(behave).await);
        send(&channel(json!({"type": "slack", "url": url})), &groq()).await
    };
    let (silent, tls, head, body, stuck) = tokio::join!(
        sent("silent", "http"),
        sent("silent", "https"),
        sent("head", "http"),
        sent("body", "http"),
        sent("stuck", "http"),
    );
    for outcome in [&silent, &tls] {
        assert!(outcome.why().unwrap().contains("no answer within 10 s"), "{outcome:?}");
    }
    assert!(matches!(head, Outcome::TryAgain { .. }), "{head:?}");
    // Whoever said 200 has it, whatever follows.
    assert_eq!((body, stuck), (Outcome::Delivered, Outcome::Delivered));
}

#[tokio::test]
async fn tls_is_verified_against_the_name() {
    let (certificate, acceptor) = certificate("hooks.example.com");
    let address = "127.0.0.1:0".parse().unwrap();
    let sink = HttpSink::on(address, &[NO_CONTENT], Some(acceptor)).await;
    let names = FixedNames::new(&[&["127.0.0.1"]]);
    let trusting =
        || outgoing(LOOPBACK).resolving(names.clone()).trusting(certificate.clone()).unwrap();
    let to = |host: &str| -> Message {
        let url = format!("https://{host}:{}/x", sink.address.port());
        message(&channel(json!({"type": "slack", "url": url})), &groq())
    };
    assert_eq!(trusting().send(&to("hooks.example.com")).await, Outcome::Delivered);
    let wrong_name = trusting().send(&to("hooks.example.org")).await;
    assert!(wrong_name.why().unwrap().contains("certificate"), "{wrong_name:?}");
    let stranger = outgoing(LOOPBACK).resolving(names.clone()).send(&to("hooks.example.com")).await;
    assert!(stranger.why().unwrap().contains("certificate"), "{stranger:?}");
    assert_eq!(sink.got.lock().len(), 1);
}
