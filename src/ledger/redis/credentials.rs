//! Administration of credentials in Redis: their index, what the configuration defines, their days.
//!
//! Invariant: a credential stands in the index before anything is written for it, because both lie
//! in slots of their own and no script writes both. An entry of the index without an account means
//! nothing.

use super::super::account::AccountState;
use super::super::attempt::{CredentialDay, CredentialSetup};
use super::super::attempts::Day;
use super::super::define::{define, first};
use super::super::order::Unavailable;
use super::super::registry::RegistryError;
use super::fields::{self, Fields};
use super::script::Failure;
use super::{RedisLedger, keys};
use crate::ids::{AccountId, AccountKind, Id};
use crate::limit::{Period, Window, date_of, day_of};
use jiff::ToSpan;
use jiff::civil::Date;

const AT_ONCE: usize = 200;
const DAY_MS: i64 = 86_400_000;

impl RedisLedger {
    /// Puts a credential into the index.
    pub(super) async fn index_credential(&self, id: &Id) -> Result<(), Failure> {
        let mut add = redis::cmd("ZADD");
        add.arg(keys::index(AccountKind::Credential)).arg(0).arg(id.as_str());
        self.read::<()>(&add).await?;
        self.indexed.lock().insert(id.clone());
        Ok(())
    }

    /// See [`super::super::Registry::define`].
    pub(super) async fn set_up(
        &self,
        credentials: &[CredentialSetup],
    ) -> Result<(), RegistryError> {
        for setup in credentials {
            match self.found(&first(&setup.id)).await {
                Ok(_) | Err(RegistryError::Exists(_)) => {}
                Err(why) => return Err(why),
            }
            let old = self.existing(&AccountId::credential(&setup.id)).await?;
            let mut new = old.clone();
            define(&mut new, setup)?;
            if new != old {
                self.write_change(&old, &new).await?;
            }
        }
        Ok(())
    }

    /// See [`super::super::Registry::days`].
    pub(super) async fn read_days(
        &self,
        credential: &Id,
        from: Date,
        to: Date,
    ) -> Result<Vec<CredentialDay>, RegistryError> {
        let found = self.days_between(credential, from, to).await?;
        Ok(found.iter().filter_map(|(period, day)| day.shown(*period)).collect())
    }

    /// The days of a credential by their ids. Those that are older than days are kept, and those
    /// to come, are not asked for.
    async fn days_between(
        &self,
        credential: &Id,
        from: Date,
        to: Date,
    ) -> Result<Vec<(Period, Day)>, Unavailable> {
        let calendar = &self.options.calendar;
        let date = |at| date_of(calendar.period(Window::Day, at));
        let oldest = date(self.options.days_since().saturating_sub(DAY_MS));
        let newest = date(self.options.clock.now().saturating_add(DAY_MS));
        let from = oldest.map_or(from, |oldest| from.max(oldest));
        let to = newest.map_or(to, |newest| to.min(newest));
        let all: Vec<Date> = from.series(1.day()).take_while(|date| *date <= to).collect();
        let mut found = Vec::new();
        for some in all.chunks(AT_ONCE) {
            let mut read = redis::pipe();
            for date in some {
                read.hgetall(keys::days(credential) + &day_of(*date).to_string());
            }
            let hashes: Vec<Fields> = self.read_all(&read).await?;
            for (date, fields) in some.iter().zip(hashes).filter(|(_, fields)| !fields.is_empty()) {
                found.push((day_of(*date), figures(credential, *date, &fields)?));
            }
        }
        Ok(found)
    }

    /// All days that a credential may have since its account was created.
    pub(super) async fn all_days(
        &self,
        account: &AccountState,
    ) -> Result<Vec<(Period, Day)>, Unavailable> {
        let first = self.options.calendar.period(Window::Day, account.created);
        let first = date_of(first).unwrap_or(Date::MIN);
        self.days_between(&account.id.id, first, Date::MAX).await
    }

    /// Deletes the account of a credential, with its days.
    pub(super) async fn forget_credential(&self, id: &AccountId) -> Result<(), RegistryError> {
        let account = self.existing(id).await?;
        let mut all = vec![keys::account(id), keys::holds(id)];
        let days = self.all_days(&account).await?;
        all.extend(days.iter().map(|(day, _)| keys::days(&id.id) + &day.to_string()));
        let on = &self.connections.settlements;
        let none: [&str; 0] = [];
        let call = self.scripts.forget.call(&self.options, &all, &none);
        let reply: Vec<String> = self.scripts.forget.run(on, &call).await?;
        match reply.first().map(String::as_str) {
            Some("done") => {}
            Some("in use") => return Err(RegistryError::InUse(id.clone())),
            _ => return Err(RegistryError::Missing(id.clone())),
        }
        self.indexed.lock().remove(&id.id);
        let mut remove = redis::cmd("ZREM");
        remove.arg(keys::index(AccountKind::Credential)).arg(id.id.as_str());
        Ok(self.read::<()>(&remove).await?)
    }
}

fn figures(credential: &Id, date: Date, fields: &Fields) -> Result<Day, Unavailable> {
    let bad = |field: &str, text: &str| {
        let why = format!("credential:{credential} has {field} `{text}` on {date}");
        Unavailable(why + ", which makes no sense there")
    };
    let number = |field: &str| {
        let text = fields.get(field).map_or("0", String::as_str);
        text.parse::<i64>().map_err(|_| bad(field, text))
    };
    let metadata = fields.get("metadata");
    Ok(Day {
        requests: number("request_count")?,
        characters: number("character_count")?,
        tokens: number("tokens")?,
        cost: number("cost_nanousd")?,
        failed: number("failed")?,
        metadata: fields::metadata(metadata)
            .ok_or_else(|| bad("metadata", metadata.map_or("", String::as_str)))?,
    })
}
