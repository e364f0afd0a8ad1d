//! How pools are used, and who stands in for whom, from what is written.
//!
//! Not here: the credentials themselves. Invariant: a fallback names a provider that is configured,
//! understands the calls of the route, and is not where they come from.

use super::BadConfig;
use super::check::bad;
use super::raw::{RawProvider, RawRoute};
use crate::provider::{
    BreakerBounds, Choose, Dialect, Fallback, ModelRoute, Policy, Provider, caches_prompts,
};
use std::fmt::Display;

pub(super) fn policy(name: &str, raw: &RawProvider, dialect: Dialect) -> Result<Policy, BadConfig> {
    let usual = Policy::default();
    let place = |key: &str| format!("providers.{name}.{key}");
    let failures = raw.breaker_failures.unwrap_or(usual.breaker.failures.into());
    let seconds = raw.breaker_seconds.unwrap_or(30);
    let retries = raw.retries.unwrap_or(usual.retries.into());
    let percent = raw.retry_budget_percent.unwrap_or(usual.retry_budget_percent.into());
    let seconds = within(place("breaker_seconds"), seconds, 1, 600, "seconds")?;
    let choose = raw.choose.unwrap_or_default();
    // Who asks for turns gets them, unless he asks for both.
    let profits = choose == Choose::Weighted && caches_prompts(name, dialect);
    Ok(Policy {
        choose,
        sticky: raw.sticky.unwrap_or(profits),
        breaker: BreakerBounds {
            failures: within(place("breaker_failures"), failures, 1, 1000, "failures in a row")?,
            pause_ms: i64::from(seconds).saturating_mul(1000),
        },
        retries: within(place("retries"), retries, 0, 10, "retries of one call")?,
        retry_budget_percent: within(
            place("retry_budget_percent"),
            percent,
            0,
            100,
            "of a hundred calls",
        )?,
        retry_billed: raw.retry_billed.unwrap_or_default(),
    })
}

/// A weight of 0 is for a credential that is used where nothing else can be.
pub(super) fn weight(place: &str, written: Option<u64>) -> Result<u32, BadConfig> {
    within(format!("{place}.weight"), written.unwrap_or(1), 0, 1_000_000, "as a share")
}

fn within(
    place: impl Display,
    written: u64,
    least: u32,
    most: u32,
    what: &str,
) -> Result<u32, BadConfig> {
    let fits = u32::try_from(written).ok().filter(|n| (least..=most).contains(n));
    fits.ok_or_else(|| bad(format!("{place} = {written}: from {least} to {most} {what}")))
}

pub(super) fn routes(
    written: Vec<RawRoute>,
    providers: &[Provider],
) -> Result<Vec<ModelRoute>, BadConfig> {
    written.into_iter().map(|raw| route(raw, providers)).collect()
}

fn route(raw: RawRoute, providers: &[Provider]) -> Result<ModelRoute, BadConfig> {
    let named = |name: &str| {
        let found = providers.iter().find(|provider| provider.name == name);
        found.ok_or_else(|| bad(format!("routes: there is no provider `{name}`")))
    };
    if raw.models.is_empty() {
        let to = &raw.provider;
        return Err(bad(format!("routes: the one to `{to}` has no models; [\"*\"] is all")));
    }
    let first = named(&raw.provider)?;
    let mut fallbacks: Vec<Fallback> = Vec::new();
    for text in &raw.fallbacks {
        let fallback = Fallback::parse(text);
        let place = format!("routes: the fallback `{text}` of `{}`", raw.provider);
        let to = named(&fallback.provider).map_err(|why| bad(format!("{place}: {why}")))?;
        if fallback.provider == raw.provider && fallback.model.is_none() {
            return Err(bad(format!("{place} leads back to where it comes from; leave it out")));
        }
        if fallbacks.contains(&fallback) {
            return Err(bad(format!("{place} is there twice; leave one out")));
        }
        if !alike(first.dialect, to.dialect) {
            return Err(bad(format!(
                "{place} speaks {} and the route {}; a call is not translated, so name a provider \
                 of the same dialect",
                to.dialect.name(),
                first.dialect.name()
            )));
        }
        match &fallback.model {
            Some(model) if model.is_empty() => {
                return Err(bad(format!("{place} names no model; write `PROVIDER/MODEL`")));
            }
            Some(_) if named_in_path(to.dialect) => {
                return Err(bad(format!(
                    "{place} names another model, which {} has in the path; name the provider only",
                    to.dialect.name()
                )));
            }
            _ => fallbacks.push(fallback),
        }
    }
    Ok(ModelRoute { models: raw.models, provider: raw.provider, fallbacks })
}

/// Whether what is asked in one dialect is understood in the other. Azure speaks OpenAI's too.
fn alike(one: Dialect, other: Dialect) -> bool {
    let openai = |dialect| matches!(dialect, Dialect::OpenAi | Dialect::Azure);
    one == other || openai(one) && openai(other)
}

fn named_in_path(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Gemini | Dialect::Bedrock | Dialect::Cloudflare)
}
