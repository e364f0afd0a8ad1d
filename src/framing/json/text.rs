//! The inside of a JSON string: where it ends, and what its escapes mean.
//!
//! Text that came in one piece and without escapes is never copied. What has to be kept is kept up
//! to [`KEPT`] bytes.

use super::characters::{Characters, Length};

/// Bytes that are kept of a key or a scalar.
pub const KEPT: usize = 512;

/// What an escape still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Backslash,
    Hex { left: u8, unit: u16 },
}

/// The part of a string that had to be copied, decoded.
#[derive(Debug)]
pub(super) struct Text {
    kept: Vec<u8>,
    cut: bool,
    escape: Escape,
    high: Option<u16>,
    characters: Characters,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self {
            kept: Vec::new(),
            cut: false,
            escape: Escape::None,
            high: None,
            characters: Characters::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.cut = false;
        self.high = None;
        self.escape = Escape::None;
        self.characters = Characters::new();
    }

    /// How far bytes that need not be kept can be passed over, with the characters there.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Length {
        self.characters.pass(bytes)
    }

    pub(super) fn is_escaping(&self) -> bool {
        self.escape != Escape::None
    }

    pub(super) fn begin_escape(&mut self) {
        self.escape = Escape::Backslash;
    }

    /// The next byte of an escape: how many characters it completes, `None` if it cannot be one.
    pub(super) fn escape(&mut self, byte: u8, keep: bool) -> Option<usize> {
        match self.escape {
            Escape::None | Escape::Backslash => self.after_backslash(byte, keep),
            Escape::Hex { left, unit } => self.hex(byte, left, unit, keep),
        }
    }

    fn after_backslash(&mut self, byte: u8, keep: bool) -> Option<usize> {
        let decoded = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.escape = Escape::Hex { left: 4, unit: 0 };
                return Some(0);
            }
            _ => return None,
        };
        self.escape = Escape::None;
        if keep {
            self.keep(&[decoded]);
        }
        Some(self.characters.escape(None))
    }

    fn hex(&mut self, byte: u8, left: u8, unit: u16, keep: bool) -> Option<usize> {
        let digit = char::from(byte).to_digit(16).and_then(|d| u16::try_from(d).ok())?;
        let unit = unit << 4 | digit;
        if left > 1 {
            self.escape = Escape::Hex { left: left - 1, unit };
            return Some(0);
        }
        self.escape = Escape::None;
        if keep {
            self.unit(unit);
        }
        Some(self.characters.escape(Some(unit)))
    }

    fn unit(&mut self, unit: u16) {
        let pair = self.high.take().map(|high| [high, unit]);
        if pair.is_none() && (0xD800..0xDC00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        let units = pair.as_ref().map_or(std::slice::from_ref(&unit), |pair| &pair[..]);
        for c in char::decode_utf16(units.iter().copied()) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.append(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Keeps bytes that stand for themselves.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.end_high();
        self.append(bytes);
    }

    fn end_high(&mut self) {
        if self.high.take().is_some() {
            self.append("\u{FFFD}".as_bytes());
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len());
        self.cut |= bytes.len() > room;
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Hands over the whole text, of which `last` is the last piece, and whether nothing of it was
    /// cut off.
    pub(super) fn whole<R>(&mut self, last: &[u8], read: impl FnOnce(&[u8], bool) -> R) -> R {
        if self.kept.is_empty() && self.high.is_none() {
            return read(&last[..last.len().min(KEPT)], last.len() <= KEPT);
        }
        self.keep(last);
        self.end_high();
        read(&self.kept, !self.cut)
    }
}

/// Length of `bytes` up to the first quote or backslash.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const NEAR: usize = 4;
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().take(NEAR).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return n * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    if words.len() > NEAR {
        let far = bytes.get(NEAR * 8..).unwrap_or_default();
        return NEAR * 8 + memchr::memchr2(b'"', b'\\', far).unwrap_or(far.len());
    }
    let stop = |&b: &u8| b == b'"' || b == b'\\';
    words.len() * 8 + rest.iter().position(stop).unwrap_or(rest.len())
}

/// Length of `bytes` up to the first quote that ends a string, or to an escape that is bad or not
/// whole. `found` is told of every escape: where its backslash is, and what stands behind that.
pub(super) fn passable(bytes: &[u8], mut found: impl FnMut(usize, &[u8])) -> usize {
    let mut length = plain(bytes);
    while bytes.get(length) == Some(&b'\\')
        && let Some(escape) = bytes.get(length + 1..).and_then(escape)
    {
        found(length, escape);
        length += 1 + escape.len();
        let rest = bytes.get(length..).unwrap_or_default();
        // Where there was one escape, the text is most likely long.
        length += memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    }
    length
}

/// An escape behind its backslash, if it is good and whole.
fn escape(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => bytes.get(..1),
        b'u' => {
            let escape = bytes.get(..5)?;
            escape.get(1..)?.iter().all(u8::is_ascii_hexdigit).then_some(escape)
        }
        _ => None,
    }
}

/// The high bit of the lowest byte that equals `byte`, and perhaps bits above it.
const fn equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let different = word ^ (LOW * byte as u64);
    different.wrapping_sub(LOW) & !different & (LOW << 7)
}
