//! What happened, as hints: whose figures moved, which threshold was crossed. They go to whoever
//! shows figures to people, here and at other proxies.
//!
//! Not here: the figures. Whoever hears of an account reads it in the ledger, which is the truth.
//!
//! Invariants: telling never waits. What waits to be heard is bounded: an account waits once however
//! often it moves, and what finds no place is dropped and counted.

use crate::clock::UnixMs;
use crate::ids::{AccountId, Id};
use crate::telemetry::names;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use tokio::sync::Notify;

/// So many accounts may wait.
const MOST_ACCOUNTS: usize = 10_000;
/// So many crossings may wait.
const MOST_CROSSINGS: usize = 1_000;

/// A limit's use reached a threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossed {
    /// Names this crossing.
    pub id: String,
    /// When it was noticed.
    pub time: UnixMs,
    /// Whose limit.
    pub account: AccountId,
    /// The limit as it is written, `25 usd/month`.
    pub limit: String,
    /// In which period, as in the ledger: `202611`.
    pub period: i64,
    /// `warning`, `critical` or `exceeded`.
    pub level: String,
    /// Per cent.
    pub threshold: u32,
    /// What was used then, in the limit's meter; nano-dollars for `usd`.
    pub used: i64,
    /// What the limit allowed then.
    pub allowed: i64,
}

/// An account whose figures moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which account.
    pub account: AccountId,
    /// Its workspace, where whoever told knew it.
    pub workspace: Option<Id>,
}

/// What happened, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Accounts whose figures moved, each once.
    pub moved: Vec<Moved>,
    /// Thresholds that were crossed.
    pub crossed: Vec<Crossed>,
}

impl Batch {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.crossed.is_empty()
    }
}

/// Where what happened waits to be heard.
#[derive(Debug, Default)]
pub struct Feed {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    accounts: HashMap<AccountId, Option<Id>>,
    /// The same accounts, first come first.
    order: VecDeque<AccountId>,
    crossed: VecDeque<Crossed>,
}

impl Feed {
    /// The figures of an account moved.
    pub fn moved(&self, account: &AccountId, workspace: Option<&Id>) {
        let mut waiting = self.waiting.lock();
        if let Some(known) = waiting.accounts.get_mut(account) {
            if known.is_none() {
                *known = workspace.cloned();
            }
            return;
        }
        if waiting.order.len() >= MOST_ACCOUNTS {
            drop(waiting);
            return lost(1);
        }
        waiting.accounts.insert(account.clone(), workspace.cloned());
        waiting.order.push_back(account.clone());
        drop(waiting);
        self.arrived.notify_one();
    }

    /// A threshold was crossed. Where too many wait, the oldest gives way.
    pub fn crossed(&self, crossed: Crossed) {
        let mut waiting = self.waiting.lock();
        let full = waiting.crossed.len() >= MOST_CROSSINGS;
        if full {
            waiting.crossed.pop_front();
        }
        waiting.crossed.push_back(crossed);
        drop(waiting);
        self.arrived.notify_one();
        lost(u64::from(full));
    }

    /// Takes in what happened elsewhere.
    pub fn extend(&self, batch: Batch) {
        for Moved { account, workspace } in &batch.moved {
            self.moved(account, workspace.as_ref());
        }
        batch.crossed.into_iter().for_each(|crossed| self.crossed(crossed));
    }

    /// Waits until something waits to be heard.
    pub async fn arrived(&self) {
        loop {
            let arrived = self.arrived.notified();
            if !self.is_empty() {
                return;
            }
            arrived.await;
        }
    }

    /// Takes what came first: at most so many accounts, and as many crossings.
    pub fn take(&self, most: usize) -> Batch {
        let mut waiting = self.waiting.lock();
        let Waiting { accounts, order, crossed } = &mut *waiting;
        let first = order.len().min(most);
        let moved = order.drain(..first).map(|account| {
            let workspace = accounts.remove(&account).flatten();
            Moved { account, workspace }
        });
        let moved = moved.collect();
        let first = crossed.len().min(most);
        Batch { moved, crossed: crossed.drain(..first).collect() }
    }

    fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.order.is_empty() && waiting.crossed.is_empty()
    }
}

/// Counts what nobody will hear of.
fn lost(count: u64) {
    if count > 0 {
        metrics::counter!(names::EVENTS_DROPPED).increment(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: usize) -> AccountId {
        format!("user:u{n}").parse().unwrap()
    }

    #[test]
    fn an_account_waits_once_however_often_it_moves() {
        let feed = Feed::default();
        let workspace: Id = "eng".parse().unwrap();
        feed.moved(&user(1), None);
        feed.moved(&user(2), Some(&workspace));
        (0..1_000).for_each(|_| feed.moved(&user(1), Some(&workspace)));
        let first = feed.take(1);
        assert_eq!(first.moved, [Moved { account: user(1), workspace: Some(workspace) }]);
        assert_eq!(feed.take(10).moved.len(), 1);
        assert!(feed.take(10).is_empty());
        feed.moved(&user(1), None);
        assert_eq!(feed.take(10).moved.len(), 1);
    }

    #[test]
    fn what_finds_no_place_is_dropped() {
        let feed = Feed::default();
        (0..MOST_ACCOUNTS + 5).for_each(|n| feed.moved(&user(n), None));
        assert_eq!(feed.take(usize::MAX).moved.len(), MOST_ACCOUNTS);
        for n in 0..MOST_CROSSINGS + 1 {
            feed.crossed(crossed(n));
        }
        let left = feed.take(usize::MAX).crossed;
        assert_eq!((left.len(), left[0].id.as_str()), (MOST_CROSSINGS, "1"));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let feed = std::sync::Arc::new(Feed::default());
        let waiting = feed.clone();
        let woken = tokio::spawn(async move { waiting.arrived().await });
        tokio::task::yield_now().await;
        feed.moved(&user(1), None);
        woken.await.unwrap();
    }

    #[test]
    fn a_batch_survives_its_text() {
        let feed = Feed::default();
        feed.moved(&user(1), Some(&"eng".parse().unwrap()));
        feed.crossed(crossed(7));
        let batch = feed.take(10);
        let text = serde_json::to_string(&batch).unwrap();
        assert_eq!(serde_json::from_str::<Batch>(&text).unwrap(), batch);
    }

    fn crossed(n: usize) -> Crossed {
        Crossed {
            id: n.to_string(),
            time: 0,
            account: user(n),
            limit: "1 usd/day".to_owned(),
            period: 20_261_128,
            level: "warning".to_owned(),
            threshold: 80,
            used: 8,
            allowed: 10,
        }
    }
}
