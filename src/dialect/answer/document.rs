//! The documents of an answer, one after the other, and what they amount to.

use super::facts::{Fact, Facts, Name};
use super::progress::Progress;
use crate::dialect::Call;
use crate::dialect::format::{Format, format};
use crate::framing::Events;
use crate::framing::json::Scanner;
use crate::usage::{Reading, Usage};
use http::{HeaderMap, StatusCode};

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
    /// It is whole and was taken over already: the document ended, or fits the template.
    Known,
    /// Not JSON, or nested too deep.
    Broken,
    Marker(Marker),
}

/// The document that is being read, and what is known from those before.
pub(in crate::dialect) struct Document {
    format: &'static dyn Format,
    scanner: Scanner<Fact>,
    facts: Facts,
    data: Data,
    progress: Progress,
    reading: Reading,
}

impl Document {
    pub(in crate::dialect) fn new(call: &Call, status: StatusCode) -> Self {
        let format = format(call.operation);
        Self {
            format,
            scanner: Scanner::new(format.places()),
            facts: Facts::default(),
            data: Data::Blank,
            progress: Progress::new(call, status),
            reading: Reading { error: !status.is_success(), ..Reading::default() },
        }
    }

    pub(in crate::dialect) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Takes figures out of the headers.
    pub(super) fn head(&mut self, headers: &HeaderMap) {
        self.format.head(headers, &mut self.reading);
    }

    /// The next bytes of an answer that is one document. What follows it is passed over.
    pub(super) fn json(&mut self, bytes: &[u8], at: u64) {
        if matches!(self.data, Data::Known | Data::Broken) {
            return;
        }
        self.scan(bytes, at);
        if self.scanner.is_done() {
            self.end_document(true);
            self.data = Data::Known;
            self.format.whole(&mut self.reading, &mut self.progress);
            self.mark();
        }
    }

    /// An answer that is one document ended.
    pub(super) fn end_json(&mut self) -> End {
        if matches!(self.data, Data::Known) {
            return End::Whole;
        }
        self.end_document(false);
        if matches!(self.data, Data::Broken) { End::Unreadable } else { End::Cut }
    }

    /// An answer that is no JSON ended, if there may be such.
    pub(super) fn end_opaque(&mut self) -> End {
        let Some(measure) = self.format.opaque() else { return End::Unreadable };
        measure(&mut self.reading, &mut self.progress);
        self.progress.over = true;
        End::Whole
    }

    /// Whether an answer may be something else than JSON.
    pub(super) fn may_be_opaque(&self) -> bool {
        self.format.opaque().is_some()
    }

    /// Whether its events come wrapped.
    pub(super) fn is_wrapped(&self) -> bool {
        self.format.is_wrapped()
    }

    /// Whether an array holds its documents.
    pub(super) fn comes_in_elements(&self) -> bool {
        self.format.comes_in_elements()
    }

    /// A stream of events is about to end: whether its last event lacks its end, and says something.
    pub(super) fn note_open_event(&mut self) {
        self.reading.lenient_eof = match &self.data {
            Data::Object => self.scanner.is_done(),
            Data::Known => true,
            Data::Marker(marker) => marker.is_done(),
            Data::Blank | Data::Broken => false,
        };
    }

    /// A stream of documents ended.
    pub(super) fn end_stream(&mut self) -> End {
        self.format.stream_ended(&mut self.reading, &mut self.progress);
        if self.progress.over { End::Whole } else { End::Cut }
    }

    /// The provider has said all: the reading is final before the last bytes go on.
    fn mark(&mut self) {
        if self.progress.over {
            self.progress.marked = true;
            self.settle(End::Whole, false);
        }
    }

    fn scan(&mut self, bytes: &[u8], at: u64) {
        if self.scanner.push(bytes, at, &mut self.facts).is_err() {
            self.data = Data::Broken;
        }
    }

    /// Gives what one answer of a session amounts to, and begins the next with the same model.
    pub(in crate::dialect) fn next_answer(&mut self) -> Reading {
        let model = self.reading.model.clone();
        let fresh = Reading { model, ..Reading::default() };
        let ended = std::mem::replace(&mut self.reading, fresh);
        let progress = self.progress.anew();
        let id = std::mem::replace(&mut self.progress, progress).id;
        let dedupe_key = ended.dedupe_key.or(Some(id).filter(|id| !id.is_empty()));
        Reading { dedupe_key, ..ended }
    }

    /// Whether an answer of a session has come to its end.
    pub(in crate::dialect) fn is_over(&self) -> bool {
        self.progress.over || self.progress.ended
    }

    /// What was used beside answers is all there is, and is whole.
    pub(in crate::dialect) fn end_beside(&mut self) {
        self.reading.usage_present = true;
        self.progress.over = true;
    }

    /// The session ended, or broke off.
    pub(in crate::dialect) fn end_conversation(&mut self, cut: bool) {
        let end = if self.progress.over { End::Whole } else { End::Cut };
        self.settle(end, cut);
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
        reading.complete = over && (!cut || progress.marked);
        reading.truncated =
            !reading.complete && !reading.error && (cut || (end == End::Cut && !progress.failed));
        let unsaid = reading.error && !progress.failed && reading.output_bytes == 0;
        reading.billable = match () {
            () if progress.free => Some(false),
            () if progress.is_filtered_prompt() => None,
            () if progress.is_refused() => Some(false),
            () if progress.doubtful => None,
            () if reading.complete || reading.usage_final => Some(true),
            () if unsaid && !reading.usage_present => Some(false),
            () => None,
        };
    }

    /// Takes over what the document said, if it is one, and begins the next.
    fn end_document(&mut self, whole: bool) {
        self.add_text(self.facts.said_bytes, self.facts.characters());
        if whole {
            self.format.merge(&self.facts, &mut self.reading, &mut self.progress);
        }
        self.facts.clear();
        self.scanner.reset();
    }

    fn add_text(&mut self, bytes: u64, characters: u64) {
        let reading = &mut self.reading;
        reading.output_bytes = reading.output_bytes.saturating_add(bytes);
        reading.output_characters = reading.output_characters.saturating_add(characters);
    }

    /// The type of the current event, where it stands in a header.
    pub(super) fn name_event(&mut self, kind: &[u8]) {
        self.facts.set(Name::Kind, kind);
    }

    /// The current event is an exception.
    pub(super) fn exception(&mut self) {
        self.reading.error = true;
    }

    /// The current event came damaged: nothing of it is believed.
    pub(super) fn discard(&mut self) {
        self.data = Data::Blank;
        self.end_document(false);
        self.reading.anomalies = self.reading.anomalies.saturating_add(1);
    }
}

impl Events for Document {
    fn data(&mut self, bytes: &[u8], at: u64) {
        match &mut self.data {
            Data::Blank => self.begin(bytes, at),
            Data::Object => {
                self.facts.template.clear();
                self.scan(bytes, at);
            }
            // Behind a whole document only white space may stand.
            Data::Known if bytes.iter().any(|b| !b" \t\r\n".contains(b)) => {
                self.data = Data::Broken;
            }
            Data::Known | Data::Broken => {}
            Data::Marker(marker) => marker.push(bytes),
        }
    }

    fn dispatch(&mut self) {
        match std::mem::replace(&mut self.data, Data::Blank) {
            Data::Marker(marker) => self.end_marker(&marker),
            Data::Object => {
                let whole = self.scanner.is_done();
                self.end_document(whole);
                self.mark();
            }
            Data::Broken => self.end_document(false),
            Data::Known | Data::Blank => {}
        }
    }
}

impl Document {
    fn end_marker(&mut self, marker: &Marker) {
        if marker.is_done() {
            self.reading.done_marker = true;
            self.progress.over |= self.format.ends_with_done();
            self.mark();
        }
    }

    fn begin(&mut self, bytes: &[u8], at: u64) {
        if let Some(fit) = self.facts.template.fit(bytes) {
            self.add_text(fit.counted.bytes as u64, fit.counted.characters as u64);
            self.data = Data::Known;
            return;
        }
        let bytes = bytes.trim_ascii_start();
        self.facts.template.clear();
        match bytes.first() {
            None => {}
            Some(b'[') => {
                let mut marker = Marker::default();
                marker.push(bytes);
                self.data = Data::Marker(marker);
            }
            Some(_) => {
                self.data = Data::Object;
                self.facts.begin = Some(at);
                self.scan(bytes, at);
                self.facts.begin = None;
                let whole = matches!(self.data, Data::Object) && self.scanner.is_done();
                if whole && self.facts.is_quiet() && self.format.repeats(&self.facts) {
                    self.facts.template.learn(bytes, None);
                }
            }
        }
    }
}
