//! `farebox history export`: snapshots and the days of credentials, brought up to date elsewhere.
//!
//! Invariant: a page is kept in memory, however much there is. Doing it again changes nothing that
//! is as it was; so what was broken off is simply done again.

use super::super::client::Client;
use super::super::console::Console;
use super::super::failure::{Exit, Failure};
use super::file::Form;
use super::kept::{Kept, PROVIDER_DAYS, SNAPSHOTS};
use super::sink::{Sink, Target};
use crate::clock::{Clock, UnixMs, parse_span, parse_time, rfc3339_seconds};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use uuid::Uuid;

/// The namespace of the ids of days: made once at random, and the same for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x2d0c_4f55_8a1b_47e6_b3a4_90d7_6e1f_5c28);
/// No day is kept for longer.
const MOST_DAYS_MS: i64 = 3_650 * DAY_MS;
const DAY_MS: i64 = 86_400_000;

/// A table, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Which {
    /// How workspaces stood
    QuotaSnapshots,
    /// What credentials were used for
    AiProviderUsage,
}

/// What to export, and where to.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// postgres://USER@HOST/DATABASE (password in PGPASSWORD), sqlite:FILE, FILE.jsonl or FILE.csv
    #[arg(long, value_name = "TARGET")]
    pub to: String,
    /// Only this table; may be given twice (default: both)
    #[arg(long, value_name = "NAME")]
    pub table: Vec<Which>,
    /// From when: 24h, 7d, or a time (default: all that is kept)
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Until when
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Certificates (PEM) that the server's may be signed by, beside the public ones
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// The time that is exported.
struct Span {
    since: Option<UnixMs>,
    until: Option<UnixMs>,
    now: UnixMs,
}

/// What became of a table.
#[derive(Debug, Default)]
struct Tally {
    read: u64,
    written: u64,
}

impl Export {
    pub(super) async fn run(self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        let target = Target::parse(&self.to)?;
        let has = |which| self.table.is_empty() || self.table.contains(&which);
        let (snapshots, days) = (has(Which::QuotaSnapshots), has(Which::AiProviderUsage));
        if snapshots && days && matches!(target, Target::File(_, Form::Csv)) {
            let way = "add --table quota_snapshots or --table ai_provider_usage";
            return Err(Failure::new(Exit::Usage, "a CSV file holds one table").hint(way));
        }
        let span = self.span()?;
        let mut sink = Sink::open(&target, self.ca.as_deref()).await?;
        let mut told = Map::new();
        if snapshots {
            let tally = export_snapshots(client, &span, &mut sink).await?;
            told.insert(SNAPSHOTS.name.to_owned(), tally.object());
        }
        if days {
            let tally = export_days(client, &span, &mut sink).await?;
            told.insert(PROVIDER_DAYS.name.to_owned(), tally.object());
        }
        sink.finish()?;
        if console.flags.json {
            return console.json(&told.into());
        }
        for (name, tally) in &told {
            let line = format!("{name}: {} read, {} written", tally["read"], tally["written"]);
            console.line(&line)?;
        }
        Ok(())
    }

    fn span(&self) -> Result<Span, Failure> {
        let now = Clock::system().now();
        let read = |name: &str, text: &Option<String>| {
            let Some(text) = text.as_deref().map(str::trim) else { return Ok(None) };
            let at = parse_time(text);
            let at = at.or_else(|| parse_span(text).map(|ms| now.saturating_sub(ms)));
            let bad = || {
                let message = format!("`{text}` is not a time such as 2026-11-24 or 7d");
                Failure::new(Exit::Usage, message).hint(format!("see --{name}"))
            };
            at.map(Some).ok_or_else(bad)
        };
        Ok(Span { since: read("since", &self.since)?, until: read("until", &self.until)?, now })
    }
}

impl Tally {
    fn object(&self) -> Value {
        json!({"read": self.read, "written": self.written})
    }

    async fn write(
        &mut self,
        sink: &mut Sink,
        kept: &Kept,
        rows: Vec<Value>,
    ) -> Result<(), Failure> {
        if !rows.is_empty() {
            self.read += u64::try_from(rows.len()).unwrap_or(0);
            self.written += sink.write(kept, rows).await?;
        }
        Ok(())
    }
}

async fn export_snapshots(client: &Client, span: &Span, sink: &mut Sink) -> Result<Tally, Failure> {
    let [since, until] = [span.since, span.until].map(|at| at.map(rfc3339_seconds));
    let query = [("since", since.as_deref()), ("until", until.as_deref())];
    let (mut tally, mut after) = (Tally::default(), None);
    sink.prepare(&SNAPSHOTS).await?;
    loop {
        let (rows, next) = client.page("/api/v1/snapshots", &query, after.as_deref()).await?;
        tally.write(sink, &SNAPSHOTS, rows).await?;
        after = next;
        if after.is_none() {
            return Ok(tally);
        }
    }
}

async fn export_days(client: &Client, span: &Span, sink: &mut Sink) -> Result<Tally, Failure> {
    // The ledger's days may begin earlier or later than those of UTC.
    let from = span.since.unwrap_or(span.now.saturating_sub(MOST_DAYS_MS)).saturating_sub(DAY_MS);
    let to = span.until.map(|until| until.saturating_add(DAY_MS));
    let date = |at| rfc3339_seconds(at).chars().take(10).collect::<String>();
    let (from, to) = (date(from), to.map(date));
    let query = [("from", Some(from.as_str())), ("to", to.as_deref())];
    let mut tally = Tally::default();
    sink.prepare(&PROVIDER_DAYS).await?;
    for credential in client.all("/api/v1/credentials", &[]).await? {
        let name = credential["provider_name"].as_str().unwrap_or_default();
        let mut days = client.get(&format!("/api/v1/credentials/{name}/days"), &query).await?;
        let Value::Array(days) = days["data"].take() else { continue };
        let rows: Vec<Value> =
            days.into_iter().map(|day| row(name, &credential["provider"], day)).collect();
        tally.write(sink, &PROVIDER_DAYS, rows).await?;
    }
    Ok(tally)
}

/// The row of a day of a credential.
fn row(name: &str, provider: &Value, mut day: Value) -> Value {
    let date = day["date"].as_str().unwrap_or_default();
    let id = Uuid::new_v5(&NAMESPACE, format!("{name}/{date}").as_bytes());
    day["id"] = id.to_string().into();
    day["provider_name"] = name.into();
    day["provider"] = provider.clone();
    day
}
