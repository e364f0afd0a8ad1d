//! Hints between the proxies of one Redis: texts on one channel. They say nothing that is not in the
//! ledger; who misses one reads it there.
//!
//! Invariants: one subscription for each proxy. A subscription that hears nothing for a while, not
//! even its own proxy, is taken for dead and made again.

use super::super::order::Unavailable;
use super::{RedisLedger, keys};
use futures_util::StreamExt;
use redis::aio::PubSub;
use std::sync::Weak;
use std::time::Duration;

/// How long it may take to publish, or to subscribe.
const PATIENCE: Duration = Duration::from_secs(2);
/// Nothing for so long: the connection is dead. Whoever listens publishes more often.
const SILENCE: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a subscription brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text that some proxy published.
    Text(String),
    /// It begins, perhaps again: what was published before was not heard.
    Subscribed,
}

impl RedisLedger {
    /// Tells all proxies of this Redis, this one included.
    pub async fn publish(&self, text: &str) -> Result<(), Unavailable> {
        let mut on = self.connections.reading.clone();
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(keys::HINTS).arg(text);
        let published = tokio::time::timeout(PATIENCE, publish.query_async::<()>(&mut on)).await;
        let published = published.map_err(|_| Unavailable("redis does not answer".to_owned()))?;
        published.map_err(|why| Unavailable(why.to_string()))
    }

    /// Hears what all proxies publish, for as long as the ledger lives.
    pub async fn listen(ledger: Weak<Self>, mut hear: impl FnMut(Heard) + Send) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(alive) = ledger.upgrade() else { return };
            let subscribed = tokio::time::timeout(PATIENCE, alive.connections.subscribe()).await;
            drop(alive);
            match subscribed {
                Ok(Ok(subscription)) => {
                    pause = FIRST_PAUSE;
                    hear(Heard::Subscribed);
                    follow(subscription, &mut hear).await;
                    tracing::warn!("hints of other proxies are not heard; subscribing again");
                }
                Ok(Err(error)) => tracing::debug!(%error, "redis does not let subscribe"),
                Err(_) => tracing::debug!("redis does not answer who wants to subscribe"),
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

/// Hands on what comes until the connection ends.
async fn follow(subscription: PubSub, hear: &mut (impl FnMut(Heard) + Send)) {
    let mut messages = subscription.into_on_message();
    while let Ok(Some(message)) = tokio::time::timeout(SILENCE, messages.next()).await {
        if let Ok(text) = message.get_payload::<String>() {
            hear(Heard::Text(text));
        }
    }
}
