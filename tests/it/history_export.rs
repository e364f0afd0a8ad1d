//! R116, R117, R127, R128: the history goes to SQLite, PostgreSQL and files, exactly, once, and again
//! and again without a change.

use crate::cli::run;
use crate::control_desk::{Desk, TOKEN, raw};
use crate::postgres_server::PostgresServer;
use farebox::ledger::AttemptOutcome::{Failed, Served};
use farebox::ledger::{Snapshot, Snapshots};
use farebox::limit::Status;
use farebox::money::NanoUsd;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;

/// More than two pages.
const MOMENTS: i64 = 250;
const WORKSPACES: [&str; 2] = ["default", "eng"];
const ROWS: i64 = MOMENTS * 2;
const FIVE_MINUTES: i64 = 300_000;
/// 2^53 + 1, which no double has.
const ODD: i64 = 9_007_199_254_740_993;
const SINCE: &str = "--since 2026-11-01";

/// A desk with snapshots of two workspaces, and two credentials with a day each.
async fn desk() -> Desk {
    let desk = Desk::with_pools(include_str!("../../examples/groq-hf.toml")).await;
    let start = desk.clock.now() / FIVE_MINUTES * FIVE_MINUTES;
    for n in 0..MOMENTS {
        let some = WORKSPACES.map(|workspace| Snapshot {
            workspace: workspace.parse().unwrap(),
            at: start - n * FIVE_MINUTES,
            every_ms: FIVE_MINUTES,
            minute_requests: 3,
            day_requests: n,
            day_failed: 1,
            month_tokens: ODD + n,
            day_cost: NanoUsd::new(1_500_000_000),
            month_cost: NanoUsd::new(ODD),
            held: NanoUsd::ZERO,
            status: Status::Warning,
        });
        desk.ledger.keep(&some).await.unwrap();
    }
    desk.attempt("groq_1", 600, Served).await;
    desk.attempt("groq_1", 400, Failed).await;
    desk.attempt("huggingface_1", 80, Served).await;
    desk
}

async fn export(desk: &Desk, to: &str, more: &str) -> Value {
    let line = format!("history export --to {to} {SINCE} {more} --json");
    run(desk, line.replace("  ", " ").trim(), None).await.json()
}

fn told(snapshots: (i64, i64), days: (i64, i64)) -> Value {
    json!({
        "quota_snapshots": {"read": snapshots.0, "written": snapshots.1},
        "ai_provider_usage": {"read": days.0, "written": days.1},
    })
}

fn sqlite(path: &Path, query: &str) -> String {
    let database = Connection::open(path).unwrap();
    let mut statement = database.prepare(query).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let cell = |n| {
            row.get::<_, rusqlite::types::Value>(n).map(|cell| match cell {
                rusqlite::types::Value::Integer(n) => n.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
        };
        Ok((0..columns).map(|n| cell(n).unwrap()).collect::<Vec<_>>().join("|"))
    };
    let rows: Vec<String> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
    rows.join("\n")
}

/// The figures of the newest snapshot, and of a day.
const NEWEST: &str = "SELECT workspace_id, requests_per_minute, requests_per_day, tokens_used, \
    error_count, status FROM quota_snapshots ORDER BY snapshot_time DESC, workspace_id LIMIT 1";
const DAY: &str = "SELECT provider_name, provider, date, request_count, character_count, tokens, \
    failed, cost_nanousd FROM ai_provider_usage ORDER BY provider_name LIMIT 1";
const NEWEST_IS: &str = "default|3|0|9007199254740993|1|warning";
const DAY_IS: &str = "groq_1|groq|2026-11-24|2|1000|250|1|20000000";

#[tokio::test]
async fn r116_r127_r128_an_export_to_sqlite_is_exact_and_changes_nothing_twice() {
    let desk = desk().await;
    let path = desk.dir.path().join("history.db");
    let to = format!("sqlite:{}", path.display());
    assert_eq!(export(&desk, &to, "").await, told((ROWS, ROWS), (2, 2)));
    assert_eq!(export(&desk, &to, "").await, told((ROWS, 0), (2, 0)));
    assert_eq!(
        sqlite(&path, "SELECT count(*), count(DISTINCT id) FROM quota_snapshots"),
        "500|500"
    );
    assert_eq!(sqlite(&path, NEWEST), NEWEST_IS);
    assert_eq!(sqlite(&path, DAY), DAY_IS);
    let cost = "SELECT metadata ->> '$.month_cost_nanousd', typeof(tokens_used), snapshot_time \
        FROM quota_snapshots ORDER BY snapshot_time DESC LIMIT 1";
    assert_eq!(sqlite(&path, cost), format!("{ODD}|integer|2026-11-24T21:10:00Z"));
    // The day goes on: its row is brought up to date.
    desk.attempt("groq_1", 200, Served).await;
    assert_eq!(export(&desk, &to, "").await, told((ROWS, 0), (2, 1)));
    let requests = "SELECT request_count FROM ai_provider_usage WHERE provider_name = 'groq_1'";
    assert_eq!(sqlite(&path, requests), "3");
}

#[tokio::test]
async fn r117_the_newest_of_a_workspace_are_found_by_an_index() {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(include_str!("../../deploy/sql/quota_snapshots.sql")).unwrap();
    let plan = "EXPLAIN QUERY PLAN SELECT * FROM quota_snapshots WHERE workspace_id = 'eng' \
        ORDER BY snapshot_time DESC LIMIT 10";
    let plan: String = database.query_row(plan, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX quota_snapshots_workspace_time"), "{plan}");
}

#[tokio::test]
async fn r127_an_export_that_was_broken_off_goes_on() {
    let desk = desk().await;
    let path = desk.dir.path().join("history.db");
    let to = format!("sqlite:{}", path.display());
    // What a run has written that was killed after its first page: the newest 200 rows.
    export(&desk, &to, "").await;
    let database = Connection::open(&path).unwrap();
    let older = "DELETE FROM quota_snapshots WHERE id NOT IN \
        (SELECT id FROM quota_snapshots ORDER BY snapshot_time DESC LIMIT 200)";
    assert_eq!(database.execute(older, []).unwrap(), 300);
    drop(database);
    assert_eq!(export(&desk, &to, "").await, told((ROWS, 300), (2, 0)));
    assert_eq!(export(&desk, &to, "").await, told((ROWS, 0), (2, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r116_r127_r128_an_export_to_postgresql_is_exact_and_changes_nothing_twice() {
    let (desk, server) = (desk().await, PostgresServer::start());
    let to = server.url();
    assert_eq!(export(&desk, &to, "").await, told((ROWS, ROWS), (2, 2)));
    assert_eq!(export(&desk, &to, "").await, told((ROWS, 0), (2, 0)));
    assert_eq!(server.sql(NEWEST), NEWEST_IS);
    assert_eq!(server.sql(DAY), DAY_IS);
    assert_eq!(
        server.sql(
            "SELECT (metadata ->> 'month_cost_nanousd')::bigint, pg_typeof(id), \
             pg_typeof(snapshot_time), pg_typeof(metadata), to_char(snapshot_time, 'HH24:MI:SS') \
             FROM quota_snapshots ORDER BY snapshot_time DESC LIMIT 1"
        ),
        format!("{ODD}|uuid|timestamp with time zone|jsonb|21:10:00")
    );
    let index =
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'quota_snapshots_workspace_time'";
    assert!(server.sql(index).ends_with("(workspace_id, snapshot_time DESC)"));
    desk.attempt("groq_1", 200, Served).await;
    assert_eq!(export(&desk, &to, "").await, told((ROWS, 0), (2, 1)));
    // Tables that are there already are used as they are, also by who may not make any.
    server.sql(
        "CREATE ROLE writer LOGIN PASSWORD 'w'; REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
        GRANT SELECT, INSERT, UPDATE ON quota_snapshots, ai_provider_usage TO writer",
    );
    let writer = to.replace(&format!("farebox:{}", PostgresServer::PASSWORD), "writer:w");
    assert_eq!(export(&desk, &writer, "").await, told((ROWS, 0), (2, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r127_no_refusal_shows_a_password() {
    let (desk, server) = (desk().await, PostgresServer::start());
    let wrong = server.url().replace(PostgresServer::PASSWORD, "wrong-canary-9");
    let elsewhere = "postgres://farebox:wrong-canary-9@127.0.0.1:1/postgres";
    let secure = server.url() + "?sslmode=require";
    for (to, status, text) in [
        (wrong.as_str(), 7, "password authentication failed"),
        (elsewhere, 7, "127.0.0.1:1/postgres cannot be used"),
        ("postgres://farebox:wrong-canary-9@h/d?sslrootcert=x", 2, "unknown option `sslrootcert`"),
        (secure.as_str(), 7, "TLS"),
        ("mysql://u:wrong-canary-9@h/d", 2, "postgres://USER@HOST/DATABASE"),
        ("out.csv", 2, "--table quota_snapshots"),
        ("sqlite:/nowhere/x.db", 1, "/nowhere/x.db"),
    ] {
        let printed = run(&desk, &format!("history export --to {to}"), None).await;
        assert!(!printed.err.contains("canary"), "{printed:?}");
        printed.failed(status, text);
    }
    run(&desk, "history export --to sqlite:x.db --since soon", None).await.failed(2, "`soon`");
    // By the socket, with a password that is wrong for it.
    let printed = run(&desk, &format!("history export --to {}", server.socket_url()), None).await;
    assert!(printed.status == 7 && printed.err.contains("password"), "{printed:?}");
}

#[tokio::test]
async fn r127_files_are_whole_and_the_same_again() {
    let desk = desk().await;
    let place = |name: &str| desk.dir.path().join(name);
    let (lines, sheet) = (place("h.jsonl"), place("h.csv"));
    let to = lines.display().to_string();
    assert_eq!(export(&desk, &to, "").await, told((ROWS, ROWS), (2, 2)));
    let first = std::fs::read_to_string(&lines).unwrap();
    export(&desk, &to, "").await;
    assert_eq!(std::fs::read_to_string(&lines).unwrap(), first);
    let rows: Vec<Value> = first.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 502);
    assert_eq!(
        (&rows[0]["table"], &rows[501]["table"]),
        (&json!("quota_snapshots"), &json!("ai_provider_usage"))
    );
    assert_eq!(rows[0]["tokens_used"], ODD);
    let to = sheet.display().to_string();
    export(&desk, &to, "--table ai_provider_usage").await;
    let text = std::fs::read_to_string(&sheet).unwrap();
    assert!(text.starts_with("id,provider_name,provider,date,request_count,"), "{text}");
    assert!(text.contains(",groq_1,groq,2026-11-24,2,1000,250,1,20000000,"), "{text}");
    assert_eq!(text.lines().count(), 3);
    assert!(!place("h.csv.partial").exists() && !place("h.jsonl.partial").exists());
}

#[tokio::test]
async fn r117_snapshots_are_listed_by_api_and_command_line() {
    let desk = desk().await;
    let page = desk.get("/api/v1/snapshots?workspace=eng&limit=3").await.of(200);
    assert_eq!(page["has_more"], true);
    let one = &page["data"][0];
    assert_eq!(
        *one,
        json!({
            "id": one["id"],
            "workspace_id": "eng",
            "snapshot_time": "2026-11-24T21:10:00Z",
            "requests_per_minute": 3,
            "requests_per_day": 0,
            "tokens_used": ODD,
            "error_count": 1,
            "status": "warning",
            "metadata": {
                "interval_seconds": 300,
                "day_cost_usd": "1.5",
                "day_cost_nanousd": 1_500_000_000,
                "month_cost_usd": "9007199.254740993",
                "month_cost_nanousd": ODD,
                "held_nanousd": 0,
            },
        })
    );
    let next = page["next_cursor"].as_str().unwrap();
    let rest = desk.get(&format!("/api/v1/snapshots?workspace=eng&after={next}")).await.of(200);
    assert_eq!(rest["data"][0]["requests_per_day"], 3);
    for (query, named) in [
        ("limit=0", "`0`"),
        ("since=soon", "`soon`"),
        ("after=x", "`x`"),
        ("workspace=a/b", "a/b"),
        ("user=alice", "`user`"),
    ] {
        let refused = desk.get(&format!("/api/v1/snapshots?{query}")).await;
        assert!(refused.status == 422 && refused.text.contains(named), "{}", refused.text);
    }
    let accept = [("authorization", format!("Bearer {TOKEN}")), ("accept", "text/csv".to_owned())];
    let accept = accept.each_ref().map(|(name, value)| (*name, value.as_str()));
    let sheet = raw(desk.at, "GET", "/api/v1/snapshots?workspace=eng&limit=2", &accept, "").await;
    assert_eq!(sheet.text.lines().count(), 3);
    assert!(sheet.text.starts_with("id,workspace_id,snapshot_time,"), "{}", sheet.text);
    assert!(sheet.text.contains(",eng,2026-11-24T21:10:00Z,3,0,9007199254740993,1,warning,"));
    let link = sheet.headers["link"].to_str().unwrap();
    assert!(link.contains("workspace=eng") && link.contains("after="), "{link}");
    let since = "--since 2026-11-24T21:00:00Z";
    let text = run(&desk, &format!("history snapshots --workspace eng {since}"), None).await.ok();
    assert!(text.starts_with("TIME ") && text.lines().count() == 4, "{text}");
    assert!(text.contains("2026-11-24T21:10:00Z  eng        warning"), "{text}");
    let csv = run(&desk, &format!("history snapshots {since} --csv"), None).await.ok();
    assert_eq!(csv.lines().count(), 7);
    let all = run(&desk, &format!("history snapshots {since} --json"), None).await.json();
    assert_eq!(all.as_array().unwrap().len(), 6);
}
