//! `farebox check`: whether a proxy would start with this configuration. Reads files only; nothing
//! is bound, opened or asked.

use super::doctor::keyless;
use super::serve::ServeArgs;
use super::{Console, Exit, Failure};
use crate::app;
use crate::config::Config;
use crate::pricing::PriceTable;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Display;

/// Say whether a proxy would start with this configuration, without a network.
#[derive(Debug, Args)]
pub struct Check {
    /// Where the configuration comes from
    #[command(flatten)]
    pub from: ServeArgs,
}

impl Check {
    /// Checks the configuration, its price table and its certificate; exit status 78 for what is bad.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let config = self.from.load().map_err(|e| bad(&e))?;
        let prices = app::price_table(&config).map_err(|e| bad(&e))?;
        app::tls(&config).map_err(|e| bad(&e))?;
        let found = found(&config, &prices);
        console.either(&found, written)?;
        for name in without_credential(&config) {
            console.warn(&format!(
                "provider `{name}` has no credential: calls go there without a key"
            ));
        }
        if config.providers.default_provider().is_none() {
            console.warn("no provider is configured: every call would be refused");
        }
        Ok(())
    }
}

fn bad(error: &dyn Display) -> Failure {
    Failure::new(Exit::Config, error.to_string())
}

fn found(config: &Config, prices: &PriceTable) -> Value {
    let providers: Vec<Value> = config
        .providers
        .iter()
        .map(|provider| {
            let credentials: Vec<&str> =
                provider.credentials.iter().map(|c| c.name.as_str()).collect();
            json!({"name": provider.name, "credentials": credentials})
        })
        .collect();
    json!({
        "ok": true,
        "providers": providers,
        "routes": config.providers.routes().len(),
        "models": prices.models().len(),
        "price_version": prices.version(),
    })
}

fn written(found: &Value) -> String {
    let mut lines = vec!["the configuration is fine".to_owned()];
    for provider in found["providers"].as_array().into_iter().flatten() {
        let count = provider["credentials"].as_array().map_or(0, Vec::len);
        let name = provider["name"].as_str().unwrap_or_default();
        let noun = if count == 1 { "credential" } else { "credentials" };
        lines.push(format!("  provider {name}: {count} {noun}"));
    }
    lines.push(format!("  {} routes, {} models with a price", found["routes"], found["models"]));
    lines.join("\n")
}

/// Providers that a call reaches without a key, where the vendor asks for one.
fn without_credential(config: &Config) -> impl Iterator<Item = &str> {
    let all = config.providers.iter();
    all.filter(move |p| p.credentials.is_empty() && !keyless(&p.name)).map(|p| p.name.as_str())
}
