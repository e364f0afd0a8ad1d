//! The gentle stop: no new connections, open ones finish what they are doing within a bound.

use std::time::Duration;
use tokio::sync::watch;

/// Begins the drain and waits for it.
#[derive(Debug)]
pub struct Drain {
    begin: watch::Sender<bool>,
}

/// Tells listeners that the drain has begun.
#[derive(Debug, Clone)]
pub struct DrainWatch {
    begun: watch::Receiver<bool>,
}

/// Held by one open connection; its end is what [`Drain::finish`] waits for.
#[derive(Debug)]
pub struct ConnectionWatch {
    begun: watch::Receiver<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { begin: watch::Sender::new(false) }
    }
}

impl Drain {
    /// A watch for a listener.
    pub fn watch(&self) -> DrainWatch {
        DrainWatch { begun: self.begin.subscribe() }
    }

    /// Whether the drain has begun.
    pub fn has_begun(&self) -> bool {
        *self.begin.borrow()
    }

    /// Begins the drain.
    pub fn begin(&self) {
        self.begin.send_replace(true);
    }

    /// Waits until every listener and connection has ended, at most for `bound`. Whether all did.
    pub async fn finish(&self, bound: Duration) -> bool {
        tokio::time::timeout(bound, self.begin.closed()).await.is_ok()
    }
}

impl DrainWatch {
    /// Resolves once the drain begins, or the [`Drain`] is gone.
    pub async fn begun(&self) {
        let mut begun = self.begun.clone();
        let _gone = begun.wait_for(|begun| *begun).await;
    }

    pub(super) fn connection(&self) -> ConnectionWatch {
        ConnectionWatch { begun: self.begun.clone() }
    }
}

impl ConnectionWatch {
    pub(super) async fn begun(&mut self) {
        let _gone = self.begun.wait_for(|begun| *begun).await;
    }
}
