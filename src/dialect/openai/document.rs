//! The documents of an answer, one after the other, and what they amount to.

use super::facts::{Fact, Facts};
use super::progress::Progress;
use super::{chat, responses};
use crate::dialect::{Call, Operation};
use crate::framing::json::Scanner;
use crate::framing::sse::Events;
use crate::usage::{Reading, Usage};
use http::StatusCode;

const DONE: &[u8] = b"[DONE]";

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Where the protocol ends it.
    Whole,
    /// Before that.
    Cut,
    /// It is not what it should be.
    Unreadable,
}

/// Data that is no object, as far as it matters: up to one byte more than the marker.
#[derive(Debug, Default)]
struct Marker {
    bytes: [u8; DONE.len() + 1],
    length: usize,
}

impl Marker {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(slot) = self.bytes.get_mut(self.length) {
                *slot = byte;
                self.length += 1;
            }
        }
    }

    fn is_done(&self) -> bool {
        self.bytes.get(..self.length).is_some_and(|text| text.trim_ascii_end() == DONE)
    }
}

/// What the data of the current event has been so far.
#[derive(Debug)]
enum Data {
    Blank,
    Object,
    /// Not JSON, or nested too deep.
    Broken,
    Marker(Marker),
}

/// The document that is being read, and what is known from those before.
#[derive(Debug)]
pub(super) struct Document {
    operation: Operation,
    scanner: Scanner<Fact>,
    facts: Facts,
    data: Data,
    progress: Progress,
    reading: Reading,
}

impl Document {
    pub(super) fn new(call: &Call, status: StatusCode) -> Self {
        let operation = call.operation;
        let places = match operation {
            Operation::OpenAiResponses => &responses::PLACES,
            _ => &chat::PLACES,
        };
        Self {
            operation,
            scanner: Scanner::new(places),
            facts: Facts::default(),
            data: Data::Blank,
            progress: Progress::new(call, status),
            reading: Reading { error: !status.is_success(), ..Reading::default() },
        }
    }

    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The next bytes of an answer that is one document.
    pub(super) fn json(&mut self, bytes: &[u8], at: u64) {
        if !matches!(self.data, Data::Broken)
            && self.scanner.push(bytes, at, &mut self.facts).is_err()
        {
            self.data = Data::Broken;
        }
    }

    /// An answer that is one document ended before offset `at`.
    pub(super) fn end_json(&mut self, at: u64) -> End {
        let broken = matches!(self.data, Data::Broken);
        let whole = !broken && self.scanner.finish(at, &mut self.facts).is_ok();
        self.end_document(whole);
        self.progress.over |= whole && !self.is_responses();
        match (whole, broken) {
            (true, _) => End::Whole,
            (false, false) => End::Cut,
            (false, true) => End::Unreadable,
        }
    }

    /// A stream of events ended.
    pub(super) fn end_events(&mut self) -> End {
        if !self.is_responses() {
            self.progress.over = chat::is_over(&self.reading, &self.progress);
        }
        if self.progress.over { End::Whole } else { End::Cut }
    }

    /// Judges the reading at the end of the body.
    pub(super) fn settle(&mut self, end: End, cut: bool) {
        let (reading, progress) = (&mut self.reading, &self.progress);
        if progress.is_refused() {
            reading.usage_present = false;
            reading.usage = Usage::default();
        }
        let over = progress.over && end == End::Whole && !reading.error && !progress.failed;
        reading.usage_final = reading.usage_present && (reading.usage_final || over);
        reading.complete = over && (!cut || progress.finishes == 0 || reading.done_marker);
        reading.truncated =
            !reading.complete && !reading.error && (cut || (end == End::Cut && !progress.failed));
        reading.billable = match () {
            () if progress.free => Some(false),
            () if progress.is_filtered_prompt() => None,
            () if progress.is_refused() => Some(false),
            () if reading.complete || reading.usage_final => Some(true),
            () if reading.error && !progress.failed && reading.output_bytes == 0 => Some(false),
            () => None,
        };
    }

    fn is_responses(&self) -> bool {
        self.operation == Operation::OpenAiResponses
    }

    /// Takes over what the document said, if it is one, and begins the next.
    fn end_document(&mut self, whole: bool) {
        let said = self.facts.said_bytes;
        self.reading.output_bytes = self.reading.output_bytes.saturating_add(said);
        if whole && self.is_responses() {
            responses::merge(&self.facts, &mut self.reading, &mut self.progress);
        } else if whole {
            chat::merge(&self.facts, &mut self.reading, &mut self.progress);
        }
        self.facts.clear();
        self.scanner.reset();
    }
}

impl Events for Document {
    fn data(&mut self, bytes: &[u8], at: u64) {
        if matches!(self.data, Data::Blank) {
            match bytes.trim_ascii_start().first() {
                None => return,
                Some(b'[') => self.data = Data::Marker(Marker::default()),
                Some(_) => self.data = Data::Object,
            }
        }
        match &mut self.data {
            Data::Marker(marker) => marker.push(bytes.trim_ascii_start()),
            Data::Object => self.json(bytes, at),
            Data::Blank | Data::Broken => {}
        }
    }

    fn dispatch(&mut self) {
        match std::mem::replace(&mut self.data, Data::Blank) {
            Data::Marker(marker) => self.reading.done_marker |= marker.is_done(),
            Data::Object => {
                let whole = self.scanner.finish(0, &mut self.facts).is_ok();
                self.end_document(whole);
            }
            Data::Broken => self.end_document(false),
            Data::Blank => {}
        }
    }
}
