//! Callers that hammer: refused from memory, without the ledger and without false refusals.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, World, chat, send};
use farebox::demo::provider::Simulated;
use farebox::ledger::{Change, Enforcement, LimitsChange, Registry};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A proxy on Redis with a user `kim` and a key of hers.
struct Fleet {
    redis: RedisServer,
    program: Program,
    dir: tempfile::TempDir,
    key: String,
    _simulated: Simulated,
}

impl Fleet {
    async fn start(limit: &str) -> Self {
        let redis = RedisServer::start(&[]);
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let pointed = format!("openai={}", simulated.base_url());
        let arguments = ["--redis", &redis.url(), "--upstream", &pointed];
        let program = Program::serve(dir.path(), &arguments, &[]);
        program.json(dir.path(), &["users", "create", "kim", "--limit", limit]);
        let key = program.json(dir.path(), &["keys", "create", "--user", "kim"]);
        let key = key["key"].as_str().unwrap().to_owned();
        Self { redis, program, dir, key, _simulated: simulated }
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    async fn call(&self, body: &str) -> Answer {
        self.program.call(&self.key, CHAT, "", body).await
    }

    async fn status(&self, body: &str) -> u16 {
        self.call(body).await.status()
    }

    /// Every script that Redis has run.
    fn scripts_run(&self) -> u64 {
        let stats = self.redis.cli(&["INFO", "commandstats"]);
        let calls = |name: &str| {
            let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
            let calls = line.and_then(|line| line.split("calls=").nth(1)?.split(',').next());
            calls.map_or(0, |calls| calls.parse::<u64>().unwrap())
        };
        calls("evalsha") + calls("eval")
    }

    /// Calls until one is answered so; when that one was made.
    async fn until(&self, status: u16, body: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let asked = begun.elapsed();
            if self.status(body).await == status {
                return asked;
            }
            assert!(asked < LIMIT, "it never became {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r032_a_refused_caller_that_hammers_costs_the_ledger_one_call_a_second() {
    let fleet = Fleet::start("1requests/day").await;
    let body = chat("gpt-5", "");
    assert_eq!(fleet.status(&body).await, 200);
    fleet.until(429, &body).await;
    let (before, begun) = (fleet.scripts_run(), Instant::now());
    for _ in 0..200 {
        let answer = fleet.call(&body).await;
        assert_eq!((answer.status(), answer.code()), (429, "rate_limit_exceeded".to_owned()));
        assert_eq!(answer.header("x-should-retry").as_deref(), Some("true"));
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
        let farebox = &answer.json()["farebox"];
        assert_eq!((&farebox["used"], &farebox["wanted"]), (&1.into(), &1.into()), "{farebox}");
    }
    // The last second's memory ends once in nine tenths of a second.
    let seconds = u64::try_from(begun.elapsed().as_millis() / 900).unwrap();
    let asked = fleet.scripts_run() - before;
    assert!(asked <= seconds + 1, "{asked} scripts in {seconds} seconds");
    let metrics = send(fleet.program.admin, "/metrics", "", "").await;
    let metrics = Answer::read(metrics).await;
    let counted = metrics
        .text()
        .lines()
        .find(|line| line.starts_with("farebox_refusals_total{reason=\"rate_limit_exceeded\"}"));
    let counted: u64 = counted.unwrap().split(' ').next_back().unwrap().parse().unwrap();
    assert!(counted > 200, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r031_a_limit_that_is_raised_counts_at_once_and_with_redis_cli_within_a_second() {
    let fleet = Fleet::start("1requests/day").await;
    let body = chat("gpt-5", "");
    assert_eq!(fleet.status(&body).await, 200);
    for raise in [
        vec!["limits", "bump", "user:kim", "+1requests"],
        vec!["limits", "reset", "user:kim", "--yes"],
        vec!["limits", "set", "user:kim", "2requests/day"],
    ] {
        for _ in 0..3 {
            assert_eq!(fleet.status(&body).await, 429, "before {raise:?}");
        }
        let output = fleet.program.verb(fleet.dir(), &raise);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fleet.status(&body).await, 200, "after {raise:?}");
        // What the bump gave is used up now, or lapses with the reset.
        fleet.program.verb(fleet.dir(), &["limits", "bump", "user:kim", "0requests"]);
    }
    fleet.until(429, &body).await;
    fleet.redis.cli(&["HSET", "farebox:{0}:user:kim", "requests/day.limit", "9"]);
    let took = fleet.until(200, &body).await;
    assert!(took < Duration::from_millis(1_100), "{took:?}");
}

#[tokio::test]
async fn a_call_that_would_fit_is_asked_for_although_a_larger_one_was_refused() {
    let world = World::new(&["0.01usd/day"]).await;
    let large = chat("gpt-5", r#","max_completion_tokens":90000,"n":5"#);
    for _ in 0..3 {
        let answer = world.call(CHAT, "", &large).await;
        assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
        assert!(answer.text().contains("this call needs up to $"), "{}", answer.text());
    }
    let small = chat("gpt-5", r#","max_completion_tokens":16"#);
    assert_eq!(world.call(CHAT, "", &small).await.status(), 200);
    assert_eq!(world.call(CHAT, "", &large).await.status(), 429);
}

#[tokio::test]
async fn what_calls_in_flight_hold_is_free_for_the_next_as_soon_as_they_end() {
    let world = World::new(&[]).await;
    let strict = Some(Enforcement::Strict);
    let kim = world.user("kim", &["0.02usd/day"], strict, &[]).await;
    let body = chat("gpt-5", r#","max_completion_tokens":900"#);
    let slow = "x-simulate: {\"input\":20,\"output\":5,\"first_delay_ms\":300}\r\n";
    let headers = format!("authorization: Bearer {kim}\r\n");
    let first = send(world.addr, CHAT, &format!("{headers}{slow}"), &body).await;
    while world.provider_calls() == 0 {
        tokio::task::yield_now().await;
    }
    let mut refused = 0;
    while world.provider_calls() == 1 && world.account("user:kim").await.held_usd.get() > 0 {
        let answer = world.call_as(&kim, CHAT, "", &body).await;
        refused += u32::from(answer.status() == 429);
    }
    assert!(refused > 3, "{refused}");
    // The memory of a tenth of a second ends with the call that was in the way.
    assert_eq!(world.call_as(&kim, CHAT, "", &body).await.status(), 200);
    assert_eq!(Answer::read(first).await.status(), 200);
}

#[tokio::test]
async fn a_denial_is_for_the_models_and_meters_of_its_limit_only() {
    let world = World::new(&["0.000001usd/day@gpt-5*", "100requests/day"]).await;
    for _ in 0..3 {
        assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.status(), 429);
        assert_eq!(world.call(CHAT, "", &chat("gpt-4o-mini", "")).await.status(), 200);
        assert_eq!(world.call("/v1/models", "", "").await.status(), 200);
    }
    let bob = world.user("bob", &["0.000001usd/day@gpt-5*"], None, &[]).await;
    assert_eq!(world.call_as(&bob, CHAT, "", &chat("gpt-5", "")).await.status(), 429);
    let none = LimitsChange::Set(Vec::new());
    world.change("user:bob", Change { limits: Some(none), ..Change::default() }).await;
    assert_eq!(world.call_as(&bob, CHAT, "", &chat("gpt-5", "")).await.status(), 200);
    assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.status(), 429);
}

#[tokio::test]
async fn calls_without_a_bound_under_strict_are_refused_again_until_they_have_one() {
    let world = World::new(&[]).await;
    let kim = world.user("kim", &["1usd/day"], Some(Enforcement::Strict), &[]).await;
    let path = "/v1/responses";
    let tools = r#"{"model":"gpt-5","input":"Hi","max_output_tokens":16,"tools":[{"type":"mcp"}]}"#;
    for _ in 0..3 {
        let answer = world.call_as(&kim, path, "", tools).await;
        assert_eq!((answer.status(), answer.code()), (400, "unbounded_cost".to_owned()));
    }
    let bounded = r#"{"model":"gpt-5","input":"Hi","max_output_tokens":16}"#;
    assert_eq!(world.call_as(&kim, path, "", bounded).await.status(), 200);
}

/// A connection that is kept.
struct Kept(TcpStream);

impl Kept {
    async fn open(world: &World) -> Self {
        Self(TcpStream::connect(world.addr).await.unwrap())
    }

    /// Sends the head of a call, without its body.
    async fn begin(&mut self, key: &str, headers: &str, length: usize) {
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{headers}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    async fn call(&mut self, key: &str, body: &str) -> Answer {
        self.begin(key, "", body.len()).await;
        self.0.write_all(body.as_bytes()).await.unwrap();
        self.answer().await
    }

    /// The next answer, which has a length.
    async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        let read = async {
            loop {
                let head = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
                if let Some(start) = head {
                    let head = String::from_utf8(bytes[..start - 4].to_vec()).unwrap();
                    let mut answer = Answer { head, body: Vec::new(), whole: true };
                    let length: usize = answer.header("content-length").unwrap().parse().unwrap();
                    if bytes.len() >= start + length {
                        answer.body = bytes[start..].to_vec();
                        return answer;
                    }
                }
                assert_ne!(self.0.read_buf(&mut bytes).await.unwrap(), 0, "it was closed");
            }
        };
        tokio::time::timeout(LIMIT, read).await.unwrap()
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LIMIT, self.0.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"");
        read.is_ok()
    }
}

#[tokio::test]
async fn who_is_refused_at_sight_is_refused_before_the_body_comes() {
    let world = World::new(&["1requests/day"]).await;
    let body = chat("gpt-5", "");
    let mut kept = Kept::open(&world).await;
    assert_eq!(kept.call(&world.key, &body).await.status(), 200);
    // The first is refused by the ledger, the others at sight; the connection stays.
    for _ in 0..5 {
        let answer = kept.call(&world.key, &body).await;
        assert_eq!((answer.status(), answer.code()), (429, "rate_limit_exceeded".to_owned()));
        assert_eq!(answer.header("connection"), None);
    }
    assert_eq!(kept.call(&world.key, "not even JSON").await.status(), 429);
    assert_eq!(world.call("/v1/models", "", "").await.status(), 429);
    kept.begin(&world.key, "expect: 100-continue\r\n", body.len()).await;
    let answer = kept.answer().await;
    assert_eq!((answer.status(), answer.header("connection").as_deref()), (429, Some("close")));
    assert!(kept.is_closed().await);
    let mut large = Kept::open(&world).await;
    large.begin(&world.key, "", 500_000_000).await;
    let answer = large.answer().await;
    assert_eq!((answer.status(), answer.header("connection").as_deref()), (429, Some("close")));
    assert!(large.is_closed().await);
    assert_eq!(world.provider_calls(), 1);
}

#[tokio::test]
async fn r031_a_spent_budget_refuses_at_sight_unless_something_may_be_free() {
    let world = World::new(&["0.0001usd/day"]).await;
    let body = chat("gpt-5", r#","max_completion_tokens":1"#);
    let play = "x-simulate: {\"input\":2000,\"output\":300}\r\n";
    assert_eq!(world.call(CHAT, play, &body).await.status(), 200);
    let first = world.call(CHAT, "", &body).await;
    assert!(first.json()["farebox"]["wanted"].is_string(), "{}", first.text());
    let mut kept = Kept::open(&world).await;
    for _ in 0..3 {
        let answer = kept.call(&world.key, &body).await;
        assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
        assert_eq!(answer.header("x-should-retry").as_deref(), Some("false"));
        let shown = answer.json();
        assert!(shown["farebox"]["wanted"].is_null(), "{shown}");
        assert_eq!(shown["farebox"]["used"], first.json()["farebox"]["used"]);
        assert!(!answer.text().contains("needs"), "{shown}");
    }
    // What costs nothing is served all the same.
    assert_eq!(world.call("/v1/models", "", "").await.status(), 200);
    assert_eq!(world.ledger.verify().await.unwrap().violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_limit_of_nothing_refuses_whatever_it_counts() {
    let world = World::new(&["0usd/day"]).await;
    for path in [CHAT, CHAT, CHAT] {
        let answer = world.call(path, "", &chat("gpt-5", "")).await;
        assert_eq!((answer.status(), answer.code()), (429, "insufficient_quota".to_owned()));
    }
    assert_eq!(world.call("/v1/models", "", "").await.status(), 429);
    assert_eq!(world.provider_calls(), 0);
    world.untouched().await;
}
