//! Bytes in, events out: the framings that carry what providers say.
//!
//! Nothing here performs I/O or knows what an event means. Every parser takes its input in pieces
//! that may end anywhere, and its memory does not grow with the input.

pub mod decompress;
pub mod json;
pub mod sse;
