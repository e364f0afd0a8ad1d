//! What a price table covers, and what in it looks like a mistake.
//!
//! Not here: what is certainly a mistake; a table with one is never read (`file`). Invariant: an
//! oddity names the line of its model.

use super::PriceTable;
use super::class::{Class, PerClass, Side};
use super::exact::Exact;
use super::line::price_text;
use super::model::ModelPrice;
use super::rates::Card;
use super::sheet::Condition;
use crate::clock::UnixMs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the table has of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// The provider.
    pub provider: String,
    /// Its models.
    pub models: usize,
    /// The classes that have a price of their own at one model at least, in the order of a bill.
    pub classes: Vec<&'static str>,
    /// The tiers that have prices of their own, by name.
    pub tiers: BTreeSet<String>,
    /// Models whose price changes, or begins, at a date.
    pub dated: usize,
    /// Models whose price depends on the hour.
    pub hourly: usize,
    /// Models with another price for long prompts.
    pub long: usize,
    /// Models with other prices in some regions.
    pub regional: usize,
    /// Models whose context is known.
    pub context: usize,
    /// Models whose maximum output is known.
    pub max_output: usize,
    /// The first date of a price.
    pub oldest: Option<UnixMs>,
    /// The last one.
    pub newest: Option<UnixMs>,
}

/// What looks odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Cached tokens cost more than uncached ones.
    CachedDearer,
    /// A price is a thousand times another of its kind, or more.
    Outlier,
    /// The context is not known.
    NoContext,
    /// The maximum output is not known.
    NoMaxOutput,
}

impl Kind {
    /// The word for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CachedDearer => "cached_dearer",
            Self::Outlier => "outlier",
            Self::NoContext => "no_context",
            Self::NoMaxOutput => "no_max_output",
        }
    }
}

/// Something that may be a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// What looks odd.
    pub kind: Kind,
    /// The line of the model's id.
    pub line: usize,
    /// The model's provider.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// One sentence.
    pub message: String,
}

/// How many times another price of its kind a price is odd.
const FAR: u64 = 1000;

impl PriceTable {
    /// What the table has of each provider, in the order of the table.
    pub fn coverage(&self) -> Vec<Coverage> {
        let mut all: Vec<Coverage> = Vec::new();
        for model in self.models() {
            let place = match all.iter().position(|of| of.provider == model.provider) {
                Some(place) => place,
                None => {
                    let provider = model.provider.clone();
                    all.push(Coverage { provider, ..Coverage::default() });
                    all.len().saturating_sub(1)
                }
            };
            if let Some(coverage) = all.get_mut(place) {
                coverage.count(model);
            }
        }
        all
    }

    /// The providers whose models cost nothing, but for those that are listed.
    pub fn free_providers(&self) -> impl Iterator<Item = &str> {
        self.free.iter().map(|free| free.provider.as_str())
    }

    /// What looks like a mistake, in the order of the table.
    pub fn oddities(&self) -> Vec<Oddity> {
        let usual = self.usual_prices();
        let mut all = Vec::new();
        for (place, model) in self.models().iter().enumerate() {
            let line = self.line(place).unwrap_or_default();
            let mut odd = |kind, message: String| {
                let (provider, model) = (model.provider.clone(), model.id.clone());
                all.push(Oddity { kind, line, provider, model, message });
            };
            let cards = cards(model);
            if let Some(message) = cards.iter().find_map(|card| cached_dearer(card)) {
                odd(Kind::CachedDearer, message);
            }
            let of_provider = usual.get(model.provider.as_str());
            if let Some(message) = of_provider.and_then(|usual| outlier(&cards, usual)) {
                odd(Kind::Outlier, message);
            }
            let costs = |class| cards.iter().any(|card| card.rate(class).price > Exact::ZERO);
            if model.context.is_none() && costs(Class::Input) {
                odd(Kind::NoContext, "its context is not known".to_owned());
            }
            if model.max_output.is_none() && costs(Class::Output) {
                odd(Kind::NoMaxOutput, "its maximum output is not known".to_owned());
            }
        }
        all
    }

    /// The price in the middle of all that the models of a provider have for a class, by provider.
    fn usual_prices(&self) -> BTreeMap<&str, PerClass<Exact>> {
        let mut providers: BTreeMap<&str, Vec<&Arc<ModelPrice>>> = BTreeMap::new();
        for model in self.models() {
            providers.entry(&model.provider).or_default().push(model);
        }
        let usual = providers.into_iter().map(|(provider, models)| {
            let mut middles = PerClass::all(Exact::ZERO);
            for &class in Class::ALL {
                let own = |model: &&Arc<ModelPrice>| own(cards(model).first()?, class);
                let mut prices: Vec<Exact> = models.iter().filter_map(own).collect();
                prices.sort_unstable();
                let middle = prices.get(prices.len().div_euclid(2)).copied();
                middles.set(class, middle.unwrap_or_default());
            }
            (provider, middles)
        });
        usual.collect()
    }
}

impl Coverage {
    fn count(&mut self, model: &ModelPrice) {
        let sheets = model.sheets();
        let one = |fits: bool| usize::from(fits);
        let add = |to: &mut usize, fits| *to = to.saturating_add(one(fits));
        add(&mut self.models, true);
        add(&mut self.context, model.context.is_some());
        add(&mut self.max_output, model.max_output.is_some());
        add(&mut self.dated, sheets.iter().any(|sheet| sheet.from.is_some()));
        add(&mut self.long, sheets.iter().any(|sheet| sheet.long.is_some()));
        add(&mut self.regional, model.regions().next().is_some());
        let by_hour = |condition| matches!(condition, Condition::Hours(_));
        add(&mut self.hourly, sheets.iter().any(|sheet| by_hour(sheet.condition)));
        self.tiers.extend(model.tiers().map(str::to_owned));
        let priced = |class: &Class| {
            sheets.iter().any(|sheet| sheet.prices.iter().any(|(of, _)| of == class))
        };
        let names =
            Class::ALL.iter().filter(|class| self.classes.contains(&class.name()) || priced(class));
        self.classes = names.map(|class| class.name()).collect();
        let dates = sheets.iter().filter_map(|sheet| sheet.from);
        self.oldest = dates.clone().chain(self.oldest).min();
        self.newest = dates.chain(self.newest).max();
    }
}

/// All cards of a model, the first standard one first.
fn cards(model: &ModelPrice) -> Vec<&Card> {
    let schedules = model.usual.schedules();
    let rates = schedules.flat_map(|(_, schedule)| schedule.iter());
    rates
        .flat_map(|rates| [Some(&rates.usual), rates.long.as_ref().map(|(_, card)| card)])
        .flatten()
        .collect()
}

/// The price that a class has of its own, if it is not 0.
fn own(card: &Card, class: Class) -> Option<Exact> {
    let rate = card.rate(class);
    Some(rate.price).filter(|price| rate.known && rate.of == class && *price > Exact::ZERO)
}

fn cached_dearer(card: &Card) -> Option<String> {
    let pairs = [
        (Class::CachedInput, Class::Input),
        (Class::CachedAudio, Class::AudioInput),
        (Class::CachedImage, Class::ImageInput),
    ];
    pairs.into_iter().find_map(|(cached, uncached)| {
        let (price, other) = (own(card, cached)?, own(card, uncached)?);
        (price > other).then(|| {
            let (price, other) = (price_text(cached, price), price_text(uncached, other));
            format!("`{}` costs {price}, `{}` {other}", cached.name(), uncached.name())
        })
    })
}

/// A price that is a thousand times another of its class: at another date or tier of the model, or
/// in the middle of what the provider's models have.
fn outlier(cards: &[&Card], usual: &PerClass<Exact>) -> Option<String> {
    Class::ALL.iter().find_map(|&class| {
        let prices = || cards.iter().filter_map(|card| own(card, class));
        let (least, most) = (prices().min()?, prices().max()?);
        let text = |price| price_text(class, price);
        let name = class.name();
        if least.times(FAR) <= most {
            return Some(format!("`{name}` costs {} and {}", text(least), text(most)));
        }
        let middle = usual.get(class);
        // Things that are not tokens differ by what they are: a page, a square of pixels.
        let of_tokens = class.side() != Side::Apart;
        let far = middle.times(FAR) <= most || most.times(FAR) <= middle;
        (of_tokens && far && middle > Exact::ZERO).then(|| {
            let (price, middle) = (text(most), text(middle));
            format!("`{name}` costs {price}; in the middle of the provider's models it is {middle}")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str, head: &str, prices: &str) -> String {
        format!("[[model]]\nid = '{id}'\nprovider = 'p'\n{head}\n[[model.price]]\n{prices}\n")
    }

    #[track_caller]
    fn check(texts: &[String], expected: &[(&str, &str, &str)]) {
        let table = PriceTable::parse(&texts.concat()).unwrap();
        let odd = table.oddities();
        let odd: Vec<_> =
            odd.iter().map(|o| (o.model.as_str(), o.kind.name(), o.message.as_str())).collect();
        assert_eq!(odd, expected);
    }

    const BOUNDED: &str = "context = 9\nmax_output = 9";

    #[test]
    fn what_is_usual_is_not_odd() {
        let usual = model("a", BOUNDED, "input = '1'\ncached_input = '1'\noutput = '2'");
        let seconds = model("b", "", "input = '0'\noutput = '0'\naudio_second = '0.0001'");
        let embedding = model("c", "context = 9", "input = '0.02'\noutput = '0'");
        check(&[usual, seconds, embedding], &[]);
    }

    #[test]
    fn what_may_be_a_mistake_is_named() {
        check(
            &[model("a", "", "input = '1'\noutput = '2'")],
            &[
                ("a", "no_context", "its context is not known"),
                ("a", "no_max_output", "its maximum output is not known"),
            ],
        );
        check(
            &[model("a", BOUNDED, "input = '1'\ncached_input = '1.5'\noutput = '2'")],
            &[("a", "cached_dearer", "`cached_input` costs 1.5, `input` 1")],
        );
        let later = "input = '1'\noutput = '2'\n\
                     [[model.price]]\nfrom = '2026-01-01'\ninput = '1000'\noutput = '2'";
        check(&[model("a", BOUNDED, later)], &[("a", "outlier", "`input` costs 1 and 1000")]);
        let plain = |id| model(id, BOUNDED, "input = '1'\noutput = '2'");
        let dear = model(
            "dear",
            BOUNDED,
            "input = '1'\noutput = '2000000'".replace("2000000", "20000").as_str(),
        );
        check(
            &[plain("a"), plain("b"), dear],
            &[(
                "dear",
                "outlier",
                "`output` costs 20000; in the middle of the provider's models it is 2",
            )],
        );
    }

    #[test]
    fn an_oddity_has_the_line_of_its_model() {
        let texts = [
            model("a", BOUNDED, "input = '1'\noutput = '2'"),
            model("b", "", "input = '1'\noutput = '2'"),
        ];
        let odd = PriceTable::parse(&texts.concat()).unwrap().oddities();
        assert_eq!(odd.first().map(|odd| odd.line), Some(10));
    }

    #[test]
    fn coverage_counts_by_provider() {
        let text = "free_providers = ['ollama']
            [[model]]\nid = 'm'\nprovider = 'p'\ncontext = 9\nregions = { us = '1.1' }
            [[model.price]]\ninput = '1'\noutput = '2'\nlong = { above = 1, input = '2' }
            [[model.price]]\nfrom = '2026-01-01'\ninput = '4'\noutput = '5'
            [[model.price]]\ntiers = ['flex']\ncached_input = '0.5'
            [[model]]\nid = 'n'\nprovider = 'p'\nmax_output = 9
            [[model.price]]\ninput = '1'\noutput = '2'
            [[model.price]]\nhours = ['01:00-02:00']\nfrom = '2025-01-01'\ninput = '2'";
        let table = PriceTable::parse(text).unwrap();
        let expected = Coverage {
            provider: "p".to_owned(),
            models: 2,
            classes: vec!["input", "cached_input", "output"],
            tiers: ["flex".to_owned()].into(),
            dated: 2,
            hourly: 1,
            long: 1,
            regional: 1,
            context: 1,
            max_output: 1,
            oldest: Some(1_735_689_600_000),
            newest: Some(1_767_225_600_000),
        };
        assert_eq!(table.coverage(), [expected]);
        assert_eq!(table.free_providers().collect::<Vec<_>>(), ["ollama"]);
    }
}
