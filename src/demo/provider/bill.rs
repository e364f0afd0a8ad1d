//! The provider's own bill: what it served, to whom it never matters.
//!
//! It is written by the provider alone, from what it generated, and is the independent record
//! that a ledger is compared with. It is not the usage block: an answer whose block is left out or
//! made to lie is billed by its true figures. Each answer is entered exactly once.

use super::extras::Extras;
use super::plan::Plan;
use super::route::Endpoint;
use super::tokens::Tokens;
use super::vendor::Vendor;
use crate::clock::{Clock, UnixMs};
use crate::money::NanoUsd;
use crate::usage::Usage;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Entries that are kept; later ones are only counted, and a bill that dropped entries says so.
const MAX_ENTRIES: usize = 2_000_000;

/// What one answer is billed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillEntry {
    /// The request's id as its header named it, else `sim-N`.
    pub request: String,
    /// The model that was served.
    pub model: Arc<str>,
    /// The tier that was served.
    pub tier: Arc<str>,
    /// What was generated.
    pub tokens: Tokens,
    /// What else was: shares of the tokens, and other units.
    pub extras: Extras,
    /// The answer was sent to its end.
    pub finished: bool,
    /// When it ended.
    pub at: UnixMs,
    /// Whose API it was asked of.
    pub(super) vendor: Vendor,
    /// What was sold.
    pub(super) endpoint: Endpoint,
}

impl BillEntry {
    /// The figures in the form that prices are applied to.
    pub fn usage(&self) -> Usage {
        let units_only = self.tokens == Tokens::default() && !self.extras.is_empty();
        let mut usage = if units_only { Usage::default() } else { self.tokens.usage() };
        self.extras.add_to(&mut usage);
        usage
    }
}

/// The bill. Clones are the same bill.
#[derive(Debug, Clone)]
pub struct Bill {
    pages: Arc<Mutex<Pages>>,
    clock: Clock,
    unended: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Pages {
    entries: Vec<BillEntry>,
    calls: u64,
    refused: u64,
    dropped: u64,
}

impl Default for Bill {
    fn default() -> Self {
        Self::dated(Clock::system())
    }
}

impl Bill {
    /// An empty bill whose entries are dated by `clock`.
    pub(super) fn dated(clock: Clock) -> Self {
        Self { pages: Arc::default(), clock, unended: watch::Sender::new(0) }
    }

    /// The clock that dates the entries.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Shows all entries to `look`. Nothing is entered meanwhile.
    pub(super) fn shown_to<T>(&self, look: impl FnOnce(&[BillEntry]) -> T) -> T {
        look(&self.pages.lock().entries)
    }

    /// All entries, in the order in which the answers ended.
    pub fn entries(&self) -> Vec<BillEntry> {
        self.pages.lock().entries.clone()
    }

    /// Requests that arrived at a metered endpoint, refused ones included.
    pub fn calls(&self) -> u64 {
        self.pages.lock().calls
    }

    /// Requests among them that got an error and are not billed.
    pub fn refused(&self) -> u64 {
        self.pages.lock().refused
    }

    /// Entries that had no room; where this is not 0, the bill is not complete.
    pub fn dropped(&self) -> u64 {
        self.pages.lock().dropped
    }

    /// What each model costs by `price`, which is given model, usage and tier.
    pub fn totals(
        &self,
        price: impl Fn(&str, &Usage, &str) -> NanoUsd,
    ) -> BTreeMap<String, NanoUsd> {
        let mut totals = BTreeMap::new();
        for entry in &self.pages.lock().entries {
            let cost = price(&entry.model, &entry.usage(), &entry.tier);
            let total = totals.entry(entry.model.to_string()).or_insert(NanoUsd::ZERO);
            *total = total.saturating_add(cost);
        }
        totals
    }

    /// Waits until no answer is being served, for `limit` at most; whether that was reached.
    pub async fn quiet(&self, limit: Duration) -> bool {
        let mut open = self.unended.subscribe();
        tokio::time::timeout(limit, open.wait_for(|open| *open == 0)).await.is_ok()
    }

    /// Forgets everything but the answers being served.
    pub fn reset(&self) {
        *self.pages.lock() = Pages::default();
    }

    /// The whole bill as JSON: counts, totals by model, entries.
    pub fn to_json(&self) -> serde_json::Value {
        let pages = self.pages.lock();
        let mut models = BTreeMap::<String, (u64, Usage)>::new();
        for entry in &pages.entries {
            let (calls, usage) = models.entry(entry.model.to_string()).or_default();
            *calls += 1;
            for (figure, count) in entry.usage().reported() {
                usage.set(figure, usage.count(figure).saturating_add(count));
            }
        }
        let totals: serde_json::Map<_, _> = models
            .into_iter()
            .map(|(model, (calls, usage))| {
                (model, serde_json::json!({"calls": calls, "usage": usage.to_json()}))
            })
            .collect();
        serde_json::json!({
            "calls": pages.calls,
            "refused": pages.refused,
            "dropped": pages.dropped,
            "open": *self.unended.borrow(),
            "totals": totals,
            "entries": pages.entries.iter().map(entry_json).collect::<Vec<_>>(),
        })
    }

    /// Counts a request at a metered endpoint; gives its number.
    pub(super) fn arrived(&self) -> u64 {
        let mut pages = self.pages.lock();
        pages.calls += 1;
        pages.calls
    }

    /// Counts a request that was answered with an error.
    pub(super) fn turned_away(&self) {
        self.pages.lock().refused += 1;
    }

    /// Opens the entry of what was planned.
    pub(super) fn open(&self, plan: &Plan, request: String) -> Serving {
        let entry = BillEntry {
            request,
            model: plan.model.as_str().into(),
            tier: plan.tier.as_str().into(),
            tokens: plan.tokens,
            extras: plan.extras.clone(),
            finished: false,
            at: 0,
            vendor: plan.order.vendor,
            endpoint: plan.order.endpoint,
        };
        self.serve(entry).of(plan.parts())
    }

    /// Opens an entry, which is entered when the serving ends.
    fn serve(&self, entry: BillEntry) -> Serving {
        self.unended.send_modify(|open| *open += 1);
        Serving { bill: self.clone(), entry: Some(entry), generated: 0, parts: 0 }
    }

    fn enter(&self, mut entry: BillEntry) {
        let mut pages = self.pages.lock();
        entry.at = self.clock.now();
        if pages.entries.len() < MAX_ENTRIES {
            pages.entries.push(entry);
        } else {
            pages.dropped += 1;
        }
        drop(pages);
        self.unended.send_modify(|open| *open = open.saturating_sub(1));
    }
}

fn entry_json(entry: &BillEntry) -> serde_json::Value {
    serde_json::json!({
        "request": entry.request,
        "model": &*entry.model,
        "tier": &*entry.tier,
        "usage": entry.usage().to_json(),
        "finished": entry.finished,
    })
}

/// An answer being served. Dropped before [`Serving::finish`], it is billed for its input and for
/// what was generated so far.
#[derive(Debug)]
pub(super) struct Serving {
    bill: Bill,
    entry: Option<BillEntry>,
    generated: u64,
    parts: u64,
}

impl Serving {
    /// How many parts the answer's text has.
    fn of(mut self, parts: u64) -> Self {
        self.parts = parts;
        self
    }

    /// So many parts were generated.
    pub(super) fn generated(&mut self, parts: u64) {
        self.generated = parts;
    }

    /// The answer was made to its end.
    pub(super) fn finish(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.finished = true;
            self.bill.enter(entry);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.tokens = entry.tokens.so_far(self.generated, self.parts);
            entry.extras = entry.extras.so_far(self.generated, self.parts);
            self.bill.enter(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Figure;

    fn entry(model: &str) -> BillEntry {
        let tokens = Tokens { input: 10, output: 100, reasoning: 20, ..Tokens::default() };
        BillEntry {
            request: "sim-1".to_owned(),
            model: model.into(),
            tier: "default".into(),
            tokens,
            extras: Extras::default(),
            finished: false,
            at: 0,
            vendor: Vendor::OpenAi,
            endpoint: Endpoint::Chat,
        }
    }

    #[tokio::test]
    async fn every_answer_is_entered_once_however_it_ends() {
        let bill = Bill::default();
        let mut whole = bill.serve(entry("a")).of(8);
        let mut left = bill.serve(entry("a")).of(8);
        let unseen = bill.serve(entry("b")).of(8);
        whole.generated(8);
        whole.finish();
        whole.finish();
        drop(whole);
        left.generated(2);
        assert!(!bill.quiet(Duration::ZERO).await);
        drop(left);
        drop(unseen);
        assert!(bill.quiet(Duration::ZERO).await);
        let output: Vec<_> = bill.entries().iter().map(|e| (e.tokens.output, e.finished)).collect();
        assert_eq!(output, [(100, true), (40, false), (0, false)]);
    }

    #[test]
    fn totals_are_by_model_and_by_the_given_price() {
        let bill = Bill::default();
        bill.serve(entry("a")).finish();
        bill.serve(entry("a")).finish();
        bill.serve(entry("b")).finish();
        let price = |_: &str, usage: &Usage, tier: &str| {
            assert_eq!(tier, "default");
            NanoUsd::new(usage.count(Figure::OutputTotal) as i64)
        };
        let totals = bill.totals(price);
        assert_eq!(totals["a"], NanoUsd::new(200));
        assert_eq!(totals["b"], NanoUsd::new(100));
        assert_eq!(bill.to_json()["totals"]["a"]["usage"]["input_tokens_total"], 20);
        bill.reset();
        assert!(bill.entries().is_empty());
    }
}
