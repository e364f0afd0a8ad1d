//! What an import would change: models, prices, figures; and where the sources disagree.
//!
//! Invariant: a plan without changes leaves the table's text as it is.

use super::litellm::{self, CostMap};
use super::merge::{self, merged};
use super::{Offer, Scope, Sources, genai};
use crate::clock::UnixMs;
use crate::pricing::changes::{Change, changes, leaps};
use crate::pricing::class::Class;
use crate::pricing::document::Fault;
use crate::pricing::exact::Exact;
use crate::pricing::file::{Contents, Entry, Source};
use crate::pricing::listed::{Condition, Dated, conditions, in_force, listed, price};
use std::collections::BTreeSet;
use std::fmt;

/// What an import would change.
#[derive(Debug, Default)]
pub struct Plan {
    /// Models that the table does not have yet.
    pub added: Vec<Offer>,
    /// Models of the table that change.
    pub changed: Vec<ModelChange>,
    /// Models of the table that their source no longer lists: provider and id. They stay.
    pub gone: Vec<(String, String)>,
    /// Where LiteLLM says something else than the table after the import.
    pub disagreements: Vec<Disagreement>,
    /// How many models were looked at.
    pub compared: usize,
}

/// How a model of the table changes.
#[derive(Debug)]
pub struct ModelChange {
    /// The provider.
    pub provider: String,
    /// The id.
    pub id: String,
    /// The prices that a call sees change.
    pub prices: Vec<Change>,
    /// Other changes of the prices, in words: thresholds, and what is only written otherwise.
    pub notes: Vec<String>,
    /// The context that becomes known.
    pub context: Option<u64>,
    /// The maximum output that becomes known.
    pub max_output: Option<u64>,
    /// All prices after the import; `None`: they stay as they are.
    pub list: Option<Vec<Dated>>,
}

/// A price on which LiteLLM and the table disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The provider.
    pub provider: String,
    /// The id.
    pub id: String,
    /// In which tier.
    pub condition: Condition,
    /// For long prompts.
    pub long: bool,
    /// What is priced.
    pub class: Class,
    /// The table's price of one count.
    pub table: Exact,
    /// LiteLLM's.
    pub litellm: Exact,
}

/// Which changes are taken without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Those of at most so many per cent.
    Percent(u64),
    /// All.
    All,
}

/// Which source is wrong, and how.
#[derive(Debug)]
pub enum BadSource {
    /// The list of genai-prices.
    GenaiPrices(Fault),
    /// LiteLLM's cost map.
    LiteLlm(Fault),
}

impl fmt::Display for BadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GenaiPrices(fault) => write!(f, "genai-prices: {fault}"),
            Self::LiteLlm(fault) => write!(f, "LiteLLM: {fault}"),
        }
    }
}

/// Works out what an import would change. `at` is when LiteLLM's prices, which have no dates, are
/// compared with the table's.
pub fn plan(
    table: &Contents,
    scope: &Scope<'_>,
    sources: &Sources,
    at: UnixMs,
) -> Result<Plan, BadSource> {
    let main = sources.providers().and_then(|providers| genai::offers(providers, scope));
    let main = main.map_err(BadSource::GenaiPrices)?;
    let map = sources.cost_map().map_err(BadSource::LiteLlm)?;
    let mut plan = Plan { compared: main.len(), ..Plan::default() };
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for offer in &main {
        seen.insert((&offer.provider, &offer.id));
        match scope.entry(&offer.provider, &offer.id) {
            Some(entry) if entry.origin.source.is_some() => {}
            Some(entry) => plan.compare(entry, offer),
            None => plan.added.push(offer.clone()),
        }
    }
    for entry in table.entries.iter().filter(|entry| scope.has_provider(&entry.model.provider)) {
        let (provider, id) = (&*entry.model.provider, &*entry.model.id);
        if entry.origin.source.is_none() && !seen.contains(&(provider, id)) {
            plan.gone.push((provider.to_owned(), id.to_owned()));
        }
    }
    if let Some(map) = map {
        plan.cross_check(table, &map, scope, at).map_err(BadSource::LiteLlm)?;
    }
    plan.changed.sort_by(|a, b| (&a.provider, &a.id).cmp(&(&b.provider, &b.id)));
    Ok(plan)
}

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty()
    }

    /// The changes of prices that are larger than what is accepted, with provider and id; a model
    /// that is new has one where its own price leaps from a date on.
    pub fn refused(&self, accepted: Accepted) -> Vec<(&str, &str, Change)> {
        let Accepted::Percent(percent) = accepted else { return Vec::new() };
        let changed = self.changed.iter().flat_map(|model| {
            let large = model.prices.iter().filter(move |change| change.exceeds(percent));
            large.map(|change| (&*model.provider, &*model.id, change.clone()))
        });
        let added = self.added.iter().flat_map(|offer| {
            let large = leaps(&offer.list).into_iter().filter(move |c| c.exceeds(percent));
            large.map(|change| (&*offer.provider, &*offer.id, change))
        });
        changed.chain(added).collect()
    }

    /// Whether a provider has a model in the table or in what was offered.
    pub fn knows(&self, table: &Contents, provider: &str) -> bool {
        self.added.iter().any(|offer| offer.provider == provider)
            || table.entries.iter().any(|entry| entry.model.provider == provider)
    }

    fn compare(&mut self, entry: &Entry, offer: &Offer) {
        let ours = listed(&entry.blocks);
        let list = merged(entry, offer);
        if merge::same(&ours, &list) {
            return;
        }
        let prices = changes(&ours, &list);
        let mut notes = thresholds(&ours, &list);
        if prices.is_empty() && notes.is_empty() {
            notes.push("the same prices are written otherwise".to_owned());
        }
        let change = self.change_of(entry);
        change.prices = prices;
        change.notes = notes;
        change.list = Some(list);
    }

    fn change_of(&mut self, entry: &Entry) -> &mut ModelChange {
        let (provider, id) = (&entry.model.provider, &entry.model.id);
        let same = |change: &ModelChange| change.provider == *provider && change.id == *id;
        let place = self.changed.iter().position(same).unwrap_or_else(|| {
            self.changed.push(ModelChange {
                provider: provider.clone(),
                id: id.clone(),
                prices: Vec::new(),
                notes: Vec::new(),
                context: None,
                max_output: None,
                list: None,
            });
            self.changed.len().saturating_sub(1)
        });
        &mut self.changed[place]
    }

    /// LiteLLM's part: prices of the models that are its own, figures that the table lacks, and
    /// where the two disagree.
    fn cross_check(
        &mut self,
        table: &Contents,
        map: &CostMap<'_>,
        scope: &Scope<'_>,
        at: UnixMs,
    ) -> Result<(), Fault> {
        for entry in &table.entries {
            let (provider, id) = (&*entry.model.provider, &*entry.model.id);
            let own = entry.origin.source == Some(Source::LiteLlm);
            let listed_as = entry.origin.listed_as.as_deref().filter(|_| own);
            let Some(mut offer) = map.offer(provider, id, listed_as, scope)? else {
                if own && scope.has_provider(provider) {
                    self.gone.push((provider.to_owned(), id.to_owned()));
                }
                continue;
            };
            if entry.model.context.is_none() && offer.context.is_some() {
                self.change_of(entry).context = offer.context;
            }
            if entry.model.max_output.is_none() && offer.max_output.is_some() {
                self.change_of(entry).max_output = offer.max_output;
            }
            self.compared = self.compared.saturating_add(usize::from(own));
            if own {
                litellm::complete(&mut offer);
                self.compare(entry, &offer);
                continue;
            }
            let ours = self.changed.iter().find(|c| c.provider == provider && c.id == id);
            let ours = ours.and_then(|change| change.list.clone());
            let ours = ours.unwrap_or_else(|| listed(&entry.blocks));
            self.disagreements.extend(disagreements(&ours, &offer, at));
        }
        for added in &mut self.added {
            if let Some(offer) = map.offer(&added.provider, &added.id, None, scope)? {
                (added.context, added.max_output) = (offer.context, offer.max_output);
                self.disagreements.extend(disagreements(&added.list, &offer, at));
            }
        }
        Ok(())
    }
}

fn disagreements(ours: &[Dated], offer: &Offer, at: UnixMs) -> Vec<Disagreement> {
    let mut found = Vec::new();
    let both = conditions(&[&offer.list]);
    for condition in both.into_iter().filter(|condition| in_force(ours, condition, at).is_some()) {
        let Some(theirs) = in_force(&offer.list, condition, at) else { continue };
        let has_long = |list| in_force(list, condition, at).is_some_and(|d| d.long.is_some());
        for long in [false, true] {
            let named = match (long, &theirs.long) {
                (false, _) => &theirs.prices,
                (true, Some(long)) if has_long(ours) => &long.prices,
                _ => continue,
            };
            for &class in Class::ALL.iter().filter(|class| named.get(**class).is_some()) {
                let at = |list| price(list, condition, at, long, class).unwrap_or_default();
                let (table, litellm) = (at(ours), at(&offer.list));
                if !near(table, litellm) {
                    let (provider, id) = (offer.provider.clone(), offer.id.clone());
                    let condition = condition.clone();
                    found.push(Disagreement {
                        provider,
                        id,
                        condition,
                        long,
                        class,
                        table,
                        litellm,
                    });
                }
            }
        }
    }
    found
}

/// LiteLLM rounds what is published by the hour or in other units: up to half a per cent.
fn near(table: Exact, litellm: Exact) -> bool {
    litellm.tenths_of_percent_above(table).is_some_and(|tenths| tenths.unsigned_abs() < 5)
}

/// Where long prompts begin elsewhere than before.
fn thresholds(old: &[Dated], new: &[Dated]) -> Vec<String> {
    let written = |dated: Option<&Dated>| {
        let long = dated.and_then(|dated| dated.long.as_ref());
        long.map_or_else(
            || "none".to_owned(),
            |long| {
                let word = if long.threshold.inclusive { "from" } else { "above" };
                format!("{word} {}", long.threshold.tokens)
            },
        )
    };
    let mut notes = Vec::new();
    for dated in new {
        let before = written(in_force(old, &dated.condition, dated.from));
        let after = written(Some(dated));
        let note = format!("{}: long prompts {before} -> {after}", dated.condition);
        if before != after && !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}
