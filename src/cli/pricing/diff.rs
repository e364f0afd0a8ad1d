//! `farebox pricing diff`: what a new table would have cost for the calls of a time.
//!
//! The calls come from a running proxy, page by page; prices are those of the files.

use super::Source;
use super::repricing::{Kept, Repricing, Sum};
use crate::cli::args;
use crate::cli::client::{Client, Remote};
use crate::cli::table::{Cell, Table};
use crate::cli::{Console, Exit, Failure};
use crate::clock::rfc3339;
use crate::money::NanoUsd;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

const PAGE: &str = "200";

/// Say what a new table would have cost.
#[derive(Debug, Args)]
pub struct Diff {
    /// The new price table
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// From when: 24h, 7d, or a time
    #[arg(long, value_name = "WHEN", default_value = "24h", value_parser = moment)]
    pub since: String,
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
}

/// The time that is meant, so that it is the same for every page.
fn moment(text: &str) -> Result<String, String> {
    args::past(text).map(rfc3339)
}

impl Diff {
    /// Prints it.
    pub async fn run(self, source: &Source, console: &mut Console) -> Result<(), Failure> {
        let old = source.prices()?.table;
        let new = Source { pricing: Some(self.file.clone()), ..source.clone() }.prices()?.table;
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let mut repricing = Repricing::new(&old, &new);
        self.read(&client, &mut repricing).await?;
        if console.flags.json {
            let mut object = object(&repricing);
            object["since"] = self.since.as_str().into();
            object["price_version"] = new.version().into();
            return console.json(&object);
        }
        if repricing.rows.is_empty() {
            console.hint("no call of that time can be priced again");
        }
        console.table(&table(&repricing))?;
        for line in remarks(&repricing) {
            console.line(&line)?;
        }
        Ok(())
    }

    async fn read(&self, client: &Client, repricing: &mut Repricing<'_>) -> Result<(), Failure> {
        let mut after: Option<String> = None;
        loop {
            let query = [
                ("since", Some(self.since.as_str())),
                ("limit", Some(PAGE)),
                ("after", after.as_deref()),
            ];
            let page = client.get("/api/v1/requests", &query).await?;
            for event in page["data"].as_array().into_iter().flatten() {
                if !repricing.add(event) {
                    let message = "too many models were used in that time";
                    return Err(Failure::new(Exit::Failed, message).hint("ask for a later --since"));
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(()),
            }
        }
    }
}

fn table(repricing: &Repricing<'_>) -> Table {
    let heads = ["PROVIDER", "MODEL", "CALLS", "CHARGED", "WITH FILE", "DIFFERENCE", "%"];
    let mut table = Table::new(&heads);
    let total = repricing.total();
    let all = ("all".to_owned(), String::new());
    let several = (repricing.rows.len() > 1).then_some((&all, &total));
    for ((provider, model), sum) in repricing.rows.iter().chain(several) {
        table.row([
            Cell::text(provider),
            Cell::text(model),
            Cell::figure(sum.calls.to_string()),
            Cell::figure(dollars(sum.then)),
            Cell::figure(dollars(sum.now)),
            Cell::figure(signed(&dollars(sum.difference()))),
            Cell::figure(sum.percent().map_or_else(|| "-".to_owned(), |text| signed(&text))),
        ]);
    }
    table
}

/// `$0.25`, `-$0.25`.
fn dollars(amount: NanoUsd) -> String {
    let text = amount.to_string();
    match text.strip_prefix('-') {
        Some(size) => format!("-${size}"),
        None => format!("${text}"),
    }
}

/// With a plus where it is above zero.
fn signed(text: &str) -> String {
    let above = !text.starts_with('-') && text.contains(|c| matches!(c, '1'..='9'));
    if above { format!("+{text}") } else { text.to_owned() }
}

/// What the rows do not say.
fn remarks(repricing: &Repricing<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for ((why, (provider, model)), sum) in &repricing.kept {
        let (calls, then) = (sum.calls, dollars(sum.then));
        lines.push(format!(
            "not priced again: {calls} calls of {provider} {model}, {then}: {}",
            why.reason()
        ));
    }
    if repricing.estimated > 0 {
        lines.push(format!("{} calls are priced by an estimate of their use", repricing.estimated));
    }
    for (version, calls) in &repricing.unchecked {
        lines.push(format!(
            "{calls} calls were charged by table {version}, which is not at hand (--pricing FILE): \
             whether their events carry all that they were charged by is not known"
        ));
    }
    if repricing.free > 0 {
        lines.push(format!("{} calls cost nothing, whatever the prices", repricing.free));
    }
    if let Some((newest, oldest)) = &repricing.span {
        lines.push(format!("settled from {oldest} to {newest}"));
    }
    lines
}

fn object(repricing: &Repricing<'_>) -> Value {
    let row = |((provider, model), sum): (&(String, String), &Sum)| {
        let mut row = figures(sum);
        row["provider"] = provider.as_str().into();
        row["model"] = model.as_str().into();
        row
    };
    let mut object = figures(&repricing.total());
    object["models"] = repricing.rows.iter().map(row).collect();
    for kept in [Kept::Unpriced, Kept::Beyond, Kept::Unread] {
        let of = repricing.kept.iter().filter(|((why, _), _)| *why == kept);
        object[kept.key()] = of
            .map(|((_, (provider, model)), sum)| {
                json!({
                    "provider": provider,
                    "model": model,
                    "calls": sum.calls,
                    "cost_usd": sum.then.to_string(),
                    "cost_nanousd": sum.then,
                })
            })
            .collect();
    }
    object["estimated"] = repricing.estimated.into();
    object["unchecked"] = json!(repricing.unchecked);
    object["free"] = repricing.free.into();
    object["newest"] = repricing.span.as_ref().map(|(newest, _)| newest.as_str()).into();
    object["oldest"] = repricing.span.as_ref().map(|(_, oldest)| oldest.as_str()).into();
    object
}

fn figures(sum: &Sum) -> Value {
    let percent = sum.percent().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    json!({
        "calls": sum.calls,
        "cost_usd": sum.then.to_string(),
        "cost_nanousd": sum.then,
        "new_cost_usd": sum.now.to_string(),
        "new_cost_nanousd": sum.now,
        "difference_usd": sum.difference().to_string(),
        "difference_nanousd": sum.difference(),
        "difference_percent": percent,
    })
}
