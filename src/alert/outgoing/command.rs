//! Runs a command, which reads an alert from its standard input.
//!
//! Invariants: there is no shell; of the environment the command has the search path only. What it
//! writes is not read. Whoever stops waiting for it kills it.

use super::super::message::Run;
use super::super::outcome::Outcome;
use super::later;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// With that a command asks to be run again later, `EX_TEMPFAIL` of sysexits.h.
const TRY_AGAIN: i32 = 75;
/// Where programs are looked for if this process does not know.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The program of a command.
pub(super) fn program(run: &Run) -> &str {
    run.command.first().map_or("", String::as_str)
}

/// Runs it to its end.
pub(super) async fn run(run: &Run) -> Result<Outcome, Outcome> {
    let name = program(run);
    let failed = |why: String| Outcome::Failed { why: format!("{name}: {why}") };
    let mut child = Command::new(name)
        .args(run.command.iter().skip(1))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| PATH.into()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| failed(format!("it cannot be started: {why}")))?;
    if let Some(mut input) = child.stdin.take() {
        // One that reads nothing has closed its end; its exit status says what that means.
        let _closed = input.write_all(&run.input).await;
    }
    let status = child.wait().await.map_err(|why| later(name, why))?;
    match status.code() {
        Some(0) => Ok(Outcome::Delivered),
        Some(TRY_AGAIN) => Err(later(name, "it asks to be run again later (75)")),
        Some(code) => Err(failed(format!("it ended with status {code}"))),
        None => Err(failed("it was ended by a signal".to_owned())),
    }
}
