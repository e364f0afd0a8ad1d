//! Migrations of a ledger in Redis: the field `migration` of `farebox:meta`, and what each adds.
//!
//! Invariant: what is taken back is deleted before that is noted, so an attempt that breaks off is
//! made again.

use super::super::migrations::{MIGRATIONS, Migrated};
use super::super::{OpenError, RedisLedger};
use super::connect::{reader, schema_fault, shown};
use super::keys;
use redis::aio::ConnectionManager;
use redis::{FromRedisValue, RedisResult};
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(10);
/// Moments whose snapshots are deleted at a time.
const AT_ONCE: i64 = 200;
const FIELD: &str = "migration";

impl RedisLedger {
    /// How the ledger of a Redis stands. Changes nothing.
    pub async fn migrations(url: &str) -> Result<Migrated, OpenError> {
        let mut on = reader(url, ANSWER).await?;
        migrated(&mut on).await.map_err(|why| fault(url, &why))
    }

    /// Has so many migrations applied, and takes the others back: proxies of this version must not
    /// run meanwhile.
    pub async fn migrate(url: &str, to: usize) -> Result<(), OpenError> {
        let mut on = reader(url, ANSWER).await?;
        let failed = |why: redis::RedisError| fault(url, &why);
        let before = migrated(&mut on).await.map_err(failed)?;
        let schema = before.schema.as_deref();
        let none = || OpenError(format!("there is no ledger in redis at {}", shown(url)));
        schema_fault(schema.ok_or_else(none)?).map_or(Ok(()), Err)?;
        if to == 0 {
            forget_snapshots(&mut on).await.map_err(failed)?;
        }
        note(&mut on, to).await.map_err(failed)
    }
}

fn fault(url: &str, why: &redis::RedisError) -> OpenError {
    OpenError(format!("redis at {} cannot be used: {why}", shown(url)))
}

/// Notes at a start that this version's migrations were applied; those of a newer one stay.
pub(super) async fn up(on: &mut ConnectionManager) -> RedisResult<()> {
    if migrated(on).await?.applied < MIGRATIONS.len() {
        note(on, MIGRATIONS.len()).await?;
    }
    Ok(())
}

async fn migrated(on: &mut ConnectionManager) -> RedisResult<Migrated> {
    let mut get = redis::cmd("HMGET");
    get.arg(keys::META).arg("schema").arg(FIELD);
    let (schema, applied): (_, Option<usize>) = ask(on, &get).await?;
    Ok(Migrated { schema, applied: applied.unwrap_or(0) })
}

async fn note(on: &mut ConnectionManager, applied: usize) -> RedisResult<()> {
    let mut set = redis::cmd("HSET");
    ask::<i64>(on, set.arg(keys::META).arg(FIELD).arg(applied)).await.map(|_| ())
}

async fn forget_snapshots(on: &mut ConnectionManager) -> RedisResult<()> {
    loop {
        let mut some = redis::cmd("ZRANGE");
        some.arg(keys::SNAPSHOTS).arg(0).arg(AT_ONCE.saturating_sub(1));
        let moments: Vec<i64> = ask(on, &some).await?;
        if moments.is_empty() {
            return Ok(());
        }
        let mut delete = redis::cmd("UNLINK");
        delete.arg(moments.iter().map(|at| keys::snapshots(*at)).collect::<Vec<_>>());
        ask::<i64>(on, &delete).await?;
        let mut forget = redis::cmd("ZREM");
        ask::<i64>(on, forget.arg(keys::SNAPSHOTS).arg(moments)).await?;
    }
}

async fn ask<T: FromRedisValue>(
    on: &mut ConnectionManager,
    command: &redis::Cmd,
) -> RedisResult<T> {
    command.query_async(on).await
}
