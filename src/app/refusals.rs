//! What this proxy refuses, on its way from the count to the ledger.

use super::Books;
use crate::history::{Refusals, Refused, RefusedInHour};
use crate::proxy::{Proxy, Tallied};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How long the last counts may take at the end.
const LAST: Duration = Duration::from_secs(2);

/// The refusals of a proxy, and of all that share its ledger; those of this one are written from now
/// on.
pub(super) fn start(proxy: &Proxy, books: &Books) -> (Arc<Refusals>, AbortHandle) {
    let tally = proxy.tally();
    let counted = move || tally.take().map(counted).collect();
    let refusals = Arc::new(Refusals::new(books.records.clone(), counted));
    let writing = tokio::spawn(refusals.clone().run());
    (refusals, writing.abort_handle())
}

fn counted((Tallied { hour, reason, of }, count): (Tallied, u64)) -> RefusedInHour {
    RefusedInHour { hour, refused: Refused { reason: reason.to_owned(), of }, count }
}

/// Writes what is not written yet, before the ledger is closed.
pub(super) async fn last(refusals: &Refusals) {
    let why = match tokio::time::timeout(LAST, refusals.write()).await {
        Ok(Ok(())) => return,
        Ok(Err(why)) => why.to_string(),
        Err(_) => "the ledger takes too long".to_owned(),
    };
    tracing::warn!(why, "the last counts of refusals were not written");
}
