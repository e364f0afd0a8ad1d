//! The headers of one message of an event stream.
//!
//! A header is a name with its length, the number of a type, and a value. Only strings are
//! reported, and only those that fit [`MAX_VALUE`]; the other types are passed over. After a type
//! that is not known nothing more can be read.

use super::Messages;

/// The longest value of a header that is reported.
pub const MAX_VALUE: usize = 1024;

const BYTES: u8 = 6;
const STRING: u8 = 7;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    NameLength,
    /// So many bytes of a name.
    Name(u8),
    Kind,
    /// The length of a value, of which the first byte may be known.
    Length {
        kind: u8,
        high: Option<u8>,
    },
    /// So many bytes of a string.
    Text(u16),
    /// So many bytes of another value.
    Passed(u16),
    /// Nothing that could be read.
    Lost,
}

/// Reads the headers of one message.
#[derive(Debug)]
pub(super) struct Headers {
    next: Next,
    name: Vec<u8>,
    /// As much of the value as is kept: one byte more than is reported.
    value: Vec<u8>,
}

impl Headers {
    pub(super) const fn new() -> Self {
        Self { next: Next::NameLength, name: Vec::new(), value: Vec::new() }
    }

    /// Another message begins.
    pub(super) fn begin(&mut self) {
        self.next = Next::NameLength;
    }

    /// Whether the bytes so far are headers, none of them cut off.
    pub(super) fn is_whole(&self) -> bool {
        self.next == Next::NameLength
    }

    pub(super) fn push(&mut self, bytes: &[u8], messages: &mut impl Messages) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let read = match self.next {
                Next::Lost => return,
                Next::Name(left) => self.name(left, rest),
                Next::Text(left) => self.text(left, rest, messages),
                Next::Passed(left) => self.passed(left, rest),
                Next::NameLength | Next::Kind | Next::Length { .. } => {
                    self.next = self.number(byte, messages);
                    1
                }
            };
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    /// Reads a byte that says what follows.
    fn number(&mut self, byte: u8, messages: &mut impl Messages) -> Next {
        match (self.next, byte) {
            (Next::NameLength, 1..) => {
                self.name.clear();
                self.value.clear();
                Next::Name(byte)
            }
            // True and false have no value.
            (Next::Kind, 0 | 1) => Next::NameLength,
            (Next::Kind, 2) => Next::Passed(1),
            (Next::Kind, 3) => Next::Passed(2),
            (Next::Kind, 4) => Next::Passed(4),
            // A long integer and a time.
            (Next::Kind, 5 | 8) => Next::Passed(8),
            // A UUID.
            (Next::Kind, 9) => Next::Passed(16),
            (Next::Kind, BYTES | STRING) => Next::Length { kind: byte, high: None },
            (Next::Length { kind, high: None }, _) => Next::Length { kind, high: Some(byte) },
            (Next::Length { kind, high: Some(high) }, _) => {
                match (kind, u16::from_be_bytes([high, byte])) {
                    (STRING, 0) => {
                        messages.header(&self.name, b"");
                        Next::NameLength
                    }
                    (STRING, length) => Next::Text(length),
                    (_, 0) => Next::NameLength,
                    (_, length) => Next::Passed(length),
                }
            }
            _ => Next::Lost,
        }
    }

    fn name(&mut self, left: u8, rest: &[u8]) -> usize {
        let piece = front(u16::from(left), rest);
        self.name.extend_from_slice(piece);
        let left = left.saturating_sub(u8::try_from(piece.len()).unwrap_or(left));
        self.next = if left == 0 { Next::Kind } else { Next::Name(left) };
        piece.len()
    }

    fn text(&mut self, left: u16, rest: &[u8], messages: &mut impl Messages) -> usize {
        let piece = front(left, rest);
        let free = (MAX_VALUE + 1).saturating_sub(self.value.len()).min(piece.len());
        self.value.extend_from_slice(piece.get(..free).unwrap_or_default());
        self.next = behind(left, piece, Next::Text);
        if self.is_whole() && self.value.len() <= MAX_VALUE {
            messages.header(&self.name, &self.value);
        }
        piece.len()
    }

    fn passed(&mut self, left: u16, rest: &[u8]) -> usize {
        let piece = front(left, rest);
        self.next = behind(left, piece, Next::Passed);
        piece.len()
    }
}

fn front(left: u16, rest: &[u8]) -> &[u8] {
    rest.get(..usize::from(left)).unwrap_or(rest)
}

/// What comes after a piece of a value of which so much was left.
fn behind(left: u16, piece: &[u8], more: impl FnOnce(u16) -> Next) -> Next {
    match left.saturating_sub(u16::try_from(piece.len()).unwrap_or(left)) {
        0 => Next::NameLength,
        left => more(left),
    }
}
