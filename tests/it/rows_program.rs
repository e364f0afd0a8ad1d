//! Rows of what was asked for, each shown on the built program as an operator runs it.

use crate::ledger_rig::{Rig, order};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// A program with its provider and its directory.
pub struct Shop {
    pub program: Program,
    pub dir: tempfile::TempDir,
    _simulated: Simulated,
}

impl Shop {
    pub async fn open(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let upstream = format!("openai={}", simulated.base_url());
        let arguments = [arguments, &["--upstream", &upstream]].concat();
        let program = Program::serve(dir.path(), &arguments, environment);
        Self { program, dir, _simulated: simulated }
    }

    /// What a verb prints as JSON.
    pub fn json(&self, line: &str) -> Value {
        self.program.json(self.dir.path(), &line.split(' ').collect::<Vec<_>>())
    }

    /// A user with limits, and a key of it.
    pub fn user(&self, line: &str) -> String {
        self.json(&format!("users create {line}"));
        let name = line.split(' ').next().unwrap();
        self.key(name)["key"].as_str().unwrap().to_owned()
    }

    pub fn key(&self, user: &str) -> Value {
        self.json(&format!("keys create --user {user}"))
    }

    pub async fn call(&self, key: &str, script: &str) -> Answer {
        let headers = format!("x-simulate: {script}\r\n");
        let body = chat("gpt-5", r#","max_completion_tokens":100"#);
        self.program.call(key, CHAT, &headers, &body).await
    }

    /// A page of the admin API.
    async fn admin(&self, path: &str) -> Answer {
        let token = self.dir.path().join("farebox-data/admin-token");
        let token = std::fs::read_to_string(token).unwrap();
        let headers = format!("authorization: Bearer {}\r\n", token.trim());
        Answer::read(send(self.program.admin, path, &headers, "").await).await
    }

    /// The settled calls of a user, newest first, once there are so many.
    pub async fn calls(&self, user: &str, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let page = self.admin(&format!("/api/v1/requests?user={user}")).await.json();
            let calls = page["data"].as_array().unwrap().clone();
            if calls.len() == count {
                return calls;
            }
            assert!(begun.elapsed() < LIMIT, "{} of {count}: {page}", calls.len());
        }
    }
}

pub const EXAMPLE: &str = r#"{"input":2006,"cached":1920,"output":300}"#;

#[tokio::test(flavor = "multi_thread")]
async fn r006_the_event_of_a_call_says_who_what_and_how_much() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let shop = Shop::open(&["--redis", &redis.url()], &[("OPENAI_API_KEY", "sk-x")]).await;
    shop.json("workspaces create eng");
    shop.json("users create alice --workspace eng --limit 5usd/day");
    let key = shop.key("alice");
    let answer = shop.call(key["key"].as_str().unwrap(), EXAMPLE).await;
    let id = answer.header("x-farebox-request-id").unwrap();
    let call = shop.calls("alice", 1).await.remove(0);
    let stream = redis.cli(&["XREVRANGE", "farebox:{0}:events", "+", "-", "COUNT", "1"]);
    let lines: Vec<&str> = stream.lines().skip(1).collect();
    let fields: BTreeMap<_, _> = lines.chunks(2).map(|pair| (pair[0].trim(), pair[1])).collect();
    let key_id = key["id"].as_str().unwrap();
    for (name, value) in [
        ("id", id.as_str()),
        ("user", "alice"),
        ("key", key_id),
        ("workspace", "eng"),
        ("model", "gpt-5"),
        ("provider", "openai"),
        ("credential", "openai-main"),
        ("dialect", "openai.chat"),
        ("input_tokens_total", "2006"),
        ("cached_read", "1920"),
        ("input_uncached", "86"),
        ("output_tokens_total", "300"),
        ("cost_nanousd", "3347500"),
        ("cost_usd", "0.0033475"),
        ("status", "200"),
        ("ending", "finished"),
        ("estimated", "false"),
    ] {
        assert_eq!(fields.get(name), Some(&value), "{name} in {stream}");
        let shown = call.get(name).unwrap_or(&call["usage"][name]).to_string();
        assert_eq!(shown.trim_matches('"'), value, "{name} in {call}");
    }
    assert!(fields["price_version"].len() >= 4 && call["price_version"].is_string());
    let one = shop.admin(&format!("/api/v1/requests/{id}")).await.json();
    assert_eq!(one, call);
    // The settlement was noted on this machine before the answer's last bytes went out.
    let journal = shop.dir.path().join("farebox-data/journal");
    let noted = std::fs::read_dir(journal).unwrap().any(|file| {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(path).unwrap() } else { Vec::new() };
        String::from_utf8_lossy(&bytes).contains(&id)
    });
    assert!(noted);
}

#[tokio::test(flavor = "multi_thread")]
async fn r011_successes_and_failures_are_recorded_and_told_apart() {
    let shop = Shop::open(&[], &[("OPENAI_API_KEY", "sk-x")]).await;
    shop.json("users create bob --limit 5usd/day --limit 100requests/day");
    let key = shop.key("bob");
    for status in [200, 500, 200, 400, 500, 200, 429] {
        let script = match status {
            200 => EXAMPLE.to_owned(),
            status => format!(r#"{{"status":{status}}}"#),
        };
        let answer = shop.call(key["key"].as_str().unwrap(), &script).await;
        assert_eq!(answer.status(), status);
    }
    let calls = shop.calls("bob", 7).await;
    let mut statuses = BTreeMap::new();
    for call in &calls {
        let status = call["status"].as_u64().unwrap();
        *statuses.entry(status).or_insert(0) += 1;
        assert_eq!(call["key"], key["id"]);
        assert_eq!(call["credential"], "openai-main");
        assert_eq!(call["cost_nanousd"].as_i64(), Some(if status == 200 { 3_347_500 } else { 0 }));
    }
    assert_eq!(statuses, [(200, 3), (400, 1), (429, 1), (500, 2)].into());
    let bob = shop.json("users show bob");
    assert_eq!(bob["limits"].as_array().unwrap().len(), 2);
    let requests = bob["limits"].as_array().unwrap().iter().find(|l| l["meter"] == "requests");
    // Attempts count, also those that failed.
    assert_eq!(requests.unwrap()["used"], 7);
    assert_eq!(bob["spent_usd"], "0.0100425");
    let metrics = Answer::read(send(shop.program.admin, "/metrics", "", "").await).await;
    let counted = |status: u16| -> u64 {
        let label = format!("status=\"{status}\"");
        let of = |line: &&str| line.starts_with("farebox_requests_total{") && line.contains(&label);
        let lines = metrics.text().lines().filter(of);
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!([200, 400, 429, 500].map(counted), [3, 1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r018_r026_r027_the_budget_of_a_user_is_shown_with_what_is_used_and_held() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let shop = Shop::open(&["--redis", &redis.url()], &[]).await;
    let key = shop.user("alice --limit 0.01usd/month --limit 8requests/day");
    shop.call(&key, EXAMPLE).await;
    shop.calls("alice", 1).await;
    // A second call is on its way while we look.
    let slow = r#"{"first_delay_ms":60000}"#;
    let headers = format!("authorization: Bearer {key}\r\nx-simulate: {slow}\r\n");
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    let open = send(shop.program.data, CHAT, &headers, &body).await;
    let begun = Instant::now();
    let field = |name: &str| redis.cli(&["HGET", "farebox:{0}:user:alice", name]);
    while field("requests/day.used") != "2" {
        assert!(begun.elapsed() < LIMIT, "the call does not arrive");
    }
    let alice = shop.json("users show alice");
    let quota = &alice["llm_quota"];
    assert_eq!(alice["id"], "alice");
    assert_eq!(quota["dollars_per_period"], "0.01");
    assert_eq!(quota["dollars_used"], "0.0033475");
    assert_eq!(quota["utilization_percent"], json!(33.475));
    assert_eq!(quota["period"], "month");
    assert!(quota["resets_at"].as_str().unwrap().ends_with("-01T00:00:00Z"));
    let held: f64 = quota["dollars_held"].as_str().unwrap().parse().unwrap();
    assert!((0.001..0.0015).contains(&held), "{held}");
    assert_eq!(field("usd/month.used"), "3347500");
    assert_eq!(field("usd.held"), format!("{:.0}", held * 1e9));
    let requests = &alice["limits"].as_array().unwrap()[1];
    let figures = ["used", "limit", "usage_percent", "remaining"].map(|name| &requests[name]);
    assert_eq!(figures, [&json!(2), &json!(8), &json!(25), &json!(6)]);
    drop(open);
    // Nothing is divided by nothing.
    shop.user("zoe --limit 0usd/month");
    let zoe = shop.json("users show zoe");
    assert_eq!(zoe["llm_quota"]["utilization_percent"], 100);
    assert_eq!(zoe["status"], "quota_exceeded");
    shop.user("ned --no-limits");
    let ned = shop.json("users show ned");
    assert_eq!(ned["llm_quota"]["utilization_percent"], Value::Null);
    assert_eq!((&ned["limits"], &ned["status"]), (&json!([]), &json!("normal")));
}

#[tokio::test(flavor = "multi_thread")]
async fn r019_a_limit_set_by_command_line_binds_the_next_call() {
    let shop = Shop::open(&[], &[]).await;
    let key = shop.user("alice --limit 0usd/day");
    for (limit, status) in [("5usd/day", 200), ("0.003usd/day", 429), ("1usd/day", 200)] {
        shop.json(&format!("limits set user:alice {limit}"));
        let answer = shop.call(&key, EXAMPLE).await;
        assert_eq!(answer.status(), status, "{limit}: {}", answer.text());
        shop.calls("alice", if limit == "1usd/day" { 2 } else { 1 }).await;
    }
    let alice = shop.json("users set alice --thresholds 50,100");
    assert_eq!(alice["thresholds"], json!([50, 100]));
}

#[tokio::test(flavor = "multi_thread")]
async fn r024_the_older_variables_bind_users_that_have_no_limits_of_their_own() {
    let environment = [
        ("OPENAI_RATE_LIMIT_PER_MINUTE", "1000"),
        ("OPENAI_RATE_LIMIT_PER_DAY", "2"),
        ("OPENAI_TOKEN_LIMIT_PER_MINUTE", "90000"),
    ];
    let shop = Shop::open(&[], &environment).await;
    let follower = shop.user("follower");
    let own = shop.user("own --limit 3requests/day");
    let none = shop.user("none --no-limits");
    let mut texts: Vec<String> = Vec::new();
    for limit in shop.json("users show follower")["limits"].as_array().unwrap() {
        texts.push(limit["text"].as_str().unwrap().to_owned());
    }
    texts.sort();
    assert_eq!(
        texts,
        ["1000 requests/minute", "2 requests/day", "25 usd/month", "90000 tokens/minute"]
    );
    for (key, most) in [(&follower, 2), (&own, 3), (&none, 4)] {
        for n in 1..=4 {
            let answer = shop.call(key, r#"{"input":10,"output":10}"#).await;
            assert_eq!(answer.status(), if n <= most { 200 } else { 429 }, "{n} of {most}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r028_r029_r037_the_status_word_rises_by_itself_and_falls_when_it_may() {
    let shop = Shop::open(&[], &[]).await;
    let word = |user: &str| shop.json(&format!("users show {user}"))["status"].clone();
    let key = shop.user("ruth --limit 10requests/day");
    let mut words = Vec::new();
    for n in 1..=10 {
        assert_eq!(shop.call(&key, r#"{"input":1,"output":1}"#).await.status(), 200);
        shop.calls("ruth", n).await;
        words.push(word("ruth").as_str().unwrap().to_owned());
    }
    assert!(words[..7].iter().all(|word| word == "normal"), "{words:?}");
    assert_eq!(words[7..], ["warning", "critical", "rate_limited"]);
    let key = shop.user("paul --limit 0.004usd/day");
    shop.call(&key, EXAMPLE).await;
    shop.calls("paul", 1).await;
    assert_eq!(word("paul"), "warning");
    shop.json("limits set user:paul 0.003usd/day");
    assert_eq!(word("paul"), "quota_exceeded");
    shop.json("users suspend paul");
    assert_eq!(word("paul"), "suspended");
    assert_eq!(shop.call(&key, EXAMPLE).await.code(), "account_suspended");
    shop.json("users resume paul");
    shop.json("limits set user:paul 1usd/day");
    assert_eq!(word("paul"), "normal");
}

#[tokio::test(flavor = "multi_thread")]
async fn r030_nothing_of_one_workspace_reaches_another() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let shop = Shop::open(&["--redis", &redis.url()], &[]).await;
    shop.json("workspaces create eng --limit 2requests/day");
    shop.json("workspaces create ops --limit 2requests/day");
    let ann = shop.user("ann --workspace eng --no-limits");
    let amy = shop.user("amy --workspace eng --no-limits");
    let oli = shop.user("oli --workspace ops --no-limits");
    assert_eq!(shop.call(&ann, EXAMPLE).await.status(), 200);
    assert_eq!(shop.call(&amy, EXAMPLE).await.status(), 200);
    let refused = shop.call(&ann, EXAMPLE).await;
    assert_eq!((refused.status(), refused.code()), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(refused.json()["farebox"]["account"], "workspace:eng");
    assert_eq!(shop.call(&oli, EXAMPLE).await.status(), 200);
    shop.calls("ann", 1).await;
    shop.calls("amy", 1).await;
    shop.calls("oli", 1).await;
    let total = |name: &str| redis.cli(&["HGET", &format!("farebox:{{0}}:{name}"), "usd.total"]);
    for (account, spent) in [
        ("user:ann", "3347500"),
        ("user:amy", "3347500"),
        ("user:oli", "3347500"),
        ("workspace:eng", "6695000"),
        ("workspace:ops", "3347500"),
    ] {
        assert_eq!(total(account), spent, "{account}");
    }
    let users = |workspace: &str| {
        let listed = shop.json(&format!("users list --workspace {workspace}"));
        let names = listed.as_array().unwrap().iter().map(|user| user["id"].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        (users("eng"), users("ops")),
        (vec![json!("amy"), json!("ann")], vec![json!("oli")])
    );
    let usage = shop.json("usage --workspace ops --group-by user");
    assert_eq!((usage.as_array().unwrap().len(), &usage[0]["user"]), (1, &json!("oli")));
    for key in redis.cli(&["KEYS", "*"]).lines() {
        assert!(key == "farebox:meta" || key.starts_with("farebox:{0}:"), "{key}");
    }
}

/// How often a command was called since the statistics were reset.
fn called(redis: &RedisServer, command: &str) -> u64 {
    let statistics = redis.cli(&["INFO", "commandstats"]);
    let begin = format!("cmdstat_{command}:calls=");
    let line = statistics.lines().find_map(|line| line.strip_prefix(&begin));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r015_r017_each_transition_of_a_hold_is_one_script_and_one_round_trip() {
    let redis = RedisServer::start(&[]);
    let rig = Rig::on(&redis, "one").await;
    let payers = rig.user("alice", &["25 usd/month", "60 requests/minute", "3 concurrent"]).await;
    rig.call(&payers, 1).await;
    let lost = order(&payers, 1);
    rig.admit(&lost).await;
    rig.void(&lost).await;
    let scripts = || called(&redis, "evalsha") + called(&redis, "eval") + called(&redis, "fcall");
    let reset = || redis.cli(&["CONFIG", "RESETSTAT"]);
    let call = order(&payers, 1);
    reset();
    rig.admit(&call).await;
    assert_eq!(scripts(), 1, "to hold");
    reset();
    rig.post(&call, 1).await;
    assert_eq!(scripts(), 1, "to post");
    let call = order(&payers, 1);
    rig.admit(&call).await;
    reset();
    rig.void(&call).await;
    assert_eq!(scripts(), 1, "to void");
    rig.admit(&order(&payers, 1)).await;
    rig.clock.advance(60_000);
    reset();
    rig.sweep().await;
    assert_eq!(scripts(), 1, "to expire");
    rig.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r035_r036_what_calls_leave_in_redis_is_bounded_and_ends_by_itself() {
    let redis = RedisServer::start(&[]);
    let rig = Rig::on(&redis, "one").await;
    let limits = ["9 usd/total", "9 requests/minute", "9000 requests/hour", "90000 tokens/day"];
    let payers = rig.user("alice", &limits).await;
    let lasting = || {
        let keys = redis.cli(&["KEYS", "*"]);
        let mut names: Vec<String> = keys.lines().map(str::to_owned).collect();
        names.retain(|name| redis.cli(&["PTTL", name]) == "-1");
        // Of the minute that is under way there are sums that were not folded yet.
        for name in &mut names {
            let minute = name.rsplit_once(":minute:").map(|(before, _)| before.to_owned());
            *name = minute.unwrap_or_else(|| name.clone());
        }
        names.sort();
        names
    };
    rig.call(&payers, 0).await;
    let (names, fields) = (lasting(), redis.cli(&["HLEN", "farebox:{0}:user:alice"]));
    for _ in 0..40 {
        rig.clock.advance(86_400_000 + 3_660_000);
        rig.call(&payers, 0).await;
    }
    rig.ledger.fold_now().await;
    // Forty days later there is no key and no field more: windows are not stored one by one.
    assert_eq!(lasting(), names);
    assert_eq!(redis.cli(&["HLEN", "farebox:{0}:user:alice"]), fields);
    let marks = redis.cli(&["KEYS", "farebox:{0}:settled:*"]);
    assert_eq!(marks.lines().count(), 41);
    for mark in marks.lines() {
        let left: i64 = redis.cli(&["PTTL", mark]).parse().unwrap();
        assert!((1..=30 * 86_400_000).contains(&left), "{mark} lives {left} ms more");
    }
    rig.clean().await;
}

#[test]
fn r015_only_scripts_write_money_to_redis() {
    const READS: [&str; 20] = [
        "CONFIG",
        "GET",
        "HGET",
        "HGETALL",
        "HMGET",
        "HSCAN",
        "INFO",
        "PTTL",
        "SCAN",
        "SCRIPT",
        "TIME",
        "XLEN",
        "XRANGE",
        "XREVRANGE",
        "ZCARD",
        "ZMSCORE",
        "ZRANGE",
        "ZRANGEBYLEX",
        "ZRANGEBYSCORE",
        "ZREVRANGEBYLEX",
    ];
    // The scripts themselves, the schema's version at the first start, leases whose hold is gone,
    // the index of credentials, which has no money, hints of whose figures moved, whose turn it is
    // to walk through the sorted lists or to fold sums, and since when there are sums.
    // Migrations: what `farebox migrate down` deletes has no money.
    const WRITES: [(&str, &str); 15] = [
        ("script.rs", "EVALSHA"),
        ("connect.rs", "HSET"),
        ("sweep.rs", "ZREM"),
        ("attempts.rs", "ZREM"),
        ("credentials.rs", "ZADD"),
        ("credentials.rs", "ZREM"),
        ("hints.rs", "PUBLISH"),
        ("migrate.rs", "HSET"),
        ("migrate.rs", "UNLINK"),
        ("migrate.rs", "ZREM"),
        ("ranking.rs", "SET"),
        ("ranking.rs", "ZREM"),
        ("rollups.rs", "DEL"),
        ("rollups.rs", "HSETNX"),
        ("rollups.rs", "SET"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/redis");
    let mut commands = 0;
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        for part in text.split("redis::cmd(\"").skip(1) {
            let command = part.split('"').next().unwrap();
            let fits = READS.contains(&command)
                || command == "ZSCORE"
                || WRITES.contains(&(name.as_str(), command));
            assert!(fits, "{name} sends {command}");
            commands += 1;
        }
        let methods = ["hset", "hset_multiple", "hincr", "hdel", "incr", "del", "zadd", "zrem"];
        let methods = methods.iter().map(|method| format!(".{method}("));
        for word in methods.chain(["AsyncCommands", "AsyncTypedCommands"].map(str::to_owned)) {
            assert!(!text.contains(&word), "{name} uses {word}");
        }
    }
    assert!(commands >= 15, "only {commands} commands were seen");
}
