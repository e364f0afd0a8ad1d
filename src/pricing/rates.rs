//! The prices of one model under one tier over time, ready to be applied.
//!
//! A [`Rates`] is complete: every class has its price, and says which class lent it. What the
//! table leaves out was filled in when the table was read, so that a charge is plain
//! multiplication.

use super::Bound;
use super::class::{Class, PerClass, Side};
use super::exact::Exact;
use super::factor::Factor;
use crate::clock::UnixMs;

/// Prices by class, as the table names them.
pub type Named = PerClass<Option<Exact>>;

/// A price and the class that it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// For one token, thing or millisecond.
    pub price: Exact,
    /// The class itself, or the broader one whose price it takes.
    pub of: Class,
    /// The table has this price; otherwise it is 0 because nobody said what it is.
    pub known: bool,
}

/// Where long prompts begin to be priced differently, for the whole call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Input tokens, cached ones included.
    pub tokens: u64,
    /// A call of exactly that many is long, too.
    pub inclusive: bool,
}

impl Threshold {
    fn is_long(self, input: u64) -> bool {
        if self.inclusive { input >= self.tokens } else { input > self.tokens }
    }
}

/// A price for each class, with the dearest of each side of the tokens.
#[derive(Debug, Clone)]
pub struct Card {
    rates: PerClass<Rate>,
    dearest_input: Exact,
    dearest_output: Exact,
}

impl Card {
    /// Fills in what `named` leaves out with the price of the next broader class. A class without
    /// any costs nothing; the table makes sure that input and output have one.
    pub fn new(named: &Named) -> Self {
        let mut rates = PerClass::all(Rate { price: Exact::ZERO, of: Class::Input, known: false });
        for &class in Class::ALL {
            let of = lender(named, class);
            let price = named.get(of);
            rates.set(class, Rate { price: price.unwrap_or_default(), of, known: price.is_some() });
        }
        Self::of(rates)
    }

    fn of(rates: PerClass<Rate>) -> Self {
        let dearest = |side| {
            let classes = Class::ALL.iter().filter(|class| class.side() == side);
            classes.map(|&class| rates.get(class).price).max().unwrap_or_default()
        };
        let (dearest_input, dearest_output) = (dearest(Side::Input), dearest(Side::Output));
        Self { rates, dearest_input, dearest_output }
    }

    /// The same prices, those of some classes multiplied.
    fn times(&self, factor: Factor, which: fn(Class) -> bool) -> Self {
        let mut rates = self.rates.clone();
        for &class in Class::ALL.iter().filter(|&&class| which(class)) {
            let rate = rates.get(class);
            rates.set(class, Rate { price: factor.of(rate.price), ..rate });
        }
        Self::of(rates)
    }

    /// Of each class the dearest price on any of these cards.
    pub fn dearest<'a>(cards: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let dearer = |mut rates: PerClass<Rate>, card: &Self| {
            for &class in Class::ALL {
                let (one, other) = (rates.get(class), card.rate(class));
                let price = one.price.max(other.price);
                rates.set(class, Rate { price, of: class, known: one.known || other.known });
            }
            rates
        };
        let nothing = Rate { price: Exact::ZERO, of: Class::Input, known: false };
        let mut cards = cards.peekable();
        cards.peek()?;
        Some(Self::of(cards.fold(PerClass::all(nothing), dearer)))
    }

    /// Whether it costs nothing, whatever is used.
    pub fn is_free(&self) -> bool {
        Class::ALL.iter().all(|&class| self.rate(class).price == Exact::ZERO)
    }

    /// The price of a class.
    pub fn rate(&self, class: Class) -> Rate {
        self.rates.get(class)
    }

    /// The prices that the table has, without those that are a broader class's.
    pub fn own(&self) -> Vec<(Class, Exact)> {
        let own = |class: Class| Some(self.rate(class)).filter(|r| r.known && r.of == class);
        Class::ALL.iter().filter_map(|&class| Some((class, own(class)?.price))).collect()
    }

    /// The cost of these parts, exactly.
    pub fn cost(&self, parts: &PerClass<u64>) -> Exact {
        Class::ALL.iter().fold(Exact::ZERO, |sum, &class| match parts.get(class) {
            0 => sum,
            quantity => sum.plus(self.rate(class).price.times(quantity)),
        })
    }

    fn ceiling(&self, bound: Bound, apart: &PerClass<u64>) -> Exact {
        let tokens = self.dearest_input.times(bound.input);
        let tokens = tokens.plus(self.dearest_output.times(bound.output));
        tokens.plus(self.cost(apart))
    }
}

/// The class whose price a class has: its own, or that of the next broader one that has any. Cached
/// audio of a model that has no price for audio is cached text.
pub fn lender(named: &Named, class: Class) -> Class {
    let mut of = class;
    while let (None, Some(broader)) = (named.get(of), of.broader()) {
        let text = of == Class::CachedAudio && named.get(broader).is_none();
        of = if text { Class::CachedInput } else { broader };
    }
    of
}

/// The prices that apply from a moment on.
#[derive(Debug, Clone)]
pub struct Rates {
    /// From when on.
    pub from: UnixMs,
    /// For prompts of usual length.
    pub usual: Card,
    /// For long prompts.
    pub long: Option<(Threshold, Card)>,
}

impl Rates {
    /// The prices of a call with `input` input tokens.
    pub fn card(&self, input: u64) -> &Card {
        match &self.long {
            Some((threshold, card)) if threshold.is_long(input) => card,
            _ => &self.usual,
        }
    }

    fn cards(&self) -> impl Iterator<Item = &Card> {
        std::iter::once(&self.usual).chain(self.long.iter().map(|(_, card)| card))
    }

    /// What no call within the bound can exceed that uses no more than `apart`.
    fn ceiling(&self, bound: Bound, apart: &PerClass<u64>) -> Exact {
        let usual = self.usual.ceiling(bound, apart);
        match &self.long {
            Some((threshold, card)) if threshold.is_long(bound.input) => {
                usual.max(card.ceiling(bound, apart))
            }
            _ => usual,
        }
    }

    fn times(&self, factor: Factor, which: fn(Class) -> bool) -> Self {
        let times = |card: &Card| card.times(factor, which);
        let long = self.long.as_ref().map(|(threshold, card)| (*threshold, times(card)));
        Self { from: self.from, usual: times(&self.usual), long }
    }
}

/// The prices of one tier, oldest first.
#[derive(Debug, Clone)]
pub struct Schedule(Vec<Rates>);

impl Schedule {
    /// Sorts by date.
    pub fn new(mut rates: Vec<Rates>) -> Self {
        rates.sort_by_key(|rates| rates.from);
        Self(rates)
    }

    /// The latest prices that are not later than `at`.
    pub fn at(&self, at: UnixMs) -> Option<&Rates> {
        self.0.iter().rev().find(|rates| rates.from <= at)
    }

    /// All prices, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Rates> {
        self.0.iter()
    }

    /// The oldest prices.
    pub fn oldest(&self) -> Option<&Rates> {
        self.0.first()
    }

    /// What no call within the bound can exceed that uses no more than `apart`, at any date.
    pub fn ceiling(&self, bound: Bound, apart: &PerClass<u64>) -> Exact {
        self.0.iter().map(|rates| rates.ceiling(bound, apart)).max().unwrap_or_default()
    }

    /// Whether long prompts begin at so many tokens, or above.
    pub fn begins_long(&self, tokens: u64) -> bool {
        let mut longs = self.0.iter().filter_map(|rates| rates.long.as_ref());
        longs.any(|(threshold, _)| threshold.tokens >= tokens)
    }

    /// The cards of all dates and lengths.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.0.iter().flat_map(Rates::cards)
    }

    /// The same prices, those of some classes multiplied.
    #[must_use]
    pub fn times(&self, factor: Factor, which: fn(Class) -> bool) -> Self {
        Self(self.0.iter().map(|rates| rates.times(factor, which)).collect())
    }
}
