//! JSON without a tree: a scanner that is shown a document in pieces and reports what stands at
//! the places that a [`Tree`] names.
//!
//! It checks structure, literals, numbers and escapes; it does not check UTF-8, and it lets control
//! characters stand inside strings. Its memory is fixed: nesting is limited to [`MAX_DEPTH`], and of
//! a scalar at most [`KEPT`] bytes are kept. Where one piece ends and the next begins never changes
//! what is reported, except into how many counts a text is divided.

mod characters;
mod flaw;
mod number;
mod scanner;
mod template;
mod text;
mod tree;

pub use characters::Length;
pub use flaw::{Flaw, FlawKind};
pub use scanner::Scanner;
pub use template::{Fit, Passed, Template};
pub use text::KEPT;
pub use tree::{Tree, Want};

use std::ops::Range;

/// How many objects and arrays may lie within each other.
pub const MAX_DEPTH: usize = 512;

/// A value that is neither object nor array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// A string, decoded. Cut off after [`KEPT`] bytes.
    Text(&'a [u8]),
    /// A string of which only the length was wanted.
    Counted,
    /// A number as it is written. Cut off after [`KEPT`] bytes.
    Number(&'a [u8]),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// What holds other values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `{…}`.
    Object,
    /// `[…]`.
    Array,
}

/// Is told what the scanner finds. Offsets are those that the pieces were shown with.
pub trait Sink<T> {
    /// A scalar at a wanted place; `span` begins at its first byte and ends behind its last.
    fn scalar(&mut self, tag: T, value: Scalar<'_>, span: Range<u64>);

    /// An object or array at a wanted place begins at `at`.
    fn open(&mut self, _tag: T, _container: Container, _at: u64) {}

    /// An object or array at a wanted place ended before `end`. Not reported for what was found
    /// anywhere.
    fn close(&mut self, _tag: T, _end: u64) {}

    /// So much more of a string within a wanted text.
    fn text(&mut self, _tag: T, _more: Length) {}

    /// A key of an object `depth` levels deep; `tag` is set where its value is wanted.
    fn key(&mut self, _depth: usize, _tag: Option<T>, _span: Range<u64>) {}

    /// A string or number, quotes included, whose value was not reported: but for the length of
    /// counted text, nothing depends on it.
    fn passed(&mut self, _passed: Passed, _span: Range<u64>) {}

    /// A comma `depth` levels deep.
    fn comma(&mut self, _depth: usize, _at: u64) {}
}

#[cfg(test)]
mod tests;
