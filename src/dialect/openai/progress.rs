//! How far an answer has come by its protocol, beside what the reading says.

use super::facts::Facts;
use super::usage::{Output, Said};
use crate::dialect::{Call, Operation};
use crate::usage::{Reading, Usage};
use http::StatusCode;

/// What the end of the body is judged by.
#[derive(Debug)]
pub(super) struct Progress {
    /// Answers that were asked for, and those that ended.
    pub(super) answers: u64,
    pub(super) finishes: u64,
    /// The protocol's end was seen.
    pub(super) over: bool,
    /// The provider marked that end, so that nothing can be missing behind it.
    pub(super) marked: bool,
    /// The provider says that there will be no complete answer, or not here.
    pub(super) failed: bool,
    /// A content filter refused.
    pub(super) filtered: bool,
    /// The provider never bills this.
    pub(super) free: bool,
    status: StatusCode,
    output: Output,
}

impl Progress {
    pub(super) fn new(call: &Call, status: StatusCode) -> Self {
        let output = match call.operation {
            Operation::OpenAiEmbeddings => Output::None,
            _ => Output::Expected,
        };
        let answers = call.answers;
        Self {
            answers,
            finishes: 0,
            over: false,
            marked: false,
            failed: false,
            filtered: false,
            free: false,
            status,
            output,
        }
    }

    /// Whether the status says that there was no answer.
    pub(super) fn is_refused(&self) -> bool {
        !self.status.is_success()
    }

    /// Azure bills the prompt of a request that its filter refuses with 400, without saying how
    /// much.
    pub(super) fn is_filtered_prompt(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST && self.filtered
    }

    /// An empty name never replaces another: Azure's first chunk and its filter chunks have none.
    pub(super) fn take_names(facts: &Facts, reading: &mut Reading) {
        let names = [(&facts.model, &mut reading.model), (&facts.tier, &mut reading.service_tier)];
        for (name, known) in names {
            if !name.is_empty() && known.as_ref() != Some(name) {
                *known = Some(name.clone());
            }
        }
    }

    /// Takes over a usage block, if there was one; the last one counts, and they are never summed.
    pub(super) fn take_usage(&self, facts: &Facts, reading: &mut Reading) -> bool {
        let (usage, cost) = match facts.usage.read(self.output) {
            Said::Nothing => return false,
            Said::Nonsense(flaws) => {
                reading.anomalies = reading.anomalies.saturating_add(flaws);
                reading.usage_present = false;
                (Usage::default(), None)
            }
            Said::Usage(usage, cost) => {
                reading.usage_present = true;
                (*usage, cost)
            }
        };
        reading.usage = usage;
        reading.provider_cost = cost;
        reading.usage_final = false;
        true
    }
}
