//! Accounts and events as Redis stores them: flat fields and texts.
//!
//! Invariant: a field that is not what it should be is named in the error; nothing is guessed.

use super::super::account::{AccountState, CredentialFacts, Totals};
use super::super::bump::{Bump, Bumped};
use super::super::counter::Counter;
use super::super::order::{
    Amounts, CallFacts, Ending, Enforcement, Payers, Unavailable, UsageEvent,
};
use super::super::reach::Reach;
use super::super::registry::{AccountStatus, KeyFacts};
use super::super::slot::Slot;
use super::super::tried::Tries;
use crate::clock::parse_time;
use crate::ids::AccountId;
use crate::limit::{Limit, Period, Thresholds};
use crate::money::NanoUsd;
use crate::secret::SecretDigest;
use crate::usage::{Figure, Usage};
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

/// The fields of one hash.
pub type Fields = HashMap<String, String>;

/// The fields of an account that are not counters.
pub fn of_account(state: &AccountState) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, text: String| {
        fields.insert(name.to_owned(), text);
    };
    put("name", state.name.clone());
    put("status", state.status.as_str().to_owned());
    if let Some(workspace) = &state.workspace {
        put("workspace", workspace.to_string());
    }
    if let Some(follows) = &state.follows {
        put("defaults", follows.clone());
    }
    if let Some(thresholds) = &state.thresholds {
        put("thresholds", thresholds.to_string());
    }
    if let Some(mode) = state.enforcement {
        put("enforcement", mode.as_str().to_owned());
    }
    if let Some(facts) = &state.key {
        put("sha256", facts.digest.hex());
        put("user", facts.user.to_string());
        put("label", facts.label.clone());
        put("models", facts.models.join(","));
        let Reach { addresses, routes } = &facts.reach;
        for (name, list) in [("addresses", listed(addresses)), ("routes", listed(routes))] {
            if !list.is_empty() {
                put(name, list);
            }
        }
        if let Some(at) = facts.expires {
            put("expires_ms", at.to_string());
        }
    }
    of_credential(&state.credential, &mut put);
    for limit in &state.limits {
        let name = Slot::of(limit);
        put(&format!("{name}.limit"), limit.amount.to_string());
        if let Some(most) = limit.carry {
            put(&format!("{name}.carry"), most.to_string());
        }
        if limit.observe {
            put(&format!("{name}.observe"), "1".to_owned());
        }
    }
    for Bumped { slot, bump } in &state.bumps {
        put(&format!("{slot}.bump"), bump.amount.to_string());
        put(&format!("{slot}.bump_until_ms"), bump.until.to_string());
    }
    fields
}

fn of_credential(facts: &CredentialFacts, put: &mut impl FnMut(&str, String)) {
    if let Some(defined) = &facts.defined {
        put("defined", defined.clone());
    }
    if !facts.metadata.is_empty() {
        put("metadata", serde_json::json!(facts.metadata).to_string());
    }
    if let Some(at) = facts.enabled {
        put("enabled_ms", at.to_string());
    }
}

/// Reads the metadata of a credential; empty where there is none.
pub fn metadata(text: Option<&String>) -> Option<BTreeMap<String, String>> {
    text.map_or(Some(BTreeMap::new()), |text| serde_json::from_str(text).ok())
}

/// The fields of a counter.
pub fn of_counter(counter: &Counter) -> Vec<String> {
    let name = counter.slot;
    let figures =
        ["used", "period", "carried", "admitted", "held"].map(|figure| format!("{name}.{figure}"));
    let steps = counter.steps.iter().map(|(step, _)| format!("{name}.at.{step}"));
    figures.into_iter().chain(steps).collect()
}

/// Reads an account with so many open holds.
pub fn account(id: &AccountId, fields: &Fields, open: i64) -> Result<AccountState, Unavailable> {
    let read = Reader { id, fields };
    let status = read.text("status")?;
    let mut state = AccountState {
        id: id.clone(),
        name: fields.get("name").cloned().unwrap_or_default(),
        workspace: read.parsed("workspace")?,
        status: AccountStatus::parse(status).ok_or_else(|| read.bad("status", status))?,
        limits: Vec::new(),
        follows: fields.get("defaults").cloned(),
        thresholds: read.thresholds()?,
        enforcement: read.enforcement()?,
        key: read.key()?,
        created: read.number("created_ms")?,
        last: read.parsed("last_ms")?,
        counters: Vec::new(),
        bumps: Vec::new(),
        held: Amounts {
            usd: NanoUsd::new(read.number("usd.held")?),
            tokens: read.number("tokens.held")?,
            characters: read.number("characters.held")?,
        },
        open,
        totals: read.totals("usd.total", "tokens.total", "requests.total")?,
        deleted: read.totals("deleted.usd", "deleted.tokens", "deleted.requests")?,
        elsewhere: read.totals("elsewhere.usd", "elsewhere.tokens", "elsewhere.requests")?,
        debt: read.number("usd.debt")?,
        credential: read.credential()?,
    };
    for field in fields.keys() {
        if let Some(name) = field.strip_suffix(".limit") {
            let limit = read.limit(name)?;
            state.limits.push(limit);
            state.bumps.extend(read.bump(Slot::of(&limit))?);
        } else if let Some(name) = field.strip_suffix(".period") {
            state.counters.push(read.counter(name)?);
        }
    }
    state.limits.sort_by_key(|limit| Slot::of(limit).rank());
    Ok(state)
}

/// Reads the totals of deleted workspaces.
pub fn deleted(fields: &Fields) -> Totals {
    let number = |name| fields.get(name).and_then(|text: &String| text.parse().ok()).unwrap_or(0);
    Totals { usd: number("usd"), tokens: number("tokens"), requests: number("requests") }
}

/// Reads thresholds as they are stored: `80,90,100`.
pub fn thresholds(text: &str) -> Option<Thresholds> {
    let numbers: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    Thresholds::try_from(numbers?).ok()
}

/// How many requests an event stands for.
pub fn requests(fields: &Fields) -> i64 {
    fields.get("request_count").and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Reads what [`UsageEvent::fields`] wrote; `None` where it did not.
pub fn event(fields: &Fields) -> Option<UsageEvent> {
    let text = |name: &str| fields.get(name).cloned();
    let filled = |name: &str| text(name).filter(|text| !text.is_empty());
    let mut usage = Usage::default();
    for &figure in Figure::ALL {
        if let Some(count) = fields.get(figure.name()).and_then(|n| figure.parse(n)) {
            usage.set(figure, count);
        }
    }
    let number = |name: &str| fields.get(name)?.parse::<i64>().ok();
    Some(UsageEvent {
        id: fields.get("id")?.parse().ok()?,
        payers: Payers {
            key: fields.get("key")?.parse().ok()?,
            user: fields.get("user")?.parse().ok()?,
            workspace: fields.get("workspace")?.parse().ok()?,
        },
        facts: CallFacts {
            started: parse_time(fields.get("started")?)?,
            provider: text("provider")?,
            credential: text("credential")?,
            dialect: text("dialect")?,
            model: text("model")?,
            price_version: text("price_version")?,
        },
        settled: parse_time(fields.get("settled")?)?,
        service_tier: filled("service_tier"),
        status: fields.get("status")?.parse().ok()?,
        ending: Ending::parse(fields.get("ending")?)?,
        estimated: fields.get("estimated")? == "true",
        usage,
        cost: NanoUsd::new(number("cost_nanousd")?),
        provider_cost: fields.get("provider_cost_usd").and_then(|n| n.parse().ok()),
        held: NanoUsd::new(number("held_nanousd")?),
        ttft_ms: fields.get("ttft_ms")?.parse().ok()?,
        duration_ms: fields.get("duration_ms")?.parse().ok()?,
        requests: requests(fields),
        attempts: fields.get("attempts").map(|text| Tries::parse(text)).unwrap_or_default(),
    })
}

fn listed<T: ToString>(list: &[T]) -> String {
    let texts: Vec<String> = list.iter().map(T::to_string).collect();
    texts.join(",")
}

struct Reader<'a> {
    id: &'a AccountId,
    fields: &'a Fields,
}

impl<'a> Reader<'a> {
    fn bad(&self, field: &str, text: &str) -> Unavailable {
        Unavailable(format!("{} has {field} `{text}`, which makes no sense there", self.id))
    }

    fn text(&self, field: &str) -> Result<&'a str, Unavailable> {
        let found = self.fields.get(field).map(String::as_str);
        found.ok_or_else(|| Unavailable(format!("{} has no field {field}", self.id)))
    }

    fn parsed<T: FromStr>(&self, field: &str) -> Result<Option<T>, Unavailable> {
        match self.fields.get(field) {
            Some(text) => text.parse().map(Some).map_err(|_| self.bad(field, text)),
            None => Ok(None),
        }
    }

    fn number(&self, field: &str) -> Result<i64, Unavailable> {
        Ok(self.parsed(field)?.unwrap_or(0))
    }

    fn totals(&self, usd: &str, tokens: &str, requests: &str) -> Result<Totals, Unavailable> {
        Ok(Totals {
            usd: self.number(usd)?,
            tokens: self.number(tokens)?,
            requests: self.number(requests)?,
        })
    }

    fn thresholds(&self) -> Result<Option<Thresholds>, Unavailable> {
        let Some(text) = self.fields.get("thresholds") else { return Ok(None) };
        thresholds(text).map(Some).ok_or_else(|| self.bad("thresholds", text))
    }

    fn enforcement(&self) -> Result<Option<Enforcement>, Unavailable> {
        let Some(text) = self.fields.get("enforcement") else { return Ok(None) };
        Enforcement::parse(text).map(Some).ok_or_else(|| self.bad("enforcement", text))
    }

    fn key(&self) -> Result<Option<KeyFacts>, Unavailable> {
        let Some(hex) = self.fields.get("sha256") else { return Ok(None) };
        let models = self.fields.get("models").map_or("", String::as_str);
        let user = self.text("user")?;
        Ok(Some(KeyFacts {
            digest: SecretDigest::from_hex(hex).ok_or_else(|| self.bad("sha256", hex))?,
            user: user.parse().map_err(|_| self.bad("user", user))?,
            label: self.fields.get("label").cloned().unwrap_or_default(),
            models: models.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect(),
            expires: self.parsed("expires_ms")?,
            reach: Reach { addresses: self.list("addresses")?, routes: self.list("routes")? },
        }))
    }

    /// What stands between commas; nothing is an empty list.
    fn list<T: FromStr>(&self, field: &str) -> Result<Vec<T>, Unavailable> {
        let text = self.fields.get(field).map_or("", String::as_str);
        let each = text.split(',').map(str::trim).filter(|_| !text.is_empty());
        each.map(|one| one.parse().map_err(|_| self.bad(field, one))).collect()
    }

    fn credential(&self) -> Result<CredentialFacts, Unavailable> {
        let text = self.fields.get("metadata");
        let bad = || self.bad("metadata", text.map_or("", String::as_str));
        Ok(CredentialFacts {
            defined: self.fields.get("defined").cloned(),
            metadata: metadata(text).ok_or_else(bad)?,
            failed: self.number("requests.failed")?,
            enabled: self.parsed("enabled_ms")?,
        })
    }

    fn limit(&self, name: &str) -> Result<Limit, Unavailable> {
        let field = format!("{name}.limit");
        let slot = Slot::parse(name).ok_or_else(|| self.bad(&field, name))?;
        let carry = self.parsed(&format!("{name}.carry"))?;
        let observe = self.fields.get(&format!("{name}.observe")).is_some_and(|text| text == "1");
        Ok(slot.limit(self.number(&field)?, carry, observe))
    }

    fn bump(&self, slot: Slot) -> Result<Option<Bumped>, Unavailable> {
        let Some(until) = self.parsed(&format!("{slot}.bump_until_ms"))? else { return Ok(None) };
        let amount = self.number(&format!("{slot}.bump"))?;
        Ok(Some(Bumped { slot, bump: Bump { amount, until } }))
    }

    fn counter(&self, name: &str) -> Result<Counter, Unavailable> {
        let slot = Slot::parse(name).ok_or_else(|| self.bad(&format!("{name}.period"), name))?;
        let steps = if slot.steps().is_some() { self.steps(name)? } else { Vec::new() };
        Ok(Counter {
            slot,
            period: self.number(&format!("{name}.period"))?,
            used: self.number(&format!("{name}.used"))?,
            carried: self.number(&format!("{name}.carried"))?,
            admitted: self.parsed(&format!("{name}.admitted"))?,
            held: if slot.holds_apart() { self.number(&format!("{name}.held"))? } else { 0 },
            steps,
        })
    }

    /// The steps of a rolling window: `usd/rolling-24h.at.1790000000`.
    fn steps(&self, name: &str) -> Result<Vec<(Period, i64)>, Unavailable> {
        let prefix = format!("{name}.at.");
        let mut steps = Vec::new();
        for field in self.fields.keys() {
            if let Some(step) = field.strip_prefix(&prefix) {
                let period = step.parse().map_err(|_| self.bad(field, step))?;
                steps.push((period, self.number(field)?));
            }
        }
        steps.sort_unstable();
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CallId;
    use crate::ledger::Tried;

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let id = |text: &str| text.parse().unwrap();
        let usage = Usage::default()
            .with(Figure::InputTotal, 12)
            .with(Figure::DurationMs, 24_250)
            .with(Figure::Images, 2);
        let written = UsageEvent {
            id: CallId::new(),
            payers: Payers { key: id("k"), user: id("alice"), workspace: id("eng") },
            facts: CallFacts {
                started: 1_790_000_000_000,
                provider: "openai".to_owned(),
                credential: "openai-main".to_owned(),
                dialect: "openai.live".to_owned(),
                model: "m".to_owned(),
                price_version: "v".to_owned(),
            },
            settled: 1_790_000_001_000,
            service_tier: None,
            status: 200,
            ending: Ending::Finished,
            estimated: false,
            usage,
            cost: NanoUsd::new(7),
            provider_cost: Some(NanoUsd::new(8)),
            held: NanoUsd::new(9),
            ttft_ms: 10,
            duration_ms: 11,
            requests: 3,
            attempts: Tries::default(),
        };
        let stored = |event: &UsageEvent| {
            let mut fields = Fields::new();
            event.each_field(event.cost, |name, text| {
                fields.insert(name.to_owned(), text.to_owned());
            });
            fields.insert("settled".to_owned(), crate::clock::rfc3339(event.settled));
            fields
        };
        let fields = stored(&written);
        assert_eq!(fields.get("duration_seconds").map(String::as_str), Some("24.25"));
        assert_eq!(fields.get("attempts"), None, "a call that was tried once is no longer");
        assert_eq!(event(&fields), Some(written.clone()));
        let json = serde_json::to_string(&written).unwrap();
        assert!(json.contains(r#""duration_seconds":24.25"#), "{json}");
        assert!(!json.contains("attempts"), "{json}");
        assert_eq!(serde_json::from_str::<UsageEvent>(&json).unwrap(), written);

        let mut tried = written;
        for (status, error) in [(None, Some("timeout".into())), (Some(200), None)] {
            let (credential, provider) = ("a".to_owned(), "openai".to_owned());
            tried.attempts.push(Tried {
                credential,
                provider,
                status,
                error,
                started_ms: 1,
                ended_ms: 9,
            });
        }
        let mut fields = stored(&tried);
        assert_eq!(event(&fields), Some(tried.clone()));
        let json = serde_json::to_string(&tried).unwrap();
        assert_eq!(serde_json::from_str::<UsageEvent>(&json).unwrap(), tried);
        fields.insert("attempts".to_owned(), "nonsense".to_owned());
        assert_eq!(event(&fields), Some(UsageEvent { attempts: Tries::default(), ..tried }));
    }
}
