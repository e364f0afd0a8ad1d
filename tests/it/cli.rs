//! The verbs against a running admin plane: what they print, and with which status they end.

use crate::control_desk::Desk;
use clap::Parser;
use farebox::cli::args::negative_as_value;
use farebox::cli::{Cli, Console, perform, report};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What a verb printed, and its status.
#[derive(Debug)]
pub struct Printed {
    pub status: u8,
    pub out: String,
    pub err: String,
}

impl Printed {
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    #[track_caller]
    pub fn failed(self, status: u8, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.err.contains(text), "{self:?}");
        assert_eq!(self.out, "");
    }
}

/// Runs a verb. `typed` is what a person at a terminal answers; `None`: no terminal.
pub async fn run(desk: &Desk, line: &str, typed: Option<&str>) -> Printed {
    let line = format!(
        "farebox {line} --admin-url http://{} --data-dir {}",
        desk.at,
        desk.dir.path().display()
    );
    let args = negative_as_value(line.split(' ').map(OsString::from));
    let (out, err) = (Paper::default(), Paper::default());
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let status = u8::try_from(error.exit_code()).unwrap();
            return Printed { status, out: String::new(), err: error.to_string() };
        }
    };
    let mut console = Console {
        flags: cli.flags,
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        input: typed.map(|text| Box::new(Cursor::new(text.as_bytes().to_vec())) as Box<_>),
        hints: typed.is_some(),
        colour: false,
    };
    let ended = perform(cli.verb, &mut console).await;
    let status = report(&mut console, ended).code();
    Printed { status, out: out.text(), err: err.text() }
}

#[tokio::test]
async fn the_life_of_a_user_by_command_line() {
    let desk = Desk::start().await;
    run(&desk, "workspaces create eng", None).await.ok();
    let made = run(
        &desk,
        "users create alice --workspace eng --limit 25usd/month --limit 60requests/minute",
        Some(""),
    )
    .await;
    assert_eq!(made.err, "next: farebox keys create --user alice\n");
    assert_eq!(made.ok(), "created user alice\n");
    let key =
        run(&desk, "keys create --user alice --models gpt-*,o3 --expires 90d --json", None).await;
    let key = key.json();
    assert!(key["key"].as_str().unwrap().starts_with("sk-fb-"));
    assert_eq!(key["models"], json!(["gpt-*", "o3"]));
    let text = run(&desk, "keys create --user alice", None).await.ok();
    assert_eq!(text.trim().len(), 49);
    desk.call(&key, "gpt-5", 11_250_000_000).await;

    let listed = run(&desk, "users list", None).await.ok();
    assert!(listed.starts_with("USER   WORKSPACE  STATUS"), "{listed}");
    assert!(listed.contains("█████░░░░░  45%"), "{listed}");
    assert!(listed.contains("$25/month") && listed.contains("$11.25"), "{listed}");
    let users = run(&desk, "users list --json", None).await.json();
    assert_eq!(users[0], desk.get("/api/v1/users/alice").await.of(200));
    assert_eq!(run(&desk, "users list --workspace default --json", None).await.json(), json!([]));
    assert_eq!(run(&desk, "users show alice --json", None).await.json(), users[0]);
    let shown = run(&desk, "users show alice", None).await.ok();
    assert!(shown.contains("25 usd/month") && shown.contains("60 requests/minute"), "{shown}");

    run(&desk, "users suspend alice", None).await.ok();
    assert_eq!(run(&desk, "users show alice --json", None).await.json()["status"], "suspended");
    assert_eq!(run(&desk, "users resume alice", None).await.ok(), "resumed user alice\n");
    run(&desk, "users set alice --name Alice --no-limits", None).await.ok();
    let user = run(&desk, "users set alice --default-limits --json", None).await.json();
    assert_eq!((&user["name"], &user["follows_defaults"]), (&json!("Alice"), &json!(true)));

    let id = key["id"].as_str().unwrap();
    let new = run(&desk, &format!("keys rotate {id} --grace 10m --json"), None).await.json();
    let keys = run(&desk, "keys list --user alice --json", None).await.json();
    assert_eq!(keys.as_array().unwrap().len(), 3);
    run(&desk, &format!("keys revoke {} --yes", new["id"].as_str().unwrap()), None).await.ok();
    run(&desk, "users delete alice --yes", None).await.ok();
    run(&desk, "workspaces delete eng --yes", None).await.ok();
}

#[tokio::test]
async fn what_destroys_asks_first() {
    let desk = Desk::start().await;
    run(&desk, "users create alice", None).await.ok();
    run(&desk, "users delete alice", None).await.failed(2, "--yes");
    run(&desk, "users delete alice", Some("alicia\n")).await.failed(2, "cancelled");
    run(&desk, "users delete alice", Some("")).await.failed(2, "cancelled");
    run(&desk, "limits reset user:alice", None).await.failed(2, "--yes");
    run(&desk, "users show alice", None).await.ok();
    assert_eq!(
        run(&desk, "users delete alice", Some("alice\n")).await.ok(),
        "deleted user alice\n"
    );
    run(&desk, "users show alice", None).await.failed(5, "user:alice");
}

#[tokio::test]
async fn r019_limits_are_printed_before_and_after() {
    let desk = Desk::start().await;
    run(&desk, "users create alice --limit 25usd/month", None).await.ok();
    let printed = run(&desk, "limits set user:alice 50usd/month 3concurrent", None).await.ok();
    assert_eq!(
        printed,
        "user:alice  25 usd/month → 50 usd/month\nuser:alice  none → 3 concurrent\n"
    );
    let limits = run(&desk, "limits show user:alice --json", None).await.json();
    assert_eq!(limits, desk.get("/api/v1/limits/user:alice").await.of(200)["limits"]);
    let table = run(&desk, "limits show user:alice", None).await.ok();
    assert!(table.contains("50 usd/month"), "{table}");
    let printed = run(&desk, "limits set user:alice --remove concurrent", None).await.ok();
    assert_eq!(printed, "user:alice  3 concurrent → none\n");
    let key = run(&desk, "keys create --user alice --json", None).await.json();
    desk.call(&key, "gpt-5", 3_412_500).await;
    let printed = run(&desk, "limits reset user:alice --yes", None).await.ok();
    assert_eq!(printed, "user:alice  50 usd/month: used 0.0034125 → 0\n");
}

#[tokio::test]
async fn r021_exit_statuses_say_what_went_wrong() {
    let desk = Desk::start().await;
    run(&desk, "users create alice --limit 10usd/month", None).await.ok();
    for (line, status, text) in [
        ("users create bob --limit -1usd/month", 2, "-1usd/month"),
        ("limits set user:alice -1usd/month", 2, "-1usd/month"),
        ("limits set user:alice 9999999999999usd/month", 2, "9999999999999usd/month"),
        ("limits set alice 1usd/month", 2, "user:ID"),
        ("limits set user:alice", 2, "farebox limits set"),
        ("limits set user:alice --remove usd/day", 2, "usd/day"),
        ("users create bob --thresholds 80,120", 2, "120"),
        ("users create a/b", 2, "a/b"),
        ("users create bob --colour red", 2, "--colour"),
        ("keys create --user alice --expires -5d", 2, "-5d"),
        ("keys create --user alice --expires soon", 2, "soon"),
        ("keys create --user alice --limit 11usd/month", 2, "11 usd/month"),
        ("usage --since never", 2, "never"),
        ("usage --group-by colour", 2, "colour"),
        ("usage --top colour", 2, "colour"),
        ("usage --top user --metric fame", 2, "fame"),
        ("usage --bucket week", 2, "week"),
        ("users show ghost", 5, "user:ghost"),
        ("keys create --user ghost", 5, "user:ghost"),
        ("users create alice", 6, "user:alice"),
        ("frobnicate", 2, "frobnicate"),
    ] {
        run(&desk, line, None).await.failed(status, text);
    }
    std::fs::write(desk.dir.path().join("admin-token"), "some-other-token").unwrap();
    run(&desk, "users list", None).await.failed(4, "FAREBOX_ADMIN_TOKEN");
    std::fs::remove_file(desk.dir.path().join("admin-token")).unwrap();
    run(&desk, "users list", None).await.failed(4, "admin-token");
}

#[tokio::test]
async fn a_server_that_is_away_is_status_7() {
    let mut desk = Desk::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    desk.at = listener.local_addr().unwrap();
    drop(listener);
    run(&desk, "users list", None).await.failed(7, "does not answer");
    run(&desk, "tail", None).await.failed(7, "does not answer");
}

#[tokio::test]
async fn usage_is_printed_as_table_json_and_csv() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 3_412_500).await;
    desk.call(&key, "gpt-5", 1).await;
    let rows = run(&desk, "usage --json", None).await.json();
    assert_eq!(
        rows,
        json!([{"user": "alice", "model": "gpt-5", "requests": 2, "tokens": 4612,
                "cost_usd": "0.003412501", "cost_nanousd": 3_412_501}])
    );
    let table = run(&desk, "usage --group-by user,day", None).await.ok();
    assert_eq!(
        table,
        "USER   DAY         REQUESTS  TOKENS          COST\n\
         alice  2026-11-24         2    4612  $0.003412501\n"
    );
    let csv = run(&desk, "usage --group-by user --csv", None).await.ok();
    assert_eq!(
        csv,
        "user,requests,tokens,cost_usd,cost_nanousd\nalice,2,4612,0.003412501,3412501\n"
    );
    assert_eq!(run(&desk, "usage --user bob", None).await.ok(), "");
    assert_eq!(run(&desk, "usage --user bob --json", None).await.json(), json!([]));
}

#[tokio::test]
async fn r125_usage_ranks_goes_along_time_and_says_how_long() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 3_347_500).await;
    assert_eq!(
        run(&desk, "usage --top model", None).await.ok(),
        "MODEL  REQUESTS  TOKENS        COST\n\
         gpt-5         1    2306  $0.0033475\n"
    );
    let cached = run(&desk, "usage --top user -n 1 --metric cache_hit_ratio", None).await.ok();
    assert!(cached.ends_with(" 2006    1920        0     0.9571  $0.00216\n"), "{cached}");
    assert_eq!(
        run(&desk, "usage --bucket hour --since 1h --group-by user --csv", None).await.ok(),
        "start_time,end_time,user,requests,tokens,cost_usd,cost_nanousd\n\
         2026-11-24T21:00:00Z,2026-11-24T22:00:00Z,alice,1,2306,0.0033475,3347500\n"
    );
    let rows = run(&desk, "usage --bucket hour --since 1h --json", None).await.json();
    let requests: Vec<&Value> =
        rows.as_array().unwrap().iter().map(|row| &row["requests"]).collect();
    assert_eq!(requests, [0, 1]);
    assert_eq!(
        run(&desk, "usage --latency --group-by model", None).await.ok(),
        "MODEL  REQUESTS  TTFT P50  TOOK P50  TTFT P90  TOOK P90  TTFT P99  TOOK P99\n\
         gpt-5         1         5        12         5        12         5        12\n"
    );
}

#[tokio::test]
async fn the_ledger_is_verified() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.hold(&key, 70_000).await;
    desk.clock.advance(61_000);
    desk.ledger.sweep();
    assert!(run(&desk, "ledger verify", None).await.ok().starts_with("ok: "));
    assert_eq!(run(&desk, "ledger verify --json", None).await.json()["ok"], true);
    let orphans = run(&desk, "ledger orphans", None).await.ok();
    assert!(orphans.contains("alice") && orphans.contains("$0.00007"), "{orphans}");
}

#[tokio::test]
async fn tail_prints_each_call_once_as_it_settles() {
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 3_412_500).await;
    let line = format!(
        "farebox tail --json --admin-url http://{} --data-dir {}",
        desk.at,
        desk.dir.path().display()
    );
    let cli = Cli::try_parse_from(line.split(' ')).unwrap();
    let paper = Paper::default();
    let mut console = Console {
        flags: cli.flags,
        out: Box::new(paper.clone()),
        err: Box::new(std::io::sink()),
        input: None,
        hints: false,
        colour: false,
    };
    let tail = tokio::spawn(async move { perform(cli.verb, &mut console).await });
    until(&paper, 1).await;
    desk.clock.advance(1_000);
    desk.call(&key, "gpt-5", 7).await;
    desk.call(&key, "gpt-5", 8).await;
    until(&paper, 3).await;
    tail.abort();
    let costs: Vec<Value> = paper
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["cost_nanousd"].clone())
        .collect();
    assert_eq!(costs, [json!(3_412_500), json!(7), json!(8)]);
}

/// Waits until so many lines were printed, at most ten seconds.
async fn until(paper: &Paper, lines: usize) {
    let printed = async {
        while paper.text().lines().count() < lines {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(10), printed).await;
    assert!(waited.is_ok(), "{}", paper.text());
}

#[tokio::test]
async fn a_capture_is_metered_without_a_network() {
    let desk = Desk::start().await;
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let path = dir.join("completions_json.json");
    let capture: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let bare = |line: String| {
        let (out, err) = (Paper::default(), Paper::default());
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let mut console = Console {
            flags: cli.flags,
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            input: None,
            hints: false,
            colour: false,
        };
        async move {
            let ended = perform(cli.verb, &mut console).await;
            let status = report(&mut console, ended).code();
            Printed { status, out: out.text(), err: err.text() }
        }
    };
    let reading = bare(format!("farebox meter {}", path.display())).await.json();
    let total = &capture["expect"]["output_tokens_total"];
    assert!(total.is_u64(), "{capture}");
    assert_eq!(&reading["output_tokens_total"], total);
    bare("farebox meter nowhere.json".to_owned()).await.failed(5, "nowhere.json");
    let token = desk.dir.path().join("admin-token");
    bare(format!("farebox meter {}", token.display())).await.failed(2, "admin-token");
}

#[test]
fn r025_the_configuration_is_printed_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("farebox.toml");
    std::fs::write(&file, "[admin]\ntoken = \"a-token-that-nobody-sees\"\n").unwrap();
    let farebox = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(args).current_dir(dir.path()).env_clear().output().unwrap()
    };
    let printed = farebox(&["config", "print", "--json"]);
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    let config: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(
        (&config["listen"], &config["admin"]["token"]),
        (&json!("127.0.0.1:8080"), &json!("***"))
    );
    let text = farebox(&["config", "print"]);
    assert!(!String::from_utf8(text.stdout).unwrap().contains("nobody"));
    let annotated = farebox(&["config", "print", "--annotated", "--json"]);
    let config: Value = serde_json::from_slice(&annotated.stdout).unwrap();
    assert_eq!(config["admin"]["token"], json!({"value": "***", "origin": "farebox.toml:2"}));
    assert_eq!(config["listen"], json!({"value": "127.0.0.1:8080", "origin": "default"}));
    let text = farebox(&["config", "print", "--annotated"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("ledger.lease_seconds = 60  # default\n"), "{text}");
    let defaults = farebox(&["config", "print", "--defaults", "--annotated"]);
    let defaults = String::from_utf8(defaults.stdout).unwrap();
    assert!(defaults.lines().all(|line| line.ends_with("  # default")), "{defaults}");
    assert!(!defaults.contains("admin.token") && defaults.contains("server.stop_seconds = 300"));
    std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
    let refused = farebox(&["config", "print"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("lisen"));
    assert_eq!(farebox(&["users", "list"]).status.code(), Some(4));
    assert_eq!(farebox(&[]).status.code(), Some(2));
    assert_eq!(farebox(&["--version"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_ends_with_130_when_interrupted() {
    use std::io::{BufRead, BufReader};
    let desk = Desk::start().await;
    let key = desk.user_with_key("alice").await;
    desk.call(&key, "gpt-5", 3_412_500).await;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["tail", "--admin-url", &format!("http://{}", desk.at), "--data-dir"])
        .arg(desk.dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map(|_| line)
    });
    let line = line.await.unwrap().unwrap();
    assert!(line.contains("2006 in (1920 cached) 300 out  $0.0034125"), "{line}");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(130));
}
