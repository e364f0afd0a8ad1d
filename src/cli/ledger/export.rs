//! `farebox ledger export`: all settled calls, newest first, page after page.
//!
//! Invariant: one page is kept in memory, however many calls there are.

use super::super::calls::Calls;
use super::super::client::Client;
use super::super::console::Console;
use super::super::failure::Failure;

use crate::control::csv;
use crate::usage::Figure;
use serde_json::Value;

/// The columns of CSV beside those of usage, as the fields of a call.
const BEFORE: [&str; 14] = [
    "id",
    "started",
    "settled",
    "user",
    "key",
    "workspace",
    "provider",
    "credential",
    "dialect",
    "model",
    "service_tier",
    "status",
    "ending",
    "estimated",
];
const AFTER: [&str; 7] = [
    "cost_usd",
    "cost_nanousd",
    "price_version",
    "provider_cost_usd",
    "held_nanousd",
    "ttft_ms",
    "duration_ms",
];

/// Which calls.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Which calls.
    #[command(flatten)]
    pub calls: Calls,
    /// From when: 7d, 24h, or a time (default: all that is kept)
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Until when
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Print CSV instead of a line of JSON for each call
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

impl Export {
    /// Prints the calls. Those that settle meanwhile are newer than the first page and left out.
    pub(super) async fn run(self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        let query = self.calls.query([
            ("since", self.since.as_deref().map(str::trim)),
            ("until", self.until.as_deref().map(str::trim)),
        ]);
        if self.csv {
            console.line(&head())?;
        }
        let mut after = None;
        loop {
            let (calls, next) = client.page("/api/v1/requests", &query, after.as_deref()).await?;
            if !calls.is_empty() {
                let lines: Vec<String> = calls.iter().map(|call| self.written(call)).collect();
                console.line(&lines.join("\n"))?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn written(&self, call: &Value) -> String {
        if !self.csv {
            return call.to_string();
        }
        let usage = Figure::ALL.iter().map(|figure| &call["usage"][figure.name()]);
        let (before, after) = (BEFORE.iter(), AFTER.iter());
        let cells = before.map(|name| &call[*name]).chain(usage).chain(after.map(|n| &call[*n]));
        csv::line(cells)
    }
}

fn head() -> String {
    let usage = Figure::ALL.iter().map(|figure| format!("usage.{}", figure.name()));
    let plain = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = plain(&BEFORE).into_iter().chain(usage).chain(plain(&AFTER));
    all.collect::<Vec<_>>().join(",")
}
