//! How far an answer has come by its protocol, beside what the reading says.

use super::block::{Block, Said};
use super::facts::{Facts, Name, Row};
use crate::dialect::{Call, Operation};
use crate::usage::{Reading, SubUsage, Usage};
use http::StatusCode;

/// How much used beside an answer is kept apart.
const BESIDE: usize = 32;

/// What the end of the body is judged by.
#[derive(Debug)]
pub(in crate::dialect) struct Progress {
    /// What was asked.
    pub(in crate::dialect) operation: Operation,
    /// Answers that were asked for, and those that ended.
    pub(in crate::dialect) answers: u64,
    pub(in crate::dialect) finishes: u64,
    /// Characters of the request's text.
    pub(in crate::dialect) asked_characters: u64,
    /// The protocol's end was seen.
    pub(in crate::dialect) over: bool,
    /// The provider marked that end, so that nothing can be missing behind it.
    pub(super) marked: bool,
    /// One answer of a session ended, well or not.
    pub(in crate::dialect) ended: bool,
    /// What the provider calls the answer.
    pub(in crate::dialect) id: String,
    /// The model of what is used beside the answer, whose figures are apart, for the whole session.
    pub(in crate::dialect) beside_model: Option<String>,
    /// The provider says that there will be no complete answer, or not here.
    pub(in crate::dialect) failed: bool,
    /// A content filter refused.
    pub(in crate::dialect) filtered: bool,
    /// The provider never bills this.
    pub(in crate::dialect) free: bool,
    /// It cannot be known whether the provider bills this.
    pub(in crate::dialect) doubtful: bool,
    /// The figures so far, where a dialect gives them bit by bit.
    pub(in crate::dialect) block: Block,
    /// The list that came with them last.
    pub(in crate::dialect) rows: Vec<Row>,
    status: StatusCode,
}

impl Progress {
    pub(super) fn new(call: &Call, status: StatusCode) -> Self {
        Self::begin(call.operation, call.answers, call.characters, status)
    }

    /// The beginning of another answer in the same session.
    pub(super) fn anew(&self) -> Self {
        let fresh = Self::begin(self.operation, self.answers, self.asked_characters, self.status);
        Self { beside_model: self.beside_model.clone(), ..fresh }
    }

    fn begin(
        operation: Operation,
        answers: u64,
        asked_characters: u64,
        status: StatusCode,
    ) -> Self {
        Self {
            operation,
            answers,
            finishes: 0,
            asked_characters,
            over: false,
            ended: false,
            id: String::new(),
            beside_model: None,
            marked: false,
            failed: false,
            filtered: false,
            free: false,
            doubtful: false,
            block: Block::default(),
            rows: Vec::new(),
            status,
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

    /// Takes over what an answer says of itself. An empty name never replaces another: Azure's first
    /// chunk and its filter chunks have none.
    pub(in crate::dialect) fn take_names(facts: &Facts, reading: &mut Reading) {
        let names = [
            (Name::Model, &mut reading.model),
            (Name::Tier, &mut reading.service_tier),
            (Name::IncompleteReason, &mut reading.incomplete_reason),
            (Name::StopReason, &mut reading.stop_reason),
            (Name::Traffic, &mut reading.traffic_type),
            (Name::Geo, &mut reading.inference_geo),
            (Name::Speed, &mut reading.speed),
            (Name::SearchContext, &mut reading.search_context_size),
        ];
        for (name, known) in names {
            let name = facts.name(name);
            if !name.is_empty() && known.as_deref() != Some(name) {
                *known = Some(name.to_owned());
            }
        }
    }

    /// Adds what was used beside the answer. Each is kept for itself up to a limit; beyond it, what
    /// is of the same kind and model adds up.
    pub(in crate::dialect) fn add_beside(sub: SubUsage, reading: &mut Reading) {
        let beside = &mut reading.sub_usage;
        if beside.len() < BESIDE {
            return beside.push(sub);
        }
        let same = |known: &SubUsage| known.kind == sub.kind && known.model == sub.model;
        let place = beside.iter().rposition(same).unwrap_or(BESIDE - 1);
        if let Some(known) = beside.get_mut(place) {
            known.usage = known.usage.plus(&sub.usage);
        }
    }

    /// Takes over what a usage block amounts to, if there was one. Nonsense takes the place of
    /// figures that were known before: they were of the same running total.
    pub(in crate::dialect) fn take_usage(said: Said, block: &Block, reading: &mut Reading) -> bool {
        match said {
            Said::Nothing => return false,
            Said::Nonsense(flaws) => {
                reading.anomalies = reading.anomalies.saturating_add(flaws);
                reading.usage_present = false;
                reading.usage = Usage::default();
                reading.provider_cost = None;
            }
            Said::Usage(usage) => {
                reading.usage_present = true;
                reading.usage = *usage;
                reading.provider_cost = block.cost;
                reading.upstream_cost = block.upstream_cost;
                reading.own_key = block.own_key;
            }
        }
        reading.usage_final = false;
        true
    }
}
