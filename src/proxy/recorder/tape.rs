//! What is taken down of one call while it goes by: copies of its first bytes, and nothing else.

use super::writer::Job;
use crate::dialect::{AnswerHead, Operation, ReadAnswer};
use crate::ids::CallId;
use crate::usage::Reading;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, StatusCode};
use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use tokio::sync::OwnedSemaphorePermit;

/// The most bytes of one body.
pub(super) const MOST: usize = 1 << 20;

/// Headers whose figures some answers have nowhere else.
const FIGURES: &[&str] = &["x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"];

/// What is known of a call before it is answered.
#[derive(Debug)]
pub(in crate::proxy) struct Told {
    pub(in crate::proxy) id: CallId,
    pub(in crate::proxy) operation: Operation,
    pub(in crate::proxy) provider: String,
    pub(in crate::proxy) method: Method,
    pub(in crate::proxy) path: String,
    pub(in crate::proxy) content_type: Option<String>,
    /// What its body says, where that cannot be read again.
    pub(in crate::proxy) model: String,
    pub(in crate::proxy) stream: bool,
    /// The beginning of its body.
    pub(in crate::proxy) request: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) figures: BTreeMap<String, u64>,
    pub(super) body: Vec<u8>,
    pub(super) cuts: Vec<usize>,
    pub(super) truncated: bool,
}

/// The seat of a call.
#[derive(Debug)]
pub(in crate::proxy) struct Tape {
    told: Told,
    seat: OwnedSemaphorePermit,
    jobs: SyncSender<Job>,
}

impl Tape {
    /// The most bytes of a request that are worth to be handed in.
    pub(in crate::proxy) const MOST: usize = MOST;

    pub(super) fn new(told: Told, seat: OwnedSemaphorePermit, jobs: SyncSender<Job>) -> Self {
        Self { told, seat, jobs }
    }

    /// A reader that takes down what it is shown.
    pub(in crate::proxy) fn over(
        self,
        reader: Box<dyn ReadAnswer>,
        head: AnswerHead<'_>,
    ) -> Box<dyn ReadAnswer> {
        Box::new(Taped { reader, running: Some((self, Answer::begun(head))) })
    }
}

impl Answer {
    fn begun(head: AnswerHead<'_>) -> Self {
        let text = |name: HeaderName| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            status: head.status,
            content_type: text(CONTENT_TYPE),
            encoding: text(CONTENT_ENCODING),
            figures: figures(head.headers),
            body: Vec::new(),
            cuts: Vec::new(),
            truncated: false,
        }
    }

    fn push(&mut self, frame: &[u8]) {
        let free = MOST.saturating_sub(self.body.len());
        self.truncated |= frame.len() > free;
        let kept = frame.get(..free).unwrap_or(frame);
        if kept.is_empty() {
            return;
        }
        self.body.extend_from_slice(kept);
        self.cuts.push(self.body.len());
    }
}

fn figures(headers: &HeaderMap) -> BTreeMap<String, u64> {
    let figure = |name: &&str| headers.get(*name)?.to_str().ok()?.parse().ok();
    FIGURES.iter().filter_map(|name| Some(((*name).to_owned(), figure(name)?))).collect()
}

/// A reader whose answer is taken down.
struct Taped {
    reader: Box<dyn ReadAnswer>,
    /// Gone once the answer has ended.
    running: Option<(Tape, Answer)>,
}

impl ReadAnswer for Taped {
    fn push(&mut self, frame: Bytes) -> Bytes {
        if let Some((_, answer)) = &mut self.running {
            answer.push(&frame);
        }
        self.reader.push(frame)
    }

    fn finish(&mut self, cut: bool) -> (Bytes, Reading) {
        if let Some((Tape { told, seat, jobs }, answer)) = self.running.take() {
            // There is room for everyone who has a seat; if the writer is gone, so is its use.
            let _ = jobs.try_send(Job::Write(Box::new((told, answer, seat))));
        }
        self.reader.finish(cut)
    }

    fn reading(&self) -> &Reading {
        self.reader.reading()
    }
}
