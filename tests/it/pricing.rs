//! The price table that is shipped, and the arithmetic of charges.

use farebox::clock::parse_time;
use farebox::pricing::{Bound, Class, ModelPrice, PriceTable, Terms};
use farebox::usage::{Figure, Usage};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| PriceTable::builtin().unwrap());

fn model(name: &str) -> &'static Arc<ModelPrice> {
    BUILTIN.find(Some("openai"), name).unwrap()
}

fn usage(figures: &[(Figure, u64)]) -> Usage {
    figures.iter().fold(Usage::default(), |usage, &(figure, n)| usage.with(figure, n))
}

fn plain(input: u64, output: u64) -> Usage {
    usage(&[(Figure::InputTotal, input), (Figure::OutputTotal, output)])
}

fn terms<'a>(tier: &'a str, date: &str) -> Terms<'a> {
    Terms { service_tier: Some(tier), at: parse_time(date).unwrap(), ..Terms::default() }
}

/// What a usage costs in nano-dollars at the end of November 2026.
#[track_caller]
fn check(name: &str, tier: &str, usage: Usage, nanos: i64) {
    assert_eq!(model(name).cost(&usage, &terms(tier, "2026-11-24")).get(), nanos, "{name} {tier}");
}

#[test]
fn r003_r004_the_example_costs_what_the_table_says() {
    // 86 uncached at 1.25 + 1,920 cached at 0.125 + 300 output at 10, in dollars a million:
    // 107.5 + 240 + 3000 = 3347.5 millionths of a dollar.
    let example = usage(&[
        (Figure::InputTotal, 2006),
        (Figure::CachedRead, 1920),
        (Figure::OutputTotal, 300),
    ]);
    check("gpt-5", "default", example, 3_347_500);
    let lines = model("gpt-5").explain(&example, &terms("default", "2026-11-24"));
    let lines: Vec<_> = lines
        .iter()
        .map(|l| (l.class.name(), l.quantity, l.price_text(), l.cost.to_string(), l.fallback))
        .collect();
    let line = |class, quantity, price: &str, cost: &str| {
        (class, quantity, price.to_owned(), cost.to_owned(), None)
    };
    assert_eq!(
        lines,
        [
            line("input", 86, "1.25", "0.0001075"),
            line("cached_input", 1920, "0.125", "0.00024"),
            line("output", 300, "10", "0.003"),
        ]
    );
}

#[test]
fn r005_cached_tokens_are_neither_charged_twice_nor_free() {
    // Elsewhere: cached tokens charged as input and again as cached (a tenfold overcharge of a
    // cached prompt), or dropped.
    let prompt = |cached| usage(&[(Figure::InputTotal, 100_000), (Figure::CachedRead, cached)]);
    check("gpt-5", "default", prompt(0), 125_000_000);
    check("gpt-5", "default", prompt(100_000), 12_500_000);
    check("gpt-5", "default", prompt(99_999), 12_499_875 + 1_250);
    // A cached count above its total is cut, so that nothing becomes negative.
    check("gpt-5", "default", prompt(200_000), 12_500_000);
}

#[test]
fn the_served_tier_decides() {
    // 1,000 × 1.25 + 1,000 × 10 = 11,250 millionths; flex and batch half of it, priority double.
    for tier in ["default", "auto", "standard", "scale", "unheard-of"] {
        check("gpt-5", tier, plain(1000, 1000), 11_250_000);
    }
    check("gpt-5", "flex", plain(1000, 1000), 5_625_000);
    check("gpt-5", "batch", plain(1000, 1000), 5_625_000);
    check("gpt-5", "priority", plain(1000, 1000), 22_500_000);
    check("gpt-5", "fast", plain(1000, 1000), 22_500_000);
    // No flex price is known for gpt-4o: the standard one. 1,000 × 2.5 + 1,000 × 10.
    check("gpt-4o", "flex", plain(1000, 1000), 12_500_000);
    // gpt-4o's batch price names no cached class: that of the standard price, 1.25, stays.
    let cached = usage(&[(Figure::InputTotal, 1000), (Figure::CachedRead, 400)]);
    check("gpt-4o", "batch", cached, 600 * 1_250 + 400 * 1_250);
}

#[test]
fn a_long_prompt_reprices_the_whole_call() {
    // gpt-5.4: above 272,000 tokens input costs 5 instead of 2.5 and output 22.5 instead of 15.
    check("gpt-5.4", "default", plain(271_999, 100), 679_997_500 + 1_500_000);
    check("gpt-5.4", "default", plain(272_000, 100), 680_000_000 + 1_500_000);
    check("gpt-5.4", "default", plain(272_001, 100), 1_360_005_000 + 2_250_000);
    // Cached tokens count for the length: 272,000 × 0.5 + 1 × 5 + 100 × 22.5.
    let cached = usage(&[
        (Figure::InputTotal, 272_001),
        (Figure::CachedRead, 272_000),
        (Figure::OutputTotal, 100),
    ]);
    check("gpt-5.4", "default", cached, 136_000_000 + 5_000 + 2_250_000);
    let grok = "[[model]]\nid = 'g'\nprovider = 'x'\n[[model.price]]\ninput = '1'\noutput = '1'\n\
                long = { at_least = 200000, input = '2' }";
    let table = PriceTable::parse(grok).unwrap();
    let cost = |input| table.find(None, "g").unwrap().cost(&plain(input, 0), &Terms::default());
    assert_eq!((cost(199_999).get(), cost(200_000).get()), (199_999_000, 400_000_000));
}

#[test]
fn prices_change_with_their_dates() {
    // gpt-5.6-sol: 5 and 30 until 2026-08-21, then 4 and 20.
    let at = |date| model("gpt-5.6-sol").cost(&plain(1000, 1000), &terms("default", date)).get();
    assert_eq!(at("2026-01-01"), 35_000_000);
    assert_eq!(at("2026-08-20T23:59:59.999Z"), 35_000_000);
    assert_eq!(at("2026-08-21"), 24_000_000);
    // Flex begins on 2026-10-12; before, the standard price of the day.
    let flex = |date| model("gpt-5.6-sol").cost(&plain(1000, 1000), &terms("flex", date)).get();
    assert_eq!((flex("2026-10-11"), flex("2026-10-12")), (24_000_000, 12_000_000));
}

#[test]
fn a_tier_keeps_what_it_does_not_name_of_the_price_in_force() {
    let text = "[[model]]\nid = 'm'\nprovider = 'p'\n\
        [[model.price]]\ninput = '8'\ncached_input = '4'\noutput = '8'\n\
        [[model.price]]\nfrom = '2026-02-01'\ninput = '6'\ncached_input = '3'\noutput = '6'\n\
        [[model.price]]\ntiers = ['flex']\nfrom = '2026-01-01'\ninput = '1'";
    let table = PriceTable::parse(text).unwrap();
    let cached = usage(&[(Figure::InputTotal, 1000), (Figure::CachedRead, 1000)]);
    let cost = |tier, date| table.find(None, "m").unwrap().cost(&cached, &terms(tier, date)).get();
    assert_eq!(cost("flex", "2026-01-15"), 4_000_000);
    assert_eq!(cost("flex", "2026-02-01"), 3_000_000);
    let plain = |tier, date| table.find(None, "m").unwrap().cost(&plain(0, 1), &terms(tier, date));
    assert_eq!(plain("flex", "2026-02-01").get(), 6_000);
}

#[test]
fn every_class_has_its_price_or_the_next_broader_one() {
    let text = "[[model]]\nid = 'm'\nprovider = 'p'\n[[model.price]]\ninput = '1'\ncache_write = '2'\n\
        cache_write_12h = '4'\naudio_input = '8'\noutput = '16'\naudio_output = '32'\nweb_search = '0.01'";
    let table = PriceTable::parse(text).unwrap();
    let all = usage(&[
        (Figure::InputTotal, 1000),
        (Figure::CachedRead, 200),
        (Figure::CachedAudio, 50),
        (Figure::CacheWrite, 300),
        (Figure::CacheWrite1h, 100),
        (Figure::CacheWrite12h, 100),
        (Figure::AudioInput, 150),
        (Figure::ImageInput, 60),
        (Figure::OutputTotal, 500),
        (Figure::Reasoning, 100),
        (Figure::AudioOutput, 200),
        (Figure::WebSearchRequests, 3),
    ]);
    let model = table.find(None, "m").unwrap();
    let lines = model.explain(&all, &Terms::default());
    let lines: Vec<_> =
        lines.iter().map(|l| (l.class, l.quantity, l.price_text(), l.fallback)).collect();
    let line =
        |class, quantity, price: &str, fallback| (class, quantity, price.to_owned(), fallback);
    assert_eq!(
        lines,
        [
            line(Class::Input, 340, "1", None),
            line(Class::CachedInput, 150, "1", Some(Class::Input)),
            line(Class::CacheWrite, 100, "2", None),
            line(Class::CacheWrite1h, 100, "2", Some(Class::CacheWrite)),
            line(Class::CacheWrite12h, 100, "4", None),
            line(Class::AudioInput, 100, "8", None),
            line(Class::CachedAudio, 50, "8", Some(Class::AudioInput)),
            line(Class::ImageInput, 60, "1", Some(Class::Input)),
            line(Class::Output, 200, "16", None),
            line(Class::Reasoning, 100, "16", Some(Class::Output)),
            line(Class::AudioOutput, 200, "32", None),
            line(Class::WebSearch, 3, "0.01", None),
        ]
    );
    // Input side 340 + 150 + 200 + 200 + 400 + 800 + 400 + 60 = 2,550 millionths, output side
    // 3,200 + 1,600 + 6,400 = 11,200; three searches 30,000.
    assert_eq!(model.cost(&all, &Terms::default()).get(), 43_750_000);
}

#[test]
fn the_shipped_table_knows_openais_names() {
    for (name, id) in [
        ("gpt-5.4-2026-03-05", "gpt-5.4"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-5-chat-latest", "gpt-5"),
        ("ft:gpt-4o-mini:acme::abc123", "ft:gpt-4o-mini"),
        ("ft:gpt-4o-mini-2024-07-18:acme:x:abc123", "ft:gpt-4o-mini"),
        ("ft:gpt-4o-2024-08-06:acme::abc123", "ft:gpt-4o"),
        ("ft:gpt-3.5-turbo-0125:acme::abc123", "ft:gpt-3.5-turbo"),
        ("text-embedding-3-small", "text-embedding-3-small"),
        ("gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct"),
    ] {
        assert_eq!(model(name).id, id);
    }
    for name in ["gpt-99", "ft:gpt-9:acme::x", "whisper-9"] {
        assert!(BUILTIN.find(Some("openai"), name).is_none(), "{name}");
    }
    assert!(BUILTIN.nearest(Some("openai"), "gpt-5.4-minni").contains(&"gpt-5.4-mini".to_owned()));
    assert_eq!(BUILTIN.provider_of("gpt-5"), Some("openai"));
    assert_eq!((model("gpt-5").context, model("gpt-5").max_output), (Some(400_000), Some(128_000)));
}

#[test]
fn a_model_let_pass_without_a_price_costs_nothing() {
    let free = BUILTIN.free(None);
    assert_eq!((free.id.as_str(), free.listed, free.is_free()), ("*", false, true));
    assert_eq!(free.cost(&plain(1000, 1000), &Terms::default()).get(), 0);
    assert_eq!(free.ceiling(Bound { input: 1000, output: 1000 }).get(), 0);
}

fn any_tier() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["default", "flex", "priority", "fast", "batch", "scale", "nonsense"])
}

/// A usage whose totals are known and whose other figures are anything below two million.
fn any_usage() -> impl Strategy<Value = Usage> {
    const TOKENS: usize = 23;
    prop::collection::vec(0_u64..2_000_000, TOKENS).prop_map(|counts| {
        Figure::ALL.iter().zip(counts).fold(Usage::default(), |usage, (&figure, n)| match figure {
            Figure::InputTotal | Figure::OutputTotal => usage.with(figure, n),
            _ => usage.with(figure, n / 8),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_call_within_its_bound_costs_more_than_the_ceiling(
        place in 0..1000_usize,
        usage in any_usage(),
        (above_input, above_output) in (0_u64..1000, 0_u64..1000),
        tier in any_tier(),
        at in 1_740_000_000_000_i64..1_830_000_000_000,
    ) {
        let model = &BUILTIN.models()[place % BUILTIN.models().len()];
        let bound = Bound {
            input: usage.count(Figure::InputTotal) + above_input,
            output: usage.count(Figure::OutputTotal) + above_output,
        };
        let terms = Terms { service_tier: Some(tier), at, ..Terms::default() };
        prop_assert!(model.cost(&usage, &terms) <= model.ceiling(bound));
        prop_assert!(model.expected(bound, &terms) <= model.ceiling(bound));
    }

    #[test]
    fn the_lines_add_up_to_the_cost(
        place in 0..1000_usize,
        usage in any_usage(),
        tier in any_tier(),
    ) {
        let model = &BUILTIN.models()[place % BUILTIN.models().len()];
        let terms = terms(tier, "2026-11-24");
        let lines = model.explain(&usage, &terms);
        let sum = lines.iter().fold(farebox::pricing::Exact::ZERO, |sum, line| sum.plus(line.cost));
        prop_assert_eq!(sum.round_up(), model.cost(&usage, &terms));
        let tokens: u64 =
            lines.iter().filter(|l| !l.is_each()).map(|l| l.quantity).sum();
        prop_assert_eq!(tokens, usage.total_tokens());
    }
}

#[test]
fn the_documented_form_is_readable() {
    let documented = include_str!("../../docs/pricing.md");
    let text = documented.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let table = PriceTable::parse(text).unwrap();
    let model = table.find(None, "gpt-5.4-preview").unwrap();
    assert_eq!(model.tiers().collect::<Vec<_>>(), ["fast", "priority"]);
    // Priority, and long: 300,000 × 5 + 1,000 × 30, since priority names no long prices.
    let cost = model.cost(&plain(300_000, 1_000), &terms("priority", "2026-11-24"));
    assert_eq!(cost.get(), 1_530_000_000);
}
