//! Attempts as they lie in Redis: reading the open ones, renewing the leases of this process, and
//! ending those whose lease has run out.
//!
//! Invariant: any number of proxies may do all of this at the same time.

use super::super::account::Share;
use super::super::attempts::OpenAttempt;
use super::super::order::Unavailable;
use super::super::settling::lost_charge;
use super::super::slot::Slot;
use super::attempt::AttemptEnd;
use super::end::Ended;
use super::fields::Fields;
use super::script::Failure;
use super::sweep::amounts;
use super::{RedisLedger, keys};
use crate::clock::UnixMs;
use crate::ids::{AccountId, AccountKind, CallId, Id};
use std::collections::BTreeMap;

const AT_ONCE: usize = 200;

impl RedisLedger {
    /// Renews the lease of every open attempt of this process.
    pub(super) async fn renew_attempts(&self) -> Result<(), Unavailable> {
        let mut mine: BTreeMap<Id, Vec<CallId>> = BTreeMap::new();
        for (id, credential) in self.attempts.lock().iter() {
            mine.entry(credential.clone()).or_default().push(*id);
        }
        for (credential, ids) in mine {
            let set = [keys::holds(&AccountId::credential(&credential))];
            for some in ids.chunks(AT_ONCE) {
                let mut arguments = vec![self.options.lease_ms.to_string()];
                arguments.extend(some.iter().map(ToString::to_string));
                let script = &self.scripts.attempt_renew;
                let call = script.call(&self.options, &set, &arguments);
                script.run::<()>(&self.connections.settlements, &call).await?;
            }
        }
        Ok(())
    }

    /// The credentials that have attempts whose lease has run out.
    pub(super) async fn with_overdue(&self, now: UnixMs) -> Result<Vec<Id>, Unavailable> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let ids = self.ids(AccountKind::Credential, after.as_ref()).await?;
            let Some(last) = ids.last() else { return Ok(found) };
            after = Some(last.id.clone());
            let mut counts = redis::pipe();
            for id in &ids {
                counts.cmd("ZCOUNT").arg(keys::holds(id)).arg("-inf").arg(now);
            }
            let counts: Vec<i64> = self.read_all(&counts).await?;
            let late = ids.into_iter().zip(counts).filter(|(_, count)| *count > 0);
            found.extend(late.map(|(id, _)| id.id));
        }
    }

    /// Whether an attempt is not open any more.
    pub(super) async fn expire_attempt(&self, credential: &Id, id: &str) -> Result<bool, Failure> {
        let known = match id.parse::<CallId>() {
            Ok(id) => self.read_attempt_hold(credential, id).await?,
            Err(_) => None,
        };
        let Some(open) = known else {
            let mut forget = redis::cmd("ZREM");
            forget.arg(keys::holds(&AccountId::credential(credential))).arg(id);
            self.read::<i64>(&forget).await?;
            return Ok(true);
        };
        let charge = lost_charge(self.options.lost_hold, open.expected, open.share.held);
        let end = AttemptEnd {
            kind: "expire",
            id: open.id,
            credential,
            charge,
            attempts: (1, 0),
            model: &open.model,
        };
        let ended = self.end_attempt(&end).await?;
        if matches!(ended, Ended::Now) {
            tracing::warn!(
                attempt = %id, call = %open.call, %credential,
                "the hold of an attempt expired and was charged"
            );
        }
        Ok(!matches!(ended, Ended::Alive))
    }

    /// What is set aside for an attempt.
    async fn read_attempt_hold(
        &self,
        credential: &Id,
        id: CallId,
    ) -> Result<Option<OpenAttempt>, Failure> {
        let mut get = redis::cmd("HGETALL");
        let fields: Fields = self.read(get.arg(keys::attempt(credential, &id))).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        let why = || Unavailable(format!("the hold of attempt {id} is damaged"));
        let open = parse(credential, id, &fields);
        open.map(Some).ok_or_else(|| Failure { why: why(), alone: true })
    }

    /// All open attempts of a credential.
    pub(super) async fn open_attempts(&self, id: &AccountId) -> Result<Vec<OpenAttempt>, Failure> {
        let mut list = redis::cmd("ZRANGE");
        let ids: Vec<String> = self.read(list.arg(keys::holds(id)).arg(0).arg(-1)).await?;
        let mut open = Vec::new();
        for attempt in ids.iter().filter_map(|id| id.parse().ok()) {
            open.extend(self.read_attempt_hold(&id.id, attempt).await?);
        }
        Ok(open)
    }
}

fn parse(credential: &Id, id: CallId, fields: &Fields) -> Option<OpenAttempt> {
    let number = |name: &str| fields.get(name)?.parse::<i64>().ok();
    let expected = amounts(number("usd")?, number("tokens")?, number("characters")?);
    let held = amounts(number("usd.held")?, number("tokens.held")?, number("characters.held")?);
    let apart = fields.get("apart")?.split(',').filter_map(Slot::parse).collect();
    Some(OpenAttempt {
        id,
        call: fields.get("call")?.parse().ok()?,
        credential: credential.clone(),
        expected,
        model: fields.get("model")?.clone(),
        share: Share { joined: true, held, rate: number("rate")?, apart, ..Share::default() },
        lease_end: 0,
    })
}
