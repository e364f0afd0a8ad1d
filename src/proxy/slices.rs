//! What a running stream holds: where its answer grows beyond what was expected, one slice more at a
//! time, until the ledger says that there is no room.
//!
//! A frame costs two comparisons; only a slice is priced. Not here: what becomes of a stream that
//! may hold no more (`answer`).
//!
//! Invariants: no byte waits for the ledger, and one slice is asked for at a time. What is held is
//! for no more output than the call can have. A ledger that does not answer stops nothing: more is
//! asked for a slice later.

use super::learned::Ratio;
use crate::ledger::{Amounts, BoxFuture, Extension, HoldOrder, Ledger, LimitDenial, Unavailable};
use crate::pricing::Bound;
use crate::usage::{Figure, Reading};
use std::sync::Arc;
use std::task::{Context, Poll};

/// The output tokens of a slice are an eighth of what was expected, and at least so many.
const LEAST: u64 = 256;

/// The slices of one stream.
pub(super) struct Slices {
    /// What was expected.
    expected: Bound,
    /// Output tokens at most.
    most: u64,
    /// Output tokens to the bytes that go by.
    said: Ratio,
    held: Amounts,
    /// What is held is enough for so many output tokens, and for so many bytes of them.
    covered: u64,
    covered_bytes: u64,
    /// The provider has said what the input is.
    told: bool,
    asked: Option<Asked>,
}

/// A slice that the ledger was asked for.
struct Asked {
    more: Amounts,
    answer: BoxFuture<'static, Result<Extension, Unavailable>>,
}

/// What a stream is expected to have.
pub(super) struct Expectation {
    pub(super) expected: Bound,
    /// Output tokens at most, where that is known.
    pub(super) most: Option<u64>,
    /// Output tokens to the bytes that go by.
    pub(super) said: Ratio,
    /// What is held for it.
    pub(super) held: Amounts,
}

impl Slices {
    /// Those of a stream for which something is held.
    pub(super) fn new(expectation: &Expectation) -> Self {
        let Expectation { expected, most, said, held } = *expectation;
        let mut slices = Self {
            expected,
            most: most.unwrap_or(u64::MAX),
            said,
            held,
            covered: 0,
            covered_bytes: 0,
            told: false,
            asked: None,
        };
        slices.cover(expected.output);
        slices
    }

    /// Asks for more where it is time, and hears the answer where there is one; never waits for it.
    /// Gives the limit that has no room. `price` says what the answer costs with so many tokens.
    pub(super) fn poll(
        &mut self,
        reading: &Reading,
        ledger: &Arc<dyn Ledger>,
        order: &HoldOrder,
        price: impl FnOnce(Bound) -> Amounts,
        cx: &mut Context<'_>,
    ) -> Option<Box<LimitDenial>> {
        if self.asked.is_none() {
            let more = self.due(reading, price)?;
            self.asked = Some(Asked { more, answer: ask(ledger.clone(), order, more) });
        }
        let Asked { more, answer } = self.asked.as_mut()?;
        let Poll::Ready(answer) = answer.as_mut().poll(cx) else { return None };
        let more = *more;
        self.asked = None;
        match answer {
            Ok(Extension::Held) => self.held = self.held.plus(more),
            Ok(Extension::Exhausted(denial)) => return Some(denial),
            Ok(Extension::Ended) => {}
            Err(error) => tracing::debug!(%error, request_id = %order.id, "cannot hold more"),
        }
        None
    }

    /// What more has to be held now, if anything has.
    fn due(&mut self, reading: &Reading, price: impl FnOnce(Bound) -> Amounts) -> Option<Amounts> {
        let told = reading.usage_present && !self.told;
        self.told |= told;
        let figure = reading.usage.count(Figure::OutputTotal);
        let beyond = reading.output_bytes > self.covered_bytes || figure > self.covered;
        let beyond = beyond && self.covered < self.most;
        // Once all of it is made, the figures follow, and the charge by them.
        if reading.usage_final || reading.generated || !beyond && !told {
            return None;
        }
        if beyond {
            let slice = (self.expected.output / 8).max(LEAST);
            let output = self.said.of(reading.output_bytes).max(figure);
            self.cover(output.saturating_add(slice).min(self.most));
        }
        let needed = price(Bound { output: self.covered, ..self.expected });
        let more = needed.minus(self.held).sane();
        // A little more input than was expected can wait for the next slice.
        let little = !beyond && more.usd.get() <= self.held.usd.get() / 8;
        (!little && more != Amounts::default()).then_some(more)
    }

    fn cover(&mut self, output: u64) {
        self.covered = output;
        self.covered_bytes = match output < self.most {
            true => self.said.bytes_of(output),
            false => u64::MAX,
        };
    }
}

fn ask(
    ledger: Arc<dyn Ledger>,
    order: &HoldOrder,
    more: Amounts,
) -> BoxFuture<'static, Result<Extension, Unavailable>> {
    let (id, payers) = (order.id, order.payers.clone());
    Box::pin(async move { ledger.extend(id, &payers, more).await })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::NanoUsd;
    use crate::usage::Usage;

    /// A token of input costs one, one of output ten.
    fn price(bound: Bound) -> Amounts {
        let usd = i64::try_from(bound.input + 10 * bound.output).unwrap();
        Amounts { usd: NanoUsd::new(usd), ..Amounts::default() }
    }

    fn slices(most: Option<u64>) -> Slices {
        let expected = Bound { input: 100, output: 1_000 };
        let said = Ratio::new(1, 4);
        Slices::new(&Expectation { expected, most, said, held: price(expected) })
    }

    fn said(bytes: u64) -> Reading {
        Reading { output_bytes: bytes, ..Reading::default() }
    }

    fn figures(input: u64, output: u64) -> Reading {
        let usage =
            Usage::default().with(Figure::InputTotal, input).with(Figure::OutputTotal, output);
        Reading { usage, usage_present: true, ..Reading::default() }
    }

    /// What is asked for once so much is known, in dollars; it is granted.
    fn asked(slices: &mut Slices, reading: &Reading, input: u64) -> i64 {
        let more = slices.due(reading, |bound| price(Bound { input, ..bound })).unwrap_or_default();
        slices.held = slices.held.plus(more);
        more.usd.get()
    }

    #[test]
    fn a_slice_is_asked_for_when_what_is_held_is_used() {
        let mut stream = slices(None);
        assert_eq!(asked(&mut stream, &said(4_000), 100), 0);
        assert_eq!(asked(&mut stream, &said(4_004), 100), 10 * (1 + 256));
        assert_eq!(asked(&mut stream, &said(5_028), 100), 0);
        assert_eq!(asked(&mut stream, &said(8_000), 100), 10 * (2_000 + 256 - 1_257));
        let long = Bound { input: 0, output: 8_000 };
        let expectation =
            Expectation { expected: long, most: None, said: Ratio::new(1, 4), held: price(long) };
        let mut stream = Slices::new(&expectation);
        assert_eq!(asked(&mut stream, &said(32_004), 0), 10 * (1 + 1_000), "an eighth");
    }

    #[test]
    fn no_more_is_held_than_the_call_can_have() {
        let mut stream = slices(Some(1_100));
        assert_eq!(asked(&mut stream, &said(4_100), 100), 10 * 100);
        assert_eq!(asked(&mut stream, &said(400_000), 100), 0);
        assert_eq!(asked(&mut stream, &figures(100, 9_000), 100), 0);
    }

    #[test]
    fn what_the_provider_says_counts_beside_the_bytes() {
        let mut stream = slices(None);
        assert_eq!(asked(&mut stream, &figures(120, 10), 120), 0, "a little more input can wait");
        assert_eq!(asked(&mut stream, &figures(120, 1_500), 120), 20 + 10 * (500 + 256));
        let mut stream = slices(None);
        assert_eq!(asked(&mut stream, &figures(5_100, 10), 5_100), 5_000, "much more cannot");
        let last = Reading { usage_final: true, ..figures(100, 9_000) };
        assert_eq!(asked(&mut slices(None), &last, 100), 0, "the charge follows");
        let made = Reading { generated: true, ..said(40_000) };
        assert_eq!(asked(&mut slices(None), &made, 100), 0);
    }
}
