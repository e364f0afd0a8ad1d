//! Compares charges with those of genai-prices itself: `make oracle`.
//!
//! The lines on standard input are those of `cases.py`: a usage, its terms, and what genai-prices
//! says that it costs. A line that entries of `disagreements.toml` are about must cost what those
//! lead to. Every other difference is a failure, and so is an entry that no line needs.

#![allow(clippy::unwrap_used)]

use farebox::clock::rfc3339;
use farebox::pricing::{ModelPrice, PriceTable, Terms};
use farebox::usage::Usage;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;

/// As many usages must have been compared, at least.
const LEAST: usize = 5_000;

/// A line.
#[derive(Deserialize)]
struct Case {
    provider: String,
    model: String,
    at_ms: i64,
    service_tier: Option<String>,
    speed: Option<String>,
    usage: serde_json::Value,
    /// What genai-prices says, rounded up.
    nanousd: i64,
    /// The entries that change this.
    entries: Vec<String>,
    /// What they lead to.
    explained_nanousd: i64,
}

impl Case {
    fn terms(&self) -> Terms<'_> {
        Terms {
            at: self.at_ms,
            service_tier: self.service_tier.as_deref(),
            speed: self.speed.as_deref(),
            ..Terms::default()
        }
    }

    /// The difference, for people.
    fn text(&self, model: &ModelPrice, ours: i64) -> String {
        let terms = [self.service_tier.as_deref(), self.speed.as_deref()];
        let mut text = format!("{} {} at {}", self.provider, self.model, rfc3339(self.at_ms));
        for term in terms.into_iter().flatten() {
            let _ = write!(text, ", {term}");
        }
        let _ = write!(text, ": {ours} nano-dollars here, {} there", self.nanousd);
        if !self.entries.is_empty() {
            let entries = self.entries.join("`, `");
            let _ = write!(text, ", {} after `{entries}`", self.explained_nanousd);
        }
        for line in model.explain(&Usage::from_json(&self.usage), &self.terms()) {
            let (class, quantity) = (line.class.name(), line.quantity_text());
            let _ = write!(text, "\n    {class} {quantity} at {}", line.price_text());
        }
        text
    }
}

/// What came out of all lines.
#[derive(Default)]
struct Outcome {
    compared: usize,
    names: BTreeSet<(String, String)>,
    differences: Vec<String>,
    /// How many lines each entry explains alone.
    needed: BTreeMap<String, usize>,
    explained: usize,
}

impl Outcome {
    /// Compares a line, if the table has its model at its provider.
    fn take(&mut self, table: &PriceTable, case: &Case) {
        let found = table.find(Some(&case.provider), &case.model);
        let Some(model) = found.filter(|model| model.provider == case.provider) else { return };
        let ours = model.cost(&Usage::from_json(&case.usage), &case.terms()).get();
        self.compared += 1;
        self.names.insert((case.provider.clone(), case.model.clone()));
        if ours != case.explained_nanousd {
            self.differences.push(case.text(model, ours));
        } else if ours != case.nanousd {
            self.explained += 1;
            if let [entry] = case.entries.as_slice() {
                *self.needed.entry(entry.clone()).or_default() += 1;
            }
        }
    }
}

/// The names of the listed disagreements.
fn listed() -> Vec<String> {
    #[derive(Deserialize)]
    struct List {
        disagreement: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        name: String,
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/disagreements.toml");
    let list: List = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    list.disagreement.into_iter().map(|entry| entry.name).collect()
}

fn main() -> ExitCode {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/pricing.toml"));
    let table = PriceTable::parse(&text.unwrap()).unwrap();
    let mut outcome = Outcome::default();
    for line in std::io::stdin().lines() {
        outcome.take(&table, &serde_json::from_str(&line.unwrap()).unwrap());
    }
    for difference in &outcome.differences {
        println!("{difference}");
    }
    let listed = listed();
    let idle = listed.iter().filter(|name| !outcome.needed.contains_key(*name));
    let idle: Vec<_> = idle.collect();
    for name in &idle {
        println!("`{name}` explains nothing: take it off disagreements.toml");
    }
    for (name, lines) in &outcome.needed {
        println!("{lines:6} usages differ by `{name}`");
    }
    println!(
        "{} usages of {} models: {} agree with genai-prices to the nano-dollar, {} differ by {} \
         listed disagreements, {} otherwise",
        outcome.compared,
        outcome.names.len(),
        outcome.compared - outcome.explained - outcome.differences.len(),
        outcome.explained,
        listed.len(),
        outcome.differences.len(),
    );
    let enough = outcome.compared >= LEAST;
    if !enough {
        println!("at least {LEAST} usages must be compared");
    }
    ExitCode::from(u8::from(!(enough && idle.is_empty() && outcome.differences.is_empty())))
}
