//! The attempts of one call as they come to their ends, for its event.
//!
//! Not here: what an attempt holds on the account of its credential (`attempt`), and whether there is
//! another one (`errand`). Invariants: a call that needs one attempt allocates nothing here; an
//! attempt is told once.

use super::fault::Fault;
use crate::ledger::{CallFacts, Ending, Tried, Tries};
use std::borrow::Cow;
use std::time::Duration;

/// See the module. Times are counted from the arrival of the call.
#[derive(Debug, Default)]
pub(super) struct Trying {
    /// When the attempt that is under way began.
    began: Option<Duration>,
    ended: Tries,
}

impl Trying {
    /// An attempt begins.
    pub(super) fn begins(&mut self, at: Duration) {
        self.began = Some(at);
    }

    /// The one that is under way failed, at the provider and with the credential of `facts`.
    pub(super) fn failed(&mut self, facts: &CallFacts, fault: &Fault, at: Duration) {
        let status = fault.status.map(|status| status.as_u16());
        self.end(facts, status, Some(fault.reason.into()), at);
    }

    /// What is told when the call ends, with the status of its answer if one came.
    pub(super) fn of_call(
        mut self,
        facts: &CallFacts,
        status: Option<u16>,
        ending: Ending,
        at: Duration,
    ) -> Tries {
        if !self.ended.is_empty() {
            let unanswered = status.is_none().then(|| ending.as_str().into());
            self.end(facts, status, unanswered, at);
        }
        self.ended.of_several()
    }

    fn end(
        &mut self,
        facts: &CallFacts,
        status: Option<u16>,
        error: Option<Cow<'static, str>>,
        at: Duration,
    ) {
        let Some(began) = self.began.take() else { return };
        self.ended.push(Tried {
            credential: facts.credential.clone(),
            provider: facts.provider.clone(),
            status,
            error,
            started_ms: milliseconds(began),
            ended_ms: milliseconds(at),
        });
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
