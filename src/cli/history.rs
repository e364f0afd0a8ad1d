//! `farebox history`: how workspaces stood, and the way of the history into a database or a file.

mod export;
mod file;
mod kept;
mod postgres;
mod sink;
mod sqlite;

use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::control::csv;
use crate::ids::Id;
use clap::Subcommand;
use kept::SNAPSHOTS;

/// What to do with the history.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List how workspaces stood at every interval, newest first
    Snapshots(Snapshots),
    /// Write snapshots and the days of credentials to PostgreSQL, SQLite or a file
    Export(export::Export),
}

/// Which snapshots.
#[derive(Debug, clap::Args)]
pub struct Snapshots {
    /// Only of this workspace
    #[arg(long, value_name = "ID")]
    pub workspace: Option<Id>,
    /// From when: 24h, 7d, or a time
    #[arg(long, value_name = "WHEN", default_value = "24h", allow_hyphen_values = true)]
    pub since: String,
    /// Until when
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Snapshots(asked) => asked.run(client, console).await,
        Action::Export(export) => export.run(client, console).await,
    }
}

impl Snapshots {
    async fn run(self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        let query = [
            ("workspace", self.workspace.as_ref().map(Id::as_str)),
            ("since", Some(self.since.trim())),
            ("until", self.until.as_deref().map(str::trim)),
        ];
        if self.csv {
            return self.sheet(&query, client, console).await;
        }
        let found = client.all("/api/v1/snapshots", &query).await?;
        if console.flags.json {
            return console.json(&found.into());
        }
        if found.is_empty() {
            console.hint("none were taken in that time; see [history] in docs/configuration.md");
        }
        let heads = [
            "TIME",
            "WORKSPACE",
            "STATUS",
            "REQ/MIN",
            "REQ/DAY",
            "ERRORS",
            "TOKENS",
            "DAY",
            "MONTH",
        ];
        let mut table = Table::new(&heads);
        for one in &found {
            let cost = |name| Cell::figure(format!("${}", field(&one["metadata"], name)));
            table.row([
                Cell::text(field(one, "snapshot_time")),
                Cell::text(field(one, "workspace_id")),
                Cell::text(field(one, "status")),
                Cell::figure(field(one, "requests_per_minute")),
                Cell::figure(field(one, "requests_per_day")),
                Cell::figure(field(one, "error_count")),
                Cell::figure(field(one, "tokens_used")),
                cost("day_cost_usd"),
                cost("month_cost_usd"),
            ]);
        }
        console.table(&table)
    }

    /// CSV, a page in memory at a time.
    async fn sheet(
        &self,
        query: &[(&str, Option<&str>)],
        client: &Client,
        console: &mut Console,
    ) -> Result<(), Failure> {
        console.line(&SNAPSHOTS.head())?;
        let mut after = None;
        loop {
            let (some, next) = client.page("/api/v1/snapshots", query, after.as_deref()).await?;
            for one in &some {
                console.line(&csv::line(SNAPSHOTS.cells(one)))?;
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
