//! What an answer costs with everything in it that has a price of its own.
//!
//! Invariant: the cost is the exact sum of all lines, rounded up once; nothing that an answer
//! consumed beside its own figures is free because its model is not known.

use super::Terms;
use super::class::Class;
use super::line::{Line, sum};
use super::model::ModelPrice;
use super::parts::parts;
use super::table::PriceTable;
use crate::money::NanoUsd;
use crate::usage::{SubUsage, Usage};
use std::sync::Arc;

/// What an answer costs, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Charge {
    /// The sum of all lines, rounded up once.
    pub cost: NanoUsd,
    /// The lines of the answer's own figures.
    pub lines: Vec<Line>,
    /// What is charged beside them.
    pub beside: Vec<Beside>,
}

/// Consumption beside the answer's own figures, at a rate of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// What it is, in the provider's word.
    pub kind: String,
    /// The model whose price was taken.
    pub model: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

impl PriceTable {
    /// What an answer of `model` costs with its `sub` usage, as far as that is charged and not part
    /// of `usage` already. Models that it names are looked up at the provider of `model`; one that
    /// is not known there takes the price of `model`, or, where that has none for it, the dearest
    /// that the provider has.
    pub fn charge(
        &self,
        model: &ModelPrice,
        usage: &Usage,
        sub: &[SubUsage],
        terms: &Terms<'_>,
    ) -> Charge {
        let lines = model.explain(usage, terms);
        let charged = sub.iter().filter(|sub| sub.billable && !sub.included_in_top);
        let beside: Vec<_> = charged.map(|sub| self.beside(model, sub, terms)).collect();
        let all = lines.iter().chain(beside.iter().flat_map(|beside| &beside.lines));
        Charge { cost: sum(all).round_up(), lines, beside }
    }

    fn beside(&self, asked: &ModelPrice, sub: &SubUsage, terms: &Terms<'_>) -> Beside {
        let named = sub.model.as_deref().map(|name| self.find(Some(&asked.provider), name));
        let known = match &named {
            None => Some(asked),
            Some(found) => found.map(Arc::as_ref),
        };
        let (model, lines) = match known {
            Some(model) => (model, lines(model, &sub.usage, terms)),
            None => self.for_unknown(asked, &sub.usage, terms),
        };
        Beside { kind: sub.kind.clone(), model: model.id.clone(), lines }
    }

    fn for_unknown<'a>(
        &'a self,
        asked: &'a ModelPrice,
        usage: &Usage,
        terms: &Terms<'_>,
    ) -> (&'a ModelPrice, Vec<Line>) {
        if asked.covers(usage, terms) {
            return (asked, lines(asked, usage, terms));
        }
        let same = self.models().iter().filter(|model| model.provider == asked.provider);
        let priced = same.map(|model| (model.as_ref(), lines(model, usage, terms)));
        let dearest = priced.max_by_key(|(_, lines)| sum(lines));
        dearest.unwrap_or_else(|| (asked, Vec::new()))
    }
}

/// The lines of consumption that is not a call of its own.
fn lines(model: &ModelPrice, usage: &Usage, terms: &Terms<'_>) -> Vec<Line> {
    let mut parts = parts(usage);
    parts.set(Class::Request, 0);
    model.lines(usage, &parts, terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Figure;

    const TABLE: &str = "
        [[model]]\nid = 'big'\nprovider = 'p'
        [[model.price]]\ninput = '10'\noutput = '50'\nrequest = '0.5'
        [[model]]\nid = 'small'\nprovider = 'p'
        [[model.price]]\ninput = '1'\noutput = '5'
        [[model]]\nid = 'ears'\nprovider = 'p'
        [[model.price]]\ninput = '0'\noutput = '0'\naudio_second = '0.0001'
        [[model]]\nid = 'elsewhere'\nprovider = 'q'
        [[model.price]]\ninput = '1000'\noutput = '1000'\naudio_second = '9'";

    fn sub(model: Option<&str>, usage: Usage) -> SubUsage {
        SubUsage {
            kind: "advisor_message".to_owned(),
            model: model.map(str::to_owned),
            included_in_top: false,
            billable: true,
            usage,
        }
    }

    fn plain(input: u64, output: u64) -> Usage {
        Usage::default().with(Figure::InputTotal, input).with(Figure::OutputTotal, output)
    }

    /// An answer of `big` with 100 and 10 tokens costs 0.5 for the request, 1,000 millionths for
    /// its input and 500 for its output; with what is beside it `nanos`.
    #[track_caller]
    fn check(sub: SubUsage, model: &str, nanos: i64) {
        let table = PriceTable::parse(TABLE).unwrap();
        let big = table.find(Some("p"), "big").unwrap();
        let charge = table.charge(big, &plain(100, 10), &[sub], &Terms::default());
        assert_eq!(charge.cost.get(), nanos);
        assert_eq!(charge.beside.first().map_or("", |beside| &beside.model), model);
    }

    #[test]
    fn sub_usage_has_the_price_of_its_model() {
        check(sub(Some("small"), plain(100, 10)), "small", 501_650_000);
        check(sub(None, plain(100, 10)), "big", 503_000_000);
        let heard = Usage::default().with(Figure::DurationMs, 24_250);
        check(sub(Some("ears"), heard), "ears", 503_925_000);
    }

    #[test]
    fn what_is_in_the_answers_figures_or_not_charged_adds_nothing() {
        let usage = plain(100, 10);
        check(SubUsage { included_in_top: true, ..sub(None, usage) }, "", 501_500_000);
        check(SubUsage { billable: false, ..sub(None, usage) }, "", 501_500_000);
    }

    #[test]
    fn an_unknown_model_is_never_free() {
        check(sub(Some("new"), plain(100, 10)), "big", 503_000_000);
        check(sub(Some("elsewhere"), plain(100, 10)), "big", 503_000_000);
        let heard = Usage::default().with(Figure::DurationMs, 1_000);
        check(sub(Some("new"), heard), "ears", 501_600_000);
    }

    #[test]
    fn the_sum_is_rounded_once() {
        let text = "[[model]]\nid = 'm'\nprovider = 'p'\n\
                    [[model.price]]\ninput = '0.0004'\noutput = '0'";
        let table = PriceTable::parse(text).unwrap();
        let model = table.find(None, "m").unwrap();
        let tenth = || sub(None, plain(1, 0));
        let charge = table.charge(model, &plain(1, 0), &[tenth(), tenth()], &Terms::default());
        // Three times 0.4 nano-dollars are 1.2.
        assert_eq!(charge.cost.get(), 2);
    }
}
