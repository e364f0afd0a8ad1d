//! `farebox pricing`: what models cost, without a network. One file for each thing to do.
//!
//! Invariant: the table and the names of deployments are those that `farebox serve` would take with
//! the same file and environment; secrets are not needed and not read.

mod check;

use super::{Console, Exit, Failure};
use crate::app;
use crate::config::{Config, Environment, Overrides};
use crate::pricing::PriceTable;
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

impl Source {
    /// The configuration that a proxy would have, without its secrets.
    fn config(&self) -> Result<Config, Failure> {
        let overrides = Overrides { pricing: self.pricing.clone(), ..Overrides::default() };
        let environment = Environment::of_process().without_secrets();
        Config::load(self.config.as_deref(), &environment, &overrides)
            .map_err(|e| Failure::new(Exit::Config, e.to_string()))
    }

    /// The price table that a proxy would have.
    fn table(&self) -> Result<PriceTable, Failure> {
        Ok(app::price_table(&self.config()?)?)
    }
}

impl Pricing {
    /// Does it.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        match self.action {
            Action::Check(check) => check.run(&self.source, console),
        }
    }
}
