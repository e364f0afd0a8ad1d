//! What passes of a frame: a slice of it where that is possible, a copy where it is not.

use bytes::Bytes;
use std::ops::Range;

/// Collects what passes.
pub(super) struct Output<'a> {
    frame: &'a Bytes,
    /// One part of the frame, as long as nothing was copied.
    part: Range<usize>,
    copy: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) const fn new(frame: &'a Bytes) -> Self {
        Self { frame, part: 0..0, copy: Vec::new() }
    }

    /// Passes a part of the frame.
    pub(super) fn pass(&mut self, part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        if self.copy.is_empty() && self.part.is_empty() {
            self.part = part;
        } else if self.copy.is_empty() && self.part.end == part.start {
            self.part.end = part.end;
        } else {
            let frame = self.frame;
            self.copy(&frame[part]);
        }
    }

    /// Passes a copy.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.copy.is_empty() {
            self.copy.reserve(self.frame.len().max(bytes.len()));
            self.copy.extend_from_slice(&self.frame[self.part.clone()]);
        }
        self.copy.extend_from_slice(bytes);
    }

    /// Passes a copy without what is cut out of it; `bytes` begin at offset `at`.
    pub(super) fn copy_without(&mut self, bytes: &[u8], at: u64, cuts: &[Range<u64>]) {
        let index = |offset: u64| {
            let index = usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
            index.min(bytes.len())
        };
        let mut from = 0;
        for cut in cuts {
            self.copy(&bytes[from..index(cut.start).max(from)]);
            from = index(cut.end).max(from);
        }
        self.copy(&bytes[from..]);
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.copy.is_empty() { self.frame.slice(self.part) } else { Bytes::from(self.copy) }
    }
}
