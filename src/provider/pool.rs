//! Taking a credential out of a provider's pool for one call, and giving it back with what became
//! of the call.
//!
//! Invariant: of a credential that is half open one call is on its way at most; it is let go of
//! however that call ends.

use super::breaker::BreakerBounds;
use super::choice::{Candidate, Wish, rank};
use super::health::{Outcome, State};
use super::{Credential, Provider};
use crate::clock::UnixMs;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// What a retry takes of the budget; a call brings so many hundredths of it.
const RETRY: i64 = 100;

/// What a proxy that has made no calls may retry.
const FLOOR: i64 = 10 * RETRY;

/// The most that can be saved up.
const MOST: i64 = 100 * RETRY;

/// What the calls of one pool share. A reload keeps it.
#[derive(Debug)]
pub struct Pool {
    turn: AtomicUsize,
    budget: AtomicI64,
}

impl Default for Pool {
    fn default() -> Self {
        Self { turn: AtomicUsize::new(0), budget: AtomicI64::new(FLOOR) }
    }
}

impl Pool {
    /// A call is made: it brings its share of a retry.
    pub fn earn(&self, percent: u32) {
        let more = |saved: i64| Some(saved.saturating_add(i64::from(percent)).min(MOST));
        let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Takes a retry out of the budget; whether there was one.
    pub fn spend(&self) -> bool {
        let less = |saved: i64| saved.checked_sub(RETRY).filter(|left| *left >= 0);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// No credential of a pool can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllOut {
    /// When the first of them can be again; `None` where that takes an operator.
    pub until: Option<UnixMs>,
}

impl AllOut {
    /// The same, with the end of another one that is out.
    #[must_use]
    pub fn or(self, until: Option<UnixMs>) -> Self {
        Self { until: [self.until, until].into_iter().flatten().min() }
    }
}

/// A credential in use for one call; absent at a provider that needs none. What is dropped says
/// nothing about its credential.
#[derive(Debug)]
pub struct Taken {
    credential: Option<Credential>,
    bounds: BreakerBounds,
    probe: bool,
    ended: bool,
}

impl Taken {
    /// The credential.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// Its name, empty at a provider that needs none.
    pub fn name(&self) -> &str {
        self.credential.as_ref().map_or("", |credential| &credential.name)
    }

    /// The head of an answer came; what is in it is not known yet.
    pub fn answered(&mut self) {
        if let Some(credential) = self.credential.as_ref().filter(|_| !self.ended) {
            credential.health.answered(self.probe);
            self.probe = false;
        }
    }

    /// What became of the call; whether that took the credential out of the pool.
    pub fn end(mut self, outcome: Outcome, now: UnixMs) -> bool {
        self.ended = true;
        self.credential.as_ref().is_some_and(|credential| {
            credential.health.ended(outcome, self.probe, now, &self.bounds)
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(credential) = self.credential.as_ref().filter(|_| self.probe && !self.ended) {
            credential.health.given_back();
        }
    }
}

impl Provider {
    /// Takes a credential for a call, other than those that it `tried` already.
    pub fn take(&self, wish: &Wish, tried: &[String], now: UnixMs) -> Result<Taken, AllOut> {
        let taken = |credential: Option<&Credential>, probe| Taken {
            credential: credential.cloned(),
            bounds: self.policy.breaker,
            probe,
            ended: false,
        };
        if self.credentials.is_empty() {
            return match tried.is_empty() {
                true => Ok(taken(None, false)),
                false => Err(AllOut { until: None }),
            };
        }
        let mut all_out = AllOut { until: None };
        let mut usable = Vec::with_capacity(self.credentials.len());
        for (place, credential) in self.credentials.iter().enumerate() {
            if tried.contains(&credential.name) {
                continue;
            }
            let condition = credential.health.condition(now);
            match condition.state {
                State::Available => usable.push(candidate(place, credential)),
                _ => all_out = all_out.or(condition.until),
            }
        }
        let turn = match usable.len() {
            0 | 1 => 0,
            _ => self.pool.turn.fetch_add(1, Ordering::Relaxed),
        };
        rank(&mut usable, &self.policy, wish, turn);
        for candidate in usable {
            let Some(credential) = self.credentials.get(candidate.place) else { continue };
            // Another call may have become its probe since.
            if let Some(probe) = credential.health.take(now) {
                return Ok(taken(Some(credential), probe));
            }
            all_out = all_out.or(credential.health.condition(now).until);
        }
        Err(all_out)
    }
}

fn candidate(place: usize, credential: &Credential) -> Candidate<'_> {
    let health = &credential.health;
    Candidate {
        place,
        name: &credential.name,
        weight: credential.weight,
        utilization: health.quota().utilization,
        calls: health.calls(),
        in_a_row: health.in_a_row(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Choose, Dialect, Policy, Quota};
    use super::*;

    const NOW: UnixMs = 1_795_554_816_123;

    fn pool(names: &[&str]) -> Provider {
        let credentials = names.iter().map(|n| Credential::new(*n, "secret".to_owned().into()));
        Provider::new("openai", Dialect::OpenAi, "http://x/v1", credentials.collect())
    }

    fn take(provider: &Provider, tried: &[&str], now: UnixMs) -> Result<String, AllOut> {
        let tried: Vec<String> = tried.iter().map(|name| (*name).to_owned()).collect();
        provider.take(&Wish::default(), &tried, now).map(|taken| taken.name().to_owned())
    }

    fn end(provider: &Provider, outcome: Outcome, now: UnixMs) -> bool {
        provider.take(&Wish::default(), &[], now).unwrap().end(outcome, now)
    }

    #[test]
    fn a_provider_without_credentials_is_used_once() {
        assert_eq!(take(&pool(&[]), &[], NOW), Ok(String::new()));
        assert_eq!(take(&pool(&[]), &[""], NOW), Err(AllOut { until: None }));
    }

    #[test]
    fn r082_what_is_out_is_passed_over_and_the_first_to_return_is_named() {
        let provider = pool(&["a", "b", "c"]);
        assert!(end(&provider, Outcome::Limited(Some(90_000)), NOW));
        assert!(end(&provider, Outcome::Limited(Some(9_000)), NOW));
        assert_eq!(take(&provider, &[], NOW), Ok("c".to_owned()));
        assert_eq!(take(&provider, &["c"], NOW), Err(AllOut { until: Some(NOW + 9_000) }));
        assert!(end(&provider, Outcome::Rejected, NOW));
        assert_eq!(take(&provider, &[], NOW), Err(AllOut { until: Some(NOW + 9_000) }));
        assert_eq!(take(&provider, &[], NOW + 9_000), Ok("b".to_owned()));
    }

    #[test]
    fn r082_a_half_open_credential_gets_one_probe_at_a_time() {
        let provider = pool(&["a", "b"]);
        for n in 0..5 {
            assert_eq!(end(&provider, Outcome::Failed(None), NOW + n), n == 4);
        }
        assert_eq!(take(&provider, &[], NOW + 10), Ok("b".to_owned()));
        let later = NOW + 30_004;
        let mut probe = provider.take(&Wish::default(), &[], later).unwrap();
        assert_eq!(probe.name(), "a");
        assert_eq!(take(&provider, &[], later), Ok("b".to_owned()), "one probe at a time");
        probe.answered();
        assert_eq!(take(&provider, &[], later), Ok("a".to_owned()), "closed by the answer");
        drop(probe);
        let again = provider.take(&Wish::default(), &[], later).unwrap();
        assert!(again.end(Outcome::Failed(None), later), "the answer was an error: open again");
    }

    #[test]
    fn a_probe_that_is_dropped_lets_another_go() {
        let provider = pool(&["a"]);
        for _ in 0..5 {
            end(&provider, Outcome::Failed(None), NOW);
        }
        let later = NOW + 30_000;
        let probe = provider.take(&Wish::default(), &[], later).unwrap();
        assert!(take(&provider, &[], later).is_err());
        drop(probe);
        assert_eq!(take(&provider, &[], later), Ok("a".to_owned()));
    }

    #[test]
    fn r081_retries_stay_within_their_share_of_the_calls() {
        let pool = Pool::default();
        assert_eq!((0..100).filter(|_| pool.spend()).count(), 10, "what a quiet proxy has");
        let retries = (0..1_000).filter(|_| {
            pool.earn(10);
            pool.spend()
        });
        assert_eq!(retries.count(), 100);
        (0..9_000).for_each(|_| pool.earn(10));
        assert_eq!((0..900).filter(|_| pool.spend()).count(), 100, "no more is saved up");
        let none = Pool::default();
        (0..1_000).for_each(|_| none.earn(0));
        assert_eq!((0..100).filter(|_| none.spend()).count(), 10);
    }

    #[test]
    fn r081_utilization_decides_where_it_is_told() {
        let provider = pool(&["a", "b"]);
        let policy = Policy { choose: Choose::LeastUsed, ..Policy::default() };
        let provider = Provider { policy, ..provider };
        for (name, used) in [("a", 5_000), ("b", 4_999)] {
            let quota = Quota { utilization: Some(used), ..Quota::default() };
            assert!(provider.told(name, quota));
        }
        assert!(!provider.told("z", Quota::default()));
        assert_eq!(take(&provider, &[], NOW), Ok("b".to_owned()));
    }
}
