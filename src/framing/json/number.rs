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
    pub(super) const fn then(self, byte: u8) -> Option<Self> {
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

    /// Whether the number may end here.
    pub(super) const fn whole(self) -> bool {
        matches!(self, Self::Zero | Self::Digits | Self::Decimals | Self::Exponent)
    }
}
