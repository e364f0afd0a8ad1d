//! Past calls, sorted by the accounts that they are replayed in. Pure.
//!
//! Invariants: a call is kept in a few dozen bytes, and there is a limit to how many are kept.
//! Models are kept once.

use crate::clock::{UnixMs, parse_time};
use crate::ids::AccountId;
use crate::ledger::PastCall;
use crate::money::NanoUsd;
use crate::usage::Usage;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// So many calls are kept, each for every account that it is replayed in.
pub(super) const MOST_CALLS: usize = 1_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Newest first, as they were read.
    calls: BTreeMap<AccountId, Vec<Kept>>,
    /// Only these accounts; none: every user.
    asked: Vec<AccountId>,
    models: Vec<String>,
    known: HashMap<String, usize>,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    started: UnixMs,
    settled: UnixMs,
    model: usize,
    held: NanoUsd,
    cost: NanoUsd,
    tokens: i64,
}

impl Past {
    /// No calls yet. They will be sorted by these accounts, or by their users where none is given.
    pub(super) fn of(asked: &[AccountId]) -> Self {
        let calls = asked.iter().map(|account| (account.clone(), Vec::new())).collect();
        Self { calls, asked: asked.to_vec(), ..Self::default() }
    }

    /// Takes a call as `/api/v1/requests` shows it, newest first. False where there are too many.
    #[must_use]
    pub(super) fn add(&mut self, event: &Value) -> bool {
        let at = |name: &str| event[name].as_str().and_then(parse_time);
        let Some((started, settled)) = at("started").zip(at("settled")) else { return true };
        let nanos = |name: &str| NanoUsd::new(event[name].as_i64().unwrap_or(0));
        let tokens = Usage::from_json(&event["usage"]).total_tokens();
        let kept = Kept {
            started,
            settled,
            model: self.model(event["model"].as_str().unwrap_or_default()),
            held: nanos("held_nanousd"),
            cost: nanos("cost_nanousd"),
            tokens: i64::try_from(tokens).unwrap_or(i64::MAX),
        };
        for account in self.payers(event) {
            self.calls.entry(account).or_default().push(kept);
            self.count = self.count.saturating_add(1);
        }
        self.count <= MOST_CALLS
    }

    /// The accounts with their calls, in the order in which these began.
    pub(super) fn replays(
        &mut self,
    ) -> impl Iterator<Item = (&AccountId, impl Iterator<Item = PastCall<'_>>)> {
        let models = &self.models;
        self.calls.iter_mut().map(move |(account, calls)| {
            calls.reverse();
            calls.sort_by_key(|call| call.started);
            (account, calls.iter().map(|kept| kept.call(models)))
        })
    }

    fn payers(&self, event: &Value) -> Vec<AccountId> {
        if self.asked.is_empty() {
            let user = event["user"].as_str().and_then(|id| id.parse().ok());
            return user.iter().map(AccountId::user).collect();
        }
        let pays = |account: &&AccountId| event[account.kind.as_str()] == account.id.as_str();
        self.asked.iter().filter(pays).cloned().collect()
    }

    fn model(&mut self, name: &str) -> usize {
        if let Some(&at) = self.known.get(name) {
            return at;
        }
        let at = self.models.len();
        self.models.push(name.to_owned());
        self.known.insert(name.to_owned(), at);
        at
    }
}

impl Kept {
    fn call(self, models: &[String]) -> PastCall<'_> {
        PastCall {
            started: self.started,
            settled: self.settled,
            model: models.get(self.model).map_or("", String::as_str),
            held: self.held,
            cost: self.cost,
            tokens: self.tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(user: &str, key: &str, second: u8) -> Value {
        json!({
            "user": user, "key": key, "workspace": "eng", "credential": "main", "model": "gpt-5",
            "started": format!("2026-11-24T21:00:{second:02}Z"),
            "settled": format!("2026-11-24T21:01:{second:02}Z"),
            "held_nanousd": 5, "cost_nanousd": 7,
            "usage": {"input_tokens_total": 10, "output_tokens_total": 3},
        })
    }

    /// How many calls each account has, and the second in which each began.
    fn seen(past: &mut Past) -> Vec<(String, Vec<i64>)> {
        let second = |call: PastCall<'_>| (call.started / 1000) % 60;
        past.replays().map(|(id, calls)| (id.to_string(), calls.map(second).collect())).collect()
    }

    #[test]
    fn calls_go_to_their_users_in_the_order_in_which_they_began() {
        let mut past = Past::of(&[]);
        for (user, second) in [("bob", 9), ("alice", 5), ("bob", 7), ("bob", 8)] {
            assert!(past.add(&event(user, "k", second)));
        }
        let name = |name: &str| format!("user:{name}");
        assert_eq!(seen(&mut past), [(name("alice"), vec![5]), (name("bob"), vec![7, 8, 9])]);
        let (_, mut calls) = past.replays().next().unwrap();
        let call = calls.next().unwrap();
        assert_eq!((call.model, call.tokens, call.cost.get()), ("gpt-5", 13, 7));
    }

    #[test]
    fn whoever_is_asked_for_has_a_row_and_shares_no_call_unasked() {
        let asked = ["key:k1", "workspace:eng", "user:zoe"].map(|text| text.parse().unwrap());
        let mut past = Past::of(&asked);
        for (user, key, second) in [("bob", "k2", 2), ("alice", "k1", 1)] {
            assert!(past.add(&event(user, key, second)));
        }
        let seen: Vec<_> =
            seen(&mut past).into_iter().map(|(id, calls)| (id, calls.len())).collect();
        let rows = [("key:k1", 1), ("user:zoe", 0), ("workspace:eng", 2)];
        assert_eq!(seen, rows.map(|(id, calls)| (id.to_owned(), calls)));
    }
}
