//! Which model a name means, and by which rule.
//!
//! A name is looked up at the provider that serves the call, in this order: as the name of a
//! deployment; exactly; by the longest pattern; as a dated snapshot, without its date; as an ARN of
//! Bedrock, by the model in it; without the prefix of that provider; at last as any name at a
//! provider whose models cost nothing. A provider that the table does not know has the models of all.
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
    fn new(model: &'t Arc<ModelPrice>, rule: Rule<'t>, name: &'n str) -> Self {
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
        self.deployed(provider, name)
            .or_else(|| self.listed(scope, name))
            .or_else(|| self.prefixed(provider, name))
            .or_else(|| self.of_free(scope, name))
            .or_else(|| self.deployed_anywhere(provider, name))
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
        by_prefix.or_else(|| self.lookup(provider, name))
    }

    /// The model that an answer names: a deployment of the provider that served the call, or a model
    /// of the one whose price the call has.
    pub fn find_answered<'t>(
        &'t self,
        provider: &str,
        asked: &ModelPrice,
        name: &str,
    ) -> Option<&'t Arc<ModelPrice>> {
        let deployed = self.deployed(Some(provider), name).map(|found| found.model);
        deployed.or_else(|| self.find(Some(&asked.provider), name))
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
                let listed = || self.listed(scope?, rest).or_else(|| self.of_free(scope?, rest));
                self.deployed(Some(prefix), rest).or_else(listed)
            }
        };
        found.map(|found| Match { prefix: Some(prefix), ..found })
    }

    fn of_free<'t, 'n>(&'t self, scope: Option<&str>, name: &'n str) -> Option<Match<'t, 'n>> {
        let free = self.free.iter().find(|free| Some(free.provider.as_str()) == scope)?;
        Some(Match::new(free, Rule::FreeProvider, name))
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
mod tests {
    use super::*;

    fn model(id: &str, provider: &str, names: &str) -> String {
        format!(
            "[[model]]\nid = '{id}'\nprovider = '{provider}'\n{names}\n\
             [[model.price]]\ninput = '1'\noutput = '2'\n"
        )
    }

    fn table() -> PriceTable {
        let models = [
            model("m", "a", "aliases = ['m-latest']"),
            model("m-mini", "a", "match = ['ft:m-mini:*', 'x/*']"),
            model("m-2024-05-13", "a", ""),
            model("x-long", "a", "match = ['x/y*', 'q?']"),
            model("m", "b", ""),
        ];
        PriceTable::parse(&models.concat()).unwrap()
    }

    #[track_caller]
    fn check(provider: Option<&str>, name: &str, expected: Option<(&str, &str)>) {
        let table = table();
        let found = table.find(provider, name).map(|m| (m.provider.as_str(), m.id.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_by_name_pattern_and_snapshot() {
        check(None, "m", Some(("a", "m")));
        check(Some("b"), "m", Some(("b", "m")));
        check(Some("b"), "m-latest", None);
        check(Some("unknown"), "m-latest", Some(("a", "m")));
        check(None, "m-2026-03-05", Some(("a", "m")));
        check(None, "m-2024-05-13", Some(("a", "m-2024-05-13")));
        check(None, "m-latest-2026-03-05", Some(("a", "m")));
        check(None, "m-20260305", Some(("a", "m")));
        check(None, "m@20260305", Some(("a", "m")));
        check(None, "ft:m-mini:org::id", Some(("a", "m-mini")));
        check(None, "x/abc", Some(("a", "m-mini")));
        check(None, "x/yellow/1", Some(("a", "x-long")));
        check(None, "q7", Some(("a", "x-long")));
    }

    #[test]
    fn guesses_nothing() {
        for name in
            ["", "M", "m-", "m-20261305", "m-2026-3-05", "-2026-03-05", "ft:m:org", "q", "mé"]
        {
            check(None, name, None);
        }
        assert_eq!(table().provider_of("m-mini"), Some("a"));
    }

    fn hosts() -> PriceTable {
        let models = [
            "free_providers = ['ollama']\n".to_owned(),
            model("gpt-5", "openai", ""),
            model("ft:gpt-5", "openai", "match = ['ft:gpt-5:*', 'ft:gpt-5-????-??-??:*']"),
            model("grok-4", "xai", ""),
            model("gemini-3", "gemini", ""),
            model("anthropic.claude-1-v1:0", "bedrock", "match = ['*anthropic.claude-1*']"),
            model(
                "global.anthropic.claude-1-v1:0",
                "bedrock",
                "match = ['*global.anthropic.claude-1*']",
            ),
            model("openai/gpt-oss", "groq", ""),
            model("openai/gpt-5", "openrouter", ""),
            model("x-ai/grok-4", "openrouter", ""),
        ];
        PriceTable::parse(&models.concat()).unwrap()
    }

    /// Whom a call to a provider is charged for, as `provider id`.
    #[track_caller]
    fn call(provider: Option<&str>, name: &str, expected: Option<&str>) {
        let table = hosts();
        let found = table.find(provider, name).map(|m| format!("{} {}", m.provider, m.id));
        assert_eq!(found.as_deref(), expected, "{provider:?} {name}");
    }

    #[test]
    fn the_prefix_of_the_calls_own_provider_is_taken_off() {
        call(Some("openai"), "openai/gpt-5", Some("openai gpt-5"));
        call(Some("openai"), "openai/gpt-5-2025-08-07", Some("openai gpt-5"));
        call(Some("xai"), "x-ai/grok-4", Some("xai grok-4"));
        call(Some("google"), "gemini/gemini-3", Some("gemini gemini-3"));
        call(Some("gemini"), "models/gemini-3", Some("gemini gemini-3"));
        call(Some("groq"), "groq/openai/gpt-oss", Some("groq openai/gpt-oss"));
        call(Some("azure"), "azure/gpt-5", Some("openai gpt-5"));
        call(
            Some("aws"),
            "bedrock/us.anthropic.claude-1-v1:0",
            Some("bedrock anthropic.claude-1-v1:0"),
        );
        call(Some("ollama"), "anything/at-all", Some("ollama *"));
        // Whose calls cost what the vendor's cost, but who is not the vendor, has the name as it is.
        call(Some("openrouter"), "openai/gpt-5", Some("openrouter openai/gpt-5"));
        call(Some("openrouter"), "groq/openai/gpt-oss", None);
        call(Some("openai"), "groq/gpt-5", None);
        call(Some("groq"), "openai/gpt-5", None);
    }

    #[test]
    fn without_a_provider_an_exact_name_goes_before_a_prefix() {
        for provider in [None, Some("a-gateway")] {
            call(provider, "openai/gpt-5", Some("openrouter openai/gpt-5"));
            call(provider, "groq/openai/gpt-oss", Some("groq openai/gpt-oss"));
            call(provider, "xai/grok-4", Some("xai grok-4"));
            call(provider, "ollama/llama", Some("ollama *"));
            call(provider, "nobody/gpt-5", None);
        }
    }

    #[test]
    fn a_person_means_the_provider_of_the_prefix() {
        let table = hosts();
        let meant = |provider, name| {
            table.lookup_named(provider, name).map(|m| (m.model.provider.as_str(), m.prefix))
        };
        assert_eq!(meant(None, "openai/gpt-5"), Some(("openai", Some("openai"))));
        assert_eq!(meant(None, "x-ai/grok-4"), Some(("xai", Some("x-ai"))));
        assert_eq!(meant(Some("azure"), "openai/gpt-5"), Some(("openai", Some("openai"))));
        assert_eq!(
            meant(None, "openrouter/openai/gpt-5"),
            Some(("openrouter", Some("openrouter")))
        );
        assert_eq!(meant(Some("openrouter"), "openai/gpt-5"), Some(("openrouter", None)));
        assert_eq!(meant(None, "openai/gpt-oss"), Some(("groq", None)));
    }

    #[test]
    fn arns_of_what_bedrock_made_have_their_models_price_and_no_others_do() {
        let arn = |resource: &str| format!("arn:aws:bedrock:us-east-1:123456789012:{resource}");
        let one = Some("bedrock anthropic.claude-1-v1:0");
        let global = Some("bedrock global.anthropic.claude-1-v1:0");
        for provider in [Some("bedrock"), Some("my-bedrock"), None] {
            call(provider, &arn("foundation-model/anthropic.claude-1-v1:0"), one);
            call(
                provider,
                "arn:aws-us-gov:bedrock:r::foundation-model/anthropic.claude-1-v1:0",
                one,
            );
            call(provider, &arn("inference-profile/eu.anthropic.claude-1-v1:0"), one);
            call(provider, &arn("inference-profile/global.anthropic.claude-1-v1:0"), global);
            for resource in [
                "application-inference-profile/anthropic.claude-1",
                "provisioned-model/anthropic.claude-1",
                "custom-model/anthropic.claude-1-v1:0/abc",
                "foundation-model/unheard-of",
                "foundation-model",
            ] {
                call(provider, &arn(resource), None);
            }
        }
        call(Some("openai"), &arn("foundation-model/anthropic.claude-1-v1:0"), None);
        call(None, "arn:aws:sagemaker:r:1:foundation-model/anthropic.claude-1-v1:0", None);
    }

    #[test]
    fn a_fine_tuned_model_never_has_the_price_of_the_one_below() {
        call(Some("openai"), "ft:gpt-5-2025-08-07:acme::1", Some("openai ft:gpt-5"));
        call(Some("openai"), "openai/ft:gpt-5:acme::1", Some("openai ft:gpt-5"));
        for name in ["ft:gpt-5x:acme::1", "gpt-5.ft-1", "ft:gpt-6:acme::gpt-5", "acme/gpt-5"] {
            call(Some("openai"), name, None);
        }
    }

    #[test]
    fn the_rule_is_told_and_what_lost_against_it() {
        let table = table();
        let told = |name: &'static str| {
            let found = table.lookup(None, name).unwrap();
            (found.rule, found.name, found.date)
        };
        assert_eq!(told("m"), (Rule::Id, "m", None));
        assert_eq!(told("m-latest-2026-03-05"), (Rule::Alias, "m-latest", Some("2026-03-05")));
        assert_eq!(told("x/yellow"), (Rule::Pattern("x/y*"), "x/yellow", None));
        let rivals = |name: &'static str| -> Vec<_> {
            let rivals = table.rivals(None, name);
            rivals.iter().map(|m| (m.model.provider.clone(), m.model.id.clone(), m.rule)).collect()
        };
        assert_eq!(rivals("x/yellow"), [("a".into(), "m-mini".into(), Rule::Pattern("x/*"))]);
        assert_eq!(rivals("m"), [("b".into(), "m".into(), Rule::Id)]);
        let dated = [("a".into(), "m".into(), Rule::Id), ("b".into(), "m".into(), Rule::Id)];
        assert_eq!(rivals("m-2024-05-13"), dated);
        assert!(table.rivals(None, "nobody").is_empty());
        let rival = hosts().rivals(None, "openai/gpt-5").first().map(|m| m.model.id.clone());
        assert_eq!(rival.as_deref(), Some("openai/gpt-5"));
    }
}
