//! What a caller whom `strict` refuses can do about it.
//!
//! Not here: status, code and shape (`refusal`). Invariant: a call that is sent again with the named
//! output ceiling fits the limit that refused it; one of the same length with one token more does not.

use super::admit::marked_up;
use super::bound::{self, Gap, ceiling};
use super::refusal::Refusal;
use super::tab::Pricing;
use crate::dialect::{Call, Yields};
use crate::ledger::LimitDenial;
use crate::limit::Meter;
use crate::pricing::Payer;

/// How much longer a request gets by an output ceiling, with the object that it stands in.
const FIELD_BYTES: u64 = 64;

/// The largest output ceiling that would have fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// The request's name for its output ceiling.
    pub field: &'static str,
    /// So many tokens.
    pub tokens: u64,
}

/// A refusal of a call, with what would help where that is known. The call is priced as wherever it
/// could have gone.
pub(super) fn advised(
    refusal: Refusal,
    call: &Call,
    pricings: &[&Pricing],
    payer: Payer<'_>,
) -> Refusal {
    match refusal {
        Refusal::Unbounded(account, None) => {
            let mut gaps = pricings.iter().filter_map(|at| ceiling(call, &at.model).err());
            Refusal::Unbounded(account, gaps.next())
        }
        Refusal::Limit(denial) => match fit(&denial, call, pricings, payer) {
            Some(fit) => Refusal::TooLong(denial, fit),
            None => Refusal::Limit(denial),
        },
        other => other,
    }
}

/// A refusal of what costs something later, such as a batch.
pub(super) fn later(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Unbounded(account, None) => Refusal::Unbounded(account, Some(Gap::Later)),
        other => other,
    }
}

/// The largest output ceiling with which the limit would have had room. None where the account holds
/// less than ceilings, or the input alone is too much.
fn fit(denial: &LimitDenial, call: &Call, pricings: &[&Pricing], payer: Payer<'_>) -> Option<Fit> {
    let limit = &denial.standing.limit;
    let counts_tokens = matches!(limit.meter, Meter::Usd | Meter::Tokens | Meter::Characters);
    if !counts_tokens || call.operation.yields() != Yields::Text {
        return None;
    }
    let mut tried = call.clone();
    if call.output_ceiling.is_none() {
        // The request gets longer by the field.
        tried.body_bytes = tried.body_bytes.saturating_add(FIELD_BYTES);
    }
    let dearest = |call: &Call| {
        pricings.iter().try_fold(0, |most, at| {
            let ceiling = ceiling(call, &at.model).ok()?;
            Some(marked_up(&at.table, payer, ceiling).of(limit.meter).max(most))
        })
    };
    if dearest(call)? != denial.wanted {
        return None;
    }
    let mut needs = |output: u64| {
        tried.output_ceiling = Some(output);
        dearest(&tried)
    };
    let asked = pricings.iter().filter_map(|at| bound::output_ceiling(call, &at.model)).max()?;
    let room = denial.standing.remaining();
    let (mut fits, mut exceeds) = (0, asked);
    while exceeds.saturating_sub(fits) > 1 {
        let middle = fits.midpoint(exceeds);
        if needs(middle)? <= room { fits = middle } else { exceeds = middle }
    }
    (fits > 0).then(|| Fit { field: call.ceiling_field(), tokens: fits })
}

/// Why nothing bounds what a call can cost, and which setting would help.
pub(super) fn unbounded(account: &str, gap: Option<Gap>) -> String {
    let (why, help) = match gap {
        Some(Gap::Output(field)) => (
            "nothing bounds how long the answer can get",
            format!("set `{field}` in the request, or `max_output` in the model's price entry"),
        ),
        Some(Gap::Input) => (
            "part of the input is not in the request, and nothing bounds it",
            "set `context` in the model's price entry".to_owned(),
        ),
        Some(Gap::Tools) => (
            "the provider may search, run tools or ask other models as often as it likes",
            "send the request without these".to_owned(),
        ),
        Some(Gap::Units) => (
            "it is billed by what the request does not tell",
            "use a model that is billed otherwise".to_owned(),
        ),
        Some(Gap::Session) => (
            "answers of a session may begin before their money is held",
            "make a call for each answer".to_owned(),
        ),
        Some(Gap::Later) => (
            "what this costs is known only when it is done",
            "make each call by itself, and not in the background".to_owned(),
        ),
        None => ("nothing bounds what this costs", "bound it in the request".to_owned()),
    };
    format!(
        "{account} is under strict enforcement, and {why}; {help}, or have the account set to \
         `enforcement = \"balanced\"`."
    )
}
