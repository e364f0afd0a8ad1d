//! First run, killing, stopping, two proxies on one Redis, secrets: on the built program.

use crate::program::{Program, farebox};
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, PROVIDER_KEY, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn upstream(simulated: &Simulated) -> String {
    format!("openai={}", simulated.base_url())
}

fn key_of(program: &Program, dir: &Path, user: &str) -> String {
    let made = program.json(dir, &["keys", "create", "--user", user]);
    made["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_prints_a_key_that_works_and_keeps_its_token_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(None).await.unwrap();
    let mut program = Program::serve(dir.path(), &["--upstream", &upstream(&simulated)], &[]);
    let key = program.first_key();
    assert_eq!(program.call(&key, CHAT, "", &chat("gpt-5", "")).await.status(), 200);
    let token = dir.path().join("farebox-data/admin-token");
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let users = program.json(dir.path(), &["users", "list"]);
    assert_eq!(users[0]["id"], "default");
    assert_eq!(users[0]["limits"][0]["limit"], "5");
    let (status, _) = program.terminate();
    assert_eq!(status, Some(0));
    let again = Program::serve(dir.path(), &["--upstream", &upstream(&simulated)], &[]);
    assert!(!again.greeting.contains("sk-fb-"), "{}", again.greeting);
    assert_eq!(again.call(&key, CHAT, "", &chat("gpt-5", "")).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn r034_a_kill_during_two_hundred_streams_loses_no_charge() {
    killed_during_streams(&[], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r034_a_kill_during_two_hundred_streams_loses_no_charge_with_redis() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    killed_during_streams(&["--redis", &redis.url()], Some(&redis)).await;
}

/// Half of the streams have been served to their end when the program is killed, half have not.
async fn killed_during_streams(arguments: &[&str], redis: Option<&RedisServer>) {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(None).await.unwrap();
    let pointed = upstream(&simulated);
    let arguments = [arguments, &["--upstream", &pointed]].concat();
    let environment =
        [("FAREBOX_ADMIN_TOKEN", "a-token-for-tests-only"), ("FAREBOX_LEDGER__LEASE_SECONDS", "5")];
    let mut program = Program::serve(dir.path(), &arguments, &environment);
    let admin = environment[0];
    let create = |program: &Program, verb: &[&str]| {
        let url = format!("http://{}", program.admin);
        let output = farebox(&[verb, &["--json"]].concat(), &[admin, ("FAREBOX_ADMIN_URL", &url)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    create(&program, &["users", "create", "kim", "--limit", "1000usd/day"]);
    let key = create(&program, &["keys", "create", "--user", "kim"]);
    let key = key["key"].as_str().unwrap().to_owned();
    let served = r#"{"input":100,"output":50,"chunks":10}"#;
    let open = r#"{"input":100,"output":50,"chunks":10,"stall_after":5}"#;
    let body = chat("gpt-5", r#","stream":true,"max_completion_tokens":60"#);
    let mut answers = Vec::new();
    let mut streams = Vec::new();
    for call in 0..200 {
        let script = if call % 2 == 0 { served } else { open };
        let headers = format!("authorization: Bearer {key}\r\nx-simulate: {script}\r\n");
        let stream = send(program.data, CHAT, &headers, &body).await;
        match call % 2 {
            0 => answers.push(tokio::spawn(Answer::read(stream))),
            _ => streams.push(stream),
        }
    }
    for answer in answers {
        assert!(answer.await.unwrap().whole);
    }
    for stream in &streams {
        tokio::time::timeout(LIMIT, stream.readable()).await.unwrap().unwrap();
    }
    program.kill();
    if let Some(redis) = redis {
        assert_ne!(redis.cli(&["ZCARD", "farebox:{0}:leases"]), "0");
    }
    let program = Program::serve(dir.path(), &arguments, &environment);
    let url = format!("http://{}", program.admin);
    let run = |verb: &[&str]| farebox(verb, &[admin, ("FAREBOX_ADMIN_URL", &url)]);
    let begun = Instant::now();
    let events = loop {
        let output = run(&["usage", "--user", "kim", "--json"]);
        let usage: Value = serde_json::from_slice(&output.stdout).unwrap();
        if usage[0]["requests"] == 200 {
            break usage;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{usage}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let orphans: Value =
        serde_json::from_slice(&run(&["ledger", "orphans", "--json"]).stdout).unwrap();
    let orphans = orphans.as_array().unwrap();
    assert_eq!(orphans.len(), 100);
    let metrics = Answer::read(send(program.admin, "/metrics", "", "").await).await;
    let counted = metrics.text().contains("\nfarebox_orphans_total 100\n");
    assert!(counted, "{}", metrics.text());
    let mut sum = 100 * (100 * 1_250 + 50 * 10_000);
    for orphan in orphans {
        assert_eq!((&orphan["ending"], &orphan["estimated"]), (&"orphaned".into(), &true.into()));
        let cost = orphan["cost_nanousd"].as_i64().unwrap();
        assert!(cost > 0, "{orphan}");
        sum += cost;
    }
    assert_eq!(events[0]["cost_nanousd"], sum);
    let verified = run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn r033_two_proxies_on_one_redis_admit_what_the_money_allows_and_no_more() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let simulated = Simulated::start(None).await.unwrap();
    let pointed = upstream(&simulated);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let url = redis.url();
    let environment = [
        ("FAREBOX_ADMIN_TOKEN", "a-token-for-tests-only"),
        ("FAREBOX_ENFORCEMENT__DRAIN_SECONDS", "1"),
        ("FAREBOX_ENFORCEMENT__MODE", "strict"),
        ("FAREBOX_LEDGER__REDIS_URL", url.as_str()),
    ];
    let programs = dirs
        .each_ref()
        .map(|dir| Program::serve(dir.path(), &["--upstream", &pointed], &environment));
    let create = |verb: &[&str]| {
        let admin = format!("http://{}", programs[0].admin);
        let output = farebox(
            &[verb, &["--json"]].concat(),
            &[environment[0], ("FAREBOX_ADMIN_URL", &admin)],
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    create(&["users", "create", "probe", "--limit", "0usd/day"]);
    let probe = create(&["keys", "create", "--user", "probe"])["key"].as_str().unwrap().to_owned();
    // Streams, because plain calls are carried on when their clients hang up.
    let body = chat("gpt-5", r#","stream":true,"max_completion_tokens":100"#);
    let denied = programs[1].call(&probe, CHAT, "", &body).await.json();
    let ceiling: f64 = denied["farebox"]["wanted"].as_str().unwrap().parse().unwrap();
    let limit = format!("{:.9}usd/day", ceiling * 10.5);
    create(&["users", "create", "dora", "--limit", &limit]);
    let key = create(&["keys", "create", "--user", "dora"])["key"].as_str().unwrap().to_owned();
    // What is admitted is not answered, so that nothing ends and makes room before all have asked.
    let script = "x-simulate: {\"first_delay_ms\":600000}\r\n";
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..1_000 {
        let headers = format!("authorization: Bearer {key}\r\n{script}");
        let (addr, body) = (programs[call % 2].data, body.clone());
        calls.spawn(async move {
            // A thousand at once on a busy machine: a hold may take longer than a proxy waits.
            loop {
                match Answer::read(send(addr, CHAT, &headers, &body).await).await.status() {
                    503 => tokio::time::sleep(Duration::from_millis(100)).await,
                    status => return status,
                }
            }
        });
    }
    for _ in 0..990 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), 429);
    }
    assert_eq!(redis.cli(&["ZCARD", "farebox:{0}:user:dora:holds"]), "10");
    // Their clients hang up: all are charged, within the limit.
    calls.shutdown().await;
    let begun = Instant::now();
    while redis.cli(&["ZCARD", "farebox:{0}:user:dora:holds"]) != "0" {
        assert!(begun.elapsed() < LIMIT, "the holds stay");
    }
    assert_eq!(redis.cli(&["HGET", "farebox:{0}:user:dora", "requests.total"]), "10");
    let used = redis.cli(&["HGET", "farebox:{0}:user:dora", "usd/day.used"]);
    let most = redis.cli(&["HGET", "farebox:{0}:user:dora", "usd/day.limit"]);
    assert!(used.parse::<i64>().unwrap() <= most.parse::<i64>().unwrap(), "{used} of {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_shows_and_changes_budgets_as_the_contract_says() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let simulated = Simulated::start(None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = redis.url();
    let pointed = upstream(&simulated);
    let program = Program::serve(dir.path(), &["--redis", &url, "--upstream", &pointed], &[]);
    program.json(dir.path(), &["users", "create", "alice", "--limit", "25usd/month"]);
    let key = key_of(&program, dir.path(), "alice");
    let script = "x-simulate: {\"input\":2006,\"cached\":1920,\"output\":300}\r\n";
    assert_eq!(program.call(&key, CHAT, script, &chat("gpt-5", "")).await.status(), 200);
    let user = "farebox:{0}:user:alice";
    let field = |name: &str| redis.cli(&["HGET", user, name]);
    let begun = Instant::now();
    while field("usd/month.used") != "3347500" {
        assert!(begun.elapsed() < LIMIT, "{}", redis.cli(&["HGETALL", user]));
    }
    assert_eq!(field("status"), "active");
    assert_eq!(field("usd/month.limit"), "25000000000");
    assert_eq!(field("usd.held"), "0");
    assert_eq!(field("usd.total"), "3347500");
    assert_eq!(field("tokens.total"), "2306");
    assert_eq!(field("usd/month.period").len(), 6);
    assert_eq!(redis.cli(&["ZRANGE", "farebox:{0}:user:alice:holds", "0", "-1"]), "");
    let event = redis.cli(&["XREVRANGE", "farebox:{0}:events", "+", "-", "COUNT", "1"]);
    assert!(
        event.contains("cached_read\n1920") && event.contains("cost_nanousd\n3347500"),
        "{event}"
    );
    assert!(redis.cli(&["ZREVRANGE", "farebox:{0}:utilization", "0", "0"]).contains("alice"));
    let digest = farebox::secret::SecretDigest::of(&key);
    let record = redis.cli(&["HGETALL", &format!("farebox:{{0}}:key:{}", &digest.hex()[..32])]);
    assert!(record.contains("alice") && !record.contains(&key));
    assert!(redis.cli(&["HGETALL", "farebox:meta"]).contains("schema"));

    redis.cli(&["HSET", user, "usd/month.limit", "3347501"]);
    let refused = program.call(&key, CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((refused.status(), refused.code()), (429, "insufficient_quota".to_owned()));
    redis.cli(&["HSET", user, "usd/month.limit", "50000000000"]);
    // For a caller that was refused just now, within a second.
    let raised = Instant::now();
    loop {
        let asked = raised.elapsed();
        if program.call(&key, CHAT, "", &chat("gpt-5", "")).await.status() == 200 {
            break;
        }
        assert!(asked < Duration::from_millis(1_100), "still refused after {asked:?}");
    }
    redis.cli(&["HSET", user, "status", "suspended"]);
    let refused = program.call(&key, CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!((refused.status(), refused.code()), (403, "account_suspended".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_prompts_are_nowhere_to_be_found() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let (url, pointed) = (redis.url(), upstream(&simulated));
    let token = "admin-canary-token-5b1d";
    let environment = [
        ("OPENAI_API_KEY", PROVIDER_KEY),
        ("FAREBOX_ADMIN_TOKEN", token),
        ("FAREBOX_LOG", "trace"),
    ];
    let mut program =
        Program::serve(dir.path(), &["--redis", &url, "--upstream", &pointed], &environment);
    let admin = format!("http://{}", program.admin);
    let access = [("FAREBOX_ADMIN_TOKEN", token), ("FAREBOX_ADMIN_URL", admin.as_str())];
    farebox(&["users", "create", "eve", "--limit", "1usd/day"], &access);
    let made = farebox(&["keys", "create", "--user", "eve", "--json"], &access).stdout;
    let made: Value = serde_json::from_slice(&made).unwrap();
    let key = made["key"].as_str().unwrap();
    let prompt = "prompt-canary-91c2";
    let body =
        format!(r#"{{"model":"gpt-5","messages":[{{"role":"user","content":"{prompt}"}}]}}"#);
    for script in ["", "x-simulate: {\"status\":500}\r\n", "x-simulate: {\"cut_after\":1}\r\n"] {
        program.call(key, CHAT, script, &body).await;
    }
    let stream = body.replace("\"messages\"", "\"stream\":true,\"messages\"");
    let answer = program.call(key, CHAT, "", &stream).await;
    let piece = answer.text().split("\"content\":\"").nth(2).unwrap();
    let completion = piece.split('"').next().unwrap().to_owned();
    program.call("sk-fb-unknown-canary", CHAT, "", &body).await;
    program.call(key, "/v1/responses?key=query-canary", "", "not json").await;
    let metrics = Answer::read(send(program.admin, "/metrics", "", "").await).await;
    assert!(metrics.text().contains("farebox_requests_total"), "{}", metrics.text());
    let mut places = vec![
        ("metrics", metrics.text().to_owned()),
        ("command line", program.command_line()),
        ("redis", dump(&redis)),
    ];
    program.terminate();
    places.push(("log", program.log_text()));
    for path in files_below(dir.path()) {
        places.push(("file", String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()));
    }
    assert!(program.log_text().contains("settled"), "the log is empty");
    assert!(completion.len() >= 3, "{completion:?}");
    for (place, text) in places {
        for secret in [PROVIDER_KEY, token, key, prompt, "unknown-canary", "query-canary"] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

/// Everything that Redis keeps.
fn dump(redis: &RedisServer) -> String {
    let keys = redis.cli(&["KEYS", "*"]);
    let read = |key: &str| match redis.cli(&["TYPE", key]).as_str() {
        "hash" => redis.cli(&["HGETALL", key]),
        "stream" => redis.cli(&["XRANGE", key, "-", "+"]),
        "zset" => redis.cli(&["ZRANGE", key, "0", "-1"]),
        "set" => redis.cli(&["SMEMBERS", key]),
        _ => redis.cli(&["GET", key]),
    };
    keys.lines().map(|key| format!("{key}\n{}\n", read(key))).collect()
}

fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_streams_finish_and_readiness_says_no() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(None).await.unwrap();
    let mut program = Program::serve(dir.path(), &["--upstream", &upstream(&simulated)], &[]);
    let key = program.first_key();
    assert_eq!(Answer::read(send(program.data, "/readyz", "", "").await).await.status(), 200);
    let script = "x-simulate: {\"chunks\":20,\"delay_ms\":50}\r\n";
    let headers = format!("authorization: Bearer {key}\r\n{script}");
    let body = chat("gpt-5-nano", r#","stream":true"#);
    let stream = send(program.data, CHAT, &headers, &body).await;
    tokio::time::timeout(LIMIT, stream.readable()).await.unwrap().unwrap();
    let reading = tokio::spawn(Answer::read(stream));
    let (status, took) = tokio::task::spawn_blocking(move || program.terminate()).await.unwrap();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    let answer = reading.await.unwrap();
    assert!(answer.whole && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
}

#[test]
fn a_start_that_cannot_work_says_why_and_exits_as_the_contract_says() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, "listn = \"127.0.0.1:1\"").unwrap();
    let data_dir = dir.path().join("data").display().to_string();
    let check = |arguments: &[&str], environment: &[(&str, &str)], status: i32, words: &[&str]| {
        let output =
            farebox(&[&["serve", "--data-dir", &data_dir], arguments].concat(), environment);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{error}");
        for word in words {
            assert!(error.contains(word), "`{word}` is missing in {error}");
        }
    };
    let path = file.display().to_string();
    check(&["--config", &path], &[], 78, &["bad.toml:1", "did you mean `listen`?"]);
    check(&["--listen", "0.0.0.0:0"], &[], 78, &["FAREBOX_ADMIN_TOKEN"]);
    check(&[], &[("FAREBOX_ADMIN_TOKEN", "dev_reset_2025")], 78, &["FAREBOX_ADMIN_TOKEN"]);
    check(&["--redis", "redis://127.0.0.1:1"], &[], 7, &["127.0.0.1:1"]);
    check(&["--pricing", "/nonexistent.toml"], &[], 78, &["/nonexistent.toml"]);
    check(&["--nonsense"], &[], 2, &["--nonsense"]);
}
