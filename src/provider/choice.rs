//! Which credential of a pool comes first. Pure: no state, no time.
//!
//! Weights and stickiness are one thing here: each credential gets a score from a hash of the wish
//! and its own name (weighted rendezvous hashing), so there is no table to keep, every proxy chooses
//! alike, and only the calls of a credential that is out move.

use super::policy::{Choose, Policy};
use foldhash::quality::FixedState;
use std::hash::{BuildHasher, Hash};

/// What a call wishes of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// The same for calls that should stay together: those of one key for one model.
    pub together: u64,
    /// Another one for each call.
    pub alone: u64,
    /// It is about what is stored at the provider, which belongs to one account: the order of the
    /// file decides.
    pub stored: bool,
    /// It failed once already: the credential with the fewest failures in a row comes first.
    pub again: bool,
}

impl Wish {
    /// The wish of one call for a model.
    pub fn new(key: impl Hash, model: &str, call: impl Hash) -> Self {
        let hasher = FixedState::default();
        let together = hasher.hash_one((key, model));
        Self { together, alone: hasher.hash_one(call), ..Self::default() }
    }
}

/// A credential as far as the choice looks at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// Its place in the file.
    pub(super) place: usize,
    pub(super) name: &'a str,
    pub(super) weight: u32,
    pub(super) utilization: Option<u32>,
    pub(super) calls: u64,
    pub(super) in_a_row: u32,
}

/// Puts the first choice first. `turn` counts the choices of this pool. Weight 0 comes last.
pub(super) fn rank(candidates: &mut [Candidate<'_>], policy: &Policy, wish: &Wish, turn: usize) {
    let choose = if wish.stored { Choose::Priority } else { policy.choose };
    let last = |one: &Candidate<'_>| one.weight == 0;
    match choose {
        Choose::Priority => candidates.sort_by_key(|one| (last(one), one.place)),
        Choose::Weighted => {
            by_score(candidates, if policy.sticky { wish.together } else { wish.alone })
        }
        Choose::LeastUsed | Choose::RoundRobin if policy.sticky => {
            for one in &mut *candidates {
                one.weight = one.weight.min(1);
            }
            by_score(candidates, wish.together);
        }
        Choose::LeastUsed => {
            let all = candidates.iter().all(|one| one.utilization.is_some());
            let used = |one: &Candidate<'_>| one.utilization.filter(|_| all);
            candidates.sort_by_key(|one| (last(one), used(one), one.calls, one.place));
        }
        Choose::RoundRobin => {
            candidates.sort_by_key(|one| (last(one), one.place));
            let usual = candidates.iter().filter(|one| !last(one)).count();
            let turning = if usual == 0 { candidates.len() } else { usual };
            if let Some(turning) = candidates.get_mut(..turning).filter(|some| !some.is_empty()) {
                turning.rotate_left(turn % turning.len());
            }
        }
    }
    if wish.again {
        candidates.sort_by_key(|one| (last(one), one.in_a_row));
    }
}

/// The highest score first: `-weight / ln(u)`, with `u` even between 0 and 1, wins in proportion to
/// the weight.
fn by_score(candidates: &mut [Candidate<'_>], wish: u64) {
    let score = |one: &Candidate<'_>| {
        let hash = FixedState::default().hash_one((wish, one.name));
        let even = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -f64::from(one.weight.max(1)) / even.ln()
    };
    candidates.sort_by(|a, b| {
        let last = (a.weight == 0).cmp(&(b.weight == 0));
        last.then_with(|| score(b).total_cmp(&score(a)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn pool(weights: &[u32]) -> Vec<Candidate<'static>> {
        let one = |(place, weight): (usize, &u32)| Candidate {
            place,
            name: NAMES[place],
            weight: *weight,
            utilization: None,
            calls: 0,
            in_a_row: 0,
        };
        weights.iter().enumerate().map(one).collect()
    }

    fn first(
        pool: &[Candidate<'static>],
        policy: &Policy,
        wish: Wish,
        turn: usize,
    ) -> &'static str {
        let mut pool = pool.to_vec();
        rank(&mut pool, policy, &wish, turn);
        pool[0].name
    }

    fn policy(choose: Choose, sticky: bool) -> Policy {
        Policy { choose, sticky, ..Policy::default() }
    }

    fn wish(key: u32, call: u32) -> Wish {
        Wish::new(key, "gpt-4o", call)
    }

    #[test]
    fn r081_priority_is_the_order_of_the_file_and_weight_0_comes_last() {
        let by_order = policy(Choose::Priority, true);
        assert_eq!(first(&pool(&[1, 1]), &by_order, wish(1, 1), 3), "a");
        assert_eq!(first(&pool(&[0, 1]), &by_order, wish(1, 1), 3), "b");
        assert_eq!(first(&pool(&[0, 0]), &by_order, wish(1, 1), 3), "a");
    }

    #[test]
    fn r081_weights_are_shares_of_the_calls() {
        let shares = |policy: &Policy, wish: fn(u32) -> Wish| {
            let mut counts = [0_u32; 4];
            for n in 0..10_000 {
                let name = first(&pool(&[3, 1, 0, 6]), policy, wish(n), 0);
                counts[NAMES.iter().position(|known| *known == name).unwrap()] += 1;
            }
            counts
        };
        for counts in [
            shares(&policy(Choose::Weighted, false), |n| wish(1, n)),
            shares(&policy(Choose::Weighted, true), |n| wish(n, 1)),
        ] {
            let near = |count: u32, share: u32| count.abs_diff(share) < 200;
            assert!(near(counts[0], 3_000) && near(counts[1], 1_000), "{counts:?}");
            assert!(near(counts[3], 6_000) && counts[2] == 0, "{counts:?}");
        }
    }

    #[test]
    fn sticky_calls_move_only_when_their_credential_is_out() {
        for choose in [Choose::Weighted, Choose::LeastUsed, Choose::RoundRobin] {
            let policy = policy(choose, true);
            let all = pool(&[1, 2, 3, 4]);
            for key in 0..200 {
                let at_home = first(&all, &policy, wish(key, 1), 0);
                assert_eq!(first(&all, &policy, wish(key, 2), 1), at_home);
                for out in NAMES {
                    let rest: Vec<_> = all.iter().copied().filter(|one| one.name != out).collect();
                    let now = first(&rest, &policy, wish(key, 3), 2);
                    assert_eq!(now == at_home, out != at_home, "{key} {out}");
                }
            }
        }
    }

    #[test]
    fn r081_least_used_goes_by_quota_else_by_calls() {
        let policy = policy(Choose::LeastUsed, false);
        let mut pool = pool(&[1, 1, 0]);
        (pool[0].calls, pool[1].calls) = (5, 4);
        assert_eq!(first(&pool, &policy, wish(1, 1), 0), "b");
        for (place, used) in [(0, 100), (1, 9_000), (2, 0)] {
            pool[place].utilization = Some(used);
        }
        assert_eq!(first(&pool, &policy, wish(1, 1), 0), "a");
        pool[1].utilization = None;
        assert_eq!(first(&pool, &policy, wish(1, 1), 0), "b", "one has no quota to compare");
    }

    #[test]
    fn r081_round_robin_takes_turns_and_what_is_stored_stays() {
        let policy = policy(Choose::RoundRobin, false);
        let at = |turn| first(&pool(&[1, 0, 1, 1]), &policy, wish(1, 1), turn);
        assert_eq!([at(0), at(1), at(2), at(3)], ["a", "c", "d", "a"]);
        let stored = Wish { stored: true, ..wish(1, 1) };
        assert_eq!(first(&pool(&[1, 1]), &policy, stored, 1), "a");
    }

    #[test]
    fn a_second_try_goes_where_nothing_failed() {
        let mut pool = pool(&[1, 1, 1]);
        (pool[0].in_a_row, pool[1].in_a_row) = (2, 1);
        let again = Wish { again: true, ..wish(1, 1) };
        assert_eq!(first(&pool, &policy(Choose::Priority, false), again, 0), "c");
    }
}
