//! Calls whose cost was worked out by hand, from what the vendors publish.
//!
//! A line of `pricing_hand/*.txt` is a call: its provider and model, its terms (`-`: the standard
//! ones, on Tuesday 2026-11-24 at noon), what it used, and the sum, in millionths of a dollar. A
//! price for a million tokens is that of one token in millionths. After `source:` stands where the
//! prices of the lines below come from. A sum that does not come out is a fault, too.

use farebox::clock::parse_time;
use farebox::pricing::{PriceTable, Terms};
use farebox::usage::{Figure, Usage};
use std::collections::BTreeSet;

const OPENAI: &str = include_str!("pricing_hand/openai.txt");
const ANTHROPIC: &str = include_str!("pricing_hand/anthropic.txt");
const GOOGLE: &str = include_str!("pricing_hand/google.txt");
const VENDORS: &str = include_str!("pricing_hand/vendors.txt");
const HOSTS: &str = include_str!("pricing_hand/hosts.txt");

/// A line, taken apart.
struct Call<'a> {
    provider: &'a str,
    model: &'a str,
    terms: Terms<'a>,
    used: Usage,
    sum: &'a str,
}

impl<'a> Call<'a> {
    fn read(line: &'a str) -> Self {
        let [call, terms, used, sum] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("four parts are needed: {line}")
        };
        let (provider, model) = call.split_once(' ').unwrap();
        Self { provider, model, terms: read_terms(terms), used: read_usage(used), sum }
    }
}

fn read_terms(text: &str) -> Terms<'_> {
    let mut terms = Terms { at: parse_time("2026-11-24T12:00:00Z").unwrap(), ..Terms::default() };
    for word in text.split_whitespace().filter(|word| *word != "-") {
        match word.split_once('=').unwrap() {
            ("at", time) => terms.at = parse_time(time).unwrap(),
            ("tier", tier) => terms.service_tier = Some(tier),
            ("speed", speed) => terms.speed = Some(speed),
            ("region", region) => terms.region = Some(region),
            ("traffic", kind) => terms.traffic_type = Some(kind),
            ("search", size) => terms.search_context = Some(size),
            _ => panic!("no term: {word}"),
        }
    }
    terms
}

fn read_usage(text: &str) -> Usage {
    text.split_whitespace().fold(Usage::default(), |usage, word| {
        let (name, count) = word.split_once('=').unwrap();
        let name = match name {
            "input" => "input_tokens_total",
            "output" => "output_tokens_total",
            name => name,
        };
        let figure = Figure::ALL.iter().find(|figure| figure.name() == name);
        let figure = *figure.unwrap_or_else(|| panic!("no figure: {name}"));
        usage.with(figure, figure.parse(count).unwrap())
    })
}

/// A number with at most six decimals, in millionths.
fn millionths(text: &str) -> i128 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    assert!(rest.len() <= 6, "{text}");
    format!("{whole}{rest:0<6}").parse().unwrap()
}

/// What is left of `=`, in nano-dollars and rounded up, and what is right of it.
fn worked_out(sum: &str) -> (i128, i128) {
    let (left, right) = sum.split_once(" = ").unwrap();
    // Every product is of two numbers, of millionths each, and divided by a part of an hour.
    let products = left.split(" + ").map(|product| {
        let (product, parts) = product.split_once(" ÷ ").unwrap_or((product, "1"));
        let (quantity, price) = product.split_once(" × ").unwrap();
        let parts: i128 = parts.parse().unwrap();
        assert_eq!(3600 % parts, 0, "{sum}");
        millionths(quantity) * millionths(price) * (3600 / parts)
    });
    let exact: i128 = products.sum();
    let nano = 3600 * 1_000_000_000;
    ((exact + nano - 1) / nano, millionths(right) / 1000)
}

fn calls(text: &str) -> impl Iterator<Item = Call<'_>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter(|line| !line.starts_with("source: ")).map(Call::read)
}

fn check(text: &str) {
    let table = PriceTable::builtin().unwrap();
    for call in calls(text) {
        let name = format!("{} {}", call.provider, call.model);
        let model = table.find(Some(call.provider), call.model);
        let model = model.unwrap_or_else(|| panic!("{name} has no price"));
        let hosted = ["azure", "vertex"].contains(&call.provider);
        assert!(hosted || model.provider == call.provider, "{name}: {}", model.provider);
        let (left, right) = worked_out(call.sum);
        assert_eq!(left, right, "{name}: {}", call.sum);
        let cost = model.cost(&call.used, &call.terms).get();
        let lines = model.explain(&call.used, &call.terms);
        let lines: Vec<_> =
            lines.iter().map(|line| (line.class.name(), line.price_text())).collect();
        assert_eq!(i128::from(cost), right, "{name}: {} but {lines:?}", call.sum);
    }
}

#[test]
fn openai_by_hand() {
    check(OPENAI);
}

#[test]
fn anthropic_by_hand() {
    check(ANTHROPIC);
}

#[test]
fn google_by_hand() {
    check(GOOGLE);
}

#[test]
fn mistral_cohere_xai_deepseek_and_perplexity_by_hand() {
    check(VENDORS);
}

#[test]
fn hosts_by_hand() {
    check(HOSTS);
}

#[test]
fn a_hundred_models_of_every_provider_are_worked_out() {
    let files = [OPENAI, ANTHROPIC, GOOGLE, VENDORS, HOSTS];
    let called = files.iter().flat_map(|text| calls(text));
    let models: BTreeSet<_> = called.map(|call| (call.provider, call.model)).collect();
    assert!(models.len() >= 100, "{} models", models.len());
    let table = PriceTable::builtin().unwrap();
    let providers = table.models().iter().map(|model| model.provider.as_str());
    for provider in providers.chain(["azure", "vertex"]).collect::<BTreeSet<_>>() {
        assert!(models.iter().any(|(of, _)| *of == provider), "nothing of {provider}");
    }
    // Every price has its source.
    for text in files {
        let first = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
        assert!(first.unwrap().starts_with("source: "));
    }
}
