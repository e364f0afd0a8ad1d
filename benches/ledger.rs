//! Holds and settles N calls of one user on the embedded ledger, so that an instruction counter at
//! two values of N tells what one more costs, the commits included. Not a stopwatch; see
//! `instructions.sh`.
//!
//! `ledger embedded N`; without arguments, one call.

use farebox::ids::{AccountId, CallId, Id};
use farebox::ledger::{
    Admission, Amounts, CallFacts, EmbeddedLedger, Ending, HoldOrder, KeyFacts, Ledger, NewAccount,
    Options, Payers, Reach, Registry, Settlement, UsageEvent,
};
use farebox::limit::Limit;
use farebox::money::NanoUsd;
use farebox::secret::SecretDigest;
use farebox::usage::{Figure, Usage};
use std::error::Error;

const LIMITS: [&str; 3] =
    ["1000000usd/month", "100000000requests/minute", "1000000000tokens/minute"];
/// Calls between two commits; at 250 ms these are 4,000 a second.
const GROUP: usize = 1000;

fn payers() -> Result<(Payers, SecretDigest), Box<dyn Error>> {
    let digest = SecretDigest::of("sk-fb-bench");
    let key: Id = digest.key_id().ok_or("a digest without an id")?;
    Ok((Payers { key, user: "bench".parse()?, workspace: "default".parse()? }, digest))
}

fn order(payers: &Payers) -> HoldOrder {
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

fn post(order: &HoldOrder, held: NanoUsd) -> Settlement {
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
    };
    let charge = Amounts { usd: cost, tokens: 2306, characters: 0 };
    Settlement::Post { charge, event: Box::new(event), once: None }
}

async fn found(ledger: &EmbeddedLedger) -> Result<Payers, Box<dyn Error>> {
    let (payers, digest) = payers()?;
    let limits: Result<Vec<Limit>, _> = LIMITS.iter().map(|limit| limit.parse()).collect();
    let user = NewAccount {
        id: AccountId::user(&payers.user),
        name: String::new(),
        workspace: Some(payers.workspace.clone()),
        limits: Some(limits?),
        thresholds: None,
        enforcement: None,
        key: None,
    };
    let facts = KeyFacts {
        digest,
        user: payers.user.clone(),
        label: "sk-fb-…".to_owned(),
        models: Vec::new(),
        expires: None,
        reach: Reach::default(),
    };
    ledger.create(&user).await?;
    let id = AccountId::key(&payers.key);
    ledger.create(&NewAccount { id, limits: None, key: Some(facts), ..user }).await?;
    Ok(payers)
}

async fn embedded(times: usize) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let options = Options { background: false, commit_ms: 3_600_000, ..Options::default() };
    let ledger = EmbeddedLedger::open(dir.path(), options)?;
    let payers = found(&ledger).await?;
    for number in 1..=times {
        let order = order(&payers);
        let permit = ledger.permit().ok_or("no permit")?;
        let Admission::Held { held, .. } = ledger.hold(&order).await? else {
            return Err("the call was refused".into());
        };
        ledger.settle(permit, post(&order, held));
        if number.is_multiple_of(GROUP) {
            ledger.flush().await?;
        }
    }
    ledger.close().await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let times = words.nth(1).map_or(Ok(1), |times| times.parse())?;
    tokio::runtime::Builder::new_current_thread().build()?.block_on(embedded(times))
}
