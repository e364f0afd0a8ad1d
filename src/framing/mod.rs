//! Bytes in, events out: the framings that carry what providers say.
//!
//! Nothing here performs I/O or knows what an event means. Every parser takes its input in pieces
//! that may end anywhere, and its memory does not grow with the input.

pub mod base64;
pub mod decompress;
pub mod elements;
pub mod eventstream;
pub mod json;
pub mod lines;
pub mod multipart;
pub mod sse;
pub mod websocket;
pub mod wrapped;

#[cfg(test)]
mod pieces;

/// Is told what the events of a body say, whatever frames them.
pub trait Events {
    /// The next bytes of the current event's data; the first stands at offset `at` of the stream.
    fn data(&mut self, bytes: &[u8], at: u64);

    /// The current event ended.
    fn dispatch(&mut self);
}

/// A length as part of an offset.
fn offset(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
