//! Token classes: the disjoint parts of a usage, each with its own price.
//!
//! Invariant: the input parts add up to the input total and the output parts to the output total,
//! whatever the usage says, so no token is charged twice and none is free. Parts that claim more
//! than is left of their total are cut.

use crate::usage::{Figure, Usage};

/// A part of a usage that has a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Text of the prompt that was neither read from a cache nor written to one.
    Input,
    /// Prompt tokens read from the cache.
    CachedInput,
    /// Cache writes of the default lifetime.
    CacheWrite,
    /// Cache writes that live five minutes.
    CacheWrite5m,
    /// Cache writes that live thirty minutes.
    CacheWrite30m,
    /// Cache writes that live one hour.
    CacheWrite1h,
    /// Cache writes that live twelve hours.
    CacheWrite12h,
    /// Audio of the prompt.
    AudioInput,
    /// Audio of the prompt, read from the cache.
    CachedAudio,
    /// Images of the prompt.
    ImageInput,
    /// Text of the answer.
    Output,
    /// Reasoning.
    Reasoning,
    /// Audio of the answer.
    AudioOutput,
    /// Images of the answer.
    ImageOutput,
    /// Web searches.
    WebSearch,
}

const COUNT: usize = Class::ALL.len();

impl Class {
    /// All classes, in the order of a bill.
    pub const ALL: [Self; 15] = [
        Self::Input,
        Self::CachedInput,
        Self::CacheWrite,
        Self::CacheWrite5m,
        Self::CacheWrite30m,
        Self::CacheWrite1h,
        Self::CacheWrite12h,
        Self::AudioInput,
        Self::CachedAudio,
        Self::ImageInput,
        Self::Output,
        Self::Reasoning,
        Self::AudioOutput,
        Self::ImageOutput,
        Self::WebSearch,
    ];

    /// The key in the price table and in bills.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite30m => "cache_write_30m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::CacheWrite12h => "cache_write_12h",
            Self::AudioInput => "audio_input",
            Self::CachedAudio => "cached_audio",
            Self::ImageInput => "image_input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio_output",
            Self::ImageOutput => "image_output",
            Self::WebSearch => "web_search",
        }
    }

    /// The class whose price is taken where this one has none.
    pub const fn broader(self) -> Option<Self> {
        match self {
            Self::Input | Self::Output | Self::WebSearch => None,
            Self::CachedInput | Self::CacheWrite | Self::AudioInput | Self::ImageInput => {
                Some(Self::Input)
            }
            Self::CacheWrite5m | Self::CacheWrite30m | Self::CacheWrite1h | Self::CacheWrite12h => {
                Some(Self::CacheWrite)
            }
            Self::CachedAudio => Some(Self::AudioInput),
            Self::Reasoning | Self::AudioOutput | Self::ImageOutput => Some(Self::Output),
        }
    }

    #[allow(clippy::as_conversions, reason = "the discriminants are 0 to 14, the places in ALL")]
    const fn index(self) -> usize {
        self as usize
    }

    /// Where its tokens are counted.
    pub const fn side(self) -> Side {
        match self {
            Self::Output | Self::Reasoning | Self::AudioOutput | Self::ImageOutput => Side::Output,
            Self::WebSearch => Side::Apart,
            _ => Side::Input,
        }
    }
}

/// Which total a class is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The input tokens.
    Input,
    /// The output tokens.
    Output,
    /// Neither; not tokens.
    Apart,
}

/// One value for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerClass<T>([T; COUNT]);

impl<T: Copy> PerClass<T> {
    /// The same value for all.
    pub fn all(value: T) -> Self {
        Self([value; COUNT])
    }

    /// The value of a class.
    pub fn get(&self, class: Class) -> T {
        self.0[class.index()]
    }

    /// Sets the value of a class.
    pub fn set(&mut self, class: Class, value: T) {
        self.0[class.index()] = value;
    }
}

/// Divides a usage into disjoint parts.
pub fn parts(usage: &Usage) -> PerClass<u64> {
    let mut parts = PerClass::all(0);
    divide_input(usage, &mut parts);
    divide_output(usage, &mut parts);
    parts.set(Class::WebSearch, usage.count(Figure::WebSearchRequests));
    parts
}

fn divide_input(usage: &Usage, parts: &mut PerClass<u64>) {
    let mut rest = usage.count(Figure::InputTotal);
    let cached = take(&mut rest, usage.count(Figure::CachedRead));
    let mut cached_text = cached;
    let cached_audio = take(&mut cached_text, usage.count(Figure::CachedAudio));
    parts.set(Class::CachedInput, cached_text);
    parts.set(Class::CachedAudio, cached_audio);

    let lifetimes = [
        (Class::CacheWrite12h, Figure::CacheWrite12h),
        (Class::CacheWrite1h, Figure::CacheWrite1h),
        (Class::CacheWrite30m, Figure::CacheWrite30m),
        (Class::CacheWrite5m, Figure::CacheWrite5m),
    ];
    let mut written = usage.count(Figure::CacheWrite);
    for (class, figure) in lifetimes {
        let of_lifetime = usage.count(figure);
        written = written.saturating_sub(of_lifetime);
        parts.set(class, take(&mut rest, of_lifetime));
    }
    parts.set(Class::CacheWrite, take(&mut rest, written));

    let audio = usage.count(Figure::AudioInput).saturating_sub(cached_audio);
    parts.set(Class::AudioInput, take(&mut rest, audio));
    parts.set(Class::ImageInput, take(&mut rest, usage.count(Figure::ImageInput)));
    parts.set(Class::Input, rest);
}

fn divide_output(usage: &Usage, parts: &mut PerClass<u64>) {
    let mut rest = usage.count(Figure::OutputTotal);
    for (class, figure) in [
        (Class::AudioOutput, Figure::AudioOutput),
        (Class::ImageOutput, Figure::ImageOutput),
        (Class::Reasoning, Figure::Reasoning),
    ] {
        parts.set(class, take(&mut rest, usage.count(figure)));
    }
    parts.set(Class::Output, rest);
}

/// Takes a part out of what is left of a total, never more than is left.
fn take(rest: &mut u64, part: u64) -> u64 {
    let taken = part.min(*rest);
    *rest = rest.saturating_sub(taken);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(figures: &[(Figure, u64)], expected: &[(Class, u64)]) {
        let usage = figures.iter().fold(Usage::default(), |u, &(f, n)| u.with(f, n));
        let parts = parts(&usage);
        let found: Vec<_> =
            Class::ALL.into_iter().map(|c| (c, parts.get(c))).filter(|(_, n)| *n > 0).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn r002_parts_are_taken_out_of_their_totals() {
        check(
            &[(Figure::InputTotal, 2006), (Figure::CachedRead, 1920), (Figure::OutputTotal, 300)],
            &[(Class::Input, 86), (Class::CachedInput, 1920), (Class::Output, 300)],
        );
        check(
            &[
                (Figure::InputTotal, 1000),
                (Figure::CachedRead, 300),
                (Figure::CacheWrite, 200),
                (Figure::CacheWrite1h, 150),
                (Figure::AudioInput, 180),
                (Figure::CachedAudio, 100),
                (Figure::ImageInput, 70),
            ],
            &[
                (Class::Input, 350),
                (Class::CachedInput, 200),
                (Class::CacheWrite, 50),
                (Class::CacheWrite1h, 150),
                (Class::AudioInput, 80),
                (Class::CachedAudio, 100),
                (Class::ImageInput, 70),
            ],
        );
        check(
            &[
                (Figure::OutputTotal, 500),
                (Figure::Reasoning, 192),
                (Figure::AudioOutput, 50),
                (Figure::PredictionAccepted, 40),
            ],
            &[(Class::Output, 258), (Class::Reasoning, 192), (Class::AudioOutput, 50)],
        );
    }

    #[test]
    fn a_part_above_its_total_is_cut() {
        check(
            &[(Figure::InputTotal, 10), (Figure::CachedRead, 900), (Figure::AudioInput, 5)],
            &[(Class::CachedInput, 10)],
        );
        check(&[(Figure::OutputTotal, 7), (Figure::Reasoning, 900)], &[(Class::Reasoning, 7)]);
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_totals(counts in prop::collection::vec(0_u64..2000, 17)) {
            let figures = Figure::ALL.iter().copied().zip(counts);
            let usage = figures.fold(Usage::default(), |u, (f, n)| u.with(f, n));
            let parts = parts(&usage);
            let sum = |side| -> u64 {
                Class::ALL.into_iter().filter(|c| c.side() == side).map(|c| parts.get(c)).sum()
            };
            prop_assert_eq!(sum(Side::Input), usage.count(Figure::InputTotal));
            prop_assert_eq!(sum(Side::Output), usage.count(Figure::OutputTotal));
        }
    }
}
