//! Budgets that fit a few calls, under calls whose output varies tenfold: by how much they are
//! overspent and how many calls are refused although there was money, with what is learned.
//! Compiled under `#[cfg(test)]` only.
//!
//! The ledger is the one of `balanced`: the expected cost is held, streams hold more in slices,
//! what is used is charged whatever was held. Calls come at random, half of them streams.

use super::{Learned, Lesson};
use crate::ids::Id;

/// Prices of a token, as one to four.
const INPUT: u64 = 1;
const OUTPUT: u64 = 4;

/// What is expected of the first calls.
const USUAL: u64 = 1_000;

/// Tokens that a call makes in a moment.
const PACE: u64 = 10;

/// Knuth's linear congruential numbers: the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// Between one and ten, all orders of magnitude as often.
    fn tenfold(&mut self) -> f64 {
        10_f64.powf(self.below(10_000) as f64 / 10_000.0)
    }
}

struct Offered {
    body: u64,
    input: u64,
    output: u64,
    stream: bool,
}

struct Running {
    call: Offered,
    made: u64,
    held: u64,
    covered: u64,
    slice: u64,
}

impl Offered {
    /// Output and body are tenfold apart, all sizes between as often by their logarithm.
    fn random(chance: &mut Chance, least: u64) -> Self {
        let body = (400.0 * chance.tenfold()) as u64;
        let input = body * (20 + chance.below(10)) / 100;
        let output = (least as f64 * chance.tenfold()) as u64;
        Self { body, input, output, stream: chance.below(2) == 0 }
    }

    fn cost(&self) -> u64 {
        self.input * INPUT + self.output * OUTPUT
    }
}

#[derive(Debug, Default)]
struct Outcome {
    offered: u64,
    admitted: u64,
    limits: u64,
    over: u64,
    /// Calls that were refused and for which the money would have been there in the end.
    falsely: u64,
}

/// One budget that fits about so many calls, of which so many come while one is answered.
fn spend(learned: &Learned, chance: &mut Chance, key: &Id, fits: u64, at_once: u64) -> Outcome {
    let least = [40, 100, 400][chance.below(3) as usize];
    let mean = 240 + least * 4 * OUTPUT;
    let limit = mean * fits;
    let (mut used, mut running, mut refused) = (0, Vec::<Running>::new(), Vec::new());
    let mut outcome = Outcome { limits: limit, ..Outcome::default() };
    let gap = (least * 4 / PACE / at_once).max(1);
    for moment in 0.. {
        if moment % gap == 0 && outcome.offered < 1_000 {
            outcome.offered += 1;
            let call = Offered::random(chance, least);
            let held: u64 = running.iter().map(|call| call.held).sum();
            match admit(learned, key, call, limit.saturating_sub(used + held)) {
                Ok(call) => running.push(call),
                Err(cost) => refused.push(cost),
            }
        }
        if running.is_empty() && outcome.offered == 1_000 {
            break;
        }
        for at in (0..running.len()).rev() {
            let held: u64 = running.iter().map(|call| call.held).sum();
            let left = limit.saturating_sub(used + held);
            if running[at].proceed(left) {
                let call = running.swap_remove(at).call;
                used += call.cost();
                outcome.admitted += 1;
                let said = (call.output * 5, call.output);
                let input = Some((call.body, call.input));
                learned.learn(key, "m", &Lesson { input, said, output: call.output });
            }
        }
    }
    outcome.over = used.saturating_sub(limit);
    refused.sort_unstable();
    let mut left = limit.saturating_sub(used);
    for cost in refused {
        if cost <= left {
            left -= cost;
            outcome.falsely += 1;
        }
    }
    outcome
}

fn admit(learned: &Learned, key: &Id, call: Offered, left: u64) -> Result<Running, u64> {
    let hints = learned.hints(key, "m");
    let input = hints.input.map_or(call.body / 4, |ratio| ratio.of(call.body));
    let covered = hints.output.unwrap_or(USUAL);
    let held = input * INPUT + covered * OUTPUT;
    let slice = (covered / 8).max(256);
    if held <= left {
        Ok(Running { call, made: 0, held, covered, slice })
    } else {
        Err(call.cost())
    }
}

impl Running {
    /// Makes a few tokens; whether the answer is complete.
    fn proceed(&mut self, left: u64) -> bool {
        self.made = (self.made + PACE).min(self.call.output);
        let more = self.slice * OUTPUT;
        if self.call.stream && self.made > self.covered {
            self.covered = self.made + self.slice;
            self.held += if more <= left { more } else { 0 };
        }
        self.made == self.call.output
    }
}

#[test]
fn what_is_learned_overspends_little_and_refuses_little_falsely() {
    let mut chance = Chance(7);
    let learned = Learned::new();
    let mut sum = Outcome::default();
    for n in 0..200_u64 {
        let key: Id = format!("key-{n}").parse().unwrap();
        let (fits, at_once) =
            ([5, 10, 20, 50][n as usize % 4], [1, 5, 20, 200][n as usize / 4 % 4]);
        let one = spend(&learned, &mut chance, &key, fits, at_once);
        sum.offered += one.offered;
        sum.admitted += one.admitted;
        sum.limits += one.limits;
        sum.over += one.over;
        sum.falsely += one.falsely;
    }
    let of_a_thousand = |part: u64, all: u64| part * 1_000 / all;
    let over = of_a_thousand(sum.over, sum.limits);
    let falsely = of_a_thousand(sum.falsely, sum.offered);
    eprintln!("{sum:?}: over {over} ‰, falsely refused {falsely} ‰");
    assert!(over < 20 && falsely < 20, "{sum:?}");
}
