//! Credentials as they are written: the key, and the terms under which it is used (limits, alert
//! thresholds, notes), which the ledger keeps an account for.
//!
//! Invariants: every credential has terms, also one that a variable brought. A credential has at
//! most one limit for each meter and window. A key is never part of the terms.

use super::BadConfig;
use super::check::{bad, expand, secret_file};
use super::pools;
use super::raw::{RawCredential, RawProvider};
use super::source::Environment;
use crate::ids::Id;
use crate::ledger::CredentialSetup;
use crate::limit::Limit;
use crate::provider::{Credential, Provider, Providers};
use std::collections::BTreeMap;

/// How many notes a credential may have.
const MOST_NOTES: usize = 20;

/// How many characters the name of a note, and its text, may have.
const NOTE_NAME: usize = 64;
const NOTE_TEXT: usize = 200;

/// What is said of a credential beside its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialTerms {
    /// Its provider's name.
    pub provider: String,
    /// What its account is set up with. Its limits are in the order in which they are written: the
    /// first one is the quota that is shown.
    pub setup: CredentialSetup,
}

/// What is written of credentials, by their names.
pub(super) type Said = BTreeMap<String, RawCredential>;

fn place(provider: &str, name: &str) -> String {
    format!("providers.{provider}.credentials.{name}")
}

/// What is written of all credentials, once it is checked.
pub(super) fn said(written: &BTreeMap<String, RawProvider>) -> Result<Said, BadConfig> {
    let mut said = Said::new();
    for (provider, raw) in written {
        for credential in &raw.credentials {
            let place = place(provider, &credential.name);
            limits(&place, &credential.limits)?;
            notes(&place, &credential.metadata)?;
            said.insert(credential.name.clone(), credential.clone());
        }
    }
    Ok(said)
}

fn limits(place: &str, limits: &[Limit]) -> Result<(), BadConfig> {
    for (i, limit) in limits.iter().enumerate() {
        let earlier = limits.iter().take(i).find(|earlier| earlier.name() == limit.name());
        if let Some(earlier) = earlier {
            let name = limit.name();
            return Err(bad(format!(
                "{place}.limits: `{earlier}` and `{limit}` are two limits for {name}; keep one"
            )));
        }
    }
    Ok(())
}

fn notes(place: &str, notes: &BTreeMap<String, String>) -> Result<(), BadConfig> {
    if notes.len() > MOST_NOTES {
        return Err(bad(format!("{place}.metadata: at most {MOST_NOTES} entries")));
    }
    for (name, text) in notes {
        let fits =
            |text: &str, most| text.chars().count() <= most && !text.contains(char::is_control);
        if name.is_empty() || !fits(name, NOTE_NAME) {
            let shown: String = name.escape_debug().take(NOTE_NAME).collect();
            return Err(bad(format!(
                "{place}.metadata: `{shown}` is not a name: 1 to {NOTE_NAME} characters on a line"
            )));
        }
        if !fits(text, NOTE_TEXT) {
            return Err(bad(format!(
                "{place}.metadata.{name}: at most {NOTE_TEXT} characters on a line"
            )));
        }
    }
    Ok(())
}

/// Refuses two credentials of one name, also at two providers: a name is an account.
pub(super) fn each_once(providers: &[Provider]) -> Result<(), BadConfig> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for provider in providers {
        for credential in &provider.credentials {
            if let Some(owner) = owners.insert(&credential.name, &provider.name) {
                let place = place(&provider.name, &credential.name);
                let name = &credential.name;
                return Err(bad(format!(
                    "{place}: two credentials are named `{name}`, the other one at `{owner}`; \
                     rename one"
                )));
            }
        }
    }
    Ok(())
}

/// A credential with its key, which is read from a variable or a file where that is written.
pub(super) fn key(
    provider: &str,
    raw: &RawCredential,
    environment: &Environment,
) -> Result<Credential, BadConfig> {
    let place = place(provider, &raw.name);
    if raw.name.parse::<Id>().is_err() {
        return Err(bad(format!(
            "{place}: a name has 1 to 64 of the characters A-Z a-z 0-9 . _ -"
        )));
    }
    let secret = match (&raw.api_key, &raw.api_key_file) {
        (Some(key), None) => expand(&format!("{place}.api_key"), key, environment)?,
        (None, Some(path)) => secret_file(&format!("{place}.api_key_file"), path, environment)?,
        _ => return Err(bad(format!("{place}: set api_key or api_key_file, one of them"))),
    };
    let weight = pools::weight(&place, raw.weight)?;
    Ok(Credential { weight, ..Credential::new(raw.name.clone(), secret) })
}

/// The terms of every credential of the providers.
pub(super) fn terms(
    providers: &Providers,
    mut said: Said,
) -> Result<Vec<CredentialTerms>, BadConfig> {
    let mut all = Vec::new();
    for provider in providers.iter() {
        for credential in &provider.credentials {
            let raw = said.remove(&credential.name);
            let (limits, thresholds, metadata) =
                raw.map(|raw| (raw.limits, raw.thresholds, raw.metadata)).unwrap_or_default();
            let id = credential.name.parse().map_err(|_| {
                let (provider, name) = (&provider.name, &credential.name);
                bad(format!(
                    "providers.{provider}: `{name}` is longer than the 64 characters of a \
                     credential's name; write its credentials yourself"
                ))
            })?;
            let setup = CredentialSetup { id, limits, thresholds, metadata };
            all.push(CredentialTerms { provider: provider.name.clone(), setup });
        }
    }
    Ok(all)
}
