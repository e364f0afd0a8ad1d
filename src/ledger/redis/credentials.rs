//! Administration of credentials in Redis: their index, what the configuration defines, their days.
//!
//! Invariant: a credential stands in the index before anything is written for it, because both lie
//! in slots of their own and no script writes both. An entry of the index without an account means
//! nothing.

use super::super::attempt::{CredentialDay, CredentialSetup};
use super::super::define::{define, first};
use super::super::registry::RegistryError;
use super::{RedisLedger, keys};
use crate::ids::{AccountId, AccountKind, Id};
use jiff::civil::Date;

impl RedisLedger {
    /// Puts a credential into the index.
    pub(super) async fn index_credential(&self, id: &Id) -> Result<(), RegistryError> {
        let mut add = redis::cmd("ZADD");
        add.arg(keys::index(AccountKind::Credential)).arg(0).arg(id.as_str());
        Ok(self.read::<()>(&add).await?)
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
        _: &Id,
        _: Date,
        _: Date,
    ) -> Result<Vec<CredentialDay>, RegistryError> {
        Ok(Vec::new())
    }
}
