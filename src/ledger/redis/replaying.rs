//! Replaying what the journal put aside: settlements so old that Redis may have forgotten whether it
//! has them.
//!
//! Invariants: what was charged is known from the events, which outlive the marks; where the events
//! of that time are no longer kept, nothing is charged. A replay leaves a mark and an event, so that
//! one that is broken off can be made again. Redis has everything that leaves the file.

use super::super::aside::{self, Decided, Verdict};
use super::super::journal::Noted;
use super::super::order::{Settlement, Unavailable};
use super::super::registry::RegistryError;
use super::history::began;
use super::script::Failure;
use super::{RedisLedger, keys};
use crate::clock::UnixMs;
use crate::ids::CallId;
use std::collections::HashSet;

/// Settlements that are decided at a time.
const MOST: usize = 10_000;
/// The clocks of a proxy and of Redis differ by less.
const SLACK_MS: i64 = 600_000;

impl RedisLedger {
    /// What became of each settlement that was put aside; replays those that are due unless
    /// `only_look`.
    pub(super) async fn decide_all(&self, only_look: bool) -> Result<Vec<Decided>, RegistryError> {
        // Settlements never wait for this: the journal writes the file at its start only.
        let _alone = self.replaying.lock().await;
        let dir = &self.options.journal_dir;
        let aside = aside::read(dir, MOST).map_err(|why| unreadable(&why))?;
        let Some(first) = aside.iter().map(|one| began(&one.id())).min() else {
            return Ok(Vec::new());
        };
        let whole_since = self.whole_since().await?;
        let charged = self.charged(&aside, first.saturating_sub(SLACK_MS)).await?;
        let mut decided = Vec::with_capacity(aside.len());
        for settlement in aside {
            let mut verdict = verdict(&settlement, &charged, whole_since);
            if verdict == Verdict::Due && !only_look {
                verdict = self.replay_one(&settlement).await?;
            }
            decided.push(Decided { settlement, verdict });
        }
        if !only_look {
            let done = decided.iter().filter(|one| one.verdict.is_final());
            let done: HashSet<CallId> = done.map(|one| one.settlement.id()).collect();
            aside::take_out(dir, &done).map_err(|why| unreadable(&why))?;
        }
        Ok(decided)
    }

    async fn replay_one(&self, settlement: &Settlement) -> Result<Verdict, Unavailable> {
        let noted = Noted { seq: 0, settlement: settlement.clone() };
        match self.deliver(&noted).await {
            Ok(()) => Ok(Verdict::Charged),
            Err(Failure { why, alone: true }) => Ok(Verdict::Unclear(why.0)),
            Err(Failure { why, alone: false }) => Err(why),
        }
    }

    /// Those of the settlements' calls that have an event, of all that came since.
    async fn charged(
        &self,
        aside: &[Settlement],
        since: UnixMs,
    ) -> Result<HashSet<CallId>, Unavailable> {
        let wanted: HashSet<CallId> = aside.iter().map(Settlement::id).collect();
        let mut found = HashSet::new();
        let mut from = since.max(0).to_string();
        loop {
            let batch = self.range("XRANGE", (&from, "+"), super::history::AT_ONCE).await?;
            let Some((newest, _)) = batch.last() else { return Ok(found) };
            from = format!("({newest}");
            let ids = batch.iter().filter_map(|(_, fields)| fields.get("id")?.parse().ok());
            found.extend(ids.filter(|id| wanted.contains(id)));
        }
    }

    /// Since when all events are kept; 0: since ever.
    async fn whole_since(&self) -> Result<UnixMs, Unavailable> {
        let mut length = redis::cmd("XLEN");
        let length: i64 = self.read(length.arg(keys::EVENTS)).await?;
        if length < super::history::STREAM {
            return Ok(0);
        }
        let oldest = self.range("XRANGE", ("-", "+"), 1).await?;
        let ms = oldest.first().and_then(|(id, _)| id.split('-').next()?.parse().ok());
        Ok(ms.unwrap_or(UnixMs::MAX))
    }
}

fn verdict(settlement: &Settlement, charged: &HashSet<CallId>, whole_since: UnixMs) -> Verdict {
    match settlement {
        Settlement::Void { .. } | Settlement::Attempt { .. } => Verdict::Nothing,
        one if charged.contains(&one.id()) => Verdict::ChargedBefore,
        one if began(&one.id()) < whole_since.saturating_add(SLACK_MS) && whole_since > 0 => {
            Verdict::Unclear("the events of that time are no longer kept".to_owned())
        }
        _ => Verdict::Due,
    }
}

fn unreadable(why: &std::io::Error) -> RegistryError {
    Unavailable(format!("the journal's {} cannot be used: {why}", aside::UNAPPLIED)).into()
}
