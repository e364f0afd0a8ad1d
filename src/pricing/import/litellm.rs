//! What LiteLLM's cost map lists: one entry for each model under the name that it is called by.
//!
//! It knows no dates and no hours: its prices are those of the day on which it was published.

use super::decimal;
use super::genai::told;
use super::genai_prices::in_counts;
use super::litellm_keys::{self, Key};
use super::node::{Field, Node, bad};
use super::{Offer, Scope};
use crate::clock::UnixMs;
use crate::pricing::class::{Class, PerClass};
use crate::pricing::document::Fault;
use crate::pricing::exact::Exact;
use crate::pricing::listed::{Condition, Dated};
use crate::pricing::rates::{Named, Threshold};
use crate::pricing::tiers::Long;
use std::collections::HashMap;

/// What stands before the id of a provider's model; the empty one where nothing does.
const PREFIXES: &[(&str, &[&str])] = &[
    ("anthropic", &["", "anthropic/"]),
    ("azure", &["azure/"]),
    ("bedrock", &["", "bedrock/"]),
    ("cloudflare", &["cloudflare/"]),
    ("cohere", &["", "cohere/"]),
    ("databricks", &["databricks/"]),
    ("deepseek", &["deepseek/", ""]),
    ("fireworks", &["fireworks_ai/"]),
    ("gemini", &["gemini/", ""]),
    ("groq", &["groq/"]),
    ("mistral", &["mistral/"]),
    ("moonshot", &["moonshot/"]),
    ("openai", &["", "openai/"]),
    ("openrouter", &["openrouter/"]),
    ("perplexity", &["perplexity/"]),
    ("together", &["together_ai/"]),
    ("xai", &["xai/"]),
];

/// The cost map.
#[derive(Debug)]
pub struct CostMap<'a> {
    entries: HashMap<&'a str, &'a Field>,
}

impl<'a> CostMap<'a> {
    /// The map in a document.
    pub fn of(document: &'a Node) -> Result<Self, Fault> {
        let fields = document.fields("")?;
        Ok(Self { entries: fields.iter().map(|field| (field.name.as_str(), field)).collect() })
    }

    /// What is listed for a model of ours: under the name that our table has for it, else under its
    /// id behind what LiteLLM puts before ids of that provider.
    pub fn offer(
        &self,
        provider: &str,
        id: &str,
        listed_as: Option<&str>,
        scope: &Scope<'_>,
    ) -> Result<Option<Offer>, Fault> {
        let prefixes = PREFIXES.iter().find(|(name, _)| *name == provider);
        let prefixes = prefixes.map_or([""].as_slice(), |(_, prefixes)| prefixes);
        let by_id = || prefixes.iter().find_map(|p| self.entries.get(format!("{p}{id}").as_str()));
        let entry = match listed_as {
            Some(name) => self.entries.get(name),
            None => by_id(),
        };
        let Some(entry) = entry else { return Ok(None) };
        if !scope.has_provider(provider) {
            return Ok(None);
        }
        let offer = read(provider, id, entry);
        offer.map(Some).map_err(|fault| told(fault, &format!("model `{}`", entry.name)))
    }
}

fn read(provider: &str, id: &str, entry: &Field) -> Result<Offer, Fault> {
    let fields = entry.value.fields("")?;
    let whole = |name: &str| {
        let found = fields.iter().find(|field| field.name == name);
        found.and_then(|field| field.value.whole().ok()).filter(|figure| *figure > 0)
    };
    let mut list: Vec<Dated> = Vec::new();
    for field in fields.iter().filter(|field| !field.value.is_nothing()) {
        match litellm_keys::field(&field.name) {
            litellm_keys::Field::Unused => {}
            litellm_keys::Field::Unknown => {
                return Err(bad(field.line, format!("field `{}` is not understood", field.name)));
            }
            litellm_keys::Field::Price(key) => {
                let price = price(field, key.class)?;
                set(&mut list, &key, price).map_err(|message| bad(field.line, message))?;
            }
        }
    }
    once_only(&mut list);
    Ok(Offer {
        provider: provider.to_owned(),
        id: id.to_owned(),
        line: entry.line,
        names: Vec::new(),
        context: whole("max_input_tokens"),
        max_output: whole("max_output_tokens"),
        list,
    })
}

/// LiteLLM lists prices by the token and, beside them, what that makes for an image or a second. Such
/// a model is paid by the token. A cache that costs nothing to write is one that is not written.
fn once_only(list: &mut [Dated]) {
    let some = |dated: &Dated, class| dated.prices.get(class).is_some_and(|p| p > Exact::ZERO);
    let tokens = [Class::Input, Class::Output, Class::ImageOutput, Class::AudioInput];
    let by_tokens = list.iter().any(|dated| tokens.iter().any(|class| some(dated, *class)));
    for dated in list {
        if by_tokens {
            for class in [Class::Image, Class::AudioSecond, Class::Character] {
                dated.prices.set(class, None);
            }
        }
        for class in [Class::CacheWrite, Class::CacheWrite1h, Class::CacheWrite12h] {
            if dated.prices.get(class) == Some(Exact::ZERO) {
                dated.prices.set(class, None);
            }
        }
    }
}

/// A table's standard price names input and output, if only to say that they cost nothing.
pub fn complete(offer: &mut Offer) {
    let standard = at(&mut offer.list, &Condition::Standard);
    for class in [Class::Input, Class::Output] {
        if standard.prices.get(class).is_none() {
            standard.prices.set(class, Some(Exact::ZERO));
        }
    }
}

fn price(field: &Field, class: Class) -> Result<Exact, Fault> {
    let told = |message| bad(field.line, format!("`{}`: {message}", field.name));
    let text = field.value.decimal()?;
    Ok(in_counts(class, decimal::of_fraction(text).map_err(told)?))
}

fn at<'a>(list: &'a mut Vec<Dated>, condition: &Condition) -> &'a mut Dated {
    let place = list.iter().position(|dated| dated.condition == *condition);
    let place = place.unwrap_or_else(|| {
        let prices = PerClass::all(None);
        list.push(Dated { condition: condition.clone(), from: UnixMs::MIN, prices, long: None });
        list.len().saturating_sub(1)
    });
    &mut list[place]
}

fn set(list: &mut Vec<Dated>, key: &Key, price: Exact) -> Result<(), String> {
    let condition = key.tier.map_or(Condition::Standard, |tier| Condition::Tier(tier.to_owned()));
    let dated = at(list, &condition);
    let prices: &mut Named = match key.above {
        None => &mut dated.prices,
        Some(tokens) => {
            let threshold = Threshold { tokens, inclusive: false };
            let empty = || Long { threshold, prices: PerClass::all(None) };
            let long = dated.long.get_or_insert_with(empty);
            if long.threshold != threshold {
                return Err("a price with more than one threshold cannot be expressed".to_owned());
            }
            &mut long.prices
        }
    };
    prices.set(key.class, Some(price));
    Ok(())
}
