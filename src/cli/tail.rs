//! `farebox tail`: one line per settled call, as they settle, until SIGINT.

use super::calls::Calls;
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::{Exit, Failure};
use super::table::field;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(500);
/// Calls settled this long before the newest may still appear in a list.
const OVERLAP_MS: i64 = 5_000;
/// Failures in a row, one a second, before it gives up.
const PATIENCE: u32 = 30;

/// Follow settled calls.
#[derive(Debug, clap::Args)]
pub struct Tail {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// Which calls.
    #[command(flatten)]
    pub calls: Calls,
    /// How many earlier calls to print first, at most 200
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=200))]
    pub lines: u8,
}

impl Tail {
    /// Runs the verb; ends with 130 on SIGINT.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        tokio::select! {
            ended = self.follow(&client, console) => ended,
            _ = tokio::signal::ctrl_c() => Err(Failure::silent(Exit::Interrupted)),
        }
    }

    async fn follow(&self, client: &Client, console: &mut Console) -> Result<(), Failure> {
        let mut tracker = Tracker::default();
        let mut failures = 0;
        let mut first = true;
        loop {
            match self.poll(client, &mut tracker, first).await {
                Ok(calls) => {
                    (failures, first) = (0, false);
                    print(console, &calls)?;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(failure)
                    if failure.exit == Exit::Unavailable && failures < PATIENCE && !first =>
                {
                    if failures == 0 {
                        console.warn(&format!("{}; trying again", failure.message));
                    }
                    failures += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// The calls that were not seen yet, oldest first.
    async fn poll(
        &self,
        client: &Client,
        tracker: &mut Tracker,
        first: bool,
    ) -> Result<Vec<Value>, Failure> {
        let since = tracker.since();
        let query = self.calls.query([("since", since.as_deref())]);
        let shown = usize::from(self.lines);
        let calls = if since.is_some() {
            client.all("/api/v1/requests", &query).await?
        } else {
            let (mut calls, mut next) = client.page("/api/v1/requests", &query, None).await?;
            // A page may be short and go on.
            while first && calls.len() < shown && next.is_some() {
                let more = client.page("/api/v1/requests", &query, next.as_deref()).await?;
                calls.extend(more.0);
                next = more.1;
            }
            calls
        };
        let mut fresh = tracker.fresh(calls);
        if first && fresh.len() > shown {
            fresh.drain(..fresh.len() - shown);
        }
        Ok(fresh)
    }
}

/// What was printed already. Bounded by the calls of the overlap.
#[derive(Debug, Default)]
struct Tracker {
    seen: HashMap<String, i64>,
    newest: Option<i64>,
}

impl Tracker {
    fn since(&self) -> Option<String> {
        self.newest.map(|at| crate::clock::rfc3339(at.saturating_sub(OVERLAP_MS)))
    }

    /// Those of `calls`, newest first, that are new; oldest first.
    fn fresh(&mut self, calls: Vec<Value>) -> Vec<Value> {
        let mut fresh = Vec::new();
        for call in calls.into_iter().rev() {
            let settled = call["settled"].as_str().and_then(crate::clock::parse_time).unwrap_or(0);
            let id = call["id"].as_str().unwrap_or_default().to_owned();
            if self.seen.insert(id, settled).is_none() {
                fresh.push(call);
            }
            self.newest = self.newest.max(Some(settled));
        }
        let end = self.newest.unwrap_or(0).saturating_sub(OVERLAP_MS);
        self.seen.retain(|_, settled| *settled >= end);
        fresh
    }
}

fn print(console: &mut Console, calls: &[Value]) -> Result<(), Failure> {
    for call in calls {
        let line = if console.flags.json { call.to_string() } else { line(call) };
        console.line(&line)?;
    }
    Ok(())
}

/// `2026-11-24T21:13:36.123Z  alice  gpt-5  200 finished  2006 in (1920 cached) 300 out  $0.003`
fn line(call: &Value) -> String {
    let usage = &call["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let cached = match count("cached_read") {
        0 => String::new(),
        n => format!(" ({n} cached)"),
    };
    let flag = if call["estimated"] == true { "  estimated" } else { "" };
    let attempts = match call["attempts"].as_array() {
        Some(several) if !several.is_empty() => format!("  {} attempts", several.len()),
        _ => String::new(),
    };
    format!(
        "{}  {}  {}  {} {}  {} in{cached} {} out  ${}  {} ms{attempts}{flag}",
        field(call, "settled"),
        field(call, "user"),
        field(call, "model"),
        field(call, "status"),
        field(call, "ending"),
        count("input_tokens_total"),
        count("output_tokens_total"),
        field(call, "cost_usd"),
        field(call, "duration_ms"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_call_is_printed_once_and_little_is_remembered() {
        let call = |id: &str, at: &str| json!({"id": id, "settled": at});
        let mut tracker = Tracker::default();
        let a = call("a", "2026-11-24T21:13:36.000Z");
        let b = call("b", "2026-11-24T21:13:37.000Z");
        assert_eq!(tracker.fresh(vec![b.clone(), a.clone()]), [a, b.clone()]);
        assert_eq!(tracker.since().unwrap(), "2026-11-24T21:13:32.000Z");
        let c = call("c", "2026-11-24T21:14:00.000Z");
        assert_eq!(tracker.fresh(vec![c.clone(), b]), [c]);
        assert_eq!(tracker.seen.len(), 1);
    }

    #[test]
    fn a_line_tells_what_a_call_was() {
        let mut call = json!({
            "settled": "2026-11-24T21:13:36.123Z", "user": "alice", "model": "gpt-5",
            "status": 200, "ending": "finished", "estimated": true, "cost_usd": "0.0034125",
            "duration_ms": 812,
            "usage": {"input_tokens_total": 2006, "cached_read": 1920, "output_tokens_total": 300},
        });
        assert_eq!(
            line(&call),
            "2026-11-24T21:13:36.123Z  alice  gpt-5  200 finished  2006 in (1920 cached) 300 out  \
             $0.0034125  812 ms  estimated"
        );
        call["attempts"] = json!([{"credential": "a"}, {"credential": "b"}]);
        assert!(line(&call).ends_with("  812 ms  2 attempts  estimated"), "{}", line(&call));
    }
}
