//! Exit statuses, streams and colour of the built program, one test for each rule of the contract.

use crate::program::{Program, binary, farebox};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};

/// A server that answers every request with this.
fn canned(status: &'static str, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    at
}

#[track_caller]
fn ends(output: &Output, status: i32, part: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert!(error.contains(part), "`{part}` is missing in {error}");
}

/// Asks whatever answers at `at`, with a token.
fn ask(at: SocketAddr, arguments: &[&str]) -> Output {
    let url = format!("http://{at}");
    farebox(arguments, &[("FAREBOX_ADMIN_URL", &url), ("FAREBOX_ADMIN_TOKEN", "a-token-of-mine-x")])
}

#[test]
fn each_exit_status_of_the_contract_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::serve(dir.path(), &[], &[]);
    let verb = |arguments: &[&str]| program.verb(dir.path(), arguments);
    ends(&verb(&["users", "list"]), 0, "");
    let list: &[&str] = &["users", "list"];
    ends(&ask(canned("200 OK", "<html>"), list), 1, "is this the admin listener?");
    ends(&verb(&["users", "create", "bob", "--limit", "-1usd/month"]), 2, "-1usd/month");
    ends(&verb(&["users", "delete", "default"]), 2, "--yes");
    let broken = r#"{"ok":false,"checked":3,"violations":["I1: user:a holds 5"]}"#;
    ends(&ask(canned("200 OK", broken), &["ledger", "verify"]), 3, "1 invariant is broken");
    ends(&ask(program.admin, list), 4, "FAREBOX_ADMIN_TOKEN");
    ends(&verb(&["users", "show", "ghost"]), 5, "user:ghost");
    ends(&verb(&["users", "create", "default"]), 6, "user:default");
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ends(&ask(away, list), 7, "does not answer");
    let limited = r#"{"detail":"at most 600 requests a minute"}"#;
    ends(&ask(canned("429 Too Many Requests", limited), list), 8, "600 requests a minute");
    let taken = program.data.to_string();
    let data = dir.path().join("other").display().to_string();
    ends(&farebox(&["serve", "--listen", &taken, "--data-dir", &data], &[]), 1, &taken);
    ends(&farebox(&["serve", "--listen", "0.0.0.0:0"], &[]), 78, "FAREBOX_ADMIN_TOKEN");
}

#[test]
fn sigint_ends_a_verb_that_follows_with_130() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::serve(dir.path(), &[], &[]);
    let mut command = binary();
    command.args(["tail", "--verbose"]).current_dir(dir.path());
    command.env("FAREBOX_ADMIN_URL", format!("http://{}", program.admin));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut asked = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut asked).unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{asked}");
}

#[test]
fn without_a_terminal_there_are_no_hints_no_colour_and_no_questions() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::serve(dir.path(), &[], &[]);
    let made = program.verb(dir.path(), &["users", "create", "alice", "--limit", "25usd/month"]);
    assert_eq!(
        (made.stdout.as_slice(), made.stderr.as_slice()),
        (&b"created user alice\n"[..], &b""[..])
    );
    let listed = program.verb(dir.path(), &["users", "list"]);
    assert!(!listed.stdout.contains(&0x1b) && listed.stdout.ends_with(b"\n"));
    ends(&program.verb(dir.path(), &["workspaces", "delete", "default"]), 2, "--yes");
}

#[test]
fn on_a_terminal_there_are_hints_colour_unless_no_color_and_questions() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::serve(dir.path(), &[], &[]);
    let on_terminal = |arguments: &str, plain: &str, typed: &str| {
        let line = format!("{} {arguments}", binary().get_program().display());
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", &line, "/dev/null"])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("NO_COLOR", plain)
            .env("FAREBOX_ADMIN_URL", format!("http://{}", program.admin))
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script (util-linux) is installed");
        child.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, text) = on_terminal("users create alice --limit 25usd/month", "", "");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("next: farebox keys create --user alice"), "{text}");
    let (_, text) = on_terminal("users create bob --quiet", "", "");
    assert!(!text.contains("next:"), "{text}");
    let (_, text) = on_terminal("users list", "", "");
    assert!(text.contains("\u{1b}[32m"), "{text}");
    let (_, text) = on_terminal("users list", "1", "");
    assert!(text.contains("alice") && !text.contains('\u{1b}'), "{text}");
    let (status, text) = on_terminal("users delete bob", "", "alice\n");
    assert!(status == Some(2) && text.contains("cancelled; nothing was changed"), "{text}");
    let (status, text) = on_terminal("users delete bob", "", "bob\n");
    assert!(status == Some(0) && text.contains("deleted user bob"), "{text}");
}
