//! Content encodings of answers, flushed after each event so that a stream stays a stream. Brotli
//! and Zstandard are written in their stored form: valid for every decoder, and not smaller.

use super::script::Encoding;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::{self, Write};

/// Longest stored block: 64 KiB suits both formats.
const BLOCK: usize = 1 << 16;

/// Encodes one answer.
#[derive(Debug)]
pub(super) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Br { begun: bool },
    Zstd { begun: bool },
}

impl Encoder {
    /// A fresh encoder.
    pub(super) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Br => Self::Br { begun: false },
            Encoding::Zstd => Self::Zstd { begun: false },
        }
    }

    /// The encoded form of the next bytes, complete up to here, and of the end after the last.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool) -> io::Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                if last {
                    encoder.try_finish()?
                } else {
                    encoder.flush()?
                }
                std::mem::take(encoder.get_mut())
            }
            Self::Deflate(encoder) => {
                encoder.write_all(bytes)?;
                if last {
                    encoder.try_finish()?
                } else {
                    encoder.flush()?
                }
                std::mem::take(encoder.get_mut())
            }
            Self::Br { begun } => stored_brotli(bytes, !std::mem::replace(begun, true), last),
            Self::Zstd { begun } => stored_zstd(bytes, !std::mem::replace(begun, true), last),
        };
        Ok(out.into())
    }
}

/// RFC 7932: a window bit before the first block; then not-last, length − 1, uncompressed.
fn stored_brotli(bytes: &[u8], first: bool, last: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    let mut window_bits = u32::from(first);
    for block in bytes.chunks(BLOCK) {
        let length = u32::try_from(block.len() - 1).unwrap_or(0);
        let header = (length << 3 | 1 << 19) << window_bits;
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(block);
        window_bits = 0;
    }
    if last {
        out.push(0b11 << window_bits);
    }
    out
}

/// RFC 8878: a frame header without content size or checksum, then raw blocks.
fn stored_zstd(bytes: &[u8], first: bool, last: bool) -> Vec<u8> {
    const HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let mut out = Vec::with_capacity(bytes.len() + 12);
    if first {
        out.extend_from_slice(&HEADER);
    }
    for block in bytes.chunks(BLOCK) {
        let length = u32::try_from(block.len()).unwrap_or(0);
        out.extend_from_slice(&(length << 3).to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
    if last {
        out.extend_from_slice(&[1, 0, 0]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn decode(encoding: Encoding, coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match encoding {
            Encoding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut plain),
            Encoding::Deflate => flate2::read::ZlibDecoder::new(coded).read_to_end(&mut plain),
            Encoding::Br => {
                brotli_decompressor::Decompressor::new(coded, 4096).read_to_end(&mut plain)
            }
            Encoding::Zstd => {
                ruzstd::decoding::StreamingDecoder::new(coded).unwrap().read_to_end(&mut plain)
            }
        }
        .unwrap();
        plain
    }

    #[test]
    fn every_encoding_is_read_by_its_decoder() {
        let pushes = [b"data: one\n\n".to_vec(), vec![b'x'; 200_000], b"[DONE]".to_vec()];
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Br, Encoding::Zstd] {
            let mut encoder = Encoder::new(encoding);
            let coded: Vec<u8> = pushes
                .iter()
                .enumerate()
                .flat_map(|(i, bytes)| encoder.push(bytes, i == 2).unwrap())
                .collect();
            assert_eq!(decode(encoding, &coded), pushes.concat(), "{encoding:?}");
        }
    }
}
