//! The division of a usage into disjoint parts, each of one class.
//!
//! Invariant: the input parts add up to the input total and the output parts to the output total,
//! whatever the usage says, so no token is charged twice and none is free. Parts that claim more
//! than is left of their total are cut.

use super::class::{Class, PerClass};
use crate::usage::{Figure, Usage};

/// Divides a usage into disjoint parts. A usage without any figure has no part, not even a request.
pub fn parts(usage: &Usage) -> PerClass<u64> {
    let mut parts = PerClass::all(0);
    divide_input(usage, &mut parts);
    divide_output(usage, &mut parts);
    count_apart(usage, &mut parts);
    parts
}

fn divide_input(usage: &Usage, parts: &mut PerClass<u64>) {
    let mut rest = usage.count(Figure::InputTotal);
    let cached = take(&mut rest, usage.count(Figure::CachedRead));
    let mut cached_text = cached;
    let cached_audio = take(&mut cached_text, usage.count(Figure::CachedAudio));
    let cached_image = take(&mut cached_text, usage.count(Figure::CachedImage));
    parts.set(Class::CachedInput, cached_text);
    parts.set(Class::CachedAudio, cached_audio);
    parts.set(Class::CachedImage, cached_image);

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

    // The shares of the input include what of them was cached. Tool results come last: they may be
    // text or any of the others.
    let shares = [
        (Class::AudioInput, Figure::AudioInput, cached_audio),
        (Class::ImageInput, Figure::ImageInput, cached_image),
        (Class::VideoInput, Figure::VideoInput, 0),
        (Class::DocumentInput, Figure::DocumentInput, 0),
        (Class::ToolUseInput, Figure::ToolUseInput, 0),
    ];
    for (class, figure, cached) in shares {
        let uncached = usage.count(figure).saturating_sub(cached);
        parts.set(class, take(&mut rest, uncached));
    }
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

fn count_apart(usage: &Usage, parts: &mut PerClass<u64>) {
    for (class, figure) in [
        (Class::WebSearch, Figure::WebSearchRequests),
        (Class::WebFetch, Figure::WebFetchRequests),
        (Class::WebSearchQuery, Figure::WebSearchQueries),
        (Class::AudioSecond, Figure::DurationMs),
        (Class::Character, Figure::Characters),
        (Class::Image, Figure::Images),
        (Class::ImageIn, Figure::ImagesIn),
        (Class::Page, Figure::Pages),
        (Class::SearchUnit, Figure::SearchUnits),
    ] {
        parts.set(class, usage.count(figure));
    }
    parts.set(Class::GroundedRequest, usage.count(Figure::WebSearchQueries).min(1));
    parts.set(Class::Request, u64::from(!usage.is_empty()));
}

/// Takes a part out of what is left of a total, never more than is left.
fn take(rest: &mut u64, part: u64) -> u64 {
    let taken = part.min(*rest);
    *rest = rest.saturating_sub(taken);
    taken
}

#[cfg(test)]
mod tests {
    use super::super::class::Side;
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(figures: &[(Figure, u64)], expected: &[(Class, u64)]) {
        let usage = figures.iter().fold(Usage::default(), |u, &(f, n)| u.with(f, n));
        let parts = parts(&usage);
        let found: Vec<_> =
            Class::ALL.iter().map(|&c| (c, parts.get(c))).filter(|(_, n)| *n > 0).collect();
        assert_eq!(found, [expected, &[(Class::Request, 1)]].concat());
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
    fn shares_of_the_input_leave_their_cached_part_out() {
        check(
            &[
                (Figure::InputTotal, 1000),
                (Figure::CachedRead, 400),
                (Figure::CachedAudio, 50),
                (Figure::CachedImage, 150),
                (Figure::AudioInput, 60),
                (Figure::ImageInput, 250),
                (Figure::VideoInput, 90),
                (Figure::DocumentInput, 80),
                (Figure::ToolUseInput, 70),
            ],
            &[
                (Class::Input, 250),
                (Class::CachedInput, 200),
                (Class::AudioInput, 10),
                (Class::CachedAudio, 50),
                (Class::ImageInput, 100),
                (Class::CachedImage, 150),
                (Class::VideoInput, 90),
                (Class::DocumentInput, 80),
                (Class::ToolUseInput, 70),
            ],
        );
    }

    #[test]
    fn what_is_not_tokens_is_counted_apart() {
        check(
            &[
                (Figure::WebSearchRequests, 2),
                (Figure::WebFetchRequests, 3),
                (Figure::WebSearchQueries, 4),
                (Figure::DurationMs, 24_250),
                (Figure::Characters, 40),
                (Figure::Images, 5),
                (Figure::ImagesIn, 6),
                (Figure::Pages, 7),
                (Figure::SearchUnits, 8),
            ],
            &[
                (Class::WebSearch, 2),
                (Class::WebFetch, 3),
                (Class::WebSearchQuery, 4),
                (Class::GroundedRequest, 1),
                (Class::AudioSecond, 24_250),
                (Class::Character, 40),
                (Class::Image, 5),
                (Class::ImageIn, 6),
                (Class::Page, 7),
                (Class::SearchUnit, 8),
            ],
        );
        assert_eq!(parts(&Usage::default()), PerClass::all(0));
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
        fn the_parts_add_up_to_the_totals(counts in prop::collection::vec(0_u64..2000, Figure::ALL.len())) {
            let figures = Figure::ALL.iter().copied().zip(counts);
            let usage = figures.fold(Usage::default(), |u, (f, n)| u.with(f, n));
            let parts = parts(&usage);
            let sum = |side| -> u64 {
                Class::ALL.iter().filter(|c| c.side() == side).map(|&c| parts.get(c)).sum()
            };
            prop_assert_eq!(sum(Side::Input), usage.count(Figure::InputTotal));
            prop_assert_eq!(sum(Side::Output), usage.count(Figure::OutputTotal));
        }
    }
}
