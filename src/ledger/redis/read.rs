//! Reading accounts and callers.
//!
//! Invariant: a caller costs one round trip once the owner of its key is known, for owners of keys
//! never change.

use super::super::account::AccountState;
use super::super::once::OnceKey;
use super::super::order::{Caller, Payers, Unavailable};
use super::fields::{self, Fields};
use super::script::{self, Failure};
use super::{RedisLedger, keys};
use crate::ids::{AccountId, Id};
use crate::secret::SecretDigest;
use redis::{FromRedisValue, Pipeline, Value};
use serde::Deserialize;

/// What the script remembers of a call that deferred its figures.
#[derive(Deserialize)]
struct First {
    kept: Kept,
}

#[derive(Deserialize)]
struct Kept {
    workspace: Id,
}

impl RedisLedger {
    /// Runs one command on the connection for reading.
    pub(super) async fn read<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Failure> {
        let mut on = self.connections.reading.clone();
        match command.query_async(&mut on).await {
            Err(error) if script::severed(&error) => command.query_async(&mut on).await,
            done => done,
        }
        .map_err(Failure::from)
    }

    /// Runs several commands in one round trip.
    pub(super) async fn read_all<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, Failure> {
        let mut on = self.connections.reading.clone();
        match commands.query_async(&mut on).await {
            Err(error) if script::severed(&error) => commands.query_async(&mut on).await,
            done => done,
        }
        .map_err(Failure::from)
    }

    /// The workspace that pays for what has a key.
    pub(super) async fn read_owner(&self, once: &OnceKey) -> Result<Option<Id>, Unavailable> {
        let mut get = redis::cmd("GET");
        let became: Option<String> = self.read(get.arg(keys::once(once))).await?;
        let Some(became) = became else { return Ok(None) };
        let found = match became.strip_prefix("deferred:") {
            Some(first) => serde_json::from_str::<First>(first).ok().map(|f| f.kept.workspace),
            None => became.strip_prefix("posted:").and_then(|workspace| workspace.parse().ok()),
        };
        let why = || Unavailable(format!("{} is damaged", keys::once(once)));
        found.map(Some).ok_or_else(why)
    }

    /// One account, with the number of its open holds, as of one moment.
    pub(super) async fn read_account(
        &self,
        id: &AccountId,
    ) -> Result<Option<AccountState>, Unavailable> {
        let mut both = redis::pipe();
        both.atomic().hgetall(keys::account(id)).zcard(keys::holds(id));
        let (found, open): (Fields, i64) = self.read_all(&both).await?;
        if found.is_empty() { Ok(None) } else { fields::account(id, &found, open).map(Some) }
    }

    /// Several accounts in one round trip. Missing ones are left out; so are those that make no
    /// sense, each with a sentence.
    pub(super) async fn read_accounts(
        &self,
        ids: &[AccountId],
    ) -> Result<(Vec<AccountState>, Vec<Unavailable>), Unavailable> {
        let (mut states, mut faults) = (Vec::with_capacity(ids.len()), Vec::new());
        if ids.is_empty() {
            return Ok((states, faults));
        }
        let mut all = redis::pipe();
        for id in ids {
            all.hgetall(keys::account(id));
        }
        for id in ids {
            all.zcard(keys::holds(id));
        }
        all.ignore_errors();
        let replies: Vec<Value> = self.read_all(&all).await?;
        let (hashes, counts) = replies.split_at_checked(ids.len()).unwrap_or((&replies, &[]));
        for ((id, hash), open) in ids.iter().zip(hashes).zip(counts) {
            match (part::<Fields>(id, hash)?, part::<i64>(id, open)?) {
                (Ok(found), Ok(_)) if found.is_empty() => {}
                (Ok(found), Ok(open)) => match fields::account(id, &found, open) {
                    Ok(state) => states.push(state),
                    Err(why) => faults.push(why),
                },
                (Err(why), _) | (_, Err(why)) => faults.push(why),
            }
        }
        Ok((states, faults))
    }

    /// The owners of a key, read anew and remembered.
    async fn read_payers(
        &self,
        key: &AccountId,
        digest: &SecretDigest,
    ) -> Result<Option<Payers>, Unavailable> {
        let found = self.read_account(key).await?.and_then(|state| owners(state, digest));
        if let Some(payers) = &found {
            self.owners.insert(*digest, payers.clone());
        }
        Ok(found)
    }

    /// See [`super::super::Ledger::caller`].
    pub(super) async fn read_caller(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<Caller>, Unavailable> {
        let Some(id) = digest.key_id() else { return Ok(None) };
        let key = AccountId::key(&id);
        let payers = match self.owners.get(digest) {
            Some(payers) => payers,
            None => match self.read_payers(&key, digest).await? {
                Some(payers) => payers,
                None => return Ok(None),
            },
        };
        let [key, user, workspace] = payers.accounts();
        let mut all = redis::pipe();
        all.hgetall(keys::account(&key));
        all.hget(keys::account(&user), "status").hget(keys::account(&workspace), "status");
        let (found, user, workspace): (Fields, Option<String>, Option<String>) =
            self.read_all(&all).await?;
        if found.is_empty() {
            self.owners.invalidate(digest);
            return Ok(None);
        }
        if found.get("workspace").map(String::as_str) != Some(payers.workspace.as_str()) {
            // Its user was moved: the next question finds the new owners.
            self.owners.invalidate(digest);
            return Box::pin(self.read_caller(digest)).await;
        }
        let active = |status: Option<String>| status.as_deref() == Some("active");
        let status = found.get("status").cloned();
        let state = fields::account(&key, &found, 0)?;
        let Some(facts) = state.key.filter(|facts| facts.digest.matches(digest)) else {
            return Ok(None);
        };
        let revoked = status.as_deref() == Some("revoked");
        Ok(Some(Caller {
            payers,
            label: facts.label,
            revoked,
            suspended: !(active(user) && active(workspace) && (revoked || active(status))),
            expires: facts.expires,
            models: facts.models,
            reach: facts.reach,
        }))
    }
}

/// What one command about an account gave; a key of the wrong type is a fault of that account only.
fn part<T: FromRedisValue>(
    id: &AccountId,
    reply: &Value,
) -> Result<Result<T, Unavailable>, Unavailable> {
    let named = |why: &dyn std::fmt::Display| Unavailable(format!("{id}: {why}"));
    match reply {
        Value::ServerError(error) if error.code() != "WRONGTYPE" => Err(named(error)),
        reply => Ok(redis::from_redis_value(reply.clone()).map_err(|why| named(&why))),
    }
}

fn owners(state: AccountState, digest: &SecretDigest) -> Option<Payers> {
    let facts = state.key.filter(|facts| facts.digest.matches(digest))?;
    Some(Payers { key: state.id.id, user: facts.user, workspace: state.workspace? })
}
