//! What a key may do: from which addresses, on which routes, for which models, until when; and that
//! a change of it counts within a second, on either ledger.

use crate::program::Program;
use crate::redis_server::RedisServer;
use crate::world::{Answer, CHAT, LIMIT, chat, send};
use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A proxy with a user `kim`, and a key of hers with these traits.
struct Door {
    program: Program,
    dir: tempfile::TempDir,
    key: Value,
    simulated: Simulated,
}

impl Door {
    async fn open(redis: Option<&RedisServer>, traits: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulated = Simulated::start(None).await.unwrap();
        let mut arguments =
            vec!["--upstream".to_owned(), format!("openai={}", simulated.base_url())];
        arguments.extend(redis.iter().flat_map(|redis| ["--redis".to_owned(), redis.url()]));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = Program::serve(dir.path(), &arguments, &[]);
        program.json(dir.path(), &["users", "create", "kim", "--limit", "100usd/day"]);
        let create = [&["keys", "create", "--user", "kim"], traits].concat();
        let key = program.json(dir.path(), &create);
        Self { program, dir, key, simulated }
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn id(&self) -> &str {
        self.key["id"].as_str().unwrap()
    }

    fn secret(&self) -> &str {
        self.key["key"].as_str().unwrap()
    }

    async fn call(&self, path: &str, body: &str) -> (u16, String) {
        let answer = self.program.call(self.secret(), path, "", body).await;
        let code = if answer.status() < 400 { String::new() } else { answer.code() };
        (answer.status(), code)
    }

    async fn chat(&self) -> (u16, String) {
        self.call(CHAT, &chat("gpt-5", "")).await
    }

    /// Changes the key.
    #[track_caller]
    fn set(&self, traits: &[&str]) -> Value {
        self.program.json(self.dir(), &[&["keys", "set", self.id()], traits].concat())
    }

    /// Waits until a chat is answered so, which may take a second.
    async fn within_a_second(&self, expected: (u16, &str)) {
        let begun = Instant::now();
        loop {
            let asked = begun.elapsed();
            let (status, code) = self.chat().await;
            if (status, code.as_str()) == expected {
                break;
            }
            assert!(asked < Duration::from_millis(1_100), "{status} {code} after {asked:?}");
        }
    }
}

const SERVED: (u16, &str) = (200, "");

fn told(answer: &(u16, String)) -> (u16, &str) {
    (answer.0, &answer.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_from_its_addresses_only() {
    let redis = RedisServer::start(&[]);
    for redis in [None, Some(&redis)] {
        let door = Door::open(redis, &["--addresses", "10.0.0.0/8, 2001:db8::/32"]).await;
        assert_eq!(door.key["addresses"], serde_json::json!(["10.0.0.0/8", "2001:db8::/32"]));
        let refused = (403, "address_not_allowed");
        assert_eq!(told(&door.chat().await), refused);
        let answer = door.program.call(door.secret(), CHAT, "", &chat("gpt-5", "")).await;
        assert!(answer.text().contains("from 127.0.0.1"), "{}", answer.text());
        let own = door.program.call(door.secret(), "/v1/key", "", "").await;
        assert_eq!((own.status(), own.code()), (403, "address_not_allowed".to_owned()));
        let shown = door.set(&["--addresses", "127.0.0.1,::ffff:10.0.0.0/104"]);
        assert_eq!(shown["addresses"], serde_json::json!(["127.0.0.1", "10.0.0.0/8"]));
        // A change counts at once where it was made.
        assert_eq!(told(&door.chat().await), SERVED);
        assert_eq!(door.program.call(door.secret(), "/v1/key", "", "").await.status(), 200);
        // Nobody is believed who says that he is somebody else.
        door.set(&["--addresses", "192.0.2.7"]);
        let forwarded = "x-forwarded-for: 192.0.2.7\r\nx-real-ip: 192.0.2.7\r\n";
        let answer = door.program.call(door.secret(), CHAT, forwarded, &chat("gpt-5", "")).await;
        assert_eq!(answer.status(), 403);
        // The new key of a rotation has what the old one had.
        let new = door.program.json(door.dir(), &["keys", "rotate", door.id(), "--grace", "1h"]);
        assert_eq!(new["addresses"], serde_json::json!(["192.0.2.7"]));
        assert_eq!(door.set(&["--addresses", "any"])["addresses"], serde_json::json!([]));
        assert_eq!(told(&door.chat().await), SERVED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_cli_writes_about_a_key_counts_within_a_second() {
    let redis = RedisServer::start(&[]);
    let door = Door::open(Some(&redis), &[]).await;
    assert_eq!(told(&door.chat().await), SERVED);
    let hash = format!("farebox:{{0}}:key:{}", door.id());
    for (field, value, refused) in [
        ("addresses", "10.0.0.0/8,192.0.2.7", (403, "address_not_allowed")),
        ("routes", "/v1/embeddings", (403, "route_not_allowed")),
        ("models", "gpt-4*", (403, "model_not_allowed")),
        ("expires_ms", "1790000000000", (401, "invalid_api_key")),
        // What makes no sense lets nobody in.
        ("addresses", "10.0.0.0/33", (503, "ledger_unavailable")),
    ] {
        redis.cli(&["HSET", &hash, field, value]);
        door.within_a_second(refused).await;
        redis.cli(&["HDEL", &hash, field]);
        door.within_a_second(SERVED).await;
    }
    for status in ["suspended", "revoked"] {
        let code =
            if status == "revoked" { (401, "invalid_api_key") } else { (403, "account_suspended") };
        redis.cli(&["HSET", &hash, "status", status]);
        door.within_a_second(code).await;
        redis.cli(&["HSET", &hash, "status", "active"]);
        door.within_a_second(SERVED).await;
    }
    redis.cli(&["HSET", "farebox:{0}:user:kim", "status", "suspended"]);
    door.within_a_second((403, "account_suspended")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_on_its_routes_only() {
    let door = Door::open(None, &["--routes", "/v1/chat/*,/openai/v1/embeddings"]).await;
    assert_eq!(door.key["routes"], serde_json::json!(["/v1/chat/*", "/openai/v1/embeddings"]));
    assert_eq!(told(&door.chat().await), SERVED);
    let refused = (403, "route_not_allowed");
    let embed = r#"{"model":"text-embedding-3-small","input":"Hi"}"#;
    assert_eq!(told(&door.call("/v1/embeddings", embed).await), refused);
    assert_eq!(told(&door.call("/openai/v1/embeddings", embed).await), SERVED);
    for path in ["/v1/models", "/v1/files", "/v1/nonsense", "/openai/v1/chat/completions"] {
        assert_eq!(told(&door.call(path, "").await), refused, "{path}");
    }
    let answer = door.program.call(door.secret(), "/v1/responses?a=b", "", "{}").await;
    assert!(answer.text().contains("`/v1/responses`"), "{}", answer.text());
    // A key may always ask about itself.
    assert_eq!(door.program.call(door.secret(), "/v1/key", "", "").await.status(), 200);
    assert_eq!(door.simulated.bill().calls(), 2);
    door.set(&["--routes", "any"]);
    assert_eq!(told(&door.call("/v1/embeddings", embed).await), SERVED);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_before_the_body_comes() {
    let door = Door::open(None, &["--routes", "/v1/embeddings"]).await;
    let mut stream = TcpStream::connect(door.program.data).await.unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 9000000\r\n\r\n",
        door.secret()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = tokio::time::timeout(LIMIT, Answer::read(stream)).await.unwrap();
    assert_eq!((answer.status(), answer.code()), (403, "route_not_allowed".to_owned()));
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
}

#[tokio::test(flavor = "multi_thread")]
async fn suspension_revocation_and_expiry_count_at_once_where_they_are_made() {
    let door = Door::open(None, &["--models", "gpt-5*"]).await;
    assert_eq!(told(&door.chat().await), SERVED);
    let verb = |arguments: &[&str]| {
        let output = door.program.verb(door.dir(), arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    for _ in 0..2 {
        verb(&["users", "suspend", "kim", "--yes"]);
        assert_eq!(told(&door.chat().await), (403, "account_suspended"));
        verb(&["users", "resume", "kim"]);
        assert_eq!(told(&door.chat().await), SERVED);
        door.set(&["--models", "gpt-4o*"]);
        assert_eq!(told(&door.chat().await), (403, "model_not_allowed"));
        door.set(&["--models", "gpt-5"]);
        assert_eq!(told(&door.chat().await), SERVED);
    }
    door.set(&["--expires", "1s"]);
    door.within_a_second((401, "invalid_api_key")).await;
    door.set(&["--expires", "never"]);
    assert_eq!(told(&door.chat().await), SERVED);
    verb(&["keys", "revoke", door.id(), "--yes"]);
    assert_eq!(told(&door.chat().await), (401, "invalid_api_key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_addresses_and_routes_are_refused_by_name() {
    let door = Door::open(None, &[]).await;
    for (flag, value, named) in [
        ("--addresses", "10.0.0.0/33", "10.0.0.0/33"),
        ("--addresses", "10.0.0.1/8", "write 10.0.0.0/8"),
        ("--addresses", "2001:db8::/129", "2001:db8::/129"),
        ("--addresses", "10.0.0", "`10.0.0`"),
        ("--addresses", "localhost", "localhost"),
        ("--addresses", "", "``"),
        ("--addresses", "10.0.0.1,,10.0.0.2", "``"),
        ("--addresses", "-1.2.3.4", "-1.2.3.4"),
        ("--addresses", "any,10.0.0.1", "`any`"),
        ("--routes", "", "``"),
        ("--routes", "v1/chat", "`v1/chat`"),
        ("--routes", "/v1/chat completions", "/v1/chat completions"),
        ("--routes", "/v1/chat?x=1", "/v1/chat?x=1"),
    ] {
        let output = door.program.verb(door.dir(), &["keys", "set", door.id(), flag, value]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag} {value}: {error}");
        assert!(error.contains(named), "{flag} {value}: {error}");
    }
    let key = door.program.json(door.dir(), &["keys", "show", door.id()]);
    assert_eq!(
        (&key["addresses"], &key["routes"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    assert_eq!(told(&door.chat().await), SERVED);
    let answer = send(door.program.data, "/v1/key", "", "").await;
    assert_eq!(Answer::read(answer).await.status(), 401);
}
