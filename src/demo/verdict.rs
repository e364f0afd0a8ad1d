//! The bill beside the ledger, model by model, to the nano-dollar. Compares; decides nothing about
//! whose figure is right.

use crate::demo::provider::Bill;
use crate::ledger::{EventQuery, Registry, RegistryError};
use crate::money::NanoUsd;
use crate::usage::Usage;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How often the ledger is read again while settlements are on their way.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);
const PAGE: usize = 200;

/// One model's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pair {
    /// What the provider billed.
    pub billed: NanoUsd,
    /// What the ledger charged.
    pub charged: NanoUsd,
}

/// What the end of a demonstration found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// By model.
    pub models: BTreeMap<String, Pair>,
    /// Calls on the provider's bill.
    pub billed_calls: u64,
    /// Events in the ledger.
    pub charged_calls: u64,
    /// Calls that were refused with 429.
    pub refused: u64,
    /// Calls that failed otherwise.
    pub failed: u64,
    /// The bill is complete.
    pub bill_complete: bool,
}

impl Verdict {
    /// Reads bill and ledger, and again until they agree or a few seconds went by: settlements may
    /// still be on their way.
    pub async fn reach(
        bill: &Bill,
        registry: &dyn Registry,
        price: impl Fn(&str, &Usage, &str) -> NanoUsd,
    ) -> Result<Self, RegistryError> {
        let mut verdict = Self::read(bill, registry, &price).await?;
        for _ in 0..TRIES {
            if verdict.equal() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            verdict = Self::read(bill, registry, &price).await?;
        }
        Ok(verdict)
    }

    async fn read(
        bill: &Bill,
        registry: &dyn Registry,
        price: impl Fn(&str, &Usage, &str) -> NanoUsd,
    ) -> Result<Self, RegistryError> {
        let mut verdict = Self { bill_complete: bill.dropped() == 0, ..Self::default() };
        verdict.billed_calls = u64::try_from(bill.entries().len()).unwrap_or(u64::MAX);
        for (model, billed) in bill.totals(price) {
            verdict.models.entry(model).or_default().billed = billed;
        }
        let mut query = EventQuery { limit: PAGE, ..EventQuery::default() };
        loop {
            let page = registry.events(&query).await?;
            for event in page.entries {
                verdict.charged_calls += 1;
                let pair = verdict.models.entry(event.facts.model).or_default();
                pair.charged = pair.charged.saturating_add(event.cost);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(verdict),
            }
        }
    }

    /// Bill and ledger agree in every model and in the number of calls.
    pub fn equal(&self) -> bool {
        self.bill_complete
            && self.billed_calls == self.charged_calls
            && self.models.values().all(|pair| pair.billed == pair.charged)
    }

    /// The sums of all models.
    pub fn total(&self) -> Pair {
        self.models.values().fold(Pair::default(), |sum, pair| Pair {
            billed: sum.billed.saturating_add(pair.billed),
            charged: sum.charged.saturating_add(pair.charged),
        })
    }

    /// Equal, something was served, someone was refused, and nothing failed.
    pub fn passed(&self) -> bool {
        self.equal() && self.billed_calls > 0 && self.refused > 0 && self.failed == 0
    }

    /// For scripts.
    pub fn to_json(&self) -> serde_json::Value {
        let pair = |pair: &Pair| {
            serde_json::json!({
                "billed_nanousd": pair.billed.get(),
                "charged_nanousd": pair.charged.get(),
                "billed_usd": pair.billed.to_string(),
                "charged_usd": pair.charged.to_string(),
            })
        };
        let models: serde_json::Map<_, _> =
            self.models.iter().map(|(model, figures)| (model.clone(), pair(figures))).collect();
        serde_json::json!({
            "equal": self.equal(),
            "passed": self.passed(),
            "total": pair(&self.total()),
            "models": models,
            "billed_calls": self.billed_calls,
            "charged_calls": self.charged_calls,
            "refused": self.refused,
            "failed": self.failed,
        })
    }
}

/// The table for people.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, pair: &Pair| {
            let (billed, charged) = (pair.billed.to_string(), pair.charged.to_string());
            let mark = if pair.billed == pair.charged { "=" } else { "≠" };
            writeln!(f, "{name:<28} {billed:>16} {mark} {charged:<16}")
        };
        for (model, pair) in &self.models {
            line(model, pair)?;
        }
        line("total", &self.total())?;
        let (billed, charged) = (self.billed_calls, self.charged_calls);
        writeln!(f, "{:<28} {billed:>16} {} {charged:<16}", "calls", mark(billed == charged))?;
        writeln!(f, "refused with 429: {}, failed: {}", self.refused, self.failed)?;
        let verdict = if self.equal() { "bill = ledger" } else { "bill ≠ ledger" };
        f.write_str(verdict)
    }
}

const fn mark(equal: bool) -> &'static str {
    if equal { "=" } else { "≠" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(billed: i64, charged: i64) -> Verdict {
        let pair = Pair { billed: NanoUsd::new(billed), charged: NanoUsd::new(charged) };
        Verdict {
            models: [("gpt-5".to_owned(), pair)].into(),
            billed_calls: 1,
            charged_calls: 1,
            refused: 1,
            failed: 0,
            bill_complete: true,
        }
    }

    #[test]
    fn one_nano_dollar_is_a_difference() {
        assert!(verdict(5, 5).passed());
        assert!(!verdict(5, 4).equal());
        assert!(!Verdict { charged_calls: 2, ..verdict(5, 5) }.equal());
        assert!(!Verdict { bill_complete: false, ..verdict(5, 5) }.equal());
        assert!(!Verdict { refused: 0, ..verdict(5, 5) }.passed());
        assert!(!Verdict { failed: 1, ..verdict(5, 5) }.passed());
        assert!(!Verdict::default().passed());
    }

    #[test]
    fn it_is_printed_for_people_and_for_scripts() {
        let text = verdict(1_000_000_001, 1_000_000_000).to_string();
        assert!(text.contains("1.000000001 ≠ 1 "), "{text}");
        assert!(text.ends_with("bill ≠ ledger"));
        assert!(verdict(5, 5).to_string().ends_with("bill = ledger"));
        assert_eq!(verdict(5, 5).to_json()["total"]["charged_nanousd"], 5);
    }
}
