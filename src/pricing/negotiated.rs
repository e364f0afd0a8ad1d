//! Negotiated prices: what takes the place of listed ones.
//!
//! A listed model takes the first override that fits it. Not here: what a payer is charged on top
//! (`markup`). Invariants: an override that never applies is refused; a provider's own agreement
//! changes nothing at another provider, also where that one takes its prices from the first.

use super::block::RawBlock;
use super::document::nearest;
use super::factor::Factor;
use super::globs::Globs;
use super::lookup::{Match, Rule, known_as};
use super::model::ModelPrice;
use super::table::PriceTable;
use super::tariff::Tariff;
use super::tiers;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// An override: `[[prices.overrides]]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The provider that it is for; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Ids of models that it is for; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Globs>,
    /// What listed prices are multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    multiplier: Option<Factor>,
    /// What takes the place of all listed prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Vec<RawBlock<false>>>,
}

/// The prices that overrides lead to.
#[derive(Debug, Default)]
pub(super) struct Negotiated {
    /// The prices of listed models at providers that the table does not know: by the provider that
    /// serves the call, the one that lists the model, and its id.
    elsewhere: HashMap<String, Listed>,
    /// Models of providers that the table lists no model of.
    unlisted: Vec<Unlisted>,
}

type Listed = HashMap<String, HashMap<String, Arc<ModelPrice>>>;

/// Models that only an override knows.
#[derive(Debug)]
struct Unlisted {
    names: Globs,
    model: Arc<ModelPrice>,
}

impl Negotiated {
    /// What a listed model costs at the provider that serves the call.
    pub(super) fn at<'a>(
        &'a self,
        provider: Option<&str>,
        model: &'a Arc<ModelPrice>,
    ) -> &'a Arc<ModelPrice> {
        let listed = provider.and_then(|name| self.elsewhere.get(name));
        let found = listed.and_then(|listed| listed.get(&model.provider)?.get(&model.id));
        found.unwrap_or(model)
    }

    /// By provider, what listed models cost where the table does not list them.
    pub(super) fn elsewhere(
        &self,
    ) -> impl Iterator<Item = (&str, impl Iterator<Item = &Arc<ModelPrice>>)> {
        let all = self.elsewhere.iter();
        all.map(|(provider, listed)| (provider.as_str(), listed.values().flat_map(HashMap::values)))
    }

    /// The price of a model that the table does not list.
    pub(super) fn unlisted(&self, provider: &str, name: &str) -> Option<&Arc<ModelPrice>> {
        let fits = |u: &&Unlisted| u.model.provider == provider && u.names.fit(name);
        self.unlisted.iter().find(fits).map(|unlisted| &unlisted.model)
    }
}

/// An override that was read.
struct Agreement<'a> {
    written: &'a Override,
    provider: Option<&'a str>,
    change: Change,
    used: bool,
}

enum Change {
    Times(Factor),
    To(Tariff),
}

impl Override {
    fn rule(&self) -> Result<Agreement<'_>, String> {
        let change = match (self.multiplier, &self.price) {
            (Some(factor), None) => Change::Times(factor),
            (None, Some(price)) => {
                let blocks = price.iter().cloned().map(RawBlock::finished);
                let blocks = blocks.collect::<Result<Vec<_>, _>>();
                let tariff = blocks.and_then(|blocks| tiers::tariff(&blocks));
                Change::To(tariff.map_err(|why| format!(".price: {why}"))?)
            }
            _ => return Err(": give one of `multiplier` and `price`".to_owned()),
        };
        if self.price.is_some() && self.provider.is_none() && self.models.is_none() {
            return Err(": one `price` for all models; name a `provider` or `models`".to_owned());
        }
        let provider = self.provider.as_deref().map(known_as);
        Ok(Agreement { written: self, provider, change, used: false })
    }
}

impl Agreement<'_> {
    fn fits(&self, provider: &str, id: &str) -> bool {
        let models = &self.written.models;
        self.provider.is_none_or(|name| name == provider)
            && models.as_ref().is_none_or(|globs| globs.fit(id))
    }

    fn on(&self, model: &ModelPrice) -> ModelPrice {
        match &self.change {
            Change::Times(factor) => model.times(*factor),
            Change::To(tariff) => model.priced(tariff.clone()),
        }
    }

    /// The models that it makes where none are listed.
    fn unlisted(&self) -> Option<Vec<Unlisted>> {
        let (Change::To(tariff), Some(provider)) = (&self.change, self.provider) else {
            return None;
        };
        let all = || vec!["*".to_owned()];
        let names = self.written.models.as_ref().map_or_else(all, |globs| globs.written().to_vec());
        let each = names.into_iter().map(|name| {
            let model = Arc::new(ModelPrice::free(&name, provider).priced(tariff.clone()));
            let names = Globs::try_from(vec![name]).ok()?;
            Some(Unlisted { names, model })
        });
        each.collect()
    }
}

impl PriceTable {
    /// Lays overrides over the listed prices. `configured` are the names of the providers that
    /// calls can go to. The error begins with the rest of the place, such as `.2.models`.
    pub(super) fn negotiate(
        &mut self,
        overrides: &[Override],
        configured: &[&str],
    ) -> Result<(), String> {
        let mut rules = Vec::new();
        for (rule, n) in overrides.iter().zip(1..) {
            let rule = rule.rule().map_err(|why| format!(".{n}{why}"))?;
            self.check_provider(&rule, configured).map_err(|why| format!(".{n}{why}"))?;
            rules.push(rule);
        }
        if rules.is_empty() {
            return Ok(());
        }
        let listed = self.models().to_vec();
        for name in configured.iter().map(|name| known_as(name)) {
            if !self.knows(name) {
                let elsewhere = elsewhere(&mut rules, &listed, name);
                self.negotiated.elsewhere.insert(name.to_owned(), elsewhere);
            }
        }
        let negotiated = |model: &Arc<ModelPrice>| {
            adjusted(&mut rules, model).map_or_else(|| model.clone(), Arc::new)
        };
        self.models = listed.iter().map(negotiated).collect();
        for rule in &mut rules {
            let lists_none = rule.provider.is_some_and(|p| listed.iter().all(|m| m.provider != p));
            if let Some(unlisted) = rule.unlisted().filter(|_| lists_none) {
                self.negotiated.unlisted.extend(unlisted);
                rule.used = true;
            }
        }
        match rules.iter().zip(1..).find(|(rule, _)| !rule.used) {
            Some((rule, n)) => Err(format!(".{n}{}", idle(rule, &listed))),
            None => Ok(()),
        }
    }

    /// All prices that a provider has.
    pub(super) fn of_provider(&self, name: &str) -> Vec<&Arc<ModelPrice>> {
        let elsewhere = self.negotiated.elsewhere.get(name).into_iter();
        let elsewhere = elsewhere.flat_map(|listed| listed.values().flat_map(HashMap::values));
        self.models().iter().filter(|model| model.provider == name).chain(elsewhere).collect()
    }

    /// All models that have a price at the provider that lists them.
    pub(super) fn priced_models(&self) -> impl Iterator<Item = &Arc<ModelPrice>> {
        let unlisted = self.negotiated.unlisted.iter().map(|unlisted| &unlisted.model);
        self.models().iter().chain(unlisted)
    }

    /// A name that no table lists, at a provider with prices of an agreement only.
    pub(super) fn agreed<'t, 'n>(
        &'t self,
        provider: Option<&str>,
        name: &'n str,
    ) -> Option<Match<'t, 'n>> {
        let model = self.negotiated.unlisted(known_as(provider?), name)?;
        Some(Match::new(model, Rule::Pattern(&model.id), name))
    }

    /// Any name at a provider whose models cost nothing.
    pub(super) fn of_free<'t, 'n>(
        &'t self,
        scope: Option<&str>,
        name: &'n str,
    ) -> Option<Match<'t, 'n>> {
        let free = self.free.iter().find(|free| Some(free.provider.as_str()) == scope)?;
        Some(Match::new(free, Rule::FreeProvider, name))
    }

    fn knows(&self, provider: &str) -> bool {
        self.providers.contains(provider)
    }

    fn check_provider(&self, rule: &Agreement<'_>, configured: &[&str]) -> Result<(), String> {
        let Some(name) = rule.provider else { return Ok(()) };
        if self.knows(name) || configured.contains(&name) {
            return Ok(());
        }
        let names = self.providers.iter().map(String::as_str).chain(configured.iter().copied());
        let near = nearest(name, names, 1).pop();
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(format!(".provider: there is no provider `{name}`{near}"))
    }
}

/// The prices of listed models at another provider.
fn elsewhere(rules: &mut [Agreement<'_>], listed: &[Arc<ModelPrice>], provider: &str) -> Listed {
    let mut all = Listed::new();
    for model in listed {
        let here = ModelPrice { provider: provider.to_owned(), ..model.as_ref().clone() };
        let here = Arc::new(adjusted(rules, &here).unwrap_or(here));
        all.entry(model.provider.clone()).or_default().insert(model.id.clone(), here);
    }
    all
}

/// A model with the first override that fits it.
fn adjusted(rules: &mut [Agreement<'_>], model: &ModelPrice) -> Option<ModelPrice> {
    let rule = rules.iter_mut().find(|rule| rule.fits(&model.provider, &model.id))?;
    rule.used = true;
    Some(rule.on(model))
}

/// Why an override never applies.
fn idle(rule: &Agreement<'_>, listed: &[Arc<ModelPrice>]) -> String {
    if listed.iter().any(|model| rule.fits(&model.provider, &model.id)) {
        let why = "every model that it fits has an earlier override; put it before that";
        return format!(": {why}");
    }
    let of_provider = |m: &&Arc<ModelPrice>| rule.provider.is_none_or(|name| name == m.provider);
    let mut models = listed.iter().filter(of_provider).peekable();
    let of = rule.provider.map_or_else(String::new, |name| format!(" of `{name}`"));
    if models.peek().is_none() {
        return format!(": the table lists no model{of} to multiply the price of; give a `price`");
    }
    let globs = rule.written.models.as_ref().map_or(&[][..], Globs::written);
    let wanted = globs.first().map_or("", String::as_str);
    let near = nearest(wanted.trim_matches('*'), models.map(|model| model.id.as_str()), 1).pop();
    let near = near.map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
    format!(".models: no listed model{of} fits `{}`{near}", globs.join("`, `"))
}
