//! Takes out of a stream what the client did not ask for, so that it sees byte for byte what it
//! would have seen had Farebox not asked for usage.
//!
//! Out go the chunk that only reports usage, and the `"usage":null` of all others. Everything else
//! passes as it came, comments at once and events as soon as they are whole. An event longer than
//! [`HELD`] is not waited for: it passes as it comes, only its `"usage":null` is taken out.

use super::cutter::Cutter;
use super::output::Output;
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
}

/// What is known of the current line.
#[derive(Default)]
struct Line {
    first: Option<u8>,
    after_cr: bool,
    /// A line of the current event is not a comment.
    in_event: bool,
}

/// What a line's end means.
enum Step {
    /// The LF of a CRLF.
    Lf,
    Line,
    /// Nothing but comments yet.
    Comment,
    /// A blank line: the event is whole.
    Event,
}

impl Line {
    fn end(&mut self, content: &[u8], terminator: u8) -> Step {
        let first = self.first.take().or(content.first().copied());
        if std::mem::take(&mut self.after_cr) && terminator == b'\n' && first.is_none() {
            return Step::Lf;
        }
        self.after_cr = terminator == b'\r';
        match first {
            None => {
                self.in_event = false;
                Step::Event
            }
            Some(b':') if !self.in_event => Step::Comment,
            Some(_) => {
                self.in_event = true;
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
                Step::Event => {
                    self.event(&frame, start..end, &mut out);
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
            None => self.event(&empty, 0..0, &mut out),
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
    fn event(&mut self, frame: &Bytes, rest: Range<usize>, out: &mut Output<'_>) {
        self.dropped = false;
        if let Some(mut long) = self.long.take() {
            long.push(&frame[rest], out);
            return long.end(out);
        }
        if self.held.is_empty() {
            let event = &frame[rest.clone()];
            let Some(cutter) = self.judge(event) else { return out.pass(rest) };
            return self.cut(event, &cutter, out);
        }
        self.held.extend_from_slice(&frame[rest]);
        let event = std::mem::take(&mut self.held);
        match self.judge(&event) {
            None => out.copy(&event),
            Some(cutter) => self.cut(&event, &cutter, out),
        }
        self.held = event;
        self.held.clear();
    }

    /// Looks at an event that names usage; others are left alone.
    fn judge(&self, event: &[u8]) -> Option<Cutter> {
        self.usage.find(event)?;
        let mut cutter = Cutter::new();
        cutter.push(event);
        Some(cutter)
    }

    fn cut(&mut self, event: &[u8], cutter: &Cutter, out: &mut Output<'_>) {
        if cutter.is_unasked() && event.len() <= HELD {
            self.dropped = true;
            return comments(event, out);
        }
        out.copy_without(event, 0, cutter.cuts());
    }
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
