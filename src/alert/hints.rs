//! Hints: crossings that settlements report, which become alerts at once.
//!
//! Invariants: whoever settles never waits for a hint. So many wait at most; the oldest make room for
//! new ones and are counted, and the sweep finds what they told of. Hints of one account are taken in
//! their order, those of several at the same time.

use super::alerting::Alerting;
use super::facts::{self, Point};
use crate::ids::AccountId;
use crate::ledger::Crossing;
use crate::telemetry::names;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// How many hints are taken at a time.
const HINTS: usize = 256;
/// Of how many accounts at the same time.
const ACCOUNTS: usize = 16;

impl Alerting {
    /// Takes hints for as long as there are any.
    pub(super) async fn listen(&self, mut hints: Receiver<Crossing>) {
        while let Some(some) = next(&mut hints).await {
            let of_accounts = futures_util::stream::iter(some);
            of_accounts.for_each_concurrent(ACCOUNTS, |(_, own)| self.take_hints(own)).await;
        }
    }

    async fn take_hints(&self, own: Vec<Crossing>) {
        for crossing in own {
            let account = crossing.account.clone();
            if let Err(why) = self.hint(crossing).await {
                tracing::warn!(%account, %why, "an alert waits for the next check");
            }
        }
    }

    /// A settlement reported a crossing.
    async fn hint(&self, crossing: Crossing) -> Result<(), String> {
        let point = Point::of(&crossing);
        let mark = self.mark(&point).await?;
        let Some(account) = self.account(&crossing.account).await? else { return Ok(()) };
        let now = self.sources.clock.now();
        let (calendar, window) = (&self.sources.calendar, crossing.limit.window);
        let current = facts::period(calendar, window, now) == Some(facts::period_of(&crossing));
        let holds = facts::standing(&account, &point.limit)
            .is_some_and(|standing| facts::reaches(standing, point.threshold));
        if current && !holds {
            return Ok(());
        }
        self.raise(crossing, mark, &account).await
    }
}

/// The next hints, by account; `None` where none will come.
async fn next(hints: &mut Receiver<Crossing>) -> Option<BTreeMap<AccountId, Vec<Crossing>>> {
    let mut some: BTreeMap<AccountId, Vec<Crossing>> = BTreeMap::new();
    let mut put = |crossing: Crossing| {
        some.entry(crossing.account.clone()).or_default().push(crossing);
    };
    loop {
        match hints.recv().await {
            Ok(crossing) => {
                put(crossing);
                break;
            }
            Err(RecvError::Lagged(many)) => dropped(many),
            Err(RecvError::Closed) => return None,
        }
    }
    for _ in 1..HINTS {
        match hints.try_recv() {
            Ok(crossing) => put(crossing),
            Err(TryRecvError::Lagged(many)) => dropped(many),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    metrics::gauge!(names::ALERT_HINTS).set(u32::try_from(hints.len()).unwrap_or(u32::MAX));
    Some(some)
}

fn dropped(many: u64) {
    metrics::counter!(names::ALERT_HINTS_DROPPED).increment(many);
    tracing::warn!(many, "crossed thresholds came too fast; the next check finds them");
}
