//! The comparison: what the provider has and the ledger has not, row by row and in total. Pure.
//!
//! Invariants: a difference is the provider's figure less the ledger's; what rounding each call up
//! to a nano-dollar makes is no difference; tokens count only where both sides tell them.

use super::amount::Amount;
use super::figures::{Figures, Pair};
use super::percent::{Tolerance, share};

/// What a provider's report tells beside input, output and dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) requests: bool,
    pub(super) cached: bool,
    pub(super) cache_writes: bool,
}

/// One model on one day, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Row {
    pub(super) day: String,
    pub(super) model: String,
    pub(super) pair: Pair,
}

impl Row {
    /// Dollars that the ledger has not. What rounding makes is none.
    pub(super) fn dollars(&self) -> Amount {
        let difference = self.pair.provider.dollars.minus(self.pair.ledger.dollars);
        let most = i64::try_from(self.pair.charges).unwrap_or(i64::MAX);
        let rounded = Amount::ZERO.minus(Amount::nanos(most));
        if rounded <= difference && difference <= Amount::ZERO {
            return Amount::ZERO;
        }
        difference
    }

    /// Requests that the ledger has not.
    pub(super) fn requests(&self) -> i128 {
        i128::from(self.pair.provider.requests) - i128::from(self.pair.ledger.requests)
    }

    /// Tokens that the ledger has not; 0 where they are not told.
    pub(super) fn tokens(&self) -> i128 {
        if self.pair.tokens_untold {
            return 0;
        }
        i128::from(self.pair.provider.tokens.total()) - i128::from(self.pair.ledger.tokens.total())
    }

    /// The dollars in per cent of the provider's, which may have none.
    pub(super) fn percent(&self) -> Option<String> {
        share(self.dollars().units(), self.pair.provider.dollars.units())
    }

    fn add(&mut self, pair: &Pair) {
        let sum = &mut self.pair;
        let (mut ledger, mut provider) = (pair.ledger, pair.provider);
        if pair.tokens_untold {
            (ledger.tokens, provider.tokens) = Default::default();
        }
        sum.ledger.add(&ledger);
        sum.provider.add(&provider);
        sum.charges = sum.charges.saturating_add(pair.charges);
        sum.estimated = sum.estimated.saturating_add(pair.estimated);
        sum.estimated_dollars = sum.estimated_dollars.plus(pair.estimated_dollars);
    }
}

/// All rows and their sum.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) rows: Vec<Row>,
    pub(super) total: Row,
    pub(super) told: Told,
}

impl Comparison {
    /// Compares.
    pub(super) fn of(figures: &Figures, told: Told) -> Self {
        let mut total = Row::default();
        let rows = figures.pairs().map(|(day, model, pair)| {
            total.add(pair);
            Row { day: day.to_owned(), model: model.to_owned(), pair: *pair }
        });
        let rows = rows.collect();
        Self { rows, total, told }
    }

    /// Whether dollars and tokens agree up to the tolerance.
    pub(super) fn within(&self, tolerance: Tolerance) -> bool {
        let provider = &self.total.pair.provider;
        tolerance.allows(self.total.dollars().units(), provider.dollars.units())
            && tolerance.allows(self.total.tokens(), provider.tokens.total().into())
    }

    /// Above 0: the provider has more, by dollars or, if these agree, by tokens.
    pub(super) fn leaning(&self) -> i128 {
        match self.total.dollars().units() {
            0 => self.total.tokens(),
            units => units,
        }
    }

    /// The row where the provider has most that the ledger has not.
    pub(super) fn mostly(&self) -> Option<&Row> {
        let missing = |row: &Row| (row.dollars(), row.tokens(), row.requests());
        let most = self.rows.iter().max_by_key(|row| missing(row))?;
        (missing(most) > (Amount::ZERO, 0, 0)).then_some(most)
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Tokens, Used};
    use super::*;

    const TOLD: Told = Told { requests: true, cached: true, cache_writes: false };

    fn used(requests: u64, input: u64, nanos: i64) -> Used {
        let tokens = Tokens { input, ..Tokens::default() };
        Used { requests, tokens, dollars: Amount::nanos(nanos) }
    }

    fn comparison(rows: &[(&str, Used, Used)]) -> Comparison {
        let mut figures = Figures::default();
        for (model, ledger, provider) in rows {
            let pair = figures.of("2026-11-27".to_owned(), model);
            (pair.ledger, pair.provider, pair.charges) = (*ledger, *provider, ledger.requests);
        }
        Comparison::of(&figures, TOLD)
    }

    #[test]
    fn what_never_passed_is_named_with_its_share() {
        let found = comparison(&[
            ("a", used(90, 900, 9_000), used(90, 900, 9_000)),
            ("b", used(7, 70, 700), used(10, 100, 1_000)),
        ]);
        assert_eq!((found.total.requests(), found.total.tokens()), (3, 30));
        assert_eq!(found.total.percent().as_deref(), Some("3.00"));
        assert_eq!(found.mostly().map(|row| row.model.as_str()), Some("b"));
        assert!(found.leaning() > 0);
        assert!(found.within("3".parse().unwrap()) && !found.within("2.9".parse().unwrap()));
    }

    #[test]
    fn rounding_every_call_up_is_no_difference_and_more_is_one() {
        let same = comparison(&[("a", used(5, 50, 1_005), used(5, 50, 1_000))]);
        assert_eq!(same.total.dollars(), Amount::ZERO);
        assert!(same.within("0".parse().unwrap()) && same.mostly().is_none());
        let less = comparison(&[("a", used(5, 50, 1_006), used(5, 50, 1_000))]);
        assert_eq!(less.total.dollars(), Amount::nanos(-6));
        assert!(less.leaning() < 0 && !less.within("0.5".parse().unwrap()));
    }

    #[test]
    fn equal_dollars_do_not_hide_other_tokens() {
        let found = comparison(&[("free", used(1, 10, 0), used(2, 20, 0))]);
        assert!(!found.within("0.5".parse().unwrap()) && found.leaning() > 0);
        assert_eq!(found.mostly().map(|row| row.model.as_str()), Some("free"));
    }

    #[test]
    fn tokens_that_one_side_does_not_tell_are_left_out() {
        let mut figures = Figures::default();
        let pair = figures.of("2026-11-27".to_owned(), "gpt-image-1");
        (pair.ledger, pair.provider) = (used(1, 500, 100), used(1, 0, 100));
        pair.tokens_untold = true;
        let found = Comparison::of(&figures, TOLD);
        assert_eq!((found.total.tokens(), found.total.requests()), (0, 0));
        assert!(found.within("0".parse().unwrap()));
    }
}
