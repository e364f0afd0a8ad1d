//! Server-sent events by the WHATWG rules, without collecting anything.
//!
//! Lines end with LF, CRLF or CR; one byte order mark is dropped; comments and fields other than
//! `data` are passed over, however long; several `data` lines are joined by LF. The data is handed
//! on in the pieces in which it comes, so a line of many megabytes costs no memory.

pub use super::Events;

const FIELD: &[u8] = b"data:";
/// How long the name of the field is.
const NAME: u64 = 4;
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Where in a line the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// So many bytes of a byte order mark at the start of the stream.
    Mark(usize),
    Start,
    /// So many bytes of `data:`.
    Field(usize),
    /// Behind `data:`, where one space is dropped.
    Space,
    Data,
    /// In a comment or another field.
    Other,
}

/// Reads a stream of events.
#[derive(Debug)]
pub struct Sse {
    spot: Spot,
    /// The last byte was a CR, so that a LF belongs to it.
    cr: bool,
    /// The current event has data.
    has_data: bool,
    at: u64,
}

impl Sse {
    /// A reader at the start of a stream.
    pub const fn new() -> Self {
        Self { spot: Spot::Mark(0), cr: false, has_data: false, at: 0 }
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8], events: &mut impl Events) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let read = self.step(byte, rest, events);
            self.at += u64::try_from(read).unwrap_or(u64::MAX);
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    /// The stream ended; an event without its blank line is dispatched too.
    pub fn finish(&mut self, events: &mut impl Events) {
        if let Spot::Field(matched) = self.spot {
            self.end_field_name(matched, events);
        }
        if std::mem::take(&mut self.has_data) {
            events.dispatch();
        }
    }

    /// Reads at least one byte; gives how many.
    fn step(&mut self, byte: u8, rest: &[u8], events: &mut impl Events) -> usize {
        match self.spot {
            Spot::Mark(matched) if MARK.get(matched) == Some(&byte) => {
                self.spot = Spot::Mark(matched + 1);
                1
            }
            Spot::Mark(0 | 3) | Spot::Start => self.line_start(byte, rest, events),
            Spot::Mark(_) => self.to(Spot::Other, 0),
            Spot::Field(matched) => self.field(matched, byte, events),
            Spot::Space => self.to(Spot::Data, usize::from(byte == b' ')),
            Spot::Data | Spot::Other => self.line(rest, events),
        }
    }

    fn to(&mut self, spot: Spot, read: usize) -> usize {
        self.spot = spot;
        read
    }

    fn line_start(&mut self, byte: u8, rest: &[u8], events: &mut impl Events) -> usize {
        if std::mem::take(&mut self.cr) && byte == b'\n' {
            return 1;
        }
        if rest.starts_with(FIELD) {
            self.begin_data(self.at + NAME, events);
            return FIELD.len();
        }
        match byte {
            b'\n' | b'\r' => {
                self.cr = byte == b'\r';
                self.spot = Spot::Start;
                if std::mem::take(&mut self.has_data) {
                    events.dispatch();
                }
                1
            }
            b'd' => self.to(Spot::Field(0), 0),
            _ => self.to(Spot::Other, 0),
        }
    }

    fn field(&mut self, matched: usize, byte: u8, events: &mut impl Events) -> usize {
        match FIELD.get(matched) {
            Some(&b':') if byte == b':' => {
                self.begin_data(self.at, events);
                1
            }
            Some(&next) if next == byte => self.to(Spot::Field(matched + 1), 1),
            _ => {
                if byte == b'\n' || byte == b'\r' {
                    self.end_field_name(matched, events);
                }
                self.to(Spot::Other, 0)
            }
        }
    }

    /// A line without a colon is a field without a value.
    fn end_field_name(&mut self, matched: usize, events: &mut impl Events) {
        if matched + 1 == FIELD.len() {
            self.begin_data(self.at, events);
        }
    }

    /// The name of the field ended before offset `at`.
    fn begin_data(&mut self, at: u64, events: &mut impl Events) {
        if self.has_data {
            events.data(b"\n", at);
        }
        self.has_data = true;
        self.spot = Spot::Space;
    }

    fn line(&mut self, rest: &[u8], events: &mut impl Events) -> usize {
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, end) = rest.split_at(length);
        if self.spot == Spot::Data && !line.is_empty() {
            events.data(line, self.at);
        }
        let Some(&end) = end.first() else { return length };
        self.cr = end == b'\r';
        self.spot = Spot::Start;
        length + 1
    }
}

impl Default for Sse {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{Log, every_way};
    use super::*;

    fn read(pieces: &[&[u8]]) -> Log {
        let (mut sse, mut log) = (Sse::new(), Log::default());
        for piece in pieces {
            sse.push(piece, &mut log);
        }
        sse.finish(&mut log);
        log
    }

    fn check(text: &str, events: &[&str]) {
        assert_eq!(every_way(text.as_bytes(), read).events, events, "{text:?}");
    }

    #[test]
    fn an_event_begins_where_its_data_does() {
        for (text, starts) in [
            ("data: a\n\ndata:b\n\n", &[6, 14][..]),
            ("data\ndata:\n\n", &[9]),
            ("data:\ndata: a\n\n", &[10]),
            ("data\ndata", &[9]),
        ] {
            assert_eq!(every_way(text.as_bytes(), read).starts, starts, "{text:?}");
        }
    }

    #[test]
    fn reads_events_by_the_whatwg_rules() {
        check("data: a\n\ndata:b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata:  b\r\r", &["a", " b"]);
        check("\u{FEFF}data: a\n\n", &["a"]);
        check("\u{FEFF}\u{FEFF}data: a\n\n", &[]);
        check(": c\n\nevent: x\ndata: a\nid: 1\nretry: 2\ndata: b\n\n\n\n", &["a\nb"]);
        check("data\ndata:\n\n", &["\n"]);
        check("dat: a\ndatas: b\nxdata: c\n data: d\ndata : e\n\n", &[]);
        check("event: x\n\ndata: last", &["last"]);
        check("data: {\r\rdata: }\n", &["{", "}"]);
        check("data: \u{FEFF}x\n\n", &["\u{FEFF}x"]);
        check("", &[]);
    }
}
