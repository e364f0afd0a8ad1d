//! Sums of settled calls in Redis: reading them, and folding ended minutes into hours and days.
//!
//! Invariant: a row of a minute is in the sums of its hour and its day once it is folded, and the
//! script that folds it says so in the same step. Until then readers add it themselves.

use super::super::order::Unavailable;
use super::super::registry::RegistryError;
use super::super::rollup::{ROW_BYTES, Row, Sum, Tier};
use super::super::sums::{Gathered, SumQuery, SumRow};
use super::{RedisLedger, keys};
use crate::clock::UnixMs;
use crate::limit::{Period, Window};
use std::collections::{BTreeMap, HashMap};

/// Rows that one script folds, or one answer shows; so that neither takes Redis for long.
const AT_ONCE: usize = 200;
/// Periods whose lengths are asked for in one round trip.
const PERIODS_AT_ONCE: usize = 500;
/// For how long whoever folds keeps others from doing the same.
const TURN_MS: i64 = 30_000;
/// A minute is folded when it ended so long ago.
const ENDED_MS: i64 = 5_000;
/// A minute in which nothing is left to fold is closed when it ended so long ago, whatever its
/// count says: a hand may have changed it.
const SETTLED_MS: i64 = 3_600_000;
/// How often sums are read again that were folded meanwhile.
const READS: usize = 5;

/// In `farebox:meta`: since when calls are added up.
const SINCE: &str = "sums_since_ms";

type Rows = HashMap<String, Vec<u8>>;

/// Minutes that are not folded yet: their hour, their day, and how many of their rows are not.
type Open = BTreeMap<Period, (Period, Period, i64)>;

impl RedisLedger {
    /// See [`super::super::Registry::sums`].
    pub(super) async fn read_sums(&self, query: &SumQuery) -> Result<Vec<SumRow>, RegistryError> {
        let now = self.ledger_time().await?;
        let periods = query.periods(&self.options.calendar, &self.options.rollups, now)?;
        for _ in 0..READS {
            let before = self.open_minutes().await?;
            let rows = self.gather(query, &periods, &before).await?;
            let after = self.open_minutes().await?;
            let folded = |(minute, (_, _, left)): (&Period, &(Period, Period, i64))| {
                after.get(minute).is_none_or(|(_, _, now)| now < left)
            };
            if query.tier == Tier::Minute || !before.iter().any(folded) {
                return Ok(rows);
            }
        }
        Err(Unavailable("sums were folded again and again while they were read".to_owned()).into())
    }

    async fn gather(
        &self,
        query: &SumQuery,
        periods: &[Period],
        open: &Open,
    ) -> Result<Vec<SumRow>, RegistryError> {
        let mut gathered = Gathered::default();
        let mut add = |period, rows: &Rows| {
            for (name, bytes) in rows {
                let numbers = bytes.get(..ROW_BYTES).and_then(Sum::read);
                if let (Some(row), Some(sum)) = (Row::read(name), numbers) {
                    gathered.add(query, period, &row, &sum)?;
                }
            }
            Ok::<(), RegistryError>(())
        };
        for some in periods.chunks(PERIODS_AT_ONCE) {
            let mut lengths = redis::pipe();
            for period in some {
                lengths.hlen(keys::rollup(query.tier, *period));
            }
            let lengths: Vec<u64> = self.read_all(&lengths).await?;
            for (period, _) in some.iter().zip(lengths).filter(|(_, length)| *length > 0) {
                add(*period, &self.rows(&keys::rollup(query.tier, *period)).await?)?;
            }
        }
        if query.tier != Tier::Minute {
            for (minute, (hour, day, _)) in open {
                let period = if query.tier == Tier::Hour { *hour } else { *day };
                if periods.contains(&period) {
                    let mut rows = self.rows(&keys::rollup(Tier::Minute, *minute)).await?;
                    rows.retain(|_, row| row.len() == ROW_BYTES);
                    add(period, &rows)?;
                }
            }
        }
        Ok(gathered.rows())
    }

    /// All rows of a period; those that are there throughout.
    async fn rows(&self, key: &str) -> Result<Rows, Unavailable> {
        let (mut rows, mut cursor) = (Rows::new(), 0_u64);
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(key).arg(cursor).arg("COUNT").arg(AT_ONCE);
            let (next, some): (u64, Vec<(String, Vec<u8>)>) = self.read(&scan).await?;
            rows.extend(some);
            if next == 0 {
                return Ok(rows);
            }
            cursor = next;
        }
    }

    /// Notes when calls were first added up here: from the first one on, where there is none yet.
    pub(super) async fn begin_sums(&self) -> Result<(), Unavailable> {
        let mut length = redis::cmd("XLEN");
        let events: u64 = self.read(length.arg(keys::EVENTS)).await?;
        let since = if events == 0 { 0 } else { self.ledger_time().await? };
        let mut note = redis::cmd("HSETNX");
        note.arg(keys::META).arg(SINCE).arg(since);
        self.read::<i64>(&note).await?;
        Ok(())
    }

    /// Before this, calls were settled that are in no sums.
    pub(super) async fn first_summed(&self) -> Result<UnixMs, Unavailable> {
        let mut get = redis::cmd("HGET");
        let since: Option<UnixMs> = self.read(get.arg(keys::META).arg(SINCE)).await?;
        Ok(since.unwrap_or(0))
    }

    async fn open_minutes(&self) -> Result<Open, Unavailable> {
        let mut list = redis::cmd("ZRANGE");
        list.arg(keys::ROLLUP_OPEN).arg(0).arg(-1).arg("WITHSCORES");
        let found: Vec<(String, i64)> = self.read(&list).await?;
        let parse = |(periods, left): (String, i64)| {
            let mut numbers = periods.split(' ').map(|n| n.parse::<Period>().ok());
            let mut next = || numbers.next().flatten();
            Some((next()?, (next()?, next()?, left)))
        };
        Ok(found.into_iter().filter_map(parse).collect())
    }

    /// Folds the minutes that ended into their hours and days; the background does so every few
    /// seconds, on one proxy at a time. Minutes of which nothing is known are passed over.
    pub async fn fold(&self) -> Result<(), Unavailable> {
        let mut turn = redis::cmd("SET");
        turn.arg(keys::ROLLUP_TURN).arg(1).arg("NX").arg("PX").arg(TURN_MS);
        let mine: Option<String> = self.read(&turn).await?;
        if mine.is_none() {
            return Ok(());
        }
        let folded = self.fold_ended().await;
        let mut over = redis::cmd("DEL");
        self.read::<i64>(over.arg(keys::ROLLUP_TURN)).await?;
        folded
    }

    async fn fold_ended(&self) -> Result<(), Unavailable> {
        let now = self.ledger_time().await?;
        let minute =
            |ago: UnixMs| self.options.calendar.period(Window::Minute, now.saturating_sub(ago));
        let (ended, settled) = (minute(ENDED_MS), minute(SETTLED_MS));
        for (at, (hour, day, _)) in self.open_minutes().await?.range(..ended) {
            let rows = self.rows(&keys::rollup(Tier::Minute, *at)).await?;
            let unfolded = rows.into_iter().filter(|(_, row)| row.len() == ROW_BYTES);
            let names: Vec<String> = unfolded.map(|(name, _)| name).collect();
            let all = if names.is_empty() && *at < settled { "all" } else { "" };
            let periods = format!("{at} {hour} {day}");
            let head = [periods, self.options.rollups.lifetimes(), all.to_owned()];
            let mut chunks: Vec<&[String]> = names.chunks(AT_ONCE).collect();
            if chunks.is_empty() {
                chunks.push(&[]);
            }
            for some in chunks {
                let mut call = self.scripts.fold.call(&self.options, &[keys::ROLLUP], &head);
                call.arg(some);
                self.scripts.fold.run::<i64>(&self.connections.settlements, &call).await?;
            }
        }
        Ok(())
    }

    /// Whether a key is that of a minute that is not folded yet.
    pub(super) async fn is_open_minute(&self, key: &str) -> Result<bool, Unavailable> {
        let Some(minute) = key.strip_prefix(keys::ROLLUP).and_then(|k| k.strip_prefix("minute:"))
        else {
            return Ok(false);
        };
        let open = self.open_minutes().await?;
        Ok(minute.parse().is_ok_and(|minute: Period| open.contains_key(&minute)))
    }
}
