//! Deflate in its three wrappings, as it arrives.
//!
//! Whatever stands before a flaw is written on, so that what is read of a broken body does not
//! depend on how it was divided. Holds the window, which is 32 KiB, and a piece of output.

use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, Write};

/// How much is written on at a time.
const PIECE: usize = 8 * 1024;

/// The base-2 logarithm of the window.
const WINDOW_BITS: u8 = 15;

/// What is around the deflated bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Nothing.
    Bare,
    /// A zlib header and checksum.
    Zlib,
    /// A gzip header and checksum; another such member may follow.
    Gzip,
}

/// Inflates what it is shown and writes it on.
pub struct Inflate<W> {
    inner: W,
    raw: Decompress,
    wrapping: Wrapping,
    ended: bool,
    piece: [u8; PIECE],
}

impl<W: Write> Inflate<W> {
    pub(super) fn new(wrapping: Wrapping, inner: W) -> Self {
        Self { inner, raw: begin(wrapping), wrapping, ended: false, piece: [0; PIECE] }
    }

    pub(super) fn get_ref(&self) -> &W {
        &self.inner
    }

    pub(super) fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The next bytes. What follows the end is passed over, but for another gzip member.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        loop {
            if self.ended {
                if rest.is_empty() || self.wrapping != Wrapping::Gzip {
                    return Ok(());
                }
                self.raw = begin(self.wrapping);
                self.ended = false;
            }
            let (read, written, said) = self.step(rest);
            self.inner.write_all(self.piece.get(..written).unwrap_or_default())?;
            rest = rest.get(read..).unwrap_or_default();
            self.ended = said.map_err(io::Error::other)? == Status::StreamEnd;
            let stuck = read == 0 && written == 0;
            if stuck && !self.ended {
                return Ok(());
            }
        }
    }

    /// Fills one piece; gives how many bytes were read for it and how many it has.
    fn step(&mut self, rest: &[u8]) -> (usize, usize, Result<Status, flate2::DecompressError>) {
        let (read, written) = (self.raw.total_in(), self.raw.total_out());
        let said = self.raw.decompress(rest, &mut self.piece, FlushDecompress::None);
        let since = |now: u64, then: u64| usize::try_from(now.saturating_sub(then)).unwrap_or(0);
        (since(self.raw.total_in(), read), since(self.raw.total_out(), written), said)
    }
}

fn begin(wrapping: Wrapping) -> Decompress {
    match wrapping {
        Wrapping::Bare => Decompress::new(false),
        Wrapping::Zlib => Decompress::new(true),
        Wrapping::Gzip => Decompress::new_gzip(WINDOW_BITS),
    }
}
