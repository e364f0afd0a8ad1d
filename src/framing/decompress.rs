//! Undoes a content encoding as the bytes arrive, for the meter's copy of an answer only.
//!
//! What was decompressed is written on at once and never collected. A bomb is cut off: after
//! [`SLACK`] bytes and [`RATIO`] times the input, the rest is given up. Errors are final and silent;
//! the reader behind simply sees a body that ends early: at the flaw, and with brotli perhaps as much
//! before it as came in the same piece.

mod inflate;
mod zstd;

use brotli_decompressor::DecompressorWriter;
use inflate::{Inflate, Wrapping};
use std::io::{self, Write};
use zstd::Zstd;

/// How many times longer than its input an output may become.
pub const RATIO: u64 = 1100;

/// Output that is allowed beyond the ratio, once.
pub const SLACK: u64 = 1 << 20;

const BROTLI_BUFFER: usize = 8 * 1024;

/// The way to what lies behind an encoding.
pub enum Decoder<W: Write> {
    /// No encoding.
    Identity(W),
    /// `deflate`: zlib by the standard, bare deflate by many; the first byte tells.
    Deflate(Option<Capped<W>>),
    /// `gzip`, or `deflate` that has begun.
    Inflate(Box<Inflate<Capped<W>>>),
    /// `br`.
    Brotli(Box<DecompressorWriter<Capped<W>>>),
    /// `zstd`.
    Zstd(Box<Zstd<Capped<W>>>),
    /// An encoding that is not known, or several.
    Unknown(W),
}

/// A writer with a limit.
pub struct Capped<W> {
    inner: W,
    left: u64,
    broken: bool,
}

impl<W: Write> Write for Capped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            self.left = 0;
            return Err(io::Error::other("expands too far"));
        };
        self.left = left;
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Decoder<W> {
    /// A decoder for the value of a `content-encoding` header.
    pub fn new(encoding: Option<&str>, inner: W) -> Self {
        let encoding = encoding.map(|e| e.trim().to_ascii_lowercase()).unwrap_or_default();
        if matches!(encoding.as_str(), "" | "identity") {
            return Self::Identity(inner);
        }
        let capped = |inner| Capped { inner, left: SLACK, broken: false };
        match encoding.as_str() {
            "gzip" | "x-gzip" => Self::inflate(Wrapping::Gzip, capped(inner)),
            "deflate" => Self::Deflate(Some(capped(inner))),
            "br" => {
                let decoder = DecompressorWriter::new(capped(inner), BROTLI_BUFFER);
                Self::Brotli(Box::new(decoder))
            }
            "zstd" => Self::Zstd(Box::new(Zstd::new(capped(inner)))),
            _ => Self::Unknown(inner),
        }
    }

    /// Whether the bytes pass through as they are.
    pub fn is_identity(&self) -> bool {
        matches!(self, Self::Identity(_))
    }

    /// The next bytes. What they decompress to has been written when this returns.
    pub fn push(&mut self, bytes: &[u8]) {
        self.choose_deflate(bytes);
        if let Some(capped) = self.capped() {
            if capped.broken {
                return;
            }
            capped.left = capped.left.saturating_add(RATIO.saturating_mul(bytes.len() as u64));
        }
        let failed = match self {
            Self::Identity(inner) => inner.write_all(bytes).is_err(),
            Self::Inflate(w) => w.push(bytes).is_err(),
            Self::Brotli(w) => w.write_all(bytes).is_err(),
            Self::Zstd(w) => w.push(bytes).is_err(),
            Self::Deflate(_) | Self::Unknown(_) => false,
        };
        if failed && let Some(capped) = self.capped() {
            capped.broken = true;
        }
    }

    /// What lies behind. `None` only for a deflate body that has not begun.
    pub fn inner(&mut self) -> Option<&mut W> {
        match self {
            Self::Identity(inner) | Self::Unknown(inner) => Some(inner),
            _ => self.capped().map(|capped| &mut capped.inner),
        }
    }

    /// What lies behind, to look at.
    pub fn get(&self) -> Option<&W> {
        match self {
            Self::Identity(inner) | Self::Unknown(inner) => Some(inner),
            Self::Inflate(w) => Some(&w.get_ref().inner),
            Self::Brotli(w) => Some(&w.get_ref().inner),
            Self::Zstd(w) => Some(&w.get_ref().inner),
            Self::Deflate(capped) => capped.as_ref().map(|capped| &capped.inner),
        }
    }

    fn inflate(wrapping: Wrapping, capped: Capped<W>) -> Self {
        Self::Inflate(Box::new(Inflate::new(wrapping, capped)))
    }

    fn capped(&mut self) -> Option<&mut Capped<W>> {
        match self {
            Self::Identity(_) | Self::Unknown(_) => None,
            Self::Inflate(w) => Some(w.get_mut()),
            Self::Brotli(w) => Some(w.get_mut()),
            Self::Zstd(w) => Some(w.get_mut()),
            Self::Deflate(capped) => capped.as_mut(),
        }
    }

    /// A zlib header has method 8 in its low four bits; bare deflate would begin so only with a
    /// stored block whose padding is not zero.
    fn choose_deflate(&mut self, bytes: &[u8]) {
        if let (Self::Deflate(capped), Some(first)) = (&mut *self, bytes.first())
            && let Some(capped) = capped.take()
        {
            let wrapping = if first & 0x0F == 8 { Wrapping::Zlib } else { Wrapping::Bare };
            *self = Self::inflate(wrapping, capped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    #[derive(Default)]
    struct Count {
        kept: Vec<u8>,
        seen: u64,
    }

    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.seen += bytes.len() as u64;
            if self.kept.len() < 1 << 20 {
                self.kept.extend_from_slice(bytes);
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text() -> Vec<u8> {
        (0..9000u32).flat_map(|n| format!("{{\"n\":{}}} ", n * n).into_bytes()).collect()
    }

    fn check(encoding: &str, packed: &[u8]) {
        for size in [1, 7, 4096, usize::MAX] {
            let mut decoder = Decoder::new(Some(encoding), Count::default());
            for piece in packed.chunks(size) {
                decoder.push(piece);
            }
            let count = decoder.inner().unwrap();
            assert!(count.kept == text(), "{encoding} in pieces of {size}: {}", count.seen);
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn undoes_every_encoding_in_pieces() {
        let text = text();
        check("identity", &text);
        check("gzip", &gzip(&text));
        check("GZIP", &[gzip(&text[..100]), gzip(&text[100..])].concat());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        check("deflate", &zlib.finish().unwrap());
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(&text).unwrap();
        check("deflate", &bare.finish().unwrap());
        check("zstd", &zstd(&text));
        check("zstd", &[zstd(&text[..100]), zstd(&text[100..])].concat());
    }

    /// `{"usage":1}` as brotli wrote it.
    #[test]
    fn undoes_brotli() {
        // A last, uncompressed-size header, then an uncompressed meta-block of 11 bytes.
        let packed = [&[0x21, 0x28, 0x00, 0x04][..], b"{\"usage\":1}", &[0x03]].concat();
        let mut decoder = Decoder::new(Some("br"), Count::default());
        packed.chunks(1).for_each(|piece| decoder.push(piece));
        assert_eq!(String::from_utf8_lossy(&decoder.inner().unwrap().kept), "{\"usage\":1}");
    }

    #[test]
    fn what_stands_before_a_flaw_is_read_however_it_came() {
        let text = text();
        let mut torn = gzip(&text);
        let checksum = torn.len() - 8;
        torn[checksum] ^= 1;
        check("gzip", &torn);
        check("gzip", &[&gzip(&text)[..], b"rubbish"].concat());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        check("deflate", &[&zlib.finish().unwrap()[..], b"rubbish"].concat());
    }

    #[test]
    fn gives_up_on_bombs_and_rubbish() {
        let bomb = zstd(&vec![0; 256 << 20]);
        let mut decoder = Decoder::new(Some("zstd"), Count::default());
        decoder.push(&bomb);
        let seen = decoder.inner().unwrap().seen;
        assert!(seen <= SLACK + RATIO * bomb.len() as u64, "{seen} of {}", bomb.len());
        for encoding in ["gzip", "deflate", "br", "zstd", "compress", "gzip, br"] {
            let mut decoder = Decoder::new(Some(encoding), Count::default());
            for _ in 0..1000 {
                decoder.push(b"{\"usage\": nonsense}");
            }
            assert!(decoder.inner().unwrap().seen < 100, "{encoding}");
        }
    }
}
