//! Base64 that comes in pieces.
//!
//! The standard alphabet and the one for URLs are read, padded or not; white space is passed over.
//! Escapes of JSON (`\/`, `\n`, `\u002b`) stand for what they mean, so that a string can be decoded
//! as it is written. After the first byte that fits nowhere, nothing more is handed on.

/// How many bytes are handed on at a time.
const PIECE: usize = 768;

/// Marks in the table below, above every digit.
const BLANK: u8 = 64;
const PADDING: u8 = 65;
const BACKSLASH: u8 = 66;
const ALIEN: u8 = 67;

/// What each byte stands for: a digit below 64, or one of the marks.
const MEANING: [u8; 256] = meaning();

/// The standard alphabet.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const fn meaning() -> [u8; 256] {
    let mut table = [ALIEN; 256];
    let mut digit = 0;
    while digit < 64 {
        table[DIGITS[digit as usize] as usize] = digit;
        digit += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = PADDING;
    table[b'\\' as usize] = BACKSLASH;
    table[b' ' as usize] = BLANK;
    table[b'\t' as usize] = BLANK;
    table[b'\r' as usize] = BLANK;
    table[b'\n' as usize] = BLANK;
    table
}

/// How far an escape of JSON was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    /// A backslash.
    Begun,
    /// `\u` and so many hexadecimal digits, with what they say.
    Code(u8, u32),
}

/// Decodes one value.
#[derive(Debug)]
pub struct Base64 {
    /// The bits that are not handed on yet; `count` of them, fewer than eight.
    bits: u32,
    count: u8,
    padding: u8,
    escape: Escape,
    broken: bool,
}

impl Base64 {
    /// A decoder at the start of a value.
    pub const fn new() -> Self {
        Self { bits: 0, count: 0, padding: 0, escape: Escape::None, broken: false }
    }

    /// The next bytes of the text; what they decode to is handed on in small pieces.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        let mut piece = Piece { bytes: [0; PIECE], length: 0 };
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first()
            && !self.broken
        {
            if let Some((decoded, behind)) = self.group(rest) {
                piece.extend(&decoded, out);
                rest = behind;
                continue;
            }
            if let Some(decoded) = self.byte(byte) {
                piece.extend(&[decoded], out);
            }
            rest = behind;
        }
        piece.flush(out);
    }

    /// Whether the text so far is base64, and one that may end here.
    pub fn is_whole(&self) -> bool {
        !self.broken && self.escape == Escape::None && self.count != 6
    }

    /// Four digits at once, where three bytes begin.
    fn group<'a>(&self, rest: &'a [u8]) -> Option<([u8; 3], &'a [u8])> {
        if self.count != 0 || self.padding != 0 || self.escape != Escape::None {
            return None;
        }
        let (four, behind) = rest.split_first_chunk::<4>()?;
        let digits = four.map(|byte| MEANING[usize::from(byte)]);
        if digits.iter().any(|&digit| digit >= BLANK) {
            return None;
        }
        let bits = digits.iter().fold(0, |bits, &digit| bits << 6 | u32::from(digit));
        let [_, a, b, c] = bits.to_be_bytes();
        Some(([a, b, c], behind))
    }

    /// Reads one byte; gives a decoded one when eight bits are there.
    fn byte(&mut self, byte: u8) -> Option<u8> {
        let meant = match self.escape {
            Escape::None => byte,
            Escape::Begun => {
                self.escape = Escape::None;
                match byte {
                    b'/' => byte,
                    b'n' | b'r' | b't' => b' ',
                    b'u' => {
                        self.escape = Escape::Code(0, 0);
                        return None;
                    }
                    _ => return self.give_up(),
                }
            }
            Escape::Code(read, code) => {
                let Some(digit) = char::from(byte).to_digit(16) else { return self.give_up() };
                let code = code << 4 | digit;
                if read < 3 {
                    self.escape = Escape::Code(read + 1, code);
                    return None;
                }
                self.escape = Escape::None;
                let Ok(meant) = u8::try_from(code) else { return self.give_up() };
                meant
            }
        };
        self.meant(meant)
    }

    fn meant(&mut self, byte: u8) -> Option<u8> {
        match MEANING[usize::from(byte)] {
            BLANK => None,
            BACKSLASH => {
                self.escape = Escape::Begun;
                None
            }
            // One for each two bits that are left over.
            PADDING if self.padding * 2 < self.count && self.count != 6 => {
                self.padding += 1;
                None
            }
            digit if digit < BLANK && self.padding == 0 => {
                self.bits = self.bits << 6 | u32::from(digit);
                self.count += 6;
                if self.count < 8 {
                    return None;
                }
                self.count -= 8;
                let [.., decoded] = (self.bits >> self.count).to_be_bytes();
                Some(decoded)
            }
            _ => self.give_up(),
        }
    }

    fn give_up(&mut self) -> Option<u8> {
        self.broken = true;
        None
    }
}

impl Default for Base64 {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes of a whole text, or `None` if it is not base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoder = Base64::new();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    decoder.push(text.as_bytes(), &mut |piece| bytes.extend_from_slice(piece));
    decoder.is_whole().then_some(bytes)
}

/// Bytes as a padded text of the standard alphabet.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | usize::from(group.get(at).copied().unwrap_or_default())
        });
        let digits = [18, 12, 6, 0].map(|shift| DIGITS.get(bits >> shift & 63).copied());
        let digits = digits.into_iter().flatten().map(char::from);
        text.extend(digits.take(group.len() + 1));
        text.extend(std::iter::repeat_n('=', 3 - group.len()));
    }
    text
}

/// Decoded bytes on their way out.
struct Piece {
    bytes: [u8; PIECE],
    length: usize,
}

impl Piece {
    /// Takes up to three bytes more.
    fn extend(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        if self.length + bytes.len() > PIECE {
            self.flush(out);
        }
        if let Some(free) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            free.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    fn flush(&mut self, out: &mut impl FnMut(&[u8])) {
        if let Some(decoded) = self.bytes.get(..self.length)
            && !decoded.is_empty()
        {
            out(decoded);
        }
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{any_cuts, divide, every_way, words};
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let (mut decoder, mut bytes) = (Base64::new(), Vec::new());
        for piece in pieces {
            decoder.push(piece, &mut |piece| {
                assert!(!piece.is_empty(), "nothing was handed on");
                bytes.extend_from_slice(piece);
            });
        }
        (bytes, decoder.is_whole())
    }

    fn check(text: &str, expected: Option<&[u8]>) {
        let (bytes, whole) = every_way(text.as_bytes(), read);
        assert_eq!(whole.then_some(&bytes[..]), expected, "{text:?}");
        assert_eq!(decode(text).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn decodes() {
        check("", Some(b""));
        check("aGk=", Some(b"hi"));
        check("aA==", Some(b"h"));
        check("aGkh", Some(b"hi!"));
        check("aGkhaGkhaGkh", Some(b"hi!hi!hi!"));
        check("+/8A", Some(b"\xfb\xff\x00"));
        check("-_8A", Some(b"\xfb\xff\x00"));
        check("aGk", Some(b"hi"));
        check("aA", Some(b"h"));
        check("aA=", Some(b"h"));
        check(" aG\r\nkh\taA = =\n", Some(b"hi!h"));
    }

    #[test]
    fn reads_the_escapes_of_json() {
        check(r"+\/8A", Some(b"\xfb\xff\x00"));
        check(r"\u002b\u002F8A", Some(b"\xfb\xff\x00"));
        check(r"aGkh\naGkh\r\t", Some(b"hi!hi!"));
        check(r"aG\u003d", Some(b"h"));
        for broken in [r"\", r"\u00", r"\x", r"\u00g0", r"\u012b", r"aGkh\u0022"] {
            check(broken, None);
        }
    }

    #[test]
    fn refuses_what_is_not_base64() {
        for text in
            ["a", "aGkha", "=", "aGkh=", "a===", "aA===", "aGk==", "aA==aA==", "aA=A", "aG!h", "é"]
        {
            check(text, None);
        }
    }

    #[test]
    fn hands_on_what_came_before_a_flaw() {
        assert_eq!(read(&[b"aGkh!aGkh", b"aGkh"]), (b"hi!".to_vec(), false));
    }

    #[test]
    fn a_long_value_passes_in_small_pieces() {
        let (mut decoder, mut total, mut largest) = (Base64::new(), 0, 0);
        for _ in 0..1000 {
            decoder.push(&[b'A'; 1001], &mut |piece| {
                total += piece.len();
                largest = largest.max(piece.len());
            });
        }
        assert_eq!(total, 1_001_000 / 4 * 3);
        assert!(largest <= PIECE, "{largest}");
    }

    proptest! {
        #[test]
        fn any_division_decodes_the_same(
            bytes in words(&["aGkh", "A", "/", "+", "=", "\\/", "\\", "u002b", " ", "-_"]),
            cuts in any_cuts(),
        ) {
            prop_assert_eq!(read(&divide(&bytes, &cuts)), read(&[&bytes]));
        }

        #[test]
        fn undoes_an_encoder(bytes in prop::collection::vec(any::<u8>(), 0..3000), cuts in any_cuts()) {
            let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
            let text: Vec<u8> = bits
                .chunks(6)
                .map(|six| (0..6).fold(0, |n, i| n << 1 | six.get(i).unwrap_or(&0)))
                .map(|digit: u8| digits[usize::from(digit)])
                .collect();
            prop_assert_eq!(read(&divide(&text, &cuts)), (bytes, true));
        }
    }
}
