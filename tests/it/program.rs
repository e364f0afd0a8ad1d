//! The built program as a process of its own, as an operator runs it.

use crate::world::{Answer, LIMIT, send};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running `farebox serve`.
pub struct Program {
    child: Option<Child>,
    pub data: SocketAddr,
    pub admin: SocketAddr,
    /// What it printed up to here.
    pub greeting: String,
    lines: Receiver<String>,
    log: std::path::PathBuf,
}

/// The built program, in an empty environment.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command
}

/// Runs a verb to its end.
pub fn farebox(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    binary().args(arguments).envs(environment.iter().copied()).output().unwrap()
}

impl Program {
    /// Starts it in `dir`, which keeps its ledger and log, and waits until it serves.
    pub fn serve(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let log = dir.join("log");
        let err = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = binary()
            .current_dir(dir)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(arguments)
            // Tests ask faster than anybody.
            .env("FAREBOX_ADMIN__REQUESTS_PER_MINUTE", "1000000")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(err)
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut program = Self {
            child: Some(child),
            data: "127.0.0.1:1".parse().unwrap(),
            admin: "127.0.0.1:1".parse().unwrap(),
            greeting: String::new(),
            lines,
            log,
        };
        program.read_greeting();
        program
    }

    fn read_greeting(&mut self) {
        let address = |line: &str| line.rsplit("http://").next().unwrap().replace("/v1", "");
        loop {
            let line = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| {
                panic!("it did not start: {}{}", self.greeting, self.log_text())
            });
            self.greeting.push_str(&line);
            self.greeting.push('\n');
            if line.contains("apps ") {
                self.data = address(&line).trim().parse().unwrap();
            }
            if line.contains("operators ") {
                self.admin = address(&line).trim().parse().unwrap();
            }
            if line.contains("providers ") {
                break;
            }
        }
        // The first key follows within the same write, if there is one.
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(300)) {
            self.greeting.push_str(&line);
            self.greeting.push('\n');
        }
    }

    /// The key that the first run printed.
    pub fn first_key(&self) -> String {
        let line = self.greeting.lines().find(|line| line.contains("OPENAI_API_KEY=")).unwrap();
        line.split('=').nth(1).unwrap().trim().to_owned()
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub async fn call(&self, key: &str, path: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("authorization: Bearer {key}\r\n{headers}");
        Answer::read(send(self.data, path, &headers, body).await).await
    }

    /// Runs a verb against its admin API.
    pub fn verb(&self, dir: &Path, arguments: &[&str]) -> Output {
        let url = format!("http://{}", self.admin);
        let mut command = binary();
        command.current_dir(dir).args(arguments).env("FAREBOX_ADMIN_URL", url);
        command.output().unwrap()
    }

    /// The JSON that a verb prints.
    pub fn json(&self, dir: &Path, arguments: &[&str]) -> serde_json::Value {
        let output = self.verb(dir, &[arguments, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| {
            panic!("{arguments:?} printed {text}{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM; the exit status and how long it took.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        let status = child.wait().unwrap();
        (status.code(), begun.elapsed())
    }

    /// What `/proc` says of its command line and environment.
    pub fn command_line(&self) -> String {
        let id = self.child.as_ref().unwrap().id();
        let mut text = String::new();
        let mut file = std::fs::File::open(format!("/proc/{id}/cmdline")).unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
