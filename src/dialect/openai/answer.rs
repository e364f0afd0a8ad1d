//! Watches an answer: decompresses a copy, tells JSON from events by the answer itself, and keeps
//! the reading.

use super::document::{Document, End};
use super::unasked::Unasked;
use crate::dialect::{AnswerHead, Call, ReadAnswer};
use crate::framing::decompress::Decoder;
use crate::framing::sse::Sse;
use crate::usage::Reading;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use std::io;

/// Reads the answer to one call.
pub(in crate::dialect) struct Answer {
    meter: Decoder<Meter>,
    unasked: Option<Unasked>,
    nothing: Reading,
}

impl Answer {
    pub(in crate::dialect) fn new(call: &Call, head: AnswerHead<'_>) -> Self {
        let header = |name: HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok());
        let events = header(CONTENT_TYPE).is_some_and(|t| {
            t.get(..17).is_some_and(|t| t.eq_ignore_ascii_case("text/event-stream"))
        });
        let meter = Decoder::new(header(CONTENT_ENCODING), Meter::new(call, head.status, events));
        let asked = call.edit.is_some() && meter.is_identity() && head.status.is_success();
        Self { meter, unasked: asked.then(Unasked::new), nothing: Reading::default() }
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
        self.meter.get().map_or(&self.nothing, |meter| meter.document.reading())
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
    Unknown {
        events: bool,
    },
    Json,
    Events(Sse),
}

/// Reads the decompressed answer.
struct Meter {
    form: Form,
    document: Document,
    at: u64,
}

impl Meter {
    fn new(call: &Call, status: StatusCode, events: bool) -> Self {
        let events = events || call.stream;
        Self { form: Form::Unknown { events }, document: Document::new(call, status), at: 0 }
    }

    fn is_events(&self) -> bool {
        matches!(self.form, Form::Events(_))
    }

    /// An object is JSON whatever the header says; a stream may be answered with one.
    fn choose_form<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Form::Unknown { events } = self.form else { return bytes };
        let bytes = bytes.get(blanks(bytes)..).unwrap_or_default();
        match bytes.first() {
            None => {}
            Some(b'{' | b'[') => self.form = Form::Json,
            Some(_) if events => self.form = Form::Events(Sse::new()),
            Some(_) => self.form = Form::Json,
        }
        bytes
    }

    fn push(&mut self, bytes: &[u8]) {
        let bytes = self.choose_form(bytes);
        match &mut self.form {
            Form::Unknown { .. } => {}
            Form::Json => self.document.json(bytes, self.at),
            Form::Events(sse) => sse.push(bytes, &mut self.document),
        }
        self.at = self.at.saturating_add(bytes.len() as u64);
    }

    fn finish(&mut self, cut: bool) {
        let document = &mut self.document;
        match &mut self.form {
            Form::Unknown { .. } => document.settle(End::Cut, cut),
            Form::Json => {
                let end = document.end_json();
                document.settle(end, cut);
            }
            Form::Events(sse) => {
                sse.finish(document);
                let end = document.end_events();
                document.settle(end, cut);
            }
        }
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
