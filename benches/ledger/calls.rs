//! The calls that the benches hold and settle, and the accounts that pay for them: a key, a user and
//! a workspace, each with one dollar window and two rates. Not here: the ledgers.

use farebox::ids::{AccountId, CallId, Id};
use farebox::ledger::{
    Amounts, CallFacts, Ending, HoldOrder, KeyFacts, NewAccount, Payers, Reach, Registry,
    Settlement, Tries, UsageEvent,
};
use farebox::limit::Limit;
use farebox::money::NanoUsd;
use farebox::secret::SecretDigest;
use farebox::usage::{Figure, Usage};
use std::error::Error;

const LIMITS: [&str; 3] =
    ["1000000usd/month", "100000000requests/minute", "1000000000tokens/minute"];

/// Creates the accounts.
pub async fn accounts(ledger: &dyn Registry) -> Result<Payers, Box<dyn Error>> {
    let digest = SecretDigest::of("sk-fb-bench");
    let key: Id = digest.key_id().ok_or("a digest without an id")?;
    let payers = Payers { key, user: "bench".parse()?, workspace: "bench".parse()? };
    let limits: Result<Vec<Limit>, _> = LIMITS.iter().map(|limit| limit.parse()).collect();
    let workspace = NewAccount {
        id: AccountId::workspace(&payers.workspace),
        name: String::new(),
        workspace: None,
        limits: Some(limits?),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    let user = NewAccount {
        id: AccountId::user(&payers.user),
        workspace: Some(payers.workspace.clone()),
        ..workspace.clone()
    };
    let facts = KeyFacts {
        digest,
        user: payers.user.clone(),
        label: "sk-fb-…".to_owned(),
        models: Vec::new(),
        expires: None,
        reach: Reach::default(),
    };
    let id = AccountId::key(&payers.key);
    let key = NewAccount { id, key: Some(facts), ..user.clone() };
    for account in [workspace, user, key] {
        ledger.create(&account).await?;
    }
    Ok(payers)
}

/// A chat call.
pub fn order(payers: &Payers) -> HoldOrder {
    let facts = CallFacts {
        started: 1_794_000_000_000,
        provider: "openai".to_owned(),
        credential: "openai-main".to_owned(),
        dialect: "openai.chat".to_owned(),
        model: "gpt-5.4".to_owned(),
        price_version: "2026-11-20".to_owned(),
    };
    let expected = Amounts { usd: NanoUsd::new(3_412_500), tokens: 2306, characters: 0 };
    HoldOrder {
        id: CallId::new(),
        payers: payers.clone(),
        ceiling: Some(expected.plus(expected)),
        expected,
        free: false,
        facts,
    }
}

/// Its end, charged a little less than was held.
pub fn post(order: &HoldOrder, held: NanoUsd) -> Settlement {
    let usage = Usage::default()
        .with(Figure::InputTotal, 2006)
        .with(Figure::CachedRead, 1920)
        .with(Figure::OutputTotal, 300)
        .with(Figure::Reasoning, 0);
    let cost = NanoUsd::new(3_120_000);
    let event = UsageEvent {
        id: order.id,
        payers: order.payers.clone(),
        facts: order.facts.clone(),
        settled: order.facts.started,
        service_tier: Some("default".to_owned()),
        status: 200,
        ending: Ending::Finished,
        estimated: false,
        usage,
        cost,
        provider_cost: None,
        held,
        ttft_ms: 420,
        duration_ms: 1730,
        requests: 1,
        attempts: Tries::default(),
    };
    let charge = Amounts { usd: cost, tokens: 2306, characters: 0 };
    Settlement::Post { charge, event: Box::new(event), once: None }
}
