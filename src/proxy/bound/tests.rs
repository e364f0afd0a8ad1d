//! No charge is above its ceiling: of random answers by every model of the table, and of all
//! captures.
//! Compiled under `#[cfg(test)]` only.

use super::super::admit::marked_up;
use super::super::price::Priced;
use super::super::tab::Pricing;
use super::*;
use crate::dialect::Contents;
use crate::dialect::capture::Capture;
use crate::ids::{CallId, Id};
use crate::ledger::{CallFacts, HoldOrder, Payers};
use crate::pricing::{Adjustments, Payer, PriceTable};
use crate::usage::{Reading, SubUsage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Chance: the same for the same seed.
struct Dice(StdRng);

impl Dice {
    /// Seeded by `FAREBOX_SEED`, or by chance. Prints the seed.
    fn thrown() -> Self {
        let given = std::env::var("FAREBOX_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(rand::random);
        println!("FAREBOX_SEED={seed}");
        Self(StdRng::seed_from_u64(seed))
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// From 0 to `most`: often its ends, otherwise of any order of magnitude.
    fn up_to(&mut self, most: u64) -> u64 {
        match self.0.random_range(0..8) {
            0 => 0,
            1 | 2 => most,
            3 => most / 2,
            _ => {
                let bits = self.0.random_range(0..=most.max(1).ilog2());
                self.0.random_range(0..2_u64 << bits).min(most)
            }
        }
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        *all.choose(&mut self.0).unwrap()
    }
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// A call of a model; nothing in it is out of the ordinary more often than it is.
fn call(dice: &mut Dice, operation: Operation, model: &ModelPrice) -> Call {
    let body_bytes = dice.up_to(3_000_000);
    let elsewhere = dice.chance(20);
    let contents = Contents {
        images: if elsewhere { dice.up_to(3) } else { 0 },
        image_bytes: if elsewhere { dice.up_to(body_bytes) } else { 0 },
        beyond: elsewhere && dice.chance(50),
        definitions: if dice.chance(20) { dice.up_to(body_bytes) } else { 0 },
        described: if dice.chance(10) { dice.up_to(3) } else { 0 },
        texts: dice.up_to(100),
        predicted: dice.chance(5),
    };
    Call {
        output_ceiling: dice.chance(80).then(|| dice.up_to(200_000).max(1)),
        answers: dice.up_to(5).max(1),
        body_bytes,
        characters: dice.up_to(body_bytes),
        input_elsewhere: elsewhere,
        contents,
        ..Call::plain(operation, &model.id)
    }
}

/// An answer within the most that a call can use. Parts may claim all of their totals.
fn answer(dice: &mut Dice, call: &Call, model: &ModelPrice, most: &Most) -> Reading {
    let mut usage = Usage::default();
    let (input, output) = (dice.up_to(most.tokens.input), dice.up_to(most.tokens.output));
    for &figure in Figure::ALL {
        let count = match figure {
            Figure::InputTotal => input,
            Figure::OutputTotal => output,
            Figure::Reasoning | Figure::AudioOutput | Figure::ImageOutput => dice.up_to(output),
            // What nothing bounds has no price.
            figure if APART.contains(&figure) => match units(call, model, figure) {
                Some(most) => dice.up_to(most),
                None => dice.up_to(1_000_000),
            },
            _ => dice.up_to(input),
        };
        if dice.chance(60) || matches!(figure, Figure::InputTotal | Figure::OutputTotal) {
            usage.set(figure, count);
        }
    }
    let tiers: Vec<&str> = model.tiers().chain(["default", "priority", "batch", "new"]).collect();
    let regions: Vec<&str> = model.regions().chain(["us", "moon"]).collect();
    let word = |text: &str| Some(text.to_owned());
    Reading {
        usage,
        usage_present: true,
        usage_final: true,
        complete: true,
        service_tier: dice.chance(50).then(|| dice.one_of(&tiers).to_owned()),
        inference_geo: dice.chance(30).then(|| dice.one_of(&regions).to_owned()),
        speed: if dice.chance(20) { word("fast") } else { None },
        traffic_type: if dice.chance(20) { word("ON_DEMAND_PRIORITY") } else { None },
        search_context_size: dice.chance(20).then(|| dice.one_of(&["low", "high"]).to_owned()),
        model: dice.chance(50).then(|| model.id.clone()),
        sub_usage: vec![SubUsage {
            included_in_top: true,
            billable: true,
            usage,
            ..SubUsage::default()
        }],
        output_bytes: dice.up_to(10_000_000),
        ..Reading::default()
    }
}

/// What the call is charged, and its ceiling.
fn charge(
    pricing: &Pricing,
    call: &Call,
    usage: &Usage,
    reading: &Reading,
    started: i64,
    provider: &str,
) -> (i64, i64) {
    let payers = Payers { user: id("alice"), workspace: id("eng"), key: id("key-1") };
    let payer = Payer { workspace: "eng", user: "alice" };
    let held = marked_up(&pricing.table, payer, ceiling(call, &pricing.model).unwrap());
    let facts = CallFacts {
        started,
        provider: provider.to_owned(),
        credential: String::new(),
        dialect: call.operation.name().to_owned(),
        model: call.model.clone(),
        price_version: String::new(),
    };
    let free = pricing.table.is_free(payer, &pricing.model, provider);
    let order =
        HoldOrder { id: CallId::new(), payers, ceiling: Some(held), expected: held, free, facts };
    let priced = Priced::of(&order, pricing, usage, reading, false);
    (priced.cost.get(), held.usd.get())
}

fn table(adjusted: bool) -> Arc<PriceTable> {
    let table = PriceTable::builtin().unwrap();
    if !adjusted {
        return Arc::new(table);
    }
    let text = "overrides = [{ multiplier = '0.850001' }]\n\
                markups = [{ multiplier = '1.100001', per_request = '0.0010000001' }]";
    #[derive(serde::Deserialize)]
    struct Agreed {
        overrides: Vec<crate::pricing::Override>,
        markups: Vec<crate::pricing::Markup>,
    }
    let Agreed { overrides, markups } = toml::from_str(text).unwrap();
    let adjustments = Adjustments { overrides, markups, ..Adjustments::default() };
    Arc::new(table.adjusted(adjustments, &[]).unwrap())
}

fn no_charge_is_above_its_ceiling(adjusted: bool, rounds: usize) {
    let mut dice = Dice::thrown();
    let table = table(adjusted);
    let (mut checked, mut none) = (0_usize, BTreeMap::<String, usize>::new());
    for _ in 0..rounds {
        for listed in table.models() {
            let model = table.find(Some(&listed.provider), &listed.id).unwrap().clone();
            let operation = dice.one_of(Operation::ALL);
            let call = call(&mut dice, operation, &model);
            let most = match most(&call, &model) {
                Ok(most) => most,
                Err(gap) => {
                    *none.entry(format!("{gap:?}")).or_default() += 1;
                    continue;
                }
            };
            let started = 1_700_000_000_000 + i64::try_from(dice.up_to(200_000_000_000)).unwrap();
            let reading = answer(&mut dice, &call, &model, &most);
            let pricing = Pricing { table: table.clone(), model: model.clone() };
            let exact = super::super::estimate::with_searches(&call, &model, reading.usage);
            let broken =
                Reading { usage_final: false, usage_present: dice.chance(50), ..reading.clone() };
            let left = dice.chance(50);
            let estimated = super::super::estimate::usage(&call, &model, &broken, left);
            for usage in [exact, capped(estimated, &call, &model)] {
                let (cost, held) =
                    charge(&pricing, &call, &usage, &reading, started, &model.provider);
                assert!(cost <= held, "{} costs {cost} of {held}: {call:?}\n{usage:?}", model.id);
                let tokens = usage.total_tokens();
                let most = most.tokens.input.saturating_add(most.tokens.output);
                assert!(tokens <= most, "{} has {tokens} tokens of {most}", model.id);
                checked += 1;
            }
        }
    }
    println!("{checked} charges checked; without a ceiling: {none:?}");
    assert!(checked > rounds * 500, "only {checked}");
}

#[test]
fn no_charge_at_list_prices_is_above_its_ceiling() {
    no_charge_is_above_its_ceiling(false, 40);
}

#[test]
fn no_charge_at_agreed_prices_is_above_its_ceiling() {
    no_charge_is_above_its_ceiling(true, 10);
}

/// Recorded requests are shortened: what they ask for is taken to be as much as their answers use.
/// Left out is what a recorded answer used beside its own figures: by a tool, or in an attempt, that
/// its request does not have any more. Whole, it would be refused.
#[test]
fn no_capture_costs_more_than_its_ceiling() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let table = table(false);
    let (mut checked, mut passed) = (0, BTreeMap::<String, usize>::new());
    for file in folder.read_dir().unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let recorded = serde_json::from_str::<serde_json::Value>(&text).unwrap();
        let provider = recorded["provider"].as_str().unwrap_or_default();
        let (call, readings) = Capture::parse(&text).unwrap().readings();
        for mut reading in readings {
            let outcome = capture(&table, provider, call.clone(), &mut reading);
            match outcome {
                Ok((cost, held)) => {
                    assert!(cost <= held, "{name} costs {cost} of {held}: {reading:?}");
                    checked += 1;
                }
                Err(why) => *passed.entry(why).or_default() += 1,
            }
        }
    }
    println!("{checked} charges checked; passed over: {passed:?}");
    assert!(checked >= 280, "only {checked}");
}

/// What an answer costs, and the ceiling of its call; or why there is none.
fn capture(
    table: &Arc<PriceTable>,
    provider: &str,
    mut call: Call,
    reading: &mut Reading,
) -> Result<(i64, i64), String> {
    // What answers is taken to be what was asked for.
    let answered =
        reading.model.as_deref().filter(|name| table.find(Some(provider), name).is_some());
    if let Some(answered) = answered {
        call.model = answered.to_owned();
    }
    let listed = table.find(Some(provider), &call.model).or_else(|| table.dearest(provider));
    let model = listed.ok_or("no price")?.clone();
    reading.sub_usage.retain(|sub| sub.included_in_top);
    let [input, output] = [Figure::InputTotal, Figure::OutputTotal].map(|f| reading.usage.count(f));
    call.body_bytes = call.body_bytes.max(input);
    call.output_ceiling = call.output_ceiling.map(|asked| asked.max(output));
    most(&call, &model).map_err(|gap| format!("{gap:?}"))?;
    let pricing = Pricing { table: table.clone(), model };
    Ok(charge(&pricing, &call, &reading.usage, reading, 1_795_554_816_123, provider))
}
