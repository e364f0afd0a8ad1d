//! Records in Redis: a hash for each, the ids of a kind in one sorted set, and what expires in
//! another.
//!
//! Invariant: a record expires by itself; the sets are cleared of it when the next one of its kind
//! is written, and lists leave it out until then.

use super::super::BoxFuture;
use super::super::order::Unavailable;
use super::super::records::{RecordError, RecordKind, Records, When, check, page, page_size};
use super::super::registry::Page;
use super::script::{Failure, Script};
use super::{RedisLedger, keys};
use crate::clock::UnixMs;
use crate::ids::Id;

impl From<Failure> for RecordError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.why)
    }
}

impl RedisLedger {
    async fn put_record(
        &self,
        (kind, id): (RecordKind, &Id),
        (text, expires): (&str, Option<UnixMs>),
        when: When<'_>,
    ) -> Result<bool, RecordError> {
        check(text)?;
        let (when, is) = match when {
            When::Always => ("always", ""),
            When::Absent => ("absent", ""),
            When::Is(text) => ("is", text),
        };
        let (expires, most) =
            (expires.map(|at| at.to_string()).unwrap_or_default(), kind.at_most().to_string());
        let arguments = [id.as_str(), text, expires.as_str(), when, is, most.as_str()];
        let script = &self.scripts.record_put;
        let call = script.call(&self.options, &names(kind, id), &arguments);
        let put: String = script.run(&self.connections.settlements, &call).await?;
        match put.as_str() {
            "done" => Ok(true),
            "kept" => Ok(false),
            "full" => Err(RecordError::Full(kind)),
            other => Err(Unavailable(format!("redis answered `{other}` to a record")).into()),
        }
    }

    async fn read_record(
        &self,
        (kind, id): (RecordKind, &Id),
        (script, how): (&Script, &str),
    ) -> Result<Option<String>, RecordError> {
        let call = script.call(&self.options, &names(kind, id), &[id.as_str(), how]);
        Ok(script.run(&self.connections.settlements, &call).await?)
    }

    async fn list_records(
        &self,
        kind: RecordKind,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Page<(Id, String)>, RecordError> {
        let (size, now) = (page_size(limit), self.ledger_time().await?);
        let mut found = Vec::new();
        let mut from = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        while found.len() <= size {
            let mut list = redis::cmd("ZRANGEBYLEX");
            list.arg(keys::records(kind)).arg(&from).arg("+").arg("LIMIT").arg(0);
            let ids: Vec<String> = self.read(list.arg(size.saturating_add(1))).await?;
            let Some(last) = ids.last() else { break };
            from = format!("({last}");
            let ids: Vec<Id> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            let mut read = redis::pipe();
            for id in &ids {
                read.cmd("HMGET").arg(keys::record(kind, id)).arg("text").arg("expires_ms");
            }
            let texts: Vec<(Option<String>, Option<UnixMs>)> = self.read_all(&read).await?;
            let live = ids.into_iter().zip(texts).filter_map(|(id, (text, expires))| {
                let live = expires.is_none_or(|expires| expires > now);
                text.filter(|_| live).map(|text| (id, text))
            });
            found.extend(live);
        }
        found.truncate(size.saturating_add(1));
        Ok(page(found, size))
    }

    /// Whether a key that stays for ever is a record that is listed.
    pub(super) async fn is_listed(&self, key: &str) -> Result<bool, Unavailable> {
        let Some((kind, id)) = keys::parse_record(key) else { return Ok(false) };
        let mut score = redis::cmd("ZSCORE");
        let found: Option<String> = self.read(score.arg(keys::records(kind)).arg(id)).await?;
        Ok(found.is_some())
    }
}

fn names(kind: RecordKind, id: &Id) -> [String; 3] {
    [keys::record(kind, id), keys::records(kind), keys::record_expiries(kind)]
}

impl Records for RedisLedger {
    fn put<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
        text: &'a str,
        expires: Option<UnixMs>,
        when: When<'a>,
    ) -> BoxFuture<'a, Result<bool, RecordError>> {
        Box::pin(self.put_record((kind, id), (text, expires), when))
    }

    fn get<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<Option<String>, RecordError>> {
        Box::pin(self.read_record((kind, id), (&self.scripts.record_get, "get")))
    }

    fn take<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a Id,
    ) -> BoxFuture<'a, Result<Option<String>, RecordError>> {
        Box::pin(self.read_record((kind, id), (&self.scripts.record_take, "take")))
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        after: Option<&'a Id>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<(Id, String)>, RecordError>> {
        Box::pin(self.list_records(kind, after, limit))
    }
}
