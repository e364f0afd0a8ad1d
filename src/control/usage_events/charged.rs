//! What a report charges, and to whom: found from what it says and from the accounts.

use super::super::desk::Desk;
use super::super::problem::Problem;
use super::asked::Asked;
use crate::clock::rfc3339;
use crate::ids::CallId;
use crate::ids::{AccountId, Id};
use crate::ledger::{
    Account, Amounts, AttemptOutcome, CallFacts, Ending, Payers, Settlement, Tries, UsageEvent,
};
use crate::money::NanoUsd;
use crate::pricing::{Payer, PriceTable, Terms};
use serde_json::{Value, json};

/// The dialect of its event.
const DIALECT: &str = "usage-event";

/// A report that may be settled.
pub(super) struct Charged {
    /// What is answered.
    pub(super) answer: Value,
    /// What is settled: for its payers, for its credential.
    pub(super) settlements: Vec<Settlement>,
}

/// What it costs.
struct Price {
    cost: NanoUsd,
    /// Without anybody's mark-up.
    at_provider: NanoUsd,
    version: String,
}

/// Finds whom a report names and what it costs.
pub(super) async fn charged(desk: &Desk, asked: &Asked) -> Result<Charged, Problem> {
    let payers = payers(desk, asked).await?;
    let config = match &asked.config {
        Some(config) => Some(desk.find_to_change(&AccountId::credential(config)).await?),
        None => None,
    };
    let provider = provider(desk, asked, config.as_ref())?;
    let table = desk.in_force.prices().table;
    let price = price(&table, asked, provider.as_deref(), payers.as_ref())?;
    let provider = provider
        .or_else(|| table.provider_of(asked.model.as_deref()?).map(str::to_owned))
        .unwrap_or_default();
    let (call, attempt) = (CallId::new(), CallId::new());
    let charge = Amounts { usd: price.cost, tokens: asked.tokens(), characters: asked.characters };
    let charge = charge.sane();
    let mut settlements = Vec::new();
    if let Some(payers) = &payers {
        let event = Box::new(event(call, asked, payers, (&provider, &price)));
        settlements.push(Settlement::Post { charge, event, once: None });
    }
    if let Some(credential) = &asked.config {
        let failed = if asked.success { 0 } else { asked.requests };
        settlements.push(Settlement::Attempt {
            id: attempt,
            credential: credential.clone(),
            charge: Amounts { usd: price.at_provider, ..charge },
            outcome: AttemptOutcome::Reported { requests: asked.requests, failed },
            model: asked.model.clone().unwrap_or_default(),
        });
    }
    let request = payers.is_some().then_some(call);
    let answer = answer(asked, (payers.as_ref(), request), (&provider, &price));
    Ok(Charged { answer, settlements })
}

/// Who pays: the key's owner, else the user; nobody where only a credential is named.
async fn payers(desk: &Desk, asked: &Asked) -> Result<Option<Payers>, Problem> {
    if let Some(key) = &asked.key {
        let id = AccountId::key(key);
        let account = desk.find(&id).await?;
        let facts = account.key.ok_or_else(|| Problem::missing(&id))?;
        if asked.user.as_ref().is_some_and(|user| *user != facts.user) {
            let detail = format!("{id} belongs to another user");
            return Err(Problem::field("/user", detail));
        }
        let workspace = account.workspace.ok_or_else(|| Problem::missing(&id))?;
        return Ok(Some(Payers { key: key.clone(), user: facts.user, workspace }));
    }
    let Some(user) = &asked.user else { return Ok(None) };
    let id = AccountId::user(user);
    let account = desk.find(&id).await?;
    let workspace = account.workspace.ok_or_else(|| Problem::missing(&id))?;
    Ok(Some(Payers::without_key(user.clone(), workspace)))
}

/// The provider that it names, else the credential's.
fn provider(
    desk: &Desk,
    asked: &Asked,
    config: Option<&Account>,
) -> Result<Option<String>, Problem> {
    let of = |id: &Id| desk.in_force.pools().find(id).map(|(terms, _)| terms.provider.clone());
    let own = config.and_then(|account| of(&account.id.id));
    match (&asked.provider, own) {
        (Some(named), Some(own)) if *named != own => {
            let detail = format!("`{named}` is not the provider of the credential, which is {own}");
            Err(Problem::field("/provider", detail))
        }
        (named, own) => Ok(own.or_else(|| named.clone())),
    }
}

/// What it says that it costs, else the price of its figures; nothing where it has none.
fn price(
    table: &PriceTable,
    asked: &Asked,
    provider: Option<&str>,
    payers: Option<&Payers>,
) -> Result<Price, Problem> {
    if let Some(cost) = asked.cost {
        return Ok(Price { cost, at_provider: cost, version: String::new() });
    }
    let (Some(name), true) = (&asked.model, asked.detailed) else {
        return Ok(Price {
            cost: NanoUsd::ZERO,
            at_provider: NanoUsd::ZERO,
            version: String::new(),
        });
    };
    let unpriced = |why: String| Problem::field("/model", format!("{why}; or give `cost_usd`"));
    let model = table.find(provider, name).ok_or_else(|| {
        let near = table.nearest(provider, name);
        let near = match near.is_empty() {
            true => String::new(),
            false => format!("; did you mean {}?", near.join(", ")),
        };
        unpriced(format!("`{name}` has no price{near}"))
    })?;
    let terms = Terms { at: asked.occurred, ..Terms::default() };
    let charge = table.charge(model, &asked.usage, &[], &terms);
    if charge.cost == NanoUsd::ZERO && !model.covers(&asked.usage, &terms) {
        return Err(unpriced(format!("`{name}` has no price for these figures")));
    }
    let cost = payers.map_or(charge.cost, |payers| {
        let payer = Payer { workspace: payers.workspace.as_str(), user: payers.user.as_str() };
        table.charged(payer, charge.exact())
    });
    Ok(Price { cost, at_provider: charge.cost, version: table.version().to_owned() })
}

fn event(
    id: CallId,
    asked: &Asked,
    payers: &Payers,
    (provider, price): (&str, &Price),
) -> UsageEvent {
    UsageEvent {
        id,
        payers: payers.clone(),
        facts: CallFacts {
            started: asked.occurred,
            provider: provider.to_owned(),
            credential: asked.config.as_ref().map_or_else(String::new, Id::to_string),
            dialect: DIALECT.to_owned(),
            model: asked.model.clone().unwrap_or_default(),
            price_version: price.version.clone(),
        },
        settled: 0,
        service_tier: None,
        status: 0,
        ending: if asked.success { Ending::Finished } else { Ending::Cut },
        estimated: false,
        usage: asked.usage,
        cost: price.cost,
        provider_cost: None,
        held: NanoUsd::ZERO,
        ttft_ms: 0,
        duration_ms: 0,
        requests: asked.requests,
        attempts: Tries::default(),
    }
}

fn answer(
    asked: &Asked,
    (payers, request): (Option<&Payers>, Option<CallId>),
    (provider, price): (&str, &Price),
) -> Value {
    json!({
        "id": asked.id,
        "request_id": request,
        "user": payers.map(|payers| &payers.user),
        "key": asked.key,
        "workspace": payers.map(|payers| &payers.workspace),
        "config_id": asked.config,
        "provider": provider,
        "model": asked.model,
        "request_count": asked.requests,
        "character_count": asked.characters,
        "total_tokens": asked.tokens(),
        "cost_usd": price.cost.to_string(),
        "cost_nanousd": price.cost,
        "success": asked.success,
        "occurred_at": rfc3339(asked.occurred),
    })
}
