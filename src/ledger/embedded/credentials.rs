//! Administration of credentials in the embedded ledger: what the configuration defines, and their
//! days.

use super::super::admin::found;
use super::super::attempt::{CredentialDay, CredentialSetup};
use super::super::define::{define, first};
use super::super::registry::RegistryError;
use super::EmbeddedLedger;
use super::entry::Entry;
use crate::ids::{AccountId, Id};
use crate::limit::day_of;
use jiff::civil::Date;

impl EmbeddedLedger {
    /// See [`super::super::Registry::define`].
    pub(super) fn set_up(&self, credentials: &[CredentialSetup]) -> Result<(), RegistryError> {
        let options = &self.inner.options;
        let mut state = self.inner.state.lock();
        let moment = state.moment(options);
        let now = moment.now;
        for setup in credentials {
            let old = state.book.accounts.get(&AccountId::credential(&setup.id));
            let mut new = match old {
                Some(old) => old.clone(),
                None => found(&first(&setup.id), None, &[], now)?,
            };
            let mut defined = new.clone();
            define(&mut defined, setup)?;
            if old != Some(&defined) {
                new.begin(&moment);
                define(&mut new, setup)?;
                new.begin(&moment);
                state.admit(Entry::Put { now, state: Box::new(new) }, options)?;
            }
        }
        drop(state);
        self.writer.wake();
        Ok(())
    }

    /// See [`super::super::Registry::days`].
    pub(super) fn read_days(&self, credential: &Id, from: Date, to: Date) -> Vec<CredentialDay> {
        let state = self.inner.state.lock();
        let days = state.book.attempts.days_of(credential, (day_of(from), day_of(to)));
        days.filter_map(|(key, figures)| figures.shown(key.day)).collect()
    }
}
