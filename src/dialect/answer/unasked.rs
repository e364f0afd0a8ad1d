//! Takes out of a stream what the client did not ask for, so that it sees byte for byte what it
//! would have seen had Farebox not asked for usage.
//!
//! Out go the chunk that only reports usage, and the `"usage":null` of all others. Everything else
//! passes as it came, comments at once and events as soon as they are whole. An event longer than
//! [`HELD`] is not waited for: it passes as it comes, only its `"usage":null` is taken out.

use super::cutter::Cutter;
use super::output::Output;
use crate::framing::json::Template;
use bytes::Bytes;
use memchr::memmem;
use std::ops::Range;

/// Most bytes of one event that are held back.
pub(super) const HELD: usize = 64 * 1024;

/// Filters one stream.
pub(super) struct Unasked {
    /// The current event, as far as it was held back.
    held: Vec<u8>,
    /// The current event is too long to be held.
    long: Option<Long>,
    line: Line,
    /// The last event was taken out, and a LF that follows its CR goes too.
    dropped: bool,
    usage: memmem::Finder<'static>,
    /// An event of one line, out of which one thing was cut.
    template: Template,
}

/// What is known of the current line.
#[derive(Default)]
struct Line {
    first: Option<u8>,
    after_cr: bool,
    /// Lines of the current event, without comments before them.
    lines: usize,
}

/// What a line's end means.
enum Step {
    /// The LF of a CRLF.
    Lf,
    Line,
    /// Nothing but comments yet.
    Comment,
    /// A blank line: the event of so many lines is whole.
    Event {
        lines: usize,
    },
}

impl Line {
    fn end(&mut self, content: &[u8], terminator: u8) -> Step {
        let first = self.first.take().or(content.first().copied());
        if std::mem::take(&mut self.after_cr) && terminator == b'\n' && first.is_none() {
            return Step::Lf;
        }
        self.after_cr = terminator == b'\r';
        match first {
            None => Step::Event { lines: std::mem::take(&mut self.lines) },
            Some(b':') if self.lines == 0 => Step::Comment,
            Some(_) => {
                self.lines = self.lines.saturating_add(1);
                Step::Line
            }
        }
    }

    fn begin(&mut self, content: &[u8]) {
        if let Some(&first) = content.first() {
            self.first.get_or_insert(first);
        }
    }
}

impl Unasked {
    pub(super) fn new() -> Self {
        Self {
            held: Vec::new(),
            long: None,
            line: Line::default(),
            dropped: false,
            usage: memmem::Finder::new(b"\"usage\""),
            template: Template::default(),
        }
    }

    /// What the client sees of the next frame.
    pub(super) fn push(&mut self, frame: Bytes) -> Bytes {
        let mut out = Output::new(&frame);
        let (mut start, mut at) = (0, 0);
        while let Some(length) = memchr::memchr2(b'\n', b'\r', &frame[at..]) {
            let end = at + length + 1;
            match self.line.end(&frame[at..end - 1], frame[end - 1]) {
                Step::Lf if start == at && self.held.is_empty() && self.long.is_none() => {
                    if !self.dropped {
                        out.pass(start..end);
                    }
                    start = end;
                }
                Step::Lf | Step::Line => {}
                Step::Comment => {
                    self.dropped = false;
                    self.release(&mut out);
                    out.pass(start..end);
                    start = end;
                }
                Step::Event { lines } => {
                    self.event(&frame, start..end, lines, &mut out);
                    start = end;
                }
            }
            at = end;
        }
        self.line.begin(&frame[at..]);
        self.hold(&frame[start..], &mut out);
        out.into_bytes()
    }

    /// The stream ended: what was held back.
    pub(super) fn finish(&mut self) -> Bytes {
        let empty = Bytes::new();
        let mut out = Output::new(&empty);
        match self.long.take() {
            Some(long) => long.end(&mut out),
            None => self.event(&empty, 0..0, 0, &mut out),
        }
        out.into_bytes()
    }

    fn release(&mut self, out: &mut Output<'_>) {
        out.copy(&self.held);
        self.held.clear();
    }

    /// Keeps the beginning of an event.
    fn hold(&mut self, bytes: &[u8], out: &mut Output<'_>) {
        if let Some(long) = &mut self.long {
            return long.push(bytes, out);
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() > HELD {
            let mut long = Long::new();
            long.push(&std::mem::take(&mut self.held), out);
            self.long = Some(long);
        }
    }

    /// The event that was held, continued by `rest` of the frame, is whole.
    fn event(&mut self, frame: &Bytes, rest: Range<usize>, lines: usize, out: &mut Output<'_>) {
        self.dropped = false;
        if let Some(mut long) = self.long.take() {
            long.push(&frame[rest], out);
            return long.end(out);
        }
        if self.held.is_empty() {
            let event = &frame[rest.clone()];
            if self.usage.find(event).is_none() {
                return out.pass(rest);
            }
            return self.cut(event, lines, out);
        }
        self.held.extend_from_slice(&frame[rest]);
        let event = std::mem::take(&mut self.held);
        match self.usage.find(&event) {
            Some(_) => self.cut(&event, lines, out),
            None => out.copy(&event),
        }
        self.held = event;
        self.held.clear();
    }

    fn cut(&mut self, event: &[u8], lines: usize, out: &mut Output<'_>) {
        let line = line_of(event).filter(|_| lines == 1);
        if let Some(cut) = line.and_then(|line| self.template.fit(line)?.mark) {
            let cut = cut.0 as u64..cut.1 as u64;
            return out.copy_without(event, 0, std::slice::from_ref(&cut));
        }
        let mut cutter = Cutter::new();
        cutter.push(event);
        if cutter.is_unasked() && event.len() <= HELD {
            self.dropped = true;
            return comments(event, out);
        }
        out.copy_without(event, 0, cutter.cuts());
        if let Some(template) = line.and_then(|line| cutter.into_template(line)) {
            self.template = template;
        }
    }
}

/// An event of one line, without its line ends.
fn line_of(event: &[u8]) -> Option<&[u8]> {
    let length = event.iter().rev().take_while(|&&b| b == b'\n' || b == b'\r').count();
    event.get(..event.len().checked_sub(length)?)
}

/// Passes on the comment lines of an event that is taken out.
fn comments(event: &[u8], out: &mut Output<'_>) {
    for line in event.split_inclusive(|&b| b == b'\n' || b == b'\r') {
        if line.first() == Some(&b':') {
            out.copy(line);
        }
    }
}

/// An event that passes as it comes.
struct Long {
    cutter: Cutter,
    held: Vec<u8>,
    /// Offset of the first held byte in the event.
    at: u64,
}

impl Long {
    fn new() -> Self {
        Self { cutter: Cutter::new(), held: Vec::new(), at: 0 }
    }

    fn push(&mut self, bytes: &[u8], out: &mut Output<'_>) {
        self.cutter.push(bytes);
        self.held.extend_from_slice(bytes);
        let end = self.at.saturating_add(self.held.len() as u64);
        let mut until = self.cutter.undecided().unwrap_or(end);
        if end.saturating_sub(until) > HELD as u64 {
            self.cutter.give_up();
            until = end;
        }
        let ready = usize::try_from(until.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let ready = ready.min(self.held.len());
        out.copy_without(&self.held[..ready], self.at, self.cutter.cuts());
        self.held.drain(..ready);
        self.at = until;
    }

    fn end(self, out: &mut Output<'_>) {
        out.copy_without(&self.held, self.at, self.cutter.cuts());
    }
}

#[cfg(test)]
mod tests;
