//! `farebox report`: what was spent on a day or in a week, for people, sheets and mails; or sent to the
//! channels that ask for it.

use super::args;
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::table::field;
use crate::ids::Id;
use http::Method;
use serde_json::{Map, Value};

/// What was spent on a day or in a week.
#[derive(Debug, clap::Args)]
pub struct ReportVerb {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// Of a day; this is so where --weekly is not given
    #[arg(long, conflicts_with = "weekly")]
    pub daily: bool,
    /// Of a week, from Monday
    #[arg(long)]
    pub weekly: bool,
    /// Which day, or a day of which week: 2026-11-28; absent: the last that is over
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,
    /// Only of this workspace
    #[arg(long, value_name = "ID", value_parser = args::id)]
    pub workspace: Option<Id>,
    /// Print a page of HTML
    #[arg(long, conflicts_with_all = ["csv", "send"])]
    pub html: bool,
    /// Print CSV
    #[arg(long, conflicts_with = "send")]
    pub csv: bool,
    /// Send it now to the channels that ask for it
    #[arg(long)]
    pub send: bool,
}

impl ReportVerb {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let path = format!("/api/v1/reports/{}", if self.weekly { "weekly" } else { "daily" });
        let (date, workspace) = (self.date.as_deref().map(str::trim), self.workspace.as_ref());
        let workspace = workspace.map(Id::as_str);
        if self.send {
            return send(&client, console, &path, [("date", date), ("workspace", workspace)]).await;
        }
        let query = |format| [("date", date), ("workspace", workspace), ("format", format)];
        if console.flags.json {
            return console.json(&client.get(&path, &query(None)).await?);
        }
        let format = match (self.html, self.csv) {
            (true, _) => "html",
            (_, true) => "csv",
            _ => "text",
        };
        let written = client.written(&path, &query(Some(format))).await?;
        console.line(written.trim_end_matches(['\r', '\n']))
    }
}

async fn send(
    client: &Client,
    console: &mut Console,
    path: &str,
    asked: [(&str, Option<&str>); 2],
) -> Result<(), Failure> {
    let given =
        asked.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    let body = Value::Object(given.collect::<Map<String, Value>>());
    let sent = client.send(Method::POST, path, &body).await?;
    if console.flags.json {
        return console.json(&sent);
    }
    console.line(&format!(
        "report of {} is on its way to {}",
        field(&sent, "period"),
        field(&sent, "channels")
    ))?;
    console.hint("next: farebox alerts history --level report");
    Ok(())
}
