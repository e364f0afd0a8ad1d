//! What is agreed beside the list: negotiated prices, mark-ups, the provider's own figure.

use crate::canned::{answering, cost, table};
use crate::world::{CHAT, PROVIDER_KEY, World, chat, rules};
use farebox::demo::provider::Simulated;
use farebox::ledger::{Change, Enforcement};
use farebox::pricing::{Bound, Exact, Payer, PriceTable, Terms};
use farebox::usage::{Figure, Usage};
use proptest::prelude::*;
use std::sync::LazyLock;

/// 86 × 1.25 + 1,920 × 0.125 + 300 × 10 = 3,347.5 millionths at the list price of `gpt-5`.
const USAGE: &str = r#""prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920}"#;

fn completion(model: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"c1","object":"chat.completion","created":1794000000,"model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi."}},"finish_reason":"stop"}}],"usage":{{{usage}}}}}"#
    )
}

async fn gpt_5(configuration: &str) -> i64 {
    cost("openai", CHAT, &chat("gpt-5", ""), &completion("gpt-5", USAGE), configuration).await
}

fn overrides(text: &str) -> String {
    text.split(';').map(|one| format!("[[prices.overrides]]\n{one}\n")).collect()
}

fn markups(text: &str) -> String {
    text.split(';').map(|one| format!("[[prices.markups]]\n{one}\n")).collect()
}

#[tokio::test]
async fn the_first_override_that_fits_changes_the_price() {
    assert_eq!(gpt_5("").await, 3_347_500);
    // 3,347,500 × 0.850001 = 2,845,378.3475 nano-dollars.
    assert_eq!(gpt_5(&overrides("multiplier = '0.850001'")).await, 2_845_379);
    let first = "provider = 'openai'\nmodels = ['gpt-5']\nmultiplier = '0.5'\n;\
                 models = ['gpt-*']\nmultiplier = '2'";
    assert_eq!(gpt_5(&overrides(first)).await, 1_673_750);
    // 2,006 × 1 + 300 × 2 = 2,606 millionths: without a price for them, cached tokens are input.
    let own = "models = ['gpt-5*']\nprice = [{ input = '1', output = '2' }]";
    assert_eq!(gpt_5(&overrides(own)).await, 2_606_000);
    let flex = "models = ['gpt-5']\nprice = [{ input = '1', output = '2' }, \
                { tiers = ['flex'], output = '9' }]";
    assert_eq!(gpt_5(&overrides(flex)).await, 2_606_000);
}

#[tokio::test]
async fn a_provider_of_ones_own_has_an_agreement_of_its_own() {
    let configured = "[providers.mine]\nbase_url = 'http://127.0.0.1:9/v1'\n";
    let at = async |text: &str| {
        let configuration = format!("{configured}{}", overrides(text));
        let body = completion("gpt-5-2025-08-07", USAGE);
        let path = "/mine/v1/chat/completions";
        cost("mine", path, &chat("gpt-5", ""), &body, &configuration).await
    };
    // What is agreed with the vendor is nothing to others who host its models.
    assert_eq!(at("provider = 'openai'\nmultiplier = '0.5'").await, 3_347_500);
    assert_eq!(at("provider = 'mine'\nmodels = ['gpt-5']\nmultiplier = '0.8'").await, 2_678_000);
    assert_eq!(at("models = ['gpt-5']\nmultiplier = '0.8'").await, 2_678_000);
    let both = "provider = 'openai'\nmultiplier = '0.5'\n;provider = 'mine'\nmultiplier = '0.9'";
    assert_eq!(at(both).await, 3_012_750);
}

#[tokio::test]
async fn what_stands_beside_an_answer_has_its_models_agreement() {
    let usage = r#""input_tokens":100,"output_tokens":10,"iterations":[{"type":"message","input_tokens":100,"output_tokens":10},{"type":"advisor_message","model":"claude-opus-4-5","input_tokens":1000,"output_tokens":100}]"#;
    let body = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":"end_turn","usage":{{{usage}}}}}"#
    );
    let request = r#"{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[]}"#;
    let path = "/v1/messages";
    // 100 × 3 + 10 × 15 = 450 and 1,000 × 5 + 100 × 25 = 7,500 millionths.
    assert_eq!(cost("anthropic", path, request, &body, "").await, 7_950_000);
    let half = overrides("models = ['claude-opus-*']\nmultiplier = '0.5'");
    assert_eq!(cost("anthropic", path, request, &body, &half).await, 4_200_000);
}

#[tokio::test]
async fn payers_are_charged_their_mark_up() {
    // 3,347,500 × 1.1 = 3,682,250.
    assert_eq!(gpt_5(&markups("multiplier = '1.10'")).await, 3_682_250);
    assert_eq!(gpt_5(&markups("per_request = '0.001'")).await, 4_347_500);
    let first = "users = ['bob']\nmultiplier = '9'\n;users = ['al*']\nworkspaces = ['default']\n\
                 multiplier = '2'\nper_request = '0.5'\n;multiplier = '3'";
    assert_eq!(gpt_5(&markups(first)).await, 506_695_000);
    // 3,347,500 × 0.85 × 1.1 = 3,129,912.5, rounded once; 2,845,375 × 1.1 would be the same.
    let both = overrides("multiplier = '0.85'") + &markups("multiplier = '1.1'");
    assert_eq!(gpt_5(&both).await, 3_129_913);
}

#[tokio::test]
async fn a_workspace_has_a_mark_up_of_its_own_and_the_answer_says_so() {
    let text = markups("workspaces = ['eng']\nmultiplier = '2'");
    let body = completion("gpt-5", USAGE);
    let world = answering("openai", &body, &text, &["1usd/day"], rules()).await;
    world.workspace("eng").await;
    let eve = world.user_of("eve", "eng", &["1usd/day"], None, &[]).await;
    let answer = world.call_as(&eve, CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0.006695"));
    let answer = world.call(CHAT, "", &chat("gpt-5", "")).await;
    assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0.0033475"));
    assert_eq!(world.account("workspace:eng").await.total_usd.get(), 6_695_000);
    assert_eq!(world.account("user:alice").await.total_usd.get(), 3_347_500);
}

/// What `strict` holds for a call: its ceiling at the agreed price, with the mark-up.
#[tokio::test]
async fn strict_holds_the_agreed_ceiling_and_not_a_nano_dollar_less() {
    let text =
        overrides("multiplier = '0.5'") + &markups("multiplier = '1.1'\nper_request = '0.0001'");
    let body = chat("gpt-5", r#","max_completion_tokens":500"#);
    // (body + frame) × 0.625 + 500 × 5 millionths, a tenth more, and the fee. The dearest tier is
    // twice the price: `priority`.
    let input = i64::try_from(body.len()).unwrap() + 64;
    let ceiling = (input * 2_500 + 500 * 20_000) / 2 * 11 / 10 + 100_000;
    for (limit, status) in [(ceiling, 200), (ceiling - 1, 429)] {
        let limit = format!("{} usd/day", farebox::money::NanoUsd::new(limit));
        let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
        let openai = crate::canned::provider("openai", simulated.base_url());
        let prices = table(&text).unwrap();
        let world = World::priced(prices, simulated, vec![openai], &[&limit], rules()).await;
        let change = Change { enforcement: Some(Some(Enforcement::Strict)), ..Change::default() };
        world.change("user:alice", change).await;
        let play = "x-simulate: {\"input\":100,\"output\":500}\r\n";
        assert_eq!(world.call(CHAT, play, &body).await.status(), status, "{limit}");
        if status == 200 {
            let event = world.only_event().await;
            assert_eq!(event.held.get(), ceiling);
            // (100 × 1.25 + 500 × 10) / 2 × 1.1 + 100 = 2,918.75 millionths.
            assert_eq!(event.cost.get(), 2_918_750);
        }
    }
}

const CHARGE: &str = "[prices]\nprovider_cost = 'charge'\n";

/// xAI's own figure is 3,775,600.1 nano-dollars; ours is 27 × 2 + 98 × 0.3 + 358 × 6 = 2,231.4
/// millionths.
async fn grok(configuration: &str) -> farebox::ledger::UsageEvent {
    let usage = r#""prompt_tokens":125,"completion_tokens":48,"total_tokens":483,"prompt_tokens_details":{"cached_tokens":98},"completion_tokens_details":{"reasoning_tokens":310},"cost_in_usd_ticks":37756001"#;
    let body = completion("grok-4.5", usage);
    let world = answering("xai", &body, configuration, &["1usd/day"], rules()).await;
    assert_eq!(world.call(CHAT, "", &chat("grok-4.5", "")).await.status(), 200);
    let event = world.only_event().await;
    assert_eq!(world.account("user:alice").await.total_usd, event.cost);
    event
}

#[tokio::test]
async fn the_providers_own_figure_is_recorded_or_charged() {
    for (configuration, cost) in [
        ("", 2_231_400),
        (CHARGE, 3_775_601),
        ("[providers.xai]\nprovider_cost = 'charge'", 3_775_601),
        (
            "[prices]\nprovider_cost = 'charge'\n[providers.xai]\nprovider_cost = 'record'",
            2_231_400,
        ),
        ("[providers.openrouter]\nprovider_cost = 'charge'", 2_231_400),
    ] {
        let event = grok(configuration).await;
        let found = (event.cost.get(), event.provider_cost.unwrap().get(), event.estimated);
        assert_eq!(found, (cost, 3_775_601, false), "{configuration}");
    }
    // 3,775,600.1 × 1.1 = 4,153,160.11; of the rounded figure it would be one more.
    let both = format!("{CHARGE}{}", markups("multiplier = '1.1'"));
    assert_eq!(grok(&both).await.cost.get(), 4_153_161);
}

#[tokio::test]
async fn a_reported_zero_is_a_charge_of_zero() {
    let model = "anthropic/claude-sonnet-4.5";
    let usage =
        r#""prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0,"is_byok":false"#;
    let body = completion(model, usage);
    assert_eq!(cost("openrouter", CHAT, &chat(model, ""), &body, CHARGE).await, 0);
    // 194 × 3 + 2 × 15 = 612 millionths.
    assert_eq!(cost("openrouter", CHAT, &chat(model, ""), &body, "").await, 612_000);
}

/// A stream without its end has no final figure, whatever it said of its cost until then.
#[tokio::test]
async fn what_is_not_final_is_no_charge() {
    let chunk = r#"data: {"id":"g","object":"chat.completion.chunk","model":"sonar-pro","choices":[{"index":0,"delta":{"content":"Hi."},"finish_reason":null}],"usage":{"prompt_tokens":26,"completion_tokens":1,"total_tokens":27,"cost":{"total_cost":0.5}}}"#;
    let body = format!("{chunk}\n\n");
    let world = answering("perplexity", &body, CHARGE, &["1usd/day"], rules()).await;
    let request = chat("sonar-pro", r#","stream":true"#);
    assert_eq!(world.call("/perplexity/chat/completions", "", &request).await.status(), 200);
    let event = world.only_event().await;
    assert!(event.estimated && event.cost.get() < 100_000_000, "{event:?}");
}

#[test]
fn whatever_changes_charges_changes_the_version() {
    let version = |text: &str| table(text).unwrap().version().to_owned();
    let listed = version("");
    let all = [
        overrides("multiplier = '0.85'"),
        overrides("multiplier = '0.86'"),
        overrides("models = ['gpt-5']\nmultiplier = '0.85'"),
        overrides("models = ['gpt-5']\nprice = [{ input = '1', output = '2' }]"),
        overrides("models = ['gpt-5']\nprice = [{ input = '1', output = '2', page = '1' }]"),
        markups("multiplier = '1.1'"),
        markups("per_request = '0.001'"),
        CHARGE.to_owned(),
        "[providers.xai]\nprovider_cost = 'charge'".to_owned(),
    ];
    let mut versions: Vec<String> = all.iter().map(|text| version(text)).collect();
    assert_eq!(versions, all.iter().map(|text| version(text)).collect::<Vec<_>>());
    versions.push(listed.clone());
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), all.len() + 1);
    assert!(versions.iter().all(|version| version.len() == 12));
    assert_eq!(version("[prices]\nanomaly_percent = 9"), listed);
}

static AGREED: LazyLock<PriceTable> = LazyLock::new(|| {
    let text = overrides("models = ['gpt-5']\nmultiplier = '0.333333'\n;multiplier = '1.000001'")
        + &markups("multiplier = '1.234567'\nper_request = '0.000000000000000001'");
    table(&text).unwrap()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_agreed_ceiling_is_one(
        place in any::<prop::sample::Index>(),
        input in 0_u64..2_000_000,
        output in 0_u64..200_000,
        cached in 0_u64..2_000_000,
        reasoning in 0_u64..200_000,
        tier in prop::sample::select(vec!["default", "flex", "priority", "batch", "fast"]),
        region in prop::sample::select(vec![None, Some("us")]),
        at in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let model = &AGREED.models()[place.index(AGREED.models().len())];
        let usage = Usage::default()
            .with(Figure::InputTotal, input)
            .with(Figure::CachedRead, cached)
            .with(Figure::OutputTotal, output)
            .with(Figure::Reasoning, reasoning);
        let terms = Terms { service_tier: Some(tier), region, at, ..Terms::default() };
        let payer = Payer { workspace: "eng", user: "alice" };
        let charge = AGREED.charge(model, &usage, &[], &terms);
        let lines = charge.lines.iter().fold(Exact::ZERO, |sum, line| sum.plus(line.cost));
        prop_assert_eq!(charge.exact(), lines);
        prop_assert_eq!(charge.cost, lines.round_up());
        let held = AGREED.charged(payer, model.ceiling(Bound { input, output }).into());
        prop_assert!(held >= AGREED.charged(payer, charge.exact()));
    }
}
