//! `farebox pricing check`: whether a price table can be used.

use super::Source;
use crate::cli::{Console, Failure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Validate a price table.
#[derive(Debug, Args)]
pub struct Check {
    /// The price table (default: the configured one, else the one that is built in)
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Check {
    /// Reads the whole table.
    pub fn run(self, source: &Source, console: &mut Console) -> Result<(), Failure> {
        let pricing = self.file.or_else(|| source.pricing.clone());
        let table = Source { pricing, ..source.clone() }.table()?;
        let found = json!({ "price_version": table.version(), "models": table.models().len() });
        console.either(&found, |_| {
            format!("price table {}: {} models", table.version(), table.models().len())
        })
    }
}
