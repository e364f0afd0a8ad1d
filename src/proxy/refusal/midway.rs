//! What a client is told in the middle of its answer, whose status it has seen already.
//!
//! Not here: where in a stream that may stand (`parting`), and its form (`dialect`).

use super::{limit_words, reset, shown};
use crate::dialect::{Framing, Operation, Refused, last_event};
use crate::ledger::LimitDenial;
use bytes::Bytes;

/// The event that says that the provider broke off.
pub(in crate::proxy) fn broken_off(operation: Operation, framing: Framing) -> Bytes {
    last_event(operation, framing, &super::upstream_closed()).into()
}

/// The event that says that the stream is stopped, because a limit has no room for more of it.
pub(in crate::proxy) fn exhausted(
    operation: Operation,
    framing: Framing,
    denial: &LimitDenial,
) -> Bytes {
    let (words, standing) = (limit_words(denial, None), &denial.standing);
    let message = format!(
        "This answer was stopped in the middle: the limit of {} for {} has no room for more of it, \
         with {} used and {} held by calls in flight, this one among them{}.",
        standing.text(),
        standing.account,
        shown(standing, standing.used),
        shown(standing, standing.held),
        reset(standing),
    );
    last_event(operation, framing, &Refused { message: &message, ..words.refused("") }).into()
}
