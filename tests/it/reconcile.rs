//! `farebox reconcile` against the simulated provider's own usage and cost reports: traffic that
//! passed, and traffic that did not, for each provider that has such reports.

use crate::program::Program;
use crate::reconcile_rig::{ADMIN_KEY, KINDS, Kind, Rig};
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, PROVIDER_KEY, chat, send};
use farebox::demo::provider::{Setup, Simulated};
use serde_json::{Value, json};

const SCRIPT: &str = r#"{"input":2006,"cached":1920,"output":300}"#;

/// Answers of every kind, all of them through the proxy.
async fn varied(rig: &Rig) {
    let [large, small] = rig.kind.models;
    for i in 0..10_u32 {
        let (input, output) = (1_000 + 37 * i, 100 + 13 * i);
        let script = format!(r#"{{"input":{input},"cached":{},"output":{output}}}"#, 90 * i);
        rig.call(large, &script, "").await;
        rig.call(small, &script, r#","stream":true"#).await;
        if rig.kind.name == "anthropic" {
            let script =
                format!(r#"{{"input":{input},"cache_write":500,"cache_write_1h":200,"output":9}}"#);
            rig.call(large, &script, "").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_5_all_that_passed_is_no_difference() {
    for kind in KINDS {
        let rig = Rig::start(kind).await;
        varied(&rig).await;
        let printed = rig.reconcile(0, &["--tolerance", "0"]).await;
        assert_eq!(printed.status, 0, "{printed:?}");
        assert!(printed.out.ends_with("difference: 0.00 % ($0.00)\n"), "{}", printed.out);
        let found = rig.reconcile(0, &["--json", "--tolerance", "0"]).await.json();
        assert_eq!(found["rows"].as_array().unwrap().len(), 2, "{found:#}");
        for row in found["rows"].as_array().unwrap().iter().chain([&found["total"]]) {
            assert_eq!(row["difference"]["cost_nanousd"], 0, "{found:#}");
            assert_eq!(
                (&row["difference"]["tokens"], &row["difference"]["percent"]),
                (&json!(0), &json!("0.00"))
            );
            for class in ["requests", "input_tokens", "cached_input_tokens", "output_tokens"] {
                let [ledger, provider] = ["ledger", "provider"].map(|side| &row[side][class]);
                assert!(ledger.as_u64().unwrap() > 0, "{class}: {row:#}");
                assert!(provider.is_null() || provider == ledger, "{class}: {row:#}");
            }
        }
        assert_eq!((&found["unmetered"], &found["within_tolerance"]), (&Value::Null, &json!(true)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_5_three_per_cent_that_bypassed_are_found() {
    for kind in KINDS {
        let rig = Rig::start(kind).await;
        let model = kind.models[0];
        for _ in 0..97 {
            rig.call(model, SCRIPT, "").await;
        }
        for _ in 0..3 {
            rig.bypass(model, SCRIPT, "").await;
        }
        let printed = rig.reconcile(0, &[]).await;
        println!("{}{}", printed.out, printed.err);
        assert_eq!(printed.status, 3, "{printed:?}");
        assert!(printed.err.contains("differ by more than 0.5 %"), "{}", printed.err);
        let last = printed.out.lines().last().unwrap();
        assert!(last.starts_with("never passed Farebox: 3.00 % ($0.0"), "{last}");
        assert!(last.contains(", 6918 tokens), mostly ") && last.ends_with(&rig.day()), "{last}");
        let tolerated = rig.reconcile(0, &["--json", "--tolerance", "3%"]).await;
        assert_eq!(tolerated.status, 0, "{tolerated:?}");
        let found = tolerated.json();
        let missing = &found["unmetered"];
        assert_eq!((&missing["percent"], &missing["tokens"]), (&json!("3.00"), &json!(6_918)));
        let straight = exact(&kind);
        assert!((missing["cost_nanousd"].as_i64().unwrap() - straight).abs() <= 97, "{missing}");
        if kind.name != "anthropic" {
            assert_eq!(
                (&missing["requests"], &missing["requests_percent"]),
                (&json!(3), &json!("3.00"))
            );
        }
        assert_eq!(missing["mostly"]["day"], rig.day());
    }
}

/// What the three calls cost, in nano-dollars: 86 fresh, 1,920 cached and 300 output tokens each,
/// at the public prices.
fn exact(kind: &Kind) -> i64 {
    3 * match kind.name {
        // $2.50, $0.25 and $15 a million.
        "openai" => 86 * 2_500 + 1_920 * 250 + 300 * 15_000,
        // $3, $0.30 and $15 a million.
        "anthropic" => 86 * 3_000 + 1_920 * 300 + 300 * 15_000,
        // $1.25, $0.125 and $10 a million.
        _ => 86 * 1_250 + 1_920 * 125 + 300 * 10_000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_of_the_ledger_are_told_apart() {
    let rig = Rig::start(KINDS[0]).await;
    rig.call("gpt-5.4", SCRIPT, "").await;
    rig.call("gpt-5.4", r#"{"input":2006,"output":300,"no_usage":true}"#, "").await;
    let printed = rig.reconcile(0, &["--tolerance", "100"]).await;
    assert!(printed.out.contains("estimated in the ledger: 1 call, $0.0"), "{printed:?}");
    let ledger = rig.reconcile(0, &["--json"]).await.json()["total"]["ledger"].clone();
    assert_eq!((&ledger["estimated_requests"], &ledger["requests"]), (&json!(1), &json!(2)));
    assert!(ledger["estimated_nanousd"].as_i64() < ledger["cost_nanousd"].as_i64(), "{ledger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_has_more_is_said_to_have_more() {
    let rig = Rig::start(KINDS[0]).await;
    rig.call("gpt-5.4", SCRIPT, "").await;
    rig.simulated.bill().reset();
    let printed = rig.reconcile(0, &[]).await;
    assert_eq!(printed.status, 3, "{printed:?}");
    let verdict = "the ledger has more than openai: ($0.005195, 1 request, 2306 tokens); ";
    assert!(printed.out.contains(verdict), "{}", printed.out);
    // Under another name the ledger has nothing of it.
    let other = rig.reconcile(0, &["--ledger-provider", "azure"]).await;
    assert_eq!(other.status, 0, "{other:?}");
    let both = ["--ledger-provider", "azure", "--ledger-provider", "openai", "--json"];
    assert_eq!(rig.reconcile(0, &both).await.json()["total"]["ledger"]["requests"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_spans_are_read_page_after_page() {
    for kind in &KINDS[..2] {
        let rig = Rig::start(*kind).await;
        rig.call(kind.models[0], SCRIPT, "").await;
        rig.bypass(kind.models[1], SCRIPT, "").await;
        let printed = rig.reconcile(29, &["-v", "--json"]).await;
        assert_eq!(printed.status, 3, "{printed:?}");
        assert!(printed.err.matches("page=page_").count() >= 4, "{}", printed.err);
        let rows = printed.json()["rows"].clone();
        assert_eq!(rows.as_array().unwrap().len(), 2, "{rows:#}");
        let charged = |row: &Value, side: &str| row[side]["cost_nanousd"].as_i64().unwrap() > 0;
        let sides = |row: &Value| [charged(row, "ledger"), charged(row, "provider")];
        let mut found = rows.as_array().unwrap().iter().map(sides).collect::<Vec<_>>();
        found.sort_unstable();
        assert_eq!(found, [[false, true], [true, true]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_program_reconciles_the_last_24_hours_on_both_back_ends() {
    last_24_hours(&[]).await;
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    last_24_hours(&["--redis", &redis.url()]).await;
}

async fn last_24_hours(back_end: &[&str]) {
    let setup = Setup {
        credential: Some(PROVIDER_KEY.to_owned()),
        admin_credential: Some(ADMIN_KEY.to_owned()),
        ..Setup::default()
    };
    let simulated = Simulated::set_up(setup).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let upstream = format!("openai={}", simulated.base_url());
    let environment = [("OPENAI_API_KEY", PROVIDER_KEY)];
    let arguments = [&["--upstream", &upstream], back_end].concat();
    let program = Program::serve(dir.path(), &arguments, &environment);
    program.json(dir.path(), &["users", "create", "alice"]);
    let key = program.json(dir.path(), &["keys", "create", "--user", "alice"]);
    let key = key["key"].as_str().unwrap().to_owned();
    let script = format!("x-simulate: {SCRIPT}\r\n");
    for model in ["gpt-5.4", "gpt-5-nano"] {
        let answer = program.call(&key, CHAT, &script, &chat(model, "")).await;
        assert_eq!(answer.status(), 200);
    }
    // A call that the provider refuses is in the ledger, and on no bill.
    let refused = "x-simulate: {\"status\":400}\r\n";
    assert_eq!(program.call(&key, CHAT, refused, &chat("gpt-5.4", "")).await.status(), 400);
    let url = simulated.base_url();
    let reconcile = || {
        let admin = format!("http://{}", program.admin);
        let data = dir.path().join("farebox-data");
        crate::reconcile_rig::verb(
            &[
                "reconcile",
                "--provider",
                "openai",
                "--since",
                "24h",
                "--provider-url",
                &url,
                "--admin-url",
                &admin,
                "--data-dir",
                data.to_str().unwrap(),
            ],
            &[("OPENAI_ADMIN_KEY", ADMIN_KEY)],
        )
    };
    let begun = std::time::Instant::now();
    let clean = loop {
        let printed = reconcile();
        if printed.status == 0 || begun.elapsed() > crate::world::LIMIT {
            break printed;
        }
    };
    println!("{}", clean.out);
    assert_eq!(clean.status, 0, "{clean:?}");
    assert!(clean.out.contains("difference: 0.00 % ($0.00)"), "{}", clean.out);
    let headers = format!("authorization: Bearer {PROVIDER_KEY}\r\n{script}");
    let stream = send(simulated.addr(), CHAT, &headers, &chat("gpt-5.4", "")).await;
    assert_eq!(Answer::read(stream).await.status(), 200);
    let found = reconcile();
    println!("{}", found.out);
    assert_eq!(found.status, 3, "{found:?}");
    assert!(found.out.contains("1 request, 2306 tokens), mostly gpt-5.4 on "), "{}", found.out);
}
