//! What is agreed beside the list: negotiated prices, mark-ups, whose figure is the charge.
//!
//! A table that was adjusted is asked like any other, so holds, charges and lines cannot disagree.
//! Invariant: whatever can change a charge changes the table's version.

use super::charge::Charge;
use super::exact::Exact;
use super::lookup::known_as;
use super::markup::{Markup, Payer};
use super::model::ModelPrice;
use super::negotiated::Override;
use super::rates::Card;
use super::reported::{ProviderCost, differs};
use super::table::{PriceTable, version};
use super::tariff::Tariff;
use crate::money::{AttoUsd, NanoUsd};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Differences from the provider's own figure up to so many per cent are nothing to speak of.
const USUAL_DIFFERENCE: u32 = 5;

/// What is agreed beside the list.
#[derive(Debug, Clone)]
pub struct Adjustments {
    /// What a provider's own figure is for, where its provider does not say.
    pub provider_cost: ProviderCost,
    /// The same for single providers, by their name in the configuration.
    pub provider_costs: BTreeMap<String, ProviderCost>,
    /// From how many per cent on a difference from the provider's own figure counts.
    pub anomaly_percent: u32,
    /// Negotiated prices; the first that fits counts.
    pub overrides: Vec<Override>,
    /// What payers are charged; the first that fits counts.
    pub markups: Vec<Markup>,
}

impl Default for Adjustments {
    fn default() -> Self {
        Self {
            provider_cost: ProviderCost::default(),
            provider_costs: BTreeMap::new(),
            anomaly_percent: USUAL_DIFFERENCE,
            overrides: Vec::new(),
            markups: Vec::new(),
        }
    }
}

impl Adjustments {
    /// What the own figure of a provider is for.
    pub fn provider_cost(&self, provider: &str) -> ProviderCost {
        self.provider_costs.get(provider).copied().unwrap_or(self.provider_cost)
    }

    fn change_charges(&self) -> bool {
        let charged = |cost: &ProviderCost| *cost == ProviderCost::Charge;
        charged(&self.provider_cost)
            || self.provider_costs.values().any(charged)
            || !self.overrides.is_empty()
            || !self.markups.is_empty()
    }
}

/// An adjustment that cannot be made. It begins with its place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAdjustment(String);

impl fmt::Display for BadAdjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadAdjustment {}

impl PriceTable {
    /// The table with what is agreed beside it. `configured` are the names of the providers that
    /// calls can go to.
    pub fn adjusted(
        mut self,
        adjustments: Adjustments,
        configured: &[&str],
    ) -> Result<Self, BadAdjustment> {
        for (markup, n) in adjustments.markups.iter().zip(1..) {
            if let Some(why) = markup.fault() {
                return Err(BadAdjustment(format!("prices.markups.{n}: {why}")));
            }
        }
        let bad = |why: String| BadAdjustment(format!("prices.overrides{why}"));
        self.negotiate(&adjustments.overrides, configured).map_err(bad)?;
        if adjustments.change_charges() {
            let Adjustments { provider_cost, provider_costs, overrides, markups, .. } =
                &adjustments;
            // Whose models are priced apart is a part of what overrides mean.
            let apart = if overrides.is_empty() { &[][..] } else { configured };
            let agreed = (&self.version, provider_cost, provider_costs, overrides, markups, apart);
            let agreed = serde_json::to_string(&agreed);
            let agreed = agreed.map_err(|why| BadAdjustment(format!("prices: {why}")))?;
            self.version = version(&Sha256::digest(agreed.as_bytes()));
        }
        self.adjustments = adjustments;
        Ok(self)
    }

    /// What a payer is charged for an exact cost. Rounded up once, after its mark-up.
    pub fn charged(&self, payer: Payer<'_>, cost: Exact) -> NanoUsd {
        let mut markups = self.adjustments.markups.iter();
        match markups.find(|markup| markup.is_for(payer)) {
            Some(markup) => markup.on(cost),
            None => cost.round_up(),
        }
    }

    /// Whether a call of a model is charged nothing, whatever it uses. Not where nobody lists the
    /// model and its provider's own figure is the charge: who knows what that says.
    pub fn is_free(&self, payer: Payer<'_>, model: &ModelPrice, provider: &str) -> bool {
        let nothing = |cost| self.charged(payer, cost) == NanoUsd::ZERO;
        let known = model.listed || self.provider_cost(provider) == ProviderCost::Record;
        nothing(Exact::MAX) || nothing(Exact::ZERO) && model.is_free() && known
    }

    /// Whether any call at these providers may be charged nothing; true also where that is not
    /// certain.
    pub fn may_be_free<'a>(&self, mut providers: impl Iterator<Item = &'a str>) -> bool {
        let waived = |markup: &Markup| markup.on(Exact::MAX) == NanoUsd::ZERO;
        self.adjustments.markups.iter().any(waived) || providers.any(|of| self.has_free_model(of))
    }

    fn has_free_model(&self, provider: &str) -> bool {
        // One that the table does not know has the models of all.
        let Some(scope) = self.scope(Some(provider)) else { return true };
        let mut own = self.priced_models().filter(|model| model.provider == scope).peekable();
        let elsewhere = self.negotiated.elsewhere().filter(|(of, _)| *of == scope);
        let deployed = self.deployments.names(Some(provider));
        let deployed = deployed.filter_map(|name| self.deployments.get(provider, name));
        own.peek().is_none()
            || own.any(|model| model.is_free())
            || elsewhere.flat_map(|(_, models)| models).any(|model| model.is_free())
            || deployed.into_iter().any(|(_, deployed)| deployed.model.is_free())
    }

    /// What the own figure of a provider is for.
    pub fn provider_cost(&self, provider: &str) -> ProviderCost {
        self.adjustments.provider_cost(provider)
    }

    /// Whether a provider's own figure is too far from ours, if so, both.
    pub fn anomaly(&self, ours: &Charge, theirs: AttoUsd) -> Option<(NanoUsd, NanoUsd)> {
        let (ours, theirs) = (ours.cost, theirs.round_up());
        differs(ours, theirs, self.adjustments.anomaly_percent).then_some((ours, theirs))
    }

    /// A model that costs in each class what the dearest model of a provider costs there, in any
    /// tier and region, at any date and length. So nothing that a provider has costs more. `None`
    /// where neither the table nor an override lists a model of it.
    pub fn dearest(&self, provider: &str) -> Option<&Arc<ModelPrice>> {
        self.dearest.get_or_init(|| self.dearest_of_all()).get(known_as(provider))
    }

    fn dearest_of_all(&self) -> HashMap<String, Arc<ModelPrice>> {
        let mut cards: HashMap<&str, Vec<&Card>> = HashMap::new();
        for model in self.priced_models() {
            cards.entry(&model.provider).or_default().extend(model.cards());
        }
        for (provider, models) in self.negotiated.elsewhere() {
            if let Some(cards) = cards.get_mut(provider) {
                cards.extend(models.flat_map(|model| model.cards()));
            }
        }
        let dearest = cards.into_iter().filter_map(|(provider, cards)| {
            let tariff = Tariff::always(Card::dearest(cards.into_iter())?);
            let priced = ModelPrice::free("*", provider).priced(tariff);
            let model = ModelPrice { listed: false, ..priced };
            Some((provider.to_owned(), Arc::new(model)))
        });
        dearest.collect()
    }
}
