//! What the event of a call that was tried more than once tells of its attempts: in the process, and
//! of the built program through its API, its own verbs and Redis.

use crate::pool_rig::{FAILING, LIMITED, Pool, order};
use crate::program::{Program, binary};
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat, rules, send};
use farebox::demo::provider::Simulated;
use farebox::ledger::{Tries, UsageEvent};
use farebox::provider::{Choose, Policy};
use farebox::proxy::{Disconnect, Rules, UpstreamBounds};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Longer than any test waits.
const LATE: &str = r#"{"first_delay_ms":60000}"#;

/// Credential, status and word of each attempt.
fn told(event: &UsageEvent) -> Vec<(&str, Option<u16>, Option<&str>)> {
    let attempts = event.attempts.as_slice();
    attempts.iter().map(|one| (&*one.credential, one.status, one.error.as_deref())).collect()
}

/// Each begins after the one before it ended, and the last ends with the call.
fn in_order(event: &UsageEvent) {
    let mut before = 0;
    for one in event.attempts.as_slice() {
        assert!(before <= one.started_ms && one.started_ms <= one.ended_ms, "{event:#?}");
        before = one.ended_ms;
    }
    assert_eq!(before, event.duration_ms, "{event:#?}");
}

#[tokio::test]
async fn a_call_tells_of_each_credential_that_it_was_tried_with() {
    let pool = Pool::of(&["a", "b", "c"], order(Choose::Priority)).await;
    pool.play("a", LIMITED);
    pool.play("b", FAILING);
    assert_eq!(pool.served(1).await, ["c"]);
    let event = pool.world.only_event().await;
    let expected = [
        ("a", Some(429), Some("limited")),
        ("b", Some(500), Some("failed")),
        ("c", Some(200), None),
    ];
    assert_eq!(told(&event), expected);
    in_order(&event);
    // The next call passes the first one over, which is no attempt.
    pool.works("b");
    assert_eq!(pool.served(1).await, ["b"]);
    let events = pool.world.events().await;
    assert_eq!(events[0].attempts, Tries::default(), "{events:#?}");
}

#[tokio::test]
async fn the_answer_that_passes_is_the_last_attempt() {
    let pool = Pool::of(&["a", "b"], order(Choose::Priority)).await;
    pool.play("a", LIMITED);
    pool.play("b", LIMITED);
    assert_eq!(pool.chat().await.status(), 429);
    let event = pool.world.only_event().await;
    let limited = |name| (name, Some(429), Some("limited"));
    assert_eq!(told(&event), [limited("a"), limited("b")]);
}

#[tokio::test]
async fn an_attempt_that_was_not_answered_has_a_word() {
    let upstream =
        UpstreamBounds { first_byte: Duration::from_millis(300), ..UpstreamBounds::default() };
    let rules = Rules { upstream, ..rules() };
    let again = Policy { retry_billed: true, ..order(Choose::Priority) };
    let pool = Pool::with(&["a", "b"], again, rules.clone()).await;
    pool.play("a", LATE);
    assert_eq!(pool.served(1).await, ["b"]);
    let event = pool.world.only_event().await;
    assert_eq!(told(&event), [("a", None, Some("timeout")), ("b", Some(200), None)]);
    in_order(&event);

    let pool = Pool::with(&["a", "b"], again, rules).await;
    pool.play("a", LIMITED);
    pool.play("b", LATE);
    assert_eq!(pool.chat().await.status(), 504);
    let event = pool.world.only_event().await;
    assert_eq!(told(&event), [("a", Some(429), Some("limited")), ("b", None, Some("timeout"))]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_attempt_that_is_under_way() {
    let rules = Rules { on_disconnect: Disconnect::Cancel, ..rules() };
    let pool = Pool::with(&["a", "b"], order(Choose::Priority), rules).await;
    pool.play("a", LIMITED);
    pool.play("b", LATE);
    let call = pool.world.begin(CHAT, "", &chat("gpt-4o-mini", r#","max_tokens":50"#)).await;
    let twice = async {
        while pool.world.provider_calls() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, twice).await.unwrap();
    drop(call);
    let event = pool.world.only_event().await;
    assert_eq!(told(&event), [("a", Some(429), Some("limited")), ("b", None, Some("left"))]);
    in_order(&event);
}

#[tokio::test]
async fn of_many_attempts_the_first_and_the_last_are_told() {
    let names: Vec<String> = (0..12).map(|n| format!("c{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let pool = Pool::of(&names, order(Choose::Priority)).await;
    names[..11].iter().for_each(|name| pool.play(name, LIMITED));
    assert_eq!(pool.served(1).await, ["c11"]);
    let event = pool.world.only_event().await;
    let kept: Vec<&str> = told(&event).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(kept, ["c00", "c01", "c02", "c03", "c04", "c05", "c06", "c11"]);
    in_order(&event);
}

/// The built program, with three credentials of which the first two do not serve.
struct Desk {
    program: Program,
    dir: tempfile::TempDir,
    simulated: Simulated,
}

impl Desk {
    async fn open(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let credential = |name: &str| {
            format!(
                "[[providers.openai.credentials]]\nname = '{name}'\n\
                 api_key = 'sk-provider-{name}'\n"
            )
        };
        let file = format!(
            "[server]\nfirst_byte_seconds = 1\n\
             [providers.openai]\nbase_url = '{}'\nretry_billed = true\n{}{}{}",
            simulated.base_url(),
            credential("first"),
            credential("second"),
            credential("third"),
        );
        std::fs::write(dir.path().join("farebox.toml"), file).unwrap();
        simulated.play("sk-provider-first", Some(LIMITED));
        simulated.play("sk-provider-second", Some(LATE));
        let program = Program::serve(dir.path(), arguments, &[]);
        Self { program, dir, simulated }
    }

    fn json(&self, line: &str) -> Value {
        self.program.json(self.dir.path(), &line.split(' ').collect::<Vec<_>>())
    }

    async fn get(&self, path: &str) -> Value {
        let token = std::fs::read_to_string(self.dir.path().join("farebox-data/admin-token"));
        let header = format!("authorization: Bearer {}\r\n", token.unwrap().trim());
        let answer = Answer::read(send(self.program.admin, path, &header, "").await).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        serde_json::from_str(answer.text()).unwrap()
    }

    /// The calls that are listed, once there are so many.
    async fn listed(&self, query: &str, calls: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let list = self.get(&format!("/api/v1/requests{query}")).await["data"].take();
            let Value::Array(list) = list else { panic!("{list}") };
            if list.len() == calls {
                return list;
            }
            assert!(begun.elapsed() < LIMIT, "{list:?}");
        }
    }

    /// The first line that `farebox tail --json` prints.
    fn tailed(&self) -> Value {
        let mut child = binary()
            .current_dir(self.dir.path())
            .args(["tail", "--json"])
            .env("FAREBOX_ADMIN_URL", format!("http://{}", self.program.admin))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

async fn told_by_the_program(arguments: &[&str], redis: Option<&RedisServer>) {
    let desk = Desk::open(arguments).await;
    desk.json("users create alice --limit 100usd/day");
    let key = desk.json("keys create --user alice")["key"].as_str().unwrap().to_owned();
    let body = chat("gpt-4o-mini", r#","max_tokens":50"#);
    let answer = desk.program.call(&key, CHAT, "", &body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let [call] = desk.listed("", 1).await.try_into().unwrap();
    let attempts = call["attempts"].as_array().unwrap();
    let words =
        |one: &Value| json!([one["credential"], one["provider"], one["status"], one["error"]]);
    let shown: Vec<Value> = attempts.iter().map(words).collect();
    assert_eq!(
        json!(shown),
        json!([
            ["first", "openai", 429, "limited"],
            ["second", "openai", null, "timeout"],
            ["third", "openai", 200, null],
        ])
    );
    assert!(
        attempts[1]["ended_ms"].as_u64() >= attempts[1]["started_ms"].as_u64().map(|n| n + 900)
    );
    assert_eq!((&call["credential"], &call["status"]), (&json!("third"), &json!(200)));
    let id = call["id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("/api/v1/requests/{id}")).await, call);
    assert_eq!(desk.tailed(), call);

    // A call that needs one attempt has a list without entries, and no such field in Redis.
    desk.simulated.play("sk-provider-second", None);
    let answer = desk.program.call(&key, CHAT, "x-simulate: {\"status\":400}\r\n", &body).await;
    assert_eq!(answer.status(), 400, "{answer:?}");
    let listed = desk.listed("", 2).await;
    assert_eq!((&listed[0]["credential"], &listed[0]["attempts"]), (&json!("second"), &json!([])));
    if let Some(redis) = redis {
        let stream = redis.cli(&["XRANGE", "farebox:{0}:events", "-", "+"]);
        let fields: Vec<&str> = stream.lines().collect();
        let at: Vec<usize> = (0..fields.len()).filter(|n| fields[*n] == "attempts").collect();
        let [at] = at[..] else { panic!("{stream}") };
        let field = fields[at + 1];
        assert_eq!(serde_json::from_str::<Value>(field).unwrap(), call["attempts"]);
    }
    // Nothing of what was sent or of a key is there.
    let text = call.to_string();
    assert!(!text.contains("sk-") && !text.contains("Hello"), "{text}");

    assert_eq!(desk.listed("?status=2xx", 1).await[0]["id"], call["id"]);
    assert_eq!(desk.listed("?ending=finished&status=200", 1).await[0]["id"], call["id"]);
    desk.listed("?status=4xx&ending=finished", 1).await;
    desk.listed("?status=429", 0).await;
    desk.listed("?ending=cut", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_tells_of_attempts_with_the_embedded_ledger() {
    told_by_the_program(&[], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_tells_of_attempts_with_redis() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    told_by_the_program(&["--redis", &redis.url()], Some(&redis)).await;
}
