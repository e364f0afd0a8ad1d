//! A line of a bill.
//!
//! Invariant: `cost` is `quantity` times `price`, exactly; only the sum of lines is rounded.

use super::class::{Class, Side};
use super::exact::{Exact, Per};
use crate::money::NanoUsd;
use crate::usage::Figure;
use std::fmt;

/// One line of a bill. Its cost is not rounded; the sum is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was used.
    pub class: Class,
    /// How much of it; milliseconds, where seconds are priced.
    pub quantity: u64,
    /// The price of one of `quantity`.
    pub price: Exact,
    /// What the line comes to.
    pub cost: Exact,
    /// The broader class whose price was taken, where the class has none of its own.
    pub fallback: Option<Class>,
}

impl Line {
    /// The price as it is usually written: for a million tokens, or for one thing or second.
    pub fn price_text(&self) -> String {
        price_text(self.class, self.price)
    }

    /// The quantity as it is written: seconds with their fraction, all else whole.
    pub fn quantity_text(&self) -> impl fmt::Display {
        match self.class {
            Class::AudioSecond => Figure::DurationMs.text(self.quantity),
            _ => Figure::InputTotal.text(self.quantity),
        }
    }

    /// The quantity as a number of JSON: seconds with their fraction, all else whole.
    pub fn quantity_number(&self) -> serde_json::Number {
        match self.class {
            Class::AudioSecond => Figure::DurationMs.number(self.quantity),
            _ => self.quantity.into(),
        }
    }

    /// Whether the price is for one thing, not for a million tokens.
    pub fn is_each(&self) -> bool {
        self.class.side() == Side::Apart
    }
}

/// What lines come to, rounded up once; at most [`crate::money::MAX`].
pub fn total(lines: &[Line]) -> NanoUsd {
    sum(lines).round_up()
}

pub(super) fn sum<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Exact {
    lines.into_iter().fold(Exact::ZERO, |sum, line| sum.plus(line.cost))
}

/// The price of a class as it is usually written.
pub(super) fn price_text(class: Class, price: Exact) -> String {
    match class.side() {
        Side::Apart => price.times(class.counts_in_one().get()).per(Per::One),
        Side::Input | Side::Output => price.per(Per::Million),
    }
}
