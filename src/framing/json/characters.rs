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
        const NOWHERE: usize = usize::MAX;
        let mut surplus = 0;
        // Where the first half of a pair ended last; its second half begins exactly there.
        let mut half = if self.half { 0 } else { NOWHERE };
        let length = passable(bytes, |at, escape| {
            surplus += escape.len();
            if let [b'u', first, second, ..] = *escape {
                let kind = Half::of(hex(first) << 4 | hex(second));
                surplus += usize::from(kind == Half::Second && half == at);
                half = if kind == Half::First { at + 1 + escape.len() } else { NOWHERE };
            }
        });
        self.half = half == length;
        let characters = beginnings(bytes, length).saturating_sub(surplus);
        Length { bytes: length, characters }
    }

    /// Counts an escape that came in parts; of a UTF-16 unit, or of anything else.
    pub(super) fn escape(&mut self, unit: Option<u16>) -> usize {
        let kind = unit.map_or(Half::Neither, |unit| Half::of(unit.to_be_bytes()[0]));
        let joins = self.half && kind == Half::Second;
        self.half = kind == Half::First;
        usize::from(!joins)
    }
}

/// Which half of a surrogate pair a UTF-16 unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Neither,
    First,
    Second,
}

impl Half {
    /// Told by the high byte.
    const fn of(high: u8) -> Self {
        match high {
            0xD8..=0xDB => Self::First,
            0xDC..=0xDF => Self::Second,
            _ => Self::Neither,
        }
    }
}

/// The value of a hexadecimal digit.
const fn hex(digit: u8) -> u8 {
    (digit & 0x0F) + if digit.is_ascii_digit() { 0 } else { 9 }
}

/// How many of the first `length` bytes do not continue a character.
fn beginnings(bytes: &[u8], length: usize) -> usize {
    match bytes.first_chunk() {
        Some(word) if length < 8 => length - continued(u64::from_le_bytes(*word), length),
        _ => long_beginnings(bytes.get(..length).unwrap_or_default()),
    }
}

/// How many of the low `length` bytes of a word continue a character; `length` is below 8. Most
/// deltas of a stream are so short.
fn continued(word: u64, length: usize) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let within = (1 << (8 * length)) - 1;
    let continued = (word >> 7) & !(word >> 6) & LOW & within;
    (continued.wrapping_mul(LOW) >> 56) as usize
}

/// Blocks are short enough for a sum in one byte, and of one length, so that a compiler makes
/// vectors of them.
fn long_beginnings(bytes: &[u8]) -> usize {
    const BLOCK: usize = 224;
    let continued = |bytes: &[u8]| -> usize {
        let sum = bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(continues(*byte)));
        usize::from(sum)
    };
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let in_blocks: usize = blocks.iter().map(|block| continued(block)).sum();
    bytes.len() - in_blocks - continued(rest)
}

fn continues(byte: u8) -> u8 {
    u8::from(byte & 0xC0 == 0x80)
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
    fn what_stands_behind_a_text_does_not_count() {
        for behind in ["", "\"é", "\"}]}}éééé", "\\", "\\u00é9"] {
            for inside in ["", "é", "héllo", "€€", "hello é", "hello, é", "🙂🙂🙂"] {
                let bytes = format!("{inside}{behind}");
                let length = Characters::new().pass(bytes.as_bytes());
                let characters = inside.chars().count();
                assert_eq!(length, Length { bytes: inside.len(), characters }, "{bytes}");
            }
        }
    }

    #[test]
    fn long_texts_are_counted_in_blocks() {
        for times in [1, 7, 8, 9, 223, 224, 225, 448, 20_000] {
            check(&"x".repeat(times), times);
            check(&"é".repeat(times), times);
            check(&"🙂".repeat(times), times);
            check(&format!("é\\n{}", "€".repeat(times)), times + 2);
        }
    }
}
