//! Charging once for what a provider can report again and again: background responses, stored
//! completions, batches. Pure; the pure model's half of it.
//!
//! Invariants: of all calls that settle under one key, one is charged. Where the first of them was
//! only deferred, its provisional charge is replaced by the first exact one, on its own payers and
//! in the periods it went to; until then it stands.

use super::book::Book;
use super::moment::Moment;
use super::order::{Amounts, CallFacts, UsageEvent};
use super::settling::{End, Provisional, Replaced, Settled, stamped};
use crate::clock::UnixMs;
use crate::ids::Id;
use crate::money::NanoUsd;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// For how long a key is remembered after it was deferred or charged.
pub const ONCE_MS: i64 = 31 * 86_400_000;
/// How many keys the embedded ledger remembers.
pub const ONCE_KEYS: usize = 1_000_000;

/// What is charged once: what the provider calls it, digested, so that it is short and opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OnceKey([u8; 16]);

impl OnceKey {
    /// The key of what a provider, by its name in the configuration, calls `id`.
    pub fn of(provider: &str, id: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(provider.as_bytes());
        digest.update([0]);
        digest.update(id.as_bytes());
        let mut key = [0; 16];
        key.iter_mut().zip(digest.finalize()).for_each(|(byte, digested)| *byte = digested);
        Self(key)
    }
}

impl fmt::Display for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadOnceKey(String);

impl fmt::Display for BadOnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not 32 hexadecimal digits", self.0)
    }
}

impl std::error::Error for BadOnceKey {}

impl FromStr for OnceKey {
    type Err = BadOnceKey;

    fn from_str(text: &str) -> Result<Self, BadOnceKey> {
        let bad = || BadOnceKey(text.chars().take(80).collect());
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u128::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| bad())
    }
}

impl TryFrom<String> for OnceKey {
    type Error = BadOnceKey;

    fn try_from(text: String) -> Result<Self, BadOnceKey> {
        text.parse()
    }
}

impl From<OnceKey> for String {
    fn from(key: OnceKey) -> Self {
        key.to_string()
    }
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Once {
    /// A call was charged provisionally.
    Deferred(Box<Deferred>),
    /// It is charged, to a member of this workspace.
    Posted { workspace: Id },
}

/// The call that a key was deferred by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Its provisional event.
    pub event: Box<UsageEvent>,
    pub paid: Provisional,
}

impl Once {
    /// Whose it is.
    pub fn workspace(&self) -> &Id {
        match self {
            Self::Deferred(first) => &first.event.payers.workspace,
            Self::Posted { workspace } => workspace,
        }
    }
}

impl Deferred {
    /// The event of the deferring call with the figures of the call that brought them.
    fn exact(&self, found: &UsageEvent, charge: Amounts, moment: &Moment) -> Box<UsageEvent> {
        let first = &*self.event;
        let event = UsageEvent {
            id: first.id,
            payers: first.payers.clone(),
            facts: CallFacts {
                model: found.facts.model.clone(),
                price_version: found.facts.price_version.clone(),
                ..first.facts.clone()
            },
            status: first.status,
            ending: first.ending,
            held: first.held,
            ttft_ms: first.ttft_ms,
            duration_ms: first.duration_ms,
            attempts: first.attempts.clone(),
            ..found.clone()
        };
        stamped(Box::new(event), charge, moment)
    }
}

/// The event of a call that is charged nothing, because its figures are charged elsewhere.
pub fn uncharged(event: &UsageEvent) -> UsageEvent {
    UsageEvent {
        usage: Usage::default(),
        cost: NanoUsd::ZERO,
        provider_cost: None,
        estimated: false,
        ..event.clone()
    }
}

impl Book {
    /// Charges what has a key: the call, unless the key is known; the call that deferred it, if one
    /// did.
    pub(super) fn post_once(
        &mut self,
        key: OnceKey,
        end: &End<'_>,
        charge: Amounts,
        event: Box<UsageEvent>,
    ) -> Settled {
        let first = match self.known(&key, end.moment.now) {
            Some(Once::Posted { .. }) => return self.post_nothing(end, &event),
            Some(Once::Deferred(first)) => first.clone(),
            None => {
                let workspace = event.payers.workspace.clone();
                self.note_once(key, Once::Posted { workspace }, end.moment.now);
                return self.post(end, charge, event).1;
            }
        };
        let payers = &first.event.payers;
        let mut crossings = self.correct(payers, &first.paid, Some(charge), end);
        let replaced = Replaced {
            event: first.exact(&event, charge, end.moment),
            provisional: first.event.clone(),
        };
        let workspace = payers.workspace.clone();
        self.note_once(key, Once::Posted { workspace }, end.moment.now);
        let own = self.post_nothing(end, &event);
        crossings.extend(own.crossings);
        Settled { replaced: Some(replaced), crossings, ..own }
    }

    /// Charges a call provisionally, unless what it waits for was charged before it came here.
    pub(super) fn defer(
        &mut self,
        key: OnceKey,
        end: &End<'_>,
        charge: Amounts,
        event: Box<UsageEvent>,
    ) -> Settled {
        if self.known(&key, end.moment.now).is_some() {
            return self.post_nothing(end, &event);
        }
        let remembered = stamped(event.clone(), charge, end.moment);
        let (traces, settled) = self.post(end, charge, event);
        let paid = Provisional { charge, traces };
        let first = Box::new(Deferred { event: remembered, paid });
        self.note_once(key, Once::Deferred(first), end.moment.now);
        settled
    }

    fn post_nothing(&mut self, end: &End<'_>, event: &UsageEvent) -> Settled {
        self.post(end, Amounts::default(), Box::new(uncharged(event))).1
    }

    /// What became of a key, unless that is too long ago. It does not depend on when keys are
    /// forgotten, so a log that is replayed gives the same.
    pub fn known(&self, key: &OnceKey, now: UnixMs) -> Option<&Once> {
        let (at, once) = self.once.get(key)?;
        (now.saturating_sub(*at) <= ONCE_MS).then_some(once)
    }

    /// Notes what became of a key.
    pub fn note_once(&mut self, key: OnceKey, once: Once, at: UnixMs) {
        self.once_ages.push_back((at, key));
        self.once.insert(key, (at, once));
    }

    /// Forgets keys that were noted before a time, and the oldest above a number. Gives them.
    pub fn forget_once(&mut self, before: UnixMs, at_most: usize) -> Vec<OnceKey> {
        let mut gone = Vec::new();
        while self.once.len() > at_most
            || self.once_ages.front().is_some_and(|(at, _)| *at < before)
        {
            let Some((at, key)) = self.once_ages.pop_front() else { break };
            if self.once.get(&key).is_some_and(|(noted, _)| *noted == at) {
                self.once.remove(&key);
                gone.push(key);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = OnceKey::of("openai", "resp_1");
        assert_eq!(key.to_string().parse::<OnceKey>().unwrap(), key);
        let sum = Sha256::digest(b"openai\0resp_1");
        assert_eq!(key.0[..], sum[..16]);
        for bad in ["", "0", &"g".repeat(32), &"+".repeat(32), &"0".repeat(33)] {
            assert!(bad.parse::<OnceKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn providers_and_ids_are_kept_apart() {
        let keys = [("a", "bc"), ("ab", "c"), ("b", "bc"), ("a", "b")];
        let mut keys = keys.map(|(provider, id)| OnceKey::of(provider, id)).to_vec();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn keys_are_forgotten_by_age_and_by_number() {
        let mut book = Book::default();
        let key = |n: usize| OnceKey::of("openai", &n.to_string());
        let posted = || Once::Posted { workspace: "eng".parse().unwrap() };
        for n in 0..6 {
            book.note_once(key(n), posted(), i64::try_from(n).unwrap());
        }
        // What was deferred first and charged later counts from the later time.
        book.note_once(key(0), posted(), 6);
        assert_eq!(book.forget_once(2, 10), [key(1)]);
        assert_eq!(book.forget_once(2, 3), [key(2), key(3)]);
        assert_eq!(book.forget_once(100, 10), [key(4), key(5), key(0)]);
        assert!(book.once.is_empty() && book.once_ages.is_empty());
    }
}
