//! Calls that cost nothing: no budget stops them, every other limit does.

use crate::canned::{answering, table};
use crate::ledger_rig::{Rig, contract, order};
use crate::world::{CHAT, PROVIDER_KEY, World, chat, rules};
use farebox::demo::provider::Simulated;
use farebox::ids::AccountId;
use farebox::ledger::{
    AccountStatus, Admission, Change, Denial, Enforcement, HoldOrder, Payers, UsageEvent,
};
use farebox::limit::Meter;
use farebox::pricing::PriceTable;
use farebox::provider::{Dialect, Provider};
use farebox::proxy::{Rules, Unpriced};

contract! {
    a_free_call_is_held_when_the_money_is_spent,
    a_free_call_needs_a_bound_where_its_tokens_are_limited,
    a_free_call_obeys_every_other_limit,
}

const MODES: [Enforcement; 3] = [Enforcement::Strict, Enforcement::Balanced, Enforcement::Postpaid];

/// A call without dollars that nothing else bounds.
fn free(payers: &Payers) -> HoldOrder {
    HoldOrder { free: true, ceiling: None, ..order(payers, 0) }
}

async fn a_free_call_is_held_when_the_money_is_spent(rig: &Rig) {
    for mode in MODES {
        let payers = rig.user(mode.as_str(), &["10 usd/month", "5 requests/day"]).await;
        rig.mode(&payers, mode).await;
        rig.post(&order(&payers, 4), 30).await;
        rig.refused(&order(&payers, 1)).await;
        let call = free(&payers);
        rig.admit(&call).await;
        rig.post(&call, 0).await;
        // Not certain to be free, so its money is asked for.
        let uncertain = HoldOrder { free: false, ..free(&payers) };
        let answer = rig.hold(&uncertain).await.unwrap();
        assert!(matches!(answer, Admission::Denied(_)), "{mode:?}: {answer:?}");
    }
    let none = rig.user("none", &["0 usd/month"]).await;
    assert_eq!(rig.refused(&free(&none)).await.standing.limit.amount, 0);
    rig.clean().await;
}

async fn a_free_call_needs_a_bound_where_its_tokens_are_limited(rig: &Rig) {
    for (name, limit) in
        [("a", "9000 tokens/day"), ("b", "90 characters/month"), ("c", "9000 tokens/minute")]
    {
        let payers = rig.user(name, &[limit, "1 usd/day"]).await;
        rig.mode(&payers, Enforcement::Strict).await;
        let answer = rig.hold(&free(&payers)).await.unwrap();
        let unbounded =
            Admission::Denied(Denial::Unbounded { account: AccountId::user(&payers.user) });
        assert_eq!(answer, unbounded, "{limit}");
        rig.mode(&payers, Enforcement::Balanced).await;
        rig.admit(&free(&payers)).await;
    }
}

async fn a_free_call_obeys_every_other_limit(rig: &Rig) {
    for (mode, number) in MODES.into_iter().zip(0..) {
        for (limit, meter) in [
            ("1 requests/day", Meter::Requests),
            ("1 concurrent", Meter::Concurrent),
            ("100 tokens/day", Meter::Tokens),
            ("100 characters/day", Meter::Characters),
        ] {
            let name = format!("{}{number}", meter.as_str());
            let payers = rig.user(&name, &[limit]).await;
            rig.mode(&payers, mode).await;
            let call = || {
                let some = order(&payers, 11).expected;
                let expected =
                    farebox::ledger::Amounts { usd: farebox::money::NanoUsd::ZERO, ..some };
                HoldOrder { free: true, ceiling: Some(expected), expected, ..order(&payers, 0) }
            };
            if matches!(meter, Meter::Tokens | Meter::Characters) {
                rig.post_amounts(&call(), call().expected).await;
            } else {
                rig.admit(&call()).await;
            }
            assert_eq!(rig.refused(&call()).await.standing.limit.meter, meter, "{mode:?} {limit}");
        }
    }
    let payers = rig.user("gone", &[]).await;
    let suspended = Change { status: Some(AccountStatus::Suspended), ..Change::default() };
    rig.ledger.change(&AccountId::user(&payers.user), &suspended).await.unwrap();
    let answer = rig.hold(&free(&payers)).await.unwrap();
    assert!(matches!(answer, Admission::Denied(Denial::Status { .. })), "{answer:?}");
}

/// A world with a provider of everything at its list price, and one at price 0.
async fn two_providers(configuration: &str, rules: Rules) -> World {
    let simulated = Simulated::start(Some(PROVIDER_KEY)).await.unwrap();
    let named = |name: &str| Provider {
        dialect: Dialect::OpenAi,
        ..crate::canned::provider(name, simulated.base_url())
    };
    let providers = vec![named("openai"), named("local")];
    let text = format!(
        "[providers.openai]\n[providers.local]\nbase_url = 'http://127.0.0.1:9/v1'\n{configuration}"
    );
    let table = table(&text).unwrap();
    World::priced(table, simulated, providers, &["0.05usd/day", "9requests/day"], rules).await
}

const LOCAL: &str = "/local/v1/chat/completions";
const PRICE_0: &str = "[[prices.overrides]]\nprovider = 'local'\n\
                       price = [{ input = '0', output = '0' }]\n";

/// Spends Alice's money. Her event of it.
async fn spend(world: &World) -> UsageEvent {
    let play = "x-simulate: {\"input\":10,\"output\":9000}\r\n";
    assert_eq!(world.call(CHAT, play, &chat("gpt-5", "")).await.status(), 200);
    let event = world.only_event().await;
    assert!(event.cost.get() > 50_000_000, "{event:?}");
    assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.status(), 429);
    event
}

#[tokio::test]
async fn a_local_model_stays_usable_when_the_budget_is_spent() {
    for mode in MODES {
        let world = two_providers(PRICE_0, rules()).await;
        spend(&world).await;
        let change = Change { enforcement: Some(Some(mode)), ..Change::default() };
        world.change("user:alice", change).await;
        // Nothing bounds its output, nor what it reads.
        for _ in 0..2 {
            let answer = world.call(LOCAL, "", &chat("llama-4", "")).await;
            assert_eq!(answer.status(), 200, "{mode:?} {}", answer.text());
            assert_eq!(answer.header("x-farebox-cost-usd").as_deref(), Some("0"));
        }
        assert_eq!(world.events().await.iter().filter(|e| e.cost.get() == 0).count(), 2);
        // A price is a price, also for a name that another provider lists.
        assert_eq!(world.call(CHAT, "", &chat("gpt-5", "")).await.code(), "insufficient_quota");
        let suspended = Change { status: Some(AccountStatus::Suspended), ..Change::default() };
        world.change("user:alice", suspended).await;
        assert_eq!(world.call(LOCAL, "", &chat("llama-4", "")).await.code(), "account_suspended");
        world.nothing_held().await;
    }
}

#[tokio::test]
async fn requests_are_limited_whatever_they_cost() {
    let world = two_providers(PRICE_0, rules()).await;
    for _ in 0..9 {
        assert_eq!(world.call(LOCAL, "", &chat("llama-4", "")).await.status(), 200);
    }
    assert_eq!(world.call(LOCAL, "", &chat("llama-4", "")).await.code(), "rate_limit_exceeded");
}

#[tokio::test]
async fn a_fee_for_each_call_makes_a_free_model_cost_something() {
    let fee = format!("{PRICE_0}[[prices.markups]]\nusers = ['alice']\nper_request = '0.001'\n");
    let world = two_providers(&fee, rules()).await;
    assert_eq!(world.call(LOCAL, "", &chat("llama-4", "")).await.status(), 200);
    assert_eq!(world.only_event().await.cost.get(), 1_000_000);
    for _ in 0..8 {
        world.call(LOCAL, "", &chat("llama-4", "")).await;
    }
    let bob = world.user("bob", &["0.001usd/day"], None, &[]).await;
    assert_eq!(world.call_as(&bob, LOCAL, "", &chat("llama-4", "")).await.status(), 200);
    let carol = "[[prices.markups]]\nusers = ['alice']\nper_request = '0.06'\n";
    let world = two_providers(&format!("{PRICE_0}{carol}"), rules()).await;
    let refused = world.call(LOCAL, "", &chat("llama-4", "")).await;
    assert_eq!(refused.code(), "insufficient_quota", "{}", refused.text());
    world.untouched().await;
}

#[tokio::test]
async fn a_failed_call_costs_no_fee() {
    let fee = "[[prices.markups]]\nper_request = '0.001'\n";
    let world = two_providers(fee, rules()).await;
    let play = "x-simulate: {\"status\":500}\r\n";
    assert_eq!(world.call(CHAT, play, &chat("gpt-5", "")).await.status(), 500);
    assert_eq!(world.call("/v1/models", "", "").await.status(), 200);
    assert!(world.events().await.iter().all(|event| event.cost.get() == 0));
    world.nothing_held().await;
}

#[tokio::test]
async fn a_model_that_passes_without_a_price_stays_usable_too() {
    let rules = Rules { unpriced: Unpriced::Free, ..rules() };
    let world = two_providers("", rules).await;
    spend(&world).await;
    let answer = world.call(LOCAL, "", &chat("nobody-knows-it", "")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn a_model_that_nobody_lists_may_cost_what_its_provider_says() {
    let body = r#"{"id":"c1","object":"chat.completion","model":"new/model","choices":[{"index":0,"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":5,"total_tokens":10,"cost":0.02}}"#;
    let rules = Rules { unpriced: Unpriced::Free, ..rules() };
    let charge = "[prices]\nprovider_cost = 'charge'";
    let world = answering("openrouter", body, charge, &["0.01usd/day"], rules).await;
    let path = "/openrouter/v1/chat/completions";
    assert_eq!(world.call(path, "", &chat("new/model", "")).await.status(), 200);
    assert_eq!(world.only_event().await.cost.get(), 20_000_000);
    assert_eq!(world.call(path, "", &chat("new/model", "")).await.code(), "insufficient_quota");
}

#[test]
fn only_a_price_of_0_everywhere_is_free() {
    let free = |price: &str| {
        let text = format!("[[model]]\nid = 'm'\nprovider = 'p'\n[[model.price]]\n{price}");
        let table = PriceTable::parse(&text).unwrap();
        table.find(None, "m").unwrap().is_free()
    };
    let nothing = "input = '0'\noutput = '0'\n";
    assert!(free(nothing));
    for more in [
        "request = '0.000000000000000001'",
        "cached_input = '1'",
        "long = { above = 9, output = '1' }",
        "[[model.price]]\ntiers = ['flex']\noutput = '1'",
        "[[model.price]]\nfrom = '2030-01-01'\ninput = '0'\noutput = '1'",
    ] {
        assert!(!free(&format!("{nothing}{more}")), "{more}");
    }
}

#[test]
fn whether_anything_may_be_free_goes_by_the_providers_that_there_are() {
    let may = |text: &str, providers: &[&str]| {
        table(text).unwrap().may_be_free(providers.iter().copied())
    };
    let openai = "[providers.openai]\n";
    assert!(!may(openai, &["openai"]) && !may(openai, &["openai", "anthropic", "groq"]));
    for some in ["openrouter", "ollama", "nobody-knows-it"] {
        assert!(may(openai, &["openai", some]), "{some}");
    }
    let given = "[[prices.overrides]]\nprovider = 'openai'\nmodels = ['gpt-4o-mini']\n\
                 price = [{ input = '0', output = '0' }]\n";
    assert!(may(&format!("{openai}{given}"), &["openai"]));
    let waived = "[[prices.markups]]\nusers = ['alice']\nmultiplier = '0'\n";
    assert!(may(&format!("{openai}{waived}"), &["openai"]));
}
