//! Who hangs up while the admin API changes something.

use crate::program::Program;
use crate::redis_server::RedisServer;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-for-tests-only";

/// The ledger does not answer for a moment; the operator hangs up meanwhile.
#[test]
fn a_change_whose_sender_hangs_up_is_made_whole() {
    let redis = RedisServer::start(&["--appendonly", "yes"]);
    let dir = tempfile::tempdir().unwrap();
    let environment = [("FAREBOX_ADMIN_TOKEN", TOKEN)];
    let program = Program::serve(dir.path(), &["--redis", &redis.url()], &environment);
    let verb = |arguments: &[&str]| {
        let url = format!("http://{}", program.admin);
        let environment = [("FAREBOX_ADMIN_TOKEN", TOKEN), ("FAREBOX_ADMIN_URL", url.as_str())];
        let output = crate::program::farebox(&[arguments, &["--json"]].concat(), &environment);
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|_| {
            panic!("{arguments:?}: {text} {}", String::from_utf8_lossy(&output.stderr))
        })
    };
    verb(&["users", "create", "alice"]);
    let key = verb(&["keys", "create", "--user", "alice"]);
    let id = key["id"].as_str().unwrap();

    redis.cli(&["CLIENT", "PAUSE", "800", "WRITE"]);
    let mut socket = TcpStream::connect(program.admin).unwrap();
    write!(
        socket,
        "POST /api/v1/keys/{id}/rotate HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    )
    .unwrap();
    // It is under way once the script waits.
    let begun = Instant::now();
    while !redis.cli(&["INFO", "clients"]).contains("blocked_clients:1") {
        assert!(begun.elapsed() < Duration::from_millis(700), "the rotation did not begin");
        std::thread::yield_now();
    }
    drop(socket);

    let begun = Instant::now();
    loop {
        let status = verb(&["keys", "show", id])["status"].clone();
        if status == "revoked" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the old key is still {status}");
    }
    let keys = verb(&["keys", "list", "--user", "alice"]);
    assert_eq!(keys.as_array().unwrap().len(), 2, "{keys}");
}
