//! The grammar of a JSON number, one byte at a time, and of many numbers in a row, which is what an
//! embedding is. No values are computed.

use std::ops::Range;

/// How far a number has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Decimals,
    E,
    ESign,
    Exponent,
}

impl Number {
    /// A number that begins with `byte`.
    pub(super) const fn begin(byte: u8) -> Self {
        match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            _ => Self::Digits,
        }
    }

    /// The number with one more byte; `None` if the byte is not part of it.
    const fn then(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus | Self::Digits, b'0'..=b'9') => Some(Self::Digits),
            (Self::Zero | Self::Digits, b'.') => Some(Self::Point),
            (Self::Point | Self::Decimals, b'0'..=b'9') => Some(Self::Decimals),
            (Self::Zero | Self::Digits | Self::Decimals, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::ESign),
            (Self::E | Self::ESign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    /// The number with as many of the bytes as are part of it, and how many those are.
    pub(super) fn read(mut self, bytes: &[u8]) -> (Self, usize) {
        let mut length = 0;
        loop {
            if matches!(self, Self::Digits | Self::Decimals | Self::Exponent) {
                let rest = bytes.get(length..).unwrap_or_default();
                length += digits(rest);
            }
            match bytes.get(length).and_then(|&byte| self.then(byte)) {
                Some(next) => self = next,
                None => return (self, length),
            }
            length += 1;
        }
    }

    /// Whether the number may end here.
    pub(super) const fn whole(self) -> bool {
        matches!(self, Self::Zero | Self::Digits | Self::Decimals | Self::Exponent)
    }
}

/// Passes over elements of an array that are numbers, each with the comma before it and whatever
/// byte behind it; gives how much that is. `found` is told where the comma is and where the number.
/// What follows is for [`Number`] to judge: another value, a flaw, or a number that may go on in the
/// next piece.
pub(super) fn elements(bytes: &[u8], mut found: impl FnMut(usize, Range<usize>)) -> usize {
    let mut comma = 0;
    while bytes.get(comma) == Some(&b',') {
        let behind = bytes.get(comma + 1..).unwrap_or_default();
        let blank = blanks(behind);
        let Some(length) = behind.get(blank..).and_then(element) else { break };
        let start = comma + 1 + blank;
        found(comma, start..start + length);
        comma = start + length;
    }
    comma
}

/// Length of the number that begins here, if it is good and a byte stands behind it.
fn element(bytes: &[u8]) -> Option<usize> {
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let mut length = sign + 1;
    match bytes.get(sign)? {
        b'0' => {}
        b'1'..=b'9' => length += digits(bytes.get(length..)?),
        _ => return None,
    }
    if bytes.get(length) == Some(&b'.') {
        length += 1 + some_digits(bytes.get(length + 1..)?)?;
    }
    if let Some(b'e' | b'E') = bytes.get(length) {
        length += 1 + usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        length += some_digits(bytes.get(length..)?)?;
    }
    (length < bytes.len()).then_some(length)
}

fn some_digits(bytes: &[u8]) -> Option<usize> {
    Some(digits(bytes)).filter(|length| *length > 0)
}

/// How many digits come first, eight at a time.
fn digits(bytes: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let mut length = 0;
    while let Some(word) = bytes.get(length..).and_then(<[u8]>::first_chunk) {
        // A digit becomes 0 to 9, and only those stay below 0x80 when 0x76 is added. What carries
        // into the byte above is no digit itself.
        let word = u64::from_le_bytes(*word) ^ (LOW * u64::from(b'0'));
        let others = (word.wrapping_add(LOW * 0x76) | word) & (LOW << 7);
        if others != 0 {
            return length + (others.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let rest = bytes.get(length..).unwrap_or_default();
    length + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// How many bytes of white space come first.
fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the commas and numbers were found, and how much was passed over.
    fn found(text: &str) -> (Vec<(usize, &str)>, usize) {
        let mut all = Vec::new();
        let length = elements(text.as_bytes(), |comma, number| all.push((comma, &text[number])));
        (all, length)
    }

    #[test]
    fn numbers_in_a_row_are_passed_over_as_far_as_they_are_whole() {
        for (text, numbers, length) in [
            ("", vec![], 0),
            ("]", vec![], 0),
            (",", vec![], 0),
            (",7", vec![], 0),
            (",7]", vec![(0, "7")], 2),
            (",7,", vec![(0, "7")], 2),
            (",-0.006929283495992422, 0.5\n", vec![(0, "-0.006929283495992422"), (22, "0.5")], 27),
            (",\n\t -1e5 ,2", vec![(0, "-1e5")], 8),
            (",1,\"a\"", vec![(0, "1")], 2),
            (",1E+12,2e-7,0]", vec![(0, "1E+12"), (6, "2e-7"), (11, "0")], 13),
            (",12345678,123456789012345678]", vec![(0, "12345678"), (9, "123456789012345678")], 28),
            (",1,01]", vec![(0, "1"), (2, "0")], 4),
            (",1,1.]", vec![(0, "1")], 2),
            (",1,1.e1]", vec![(0, "1")], 2),
            (",1,1e]", vec![(0, "1")], 2),
            (",1,1e+]", vec![(0, "1")], 2),
            (",1,-]", vec![(0, "1")], 2),
            (",1,+1]", vec![(0, "1")], 2),
            (",1,,1]", vec![(0, "1")], 2),
            (",1 1]", vec![(0, "1")], 2),
        ] {
            assert_eq!(found(text), (numbers, length), "{text}");
        }
    }

    #[test]
    fn only_digits_are_digits() {
        for byte in 0..=255_u8 {
            for before in 0..10 {
                let mut bytes = vec![b'9'; before];
                bytes.extend([byte, b'0', byte, 0xFF, b'1', b'1', b'1', b'1', b'1', b'1']);
                let expected = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
                assert_eq!(digits(&bytes), expected, "{byte} behind {before}");
            }
        }
    }
}
