//! What genai-prices lists: providers, models and their names. Their prices are read in
//! `genai_prices`.
//!
//! Both forms are read, the module of the Python package and the JSON that is published. A field
//! that is not understood is refused; one that is understood and not needed stands in a list.

use super::genai_prices;
use super::node::{Field, Kind, Node, bad};
use super::{Offer, Scope};
use crate::pricing::document::Fault;

/// What says nothing about prices: how usage is found in answers and models by their names (Farebox
/// does both by itself), words for people, and the context (LiteLLM's figures are taken).
const OF_PROVIDER: &[&str] = &[
    "name",
    "api_pattern",
    "pricing_urls",
    "description",
    "price_comments",
    "model_match",
    "provider_match",
    "extractors",
    "fallback_model_providers",
];
const OF_MODEL: &[&str] =
    &["name", "description", "context_window", "price_comments", "deprecated", "prices_checked"];

/// Farebox's names of providers that genai-prices calls otherwise.
const PROVIDERS: &[(&str, &str)] =
    &[("google", "gemini"), ("x-ai", "xai"), ("aws", "bedrock"), ("moonshotai", "moonshot")];

/// What a source offers within the scope.
pub fn offers(providers: &Node, scope: &Scope<'_>) -> Result<Vec<Offer>, Fault> {
    let mut offers = Vec::new();
    for provider in providers.list()? {
        let fields = provider.fields("Provider")?;
        let id = wanted(fields, "id", provider)?.text()?;
        let known = PROVIDERS.iter().find(|(theirs, _)| *theirs == id).map_or(id, |(_, ours)| ours);
        if !scope.has_provider(known) {
            continue;
        }
        let within = |fault: Fault| told(fault, &format!("provider `{known}`"));
        for field in fields {
            match field.name.as_str() {
                "id" => {}
                "models" => {
                    for model in field.value.list().map_err(within)? {
                        offers.extend(offer(known, model, scope).map_err(within)?);
                    }
                }
                name if OF_PROVIDER.contains(&name) => {}
                _ => return Err(within(unknown(field))),
            }
        }
    }
    Ok(offers)
}

fn offer(provider: &str, model: &Node, scope: &Scope<'_>) -> Result<Option<Offer>, Fault> {
    let fields = model.fields("ModelInfo")?;
    let listed_as = wanted(fields, "id", model)?.text()?;
    let mut names = Vec::new();
    if let Some(clause) = fields.iter().find(|field| field.name == "match") {
        equal_names(&clause.value, &mut names)?;
    }
    let id =
        scope.our_id(provider, listed_as).unwrap_or_else(|| our_form(provider, listed_as, &names));
    // OpenRouter's ids are `author/model`; what has no author is a name of another time.
    let is_name = provider == "openrouter" && !id.contains('/');
    if is_name || scope.leaves_out(provider, listed_as) || scope.leaves_out(provider, &id) {
        return Ok(None);
    }
    let within = |fault: Fault| told(fault, &format!("model `{listed_as}`"));
    let (mut prices, mut variants) = (None, None);
    for field in fields {
        match field.name.as_str() {
            "id" | "match" => {}
            "prices" => prices = Some(&field.value),
            "price_variants" => variants = Some(&field.value),
            name if OF_MODEL.contains(&name) => {}
            _ => return Err(within(unknown(field))),
        }
    }
    let prices = prices.ok_or_else(|| within(bad(model.line, "there are no `prices`")))?;
    let kind = genai_prices::Seller { provider, id: &id };
    let list = genai_prices::list(kind, prices, variants).map_err(within)?;
    names.retain(|name| *name != id);
    Ok(Some(Offer {
        provider: provider.to_owned(),
        id,
        line: model.line,
        names,
        context: None,
        max_output: None,
        list,
    }))
}

/// The id that a call uses. Bedrock's prices of regions are those of all calls that do not say
/// `global.`; Fireworks' ids begin with the account.
fn our_form(provider: &str, listed_as: &str, names: &[String]) -> String {
    let found = match provider {
        "bedrock" => listed_as.strip_prefix("regional.").map(str::to_owned),
        "fireworks" => names.iter().find(|name| name.starts_with("accounts/")).cloned(),
        _ => None,
    };
    found.unwrap_or_else(|| listed_as.to_owned())
}

/// The names that a clause is exactly fulfilled by. Prefixes, parts and patterns are left: a name
/// is looked up exactly, and nothing is guessed.
fn equal_names(clause: &Node, names: &mut Vec<String>) -> Result<(), Fault> {
    let (kind, fields) = match &clause.kind {
        Kind::Call { name, fields, .. } => (name.as_str(), fields.as_slice()),
        _ => ("", clause.fields("clause")?),
    };
    let [field] = fields else { return Err(clause.is_not("a clause of one value")) };
    match (kind, field.name.as_str()) {
        ("ClauseEquals" | "", "equals") => names.push(field.value.text()?.to_owned()),
        ("ClauseOr" | "", "or_" | "or") => {
            for below in field.value.list()? {
                equal_names(below, names)?;
            }
        }
        ("ClauseAnd" | "", "and_" | "and")
        | ("ClauseStartsWith" | "", "starts_with")
        | ("ClauseEndsWith" | "", "ends_with")
        | ("ClauseContains" | "", "contains")
        | ("ClauseRegex" | "", "regex") => {}
        _ => return Err(unknown(field)),
    }
    Ok(())
}

fn wanted<'a>(fields: &'a [Field], name: &str, of: &Node) -> Result<&'a Node, Fault> {
    let found = fields.iter().find(|field| field.name == name);
    found.map(|field| &field.value).ok_or_else(|| bad(of.line, format!("there is no `{name}`")))
}

/// The complaint about a field that nobody expects.
pub fn unknown(field: &Field) -> Fault {
    let name: String = field.name.chars().take(80).collect();
    bad(field.line, format!("field `{name}` is not understood"))
}

/// A complaint with what it is about.
pub fn told(fault: Fault, about: &str) -> Fault {
    Fault { line: fault.line, message: format!("{about}: {}", fault.message) }
}
