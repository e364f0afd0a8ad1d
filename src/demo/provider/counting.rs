//! Answers to "how many tokens would this be?". Free at every vendor.

use super::gemini;
use super::plan::Plan;
use super::route::Endpoint;

/// The count, as the vendor of the endpoint words it.
pub(super) fn json(plan: &Plan) -> String {
    let input = plan.tokens.input;
    match plan.order.endpoint {
        Endpoint::Messages => format!("{{\"input_tokens\":{input}}}"),
        Endpoint::Gemini => gemini::count(plan),
        _ => format!("{{\"object\":\"response.input_tokens\",\"input_tokens\":{input}}}"),
    }
}
