//! Zstandard as it arrives: frames are cut into blocks, and each block is decoded once it is whole.
//!
//! Holds one block (at most 128 KiB) and the window that the frame asks for, at most [`WINDOW`].

use ruzstd::decoding::FrameDecoder;
use std::io::{self, Write};

/// The largest window that is accepted.
pub const WINDOW: u64 = 8 << 20;

const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const BLOCK_HEADER: usize = 3;
const CHECKSUM: usize = 4;

enum Stage {
    Frame,
    Block { checksum: bool },
    Checksum,
}

/// Decodes what it is shown and writes it on.
pub struct Zstd<W> {
    inner: W,
    decoder: FrameDecoder,
    stage: Stage,
    held: Vec<u8>,
}

impl<W: Write> Zstd<W> {
    pub(super) fn new(inner: W) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self { inner, decoder, stage: Stage::Frame, held: Vec::new() }
    }

    pub(super) fn get_ref(&self) -> &W {
        &self.inner
    }

    pub(super) fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        let joined = (!held.is_empty()).then(|| [&held, bytes].concat());
        let mut rest = joined.as_deref().unwrap_or(bytes);
        while let Some(length) = self.unit(rest)? {
            let Some((unit, after)) = rest.split_at_checked(length) else { break };
            self.decode(unit)?;
            rest = after;
        }
        self.held = rest.to_vec();
        Ok(())
    }

    /// Length of the frame header, block or checksum that begins here, if it can be told yet.
    fn unit(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        Ok(match self.stage {
            Stage::Frame => return frame_header(bytes),
            Stage::Block { .. } => bytes.first_chunk().map(|&head| block(head)),
            Stage::Checksum => (bytes.len() >= CHECKSUM).then_some(CHECKSUM),
        })
    }

    fn decode(&mut self, unit: &[u8]) -> io::Result<()> {
        match self.stage {
            Stage::Frame => {
                self.decoder.reset(unit).map_err(io::Error::other)?;
                let checksum = unit.get(MAGIC.len()).is_some_and(|d| d & 4 != 0);
                self.stage = Stage::Block { checksum };
            }
            Stage::Block { checksum } => {
                self.read(unit)?;
                if unit.first().is_some_and(|head| head & 1 != 0) {
                    self.stage = if checksum { Stage::Checksum } else { Stage::Frame };
                }
            }
            Stage::Checksum => {
                self.read(unit)?;
                self.stage = Stage::Frame;
            }
        }
        Ok(())
    }

    /// Decodes one unit and writes what the window does not need; after the last one, everything.
    fn read(&mut self, unit: &[u8]) -> io::Result<()> {
        self.decoder.decode_from_to(unit, &mut []).map_err(io::Error::other)?;
        self.decoder.collect_to_writer(&mut self.inner)?;
        Ok(())
    }
}

/// Length of a frame header, from its descriptor.
fn frame_header(bytes: &[u8]) -> io::Result<Option<usize>> {
    let magic = bytes.get(..MAGIC.len().min(bytes.len())).unwrap_or_default();
    if !MAGIC.starts_with(magic) {
        return Err(io::Error::other("not a zstd frame"));
    }
    let Some(&descriptor) = bytes.get(MAGIC.len()) else { return Ok(None) };
    let single = descriptor & 0x20 != 0;
    let window = usize::from(!single);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = [usize::from(single), 2, 4, 8][usize::from(descriptor >> 6)];
    Ok(Some(MAGIC.len() + 1 + window + dictionary + size))
}

/// Length of a block with its header.
fn block(head: [u8; BLOCK_HEADER]) -> usize {
    let [a, b, c] = head.map(usize::from);
    let bits = a | b << 8 | c << 16;
    let repeated = (bits >> 1) & 3 == 1;
    BLOCK_HEADER + if repeated { 1 } else { bits >> 3 }
}
