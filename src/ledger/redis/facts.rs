//! What a Redis says of itself, for whoever looks after it. Reads only: nothing is created, loaded
//! or changed.

use super::super::OpenError;
use super::connect::{self, SCHEMA};
use super::keys;
use super::script::Scripts;
use crate::clock::{Clock, Stopwatch, UnixMs};
use redis::aio::ConnectionManager;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(5);

/// A Redis as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// Its version.
    pub version: String,
    /// `master` or `slave`.
    pub role: String,
    /// It keeps an append-only file.
    pub append_only: bool,
    /// The last write of that file failed.
    pub write_failed: bool,
    /// What it does when its memory is full.
    pub policy: String,
    /// Bytes in use.
    pub used_memory: u64,
    /// Bytes that it may use; 0: all.
    pub max_memory: u64,
    /// How far its clock is ahead of ours.
    pub ahead_ms: i64,
    /// How long it took to tell its time.
    pub round_trip_ms: u64,
    /// The schema of the ledger that it holds, where there is one.
    pub schema: Option<String>,
    /// The schema that this version knows.
    pub known_schema: &'static str,
    /// How many of the scripts are loaded, and how many there are.
    pub scripts: (usize, usize),
}

impl RedisFacts {
    /// Asks the Redis at `url`.
    pub async fn ask(url: &str, clock: &Clock) -> Result<Self, OpenError> {
        let mut on = connect::reader(url, ANSWER).await?;
        let fail = |why: redis::RedisError| {
            OpenError(format!("redis at {} does not answer: {why}", connect::shown(url)))
        };
        let info: String = redis::cmd("INFO").query_async(&mut on).await.map_err(fail)?;
        let (ahead_ms, round_trip_ms) = time(&mut on, clock).await.map_err(fail)?;
        let mut schema = redis::cmd("HGET");
        schema.arg(keys::META).arg("schema");
        let schema = schema.query_async(&mut on).await.map_err(fail)?;
        let scripts = Scripts::new().loaded(&mut on).await.map_err(fail)?;
        let fact = |name| fact(&info, name).unwrap_or_default();
        Ok(Self {
            version: fact("redis_version").to_owned(),
            role: fact("role").to_owned(),
            append_only: fact("aof_enabled") == "1",
            write_failed: fact("aof_last_write_status") == "err",
            policy: fact("maxmemory_policy").to_owned(),
            used_memory: fact("used_memory").parse().unwrap_or(0),
            max_memory: fact("maxmemory").parse().unwrap_or(0),
            ahead_ms,
            round_trip_ms,
            schema,
            known_schema: SCHEMA,
            scripts,
        })
    }
}

/// A line of `INFO`.
fn fact<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let of = |line: &'i str| line.split_once(':').filter(|(found, _)| *found == name);
    info.lines().find_map(of).map(|(_, value)| value.trim())
}

/// How far its clock is ahead, read in the middle of the round trip.
async fn time(on: &mut ConnectionManager, clock: &Clock) -> redis::RedisResult<(i64, u64)> {
    let (begun, watch) = (clock.now(), Stopwatch::start());
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(on).await?;
    let took = watch.elapsed_ms();
    let theirs: UnixMs = seconds.saturating_mul(1_000).saturating_add(micros.div_euclid(1_000));
    let half = i64::try_from(took.div_euclid(2)).unwrap_or(0);
    Ok((theirs.saturating_sub(begun.saturating_add(half)), took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_info_are_found_by_their_whole_name() {
        let info = "# Memory\r\nused_memory_rss:9\r\nused_memory:5\r\nrole:master\r\n";
        assert_eq!(fact(info, "used_memory"), Some("5"));
        assert_eq!(fact(info, "role"), Some("master"));
        assert_eq!(fact(info, "maxmemory"), None);
    }
}
