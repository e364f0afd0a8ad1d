//! Answers that are fetched later: what the first answer says, and what is kept to be fetched.

use super::plan::Plan;
use super::route::Endpoint;
use super::shelf::{Answer, Shelf};
use super::{batches, completions, responses};

/// What is answered instead of the answer itself; `None` where it is given at once.
pub(super) fn receipt(plan: &Plan) -> Option<String> {
    match plan.order.endpoint {
        Endpoint::Batch => Some(batches::json(plan, "validating")),
        Endpoint::Responses if plan.order.background && !plan.order.stream => {
            Some(responses::unfinished(plan, "queued"))
        }
        _ => None,
    }
}

/// Keeps what may be fetched again: batches, background responses, and what the request asked to
/// be stored. The real API stores responses unasked; here that must be asked for.
pub(super) fn keep(plan: &Plan, shelf: &Shelf, polls: u32) {
    let (path, waiting, done) = match plan.order.endpoint {
        Endpoint::Batch => (
            format!("batches/{}", batches::id(plan)),
            batches::json(plan, "in_progress"),
            batches::json(plan, "completed"),
        ),
        Endpoint::Responses if plan.order.background || plan.order.store => (
            format!("responses/{}", responses::id(plan)),
            responses::unfinished(plan, "in_progress"),
            responses::json(plan),
        ),
        Endpoint::Chat if plan.order.store => (
            format!("chat/completions/{}", completions::id(plan)),
            String::new(),
            completions::json(plan),
        ),
        _ => return,
    };
    let polls = if receipt(plan).is_some() { polls } else { 0 };
    shelf.keep(path, Answer { waiting, done, polls });
}
