//! Which model a name means, and by which rule.
//!
//! A name is looked up at the provider that serves the call, in this order: as the name of a
//! deployment; exactly; by the longest pattern; as a dated snapshot, without its date; as an ARN of
//! Bedrock, by the model in it; as one of a provider that only an agreement prices; without the
//! prefix of that provider; at last as any name at a provider whose models cost nothing. A provider
//! that the table does not know has the models of all.
//! Nothing else is guessed: a model that is not found has no price. Where more than one rule fits,
//! `rivals` names the others.
//!
//! Invariant: no rule leads from a fine-tuned or customised model to the one below it. A look-up that
//! succeeds allocates nothing.

use super::PriceTable;
use super::model::ModelPrice;
use super::pattern::Pattern;
use std::sync::Arc;

/// How a name was found in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule<'t> {
    /// It is the name of a deployment, which the configuration maps.
    Deployment {
        /// The provider that has the deployment, as the configuration calls it.
        provider: &'t str,
        /// The model that it is mapped to.
        target: &'t str,
    },
    /// It is the model's id.
    Id,
    /// It is another exact name of the model.
    Alias,
    /// It fits this pattern of the model.
    Pattern(&'t str),
    /// It is any name at a provider whose models cost nothing.
    FreeProvider,
}

/// The model that a name means, and why.
#[derive(Debug, Clone, Copy)]
pub struct Match<'t, 'n> {
    /// The model.
    pub model: &'t Arc<ModelPrice>,
    /// The rule that found it.
    pub rule: Rule<'t>,
    /// The part of the name that the rule was applied to.
    pub name: &'n str,
    /// The provider's prefix that was taken off before.
    pub prefix: Option<&'n str>,
    /// The name is an ARN, and what was looked up is the model in it.
    pub from_arn: bool,
    /// The date that was taken off the end.
    pub date: Option<&'n str>,
}

impl<'t, 'n> Match<'t, 'n> {
    pub(super) fn new(model: &'t Arc<ModelPrice>, rule: Rule<'t>, name: &'n str) -> Self {
        Self { model, rule, name, prefix: None, from_arn: false, date: None }
    }
}

/// Prefixes that name a provider without entries in the table; its models are those of all others.
const WITHOUT_ENTRIES: [&str; 3] = ["azure", "vertex", "vertex_ai"];

impl PriceTable {
    /// The prices of a model at a provider. A provider that the table does not know, and `None`,
    /// take the first provider in the table that has the model.
    pub fn find<'t>(&'t self, provider: Option<&str>, name: &str) -> Option<&'t Arc<ModelPrice>> {
        self.lookup(provider, name).map(|found| found.model)
    }

    /// The same, with the rule that found it.
    pub fn lookup<'t, 'n>(
        &'t self,
        provider: Option<&str>,
        name: &'n str,
    ) -> Option<Match<'t, 'n>> {
        let scope = self.scope(provider);
        let found = self
            .deployed(provider, name)
            .or_else(|| self.listed(scope, name))
            .or_else(|| self.agreed(provider, name))
            .or_else(|| self.prefixed(provider, name))
            .or_else(|| self.of_free(scope, name))
            .or_else(|| self.deployed_anywhere(provider, name))?;
        let model = self.negotiated.at(provider.map(known_as), found.model);
        Some(Match { model, ..found })
    }

    /// What a person means by a name: where nothing else says which provider, a prefix does, before
    /// anything else is tried.
    pub fn lookup_named<'t, 'n>(
        &'t self,
        provider: Option<&str>,
        name: &'n str,
    ) -> Option<Match<'t, 'n>> {
        let by_prefix = match self.scope(provider) {
            Some(_) => None,
            None => self.deployed(provider, name).or_else(|| self.prefixed(None, name)),
        };
        let by_prefix = by_prefix.map(|found| {
            let at = provider.or(found.prefix).map(known_as);
            Match { model: self.negotiated.at(at, found.model), ..found }
        });
        by_prefix.or_else(|| self.lookup(provider, name))
    }

    /// The model that an answer names: a deployment of the provider that served the call, or a model
    /// of the one whose price the call has. That all models of that one are free says nothing of a
    /// call that has a price.
    pub fn find_answered<'t>(
        &'t self,
        provider: &str,
        asked: &ModelPrice,
        name: &str,
    ) -> Option<&'t Arc<ModelPrice>> {
        if let Some(deployed) = self.deployed(Some(provider), name) {
            return Some(self.negotiated.at(Some(known_as(provider)), deployed.model));
        }
        let found = self.lookup(Some(&asked.provider), name)?;
        let is_any = found.rule == Rule::FreeProvider && !std::ptr::eq(found.model.as_ref(), asked);
        (!is_any).then_some(found.model)
    }

    /// The provider that serves a model where nobody says which: as the table calls it, or, of a
    /// deployment, as the configuration does.
    pub fn provider_of(&self, model: &str) -> Option<&str> {
        let found = self.lookup(None, model)?;
        match found.rule {
            Rule::Deployment { provider, .. } => Some(provider),
            _ => Some(found.model.provider.as_str()),
        }
    }

    /// What else a name could have meant, in the order of the rules: other patterns and names that
    /// fit, here and at other providers.
    pub fn rivals<'t, 'n>(&'t self, provider: Option<&str>, name: &'n str) -> Vec<Match<'t, 'n>> {
        let Some(found) = self.lookup_named(provider, name) else { return Vec::new() };
        let mut all = self.all_listed(name);
        if let Some((prefix, rest)) = name.split_once('/')
            && let Some(scope) = self.meant_by(prefix)
        {
            let of_prefix = self.all_listed(rest).into_iter();
            let fits = |m: &Match<'_, '_>| scope.is_none_or(|scope| m.model.provider == scope);
            all.extend(of_prefix.filter(fits).map(|m| Match { prefix: Some(prefix), ..m }));
        }
        let mut seen = vec![Arc::as_ptr(found.model)];
        all.retain(|rival| {
            let new = !seen.contains(&Arc::as_ptr(rival.model));
            seen.push(Arc::as_ptr(rival.model));
            new
        });
        all
    }

    /// Whether the table knows a provider: it has entries, or its models cost nothing, or it is one
    /// whose models are those of others.
    pub fn has_provider(&self, name: &str) -> bool {
        self.meant_by(name).is_some()
    }

    /// The table's name of a provider, if it has entries.
    pub(super) fn scope<'a>(&self, provider: Option<&'a str>) -> Option<&'a str> {
        provider.map(known_as).filter(|name| self.providers.contains(*name))
    }

    /// The provider that a prefix names: one of the table, or (`Some(None)`) one without entries.
    fn meant_by<'a>(&self, prefix: &'a str) -> Option<Option<&'a str>> {
        let known = self.scope(Some(prefix));
        (known.is_some() || WITHOUT_ENTRIES.contains(&prefix)).then_some(known)
    }

    fn listed<'t, 'n>(&'t self, scope: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        self.exact(scope, name)
            .or_else(|| self.by_pattern(scope, name))
            .or_else(|| self.as_snapshot(scope, name))
            .or_else(|| self.by_arn(scope, name))
    }

    pub(super) fn exact<'t, 'n>(
        &'t self,
        scope: Option<&str>,
        name: &'n str,
    ) -> Option<Match<'t, 'n>> {
        let places = self.by_name.get(name)?;
        let mut models = places.iter().filter_map(|&place| self.models.get(place));
        let model = models.find(|model| scope.is_none_or(|scope| model.provider == scope))?;
        let rule = if model.id == name { Rule::Id } else { Rule::Alias };
        Some(Match::new(model, rule, name))
    }

    fn by_pattern<'t, 'n>(&'t self, scope: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        let of_scope = |pattern: &&Pattern| scope.is_none_or(|scope| pattern.provider() == scope);
        let pattern = self.patterns.iter().filter(of_scope).find(|p| p.fits(name))?;
        let model = self.models.get(pattern.model)?;
        Some(Match::new(model, Rule::Pattern(pattern.text()), name))
    }

    fn as_snapshot<'t, 'n>(&'t self, scope: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        let (undated, date) = without_date(name)?;
        Some(Match { date: Some(date), ..self.exact(scope, undated)? })
    }

    /// An ARN of a model of Bedrock's own, or of a profile that Bedrock made for one. What a
    /// customer has made (application inference profiles, provisioned and customised models) does
    /// not tell its model or has another price: it is mapped, or has no price.
    fn by_arn<'t, 'n>(&'t self, scope: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        let model = model_of_arn(name)?;
        let scope = scope.is_none_or(|scope| scope == "bedrock").then_some("bedrock");
        let found = self.exact(scope, model).or_else(|| self.by_pattern(scope, model))?;
        scope.map(|_| Match { from_arn: true, ..found })
    }

    /// The name without its provider's prefix. The prefix of another provider than the one that
    /// serves the call is part of the name.
    fn prefixed<'t, 'n>(&'t self, provider: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        let (prefix, rest) = name.split_once('/')?;
        let own = |provider: &str| prefix == provider || known_as(prefix) == known_as(provider);
        let found = match self.scope(provider) {
            Some(scope) if own(scope) => {
                self.deployed(provider, rest).or_else(|| self.listed(Some(scope), rest))
            }
            Some(_) => None,
            None if provider.is_some_and(own) => {
                self.deployed(provider, rest).or_else(|| self.listed(None, rest))
            }
            None => {
                let scope = self.meant_by(prefix);
                // Elsewhere the name of a provider whose models are free is no more than a name.
                let free = || self.of_free(scope?, rest).filter(|_| provider.is_none());
                let listed = || self.listed(scope?, rest).or_else(free);
                self.deployed(Some(prefix), rest).or_else(listed)
            }
        };
        found.map(|found| Match { prefix: Some(prefix), ..found })
    }

    fn deployed<'t, 'n>(&'t self, provider: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        let (provider, deployed) = self.deployments.get(provider?, name)?;
        let rule = Rule::Deployment { provider, target: &deployed.target };
        Some(Match::new(&deployed.model, rule, name))
    }

    fn deployed_anywhere<'t, 'n>(
        &'t self,
        provider: Option<&str>,
        name: &'n str,
    ) -> Option<Match<'t, 'n>> {
        match provider {
            Some(_) => None,
            None => self.deployments.providers().find_map(|of| self.deployed(Some(of), name)),
        }
    }

    /// All that a name fits, whatever the provider.
    fn all_listed<'t, 'n>(&'t self, name: &'n str) -> Vec<Match<'t, 'n>> {
        let at_each = |name: &'n str, date: Option<&'n str>| {
            let providers = self.providers.iter();
            let exact = providers.filter_map(move |of| self.exact(Some(of), name));
            exact.map(move |found| Match { date, ..found })
        };
        let mut all: Vec<_> = at_each(name, None).collect();
        let fitting = self.patterns.iter().filter(|pattern| pattern.fits(name));
        all.extend(fitting.filter_map(|pattern| {
            let model = self.models.get(pattern.model)?;
            Some(Match::new(model, Rule::Pattern(pattern.text()), name))
        }));
        if let Some((undated, date)) = without_date(name) {
            all.extend(at_each(undated, Some(date)));
        }
        if let Some(model) = model_of_arn(name) {
            let of_bedrock = self.all_listed(model).into_iter();
            let of_bedrock = of_bedrock.filter(|found| found.model.provider == "bedrock");
            all.extend(of_bedrock.map(|found| Match { from_arn: true, ..found }));
        }
        all
    }
}

/// The table's name of a provider that has two. Google writes `models/` before its own models.
pub(super) fn known_as(provider: &str) -> &str {
    match provider {
        "google" | "models" => "gemini",
        "x-ai" => "xai",
        "aws" => "bedrock",
        name => name,
    }
}

/// `us.anthropic.claude-opus-4-5-20251101-v1:0` of
/// `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-…`.
fn model_of_arn(name: &str) -> Option<&str> {
    let mut fields = name.strip_prefix("arn:")?.splitn(5, ':');
    let (_partition, service) = (fields.next()?, fields.next()?);
    let (_region, _account) = (fields.next()?, fields.next()?);
    let (kind, model) = fields.next()?.split_once('/')?;
    let by_bedrock = ["foundation-model", "inference-profile"].contains(&kind);
    (service == "bedrock" && by_bedrock).then_some(model)
}

/// `gpt-5.4` of `gpt-5.4-2026-03-05`, `claude-opus-4-5` of `claude-opus-4-5-20251101` and of
/// `claude-opus-4-5@20251101`; with the date.
fn without_date(model: &str) -> Option<(&str, &str)> {
    const FORMS: [&str; 3] = ["-20##-MM-##", "-20##MM##", "@20##MM##"];
    FORMS.iter().find_map(|form| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(form.len())?)?;
        let fits = date.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'#' | b'M' => byte.is_ascii_digit(),
            _ => byte == form,
        });
        let month = form.find("MM").and_then(|at| date.get(at..at.checked_add(2)?));
        let is_month = month.is_some_and(|month| ("01"..="12").contains(&month));
        (fits && is_month && !name.is_empty()).then(|| (name, date.get(1..).unwrap_or(date)))
    })
}

#[cfg(test)]
mod tests;
