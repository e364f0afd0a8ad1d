//! What is written of snapshots: whether, and how often. For how long they are kept is the history's
//! `retention_days`.

use super::BadConfig;
use super::check::bad;
use super::raw::RawHistory;
use super::source::Environment;
use crate::clock::parse_span;
use crate::ledger::Kept;
use std::time::Duration;

/// The variables of older deployments; they go before the file.
pub(super) const OLDER_INTERVAL: &str = "QUOTA_SNAPSHOT_INTERVAL_MINUTES";
pub(super) const OLDER_PERSISTENCE: &str = "ENABLE_QUOTA_PERSISTENCE";

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Of the longest month.
const MONTH_DAYS: i64 = 31;

/// What is configured of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTerms {
    /// Whether there are any.
    pub persistence: bool,
    /// How far they lie apart.
    pub every: Duration,
}

pub(super) fn read(
    raw: &RawHistory,
    environment: &Environment,
    (retention_days, sums): (i64, &Kept),
) -> Result<SnapshotTerms, BadConfig> {
    let (place, ms, written) = interval(raw, environment)?;
    if ms >= retention_days.saturating_mul(DAY_MS) {
        return Err(bad(format!(
            "{place} = {written} is not shorter than history.retention_days = {retention_days}, so \
             that no two snapshots would be kept; take them more often, or keep them for longer"
        )));
    }
    let every = Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
    let persistence = persistence(raw, environment)?;
    if persistence && sums.days < MONTH_DAYS.saturating_mul(DAY_MS) {
        return Err(bad(format!(
            "history.day_sums_days = {}: snapshots show what a month came to, which is made of its \
             days; keep {MONTH_DAYS} days or more, or set history.persistence = false",
            sums.days.div_euclid(DAY_MS)
        )));
    }
    Ok(SnapshotTerms { persistence, every })
}

/// The interval in milliseconds: where it stands, and as it is written there.
fn interval(
    raw: &RawHistory,
    environment: &Environment,
) -> Result<(&'static str, i64, String), BadConfig> {
    if let Some(text) = environment.get(OLDER_INTERVAL) {
        let minutes = text.parse().ok().filter(|minutes| (1..=1_440).contains(minutes));
        let ms = minutes.map(|minutes: i64| minutes.saturating_mul(MINUTE_MS));
        let refused = || bad(format!("{OLDER_INTERVAL} = {text}: from 1 to 1440 minutes"));
        return Ok((OLDER_INTERVAL, ms.ok_or_else(refused)?, text.to_owned()));
    }
    let place = "history.snapshot_every";
    let text = raw.snapshot_every.as_deref().unwrap_or("5m");
    let ms = parse_span(text).filter(|ms| (SECOND_MS..=DAY_MS).contains(ms));
    let refused = || bad(format!("{place} = \"{text}\": from 1s to 1d, such as 5m"));
    Ok((place, ms.ok_or_else(refused)?, format!("\"{text}\"")))
}

/// `5m`, `90s`.
pub(super) fn written(every: Duration) -> String {
    match every.as_secs() {
        seconds if seconds.is_multiple_of(60) => format!("{}m", seconds.div_euclid(60)),
        seconds => format!("{seconds}s"),
    }
}

fn persistence(raw: &RawHistory, environment: &Environment) -> Result<bool, BadConfig> {
    let Some(text) = environment.get(OLDER_PERSISTENCE) else {
        return Ok(raw.persistence.unwrap_or(true));
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(bad(format!("{OLDER_PERSISTENCE} = {text}: write true or false"))),
    }
}
