//! The grammar of a JSON number, one byte at a time. No values are computed.

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
                length += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
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
