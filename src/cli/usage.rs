//! `farebox usage`: what was used, added up, ranked or along time by the server.

use super::calls::Calls;
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::Failure;
use super::table::{Cell, Table, field};
use crate::control::{LATENCY, REFUSALS, csv, metric_columns};
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
    /// What sums are kept apart by: user, key, workspace, provider, credential,
    /// model, day, hour (default: user,model; provider,model with --latency). With
    /// --refusals one or two of reason, user, workspace, hour (default: reason)
    #[arg(long, value_name = "LIST")]
    pub group_by: Option<String>,
    /// Rank these: user, key, workspace, provider, credential, model
    #[arg(long, value_name = "BY", conflicts_with_all = ["bucket", "latency", "group_by"])]
    pub top: Option<String>,
    /// How many rows of a ranking
    #[arg(short = 'n', long, value_name = "N", requires = "top", allow_hyphen_values = true)]
    pub limit: Option<String>,
    /// Along time, in buckets of a minute, hour or day; --group-by takes up to two
    #[arg(long, value_name = "BUCKET", conflicts_with = "latency")]
    pub bucket: Option<String>,
    /// Of a ranking or along time: cost, requests, tokens, cost_per_1k_tokens,
    /// cache_hit_ratio, cache_saved, estimated_share, failed_share
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// How long calls took
    #[arg(long, conflicts_with = "metric")]
    pub latency: bool,
    /// What was refused, and why
    #[arg(long, conflicts_with_all = ["metric", "top", "bucket", "latency"])]
    pub refusals: bool,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// What a field is called over a table, and whether it is money. What is not here is not shown.
const TITLES: [(&str, &str, bool); 31] = [
    ("start_time", "FROM", false),
    ("reason", "REASON", false),
    ("user", "USER", false),
    ("key", "KEY", false),
    ("workspace", "WORKSPACE", false),
    ("provider", "PROVIDER", false),
    ("credential", "CREDENTIAL", false),
    ("model", "MODEL", false),
    ("day", "DAY", false),
    ("hour", "HOUR", false),
    (REFUSALS, "REFUSALS", false),
    ("requests", "REQUESTS", false),
    ("tokens", "TOKENS", false),
    ("cost_usd", "COST", true),
    ("cost_per_1k_tokens_usd", "PER 1K TOKENS", true),
    ("input_tokens", "INPUT", false),
    ("cached_input_tokens", "CACHED", false),
    ("cache_write_tokens", "WRITTEN", false),
    ("cache_hit_ratio", "HIT RATIO", false),
    ("cache_saved_usd", "SAVED", true),
    ("estimated_requests", "ESTIMATED", false),
    ("estimated_usd", "OF COST", true),
    ("estimated_share", "SHARE", false),
    ("failed_requests", "FAILED", false),
    ("failed_share", "SHARE", false),
    ("ttft_ms_p50", "TTFT P50", false),
    ("duration_ms_p50", "TOOK P50", false),
    ("ttft_ms_p90", "TTFT P90", false),
    ("duration_ms_p90", "TOOK P90", false),
    ("ttft_ms_p99", "TTFT P99", false),
    ("duration_ms_p99", "TOOK P99", false),
];

/// A question to the server.
struct Question<'a> {
    path: &'static str,
    query: Vec<(&'static str, Option<&'a str>)>,
    /// What the rows are kept apart by.
    names: Vec<&'a str>,
    figures: Vec<&'static str>,
}

impl Usage {
    /// Runs the verb.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let asked = self.question();
        let query = self.calls.query(asked.query);
        let rows = rows(client.get(asked.path, &query).await?);
        if console.flags.json {
            return console.json(&rows.into());
        }
        let columns: Vec<&str> = asked.names.into_iter().chain(asked.figures).collect();
        if self.csv {
            return sheet(console, &columns, &rows);
        }
        let nothing = match self.refusals {
            true => "no calls were refused in that time",
            false => "no calls were settled in that time",
        };
        table(console, &columns, &rows, nothing)
    }

    fn question(&self) -> Question<'_> {
        let (since, until) = (Some(self.since.trim()), self.until.as_deref().map(str::trim));
        let metric = self.metric.as_deref();
        let figures = metric_columns(metric.unwrap_or("cost"));
        let grouped = |usual| self.group_by.as_deref().unwrap_or(usual);
        if let Some(by) = &self.top {
            let limit = self.limit.as_deref();
            let query = vec![
                ("by", Some(by.as_str())),
                ("metric", metric),
                ("limit", limit),
                ("since", since),
                ("until", until),
            ];
            return Question { path: "/api/v1/analytics/top", query, names: vec![by], figures };
        }
        if let Some(bucket) = &self.bucket {
            let by = self.group_by.as_deref();
            let query = vec![
                ("bucket", Some(bucket.as_str())),
                ("metric", metric),
                ("group_by", by),
                ("start_time", since),
                ("end_time", until),
            ];
            let names =
                ["start_time", "end_time"].into_iter().chain(by.into_iter().flat_map(parts));
            let (path, names) = ("/api/v1/analytics/series", names.collect());
            return Question { path, query, names, figures };
        }
        if self.refusals {
            let by = grouped("reason");
            let query = vec![("since", since), ("until", until), ("by", Some(by))];
            let (names, figures) = (parts(by).collect(), vec![REFUSALS]);
            return Question { path: "/api/v1/analytics/refusals", query, names, figures };
        }
        let (path, by, figures) = match self.latency {
            true => ("/api/v1/analytics/latency", grouped("provider,model"), LATENCY.to_vec()),
            false => ("/api/v1/analytics/usage", grouped("user,model"), figures),
        };
        let query = vec![("since", since), ("until", until), ("group_by", Some(by))];
        Question { path, query, names: parts(by).collect(), figures }
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// The rows of an answer; those of buckets with the times of the bucket.
fn rows(mut answer: Value) -> Vec<Value> {
    let Value::Array(data) = answer["data"].take() else { return Vec::new() };
    let flat = |mut entry: Value| match entry["results"].take() {
        Value::Array(mut results) => {
            for row in &mut results {
                for time in ["start_time", "end_time"] {
                    row[time] = entry[time].clone();
                }
            }
            results
        }
        _ => vec![entry],
    };
    let has_buckets = data.iter().any(|entry| entry.get("results").is_some());
    if has_buckets { data.into_iter().flat_map(flat).collect() } else { data }
}

fn table(
    console: &mut Console,
    columns: &[&str],
    rows: &[Value],
    nothing: &str,
) -> Result<(), Failure> {
    let title = |column: &&str| TITLES.iter().find(|(known, ..)| known == column);
    let shown: Vec<_> = columns.iter().filter_map(title).collect();
    let mut table = Table::new(&shown.iter().map(|(_, title, _)| *title).collect::<Vec<_>>());
    for row in rows {
        table.row(shown.iter().map(|(name, _, money)| {
            let text = field(row, name);
            match (&row[*name], *money) {
                (Value::String(_), true) => Cell::figure(format!("${text}")),
                (Value::Number(_), _) | (_, true) => Cell::figure(text),
                _ => Cell::text(text),
            }
        }));
    }
    if rows.is_empty() {
        console.hint(nothing);
    }
    console.table(&table)
}

fn sheet(console: &mut Console, columns: &[&str], rows: &[Value]) -> Result<(), Failure> {
    console.line(&columns.join(","))?;
    for row in rows {
        console.line(&csv::line(columns.iter().map(|name| &row[*name])))?;
    }
    Ok(())
}
