//! Records on both back ends: written, read, listed, taken once, expired; what survives, and what
//! `ledger verify` says of them.

use crate::ledger_rig::{Rig, clock, contract, options};
use crate::redis_server::RedisServer;
use farebox::clock::UnixMs;
use farebox::ids::Id;
use farebox::ledger::RecordKind::{AdminToken, Idempotency, Session, Ticket};
use farebox::ledger::{EmbeddedLedger, RecordError, RecordKind, Records, RedisLedger, When};
use std::sync::Arc;

contract! {
    a_record_is_read_as_it_was_written,
    a_record_is_written_only_where_that_was_asked_for,
    a_ticket_is_taken_once_whoever_asks,
    of_many_who_write_the_first_one_does,
    an_expired_record_is_gone_and_may_be_written_again,
    lists_are_by_id_and_leave_out_what_expired,
    kinds_are_kept_apart,
    texts_and_numbers_have_a_limit,
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

async fn put(rig: &Rig, kind: RecordKind, name: &str, text: &str, expires: Option<UnixMs>) -> bool {
    rig.ledger.put(kind, &id(name), text, expires, When::Always).await.unwrap()
}

async fn get(rig: &Rig, kind: RecordKind, name: &str) -> Option<String> {
    let seen = rig.ledger.get(kind, &id(name)).await.unwrap();
    assert_eq!(rig.ledger_of(1).get(kind, &id(name)).await.unwrap(), seen);
    seen
}

async fn listed(rig: &Rig, kind: RecordKind) -> Vec<String> {
    let page = rig.ledger.list(kind, None, 200).await.unwrap();
    assert_eq!(page.next, None);
    page.entries.into_iter().map(|(id, _)| id.to_string()).collect()
}

async fn a_record_is_read_as_it_was_written(rig: &Rig) {
    let text = "{\"a\":\"Zoë \\n \u{0}\"}\n";
    assert_eq!(get(rig, AdminToken, "a").await, None);
    assert!(put(rig, AdminToken, "a", text, None).await);
    assert_eq!(get(rig, AdminToken, "a").await.as_deref(), Some(text));
    assert!(put(rig, AdminToken, "a", "", None).await);
    assert_eq!(get(rig, AdminToken, "a").await.as_deref(), Some(""));
    assert!(rig.ledger.remove(AdminToken, &id("a")).await.unwrap());
    assert!(!rig.ledger.remove(AdminToken, &id("a")).await.unwrap());
    assert_eq!(get(rig, AdminToken, "a").await, None);
    rig.ledger.verify().await.unwrap();
}

async fn a_record_is_written_only_where_that_was_asked_for(rig: &Rig) {
    let key = id("k");
    let write = |text, when| rig.ledger.put(Session, &key, text, None, when);
    assert!(!write("0", When::Is("")).await.unwrap());
    assert!(write("1", When::Absent).await.unwrap());
    assert!(!write("2", When::Absent).await.unwrap());
    assert!(!write("2", When::Is("0")).await.unwrap());
    assert_eq!(get(rig, Session, "k").await.as_deref(), Some("1"));
    assert!(write("2", When::Is("1")).await.unwrap());
    assert_eq!(get(rig, Session, "k").await.as_deref(), Some("2"));
}

async fn a_ticket_is_taken_once_whoever_asks(rig: &Rig) {
    let expires = Some(rig.clock.now() + 30_000);
    for round in 0..20 {
        let name = id(&format!("t{round}"));
        assert!(put(rig, Ticket, name.as_str(), "whose", expires).await);
        let takers = (0..8).map(|i| {
            let (ledger, name) = (rig.ledger_of(i), name.clone());
            tokio::spawn(async move { ledger.take(Ticket, &name).await.unwrap() })
        });
        let mut got = Vec::new();
        for taker in takers.collect::<Vec<_>>() {
            got.extend(taker.await.unwrap());
        }
        assert_eq!(got, ["whose"]);
    }
    assert!(listed(rig, Ticket).await.is_empty());
}

async fn of_many_who_write_the_first_one_does(rig: &Rig) {
    let writers = (0..8).map(|i| {
        let ledger = rig.ledger_of(i);
        tokio::spawn(async move {
            let text = i.to_string();
            let put = ledger.put(Idempotency, &id("k"), &text, None, When::Absent).await;
            put.unwrap().then_some(text)
        })
    });
    let mut wrote = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        wrote.extend(writer.await.unwrap());
    }
    assert_eq!(wrote.len(), 1);
    assert_eq!(get(rig, Idempotency, "k").await, wrote.pop());
}

async fn an_expired_record_is_gone_and_may_be_written_again(rig: &Rig) {
    let now = rig.clock.now();
    put(rig, Session, "a", "old", Some(now + 1000)).await;
    put(rig, Session, "b", "stays", None).await;
    rig.clock.advance(999);
    assert_eq!(get(rig, Session, "a").await.as_deref(), Some("old"));
    rig.clock.advance(1);
    assert_eq!(get(rig, Session, "a").await, None);
    let a = id("a");
    assert!(!rig.ledger.put(Session, &a, "new", None, When::Is("old")).await.unwrap());
    assert_eq!(rig.ledger.take(Session, &a).await.unwrap(), None);
    assert!(rig.ledger.put(Session, &a, "new", None, When::Absent).await.unwrap());
    rig.clock.advance(1_000_000);
    rig.sweep().await;
    assert_eq!(get(rig, Session, "a").await.as_deref(), Some("new"));
    put(rig, Session, "a", "short", Some(rig.clock.now() + 5)).await;
    put(rig, Session, "a", "long", Some(rig.clock.now() + 5000)).await;
    rig.clock.advance(10);
    rig.sweep().await;
    put(rig, Session, "c", "", None).await;
    assert_eq!(get(rig, Session, "a").await.as_deref(), Some("long"));
    assert_eq!(get(rig, Session, "b").await.as_deref(), Some("stays"));
}

async fn lists_are_by_id_and_leave_out_what_expired(rig: &Rig) {
    let soon = Some(rig.clock.now() + 10);
    for i in 0..250 {
        put(rig, AdminToken, &format!("t{i:03}"), &i.to_string(), soon.filter(|_| i % 5 == 0))
            .await;
    }
    rig.clock.advance(10);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = rig.ledger.list(AdminToken, after.as_ref(), 60).await.unwrap();
        assert!(page.entries.len() <= 60);
        seen.extend(page.entries);
        let Some(next) = page.next else { break };
        after = Some(id(&next));
    }
    let wanted: Vec<(Id, String)> =
        (0..250).filter(|i| i % 5 != 0).map(|i| (id(&format!("t{i:03}")), i.to_string())).collect();
    assert_eq!(seen, wanted);
    let all = rig.ledger.list(AdminToken, None, 9_999).await.unwrap();
    assert_eq!((all.entries.len(), all.next.is_none()), (200, true));
    let after = id("t249");
    assert!(rig.ledger.list(AdminToken, Some(&after), 60).await.unwrap().entries.is_empty());
}

async fn kinds_are_kept_apart(rig: &Rig) {
    for kind in RecordKind::ALL {
        put(rig, kind, "a", kind.as_str(), None).await;
    }
    assert!(rig.ledger.remove(Session, &id("a")).await.unwrap());
    for kind in RecordKind::ALL {
        let wanted = (kind != Session).then(|| kind.as_str().to_owned());
        assert_eq!(get(rig, kind, "a").await, wanted);
        assert_eq!(listed(rig, kind).await.len(), usize::from(kind != Session));
    }
}

async fn texts_and_numbers_have_a_limit(rig: &Rig) {
    let most = "x".repeat(256 << 10);
    assert!(put(rig, Ticket, "a", &most, None).await);
    assert_eq!(get(rig, Ticket, "a").await, Some(most.clone()));
    let put_more = rig.ledger.put(Ticket, &id("a"), &(most + "x"), None, When::Always).await;
    let why = put_more.unwrap_err();
    assert_eq!(why, RecordError::TooLong(262_145));
    assert!(why.to_string().contains("262145") && !why.to_string().contains("xx"), "{why}");

    let soon = Some(rig.clock.now() + 10);
    for i in 0..1000 {
        put(rig, AdminToken, &format!("t{i}"), "", soon.filter(|_| i < 150)).await;
    }
    let more = |name| {
        let name = id(name);
        async move { rig.ledger.put(AdminToken, &name, "new", None, When::Always).await }
    };
    assert_eq!(more("more").await, Err(RecordError::Full(AdminToken)));
    assert_eq!(more("t999").await, Ok(true), "one that is there may be replaced");
    rig.clock.advance(10);
    assert_eq!(more("more").await, Ok(true), "the expired make room");
}

async fn reopen(rig: Rig, open: impl AsyncFn() -> Rig) -> Rig {
    drop(rig);
    open().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_survive_a_restart() {
    let (dir, server) = (tempfile::tempdir().unwrap(), RedisServer::start(&[]));
    let embedded = async || {
        let clock = clock();
        Rig::over(clock.clone(), EmbeddedLedger::open(dir.path(), options(&clock)).unwrap())
    };
    let redis = async || Rig::on(&server, "one").await;
    let (mut one, mut two) = (embedded().await, redis().await);
    for rig in [&one, &two] {
        put(rig, AdminToken, "a", "kept", None).await;
        put(rig, Ticket, "b", "", Some(rig.clock.now() + 60_000)).await;
    }
    one = reopen(one, embedded).await;
    two = reopen(two, redis).await;
    for rig in [&one, &two] {
        assert_eq!(get(rig, AdminToken, "a").await.as_deref(), Some("kept"));
        assert_eq!(get(rig, Ticket, "b").await.as_deref(), Some(""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_knows_records_and_names_those_that_belong_to_nothing() {
    let server = Arc::new(RedisServer::start(&[]));
    let rig = Rig::sharing(&server).await;
    put(&rig, AdminToken, "a", "{}", None).await;
    put(&rig, Ticket, "b", "{}", Some(rig.clock.now() + 60_000)).await;
    rig.clean().await;
    server.cli(&["HSET", "farebox:{0}:record:admin-token:lost", "text", "{}"]);
    let found = rig.ledger.verify().await.unwrap().violations.join("\n");
    assert_eq!(
        found,
        "I7: farebox:{0}:record:admin-token:lost stays for ever and belongs to nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_itself_lets_records_go() {
    let server = RedisServer::start(&[]);
    let options = farebox::ledger::Options {
        background: false,
        journal_dir: server.dir().join("one"),
        ..Default::default()
    };
    let now = options.clock.now();
    let ledger = RedisLedger::open(&server.url(), options).await.unwrap();
    ledger.put(Ticket, &id("a"), "{}", Some(now + 30_000), When::Always).await.unwrap();
    ledger.put(Session, &id("a"), "{}", Some(now - 1), When::Always).await.unwrap();
    let left: i64 = server.cli(&["PTTL", "farebox:{0}:record:ticket:a"]).parse().unwrap();
    assert!((1..=30_000).contains(&left), "{left}");
    assert_eq!(ledger.get(Session, &id("a")).await.unwrap(), None);
}
