//! `[providers.NAME] models`: what models are called there.
//!
//! Not here: whether the models are priced, which shows when the price table is read. Invariant: each
//! deployment knows where it was said.

use super::BadConfig;
use super::check::bad;
use super::origin::Origin;
use super::print::key;
use super::raw::RawProvider;
use crate::pricing::Deployment;
use std::collections::BTreeMap;

pub(super) fn read(
    providers: &BTreeMap<String, RawProvider>,
) -> Result<Vec<Deployment>, BadConfig> {
    let mut all = Vec::new();
    for (provider, raw) in providers {
        for (name, target) in &raw.models {
            let place = format!("providers.{provider}.models.{}", key(name));
            if name.is_empty() || target.is_empty() {
                return Err(bad(format!(
                    "{place} = \"{target}\": write it like \"prod-chat\" = \"gpt-5\""
                )));
            }
            let (provider, name, target) = (provider.clone(), name.clone(), target.clone());
            all.push(Deployment { provider, name, target, place });
        }
    }
    Ok(all)
}

/// Puts before each place where it was said.
pub(super) fn locate(all: &mut [Deployment], origin: &Origin) {
    for deployment in all {
        let segments = ["providers", &deployment.provider, "models", &deployment.name];
        if let Some(said) = origin.said(segments.into_iter()) {
            deployment.place = format!("{said}: {}", deployment.place);
        }
    }
}
