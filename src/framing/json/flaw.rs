//! Why bytes are not JSON.

use std::fmt;

/// Where and why a document stopped being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// Offset of the offending byte.
    pub at: u64,
    /// What is wrong there.
    pub kind: FlawKind,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlawKind {
    /// This byte cannot stand here; what could is named.
    Unexpected(u8, &'static str),
    /// More than [`super::MAX_DEPTH`] objects and arrays within each other.
    TooDeep,
    /// The document ended before it was complete.
    Unended,
    /// There was nothing but white space.
    Empty,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.kind {
            FlawKind::Unexpected(byte, expected) => {
                let found = char::from(byte).escape_default();
                write!(f, "found `{found}` at byte {at}, expected {expected}")
            }
            FlawKind::TooDeep => {
                write!(f, "nested deeper than {} levels at byte {at}", super::MAX_DEPTH)
            }
            FlawKind::Unended => write!(f, "ended at byte {at} before it was complete"),
            FlawKind::Empty => f.write_str("it is empty"),
        }
    }
}

impl std::error::Error for Flaw {}
