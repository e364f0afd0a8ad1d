//! Each metric moves when what it counts happens, on the built program as Prometheus scrapes it.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat, send};
use farebox::demo::provider::Simulated;
use farebox::telemetry::names::{ALL, COST_NANOUSD, COST_USD, Kind};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

const ENVIRONMENT: &[(&str, &str)] = &[("OPENAI_API_KEY", "sk-x")];

/// A program with a provider, and the key of its one user.
struct Shop {
    program: Program,
    key: String,
    dir: tempfile::TempDir,
    _simulated: Simulated,
}

impl Shop {
    async fn open(arguments: &[&str], limit: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let upstream = format!("openai={}", simulated.base_url());
        let arguments = [arguments, &["--upstream", &upstream]].concat();
        let program = Program::serve(dir.path(), &arguments, ENVIRONMENT);
        program.json(dir.path(), &["users", "create", "alice", "--limit", limit]);
        let key = program.json(dir.path(), &["keys", "create", "--user", "alice"]);
        let key = key["key"].as_str().unwrap().to_owned();
        Self { program, key, dir, _simulated: simulated }
    }

    async fn call(&self, script: &str, body: &str) -> Answer {
        let headers = format!("x-simulate: {script}\r\n");
        self.program.call(&self.key, CHAT, &headers, body).await
    }

    /// A stream that was begun and says no more.
    async fn stalled(&self) -> tokio::net::TcpStream {
        let headers = format!(
            "authorization: Bearer {}\r\nx-simulate: {{\"chunks\":9,\"stall_after\":3}}\r\n",
            self.key
        );
        let body = chat("gpt-5", r#","stream":true,"max_completion_tokens":60"#);
        let stream = send(self.program.data, CHAT, &headers, &body).await;
        tokio::time::timeout(LIMIT, stream.readable()).await.unwrap().unwrap();
        stream
    }

    async fn scrape(&self) -> Scrape {
        Scrape(
            Answer::read(send(self.program.admin, "/metrics", "", "").await)
                .await
                .text()
                .to_owned(),
        )
    }

    /// Scrapes until the metrics fit.
    async fn until(&self, fits: impl Fn(&Scrape) -> bool) -> Scrape {
        let begun = Instant::now();
        loop {
            let scrape = self.scrape().await;
            if fits(&scrape) {
                return scrape;
            }
            assert!(begun.elapsed() < LIMIT, "{}", scrape.0);
        }
    }
}

/// What `/metrics` said.
struct Scrape(String);

impl Scrape {
    /// The sum of all series whose name and labels begin so.
    fn sum(&self, series: &str) -> f64 {
        let of = |line: &&str| {
            line.strip_prefix(series).is_some_and(|rest| rest.starts_with([' ', '{', '}', ',']))
        };
        let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        self.0.lines().filter(of).map(value).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_there_from_the_start_with_its_kind() {
    let shop = Shop::open(&[], "1usd/day").await;
    let scrape = shop.scrape().await;
    for metric in ALL {
        let name = if metric.name == COST_NANOUSD { COST_USD } else { metric.name };
        let head = format!("# TYPE {name} {}\n", metric.kind.as_str());
        assert_eq!(scrape.0.matches(&head).count(), 1, "{head}{}", scrape.0);
        let zero = metric.labels.is_empty() && metric.kind != Kind::Histogram;
        assert!(!zero || scrape.0.contains(&format!("\n{name} ")), "{name} has no figure");
    }
    let build = format!("farebox_build_info{{version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(scrape.sum(&build), 1.0);
    assert!(scrape.sum("process_resident_memory_bytes") > 1e6);
    assert!(
        scrape.sum("process_virtual_memory_bytes") > scrape.sum("process_resident_memory_bytes")
    );
    assert!(scrape.sum("process_start_time_seconds") > 1.7e9);
    assert!(scrape.sum("process_max_fds") > scrape.sum("process_open_fds"));
    assert!(scrape.sum("process_open_fds") > 5.0 && scrape.sum("process_threads") > 1.0);
    let before = scrape.sum("process_cpu_seconds_total");
    shop.until(|scrape| scrape.sum("process_cpu_seconds_total") > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_an_observed_limit_would_have_refused_are_counted_and_served() {
    let shop = Shop::open(&[], "1requests/day !observe").await;
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    let counted = |scrape: &Scrape, reason: &str| {
        scrape.sum(&format!("farebox_shadow_refusals_total{{reason=\"{reason}\""))
    };
    for count in [0.0, 1.0, 2.0] {
        assert_eq!(shop.call("{}", &body).await.status(), 200);
        assert_eq!(counted(&shop.scrape().await, "rate_limit_exceeded"), count);
    }
    let set = |limit: &str| {
        let output = shop.program.verb(shop.dir.path(), &["limits", "set", "user:alice", limit]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    set("0.000001usd/day !observe");
    assert_eq!(shop.call("{}", &body).await.status(), 200);
    // What takes no money would not be refused for it; it counts as a request.
    assert_eq!(shop.program.call(&shop.key, "/v1/models", "", "").await.status(), 200);
    let scrape = shop.scrape().await;
    assert_eq!(counted(&scrape, "insufficient_quota"), 1.0);
    assert_eq!(counted(&scrape, "rate_limit_exceeded"), 3.0);
    set("1requests/day");
    assert_eq!(shop.call("{}", &body).await.status(), 429);
    let scrape = shop.scrape().await;
    assert_eq!(scrape.sum("farebox_shadow_refusals_total"), 4.0);
    assert_eq!(scrape.sum("farebox_refusals_total"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_seen_with_its_times_its_tokens_and_the_thresholds_that_it_crossed() {
    let shop = Shop::open(&[], "0.0035usd/day").await;
    let script = r#"{"input":2006,"cached":1920,"output":300,"first_delay_ms":300}"#;
    let body = chat("gpt-5", r#","max_completion_tokens":100"#);
    assert_eq!(shop.call(script, &body).await.status(), 200);
    let scrape = shop.scrape().await;
    for (series, count) in [
        ("farebox_requests_total", 1.0),
        ("farebox_request_duration_seconds_count", 1.0),
        ("farebox_time_to_first_byte_seconds_count", 1.0),
        ("farebox_upstream_duration_seconds_count", 1.0),
        ("farebox_overhead_seconds_count", 1.0),
        ("farebox_ledger_duration_seconds_count{operation=\"caller\"", 1.0),
        ("farebox_ledger_duration_seconds_count{operation=\"hold\"", 1.0),
        // The call, and its attempt at the provider.
        ("farebox_ledger_duration_seconds_count{operation=\"settle\"", 2.0),
        ("farebox_tokens_total", 2306.0),
        ("farebox_cost_usd_total", 0.0033475),
        // 95.6 % of the user's limit: 80 and 90.
        ("farebox_threshold_crossings_total", 2.0),
        ("farebox_holds_open", 0.0),
        ("farebox_active_streams", 0.0),
        ("farebox_refusals_total", 0.0),
    ] {
        assert_eq!(scrape.sum(series), count, "{series}");
    }
    assert!(scrape.sum("farebox_upstream_duration_seconds_sum") >= 0.3);
    assert!(scrape.sum("farebox_overhead_seconds_sum") < 0.3);
    assert_eq!(shop.call(script, &body).await.status(), 429);
    assert_eq!(shop.call(script, &chat("never-priced", "")).await.status(), 400);
    let scrape = shop.scrape().await;
    for reason in ["insufficient_quota", "model_not_priced"] {
        assert_eq!(scrape.sum(&format!("farebox_refusals_total{{reason=\"{reason}\"")), 1.0);
    }
    assert_eq!(scrape.sum("farebox_unpriced_requests_total{model=\"never-priced\""), 1.0);
    assert_eq!(scrape.sum("farebox_holds_open"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_to_send_is_no_overhead() {
    let shop = Shop::open(&[], "1usd/day").await;
    let body = chat("gpt-5", "");
    let (first, rest) = body.split_at(20);
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        shop.key,
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(shop.program.data).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stream.write_all(rest.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(stream).await.status(), 200);
    let scrape = shop.scrape().await;
    let sum = |name: &str| scrape.sum(&format!("farebox_{name}_seconds_sum"));
    // The proxy may see the first bytes late, but hardly by so much.
    let neither = sum("request_duration") - sum("overhead") - sum("upstream_duration");
    assert!(neither > 0.25, "{}", scrape.0);
    assert_eq!(scrape.sum("farebox_overhead_seconds_count"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_counted_while_it_is_open() {
    let shop = Shop::open(&[], "1usd/day").await;
    let alone = shop.until(|scrape| scrape.sum("farebox_connections") == 1.0).await;
    assert_eq!(alone.sum("farebox_holds_open"), 0.0);
    let streams = [shop.stalled().await, shop.stalled().await];
    let scrape = shop.until(|scrape| scrape.sum("farebox_connections") == 3.0).await;
    assert_eq!(scrape.sum("farebox_holds_open"), 2.0);
    assert_eq!(scrape.sum("farebox_active_streams"), 2.0);
    drop(streams);
    let gone = |scrape: &Scrape| {
        scrape.sum("farebox_connections") == 1.0 && scrape.sum("farebox_holds_open") == 0.0
    };
    let scrape = shop.until(gone).await;
    assert_eq!(scrape.sum("farebox_active_streams"), 0.0);
    assert_eq!(scrape.sum("farebox_usage_estimated_total"), 2.0);
    assert_eq!(scrape.sum("farebox_usage_missing_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_for_certain_is_counted() {
    let shop = Shop::open(&[], "1usd/day").await;
    let nonsense = r#"{"usage":{"prompt_tokens":-3,"completion_tokens":5,"total_tokens":2}}"#;
    for script in [r#"{"no_usage":true}"#, nonsense] {
        assert_eq!(shop.call(script, &chat("gpt-5", "")).await.status(), 200);
    }
    let scrape = shop.scrape().await;
    let missing = "farebox_usage_missing_total{provider=\"openai\",dialect=\"openai.chat\"";
    assert_eq!(scrape.sum(missing), 2.0, "{}", scrape.0);
    assert_eq!(scrape.sum("farebox_usage_estimated_total"), 2.0);
    assert!(scrape.sum("farebox_usage_anomalies_total") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settlements_that_redis_does_not_take_are_pending_until_it_does() {
    let mut redis = RedisServer::start(&["--appendonly", "yes"]);
    let shop = Shop::open(&["--redis", &redis.url()], "1usd/day").await;
    assert_eq!(shop.call("{}", &chat("gpt-5", "")).await.status(), 200);
    let served = shop.until(|scrape| scrape.sum("farebox_journal_pending") == 0.0).await;
    assert_eq!(served.sum("farebox_settle_retries_total"), 0.0);
    let stream = shop.stalled().await;
    redis.kill();
    drop(stream);
    let behind = |scrape: &Scrape| {
        // The call, and its attempt at the provider.
        scrape.sum("farebox_journal_pending") == 2.0
            && scrape.sum("farebox_settle_retries_total") >= 1.0
    };
    let scrape = shop.until(behind).await;
    assert_eq!(scrape.sum("farebox_holds_open"), 0.0);
    redis.restart();
    shop.until(|scrape| scrape.sum("farebox_journal_pending") == 0.0).await;
    let alice = shop.program.json(shop.dir.path(), &["users", "show", "alice"]);
    assert!(alice["spent_nanousd"].as_i64().unwrap() > 0, "{alice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_are_shown_by_workspace_for_all_users_and_where_asked_for_by_user() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("farebox.toml");
    std::fs::write(&file, "[metrics]\nper_user = 2\n").unwrap();
    let named = ["--config", file.to_str().unwrap()];
    for (arguments, by_name) in [(&[][..], 0.0), (&named[..], 0.5)] {
        let shop = Shop::open(arguments, "10usd/day").await;
        let limit = ["limits", "set", "workspace:default", "20usd/day"];
        assert!(shop.program.verb(shop.dir.path(), &limit).status.success());
        let event = r#"{"id":"e1","user":"alice","cost_usd":"5"}"#;
        let token = std::fs::read_to_string(shop.dir.path().join("farebox-data/admin-token"));
        let headers = format!("authorization: Bearer {}\r\n", token.unwrap().trim());
        let sent = send(shop.program.admin, "/api/v1/usage-events", &headers, event).await;
        assert_eq!(Answer::read(sent).await.status(), 201);
        let of = |scrape: &Scrape, account: &str| {
            scrape.sum(&format!("farebox_budget_utilization_ratio{{account=\"{account}\""))
        };
        let scrape = shop.until(|scrape| of(scrape, "workspace:default") == 0.25).await;
        assert_eq!(of(&scrape, "user:*"), 0.5, "{}", scrape.0);
        assert_eq!(of(&scrape, "user:alice"), by_name, "{}", scrape.0);
    }
}
