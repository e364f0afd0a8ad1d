//! `farebox pricing check`: whether a price table can be used, what it covers, what in it is odd.

use super::{Prices, Source};
use crate::app;
use crate::cli::table::{Cell, Table};
use crate::cli::{Console, Exit, Failure};
use crate::clock::{UnixMs, rfc3339_seconds};
use crate::pricing::{Coverage, Kind, Oddity, PriceTable};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
        let config = source.config()?;
        let path = self.file.or_else(|| config.pricing.clone());
        let table = read(path.as_deref())?;
        let table = table
            .with_deployments(&config.deployments)
            .map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        let name = path.map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
        let prices = Prices { config, table };
        if console.flags.json {
            return console.json(&object(&prices, &name));
        }
        let (all, verbose) = (prices.table.oddities(), console.flags.verbose);
        console.line(&head(&prices, &name))?;
        console.table(&coverage(&prices.table.coverage()))?;
        let free: Vec<&str> = prices.table.free_providers().collect();
        if !free.is_empty() {
            console.line(&format!("\nfree: all models of {}", free.join(", ")))?;
        }
        for warning in warnings(&all, verbose) {
            console.line(&warning)?;
        }
        Ok(())
    }
}

/// A table that cannot be used fails the check, like any invariant that does not hold.
fn read(path: Option<&Path>) -> Result<PriceTable, Failure> {
    let Some(path) = path else {
        return PriceTable::builtin().map_err(|e| Failure::new(Exit::Broken, e.to_string()));
    };
    let name = path.display();
    let text = app::read_prices(path)
        .map_err(|e| Failure::new(Exit::NotFound, format!("cannot read {name}: {e}")))?;
    PriceTable::parse(&text).map_err(|e| Failure::new(Exit::Broken, format!("{name}: {e}")))
}

fn head(prices: &Prices, name: &str) -> String {
    let table = &prices.table;
    let (models, version) = (table.models().len(), table.version());
    let deployments = match prices.config.deployments.len() {
        0 => String::new(),
        1 => ", 1 deployment".to_owned(),
        n => format!(", {n} deployments"),
    };
    format!("price table {version} ({name}): {models} models{deployments}\n")
}

fn date(at: Option<UnixMs>) -> String {
    at.map_or_else(|| "-".to_owned(), rfc3339_seconds)
}

fn coverage(all: &[Coverage]) -> Table {
    let mut table = Table::new(&[
        "PROVIDER",
        "MODELS",
        "CONTEXT",
        "MAX OUTPUT",
        "CLASSES",
        "LONG",
        "REGIONAL",
        "HOURLY",
        "DATED",
        "OLDEST",
        "NEWEST",
        "TIERS",
    ]);
    for of in all {
        let counts = [
            of.models,
            of.context,
            of.max_output,
            of.classes.len(),
            of.long,
            of.regional,
            of.hourly,
        ];
        let counts = counts.into_iter().chain([of.dated]).map(|n| Cell::figure(n.to_string()));
        let tiers: Vec<&str> = of.tiers.iter().map(String::as_str).collect();
        let rest = [date(of.oldest), date(of.newest), tiers.join(" ")].map(Cell::text);
        table.row(std::iter::once(Cell::text(&of.provider)).chain(counts).chain(rest));
    }
    table
}

/// What is odd, each in a line; what many models lack, in one line for all of them.
fn warnings(all: &[Oddity], verbose: bool) -> Vec<String> {
    let is_lack = |odd: &&Oddity| matches!(odd.kind, Kind::NoContext | Kind::NoMaxOutput);
    let single = all.iter().filter(|odd| verbose || !is_lack(odd));
    let mut lines: Vec<String> = single
        .map(|Oddity { line, provider, model, message, .. }| {
            format!("warning: line {line}: `{model}` of {provider}: {message}")
        })
        .collect();
    if !verbose {
        lines.extend(lack(all, Kind::NoContext, "context"));
        lines.extend(lack(all, Kind::NoMaxOutput, "maximum output"));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn lack(all: &[Oddity], kind: Kind, what: &str) -> Option<String> {
    let mut providers: Vec<(&str, usize)> = Vec::new();
    for odd in all.iter().filter(|odd| odd.kind == kind) {
        match providers.iter_mut().find(|(provider, _)| *provider == odd.provider) {
            Some((_, count)) => *count += 1,
            None => providers.push((&odd.provider, 1)),
        }
    }
    let count: usize = providers.iter().map(|(_, count)| count).sum();
    let by_provider = providers.iter().map(|(provider, count)| format!("{provider} {count}"));
    let by_provider = by_provider.collect::<Vec<_>>().join(", ");
    (count > 0).then(|| {
        format!("warning: models without a known {what}: {count} ({by_provider}); see --verbose")
    })
}

fn object(prices: &Prices, name: &str) -> Value {
    let provider = |of: Coverage| {
        json!({
            "provider": of.provider,
            "models": of.models,
            "classes": of.classes,
            "tiers": of.tiers,
            "dated": of.dated,
            "hourly": of.hourly,
            "long": of.long,
            "regional": of.regional,
            "context_known": of.context,
            "max_output_known": of.max_output,
            "oldest": of.oldest.map(rfc3339_seconds),
            "newest": of.newest.map(rfc3339_seconds),
        })
    };
    let warning = |odd: Oddity| {
        json!({
            "kind": odd.kind.name(),
            "line": odd.line,
            "provider": odd.provider,
            "model": odd.model,
            "message": odd.message,
        })
    };
    let table = &prices.table;
    json!({
        "price_version": table.version(),
        "table": name,
        "models": table.models().len(),
        "deployments": prices.config.deployments.len(),
        "providers": table.coverage().into_iter().map(provider).collect::<Vec<_>>(),
        "free_providers": table.free_providers().collect::<Vec<_>>(),
        "warnings": table.oddities().into_iter().map(warning).collect::<Vec<_>>(),
    })
}
