//! Counts the tabs that are open, so that a stopping proxy can wait for them. What a tab is: `tab`.
//!
//! Invariant: a tab counts from the moment it exists until its settlement is handed over.

use tokio::sync::watch::Sender;

/// A tab that is open.
#[derive(Debug)]
pub(super) struct InFlight(Sender<usize>);

/// How many tabs are open.
#[derive(Debug, Clone)]
pub(super) struct OpenTabs(Sender<usize>);

impl Default for OpenTabs {
    fn default() -> Self {
        Self(Sender::new(0))
    }
}

impl OpenTabs {
    /// One more is open, until what this gives is dropped.
    pub(super) fn enter(&self) -> InFlight {
        self.0.send_modify(|n| *n += 1);
        InFlight(self.0.clone())
    }

    /// Resolves when no tab is open.
    pub(super) async fn none_left(&self) {
        let mut open = self.0.subscribe();
        let _gone = open.wait_for(|open| *open == 0).await;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}
