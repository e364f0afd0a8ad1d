//! Prices of public lists, brought into a table: text in, a plan and a new text out. No files, no
//! network, and none of their code: `literal` reads data, `genai` and `litellm` say what it means,
//! `merge` puts it beside what the table has, `write` changes the table's text.
//!
//! Invariants: what is not understood is refused with its line, never passed over. What a source
//! does not say stays as the table has it. The same data twice changes nothing.

mod decimal;
mod genai;
mod genai_prices;
mod litellm;
mod litellm_keys;
mod literal;
mod merge;
mod node;
mod plan;
mod write;

pub use plan::{Accepted, BadSource, Disagreement, ModelChange, Plan, plan};
pub use write::{Stamp, write};

use super::class::Class;
use super::document::Fault;
use super::exact::Exact;
use super::file::{self, BadPricing, Contents, Entry};
use super::listed::Dated;
use super::rates::Named;
use globset::{GlobBuilder, GlobMatcher};
use litellm::CostMap;
use node::Node;
use std::collections::BTreeSet;

/// What a source lists for one model.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The provider, as our table calls it.
    pub provider: String,
    /// The id at the provider.
    pub id: String,
    /// The line in the source.
    pub line: usize,
    /// Other exact names.
    pub names: Vec<String>,
    /// Input tokens at most.
    pub context: Option<u64>,
    /// Output tokens at most.
    pub max_output: Option<u64>,
    /// The prices.
    pub list: Vec<Dated>,
}

impl Offer {
    /// Whether all its prices are zero: a gift, or something that the source does not know.
    pub fn costs_nothing(&self) -> bool {
        let zero = |prices: &Named| {
            Class::ALL.iter().all(|class| prices.get(*class).unwrap_or_default() == Exact::ZERO)
        };
        let long = |dated: &Dated| dated.long.as_ref().is_none_or(|long| zero(&long.prices));
        self.list.iter().all(|dated| zero(&dated.prices) && long(dated))
    }
}

/// The texts of the sources, read as trees.
#[derive(Debug)]
pub struct Sources {
    main: Node,
    cross: Option<Node>,
}

impl Sources {
    /// Reads genai-prices' list, as a Python module or as JSON.
    pub fn genai_prices(text: &str) -> Result<Self, Fault> {
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        let main = match begins.starts_with(['[', '{']) {
            true => literal::json(text)?,
            false => literal::module(text, "providers")?,
        };
        Ok(Self { main, cross: None })
    }

    /// Adds LiteLLM's cost map, as JSON.
    pub fn cross_check(&mut self, text: &str) -> Result<(), Fault> {
        self.cross = Some(literal::json(text)?);
        Ok(())
    }

    /// The list of providers; newer JSON has it beside the units.
    fn providers(&self) -> Result<&Node, Fault> {
        let Ok(fields) = self.main.fields("") else { return Ok(&self.main) };
        let unknown = fields.iter().find(|f| !["providers", "units"].contains(&&*f.name));
        if let Some(unknown) = unknown {
            return Err(genai::unknown(unknown));
        }
        let providers = fields.iter().find(|field| field.name == "providers");
        providers.map(|field| &field.value).ok_or_else(|| self.main.is_not("a list of providers"))
    }

    fn cost_map(&self) -> Result<Option<CostMap<'_>>, Fault> {
        self.cross.as_ref().map(CostMap::of).transpose()
    }
}

/// What of a source concerns a table.
pub struct Scope<'a> {
    table: &'a Contents,
    providers: BTreeSet<&'a str>,
    left_out: Vec<GlobMatcher>,
}

impl<'a> Scope<'a> {
    /// The providers of the table, or those that are asked for; without what the table leaves out.
    pub fn of(table: &'a Contents, asked: &'a [String]) -> Result<Self, BadPricing> {
        let own = table.entries.iter().map(|entry| entry.model.provider.as_str());
        let providers = match asked {
            [] => own.collect(),
            asked => asked.iter().map(String::as_str).collect(),
        };
        let glob = |text: &String| {
            let glob = GlobBuilder::new(text).literal_separator(false).build();
            let message = |error| format!("`leave_out`: `{text}`: {error}");
            let fault = |error| BadPricing(Fault { line: None, message: message(error) });
            Ok(glob.map_err(fault)?.compile_matcher())
        };
        let left_out = table.leave_out.iter().map(glob).collect::<Result<_, BadPricing>>()?;
        Ok(Self { table, providers, left_out })
    }

    fn has_provider(&self, provider: &str) -> bool {
        self.providers.contains(provider)
    }

    /// Whether the table does not want a model that it does not have.
    fn leaves_out(&self, provider: &str, id: &str) -> bool {
        let name = format!("{provider}/{id}");
        self.entry(provider, id).is_none() && self.left_out.iter().any(|glob| glob.is_match(&name))
    }

    fn entry(&self, provider: &str, id: &str) -> Option<&'a Entry> {
        self.table.entry(provider, id)
    }

    /// Whether a model of the provider has this name.
    fn has_name(&self, provider: &str, name: &str) -> bool {
        let own = self.table.entries.iter().filter(|entry| entry.model.provider == provider);
        let mut names =
            own.flat_map(|entry| std::iter::once(&entry.model.id).chain(&entry.aliases));
        names.any(|own| own == name)
    }

    /// The id of the model that the table says is listed under another name.
    fn our_id(&self, provider: &str, listed_as: &str) -> Option<String> {
        let named = |entry: &&Entry| {
            entry.model.provider == provider
                && entry.origin.source.is_none()
                && entry.origin.listed_as.as_deref() == Some(listed_as)
        };
        self.table.entries.iter().find(named).map(|entry| entry.model.id.clone())
    }
}

/// Reads the table that is to be changed.
pub fn table(text: &str) -> Result<Contents, BadPricing> {
    file::read(text)
}
