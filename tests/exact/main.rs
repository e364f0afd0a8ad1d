//! What holds for every price table and every usage: a charge is that of integers of any size, is
//! never negative, never falls when a part grows, and adds up but for the rounding.
//!
//! `FAREBOX_PRICING_CASES` is how many charges are compared; a million without it. They take all
//! cores, so these tests are a program of their own, which runs when no other does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod oracle;
mod random;

use farebox::pricing::{ModelPrice, PriceTable, Terms};
use farebox::usage::{Figure, Usage};
use oracle::Card;
use rand::rngs::StdRng;
use random::{count, nonsense, seeded, table, terms, usage};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

const SEED: u64 = 20_261_128;
/// Charges of one model that are compared before it is the next one's turn.
const ROUND: usize = 400;
/// Charges under the same terms, one a sum of those before.
const ROW: usize = 40;

const SHIPPED_TEXT: &str = include_str!("../../pricing.toml");
static SHIPPED: LazyLock<Vec<(oracle::Model, Arc<ModelPrice>)>> = LazyLock::new(|| {
    let table = PriceTable::parse(SHIPPED_TEXT).unwrap();
    let models = oracle::read(SHIPPED_TEXT);
    assert_eq!(models.len(), table.models().len());
    models
        .into_iter()
        .map(|model| {
            let ours = table.find(Some(&model.provider), &model.id).unwrap();
            assert_eq!((&ours.provider, &ours.id), (&model.provider, &model.id));
            (model, ours.clone())
        })
        .collect()
});

fn cases() -> usize {
    let asked = std::env::var("FAREBOX_PRICING_CASES");
    asked.map_or(1_000_000, |text| text.parse().expect("FAREBOX_PRICING_CASES is a number"))
}

/// One model under certain terms, priced twice.
struct Pair<'a> {
    ours: &'a ModelPrice,
    card: Card,
    terms: Terms<'a>,
    /// Where the prices come from, for a complaint.
    text: &'a str,
}

impl Pair<'_> {
    /// The charge, which must be the same both ways.
    fn cost(&self, usage: &Usage) -> i64 {
        let cost = self.ours.cost(usage, &self.terms).get();
        let right = self.card.nanos(usage);
        if cost != right || cost < 0 {
            self.fail(usage, &format!("{cost} instead of {right}"));
        }
        cost
    }

    fn fail(&self, usage: &Usage, what: &str) -> ! {
        let (text, terms, usage) = (self.text, self.terms, usage.to_json());
        panic!("{what}\n{text}\n{} under {terms:?}:\n{usage}", self.ours.id)
    }

    /// A row of usages under the same terms, each the one before and something more.
    fn row(&self, chance: &mut StdRng) {
        let mut sum = usage(chance);
        let mut cost_of_sum = self.cost(&sum);
        for _ in 0..ROW / 2 {
            let more = usage(chance);
            let (both, cost_of_more) = (sum.plus(&more), self.cost(&more));
            let cost_of_both = self.cost(&both);
            if self.card.is_long(&sum) == self.card.is_long(&both) {
                if cost_of_both < cost_of_sum {
                    self.fail(&both, &format!("less than {cost_of_sum}, which a part of it costs"));
                }
                if self.card.is_long(&more) == self.card.is_long(&both) {
                    self.adds_up(&both, [cost_of_sum, cost_of_more, cost_of_both]);
                }
            }
            (sum, cost_of_sum) = (both, cost_of_both);
        }
    }

    /// Two calls cost as much as one that used as much, but for the rounding and for what is charged
    /// once a call.
    fn adds_up(&self, both: &Usage, [one, other, sum]: [i64; 3]) {
        let twice = self.card.of_a_call(both);
        if !(0..=1 + twice).contains(&(one + other - sum)) {
            self.fail(both, &format!("{one} + {other} is not {sum}"));
        }
    }
}

/// As many charges of one model as a round has.
fn round(number: usize) {
    let chance = &mut seeded(SEED + u64::try_from(number).unwrap());
    let (text, random);
    let (model, ours) = if number.is_multiple_of(2) {
        text = table(chance);
        let parsed = PriceTable::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        random = (oracle::read(&text).remove(0), parsed.models()[0].clone());
        (&random.0, &random.1)
    } else {
        text = String::new();
        let (model, ours) = &SHIPPED[number / 2 % SHIPPED.len()];
        (model, ours)
    };
    for row in 0..ROUND / ROW {
        let terms = terms(chance);
        let pair = Pair { ours, card: model.card(&terms), terms, text: &text };
        if row == 0 {
            for _ in 0..=ROW {
                pair.cost(&nonsense(chance));
            }
        } else {
            pair.row(chance);
        }
    }
}

#[test]
fn r004_a_million_charges_are_those_of_integers_of_any_size() {
    let rounds = cases().div_ceil(ROUND);
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{} charges from seed {SEED}, on {threads} threads", rounds * ROUND);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Relaxed) {
                        number if number < rounds => round(number),
                        _ => break,
                    }
                }
            });
        }
    });
}

#[test]
fn no_longer_prompt_of_a_shipped_model_is_cheaper() {
    // Across thresholds, where all of a call gets another price.
    let chance = &mut seeded(SEED);
    for (_, model) in SHIPPED.iter() {
        let terms = terms(chance);
        let mut before = 0;
        let mut tokens = 0;
        while tokens < 1_200_000 {
            tokens += 1 + count(chance, 60_000);
            let prompt = Usage::default().with(Figure::InputTotal, tokens);
            let cost = model.cost(&prompt, &terms).get();
            assert!(cost >= before, "{} {} at {tokens} tokens", model.provider, model.id);
            before = cost;
        }
    }
}
