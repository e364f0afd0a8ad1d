//! `farebox pricing`: what models cost, without a network. One file for each thing to do.
//!
//! Invariant: the table and the names of deployments are those that `farebox serve` would take with
//! the same file and environment; secrets are not needed and not read.

mod check;
mod cost;
mod diff;
mod import;
mod import_report;
mod quantities;
mod repricing;
mod show;
mod source_file;

use super::{Console, Exit, Failure};
use crate::app;
use crate::config::{Config, Environment, Overrides};
use crate::pricing::{Match, PriceTable};
use crate::provider::{Dialect, KNOWN};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Prices.
#[derive(Debug, Args)]
pub struct Pricing {
    /// What to do with them.
    #[command(subcommand)]
    pub action: Action,
    /// Where they come from.
    #[command(flatten)]
    pub source: Source,
}

/// What to do with prices.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Validate a price table, and say what it covers
    Check(check::Check),
    /// Show all prices of a model, and why its name means it
    Show(show::Show),
    /// Say what a call costs
    Cost(Box<cost::Cost>),
    /// Compare prices of public lists with a table, and write them into it
    Import(import::Import),
    /// Say what a new table would have cost for the calls of a time
    Diff(diff::Diff),
}

/// Where prices come from.
#[derive(Debug, Clone, Default, Args)]
pub struct Source {
    /// A price table instead of the configured one
    #[arg(long, global = true, value_name = "FILE")]
    pub pricing: Option<PathBuf>,
    /// The configuration file (default: farebox.toml, if there is one)
    #[arg(long, global = true, env = "FAREBOX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Pricing {
    /// Does it.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        match self.action {
            Action::Check(check) => check.run(&self.source, console),
            Action::Show(show) => show.run(&self.source, console),
            Action::Cost(cost) => cost.run(&self.source, console),
            Action::Import(import) => import.run(&self.source, console),
            Action::Diff(diff) => diff.run(&self.source, console).await,
        }
    }
}

impl Source {
    /// The configuration that a proxy would have, without its secrets.
    fn config(&self) -> Result<Config, Failure> {
        let overrides = Overrides { pricing: self.pricing.clone(), ..Overrides::default() };
        let environment = Environment::of_process().without_secrets();
        Config::load(self.config.as_deref(), &environment, &overrides)
            .map_err(|e| Failure::new(Exit::Config, e.to_string()))
    }

    /// The text of the price table that a proxy would have.
    fn text(&self) -> Result<String, Failure> {
        let Some(path) = self.config()?.pricing else {
            return Ok(PriceTable::builtin_text().to_owned());
        };
        let told = |why| Failure::new(Exit::Config, format!("{}: {why}", path.display()));
        app::read_prices(&path).map_err(told)
    }

    /// The prices that a proxy would have.
    fn prices(&self) -> Result<Prices, Failure> {
        let config = self.config()?;
        let table = app::price_table(&config)?;
        Ok(Prices { config, table })
    }
}

/// The prices that a proxy would have, and its configuration.
struct Prices {
    config: Config,
    table: PriceTable,
}

impl Prices {
    /// The model that a name means, at a provider where one is named.
    fn find<'t, 'n>(
        &'t self,
        provider: Option<&str>,
        name: &'n str,
    ) -> Result<Match<'t, 'n>, Failure> {
        if let Some(provider) = provider {
            self.check_provider(provider)?;
        }
        self.table.lookup_named(provider, name).ok_or_else(|| self.unknown(provider, name))
    }

    fn unknown(&self, provider: Option<&str>, name: &str) -> Failure {
        let at = provider.map(|provider| format!(" at `{provider}`")).unwrap_or_default();
        let failure = Failure::new(Exit::NotFound, format!("no price for `{name}`{at}"));
        let near = self.table.nearest(provider, name);
        match near.is_empty() {
            false => failure.hint(format!("did you mean {}?", listed(&near))),
            true if name.starts_with("arn:") => failure.hint(format!(
                "say what it is in farebox.toml: [providers.{}] models = {{ \"{name}\" = \"MODEL\" }}",
                provider.unwrap_or("bedrock")
            )),
            true => failure.hint("`farebox pricing check --json` lists the providers"),
        }
    }

    fn check_provider(&self, name: &str) -> Result<(), Failure> {
        let known = KNOWN.iter().map(|known| known.name);
        let dialects = Dialect::ALL.iter().map(|dialect| dialect.name());
        let configured = self.config.providers.iter().map(|provider| provider.name.as_str());
        let mut names = known.chain(dialects).chain(configured);
        if self.table.has_provider(name) || names.any(|known| known == name) {
            return Ok(());
        }
        let message = format!("there is no provider `{name}`");
        let mut all: Vec<String> =
            self.table.coverage().into_iter().map(|of| of.provider).collect();
        all.extend(self.config.providers.iter().map(|provider| provider.name.clone()));
        Err(Failure::new(Exit::NotFound, message).hint(format!("there are {}", all.join(", "))))
    }
}

/// `` `a`, `b` or `c` ``.
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}
