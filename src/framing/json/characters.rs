//! How many characters a JSON string stands for. Nothing is decoded or kept.
//!
//! A character is a Unicode scalar value: an escape is one, two escapes that make up a surrogate
//! pair are one together, half a pair alone is one. Of bytes that are not UTF-8, every byte counts
//! that does not look like the continuation of another. Where a string is cut into pieces never
//! changes the sum.

use super::text::passable;

/// How long a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Length {
    /// In bytes as it is written, escapes included.
    pub bytes: usize,
    /// In characters, where those are wanted.
    pub characters: usize,
}

/// Counts one string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Characters {
    /// The text so far ends with the first half of a surrogate pair.
    half: bool,
}

impl Characters {
    pub(super) const fn new() -> Self {
        Self { half: false }
    }

    /// How far `bytes` can be passed over, and what that is.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Length {
        let mut surplus = 0;
        // Where the first half of a pair ended.
        let mut half = std::mem::take(&mut self.half).then_some(0);
        let length = passable(bytes, |at, escape| {
            let mut pair = Self { half: half == Some(at) };
            surplus += 1 + escape.len() - pair.escape(high_byte(escape));
            half = pair.half.then_some(at + 1 + escape.len());
        });
        self.half = half == Some(length);
        let characters = beginnings(bytes.get(..length).unwrap_or_default());
        Length { bytes: length, characters: characters.saturating_sub(surplus) }
    }

    /// Counts an escape of a UTF-16 unit with this high byte; `None` if it is of another kind.
    pub(super) fn escape(&mut self, high: Option<u8>) -> usize {
        let joins = self.half && matches!(high, Some(0xDC..=0xDF));
        self.half = matches!(high, Some(0xD8..=0xDB));
        usize::from(!joins)
    }
}

/// The high byte of `u1234`.
fn high_byte(escape: &[u8]) -> Option<u8> {
    let digit = |at: usize| {
        let digit = char::from(*escape.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    Some(digit(1)? << 4 | digit(2)?)
}

/// Bytes that do not continue a character.
fn beginnings(bytes: &[u8]) -> usize {
    const LANES: usize = 32;
    const ROUNDS: usize = 255;
    let continues = |byte: u8| byte & 0xC0 == 0x80;
    let (chunks, rest) = bytes.as_chunks::<LANES>();
    let mut continued = rest.iter().filter(|&&byte| continues(byte)).count();
    for chunks in chunks.chunks(ROUNDS) {
        let mut lanes = [0_u8; LANES];
        for chunk in chunks {
            for (lane, &byte) in lanes.iter_mut().zip(chunk) {
                *lane += u8::from(continues(byte));
            }
        }
        continued += lanes.iter().map(|&lane| usize::from(lane)).sum::<usize>();
    }
    bytes.len() - continued
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inside: &str, characters: usize) {
        let length = Characters::new().pass(inside.as_bytes());
        assert_eq!(length, Length { bytes: inside.len(), characters }, "{inside}");
    }

    #[test]
    fn a_character_is_what_a_text_stands_for() {
        for (inside, characters) in [
            ("", 0),
            ("hello", 5),
            ("Grüße 🙂", 7),
            (r"a\nb", 3),
            (r#"\"\\\/\b\f\n\r\t"#, 8),
            (r"\u00e9", 1),
            (r"\u00E9é", 2),
            (r"\ud83d\ude42", 1),
            (r"\uD83D\uDE42\uD83D\uDE42", 2),
            (r"\ud83d", 1),
            (r"\ude42", 1),
            (r"\ude42\ud83d", 2),
            (r"\ud83d\ud83d\ude42", 2),
            (r"\ud83d \ude42", 3),
            (r"\ud83d\n\ude42", 3),
            (r"\ud83dé\ude42", 3),
        ] {
            check(inside, characters);
        }
    }

    #[test]
    fn long_texts_are_counted_in_lanes() {
        for times in [1, 31, 32, 33, 254 * 32, 256 * 32, 20_000] {
            check(&"x".repeat(times), times);
            check(&"é".repeat(times), times);
            check(&"🙂".repeat(times), times);
            check(&format!("é\\n{}", "€".repeat(times)), times + 2);
        }
    }
}
