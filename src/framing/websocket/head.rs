//! The head of a WebSocket frame: what it is, how long, and its mask.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    /// More of a message.
    Continuation,
    /// The beginning of a message, text or binary.
    Data,
    Close,
    /// A ping or pong.
    Other,
}

impl Opcode {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Other)
    }
}

/// What a head says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    /// Nothing of the message follows.
    pub(super) last: bool,
    pub(super) length: u64,
    pub(super) mask: Option<[u8; 4]>,
}

/// The longest payload of a control frame, and the longest whose length is in the second byte.
pub(super) const SHORT: u8 = 125;
/// The second byte, where two bytes of length follow.
pub(super) const TWO: u8 = 126;
/// The second byte, where eight do.
pub(super) const EIGHT: u8 = 127;
/// Beside the opcode: the last frame of its message.
pub(super) const LAST: u8 = 0x80;
/// Beside the length: a mask follows.
pub(super) const MASKED: u8 = 0x80;

/// Two bytes, eight of length and four of mask.
const LONGEST: usize = 14;

/// A head, as far as it came.
#[derive(Debug)]
pub(super) struct Head {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes a byte; gives whether the head is whole.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
        let [_, second, ..] = self.bytes;
        let mask = if second & MASKED == 0 { 0 } else { 4 };
        self.length >= 2 && self.length == 2 + length_bytes(second) + mask
    }

    /// What the whole head says; `None` if no frame may say so.
    pub(super) fn read(&self) -> Option<Frame> {
        let [first, second, rest @ ..] = &self.bytes;
        let last = first & LAST != 0;
        // No extension was agreed on that would use the other three bits.
        let opcode = match first & 0x7F {
            0 => Opcode::Continuation,
            1 | 2 => Opcode::Data,
            8 => Opcode::Close,
            9 | 10 => Opcode::Other,
            _ => return None,
        };
        let [a, b, c, d, e, f, g, h, ..] = *rest;
        let short = second & !MASKED;
        let length = match short {
            TWO => u64::from(u16::from_be_bytes([a, b])),
            EIGHT => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            short => u64::from(short),
        };
        // A length is written in as few bytes as it takes, and its first bit is never set.
        let canonical = match short {
            TWO => length > u64::from(SHORT),
            EIGHT => length > u64::from(u16::MAX) && length >> 63 == 0,
            _ => true,
        };
        let fits = !opcode.is_control() || (last && short <= SHORT);
        let mask = rest.get(length_bytes(*second)..)?.first_chunk().copied();
        let mask = mask.filter(|_| second & MASKED != 0);
        (canonical && fits).then_some(Frame { opcode, last, length, mask })
    }
}

/// How many bytes of length follow the second byte.
fn length_bytes(second: u8) -> usize {
    match second & !MASKED {
        TWO => 2,
        EIGHT => 8,
        _ => 0,
    }
}
