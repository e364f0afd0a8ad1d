//! The ledger under faults: processes that die, logs that are torn, a Redis that goes away.

use crate::ledger_rig::{Backend, Rig, amounts, clock, event, options, order, reopened, usd};
use crate::ledger_sums::sums_are_those_of_the_events;
use crate::redis_server::RedisServer;
use farebox::clock::Clock;
use farebox::ids::AccountId;
use farebox::ledger::{
    Admission, Denial, EmbeddedLedger, Enforcement, Ledger, Options, Payers, RedisLedger,
    Settlement,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    fs::create_dir(to.path().join("log")).unwrap();
    for dir in [".", "log"] {
        for entry in fs::read_dir(from.join(dir)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.path().join(dir).join(entry.file_name())).unwrap();
            }
        }
    }
    to
}

/// Drops a ledger and waits until nothing of it delivers any more.
async fn dead(rig: Rig, journal: &Path) {
    drop(rig);
    let lock = fs::File::open(journal.join("lock")).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while lock.try_lock().is_err() {
        assert!(Instant::now() < until, "the ledger lives on");
        tokio::task::yield_now().await;
    }
}

/// An embedded ledger that commits only when told to, so that the log is all there is of what
/// follows a flush.
fn lazy(dir: &Path, clock: &Clock) -> Rig {
    let options = Options { commit_ms: 3_600_000, ..options(clock) };
    Rig::over(clock.clone(), EmbeddedLedger::open(dir, options).unwrap())
}

async fn figures(rig: &Rig, payers: &Payers) -> Vec<(i64, i64, i64)> {
    let mut figures = Vec::new();
    for account in payers.accounts() {
        let account = rig.account(&account).await;
        figures.push((account.month_usd.get(), account.held_usd.get(), account.total_usd.get()));
    }
    figures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r034_a_killed_process_loses_nothing_of_the_embedded_ledger() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let rig = lazy(dir.path(), &clock);
    let payers = rig.user("alice", &["100 usd/month", "50 requests/day"]).await;
    rig.ledger.verify().await.unwrap();
    rig.call(&payers, 2).await;
    let (posted, expired, open) = (order(&payers, 3), order(&payers, 4), order(&payers, 5));
    rig.admit(&posted).await;
    rig.admit(&expired).await;
    clock.advance(60_000);
    rig.admit(&open).await;
    rig.sweep().await;
    rig.post(&posted, 1).await;
    let before = figures(&rig, &payers).await;
    for _ in 0..3 {
        let crashed = copy(dir.path());
        let again = lazy(crashed.path(), &clock);
        assert_eq!(figures(&again, &payers).await, before);
        again.clean().await;
        again.post(&posted, 1).await;
        again.post(&expired, 2).await;
        clock.advance(60_000);
        again.sweep().await;
        assert_eq!(
            again.account(&AccountId::user(&payers.user)).await.total_usd,
            usd(2 + 1 + 2 + 5)
        );
        again.clean().await;
        clock.advance(-60_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_torn_at_any_byte_gives_the_state_before_the_torn_record() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let rig = lazy(dir.path(), &clock);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.call(&payers, 2).await;
    let before = figures(&rig, &payers).await;
    let log = |dir: &Path| {
        let mut files: Vec<_> =
            fs::read_dir(dir.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.pop().unwrap()
    };
    let kept = fs::metadata(log(dir.path())).unwrap().len();
    rig.admit(&order(&payers, 3)).await;
    let whole = fs::metadata(log(dir.path())).unwrap().len();
    assert!(whole > kept);
    for cut in (kept..whole).step_by(97) {
        let torn = copy(dir.path());
        fs::OpenOptions::new().write(true).open(log(torn.path())).unwrap().set_len(cut).unwrap();
        let again = lazy(torn.path(), &clock);
        assert_eq!(figures(&again, &payers).await, before, "cut at {cut}");
        again.clean().await;
    }
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_process() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let first = EmbeddedLedger::open(dir.path(), options(&clock)).unwrap();
    let error = EmbeddedLedger::open(dir.path(), options(&clock)).err().unwrap().to_string();
    assert!(error.contains("another process") && error.contains("data_dir"), "{error}");
    drop(first);
    EmbeddedLedger::open(dir.path(), options(&clock)).unwrap();
}

#[tokio::test]
async fn followers_get_the_new_defaults_at_the_next_start() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let server = RedisServer::start(&[]);
    let now = |limit: &str, journal: &str| Options {
        default_user_limits: vec![limit.parse().unwrap()],
        journal_dir: server.dir().join(journal),
        ..options(&clock)
    };
    for redis in [false, true] {
        let open = async |options: Options| -> Arc<dyn Backend> {
            let ledger: Arc<dyn Backend> = match redis {
                true => reopened(&server, options).await,
                false => EmbeddedLedger::open(dir.path(), options).unwrap(),
            };
            ledger
        };
        let rig = Rig::over(clock.clone(), open(now("7usd/month", "a")).await);
        let payers = rig.follower("alice").await;
        rig.call(&payers, 6).await;
        drop(rig);
        let rig = Rig::over(clock.clone(), open(now("5usd/day", "b")).await);
        let user = rig.account(&AccountId::user(&payers.user)).await;
        assert_eq!(user.standings.len(), 1);
        assert_eq!(user.standings[0].limit.to_string(), "5 usd/day");
        assert_eq!(user.month_usd, usd(6));
        rig.clean().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_shows_what_operations_expects_and_obeys_redis_cli() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["25 usd/month", "500 requests/minute"]).await;
    let open = order(&payers, 2);
    rig.call(&payers, 1).await;
    rig.admit(&open).await;
    let get = |field: &str| server.cli(&["HGET", "farebox:{0}:user:alice", field]);
    for (field, text) in [
        ("status", "active"),
        ("usd/month.limit", "25000000000"),
        ("usd/month.used", "1000000000"),
        ("usd/month.period", "202611"),
        ("usd.held", "2000000000"),
        ("requests/minute.limit", "500"),
        ("requests/minute.used", "2"),
        ("requests/minute.period", "202611242113"),
        ("usd.total", "1000000000"),
        ("tokens.total", "1000"),
        ("last_ms", &rig.clock.now().to_string()),
        ("workspace", "default"),
    ] {
        assert_eq!(get(field), text, "{field}");
    }
    let holds = server.cli(&["ZRANGE", "farebox:{0}:user:alice:holds", "0", "-1", "WITHSCORES"]);
    assert_eq!(holds, format!("{}\n{}", open.id, rig.clock.now() + 60_000));
    let near = server.cli(&["ZREVRANGE", "farebox:{0}:utilization", "0", "9"]);
    assert_eq!(near, "alice");
    let last = server.cli(&["XREVRANGE", "farebox:{0}:events", "+", "-", "COUNT", "1"]);
    for name in ["cost_nanousd", "1000000000", "input_tokens_total", "settled", "alice"] {
        assert!(last.contains(name), "{last}");
    }
    let key = format!("farebox:{{0}}:key:{}", payers.key);
    assert_eq!(server.cli(&["HGET", &key, "user"]), "alice");
    assert_eq!(server.cli(&["HGET", "farebox:meta", "schema"]), "1");

    server.cli(&["HSET", "farebox:{0}:user:alice", "usd/month.limit", "4000000000"]);
    assert_eq!(rig.refused(&order(&payers, 2)).await.standing.limit.amount, usd(4).get());
    server.cli(&["HSET", "farebox:{0}:user:alice", "usd/month.limit", "50000000000"]);
    rig.admit(&order(&payers, 2)).await;
    server.cli(&["HSET", "farebox:{0}:user:alice", "status", "suspended"]);
    let denied = rig.hold(&order(&payers, 2)).await.unwrap();
    assert!(matches!(denied, Admission::Denied(Denial::Status { .. })), "{denied:?}");
    assert!(rig.caller("alice").await.unwrap().suspended);
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_field_is_named_and_nothing_is_charged_or_held() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["25 usd/month"]).await;
    let workspace = "farebox:{0}:workspace:default";
    for (field, bad) in [
        ("usd/month.used", "12.5"),
        ("usd/month.period", "x"),
        ("usd/day.limit", "-1"),
        ("usd/fortnight.limit", "1"),
        ("usd.held", "1e9"),
        ("enforcement", "harsh"),
    ] {
        let before = server.cli(&["HGET", workspace, field]);
        server.cli(&["HSET", workspace, field, bad]);
        let error = rig.hold(&order(&payers, 1)).await.unwrap_err().to_string();
        assert!(error.contains("CORRUPT") && error.contains("workspace:default"), "{error}");
        server.cli(&["HDEL", workspace, field]);
        if !before.is_empty() {
            server.cli(&["HSET", workspace, field, &before]);
        }
    }
    assert_eq!(server.cli(&["HGET", "farebox:{0}:user:alice", "usd.held"]), "");
    rig.call(&payers, 1).await;
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_survive_a_redis_that_is_away_and_a_proxy_that_dies() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    let calls: Vec<_> = (0..20).map(|_| order(&payers, 1)).collect();
    for call in &calls {
        rig.admit(call).await;
    }
    server.kill();
    let asked = Instant::now();
    let error = rig.hold(&order(&payers, 1)).await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(400), "{:?}: {error}", asked.elapsed());
    for call in &calls {
        let event = Box::new(event(call, amounts(2)));
        let post = Settlement::Post { charge: amounts(2), event, once: None };
        rig.ledger.settle(rig.ledger.permit().unwrap(), post);
    }
    // This process dies: the next one has only what is in the journal.
    dead(rig, &server.dir().join("one")).await;
    server.restart();
    let rig = Rig::on(&server, "one").await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.month_usd, usd(40));
    rig.clean().await;
    sums_are_those_of_the_events(&rig).await;
    drop(rig);
    let rig = Rig::on(&server, "one").await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.month_usd, usd(40));
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_returns_is_used_within_two_seconds() {
    let mut server = RedisServer::start(&["--appendonly", "yes"]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    let call = order(&payers, 1);
    rig.admit(&call).await;
    rig.ledger.verify().await.unwrap();
    server.kill();
    rig.ledger.settle(
        rig.ledger.permit().unwrap(),
        Settlement::Void { id: call.id, payers: payers.clone() },
    );
    rig.hold(&order(&payers, 1)).await.unwrap_err();
    server.restart();
    let back = Instant::now();
    while rig.hold(&order(&payers, 1)).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(2), "still refused");
    }
    rig.ledger.delivered().await;
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_forgot_its_last_writes_gets_them_again() {
    let mut server = RedisServer::start(&[]);
    let clock = clock();
    let options =
        Options { background: true, journal_dir: server.dir().join("journal"), ..options(&clock) };
    let ledger = RedisLedger::open(&server.url(), options).await.unwrap();
    let rig = Rig::over(clock, ledger);
    let payers = rig.user("alice", &["100 usd/month"]).await;
    server.cli(&["SAVE"]);
    for _ in 0..10 {
        rig.call(&payers, 1).await;
    }
    let total = || server_total(&server);
    assert_eq!(total(), usd(10).get().to_string());
    let until = Instant::now() + Duration::from_secs(10);
    server.kill();
    server.restart();
    while server_total(&server) != usd(10).get().to_string() {
        assert!(Instant::now() < until, "not replayed: {}", server_total(&server));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rig.ledger.delivered().await;
    rig.clean().await;
}

fn server_total(server: &RedisServer) -> String {
    server.cli(&["HGET", "farebox:{0}:user:alice", "usd.total"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_scripts_are_sent_again() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    server.cli(&["SCRIPT", "FLUSH"]);
    rig.call(&payers, 1).await;
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_redis_refuses_in_time_and_the_late_hold_finds_its_void() {
    let server = RedisServer::start(&[]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    server.cli(&["CLIENT", "PAUSE", "700", "ALL"]);
    let (call, asked) = (order(&payers, 1), Instant::now());
    rig.hold(&call).await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(400), "{:?}", asked.elapsed());
    rig.void(&call).await;
    let user = rig.account(&AccountId::user(&payers.user)).await;
    assert_eq!(user.held_usd, usd(0));
    rig.clean().await;
}

#[tokio::test]
async fn a_redis_that_cannot_be_trusted_stops_the_start() {
    let clock = clock();
    let check = async |server: &RedisServer, wanted: &[&str]| {
        let options = Options { journal_dir: server.dir().join("j"), ..options(&clock) };
        let error = RedisLedger::open(&server.url(), options).await.err().unwrap().to_string();
        for word in wanted {
            assert!(error.contains(word), "{error}");
        }
    };
    let evicting = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    check(&RedisServer::start(&evicting), &["allkeys-lru", "noeviction"]).await;
    let newer = RedisServer::start(&[]);
    newer.cli(&["HSET", "farebox:meta", "schema", "99"]);
    check(&newer, &["schema 99", "knows 1"]).await;
    let mut down = RedisServer::start(&[]);
    down.kill();
    check(&down, &["redis", "cannot be reached"]).await;
    let options = Options { journal_dir: down.dir().join("j"), ..options(&clock) };
    let secret = "redis://user:hunter2@127.0.0.1:1";
    let error = RedisLedger::open(secret, options).await.err().unwrap().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_journal_entries_are_put_aside_and_not_charged_blindly() {
    let mut server = RedisServer::start(&["--appendonly", "yes"]);
    let rig = Rig::on(&server, "one").await;
    let payers = rig.user("alice", &["100 usd/month"]).await;
    rig.ledger.verify().await.unwrap();
    let call = order(&payers, 1);
    server.kill();
    let post = Settlement::Post {
        charge: amounts(2),
        event: Box::new(event(&call, amounts(2))),
        once: None,
    };
    rig.ledger.settle(rig.ledger.permit().unwrap(), post);
    let clock = rig.clock.clone();
    dead(rig, &server.dir().join("one")).await;
    server.restart();
    clock.advance(2 * 86_400_000);
    let options = Options { journal_dir: server.dir().join("one"), ..options(&clock) };
    let rig = Rig::over(clock, reopened(&server, options).await);
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.total_usd, usd(0));
    let aside = fs::read_to_string(server.dir().join("one/unapplied.jsonl")).unwrap();
    assert!(aside.contains(&call.id.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_place_to_settle_is_no_permit() {
    let server = RedisServer::start(&[]);
    let options =
        Options { settle_capacity: 2, journal_dir: server.dir().join("j"), ..options(&clock()) };
    let ledger = RedisLedger::open(&server.url(), options).await.unwrap();
    let (first, second) = (ledger.permit().unwrap(), ledger.permit().unwrap());
    assert!(ledger.permit().is_none());
    drop(first);
    assert!(ledger.permit().is_some());
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r015_two_processes_never_overspend_together() {
    let server = RedisServer::start(&[]);
    let (one, two) = (Rig::on(&server, "one").await, Rig::on(&server, "two").await);
    let payers = one.user("alice", &["10 usd/month"]).await;
    one.mode(&payers, Enforcement::Strict).await;
    let tasks: Vec<_> = (0..400)
        .map(|i| {
            let ledger = if i % 2 == 0 { one.ledger.clone() } else { two.ledger.clone() };
            let call = order(&payers, 1);
            tokio::spawn(async move {
                let Ok(Admission::Held { .. }) = ledger.hold(&call).await else { return };
                let charge = call.ceiling.unwrap();
                let post =
                    Settlement::Post { charge, event: Box::new(event(&call, charge)), once: None };
                for _ in 0..3 {
                    ledger.settle(ledger.permit().unwrap(), post.clone());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    one.ledger.delivered().await;
    two.ledger.delivered().await;
    assert_eq!(one.account(&AccountId::user(&payers.user)).await.month_usd, usd(10));
    one.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_charged_once_also_when_the_clock_was_set_back_before_it_was_stored() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let options = Options { commit_ms: 3_600_000, ..options(&clock) };
    let ledger = EmbeddedLedger::open(dir.path(), options).unwrap();
    let rig = Rig::over(clock, ledger.clone());
    let payers = rig.user("alice", &["9 usd/total"]).await;
    rig.call(&payers, 1).await;
    ledger.flush().await.unwrap();
    rig.clock.advance(-30_000);
    let call = order(&payers, 2);
    rig.admit(&call).await;
    rig.post(&call, 2).await;
    // Posts are forgotten once they are stored; this one is not yet.
    rig.clock.advance(3_600_000);
    rig.sweep().await;
    rig.post(&call, 2).await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.total_usd, usd(3));
    ledger.flush().await.unwrap();
    rig.sweep().await;
    rig.post(&call, 2).await;
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.total_usd, usd(3));
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r035_r036_old_events_go_and_the_ledger_still_adds_up() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let options = Options { retention_days: 30, ..options(&clock) };
    let rig = Rig::over(clock, EmbeddedLedger::open(dir.path(), options).unwrap());
    let payers = rig.user("alice", &[]).await;
    let old = rig.call(&payers, 1).await;
    rig.clean().await;
    rig.clock.advance(31 * 86_400_000);
    let young = rig.call(&payers, 2).await;
    rig.clean().await;
    assert!(rig.ledger.event(old).await.unwrap().is_none());
    assert!(rig.ledger.event(young).await.unwrap().is_some());
    assert_eq!(rig.account(&AccountId::user(&payers.user)).await.total_usd, usd(3));
}
