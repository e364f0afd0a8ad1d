//! One attempt at a provider: the credential that it is made with, and what is held on the account
//! of that credential.
//!
//! A call has one attempt, or several where one fails over; what its payers hold is not touched by
//! that. Invariant: an attempt ends exactly once. Dropped, it was not sent.

use super::Proxy;
use super::refusal::Refusal;
use crate::clock::{Clock, UnixMs};
use crate::ids::{CallId, Id};
use crate::ledger::{
    Amounts, AttemptAdmission, AttemptOrder, AttemptOutcome, CallFacts, Denial, Ending, Ledger,
    Permit, Settlement, UsageEvent,
};
use crate::provider::{Credential, Outcome, Spent, Taken};
use crate::usage::Reading;
use std::sync::Arc;

/// How long a credential that an operator took out is left alone.
const ASK_AGAIN_MS: i64 = 1_000;

/// What an attempt would hold.
pub(super) struct Estimate {
    pub(super) call: CallId,
    pub(super) ceiling: Option<Amounts>,
    pub(super) expected: Amounts,
    pub(super) free: bool,
    pub(super) model: String,
}

/// An attempt that has not ended.
pub(super) struct Attempt {
    /// Absent in a session, whose answers are no calls of their own.
    taken: Option<Taken>,
    held: Option<Held>,
    /// Its answer was ended here, which is no failure of its credential.
    stopped: bool,
    clock: Clock,
}

/// What is bound to be settled on the account of a credential.
struct Held {
    ledger: Arc<dyn Ledger>,
    permit: Permit,
    id: CallId,
    credential: Id,
    expected: Amounts,
    model: String,
}

/// What the ledger says to an attempt.
pub(super) enum Begun {
    /// It may be sent.
    Held(Attempt),
    /// This credential has no room for it; when it has again, if that is known.
    Denied(Option<UnixMs>),
}

impl Attempt {
    /// Holds on the account of a credential. It exists before the ledger is asked, so whatever
    /// happens here, somebody is bound to end the hold.
    pub(super) async fn begin(
        proxy: &Proxy,
        taken: Taken,
        estimate: Estimate,
    ) -> Result<Begun, Refusal> {
        let clock = proxy.clock.clone();
        let Ok(credential) = taken.name().parse::<Id>() else {
            return Ok(Begun::Held(Self { taken: Some(taken), held: None, stopped: false, clock }));
        };
        let permit = proxy.ledger.permit().ok_or(Refusal::Overloaded)?;
        let order = AttemptOrder {
            id: CallId::new(),
            call: estimate.call,
            credential: credential.clone(),
            ceiling: estimate.ceiling,
            expected: estimate.expected,
            free: estimate.free,
            model: estimate.model,
            enforcement: None,
        };
        let held = Held {
            ledger: proxy.ledger.clone(),
            permit,
            id: order.id,
            credential,
            expected: order.expected,
            model: order.model.clone(),
        };
        let mut attempt = Self { taken: Some(taken), held: Some(held), stopped: false, clock };
        match proxy.ledger.attempt(&order).await {
            Ok(AttemptAdmission::Held { .. }) => Ok(Begun::Held(attempt)),
            Ok(AttemptAdmission::Denied(denial)) => {
                attempt.held = None;
                Ok(Begun::Denied(attempt.denied(&denial)))
            }
            Err(error) => {
                tracing::warn!(%error, request_id = %order.call, "cannot hold for a credential");
                Err(Refusal::Ledger)
            }
        }
    }

    /// What is charged to a credential for one answer of a session, for which nothing was held.
    pub(super) fn of_session(ledger: &Arc<dyn Ledger>, clock: &Clock, facts: &CallFacts) -> Self {
        let held = facts.credential.parse().ok().map(|credential| Held {
            permit: ledger.permit().unwrap_or(Permit::unbounded()),
            ledger: ledger.clone(),
            id: CallId::new(),
            credential,
            expected: Amounts::default(),
            model: facts.model.clone(),
        });
        Self { taken: None, held, stopped: false, clock: clock.clone() }
    }

    /// When a credential that was denied has room again. A quota that is used up takes it out of the
    /// pool; one that this call alone does not fit into does not.
    fn denied(&self, denial: &Denial) -> Option<UnixMs> {
        let health = self.taken.as_ref().and_then(Taken::credential).map(|one| &one.health);
        match denial {
            Denial::Limit(limit) => {
                let standing = &limit.standing;
                // The ledger's clock counts, as far as it is from ours.
                let ends = standing.resets.map(|at| at.saturating_sub(limit.now));
                let until = ends.map(|ms| self.clock.now().saturating_add(ms));
                // What counts some models only, or calls in flight, says nothing of the next call.
                let of_all = standing.limit.models.is_none() && standing.limit.window.is_some();
                let used_up = of_all && standing.used >= standing.allowed();
                if let Some(health) = health.filter(|_| used_up) {
                    health.spent(until.map_or(Spent::ForGood, Spent::Until));
                }
                until
            }
            Denial::Status { .. } => {
                // The ledger is asked again soon: whoever took it out may put it back.
                let soon = self.clock.now().saturating_add(ASK_AGAIN_MS);
                health.inspect(|health| health.spent(Spent::Until(soon)));
                None
            }
            Denial::Unbounded { .. } => None,
        }
    }

    /// The head of an answer came.
    pub(super) fn answered(&mut self) {
        if let Some(taken) = &mut self.taken {
            taken.answered();
        }
    }

    /// Its answer is ended here, for want of its payer's money.
    pub(super) fn stopped(&mut self) {
        self.stopped = true;
    }

    /// What it was expected to use.
    pub(super) fn expected(&self) -> Amounts {
        self.held.as_ref().map_or(Amounts::default(), |held| held.expected)
    }

    /// Ends it: what became of it, and what it used of the credential's quota. Without an outcome
    /// nothing is said of the credential.
    pub(super) fn end(mut self, outcome: Option<Outcome>, ended: AttemptOutcome, charge: Amounts) {
        if let (Some(taken), Some(outcome)) = (self.taken.take(), outcome) {
            let credential = taken.credential().cloned();
            let taken_out = taken.end(outcome, self.clock.now());
            if let Some(credential) = credential.filter(|_| taken_out) {
                say(&credential, outcome);
            }
        }
        self.settle(ended, charge);
    }

    /// Ends it as its call ended.
    pub(super) fn settle_with(self, event: &UsageEvent, reading: &Reading, charge: Amounts) {
        let answered = event.status != 0;
        let (outcome, ended) = match event.ending {
            Ending::Cut if self.stopped => (Some(Outcome::Worked), AttemptOutcome::Served),
            Ending::Cut => (Some(Outcome::Failed(None)), AttemptOutcome::Failed),
            _ if reading.error && event.status < 400 => {
                (Some(Outcome::Failed(None)), AttemptOutcome::Failed)
            }
            _ if event.status >= 400 => (Some(Outcome::Worked), AttemptOutcome::Failed),
            Ending::Finished if answered => (Some(Outcome::Worked), AttemptOutcome::Served),
            _ => (None, AttemptOutcome::Served),
        };
        self.end(outcome, ended, charge);
    }

    fn settle(&mut self, outcome: AttemptOutcome, charge: Amounts) {
        let Some(Held { ledger, permit, id, credential, model, .. }) = self.held.take() else {
            return;
        };
        ledger.settle(permit, Settlement::Attempt { id, credential, charge, outcome, model });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.settle(AttemptOutcome::Unsent, Amounts::default());
    }
}

/// Tells the operator what a credential is out for.
fn say(credential: &Credential, outcome: Outcome) {
    let credential = credential.name.as_str();
    match outcome {
        Outcome::Worked => {}
        Outcome::Failed(_) => {
            tracing::warn!(credential, "cooling down: calls with this credential fail");
        }
        Outcome::Limited(_) => {
            tracing::warn!(credential, "cooling down: the provider limits this credential");
        }
        Outcome::Exhausted => tracing::error!(
            credential,
            "disabled: the provider says that this credential is out of quota"
        ),
        Outcome::Rejected => tracing::error!(
            credential,
            "quarantined: the provider rejected this credential; enable it once it is right"
        ),
    }
}
