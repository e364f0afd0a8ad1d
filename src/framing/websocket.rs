//! One direction of a WebSocket connection (RFC 6455), watched as it goes by.
//!
//! What messages say is handed on in the pieces in which it comes, without their mask; the bytes on
//! the wire are somebody else's and stay as they are. Extensions are not understood. After what the
//! protocol forbids the rest is passed over, as it is after a close.

mod head;
mod write;

use head::{Head, Opcode};
pub use write::{close_frame, text_frame};

/// Is told what the messages of one direction say.
pub trait Socket {
    /// The next bytes of the current message, be it text or binary.
    fn text(&mut self, bytes: &[u8]);

    /// The current message ended.
    fn message_end(&mut self);

    /// The connection is closed from this side, with the code if one was given.
    fn close(&mut self, code: Option<u16>);
}

/// How many bytes are unmasked at a time.
const PIECE: usize = 1024;

/// Where in the frames the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// In the head of a frame, or before it.
    Head,
    /// In what a frame carries, with so many bytes left.
    Payload(u64),
    /// Behind the close.
    Closed,
    /// Behind what the protocol forbids.
    Broken,
}

/// Watches the frames of one direction.
#[derive(Debug)]
pub struct Frames {
    masked: bool,
    spot: Spot,
    head: Head,
    /// The opcode of the current frame, and whether it is the last of its message.
    opcode: Opcode,
    last: bool,
    /// The mask of the current frame, turned so that its first byte is for the next one.
    mask: [u8; 4],
    /// A message has begun and not ended.
    open: bool,
    /// What came of the code of a close.
    code: [u8; 2],
    codes: usize,
}

impl Frames {
    /// A reader at the first byte behind the handshake. Frames of a client are masked, those of a
    /// server are not.
    pub const fn new(masked: bool) -> Self {
        Self {
            masked,
            spot: Spot::Head,
            head: Head::new(),
            opcode: Opcode::Continuation,
            last: false,
            mask: [0; 4],
            open: false,
            code: [0; 2],
            codes: 0,
        }
    }

    /// Whether the protocol was violated, so that nothing more is read.
    pub fn is_broken(&self) -> bool {
        self.spot == Spot::Broken
    }

    /// Whether the close was seen.
    pub fn is_closed(&self) -> bool {
        self.spot == Spot::Closed
    }

    /// Whether a frame of ours may be put in here: no frame and no message is open, and the
    /// connection is not closed.
    pub fn at_boundary(&self) -> bool {
        self.spot == Spot::Head && self.head.is_empty() && !self.open
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8], socket: &mut impl Socket) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let read = match self.spot {
                Spot::Head => {
                    self.head(byte, socket);
                    1
                }
                Spot::Payload(left) => self.payload(left, rest, socket),
                Spot::Closed | Spot::Broken => return,
            };
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    fn head(&mut self, byte: u8, socket: &mut impl Socket) {
        if !self.head.push(byte) {
            return;
        }
        let head = std::mem::replace(&mut self.head, Head::new());
        let Some(frame) = head.read().filter(|frame| self.allows(frame)) else {
            self.spot = Spot::Broken;
            return;
        };
        self.opcode = frame.opcode;
        self.last = frame.last;
        self.mask = frame.mask.unwrap_or_default();
        self.open |= !frame.opcode.is_control();
        self.spot = Spot::Payload(frame.length);
        if frame.length == 0 {
            self.end_frame(socket);
        }
    }

    /// Whether the protocol allows this frame here.
    fn allows(&self, frame: &head::Frame) -> bool {
        let in_turn = match frame.opcode {
            Opcode::Continuation => self.open,
            Opcode::Data => !self.open,
            // A code takes two bytes.
            Opcode::Close => frame.length != 1,
            Opcode::Other => true,
        };
        in_turn && frame.mask.is_some() == self.masked
    }

    fn payload(&mut self, left: u64, rest: &[u8], socket: &mut impl Socket) -> usize {
        let most = if self.masked { PIECE } else { usize::MAX };
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()).min(most);
        let piece = rest.get(..length).unwrap_or_default();
        let mut plain = [0; PIECE];
        let piece = if self.masked { self.unmask(piece, &mut plain) } else { piece };
        match self.opcode {
            Opcode::Data | Opcode::Continuation => socket.text(piece),
            Opcode::Close => self.keep_code(piece),
            Opcode::Other => {}
        }
        let left = left.saturating_sub(super::offset(length));
        self.spot = Spot::Payload(left);
        if left == 0 {
            self.end_frame(socket);
        }
        length
    }

    fn unmask<'a>(&mut self, piece: &[u8], plain: &'a mut [u8; PIECE]) -> &'a [u8] {
        for (slots, bytes) in plain.chunks_exact_mut(4).zip(piece.chunks(4)) {
            for ((slot, byte), mask) in slots.iter_mut().zip(bytes).zip(self.mask) {
                *slot = byte ^ mask;
            }
        }
        self.mask.rotate_left(piece.len() % 4);
        plain.get(..piece.len()).unwrap_or_default()
    }

    fn keep_code(&mut self, piece: &[u8]) {
        let free = self.code.get_mut(self.codes..).unwrap_or_default();
        for (slot, &byte) in free.iter_mut().zip(piece) {
            *slot = byte;
            self.codes += 1;
        }
    }

    fn end_frame(&mut self, socket: &mut impl Socket) {
        self.spot = Spot::Head;
        match self.opcode {
            Opcode::Data | Opcode::Continuation if self.last => {
                self.open = false;
                socket.message_end();
            }
            Opcode::Close => {
                self.spot = Spot::Closed;
                let code = (self.codes == self.code.len()).then(|| u16::from_be_bytes(self.code));
                socket.close(code);
            }
            Opcode::Data | Opcode::Continuation | Opcode::Other => {}
        }
    }
}

#[cfg(test)]
mod tests;
