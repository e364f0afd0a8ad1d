//! `farebox usage`: what was used, added up by the server.

use super::calls::Calls;
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::control::csv;
use serde_json::Value;

/// What was used, and what it cost.
#[derive(Debug, clap::Args)]
pub struct Usage {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// Which calls.
    #[command(flatten)]
    pub calls: Calls,
    /// From when: 7d, 24h, or a time
    #[arg(long, value_name = "WHEN", default_value = "7d", allow_hyphen_values = true)]
    pub since: String,
    /// Until when
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// What sums are kept apart by: user, key, workspace, model, provider, day,
    /// hour
    #[arg(long, value_name = "LIST", default_value = "user,model")]
    pub group_by: String,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

const FIGURES: [&str; 4] = ["requests", "tokens", "cost_usd", "cost_nanousd"];

impl Usage {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let query = self.calls.query([
            ("since", Some(self.since.trim())),
            ("until", self.until.as_deref().map(str::trim)),
            ("group_by", Some(self.group_by.as_str())),
        ]);
        let mut answer = client.get("/api/v1/analytics/usage", &query).await?;
        let Value::Array(rows) = answer["data"].take() else { return Ok(()) };
        let names: Vec<&str> = self.group_by.split(',').map(str::trim).collect();
        match (console.flags.json, self.csv) {
            (true, _) => console.json(&rows.into()),
            (_, true) => sheet(console, &names, &rows),
            _ => table(console, &names, &rows),
        }
    }
}

fn table(console: &mut Console, names: &[&str], rows: &[Value]) -> Result<(), Failure> {
    const DIMENSIONS: [(&str, &str); 7] = [
        ("user", "USER"),
        ("key", "KEY"),
        ("workspace", "WORKSPACE"),
        ("model", "MODEL"),
        ("provider", "PROVIDER"),
        ("day", "DAY"),
        ("hour", "HOUR"),
    ];
    let title = |name: &&str| DIMENSIONS.iter().find(|(known, _)| known == name).map(|(_, t)| *t);
    let mut heads: Vec<&'static str> = names.iter().filter_map(title).collect();
    heads.extend(["REQUESTS", "TOKENS", "COST"]);
    let mut table = Table::new(&heads);
    for row in rows {
        let mut cells: Vec<Cell> = names
            .iter()
            .filter(|n| title(n).is_some())
            .map(|n| Cell::text(field(row, n)))
            .collect();
        cells.push(Cell::figure(field(row, "requests")));
        cells.push(Cell::figure(field(row, "tokens")));
        cells.push(Cell::figure(format!("${}", field(row, "cost_usd"))));
        table.row(cells);
    }
    if rows.is_empty() {
        console.hint("no calls were settled in that time");
    }
    console.table(&table)
}

fn sheet(console: &mut Console, names: &[&str], rows: &[Value]) -> Result<(), Failure> {
    let columns: Vec<&str> = names.iter().copied().chain(FIGURES).collect();
    console.line(&columns.join(","))?;
    for row in rows {
        console.line(&csv::line(columns.iter().map(|name| &row[*name])))?;
    }
    Ok(())
}
