//! Filler of the same length.

use std::collections::HashMap;

/// What everything private becomes.
const FILLER: u8 = b'x';

/// The filler as an escape of four hexadecimal digits.
const ESCAPED: &[u8; 4] = b"0078";

/// What digits become, also where a number may not begin with a zero.
const DIGIT: u8 = b'1';

/// Fills bytes that have no form; lines stay lines.
pub(super) fn plain(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = FILLER;
    }
}

/// Fills a number; it stays one.
pub(super) fn number(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| byte.is_ascii_digit()) {
        *byte = DIGIT;
    }
}

/// Fills what stands inside a JSON string. An escape becomes another of the same length; what is no
/// escape stays none.
pub(super) fn string(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first_mut() {
        rest = match (*first, behind.first()) {
            (b'\\', Some(b'u')) => {
                let (digits, after) = behind.split_at_mut(behind.len().min(1 + ESCAPED.len()));
                escape(digits.get_mut(1..).unwrap_or_default());
                after
            }
            (b'\\', Some(kind)) => {
                let kind = if b"\"\\/bfnrt".contains(kind) { b'n' } else { FILLER };
                let (letter, after) = behind.split_at_mut(1);
                letter.fill(kind);
                after
            }
            (b'\\', None) => behind,
            _ => {
                *first = FILLER;
                behind
            }
        };
    }
}

fn escape(digits: &mut [u8]) {
    for (digit, &filler) in digits.iter_mut().zip(ESCAPED) {
        *digit = if digit.is_ascii_hexdigit() { filler } else { FILLER };
    }
}

/// The ids of a recording, numbered, so that the same id is the same filler.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<Vec<u8>, usize>);

impl Ids {
    /// Fills an id.
    pub(super) fn fill(&mut self, id: &mut [u8]) {
        let next = self.0.len() + 1;
        let number = *self.0.entry(id.to_vec()).or_insert(next);
        id.fill(FILLER);
        let number = number.to_string();
        if let Some(at) = id.len().checked_sub(number.len())
            && let Some(end) = id.get_mut(at..)
        {
            end.copy_from_slice(number.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fill: impl FnOnce(&mut [u8]), text: &str, filled: &str) {
        let mut bytes = text.as_bytes().to_vec();
        fill(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), filled, "{text}");
    }

    #[test]
    fn filler_is_as_long_as_what_it_stands_for() {
        check(string, "hello", "xxxxx");
        check(string, r#"a\n\"b\u00e9\\"#, r"x\n\nx\u0078\n");
        check(string, "é🙂", "xxxxxx");
        check(string, r"\x\u00g\", r"\x\u00xx");
        check(plain, "1\r\n00:00 --> a\n", "x\r\nxxxxxxxxxxx\n");
        check(number, "-10.5e-7", "-11.1e-1");
    }

    #[test]
    fn the_same_id_is_the_same_filler() {
        let mut ids = Ids::default();
        check(|id| ids.fill(id), "resp_abc", "xxxxxxx1");
        check(|id| ids.fill(id), "resp_abd", "xxxxxxx2");
        check(|id| ids.fill(id), "resp_abc", "xxxxxxx1");
        check(|id| ids.fill(id), "", "");
    }
}
