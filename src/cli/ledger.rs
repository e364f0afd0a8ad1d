//! `farebox ledger`: is the ledger sound, which calls lost their proxy, what the journal put aside,
//! and all calls for others to reckon with.

mod export;
mod replay;

use super::client::Client;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::table::{Cell, Table, field};
use clap::Subcommand;

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Check the ledger's invariants; exit status 3 if one is broken
    Verify,
    /// List calls that were charged because their proxy died
    Orphans,
    /// Charge what the journal put aside, once it is known that it was not charged
    Replay {
        /// Only say what would be charged
        #[arg(long)]
        dry_run: bool,
    },
    /// Print all settled calls, newest first, as JSON lines or CSV
    Export(export::Export),
}

/// Runs an action.
pub(super) async fn run(
    action: Action,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    match action {
        Action::Verify => verify(client, console).await,
        Action::Orphans => orphans(client, console).await,
        Action::Replay { dry_run } => replay::run(dry_run, client, console).await,
        Action::Export(export) => export.run(client, console).await,
    }
}

async fn verify(client: &Client, console: &mut Console) -> Result<(), Failure> {
    let found = client.get("/api/v1/ledger/verify", &[]).await?;
    let violations = found["violations"].as_array().cloned().unwrap_or_default();
    if console.flags.json {
        console.json(&found)?;
    } else if found["ok"] == true {
        console.line(&format!("ok: {} entries checked", field(&found, "checked")))?;
    } else {
        for violation in &violations {
            console.line(violation.as_str().unwrap_or_default())?;
        }
    }
    if found["ok"] == true {
        return Ok(());
    }
    let message = match violations.len() {
        1 => "1 invariant is broken".to_owned(),
        count => format!("{count} invariants are broken"),
    };
    Err(Failure::new(Exit::Broken, message))
}

async fn orphans(client: &Client, console: &mut Console) -> Result<(), Failure> {
    let calls = client.all("/api/v1/ledger/orphans", &[]).await?;
    if console.flags.json {
        return console.json(&calls.into());
    }
    let mut table = Table::new(&["SETTLED", "CALL", "USER", "MODEL", "CHARGED"]);
    for call in &calls {
        table.row([
            Cell::text(field(call, "settled")),
            Cell::text(field(call, "id")),
            Cell::text(field(call, "user")),
            Cell::text(field(call, "model")),
            Cell::figure(format!("${}", field(call, "cost_usd"))),
        ]);
    }
    console.table(&table)
}
