//! Models without a price: refused, charged by the dearest prices of their provider, or let pass.

use crate::canned::table;
use crate::world::{CHAT, PROVIDER_KEY, World, chat, rules};
use farebox::demo::provider::Simulated;
use farebox::ledger::{Change, Enforcement};
use farebox::pricing::{Bound, PriceTable, Terms};
use farebox::proxy::{Rules, Unpriced};
use farebox::usage::{Figure, Usage};
use proptest::prelude::*;
use std::sync::LazyLock;

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| PriceTable::builtin().unwrap());

/// At `openai` input is dearest in the one model and output in the other; a tier and a long prompt
/// are dearer still.
const TABLE: &str = "
    [[model]]\nid = 'wide'\nprovider = 'openai'
    [[model.price]]\ninput = '10'\noutput = '1'\ncached_input = '1'
    [[model.price]]\ntiers = ['priority']\ninput = '20'
    [[model]]\nid = 'deep'\nprovider = 'openai'
    [[model.price]]\ninput = '1'\noutput = '50'\nlong = { above = 1000000, output = '70' }
    [[model]]\nid = 'else'\nprovider = 'other'
    [[model.price]]\ninput = '1000'\noutput = '1000'\nrequest = '9'";

async fn world(table: &str, unpriced: Unpriced) -> World {
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let openai = crate::canned::provider("openai", simulated.base_url());
    let rules = Rules { unpriced, ..rules() };
    let table = PriceTable::parse(table).unwrap();
    World::priced(table, simulated, vec![openai], &["1usd/day"], rules).await
}

const PLAY: &str = "x-simulate: {\"input\":1000,\"cached\":400,\"output\":100}\r\n";

#[tokio::test]
async fn under_a_ceiling_each_class_has_the_dearest_price_of_the_provider() {
    let world = world(TABLE, Unpriced::Ceiling).await;
    let change = Change { enforcement: Some(Some(Enforcement::Strict)), ..Change::default() };
    world.change("user:alice", change).await;
    let body = chat("never-priced", r#","max_completion_tokens":200"#);
    let answer = world.call(CHAT, PLAY, &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let event = world.only_event().await;
    // Cached tokens have the price of `deep`'s input, 1, or of `wide`'s cached input under
    // `priority`, which is 1 too: 600 × 20 + 400 × 1 + 100 × 70 = 12,000 + 400 + 7,000 millionths.
    assert_eq!(event.cost.get(), 19_400_000);
    assert_eq!((event.estimated, event.facts.model.as_str()), (false, "never-priced"));
    // (body + frame) × 20 + 200 × 70 millionths.
    let held = (i64::try_from(body.len()).unwrap() + 64) * 20_000 + 200 * 70_000;
    assert_eq!(event.held.get(), held);
    // Nothing bounds it.
    let unbounded = world.call(CHAT, PLAY, &chat("never-priced", "")).await;
    assert_eq!(unbounded.status(), 400, "{}", unbounded.text());
}

#[tokio::test]
async fn the_answers_model_decides_where_it_has_a_price() {
    let world = world(TABLE, Unpriced::Ceiling).await;
    let play = "x-simulate: {\"input\":1000,\"output\":100,\"model\":\"wide\"}\r\n";
    world.call(CHAT, play, &chat("never-priced", "")).await;
    // 1,000 × 10 + 100 × 1 = 10,100 millionths.
    let event = world.only_event().await;
    assert_eq!((event.cost.get(), event.facts.model.as_str()), (10_100_000, "wide"));
}

#[tokio::test]
async fn a_provider_without_any_price_has_no_ceiling() {
    let only_else = TABLE.split("[[model]]").last().unwrap();
    let world = world(&format!("[[model]]{only_else}"), Unpriced::Ceiling).await;
    let answer = world.call(CHAT, "", &chat("never-priced", "")).await;
    assert_eq!((answer.status(), answer.code()), (400, "model_not_priced".to_owned()));
    world.untouched().await;
}

#[tokio::test]
async fn negotiated_prices_make_the_ceiling() {
    let text = "[[prices.overrides]]\nprovider = 'openai'\nmultiplier = '0.5'";
    let (listed, agreed) = (&*BUILTIN, table(text).unwrap());
    let bound = Bound { input: 1000, output: 1000 };
    let dearest = |table: &PriceTable| table.dearest("openai").unwrap().ceiling(bound).get();
    assert_eq!(dearest(&agreed) * 2, dearest(listed));
    assert!(listed.dearest("nobody").is_none() && listed.dearest("ollama").is_none());
    assert_eq!(listed.dearest("google").unwrap().provider, "gemini");
    assert!(!listed.dearest("openai").unwrap().listed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_that_a_provider_has_costs_more_than_its_ceiling(
        counts in prop::collection::vec(0_u64..400_000, Figure::ALL.len()),
        tier in prop::sample::select(vec!["default", "flex", "priority", "batch", "fast"]),
        region in prop::sample::select(vec![None, Some("us"), Some("eu")]),
        at in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let figures = Figure::ALL.iter().copied().zip(counts);
        let usage = figures.fold(Usage::default(), |usage, (figure, n)| usage.with(figure, n));
        let terms = Terms { service_tier: Some(tier), region, at, ..Terms::default() };
        for model in BUILTIN.models() {
            let dearest = BUILTIN.dearest(&model.provider).unwrap();
            prop_assert!(dearest.cost(&usage, &terms) >= model.cost(&usage, &terms), "{}", model.id);
        }
    }
}
