//! What the tests of the quota API share: the built program on a real Redis, with a simulated
//! provider, and a client that asks both listeners.

use crate::control_desk::{Answer, raw};
use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{CHAT, LIMIT, chat};
use farebox::demo::provider::Simulated;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Each call of it costs 3,347,500 nano-dollars and 2,306 tokens.
pub const EXAMPLE: &str = "x-simulate: {\"input\":2006,\"cached\":1920,\"output\":300}\r\n";

pub struct Town {
    pub program: Program,
    /// None where the ledger is embedded.
    redis: Option<RedisServer>,
    pub token: String,
    dir: tempfile::TempDir,
    _simulated: Simulated,
}

impl Town {
    pub async fn build() -> Self {
        Self::with("").await
    }

    /// One with a configuration of its own.
    pub async fn with(file: &str) -> Self {
        Self::over(Some(RedisServer::start(&["--appendonly", "yes"])), file).await
    }

    /// One with an embedded ledger.
    pub async fn embedded() -> Self {
        Self::over(None, "").await
    }

    async fn over(redis: Option<RedisServer>, file: &str) -> Self {
        let simulated = Simulated::start(None).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("farebox.toml"), file).unwrap();
        let url = redis.as_ref().map(RedisServer::url);
        let upstream = format!("openai={}", simulated.base_url());
        let mut arguments = vec!["--config", "farebox.toml", "--upstream", &upstream];
        arguments.extend(url.iter().flat_map(|url| ["--redis", url.as_str()]));
        let program = Program::serve(dir.path(), &arguments, &[("OPENAI_API_KEY", "sk-x")]);
        let token = std::fs::read_to_string(dir.path().join("farebox-data/admin-token")).unwrap();
        let token = token.trim().to_owned();
        Self { program, redis, token, dir, _simulated: simulated }
    }

    /// Asks the admin listener with the operator's token.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        ask(self.program.admin, (method, path), &self.token, &[], body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null).await
    }

    /// The `data` of a quota answer.
    pub async fn data(&self, path: &str) -> Value {
        opened(self.get(path).await)
    }

    /// Asks the data listener with a user's key.
    pub async fn own(&self, key: &str, path: &str) -> Answer {
        ask(self.program.data, ("GET", path), key, &[], String::new()).await
    }

    pub async fn own_data(&self, key: &str, path: &str) -> Value {
        opened(self.own(key, path).await)
    }

    /// A user with these limits and a key of it.
    pub async fn user(&self, name: &str, limits: &[&str]) -> String {
        self.user_of(name, "default", limits).await
    }

    pub async fn user_of(&self, name: &str, workspace: &str, limits: &[&str]) -> String {
        let user = json!({"id": name, "workspace": workspace, "limits": limits});
        self.ask("POST", "/api/v1/users", user).await.of(201);
        let key = self.ask("POST", "/api/v1/keys", json!({"user": name})).await.of(201);
        key["key"].as_str().unwrap().to_owned()
    }

    /// A call of a key, settled; its status.
    pub async fn call(&self, key: &str) -> u16 {
        let body = chat("gpt-5", r#","max_completion_tokens":300"#);
        let settled = self.settled().await;
        let status = self.program.call(key, CHAT, EXAMPLE, &body).await.status();
        let begun = Instant::now();
        while status == 200 && self.settled().await == settled {
            assert!(begun.elapsed() < LIMIT, "the call is not settled");
        }
        status
    }

    /// The call that was settled last.
    async fn settled(&self) -> Value {
        self.get("/api/v1/requests?limit=1").await.of(200)["data"][0]["id"].clone()
    }

    /// What a verb prints that succeeds.
    pub fn verb(&self, arguments: &[&str]) -> String {
        let output = self.program.verb(self.dir.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A field of an account in Redis.
    pub fn redis(&self, account: &str, field: &str) -> String {
        let key = format!("farebox:{{0}}:{account}");
        self.redis.as_ref().unwrap().cli(&["HGET", &key, field])
    }

    /// What Redis answers to a command.
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.redis.as_ref().unwrap().cli(arguments)
    }

    /// Milliseconds of CPU that the program has used.
    pub fn cpu_ms(&self) -> u64 {
        let stat = format!("/proc/{}/stat", self.program.id());
        let stat = std::fs::read_to_string(stat).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |n: usize| -> u64 { fields[n].parse().unwrap() };
        // Linux counts in hundredths of a second.
        (ticks(11) + ticks(12)) * 10
    }

    /// Asks until an answer is as wanted.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let data = self.data(path).await;
            if wanted(&data) {
                return data;
            }
            assert!(begun.elapsed() < LIMIT, "{path} stays {data}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// No invariant of the ledger is broken.
    pub async fn sound(&self) {
        let found = self.get("/api/v1/ledger/verify").await.of(200);
        assert_eq!(found["violations"], json!([]));
    }
}

/// Asks anyone with a bearer token.
pub async fn ask(
    at: SocketAddr,
    (method, path): (&str, &str),
    token: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    raw(at, method, path, &all, body).await
}

/// What an envelope that tells of success holds.
#[track_caller]
pub fn opened(answer: Answer) -> Value {
    let envelope = answer.of(200);
    assert_eq!((&envelope["success"], &envelope["error"]), (&json!(true), &Value::Null));
    let time = envelope["timestamp"].as_str().unwrap();
    // Whole seconds in UTC.
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
    envelope["data"].clone()
}

/// A connection that is kept.
pub struct Line(TcpStream);

impl Line {
    pub async fn to(at: SocketAddr) -> Self {
        Self(TcpStream::connect(at).await.unwrap())
    }

    /// Asks, and reads the whole answer, which has a length.
    pub async fn get(&mut self, path: &str, token: &str) {
        let asked =
            format!("GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
        self.0.write_all(asked.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() == length.unwrap().parse::<usize>().unwrap() {
                    return;
                }
            }
            assert!(self.0.read_buf(&mut read).await.unwrap() > 0, "it hung up");
        }
    }
}
