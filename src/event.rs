//! What happened, as hints: whose figures moved, which alert was raised. They go to whoever
//! shows figures to people, here and at other proxies.
//!
//! Not here: the figures. Whoever hears of an account reads it in the ledger, which is the truth.
//!
//! Invariants: telling never waits. What waits to be heard is bounded: an account waits once however
//! often it moves, and what finds no place is dropped and counted.

use crate::ids::{AccountId, Id};
use crate::telemetry::names;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use tokio::sync::Notify;

/// So many accounts may wait.
const MOST_ACCOUNTS: usize = 10_000;
/// So many alerts may wait.
const MOST_ALERTS: usize = 1_000;

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
    /// The ids of alerts that were raised.
    #[serde(default)]
    pub raised: Vec<Id>,
}

impl Batch {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.raised.is_empty()
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
    raised: VecDeque<Id>,
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

    /// An alert was raised. Where too many wait, the oldest gives way.
    pub fn raised(&self, alert: Id) {
        let mut waiting = self.waiting.lock();
        let full = waiting.raised.len() >= MOST_ALERTS;
        if full {
            waiting.raised.pop_front();
        }
        waiting.raised.push_back(alert);
        drop(waiting);
        self.arrived.notify_one();
        lost(u64::from(full));
    }

    /// Takes in what happened elsewhere.
    pub fn extend(&self, batch: Batch) {
        for Moved { account, workspace } in &batch.moved {
            self.moved(account, workspace.as_ref());
        }
        batch.raised.into_iter().for_each(|alert| self.raised(alert));
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

    /// Takes what came first: at most so many accounts, and as many alerts.
    pub fn take(&self, most: usize) -> Batch {
        let mut waiting = self.waiting.lock();
        let Waiting { accounts, order, raised } = &mut *waiting;
        let first = order.len().min(most);
        let moved = order.drain(..first).map(|account| {
            let workspace = accounts.remove(&account).flatten();
            Moved { account, workspace }
        });
        let moved = moved.collect();
        let first = raised.len().min(most);
        Batch { moved, raised: raised.drain(..first).collect() }
    }

    fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.order.is_empty() && waiting.raised.is_empty()
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
        for n in 0..MOST_ALERTS + 1 {
            feed.raised(n.to_string().parse().unwrap());
        }
        let left = feed.take(usize::MAX).raised;
        assert_eq!((left.len(), left[0].as_str()), (MOST_ALERTS, "1"));
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
        feed.raised("rule-7".parse().unwrap());
        let batch = feed.take(10);
        let text = serde_json::to_string(&batch).unwrap();
        assert_eq!(serde_json::from_str::<Batch>(&text).unwrap(), batch);
    }
}
