//! What is no word about a credential: what a caller asked for, that it left, or that its budget
//! ended. And what a credential's error says in whatever encoding it comes.

use crate::canned;
use crate::pool_rig::{NOW, Pool, credentials, order};
use crate::world::{CHAT, chat, rules};
use farebox::demo::provider::Simulated;
use farebox::ledger::Ending;
use farebox::provider::{Choose, Provider, Quota};
use farebox::proxy::{Disconnect, OnExhausted, Rules};
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Whoever runs out of money in the middle of answers has no say in which credentials work.
#[tokio::test]
async fn streams_that_are_stopped_for_their_payers_open_no_breaker() {
    let rules = Rules { on_exhausted: OnExhausted::Stop, ..rules() };
    let pool = Pool::with(&["a", "b"], order(Choose::Priority), rules).await;
    let script = "x-simulate: {\"output\":20000,\"chunks\":200,\"pad\":80000,\"delay_ms\":1}\r\n";
    for n in 0..5 {
        let key = pool.world.user(&format!("poor{n}"), &["0.012 usd/day"], None, &[]).await;
        let body = chat("gpt-4o", r#","stream":true"#);
        let answer = pool.world.call_as(&key, CHAT, script, &body).await;
        assert!(answer.text().contains("insufficient_quota"), "{answer:?}");
    }
    assert!(pool.world.events().await.iter().all(|event| event.ending == Ending::Cut));
    assert_eq!(pool.states(), ["available", "available"]);
    assert_eq!(pool.counted("a").await, (5, 0), "it served all that it was asked for");
}

/// A provider whose first answer is `answer`, given once `now` says so; others are never asked.
struct Raw {
    base_url: String,
    asked: Arc<AtomicUsize>,
    came: Arc<Notify>,
    now: Arc<Notify>,
}

impl Raw {
    async fn answering(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let raw =
            Self { base_url, asked: Arc::default(), came: Arc::default(), now: Arc::default() };
        let (asked, came, now) = (raw.asked.clone(), raw.came.clone(), raw.now.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                came.notify_one();
                tokio::spawn(say(stream, now.clone(), answer.clone()));
            }
        });
        raw
    }

    async fn pool(&self, names: &[&str], rules: Rules) -> Pool {
        let provider = Provider {
            credentials: credentials(names),
            policy: order(Choose::Priority),
            ..canned::provider("openai", self.base_url.clone())
        };
        let simulated = Simulated::start(None).await.unwrap();
        Pool::beside(simulated, provider, Vec::new(), Vec::new(), rules).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn say(mut stream: TcpStream, now: Arc<Notify>, answer: Vec<u8>) {
    let mut seen = vec![0; 1 << 16];
    let _ = stream.read(&mut seen).await.unwrap();
    now.notified().await;
    now.notify_one();
    stream.write_all(&answer).await.unwrap();
}

fn raw(head: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Nobody waits for the answer of a second attempt, so none is made.
#[tokio::test]
async fn a_call_whose_client_has_left_is_not_sent_again() {
    let provider = Raw::answering(raw("500 x", b"{}")).await;
    let rules = Rules { on_disconnect: Disconnect::Drain, ..rules() };
    let pool = provider.pool(&["a", "b"], rules).await;
    let client = pool.world.begin(CHAT, "", &chat("gpt-4o-mini", "")).await;
    provider.came.notified().await;
    drop(client);
    // By the time that another one is answered, the proxy knows.
    for _ in 0..3 {
        assert_eq!(pool.world.call(CHAT, "", "{}").await.status(), 400);
    }
    provider.now.notify_one();
    let event = pool.world.only_event().await;
    assert_eq!((event.status, event.cost.get()), (500, 0), "{event:?}");
    assert_eq!(provider.asked(), 1);
    assert_eq!(pool.counted("a").await, (1, 1));
}

/// The words of an error are read to understand it; whoever leaves meanwhile is charged nothing.
#[tokio::test]
async fn a_client_that_leaves_while_an_error_is_read_is_charged_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let raw = Raw { base_url, asked: Arc::default(), came: Arc::default(), now: Arc::default() };
    let said = raw.came.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 1 << 16];
        let _ = stream.read(&mut seen).await.unwrap();
        let head =
            b"HTTP/1.1 429 x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        said.notify_one();
        // The rest never comes.
        std::future::pending::<()>().await;
    });
    let rules = Rules { on_disconnect: Disconnect::Cancel, ..rules() };
    let pool = raw.pool(&["a"], rules).await;
    let client = pool.world.begin(CHAT, "", &chat("gpt-4o-mini", "")).await;
    raw.came.notified().await;
    // By the time that others are answered, the proxy has heard it.
    for _ in 0..3 {
        assert_eq!(pool.world.call(CHAT, "", "{}").await.status(), 400);
    }
    drop(client);
    let event = pool.world.only_event().await;
    assert_eq!((event.status, event.cost.get()), (429, 0), "{event:?}");
}

/// Clients offer encodings, and providers take them for errors too.
#[tokio::test]
async fn errors_are_understood_in_the_encoding_that_the_client_asked_for() {
    for (status, code, state) in [
        ("429 x", "insufficient_quota", "disabled"),
        ("429 x", "rate_limit_exceeded", "cooling_down"),
        ("403 x", "model_not_found", "available"),
    ] {
        let mut zipped = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        write!(zipped, r#"{{"error":{{"code":"{code}","message":"m"}}}}"#).unwrap();
        let head = format!("{status}\r\ncontent-type: application/json\r\ncontent-encoding: gzip");
        let provider = Raw::answering(raw(&head, &zipped.finish().unwrap())).await;
        provider.now.notify_one();
        let pool = provider.pool(&["a"], rules()).await;
        pool.provider.told("a", Quota::default());
        let body = chat("gpt-4o-mini", "");
        pool.world.call(CHAT, "accept-encoding: gzip\r\n", &body).await;
        pool.world.only_event().await;
        assert_eq!(pool.states(), [state], "{code}");
    }
}

/// What a firewall or a moderator in front of a model refuses is the prompt.
#[tokio::test]
async fn a_prompt_that_is_forbidden_quarantines_nobody() {
    let flagged = r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"x","provider_name":"y"}}}"#;
    for (kind, body, state) in [
        ("application/json", flagged, "available"),
        ("text/html; charset=UTF-8", "<html>Sorry, you have been blocked</html>", "available"),
        ("application/json", r#"{"error":{"type":"permission_error"}}"#, "quarantined"),
        ("application/json", r#"{"message":"The security token is invalid."}"#, "quarantined"),
    ] {
        let head = format!("403 Forbidden\r\ncontent-type: {kind}");
        let provider = Raw::answering(raw(&head, body.as_bytes())).await;
        provider.now.notify_one();
        let pool = provider.pool(&["a"], rules()).await;
        let answer = pool.world.call(CHAT, "", &chat("gpt-4o-mini", "")).await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (502, "upstream_credential_rejected")
        );
        pool.world.only_event().await;
        assert_eq!(pool.states(), [state], "{body}");
        assert_eq!(pool.clock.now(), NOW);
    }
}
