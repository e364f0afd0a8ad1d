//! `farebox ledger export`: all settled calls, newest first, page after page.
//!
//! Invariant: one page is kept in memory, however many calls there are.

use super::super::calls::Calls;
use super::super::client::Client;
use super::super::console::Console;
use super::super::failure::Failure;

use crate::control::{call_sheet, csv, focus};
use serde_json::Value;

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
    /// Print the columns of FOCUS 1.2, as CSV; with --json, a line of JSON for each call
    #[arg(long, conflicts_with = "csv")]
    pub focus: bool,
}

impl Export {
    /// Prints the calls. Those that settle meanwhile are newer than the first page and left out.
    pub(super) async fn run(self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        let query = self.calls.query([
            ("since", self.since.as_deref().map(str::trim)),
            ("until", self.until.as_deref().map(str::trim)),
            ("columns", self.focus.then_some("focus")),
        ]);
        let json = console.flags.json;
        if self.csv {
            console.line(&call_sheet::head())?;
        } else if self.focus && !json {
            console.line(&focus::COLUMNS.join(","))?;
        }
        let mut after = None;
        loop {
            let (calls, next) = client.page("/api/v1/requests", &query, after.as_deref()).await?;
            if !calls.is_empty() {
                let lines: Vec<String> =
                    calls.iter().map(|call| self.written(call, json)).collect();
                console.line(&lines.join("\n"))?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn written(&self, call: &Value, json: bool) -> String {
        match (self.csv, self.focus && !json) {
            (true, _) => call_sheet::line(call),
            (_, true) => csv::line(focus::COLUMNS.iter().map(|name| &call[*name])),
            _ => call.to_string(),
        }
    }
}
