//! `farebox top` on the built program: lines of JSON, and the live view on a pseudo-terminal.

use crate::program::{Program, binary};
use crate::world::{CHAT, LIMIT, PROVIDER_KEY, chat};
use farebox::demo::provider::Simulated;
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// A proxy with a user `alice` who just spent something.
async fn spent(dir: &Path, simulated: &Simulated) -> Program {
    let upstream = format!("openai={}", simulated.base_url());
    let program =
        Program::serve(dir, &["--upstream", &upstream], &[("OPENAI_API_KEY", PROVIDER_KEY)]);
    program.json(dir, &["users", "create", "alice", "--limit", "25usd/month"]);
    program.json(dir, &["workspaces", "create", "ops", "--limit", "0usd/day"]);
    let key = program.json(dir, &["keys", "create", "--user", "alice"]);
    let script = "x-simulate: {\"input\":2006,\"cached\":1920,\"output\":300}\r\n";
    let key = key["key"].as_str().unwrap();
    assert_eq!(program.call(key, CHAT, script, &chat("gpt-5", "")).await.status(), 200);
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_json_is_printed_for_each_look() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let program = spent(dir.path(), &simulated).await;
    let output = program.verb(dir.path(), &["top", "-n", "2", "--every", "1s"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    let look = &lines[1];
    assert_eq!(look["cost_nanousd_per_minute"], 3_347_500);
    assert_eq!((&look["requests"], &look["tokens_per_minute"]), (&1.into(), &2306.into()));
    let spender = &look["spenders"][0];
    assert_eq!(
        (spender["user"].as_str(), spender["cost_usd"].as_str()),
        (Some("alice"), Some("0.0033475"))
    );
    assert_eq!(spender["llm_quota"]["dollars_per_period"], "25");
    assert_eq!(look["providers"][0]["usable"], 1);
    assert_eq!(look["alerts"][0]["account"], "workspace:ops");
    assert_eq!(
        (look["active_streams"].as_f64(), look["refusals_per_second"].as_f64()),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(lines[0]["refusals_per_second"], Value::Null);
    let keys: Vec<&String> = look.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 13, "the keys are stable: {keys:?}");
}

/// `farebox top` on a terminal of 100 columns and 30 lines.
struct OnTerminal {
    child: Child,
    seen: String,
    screen: Receiver<Vec<u8>>,
}

impl OnTerminal {
    fn start(dir: &Path, program: &Program, environment: &[(&str, &str)]) -> Self {
        let farebox = binary().get_program().to_owned();
        let line = format!("stty cols 100 rows 30; exec {} top --every 1s", farebox.display());
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", &line, "/dev/null"])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("TERM", "xterm")
            .env("FAREBOX_ADMIN_URL", format!("http://{}", program.admin))
            .envs(environment.iter().copied())
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script (util-linux) is installed");
        let mut out = child.stdout.take().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, seen: String::new(), screen }
    }

    /// Waits until the terminal was sent this, after what was waited for before.
    /// Gives what came up to its end.
    fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                return self.seen.drain(..at + text.len()).collect();
            }
            match self.screen.recv_timeout(LIMIT) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("`{text}` does not come: {:?}", self.seen),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(keys.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// The exit status; the terminal is as it was before.
    fn ended(mut self) -> Option<i32> {
        self.until("\u{1b}[?1049l");
        self.child.wait().unwrap().code()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_view_filters_scrolls_and_gives_the_terminal_back() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let program = spent(dir.path(), &simulated).await;
    let work = move || {
        let mut terminal = OnTerminal::start(dir.path(), &program, &[]);
        terminal.until("\u{1b}[?1049h");
        terminal.until("0.0 requests/s   2306 tokens/min   $0.0033475/min ($0.20085/h)");
        terminal.until("1 alert: workspace:ops quota_exceeded");
        terminal.until("alice");
        terminal.until("\u{1b}[32m");
        terminal.press("/zzz");
        terminal.until("nobody spent anything of that name");
        terminal.until("/zzz_");
        terminal.press("\u{7f}\u{7f}\u{7f}ALI\r\u{1b}[B");
        terminal.until("alice");
        terminal.until("/ALI (Esc: all)");
        terminal.press("s");
        terminal.until("s order: requests");
        terminal.press("q");
        assert_eq!(terminal.ended(), Some(0));

        let mut plain = OnTerminal::start(dir.path(), &program, &[("NO_COLOR", "1")]);
        let screen = plain.until("STATUS") + &plain.until("s order: cost");
        assert!(screen.contains("alice") && !screen.contains("\u{1b}[32m"), "{screen:?}");
        plain.press("\u{3}");
        assert_eq!(plain.ended(), Some(130));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_ends_it_with_130_and_a_server_that_is_away_with_7() {
    let dir = tempfile::tempdir().unwrap();
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let mut program = spent(dir.path(), &simulated).await;
    let url = format!("http://{}", program.admin);
    let mut top = binary();
    top.args(["top", "--every", "1s"]).current_dir(dir.path()).env("FAREBOX_ADMIN_URL", &url);
    let mut child = top.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));

    program.kill();
    let output = program.verb(dir.path(), &["top", "-n", "1"]);
    assert_eq!(output.status.code(), Some(7));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not answer"));
    for (arguments, part) in [
        (["top", "--every", "0s"], "1s to 1h"),
        (["top", "--every", "-2s"], "1s to 1h"),
        (["top", "--limit", "101"], "101"),
    ] {
        let output = program.verb(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{arguments:?}");
    }
}
