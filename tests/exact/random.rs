//! Random price tables, terms and usages, the same for the same seed.

use farebox::clock::rfc3339_seconds;
use farebox::pricing::{Class, Terms};
use farebox::usage::{Figure, Usage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::fmt::Write;

const DAY: i64 = 86_400_000;
/// 2026-01-01, a Thursday; prices of random tables change within the 400 days after it.
const FIRST: i64 = 1_767_225_600_000;

pub fn seeded(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// A number between 0 and the largest; small ones are as likely as large ones.
pub fn count(chance: &mut StdRng, largest: u64) -> u64 {
    let bits = chance.random_range(0..=largest.ilog2());
    chance.random_range(0..2_u64 << bits).min(largest)
}

/// A price as tables have it, with up to 18 decimals.
fn price(chance: &mut StdRng) -> String {
    let decimals = *[0, 1, 2, 3, 6, 12, 18].choose(chance).unwrap();
    let whole = count(chance, 200);
    let rest = chance.random_range(0..1_000_000_000_000_000_000_u64);
    let rest = &format!("{rest:018}")[..decimals];
    match (chance.random_range(0..10), decimals) {
        (0, _) => "0".to_owned(),
        (_, 0) => whole.to_string(),
        (1, _) => format!(".{rest}"),
        _ => format!("{whole}.{rest}"),
    }
}

/// Prices of some classes, and of `always`.
fn prices(chance: &mut StdRng, always: &[&str], ending: &str) -> String {
    let share = chance.random_range(0.1..0.9);
    let mut text = String::new();
    for class in Class::ALL {
        if always.contains(&class.name()) || chance.random_bool(share) {
            let _ = write!(text, "{} = '{}'{ending}", class.name(), price(chance));
        }
    }
    text
}

/// One block of prices under some conditions; `threshold` is where long prompts begin.
fn block(
    chance: &mut StdRng,
    conditions: &str,
    always: &[&str],
    threshold: Option<&str>,
) -> String {
    let mut text = format!("[[model.price]]\n{conditions}{}", prices(chance, always, "\n"));
    if let Some(threshold) = threshold.filter(|_| chance.random_bool(0.6)) {
        let long = prices(chance, &["input"], ", ");
        let _ = writeln!(text, "long = {{ {threshold}, {} }}", long.trim_end_matches(", "));
    }
    text
}

/// Blocks that begin one after the other, the first maybe at any time.
fn blocks(chance: &mut StdRng, conditions: &str, always: &[&str], long: Option<&str>) -> String {
    let mut from = FIRST + chance.random_range(0..100) * DAY;
    let mut text = String::new();
    for number in 0..chance.random_range(1..=3) {
        let date = match number {
            0 if chance.random_bool(0.5) => String::new(),
            _ => format!("from = '{}'\n", rfc3339_seconds(from)),
        };
        text += &block(chance, &format!("{date}{conditions}"), always, long);
        from += chance.random_range(1..100) * DAY;
    }
    text
}

/// A table of one model, `m` of `p`, with any conditions that a table can have.
pub fn table(chance: &mut StdRng) -> String {
    let mut text = "[[model]]\nid = 'm'\nprovider = 'p'\n".to_owned();
    if chance.random_bool(0.5) {
        text += "regions = { us = '1.1', eu = '0.875', moon = '12' }\n";
    }
    let tokens = count(chance, 400_000);
    let threshold = match chance.random_range(0..3) {
        0 => None,
        1 => Some(format!("above = {tokens}")),
        _ => Some(format!("at_least = {tokens}")),
    };
    let threshold = threshold.as_deref();
    text += &blocks(chance, "", &["input", "output"], threshold);
    let conditions = [
        "tiers = ['flex']\n",
        "tiers = ['priority', 'fast']\n",
        "tiers = ['batch']\n",
        "tiers = ['search_low']\n",
        "hours = ['01:00-04:00', '06:00-10:30']\ndays = ['mon', 'tue', 'thu']\n",
        "hours = ['03:15-22:00']\n",
    ];
    for conditions in conditions {
        if chance.random_bool(0.5) {
            text += &blocks(chance, conditions, &[], threshold);
        }
    }
    text
}

/// Terms at a moment in 2026 or soon after, often at a full day or hour.
pub fn terms(chance: &mut StdRng) -> Terms<'static> {
    let mut at = FIRST + chance.random_range(-10..410) * DAY;
    at += match chance.random_range(0..3) {
        0 => chance.random_range(0..DAY),
        1 => chance.random_range(0..96) * 900_000 + chance.random_range(-1..=1),
        _ => chance.random_range(-1..=1),
    };
    let mut one_of = |words: &[&'static str]| match chance.random_range(0..3) {
        0 => words.choose(chance).copied(),
        _ => None,
    };
    Terms {
        speed: one_of(&["fast", "standard"]),
        traffic_type: one_of(&["ON_DEMAND_PRIORITY", "ON_DEMAND_FLEX", "ON_DEMAND"]),
        service_tier: one_of(&["default", "flex", "priority", "fast", "batch", "scale", "new"]),
        search_context: one_of(&["low", "medium", "high"]),
        region: one_of(&["us", "eu", "moon", "mars"]),
        at,
    }
}

/// The disjoint parts of a call, each with the figures that count it.
pub const PARTS: &[&[Figure]] = {
    use Figure::*;
    &[
        &[InputTotal],
        &[InputTotal, CachedRead],
        &[InputTotal, CachedRead, CachedAudio, AudioInput],
        &[InputTotal, CachedRead, CachedImage, ImageInput],
        &[InputTotal, CacheWrite],
        &[InputTotal, CacheWrite, CacheWrite5m],
        &[InputTotal, CacheWrite, CacheWrite30m],
        &[InputTotal, CacheWrite, CacheWrite1h],
        &[InputTotal, CacheWrite, CacheWrite12h],
        &[InputTotal, AudioInput],
        &[InputTotal, ImageInput],
        &[InputTotal, VideoInput],
        &[InputTotal, DocumentInput],
        &[InputTotal, ToolUseInput],
        &[OutputTotal],
        &[OutputTotal, Reasoning],
        &[OutputTotal, AudioOutput],
        &[OutputTotal, ImageOutput],
        &[WebSearchRequests],
        &[WebFetchRequests],
        &[WebSearchQueries],
        &[DurationMs],
        &[Characters],
        &[Images],
        &[ImagesIn],
        &[Pages],
        &[SearchUnits],
    ]
};

/// A usage of one part, or of several.
pub fn usage(chance: &mut StdRng) -> Usage {
    let one = chance.random_bool(0.5).then(|| chance.random_range(0..PARTS.len()));
    let share = chance.random_range(0.05..0.7);
    let mut usage = Usage::default();
    for (place, figures) in PARTS.iter().enumerate() {
        if one.map_or_else(|| chance.random_bool(share), |one| one == place) {
            // So that no sum comes near the largest amount, where it would no longer add up.
            let largest = match figures[0] {
                Figure::InputTotal | Figure::OutputTotal => 60_000,
                Figure::DurationMs => 20_000,
                _ => 60,
            };
            let quantity = count(chance, largest);
            for &figure in *figures {
                usage.set(figure, usage.count(figure) + quantity);
            }
        }
    }
    usage
}

/// A usage whose figures contradict each other.
pub fn nonsense(chance: &mut StdRng) -> Usage {
    let mut usage = Usage::default();
    for &figure in Figure::ALL {
        if chance.random_bool(0.6) {
            usage.set(figure, count(chance, 1_000_000));
        }
    }
    usage
}
