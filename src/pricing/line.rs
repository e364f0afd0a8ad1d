//! A line of a bill.
//!
//! Invariant: `cost` is `quantity` times `price`, exactly; only the sum of lines is rounded.

use super::block;
use super::class::{Class, Side};
use super::exact::Exact;
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
        block::written(self.class, self.price)
    }

    /// The quantity as it is written: seconds with their fraction, all else whole.
    pub fn quantity_text(&self) -> impl fmt::Display {
        match self.class {
            Class::AudioSecond => Figure::DurationMs.text(self.quantity),
            _ => Figure::InputTotal.text(self.quantity),
        }
    }

    /// Whether the price is for one thing, not for a million tokens.
    pub fn is_each(&self) -> bool {
        self.class.side() == Side::Apart
    }
}
