//! `farebox ledger replay`: charges what the journal of a proxy put aside, and was not charged.

use super::super::client::Client;
use super::super::console::Console;
use super::super::failure::{Exit, Failure};
use super::super::table::{Cell, Table, field};
use crate::money::NanoUsd;
use http::Method;
use serde_json::{Value, json};

/// Looks first, asks, and replays then. Exit status 3 if something stays undecided.
pub(super) async fn run(
    dry_run: bool,
    client: &Client,
    console: &mut Console,
) -> Result<(), Failure> {
    let found = client.get("/api/v1/ledger/unapplied", &[]).await?;
    let due = with(&found, "due");
    if dry_run || count(&found) == 0 {
        return told(console, &found);
    }
    if !due.is_empty() {
        let cost = due.iter().filter_map(|one| one["cost_nanousd"].as_i64()).map(NanoUsd::new);
        let cost = cost.fold(NanoUsd::ZERO, NanoUsd::saturating_add);
        let deed = format!("this charges {} calls, ${cost} in all, now", due.len());
        console.confirm(&deed, "replay")?;
    }
    let replayed = client.send(Method::POST, "/api/v1/ledger/replay", &json!({})).await?;
    told(console, &replayed)
}

fn count(found: &Value) -> usize {
    found["data"].as_array().map_or(0, Vec::len)
}

fn with<'v>(found: &'v Value, verdict: &str) -> Vec<&'v Value> {
    let all = found["data"].as_array().into_iter().flatten();
    all.filter(|one| one["verdict"] == verdict).collect()
}

fn told(console: &mut Console, found: &Value) -> Result<(), Failure> {
    if console.flags.json {
        console.json(&found["data"])?;
    } else {
        let mut table = Table::new(&["STARTED", "CALL", "USER", "MODEL", "COST", "VERDICT", "WHY"]);
        for one in found["data"].as_array().into_iter().flatten() {
            let cost = one["cost_usd"].as_str().map_or("-".to_owned(), |cost| format!("${cost}"));
            table.row([
                Cell::text(field(one, "started")),
                Cell::text(field(one, "id")),
                Cell::text(field(one, "user")),
                Cell::text(field(one, "model")),
                Cell::figure(cost),
                Cell::text(field(one, "verdict")),
                Cell::text(field(one, "detail")),
            ]);
        }
        console.table(&table)?;
        if count(found) == 0 {
            console.hint("the journal put nothing aside");
        }
    }
    match with(found, "unclear").len() {
        0 => Ok(()),
        unclear => {
            let message = format!("of {unclear} it cannot be told whether they were charged");
            let hint = "they stay in unapplied.jsonl; see docs/ledger.md";
            Err(Failure::new(Exit::Broken, message).hint(hint))
        }
    }
}
