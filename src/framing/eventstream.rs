//! AWS `application/vnd.amazon.eventstream`: binary messages with headers and checksums.
//!
//! A message is a prelude (its length, the length of its headers, a checksum of both), headers, a
//! payload and a checksum of all before it. The payload is handed on in the pieces in which it
//! comes, before its checksum is known; the end of the message says whether it held. Where the
//! lengths are not to be believed, the next message cannot be found: the stream is broken, and
//! everything after is passed over.

mod exception;
mod headers;

use super::offset;
pub use exception::exception;
use headers::Headers;
pub use headers::MAX_VALUE;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// The longest headers of a message.
pub const MAX_HEADERS: u32 = 128 * 1024;

/// The longest payload of a message.
pub const MAX_PAYLOAD: u32 = 24 * 1024 * 1024;

/// Is told what the messages say.
pub trait Messages {
    /// A header of the current message whose value is a string; one longer than
    /// [`MAX_VALUE`] is passed over.
    fn header(&mut self, name: &[u8], value: &[u8]);

    /// The next bytes of the current message's payload; the first stands at offset `at` of the
    /// stream.
    fn payload(&mut self, bytes: &[u8], at: u64);

    /// The current message ended. It is intact if it came whole, its headers were read and its
    /// checksums agree.
    fn end(&mut self, intact: bool);
}

/// Where in a message the reader stands; with the bytes that are left of that part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Prelude,
    Headers(u32),
    Payload(u32),
    Checksum,
    Broken,
}

/// Reads a stream of messages.
#[derive(Debug)]
pub struct EventStream {
    part: Part,
    /// What came of the prelude or the checksum.
    held: [u8; PRELUDE],
    length: usize,
    /// How long the payload of the current message is.
    payload: u32,
    headers: Headers,
    sum: crc32fast::Hasher,
    at: u64,
}

impl EventStream {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self {
            part: Part::Prelude,
            held: [0; PRELUDE],
            length: 0,
            payload: 0,
            headers: Headers::new(),
            sum: crc32fast::Hasher::new(),
            at: 0,
        }
    }

    /// Whether the lengths of a message made no sense, so that nothing more is read.
    pub fn is_broken(&self) -> bool {
        self.part == Part::Broken
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8], messages: &mut impl Messages) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let read = match self.part {
                Part::Prelude => self.prelude(rest, messages),
                Part::Headers(left) => self.headers(left, rest, messages),
                Part::Payload(left) => self.payload(left, rest, messages),
                Part::Checksum => self.checksum(rest, messages),
                Part::Broken => return,
            };
            self.at = self.at.saturating_add(offset(read));
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    /// The stream ended; a message that was cut off is not intact.
    pub fn finish(&mut self, messages: &mut impl Messages) {
        let begun = self.part != Part::Prelude || self.length > 0;
        if begun && !self.is_broken() {
            self.part = Part::Prelude;
            self.length = 0;
            messages.end(false);
        }
    }

    /// Takes bytes until there are `wanted`; gives how many it took, and whether that is all.
    fn hold(&mut self, wanted: usize, rest: &[u8]) -> (usize, bool) {
        let free = self.held.get_mut(self.length..wanted).unwrap_or_default();
        let taken = free.len().min(rest.len());
        for (slot, &byte) in free.iter_mut().zip(rest) {
            *slot = byte;
        }
        self.length += taken;
        (taken, self.length >= wanted)
    }

    fn prelude(&mut self, rest: &[u8], messages: &mut impl Messages) -> usize {
        let (taken, whole) = self.hold(PRELUDE, rest);
        if !whole {
            return taken;
        }
        self.length = 0;
        let [total, headers, sum] = [0, 4, 8].map(|from| number(&self.held, from));
        let around = headers.saturating_add(16);
        let payload = total.checked_sub(around).filter(|&length| length <= MAX_PAYLOAD);
        let agrees = crc32fast::hash(&self.held[..8]) == sum;
        let Some(payload) = payload.filter(|_| agrees && headers <= MAX_HEADERS) else {
            self.part = Part::Broken;
            messages.end(false);
            return taken;
        };
        self.payload = payload;
        self.headers.begin();
        self.sum = crc32fast::Hasher::new();
        self.sum.update(&self.held);
        self.part = Part::Headers(headers);
        self.skip_empty();
        taken
    }

    fn headers(&mut self, left: u32, rest: &[u8], messages: &mut impl Messages) -> usize {
        let (piece, left) = take(left, rest);
        self.sum.update(piece);
        self.headers.push(piece, messages);
        self.part = Part::Headers(left);
        self.skip_empty();
        piece.len()
    }

    fn payload(&mut self, left: u32, rest: &[u8], messages: &mut impl Messages) -> usize {
        let (piece, left) = take(left, rest);
        self.sum.update(piece);
        messages.payload(piece, self.at);
        self.part = Part::Payload(left);
        self.skip_empty();
        piece.len()
    }

    /// Goes on where nothing is left of a part.
    fn skip_empty(&mut self) {
        if self.part == Part::Headers(0) {
            self.part = Part::Payload(self.payload);
        }
        if self.part == Part::Payload(0) {
            self.part = Part::Checksum;
        }
    }

    fn checksum(&mut self, rest: &[u8], messages: &mut impl Messages) -> usize {
        let (taken, whole) = self.hold(CHECKSUM, rest);
        if whole {
            self.length = 0;
            self.part = Part::Prelude;
            let agrees = self.sum.clone().finalize() == number(&self.held, 0);
            messages.end(agrees && self.headers.is_whole());
        }
        taken
    }
}

impl Default for EventStream {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of `rest` that still belongs, and how much is left behind it.
fn take(left: u32, rest: &[u8]) -> (&[u8], u32) {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    let piece = rest.get(..length).unwrap_or_default();
    (piece, left.saturating_sub(u32::try_from(length).unwrap_or(left)))
}

fn number(held: &[u8; PRELUDE], from: usize) -> u32 {
    let bytes = held.get(from..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |&bytes| u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
