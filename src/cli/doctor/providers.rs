//! Upstream services: is there one, and has each a credential.

use super::finding::{Finding, Group};
use crate::config::Config;
use crate::provider::Provider;

const GROUP: Group = Group::Providers;

/// What is configured; nobody is asked.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let findings: Vec<Finding> = config.providers.iter().map(|provider| one(provider)).collect();
    if findings.is_empty() {
        let hint = "set OPENAI_API_KEY or the variable of another one, or [providers.NAME]";
        return vec![GROUP.warning("none", "no provider is configured", hint)];
    }
    findings
}

fn one(provider: &Provider) -> Finding {
    let name = &provider.name;
    match provider.credentials.len() {
        0 if keyless(name) => GROUP.ok("credentials", format!("{name} needs no credential")),
        0 => {
            let hint = format!("add [[providers.{name}.credentials]], or its usual variable");
            GROUP.warning("credentials", format!("{name} has no credential"), hint)
        }
        1 => GROUP.ok("credentials", format!("{name} has 1 credential")),
        count => GROUP.ok("credentials", format!("{name} has {count} credentials")),
    }
}

/// Whether its vendor asks for no key.
pub(in crate::cli) fn keyless(name: &str) -> bool {
    matches!(name, "ollama" | "llamacpp" | "lmstudio" | "vllm")
}
