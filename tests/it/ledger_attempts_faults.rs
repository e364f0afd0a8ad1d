//! Attempts through crashes: a ledger that is opened again, a Redis that is away or damaged, what
//! operators see there, and data of the version before.

use crate::ledger_attempts_rig::{
    balanced, credential, days, end, ended, figures, full, held, id, serve, setup, shown, strict,
    totals, used,
};
use crate::ledger_rig::{Rig, clock, options, reopened};
use crate::redis_server::RedisServer;
use farebox::ledger::{
    AttemptAdmission, AttemptOutcome, EmbeddedLedger, Ledger, Options, RedisLedger, Registry,
};
use farebox::limit::Calendar;
use std::time::Duration;

const SERVED: AttemptOutcome = AttemptOutcome::Served;

#[tokio::test]
async fn the_embedded_ledger_knows_all_of_it_after_it_was_opened_again() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let open = || EmbeddedLedger::open(dir.path(), options(&clock)).unwrap();
    for written in [false, true] {
        let name = if written { "groq_1" } else { "groq_2" };
        let rig = Rig::over(clock.clone(), open());
        credential(&rig, name, &["100 characters/day", "9 requests/day"]).await;
        let (lost, late) = (strict(name, 20), strict(name, 40));
        held(&rig, &late).await;
        rig.clock.advance(60_000);
        rig.sweep().await;
        serve(&rig, &strict(name, 30)).await;
        held(&rig, &lost).await;
        if written {
            // Whole in the store; else in the log only.
            rig.ledger.verify().await.unwrap();
        }
        let before = format!("{:?}", rig.account(&id(name)).await);
        drop(rig);
        let rig = Rig::over(clock.clone(), open());
        assert_eq!(format!("{:?}", rig.account(&id(name)).await), before);
        assert_eq!(figures(&rig, name).await, (50, 20));
        end(&rig, &late, 10, SERVED).await;
        rig.clock.advance(60_000);
        rig.sweep().await;
        assert_eq!(figures(&rig, name).await, (50, 0));
        rig.clean().await;
        drop(rig);
        let rig = Rig::over(clock.clone(), open());
        end(&rig, &late, 99, SERVED).await;
        let today = days(&rig, name, "2026-11-24", "2026-11-24").await;
        assert_eq!(shown(&today)[0].1[..2], [3, 50]);
        rig.clean().await;
    }
}

#[tokio::test]
async fn the_embedded_ledger_drops_days_that_are_too_old() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let options = Options { retention_days: 30, ..options(&clock) };
    let open = || EmbeddedLedger::open(dir.path(), options.clone()).unwrap();
    let rig = Rig::over(clock.clone(), open());
    serve(&rig, &strict("groq_1", 7)).await;
    rig.clock.advance(30 * 86_400_000);
    rig.sweep().await;
    assert_eq!(days(&rig, "groq_1", "2026-11-24", "2026-11-24").await.len(), 1);
    rig.clock.advance(86_400_000);
    rig.sweep().await;
    serve(&rig, &strict("groq_1", 7)).await;
    rig.clean().await;
    drop(rig);
    let rig = Rig::over(clock.clone(), open());
    assert_eq!(days(&rig, "groq_1", "2026-11-24", "2026-12-25").await.len(), 1);
    assert_eq!(totals(&rig.account(&id("groq_1")).await).0, 2);
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r065_operators_find_a_credential_where_the_contract_says() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "journal").await;
    let defined = setup("groq_1", &["14400 characters/day"], Some(&[75, 90, 100]));
    rig.ledger.define(&[defined]).await.unwrap();
    serve(&rig, &strict("groq_1", 400)).await;
    let open = strict("groq_1", 100);
    held(&rig, &open).await;
    let hash = "farebox:{credential:groq_1}";
    for (field, text) in [
        ("status", "active"),
        ("characters/day.limit", "14400"),
        ("characters/day.used", "400"),
        ("characters/day.period", "20261124"),
        ("characters.held", "100"),
        ("usd.total", "400000000"),
        ("tokens.total", "100"),
        ("requests.total", "1"),
        ("thresholds", "75,90,100"),
        ("defined", "14400 characters/day; 75,90,100"),
        ("metadata", r#"{"tier":"free"}"#),
    ] {
        assert_eq!(server.cli(&["HGET", hash, field]), text, "{field}");
    }
    let lease = server.cli(&["ZRANGE", &format!("{hash}:holds"), "0", "-1", "WITHSCORES"]);
    assert_eq!(lease, format!("{}\n{}", open.id, rig.clock.now() + 60_000));
    assert_eq!(server.cli(&["ZRANGE", "farebox:{0}:credentials", "0", "-1"]), "groq_1");
    let day = format!("{hash}:day:20261124");
    for (field, text) in [
        ("request_count", "1"),
        ("character_count", "400"),
        ("tokens", "100"),
        ("cost_nanousd", "400000000"),
        ("failed", "0"),
        ("metadata", r#"{"tier":"free"}"#),
    ] {
        assert_eq!(server.cli(&["HGET", &day, field]), text, "{field}");
    }
    let lives: i64 = server.cli(&["TTL", &day]).parse().unwrap();
    assert!(lives > 3649 * 86_400 && lives <= 3650 * 86_400, "{lives}");
    // What an operator changes counts with the next attempt.
    server.cli(&["HSET", hash, "characters/day.limit", "500"]);
    full(&rig, &strict("groq_1", 1)).await;
    server.cli(&["HSET", hash, "characters/day.limit", "600", "status", "suspended"]);
    let AttemptAdmission::Denied(denial) = rig.ledger.attempt(&strict("groq_1", 1)).await.unwrap()
    else {
        panic!("admitted")
    };
    assert!(format!("{denial:?}").contains("suspended"), "{denial:?}");
    end(&rig, &open, 100, SERVED).await;
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_is_that_of_the_ledgers_zone() {
    let server = RedisServer::start(&[]);
    let clock = clock();
    let options = Options {
        calendar: Calendar::named("Asia/Tokyo").unwrap(),
        journal_dir: server.dir().join("journal"),
        ..options(&clock)
    };
    let rig = Rig::over(clock, reopened(&server, options).await);
    credential(&rig, "groq_1", &["100 characters/day"]).await;
    serve(&rig, &strict("groq_1", 100)).await;
    let denial = full(&rig, &strict("groq_1", 1)).await;
    assert_eq!(denial.standing.resets, Some(rig.at("2026-11-25T15:00:00Z")));
    let all = days(&rig, "groq_1", "2026-11-01", "2026-12-01").await;
    assert_eq!(shown(&all)[0].0, "2026-11-25");
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_redis_did_not_take_is_delivered_once_by_the_next_process() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let clock = clock();
    let options = Options { journal_dir: server.dir().join("journal"), ..options(&clock) };
    let rig = Rig::over(clock.clone(), reopened(&server, options.clone()).await);
    credential(&rig, "groq_1", &["100 characters/day"]).await;
    let (one, two) = (strict("groq_1", 40), strict("groq_1", 50));
    held(&rig, &one).await;
    held(&rig, &two).await;
    server.kill();
    rig.ledger.settle(rig.ledger.permit().unwrap(), ended(&one, used(40), SERVED));
    rig.ledger.settle(rig.ledger.permit().unwrap(), ended(&two, used(30), AttemptOutcome::Failed));
    rig.ledger.attempt(&strict("groq_1", 1)).await.unwrap_err();
    drop(rig);
    server.restart();
    let rig = Rig::over(clock.clone(), reopened(&server, options).await);
    rig.ledger.delivered().await;
    assert_eq!(figures(&rig, "groq_1").await, (70, 0));
    assert_eq!(totals(&rig.account(&id("groq_1")).await), (2, 1, 17, 70_000_000));
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_sweeps_the_attempts_of_the_dead() {
    let server = RedisServer::start(&[]);
    let dead = Rig::on(&server, "one").await;
    credential(&dead, "groq_1", &["100 characters/day"]).await;
    let call = balanced("groq_1", 40);
    held(&dead, &call).await;
    drop(dead);
    let rig = Rig::on(&server, "two").await;
    rig.clock.advance(60_000);
    rig.renew().await;
    rig.sweep().await;
    assert_eq!(figures(&rig, "groq_1").await, (40, 0));
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_named_and_the_rest_is_counted() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "journal").await;
    credential(&rig, "groq_1", &["100 characters/day", "1000 tokens/day"]).await;
    let call = strict("groq_1", 40);
    held(&rig, &call).await;
    let hash = "farebox:{credential:groq_1}";
    server.cli(&["HSET", hash, "characters/day.used", "many"]);
    server.cli(&["HSET", &format!("{hash}:day:20261124"), "tokens", "some"]);
    let why = rig.ledger.attempt(&strict("groq_1", 1)).await.unwrap_err().to_string();
    assert!(why.contains("characters/day.used is many, not a whole number"), "{why}");
    end(&rig, &call, 40, SERVED).await;
    assert_eq!(server.cli(&["HGET", hash, "tokens/day.used"]), "10");
    assert_eq!(server.cli(&["HGET", hash, "characters.held"]), "0");
    assert_eq!(server.cli(&["HGET", &format!("{hash}:day:20261124"), "character_count"]), "40");
    assert_eq!(server.cli(&["HGET", &format!("{hash}:day:20261124"), "tokens"]), "some");
    server.cli(&["HSET", hash, "characters/day.used", "40"]);
    server.cli(&["HSET", &format!("{hash}:day:20261124"), "tokens", "10"]);
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_finds_what_was_tampered_with() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "journal").await;
    credential(&rig, "groq_1", &["100 characters/day"]).await;
    serve(&rig, &strict("groq_1", 40)).await;
    rig.clean().await;
    let hash = "farebox:{credential:groq_1}";
    for (key, field, bad, good) in [
        (hash.to_owned(), "characters.held", "7", "0"),
        (hash.to_owned(), "requests.failed", "-1", "0"),
        (format!("{hash}:day:20261124"), "tokens", "11", "10"),
    ] {
        server.cli(&["HSET", &key, field, bad]);
        let found = rig.ledger.verify().await.unwrap().violations;
        assert!(!found.is_empty() && found.iter().all(|f| f.contains("groq_1")), "{found:?}");
        server.cli(&["HSET", &key, field, good]);
    }
    server.cli(&["SET", &format!("{hash}:hold:stray"), "1"]);
    let found = rig.ledger.verify().await.unwrap().violations;
    assert!(found.len() == 1 && found[0].starts_with("I7"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_background_renews_sweeps_and_delivers() {
    let server = RedisServer::start(&[]);
    let options = |journal: &str| Options {
        journal_dir: server.dir().join(journal),
        lease_ms: 300,
        ..Options::default()
    };
    let alive = RedisLedger::open(&server.url(), options("one")).await.unwrap();
    alive.define(&[setup("groq_1", &["100 characters/day"], None)]).await.unwrap();
    let (lives, dies) = (strict("groq_1", 40), strict("groq_1", 20));
    let admission = alive.attempt(&lives).await.unwrap();
    assert!(matches!(admission, AttemptAdmission::Held { .. }), "{admission:?}");
    let dead = RedisLedger::open(&server.url(), options("two")).await.unwrap();
    dead.attempt(&dies).await.unwrap();
    drop(dead);
    let swept = || async {
        let account = alive.account(&id("groq_1")).await.unwrap().unwrap();
        (account.standings[0].used, account.standings[0].held) == (10, 40)
    };
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while !swept().await {
        assert!(std::time::Instant::now() < until, "nothing was swept");
        tokio::task::yield_now().await;
    }
    alive.settle(alive.permit().unwrap(), ended(&lives, used(30), SERVED));
    alive.drain(Duration::from_secs(10)).await.unwrap();
    let account = alive.account(&id("groq_1")).await.unwrap().unwrap();
    assert_eq!((account.standings[0].used, account.standings[0].held), (40, 0));
}
