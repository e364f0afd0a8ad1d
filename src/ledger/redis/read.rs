//! Reading accounts and callers.
//!
//! Invariant: a caller costs one round trip once the owner of its key is known, for owners of keys
//! never change.

use super::super::account::AccountState;
use super::super::order::{Caller, Payers, Unavailable};
use super::fields::{self, Fields};
use super::{RedisLedger, keys, script};
use crate::ids::AccountId;
use crate::secret::SecretDigest;
use redis::{FromRedisValue, Pipeline};

impl RedisLedger {
    /// Runs one command on the connection for reading.
    pub(super) async fn read<T: FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> Result<T, Unavailable> {
        let mut on = self.connections.reading.clone();
        match command.query_async(&mut on).await {
            Err(error) if script::severed(&error) => command.query_async(&mut on).await,
            done => done,
        }
        .map_err(script::unavailable)
    }

    /// Runs several commands in one round trip.
    pub(super) async fn read_all<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, Unavailable> {
        let mut on = self.connections.reading.clone();
        match commands.query_async(&mut on).await {
            Err(error) if script::severed(&error) => commands.query_async(&mut on).await,
            done => done,
        }
        .map_err(script::unavailable)
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

    /// Several accounts in one round trip; missing ones are left out.
    pub(super) async fn read_accounts(
        &self,
        ids: &[AccountId],
    ) -> Result<Vec<AccountState>, Unavailable> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = redis::pipe();
        for id in ids {
            all.hgetall(keys::account(id));
        }
        for id in ids {
            all.zcard(keys::holds(id));
        }
        let replies: Vec<redis::Value> = self.read_all(&all).await?;
        let (hashes, counts) = replies.split_at_checked(ids.len()).unwrap_or((&replies, &[]));
        let mut states = Vec::with_capacity(ids.len());
        for ((id, hash), open) in ids.iter().zip(hashes).zip(counts) {
            let read = |why: redis::ParsingError| Unavailable(format!("redis: {why}"));
            let found: Fields = redis::from_redis_value(hash.clone()).map_err(read)?;
            let open: i64 = redis::from_redis_value(open.clone()).map_err(read)?;
            if !found.is_empty() {
                states.push(fields::account(id, &found, open)?);
            }
        }
        Ok(states)
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
            None => match self.read_account(&key).await?.and_then(|state| owners(state, digest)) {
                Some(payers) => {
                    self.owners.insert(*digest, payers.clone());
                    payers
                }
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
        }))
    }
}

fn owners(state: AccountState, digest: &SecretDigest) -> Option<Payers> {
    let facts = state.key.filter(|facts| facts.digest.matches(digest))?;
    Some(Payers { key: state.id.id, user: facts.user, workspace: state.workspace? })
}
