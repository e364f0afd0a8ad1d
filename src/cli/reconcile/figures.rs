//! What both sides say, by day and model. Pure.
//!
//! Invariant: dated snapshots of a model are one model, because a call may name the model without
//! its date and the bill with it.

use super::amount::Amount;
use std::collections::BTreeMap;

/// Characters of a model's name that are kept.
const LONGEST_NAME: usize = 200;

/// Tokens; the cached and the written ones are parts of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) cache_writes: u64,
    pub(super) output: u64,
}

impl Tokens {
    /// Input and output together.
    pub(super) const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Adds others.
    pub(super) const fn add(&mut self, more: &Self) {
        self.input = self.input.saturating_add(more.input);
        self.cached = self.cached.saturating_add(more.cached);
        self.cache_writes = self.cache_writes.saturating_add(more.cache_writes);
        self.output = self.output.saturating_add(more.output);
    }
}

/// What one side says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Used {
    pub(super) requests: u64,
    pub(super) tokens: Tokens,
    pub(super) dollars: Amount,
}

impl Used {
    pub(super) fn add(&mut self, more: &Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.tokens.add(&more.tokens);
        self.dollars = self.dollars.plus(more.dollars);
    }
}

/// What both sides say of one model on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pair {
    pub(super) ledger: Used,
    pub(super) provider: Used,
    /// Calls whose charges are in the ledger's dollars; each was rounded up to a nano-dollar.
    pub(super) charges: u64,
    /// Charges among them that are estimates, and their dollars.
    pub(super) estimated: u64,
    pub(super) estimated_dollars: Amount,
    /// The provider counts this in units other than tokens.
    pub(super) tokens_untold: bool,
}

/// By day and model.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<(String, String), Pair>);

impl Figures {
    /// The pair of a model on a day. The name is cut to what a terminal may be shown.
    pub(super) fn of(&mut self, day: String, model: &str) -> &mut Pair {
        let shown = undated(model).chars().filter(|c| !c.is_control()).take(LONGEST_NAME);
        self.0.entry((day, shown.collect())).or_default()
    }

    /// Day, model and pair of each.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str, &Pair)> {
        self.0.iter().map(|((day, model), pair)| (day.as_str(), model.as_str(), pair))
    }
}

/// A model's name without the date of its snapshot: `-2026-03-05`, `-20250929`, `-0613`, `-latest`.
fn undated(model: &str) -> &str {
    if let Some(name) = model.strip_suffix("-latest").filter(|name| !name.is_empty()) {
        return name;
    }
    let is_date = |text: &str| {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
        let number = |from: usize| {
            let pair = digits.get(from..from + 2)?;
            std::str::from_utf8(pair).ok()?.parse::<u8>().ok()
        };
        let (year, month) = match (text.len(), digits.len()) {
            (10, 8) if text.split('-').map(str::len).eq([4, 2, 2]) => (number(0), number(4)),
            (8, 8) => (number(0), number(4)),
            (4, 4) => (Some(20), number(0)),
            _ => return false,
        };
        let day = number(digits.len() - 2);
        year == Some(20)
            && month.is_some_and(|month| (1..=12).contains(&month))
            && day.is_some_and(|day| (1..=31).contains(&day))
    };
    for length in [10, 8, 4] {
        let Some(at) = model.len().checked_sub(length + 1) else { continue };
        let (Some(name), Some(end)) = (model.get(..at), model.get(at..)) else { continue };
        if !name.is_empty() && end.strip_prefix('-').is_some_and(is_date) {
            return name;
        }
    }
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_to_a_terminal() {
        let mut figures = Figures::default();
        figures.of("d".to_owned(), "m\u{1b}[31m\n-latest").charges = 1;
        let names: Vec<_> = figures.pairs().map(|(_, model, _)| model).collect();
        assert_eq!(names, ["m[31m"]);
    }

    #[test]
    fn snapshots_are_one_model() {
        for (model, name) in [
            ("gpt-5.4-2026-03-05", "gpt-5.4"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("gpt-4-0613", "gpt-4"),
            ("mistral-large-latest", "mistral-large"),
            ("gpt-5.4", "gpt-5.4"),
            ("claude-opus-4-5", "claude-opus-4-5"),
            ("model-2026-13-05", "model-2026-13-05"),
            ("text-embedding-ada-002", "text-embedding-ada-002"),
            ("whisper-1", "whisper-1"),
            ("llama-4096", "llama-4096"),
            ("-2026-03-05", "-2026-03-05"),
            ("ä-0613", "ä"),
            ("web search tool calls", "web search tool calls"),
        ] {
            assert_eq!(undated(model), name);
        }
    }
}
