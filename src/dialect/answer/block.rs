//! The figures of one usage block as the provider wrote them, before anybody puts them together.
//!
//! Figures are read by path, the larger where a block names one figure twice. What stands where no
//! figure can stand (negative, fractional, textual, beyond 2⁵³) is a flaw; a block with a flaw is
//! not used at all.

use super::numbers::{dollars, milliseconds, ticks, units, whole};
use crate::framing::json::Scalar;
use crate::money::AttoUsd;
use crate::usage::{Figure, Usage};

/// A number that is part of a sum, before it is known how the provider sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Count {
    /// All of the prompt.
    Input,
    /// The prompt without what was read from a cache or written to one.
    Uncached,
    /// The answer, as the provider counts it.
    Output,
    /// Reasoning that the provider does not count as answer.
    Thought,
    /// Results of the provider's tools, which it does not count as prompt.
    ToolInput,
    /// Everything.
    Total,
    /// llama.cpp's timings: prompt tokens from the cache, evaluated, and generated.
    TimingsCached,
    /// See [`Count::TimingsCached`].
    TimingsInput,
    /// See [`Count::TimingsCached`].
    TimingsOutput,
    /// Cache writes in the spelling of those that keep them for five minutes.
    Created,
    /// Sources that an answer cites, which marks providers that leave reasoning out of the answer.
    Cited,
    /// Milliseconds of sound, which are not what is billed.
    Length,
}

const COUNTS: usize = Count::Length as usize + 1;

/// What stands at a place of a usage block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Item {
    /// A whole number.
    Count(Count),
    /// A whole number that needs no interpretation.
    Part(Figure),
    /// The same, from a provider that writes whole numbers as `5.0`.
    Units(Figure),
    /// The same for a count.
    CountUnits(Count),
    /// Seconds, perhaps with a fraction.
    Seconds,
    /// The same, for [`Count::Length`]; it may be written as a text.
    Length,
    /// Searches, by a provider that leaves reasoning out of the answer.
    Searches,
    /// Dollars, as a decimal number.
    Cost,
    /// The same; 0 where the cost is not known yet.
    CostSoFar,
    /// Dollars that somebody else was paid.
    UpstreamCost,
    /// 10⁻¹⁰ dollars.
    CostTicks,
    /// Whether another provider behind it was paid, on a key of the customer's own.
    OwnKey,
}

/// What a block amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dialect) enum Said {
    /// There was none, or it was empty.
    Nothing,
    /// It makes no sense, for so many reasons.
    Nonsense(u32),
    /// These figures.
    Usage(Box<Usage>),
}

/// Collects one usage block.
#[derive(Debug, Clone, Default)]
pub(in crate::dialect) struct Block {
    touched: bool,
    counts: [Option<u64>; COUNTS],
    pub(in crate::dialect) parts: Usage,
    pub(in crate::dialect) cost: Option<AttoUsd>,
    pub(in crate::dialect) upstream_cost: Option<AttoUsd>,
    pub(in crate::dialect) own_key: bool,
    flaws: u32,
}

impl Block {
    pub(in crate::dialect) fn clear(&mut self) {
        if self.touched {
            *self = Self::default();
        }
    }

    pub(in crate::dialect) fn is_touched(&self) -> bool {
        self.touched
    }

    /// How many things stand in it where they cannot.
    pub(in crate::dialect) fn flaws(&self) -> u32 {
        self.flaws
    }

    /// Something stands where it cannot.
    pub(in crate::dialect) fn flaw(&mut self) {
        self.touched = true;
        self.flaws = self.flaws.saturating_add(1);
    }

    /// The count, if it was given.
    pub(in crate::dialect) fn get(&self, count: Count) -> Option<u64> {
        self.counts.get(count as usize).copied().flatten()
    }

    /// Sets a count, the larger where there is one already.
    pub(in crate::dialect) fn raise(&mut self, count: Count, n: u64) {
        self.touched = true;
        if let Some(slot) = self.counts.get_mut(count as usize) {
            *slot = Some(slot.map_or(n, |other| other.max(n)));
        }
    }

    /// Sets a part, the larger where there is one already.
    pub(in crate::dialect) fn raise_part(&mut self, figure: Figure, n: u64) {
        self.touched = true;
        self.parts.set(figure, n.max(self.parts.count(figure)));
    }

    /// Adds to a part.
    pub(in crate::dialect) fn add_part(&mut self, figure: Figure, n: u64) {
        self.touched = true;
        self.parts.set(figure, n.saturating_add(self.parts.count(figure)));
    }

    /// Adds the figures of another block.
    pub(in crate::dialect) fn add(&mut self, other: &Self) {
        self.parts = self.parts.plus(&other.parts);
        self.flaws = self.flaws.saturating_add(other.flaws);
    }

    pub(in crate::dialect) fn take(&mut self, item: Item, value: Scalar<'_>) {
        let number = match value {
            Scalar::Null => return,
            Scalar::Number(number) => number,
            Scalar::Text(text) if item == Item::Length => text,
            Scalar::Bool(own) if item == Item::OwnKey => {
                self.own_key |= own;
                return;
            }
            Scalar::Text(_) | Scalar::Counted | Scalar::Bool(_) => return self.flaw(),
        };
        self.touched = true;
        let taken = match item {
            Item::Count(count) => whole(number).map(|n| self.raise(count, n)),
            Item::CountUnits(count) => units(number).map(|n| self.raise(count, n)),
            Item::Part(figure) => whole(number).map(|n| self.raise_part(figure, n)),
            Item::Units(figure) => units(number).map(|n| self.raise_part(figure, n)),
            Item::Seconds => milliseconds(number).map(|ms| self.raise_part(Figure::DurationMs, ms)),
            Item::Length => {
                if let Some(ms) = milliseconds(number) {
                    self.raise(Count::Length, ms);
                }
                Some(())
            }
            Item::Searches => whole(number).map(|n| {
                self.raise_part(Figure::WebSearchRequests, n);
                self.raise(Count::Cited, 0);
            }),
            Item::Cost => dollars(number).map(|cost| self.cost = Some(cost)),
            Item::CostSoFar => dollars(number).map(|cost| {
                self.cost = Some(cost).filter(|cost| cost.get() > 0);
            }),
            Item::UpstreamCost => dollars(number).map(|cost| self.upstream_cost = Some(cost)),
            Item::CostTicks => ticks(number).map(|cost| self.cost = Some(cost)),
            Item::OwnKey => None,
        };
        if taken.is_none() {
            self.flaw();
        }
    }

    /// Takes over what a later block of the same answer says, field by field; what it leaves out
    /// stays. `choose` tells which of two figures counts.
    pub(in crate::dialect) fn overlay(&mut self, later: &Self, choose: fn(u64, u64) -> u64) {
        self.touched |= later.touched;
        self.flaws = self.flaws.saturating_add(later.flaws);
        for (slot, new) in self.counts.iter_mut().zip(later.counts) {
            *slot = match (*slot, new) {
                (Some(old), Some(new)) => Some(choose(old, new)),
                (old, new) => new.or(old),
            };
        }
        for (figure, new) in later.parts.reported() {
            let n = self.parts.get(figure).map_or(new, |old| choose(old, new));
            self.parts.set(figure, n);
        }
        self.cost = later.cost.or(self.cost);
        self.upstream_cost = later.upstream_cost.or(self.upstream_cost);
        self.own_key |= later.own_key;
    }

    /// Whether anything but a cost was given.
    pub(in crate::dialect) fn has_figures(&self) -> bool {
        !self.parts.is_empty() || self.counts.iter().any(Option::is_some)
    }
}

/// Of two figures of a running total, the larger.
pub(in crate::dialect) fn larger(old: u64, new: u64) -> u64 {
    old.max(new)
}

/// Of two figures of a running total, the later.
pub(in crate::dialect) fn later(_: u64, new: u64) -> u64 {
    new
}

const WRITES: [Figure; 4] =
    [Figure::CacheWrite5m, Figure::CacheWrite30m, Figure::CacheWrite1h, Figure::CacheWrite12h];

pub(in crate::dialect) fn sum(usage: &Usage, figures: &[Figure]) -> u64 {
    figures.iter().fold(0, |sum, &figure| usage.count(figure).saturating_add(sum))
}

/// Where only the lifetimes are given, the writes are their sum.
pub(in crate::dialect) fn add_writes(usage: &mut Usage) {
    let writes = sum(usage, &WRITES);
    if writes > 0 && usage.get(Figure::CacheWrite).is_none() {
        usage.set(Figure::CacheWrite, writes);
    }
}

/// A write without a lifetime has the provider's usual one.
pub(in crate::dialect) fn default_lifetime(usage: &mut Usage, lifetime: Figure) {
    let rest = usage.count(Figure::CacheWrite).saturating_sub(sum(usage, &WRITES));
    if rest > 0 {
        usage.set(lifetime, usage.count(lifetime).saturating_add(rest));
    }
}

/// The usage, unless it contradicts itself.
pub(in crate::dialect) fn sound(usage: Usage) -> Said {
    match contradictions(&usage) {
        0 => Said::Usage(Box::new(usage)),
        flaws => Said::Nonsense(flaws),
    }
}

/// What a block amounts to whose input and output are plain totals.
pub(in crate::dialect) fn plain_totals(block: &Block) -> Said {
    match (block.get(Count::Input), block.get(Count::Output)) {
        _ if block.flaws() > 0 => Said::Nonsense(block.flaws()),
        (Some(input), Some(output)) => {
            sound(block.parts.with(Figure::InputTotal, input).with(Figure::OutputTotal, output))
        }
        _ => Said::Nothing,
    }
}

/// What a block amounts to whose input is without what the cache held or took. A write without a
/// lifetime lives five minutes.
pub(in crate::dialect) fn beside_cache(block: &Block) -> Said {
    if block.flaws() > 0 {
        return Said::Nonsense(block.flaws());
    }
    let (uncached, output) = (block.get(Count::Uncached), block.get(Count::Output));
    if uncached.is_none() && output.is_none() {
        return if block.has_figures() { Said::Nonsense(1) } else { Said::Nothing };
    }
    let mut usage = block.parts;
    add_writes(&mut usage);
    default_lifetime(&mut usage, Figure::CacheWrite5m);
    let cached = usage.count(Figure::CachedRead).saturating_add(usage.count(Figure::CacheWrite));
    usage.set(Figure::InputTotal, uncached.unwrap_or(0).saturating_add(cached));
    usage.set(Figure::OutputTotal, output.unwrap_or(0));
    sound(usage)
}

/// How many parts are above their total.
fn contradictions(usage: &Usage) -> u32 {
    use Figure::*;
    let parts: [(&[Figure], Figure); 9] = [
        (&[CachedRead, CacheWrite], InputTotal),
        (&WRITES, CacheWrite),
        (&[AudioInput, ImageInput, VideoInput, DocumentInput], InputTotal),
        (&[CachedAudio], AudioInput),
        (&[CachedAudio, CachedText, CachedImage], CachedRead),
        (&[ToolUseInput], InputTotal),
        (&[Reasoning], OutputTotal),
        (&[AudioOutput, ImageOutput], OutputTotal),
        (&[PredictionAccepted, PredictionRejected], OutputTotal),
    ];
    let above = |(parts, total): &(&[Figure], Figure)| sum(usage, parts) > usage.count(*total);
    parts.iter().filter(|part| above(part)).fold(0, |count, _| count + 1)
}
