//! Watches an answer: decompresses a copy, tells its form by the answer itself, and keeps the
//! reading. The same for all dialects; what the documents mean is theirs.

mod block;
mod cutter;
mod document;
mod facts;
mod frames;
mod numbers;
mod output;
mod progress;
mod unasked;

pub(super) use block::{
    Block, Count, Item, Said, add_writes, beside_cache, default_lifetime, larger, later,
    plain_totals, sound,
};
pub(super) use document::Document;
pub(super) use facts::{
    Fact, Facts, Flag, List, Name, Row, add, with_items, with_rows, with_texts,
};
pub(super) use progress::Progress;

use super::{AnswerHead, Call, ReadAnswer};
use crate::framing::decompress::Decoder;
use crate::framing::elements::Elements;
use crate::framing::lines::Lines;
use crate::framing::sse::Sse;
use crate::usage::Reading;
use bytes::Bytes;
use document::End;
use frames::Frames;
use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::io;
use std::sync::LazyLock;
use unasked::Unasked;

/// Reads the answer to one call.
pub(super) struct Answer {
    meter: Decoder<Meter>,
    unasked: Option<Unasked>,
}

/// What is known of an answer that has not begun.
static NOTHING: LazyLock<Reading> = LazyLock::new(Reading::default);

impl Answer {
    pub(super) fn new(call: &Call, head: AnswerHead<'_>) -> Self {
        let header = |name: HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok());
        let meter = Decoder::new(header(CONTENT_ENCODING), Meter::new(call, head));
        let asked = call.edit.is_some() && meter.is_identity() && head.status.is_success();
        Self { meter, unasked: asked.then(Unasked::new) }
    }
}

impl ReadAnswer for Answer {
    fn push(&mut self, frame: Bytes) -> Bytes {
        let begun = self.meter.get().is_some_and(Meter::is_events);
        self.meter.push(&frame);
        let events = self.meter.get().is_some_and(Meter::is_events);
        let Some(unasked) = self.unasked.as_mut().filter(|_| events) else { return frame };
        // What comes before the first event passes, wherever the frames divide.
        match if begun { 0 } else { blanks(&frame) } {
            0 => unasked.push(frame),
            before => {
                let rest = unasked.push(frame.slice(before..));
                [&frame[..before], &rest].concat().into()
            }
        }
    }

    fn finish(&mut self, cut: bool) -> (Bytes, Reading) {
        let held = self.unasked.as_mut().map(Unasked::finish).unwrap_or_default();
        let Some(meter) = self.meter.inner() else { return (held, Reading::default()) };
        meter.finish(cut);
        (held, meter.document.reading().clone())
    }

    fn reading(&self) -> &Reading {
        self.meter.get().map_or(&*NOTHING, |meter| meter.document.reading())
    }
}

/// How many bytes of white space or a byte order mark come first.
fn blanks(bytes: &[u8]) -> usize {
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF);
    bytes.iter().take_while(blank).count()
}

/// How an answer is written.
enum Form {
    /// Not known before the first byte that is not white space.
    Unknown,
    Json,
    Events(Sse),
    Lines(Lines),
    Elements(Elements),
    Frames(Box<Frames>),
    /// Neither, and the dialect may answer so.
    Opaque,
}

/// What the content type says, where it says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Events,
    Lines,
    Frames,
    Other,
}

impl Kind {
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let kind = content_type.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let kind = kind.trim().to_ascii_lowercase();
        match kind.as_str() {
            "text/event-stream" => Self::Events,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Self::Lines,
            // Version 1 of Cohere.
            "application/stream+json" => Self::Lines,
            "application/vnd.amazon.eventstream" => Self::Frames,
            "" | "application/json" => Self::Json,
            _ => Self::Other,
        }
    }
}

/// Reads the decompressed answer.
struct Meter {
    kind: Kind,
    streams: bool,
    form: Form,
    document: Document,
    at: u64,
}

impl Meter {
    fn new(call: &Call, head: AnswerHead<'_>) -> Self {
        let kind = head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let kind = Kind::of(kind);
        let mut document = Document::new(call, head.status);
        document.head(head.headers);
        Self { kind, streams: call.stream, form: Form::Unknown, document, at: 0 }
    }

    fn is_events(&self) -> bool {
        matches!(self.form, Form::Events(_))
    }

    /// An object is JSON whatever the header says; a stream may be answered with one.
    fn choose_form<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !matches!(self.form, Form::Unknown) {
            return bytes;
        }
        let opaque = self.kind == Kind::Other && self.document.may_be_opaque();
        let bytes = if opaque || self.kind == Kind::Frames {
            bytes
        } else {
            bytes.get(blanks(bytes)..).unwrap_or_default()
        };
        let Some(first) = bytes.first() else { return bytes };
        self.form = match (self.kind, first) {
            (Kind::Other, _) if opaque => Form::Opaque,
            (Kind::Frames, _) => Form::Frames(Box::new(Frames::new(self.document.is_wrapped()))),
            (Kind::Lines, _) => Form::Lines(Lines::new()),
            (_, b'[') if self.document.comes_in_elements() => Form::Elements(Elements::new()),
            (_, b'{' | b'[') => Form::Json,
            (Kind::Events, _) => Form::Events(Sse::new()),
            (_, _) if self.streams => Form::Events(Sse::new()),
            // So no JSON begins, but the lines of an event do: `:`, `data`, `event`, `id`, `retry`.
            (_, b':' | b'd' | b'e' | b'i' | b'r') => Form::Events(Sse::new()),
            _ => Form::Json,
        };
        bytes
    }

    fn push(&mut self, bytes: &[u8]) {
        let bytes = self.choose_form(bytes);
        match &mut self.form {
            Form::Unknown | Form::Opaque => {}
            Form::Json => self.document.json(bytes, self.at),
            Form::Events(sse) => sse.push(bytes, &mut self.document),
            Form::Lines(lines) => lines.push(bytes, &mut self.document),
            Form::Elements(elements) => elements.push(bytes, &mut self.document),
            Form::Frames(frames) => frames.push(bytes, &mut self.document),
        }
        self.at = self.at.saturating_add(bytes.len() as u64);
    }

    fn finish(&mut self, cut: bool) {
        let document = &mut self.document;
        let end = match &mut self.form {
            Form::Unknown if document.may_be_opaque() && !cut => document.end_opaque(),
            Form::Unknown => End::Cut,
            Form::Json => document.end_json(),
            Form::Events(sse) => {
                document.note_open_event();
                sse.finish(document);
                document.end_stream()
            }
            Form::Lines(lines) => {
                lines.finish(document);
                document.end_stream()
            }
            Form::Elements(elements) => {
                let closed = elements.is_closed();
                elements.finish(document);
                let end = document.end_stream();
                if closed { end } else { End::Cut }
            }
            Form::Frames(frames) => {
                frames.finish(document);
                document.end_stream()
            }
            Form::Opaque if cut => End::Cut,
            Form::Opaque => document.end_opaque(),
        };
        document.settle(end, cut);
    }
}

impl io::Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
