//! What the Redis back end does without being asked: renew its leases, expire the holds of the
//! dead, and replay the journal's last minutes to a Redis that was replaced or restarted.
//!
//! Invariant: any number of proxies may do all of this at the same time.

use super::super::account::Share;
use super::super::book::Hold;
use super::super::order::{Amounts, CallFacts, Payers, Unavailable};
use super::super::settling::{lost_charge, orphan_event};
use super::super::slot::Slot;
use super::end::{End, Ended};
use super::script::Failure;
use super::{RedisLedger, connect, fields::Fields, keys};
use crate::clock::UnixMs;
use crate::ids::{AccountId, CallId, Id};
use crate::money::NanoUsd;
use crate::telemetry::names;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

const AT_ONCE: usize = 200;
/// How often ended minutes are folded.
const FOLDING: Duration = Duration::from_secs(10);

/// Whose holds have a lease in one set.
#[derive(Clone, Copy)]
enum Leased<'a> {
    Calls,
    /// Attempts with this credential.
    Attempts(&'a Id),
}

impl Leased<'_> {
    fn set(self) -> String {
        match self {
            Self::Calls => keys::LEASES.to_owned(),
            Self::Attempts(credential) => keys::holds(&AccountId::credential(credential)),
        }
    }
}

impl RedisLedger {
    /// Renews the lease of every open hold of this process; the background does so three times in
    /// a lease.
    pub async fn renew(&self) -> Result<(), Unavailable> {
        let mine: Vec<_> =
            self.mine.lock().iter().map(|(id, payers)| (*id, payers.clone())).collect();
        for some in mine.chunks(AT_ONCE) {
            let mut keys = vec![keys::LEASES.to_owned()];
            let mut arguments = vec![self.options.lease_ms.to_string()];
            for (id, payers) in some {
                keys.extend(payers.accounts().iter().map(keys::holds));
                arguments.push(id.to_string());
            }
            let on = &self.connections.settlements;
            let call = self.scripts.renew.call(&self.options, &keys, &arguments);
            self.scripts.renew.run::<()>(on, &call).await?;
        }
        self.renew_attempts().await
    }

    /// Ends all holds whose lease has run out by the time of Redis; the background does so every
    /// few seconds. Holds that cannot be ended are passed over, and one is named in the log.
    pub async fn sweep(&self) -> Result<(), Unavailable> {
        let now = self.ledger_time().await?;
        self.sweep_set(Leased::Calls, now).await?;
        for credential in self.with_overdue(now).await? {
            self.sweep_set(Leased::Attempts(&credential), now).await?;
        }
        Ok(())
    }

    async fn sweep_set(&self, leased: Leased<'_>, now: UnixMs) -> Result<(), Unavailable> {
        let (mut stayed, mut stuck) = (0_usize, None);
        loop {
            let mut overdue = redis::cmd("ZRANGEBYSCORE");
            overdue.arg(leased.set()).arg("-inf").arg(now).arg("LIMIT").arg(stayed).arg(AT_ONCE);
            let ids: Vec<String> = self.read(&overdue).await?;
            let found = ids.len();
            for id in ids {
                let ended = match leased {
                    Leased::Calls => self.expire(&id, now).await,
                    Leased::Attempts(credential) => self.expire_attempt(credential, &id).await,
                };
                match ended {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(Failure { why, alone: true }) => stuck = Some((id, why)),
                    Err(failure) => return Err(failure.why),
                }
                stayed = stayed.saturating_add(1);
            }
            if found < AT_ONCE {
                break;
            }
        }
        if let Some((call, why)) = stuck {
            tracing::error!(%call, "{stayed} expired holds stay, such as this one: {why}");
        }
        Ok(())
    }

    /// The time that leases are measured by: that of Redis, for clocks of proxies may be wrong.
    pub(super) async fn ledger_time(&self) -> Result<UnixMs, Unavailable> {
        if let Some(at) = self.options.clock.moved_by_hand() {
            return Ok(at);
        }
        let (seconds, micros): (i64, i64) = self.read(&redis::cmd("TIME")).await?;
        Ok(seconds.saturating_mul(1000).saturating_add(micros.div_euclid(1000)))
    }

    /// Whether the hold is not open any more.
    async fn expire(&self, id: &str, now: UnixMs) -> Result<bool, Failure> {
        let known = match id.parse::<CallId>() {
            Ok(call) => self.read_hold(call).await?,
            Err(_) => None,
        };
        let Some(hold) = known else {
            let mut forget = redis::cmd("ZREM");
            self.read::<i64>(forget.arg(keys::LEASES).arg(id)).await?;
            return Ok(true);
        };
        let charge = lost_charge(self.options.lost_hold, hold.expected, hold.user_held());
        let event = orphan_event(&hold, now);
        let (payers, event) = (&hold.payers, Some(&event));
        let end = End { kind: "expire", id: hold.id, payers, charge, event, once: None };
        let ended = self.end(&end, None).await?;
        if matches!(ended, Ended::Now) {
            metrics::counter!(names::ORPHANS).increment(1);
            tracing::warn!(call = %id, charge = %charge.usd, "a hold expired and is charged");
        }
        Ok(!matches!(ended, Ended::Alive))
    }

    /// What is set aside for a call.
    pub(super) async fn read_hold(&self, id: CallId) -> Result<Option<Hold>, Failure> {
        let mut get = redis::cmd("HGETALL");
        let fields: Fields = self.read(get.arg(keys::hold(&id))).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        let hold = parse_hold(id, &fields);
        let why = || Unavailable(format!("the hold of call {id} is damaged"));
        hold.map(Some).ok_or_else(|| Failure { why: why(), alone: true })
    }

    /// Queues the journal's last minutes again.
    fn replay(&self) {
        let recent = self.journal.lock().recent();
        match recent {
            Ok(recent) => recent.into_iter().for_each(|noted| self.queue.again(noted)),
            Err(why) => tracing::error!("the journal cannot be read for a replay: {why}"),
        }
    }
}

/// A share as the script writes it.
#[derive(Deserialize)]
struct Stored {
    usd: String,
    tokens: String,
    characters: String,
    rate: String,
    /// Names of slots.
    #[serde(default)]
    apart: String,
}

fn parse_hold(id: CallId, fields: &Fields) -> Option<Hold> {
    let number = |name: &str| fields.get(name)?.parse::<i64>().ok();
    let (payers, facts): (Payers, CallFacts) = serde_json::from_str(fields.get("order")?).ok()?;
    let stored: [Stored; 3] = serde_json::from_str(fields.get("shares")?).ok()?;
    let mut shares: [Share; 3] = Default::default();
    for (share, stored) in shares.iter_mut().zip(&stored) {
        share.joined = true;
        share.held = amounts(
            stored.usd.parse().ok()?,
            stored.tokens.parse().ok()?,
            stored.characters.parse().ok()?,
        );
        share.rate = stored.rate.parse().ok()?;
        share.apart = stored.apart.split(',').filter_map(Slot::parse).collect();
    }
    let expected = amounts(number("usd")?, number("tokens")?, number("characters")?);
    Some(Hold { id, payers, expected, facts, shares, lease_end: 0 })
}

pub(super) fn amounts(usd: i64, tokens: i64, characters: i64) -> Amounts {
    Amounts { usd: NanoUsd::new(usd), tokens, characters }
}

/// Starts the background tasks; they end with the ledger.
pub fn start(ledger: &Arc<RedisLedger>, identity: String) {
    let (third, often) = connect::pace(&ledger.options);
    let weak = Arc::downgrade(ledger);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(third).await;
            let Some(ledger) = weak.upgrade() else { break };
            warn("leases were not renewed", ledger.renew().await);
        }
    });
    let weak = Arc::downgrade(ledger);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(often).await;
            let Some(ledger) = weak.upgrade() else { break };
            warn("expired holds were not swept", ledger.sweep().await);
            warn("users were not sorted", ledger.walk().await);
        }
    });
    let weak = Arc::downgrade(ledger);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(FOLDING).await;
            let Some(ledger) = weak.upgrade() else { break };
            warn("sums of minutes were not folded", ledger.fold().await);
        }
    });
    let weak = Arc::downgrade(ledger);
    tokio::spawn(async move {
        let mut seen = identity;
        loop {
            let Some(ledger) = weak.upgrade() else { break };
            let asked = connect::identity(&ledger.connections.reading).await;
            *ledger.unreachable.lock() = asked.as_ref().err().map(ToString::to_string);
            if let Ok(identity) = &asked
                && *identity != seen
            {
                tracing::warn!("redis was restarted or replaced; replaying the last minutes");
                ledger.indexed.lock().clear();
                ledger.replay();
                seen.clone_from(identity);
            }
            if asked.is_ok() {
                warn("users were not sorted", ledger.rank_changed().await);
            }
            drop(ledger);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

fn warn(what: &str, done: Result<(), Unavailable>) {
    if let Err(why) = done {
        tracing::warn!("{what}: {why}");
    }
}
